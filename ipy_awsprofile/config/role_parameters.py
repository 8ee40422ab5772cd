"""Parameters of AssumeRole that identify the user of a session.

The AWS CLI doesn't have settings for them. A profile can have aws-vault's settings:
``source_identity``, ``session_tags`` and ``transitive_session_tags``.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ipy_awsprofile.config.chain import Step
from ipy_awsprofile.config.profiles import ASSUMES, Profile
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.role_options import allowed_instead, require_kind
from ipy_awsprofile.errors import InvalidOption, InvalidProfile
from ipy_awsprofile.text import shortened

#: Additional parameters of AssumeRole, by role ARN.
Parameters = dict[str, dict[str, Any]]

#: AWS's limits, in characters.
_LONGEST_KEY, _LONGEST_VALUE = 128, 256


def role_parameters(request: SessionRequest, steps: Iterable[Step]) -> Parameters:
    """Return the parameters for each role of the chain. The options apply to the first role.

    Raises InvalidOption and InvalidProfile.
    """
    found: Parameters = {}
    for position, step in enumerate(steps):
        own = _of_profile(step)
        if position == 0:
            own = _with_options(own, request, step.profile)
        if own and step.profile.role_arn:
            found[step.profile.role_arn] = own
    return found


def _of_profile(step: Step) -> dict[str, Any]:
    profile, section = step.profile, step.settings
    if step.kind not in ASSUMES:
        return {}
    try:
        tags = [tag(text) for text in _listed(section.text("session_tags"))]
    except InvalidOption as error:
        raise InvalidProfile(
            f"The session_tags of `{profile.name}` are invalid: {error}",
            f"See {profile.file}, line {profile.line}.",
        ) from None
    identity = section.text("source_identity")
    if identity and (allowed := allowed_instead("source_identity", identity)):
        raise InvalidProfile(
            f"The source_identity of `{profile.name}` is invalid.",
            f"Use {allowed}. See {profile.file}, line {profile.line}.",
        )
    return _parameters(dict(tags), _listed(section.text("transitive_session_tags")), identity)


def _listed(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]


def _with_options(own: dict[str, Any], request: SessionRequest, profile: Profile) -> dict[str, Any]:
    if request.tags or request.transitive_tags or request.source_identity is not None:
        require_kind(profile, ASSUMES, "session tags or a source identity")
    if request.source_identity == "":  # for example, from a variable that isn't set
        raise InvalidOption(
            "The source identity is empty.", "Leave the option out, or give a value."
        )
    tags = {one["Key"]: one["Value"] for one in own.get("Tags", [])}
    tags |= {str(key): str(value) for key, value in request.tags}
    transitive = [*own.get("TransitiveTagKeys", []), *map(str, request.transitive_tags)]
    if missing := [key for key in transitive if key not in tags]:
        raise InvalidOption(
            f"`{missing[0]}` can't be transitive: the session has no such tag.",
            f"Add `--tag {missing[0]}=VALUE`.",
        )
    identity = own.get("SourceIdentity")
    if request.source_identity is not None:
        identity = str(request.source_identity)
        if allowed := allowed_instead("source_identity", identity):
            shown = shortened(identity, 40)
            raise InvalidOption(f"`{shown}` can't be a source identity.", f"Use {allowed}.")
    return _parameters(tags, transitive, identity)


def _parameters(
    tags: Mapping[str, str], transitive: Iterable[str], source_identity: str | None
) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    if tags:
        parameters["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    if keys := list(dict.fromkeys(transitive)):
        parameters["TransitiveTagKeys"] = keys
    if source_identity:
        parameters["SourceIdentity"] = source_identity
    return parameters


def tag(text: str) -> tuple[str, str]:
    """Return the key and value of a tag such as ``team=red``. Raises InvalidOption."""
    key, equals, value = text.partition("=")
    if not equals or not key or len(key) > _LONGEST_KEY or len(value) > _LONGEST_VALUE:
        raise InvalidOption(
            f"`{text}` isn't a tag.",
            f"Write KEY=VALUE, with at most {_LONGEST_KEY} and {_LONGEST_VALUE} characters.",
        )
    return key, value
