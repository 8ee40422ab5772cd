"""Session policies, which limit a session regardless of the STS call that creates it.

AssumeRole accepts a policy. Sessions without a role are limited afterwards, by
GetScopedCredentials.

https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from ipy_awsprofile.config.arn import Arn
from ipy_awsprofile.config.profiles import ASSUMES, Profile
from ipy_awsprofile.config.read_only import read_only_policy
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.errors import InvalidOption, InvalidProfile
from ipy_awsprofile.text import parse_json

#: AWS's limit, in characters.
LONGEST_POLICY = 2048

_POLICY_ARN = re.compile(r"arn:[\w-]+:iam::(?:aws|[0-9]{12}):policy/\S+")


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """A policy: either the ARN of a managed policy, or the text of an inline policy.

    ``name`` is the user's name for it, or empty for ``--read-only``.
    """

    name: str
    arn: str | None = None
    text: str | None = None

    @property
    def is_read_only(self) -> bool:
        """Whether it is the policy of ``--read-only``."""
        return not self.name


@dataclass(frozen=True, slots=True)
class Scope:
    """Arguments of GetScopedCredentials. ``duration`` is in seconds.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
    """

    policy: SessionPolicy | None = None
    duration: int | None = None

    @property
    def description(self) -> str:
        """The purpose that CloudTrail shows, in ASCII, with a policy's file name but no path."""
        what = "duration" if self.policy is None else Path(self.policy.name).name or "read-only"
        return re.sub(r"[^ -~]", "?", f"ipy-awsprofile: {what}")[:256]


def session_policy(request: SessionRequest, profile: Profile) -> SessionPolicy | None:
    """Return the policy that limits the session of a request, or None.

    Raises InvalidOption, and InvalidProfile if the role_arn isn't an ARN.
    """
    by_role = profile.kind in ASSUMES
    if request.policy == "":  # for example, from a variable that isn't set
        raise InvalidOption("The policy is empty.", "Leave the option out, or give a value.")
    if request.read_only and request.policy:
        raise InvalidOption(
            "--read-only and --policy can't be combined: a role could do what either of them "
            "allows.",
            "Use one of them. For a profile that is always opened read-only, add `--write`.",
        )
    if request.read_only:
        if by_role:
            return SessionPolicy("", arn=_read_only_access(profile))
        return SessionPolicy("", text=read_only_policy())
    if request.policy is None:
        return None
    if not _POLICY_ARN.fullmatch(request.policy):
        return SessionPolicy(request.policy, text=policy_in(Path(request.policy).expanduser()))
    if not by_role:
        raise InvalidOption(
            f"`{profile.name}` doesn't assume a role, so a managed policy can't limit its session.",
            "Save the policy in a file, and run `--policy FILE`.",
        )
    return SessionPolicy(request.policy, arn=request.policy)


def _read_only_access(profile: Profile) -> str:
    """Return the ARN of AWS's ReadOnlyAccess in the partition of the profile's role."""
    arn = Arn.parse(profile.role_arn or "")
    if arn is None:
        raise InvalidProfile(
            f"The role_arn of `{profile.name}` isn't an ARN: `{profile.role_arn or ''}`.",
            f"See {profile.file}, line {profile.line}.",
        )
    return f"arn:{arn.partition}:iam::aws:policy/ReadOnlyAccess"


def policy_in(file: Path) -> str:
    """Return the policy in a file as compact JSON. Raises InvalidOption."""
    try:
        policy = parse_json(file.read_text())
    except OSError as error:
        raise InvalidOption(
            f"The policy `{file}` can't be read: {error.strerror}.",
            "Use the path of a JSON file, or the ARN of a managed policy.",
        ) from error
    except ValueError:
        policy = None
    return policy_text(policy, f"The policy `{file}`", f"`{file}`")


def policy_text(policy: object, the_policy: str, it: str) -> str:
    """Return a policy as compact JSON. Raises InvalidOption, with these words for the policy."""
    if not isinstance(policy, dict) or "Statement" not in policy:
        raise InvalidOption(
            f"{it} isn't a policy in JSON.",
            'A policy is an object with "Version" and "Statement".',
        )
    text = json.dumps(policy, separators=(",", ":"), ensure_ascii=False)
    if len(text) > LONGEST_POLICY:
        raise InvalidOption(
            f"{the_policy} has {len(text)} characters; AWS allows {LONGEST_POLICY}.",
            "Make it shorter. A role can also be limited by a managed policy, by its ARN.",
        )
    return text
