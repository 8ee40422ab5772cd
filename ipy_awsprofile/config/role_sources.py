"""The source of each role in a chain, in a form for comparisons.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from ipy_awsprofile.config.chain import Step
from ipy_awsprofile.config.user_environment import user_environment
from ipy_awsprofile.text import parse_json

#: Settings that determine the identity of a source profile, without its name and secret keys.
_DECIDING = (
    "aws_access_key_id",
    "credential_process",
    "credential_source",
    "login_session",
    "role_arn",
    "sso_account_id",
    "sso_role_name",
    "sso_session",
    "sso_start_url",
)

#: The settings besides ``source_profile`` with which a role profile names its source.
_OWN = ("aws_access_key_id", "credential_source")

#: The variables that a credential_source reads.
_VARIABLES = {
    "Environment": ("AWS_ACCESS_KEY_ID",),
    "EcsContainer": (
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    ),
}


def role_sources(steps: Sequence[Step]) -> tuple[str, ...]:
    """Return, for each step of a role chain, a digest of the source that the role is assumed with.

    Two profiles with the same source have the same digest. The digest doesn't distinguish the roles
    of different machines, or different users who have signed in.
    """
    described: list[Any] = [_start(steps[-1])]
    digests = []
    for step in reversed(steps):
        source = [_some(step.settings, _OWN), *described]
        digests.append(sha256(json.dumps(source).encode()).hexdigest()[:32])
        described.append(_some(step.settings, _DECIDING))
    return tuple(reversed(digests))


def _some(section: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    return {name: str(section[name]) for name in names if name in section}


def _start(last: Step) -> list[str]:
    """Return values outside the shared files that determine the identity at the chain's start."""
    if file := last.settings.get("web_identity_token_file"):
        return list(subject_of(str(file)) or ())
    if names := _VARIABLES.get(last.profile.credential_source or ""):
        environ = user_environment()
        return [environ.get(name, "") for name in names]
    return []


class Subject(NamedTuple):
    """The subject and issuer of a token, for example a pod of a cluster."""

    issuer: str
    subject: str


def subject_of(file: str) -> Subject | None:
    """Return the subject of the token in a file, or None if the token can't be read.

    The token isn't verified here. STS does that.
    """
    try:
        _, payload, _ = Path(file).read_text().split(".")
        claims = parse_json(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return Subject(str(claims["iss"]), str(claims["sub"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
