"""Parameters of AssumeRole that say who is behind a session, or limit it.

The AWS CLI has no settings for them. A profile can have those of aws-vault: ``source_identity``,
``session_tags`` and ``transitive_session_tags``.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ipy_awsprofile.config.chain import Step
from ipy_awsprofile.config.profiles import Profile
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.role_options import ASSUMES, allowed_instead, require_kind
from ipy_awsprofile.errors import InvalidOption, InvalidProfile
from ipy_awsprofile.text import parse_json, shortened

#: More parameters of AssumeRole, by the role's ARN.
Parameters = dict[str, dict[str, Any]]

#: AWS's limits, in characters.
_LONGEST_KEY, _LONGEST_VALUE, _LONGEST_POLICY = 128, 256, 2048

_POLICY_ARN = re.compile(r"arn:[\w-]+:iam::(?:aws|[0-9]{12}):policy/\S+")


def role_parameters(request: SessionRequest, steps: Iterable[Step]) -> Parameters:
    """Return the parameters of each role of the chain; options are about the first one.

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
    said = (request.source_identity, request.policy)
    if request.tags or request.transitive_tags or said != (None, None):
        require_kind(profile, ASSUMES, "session tags, a source identity or a policy")
    if "" in said:  # such as a variable that isn't set
        what = "source identity" if request.source_identity == "" else "policy"
        raise InvalidOption(f"The {what} is empty.", "Leave the option out, or give a value.")
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
    parameters = _parameters(tags, transitive, identity)
    if request.policy and not _POLICY_ARN.fullmatch(request.policy):
        parameters["Policy"] = _policy_in(Path(request.policy).expanduser())
    return parameters


def policy_arns(request: SessionRequest) -> tuple[str, ...]:
    """Return the ARN of the managed policy that the option names, if it names one."""
    is_arn = request.policy and _POLICY_ARN.fullmatch(request.policy)
    return (request.policy,) if request.policy and is_arn else ()


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
    """Return key and value of a tag such as ``team=red``. Raises InvalidOption."""
    key, equals, value = text.partition("=")
    if not equals or not key or len(key) > _LONGEST_KEY or len(value) > _LONGEST_VALUE:
        raise InvalidOption(
            f"`{text}` isn't a tag.",
            f"Write KEY=VALUE, with at most {_LONGEST_KEY} and {_LONGEST_VALUE} characters.",
        )
    return key, value


def _policy_in(file: Path) -> str:
    """Return the policy in a file, as short as JSON can be. Raises InvalidOption."""
    try:
        policy = parse_json(file.read_text())
    except OSError as error:
        raise InvalidOption(
            f"The policy `{file}` can't be read: {error.strerror}.",
            "Use the path of a JSON file, or the ARN of a managed policy.",
        ) from error
    except ValueError:
        policy = None
    if not isinstance(policy, dict) or "Statement" not in policy:
        raise InvalidOption(
            f"`{file}` isn't a policy in JSON.",
            'A policy is an object with "Version" and "Statement".',
        )
    text = json.dumps(policy, separators=(",", ":"), ensure_ascii=False)
    if len(text) > _LONGEST_POLICY:
        raise InvalidOption(
            f"The policy `{file}` has {len(text)} characters; AWS allows {_LONGEST_POLICY}.",
            "Make it shorter, or use a managed policy by its ARN.",
        )
    return text
