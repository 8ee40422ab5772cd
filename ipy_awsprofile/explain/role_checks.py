"""Check a role to assume: its ARN, the MFA device, and the parameters of the call.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ipy_awsprofile.config.arn import Arn
from ipy_awsprofile.config.duration import ROLE
from ipy_awsprofile.config.problem import Problem
from ipy_awsprofile.config.profiles import ProfileKind
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.role_options import allowed_instead
from ipy_awsprofile.config.role_parameters import role_parameters
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.explain.cached import role_session
from ipy_awsprofile.explain.credential_sources import check_token_file
from ipy_awsprofile.explain.records import Finding, Link, one_line

#: AWS's limit for a session of a chained role, in seconds.
_MAX_CHAINED = 3600

#: The serial number of a hardware MFA device.
_SERIAL_NUMBER = re.compile(r"(?!arn:)[\w+=/:,.@-]{9,256}")


def check_role(link: Link) -> Iterator[Finding]:
    """Yield problems with the role's settings, and its session in the AWS CLI's cache."""
    arn = link.section.text("role_arn") or ""
    is_web_identity = link.kind is ProfileKind.WEB_IDENTITY  # doesn't use MFA, tags or a duration
    serial = None if is_web_identity else link.section.get("mfa_serial")
    parsed = Arn.parse(arn)  # on other servers, role ARNs can lack an account
    if not (_is_iam(arn, "role") or (link.foreign_sts and parsed and parsed.role)):
        yield Problem(
            says=f"`{one_line(arn)}` isn't a role ARN.",
            fix="Example: arn:aws:iam::123456789012:role/NAME. " + link.at("role_arn"),
        )
    if isinstance(serial, str) and not (_is_iam(serial, "mfa") or _SERIAL_NUMBER.fullmatch(serial)):
        yield Problem(
            says=f"`{one_line(serial)}` isn't an MFA device that generates codes.",
            fix="Example: arn:aws:iam::123456789012:mfa/NAME. " + link.at("mfa_serial"),
        )
    if serial:
        yield "An MFA code is needed."
    yield from _check_parameters(link)
    if not is_web_identity:
        yield from _check_tags(link)
        yield from _check_duration(link)
    yield from role_session(link)


def _is_iam(text: str, kind: str) -> bool:
    arn = Arn.parse(text)
    return arn is not None and arn.is_iam(kind)


def _check_parameters(link: Link) -> Iterator[Finding]:
    for name in ("role_session_name", "external_id"):
        value = link.section.get(name)
        if not isinstance(value, str) or (name, value) == ("role_session_name", ""):
            continue  # botocore ignores an empty session name
        if name == "external_id" and link.kind is ProfileKind.WEB_IDENTITY:
            continue
        if allowed := allowed_instead(name, value):
            yield Problem(
                says=f"`{one_line(value, 80)}` isn't a valid {name}.",
                fix=f"Use {allowed}. {link.at(name)}",
            )


def _check_tags(link: Link) -> Iterator[Finding]:
    """Yield a problem if session tags, which botocore doesn't read, aren't valid parameters."""
    try:
        role_parameters(SessionRequest(), link.steps[link.position : link.position + 1])
    except AwsProfileError as error:
        yield Problem(says=str(error), fix=error.hint)


def _check_duration(link: Link) -> Iterator[Finding]:
    text, seconds = link.section.text("duration_seconds"), link.profile.duration
    if text is not None and seconds is None:
        yield Problem(
            says=f"`{one_line(text, 20)}` isn't a number of seconds; ignored.",
            fix=f"Use a number such as 3600. {link.at('duration_seconds')}",
            fatal=False,
        )
    if seconds is None:
        return
    if seconds not in ROLE:
        yield Problem(
            says=f"AWS doesn't allow a duration of {one_line(str(seconds), 20)} seconds.",
            fix=f"Use {ROLE[0]} to {ROLE[-1]}. {link.at('duration_seconds')}",
        )
    elif link.is_chained and seconds > _MAX_CHAINED:
        yield Problem(
            says=f"With role chaining, a session can last 3600 seconds, not {seconds}.",
            fix=f"Use 3600 or less. {link.at('duration_seconds')}",
        )


def check_web_identity(link: Link) -> Iterator[Finding]:
    """Yield problems with the token file and the role."""
    file = link.section.text("web_identity_token_file") or ""
    yield from check_token_file(file, link.at("web_identity_token_file"))
    yield from check_role(link)
