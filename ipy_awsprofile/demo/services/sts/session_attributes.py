"""Session tags and the source identity of AssumeRole: their constraints, and role chaining.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ipy_awsprofile.demo.refusals import Refusal
from ipy_awsprofile.demo.services.sts.constraints import length, pattern
from ipy_awsprofile.demo.sessions import Attributes

_MOST_TAGS = 50
_TAG = r"[\w .:/=+@-]*"


def malformed(params: Mapping[str, Any]) -> list[str]:
    """Return the service's message about each parameter that violates its constraint."""
    complaints: list[str] = []
    for number, tag in enumerate(params.get("Tags", []), 1):
        key, value = tag.get("Key", ""), tag.get("Value", "")
        complaints += length(key, f"tags.{number}.member.key", 1, 128)
        complaints += pattern(key, f"tags.{number}.member.key", _TAG)
        complaints += length(value, f"tags.{number}.member.value", 0, 256)
        complaints += pattern(value, f"tags.{number}.member.value", _TAG)
    if (identity := params.get("SourceIdentity")) is not None:
        complaints += length(identity, "sourceIdentity", 2, 64)
        complaints += pattern(identity, "sourceIdentity", r"[\w+=,.@-]*")
    if (policy := params.get("Policy")) is not None:
        complaints += length(policy, "policy", 1, 2048)
    return complaints


def read_attributes(params: Mapping[str, Any]) -> Attributes:
    """Return the attributes in a request. Raises Refusal for tags that AWS doesn't accept."""
    tags = params.get("Tags", [])
    keys = [tag["Key"].lower() for tag in tags]
    if len(tags) > _MOST_TAGS:
        raise _invalid("The number of tags exceeds the limit of 50")
    if len(set(keys)) < len(keys):
        raise _invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if any(key.startswith("aws:") for key in keys):
        raise _invalid("Tag keys can't begin with aws:")
    transitive = frozenset(params.get("TransitiveTagKeys", []))
    if not {key.lower() for key in transitive} <= set(keys):
        raise _invalid("The specified transitive tag key must be included in the requested tags.")
    return Attributes(
        {tag["Key"]: tag.get("Value", "") for tag in tags}, transitive, params.get("SourceIdentity")
    )


def needed_actions(attributes: Attributes, inherited: Attributes) -> Iterator[str]:
    """Yield the actions that must be allowed in addition to sts:AssumeRole."""
    if attributes.tags:
        yield "sts:TagSession"
    if attributes.source_identity or inherited.source_identity:
        yield "sts:SetSourceIdentity"


def chained(attributes: Attributes, inherited: Attributes) -> Attributes:
    """Return the attributes of a session assumed with another session. Raises Refusal.

    Transitive tags and the source identity are inherited, and can't be changed.
    """
    kept = {key: inherited.tags[key] for key in inherited.transitive}
    if {key.lower() for key in kept} & {key.lower() for key in attributes.tags}:
        raise _invalid(
            "One of the specified transitive tag keys can't be set because it conflicts with a "
            "transitive tag key from the calling session."
        )
    source = attributes.source_identity or inherited.source_identity
    if inherited.source_identity not in (None, source):
        raise Refusal("AccessDenied", "The source identity can't be changed by role chaining.")
    return Attributes(
        {**kept, **attributes.tags}, inherited.transitive | attributes.transitive, source
    )


def _invalid(message: str) -> Refusal:
    return Refusal("InvalidParameterValue", message, status=400)
