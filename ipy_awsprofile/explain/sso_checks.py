"""Check settings of IAM Identity Center (SSO).

https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ipy_awsprofile.config.problem import Problem, place
from ipy_awsprofile.config.profiles import ProfileKind, did_you_mean
from ipy_awsprofile.explain.cached import role_session, sso_section, sso_token
from ipy_awsprofile.explain.client_checks import check_sso_region
from ipy_awsprofile.explain.records import Finding, Link, one_line


def check_sign_in_of_clients(link: Link) -> Iterator[Finding]:
    """Yield problems that prevent botocore from creating clients for a profile with sso_session."""
    name = link.section.get("sso_session")
    if not link.is_target or link.kind is ProfileKind.SSO or not isinstance(name, str):
        return
    session = link.inputs.config.sso_sessions.get(name)
    if session is None:
        yield _no_session(name, link)
        return
    for setting in ("sso_start_url", "sso_region"):
        if setting not in session:
            where = place(session.file, session.line)
            yield Problem(says=f"`{setting}` is missing.", fix=f"Add it. See {where}.")


def _no_session(name: str, link: Link) -> Problem:
    return Problem(
        says=f"There is no [sso-session {one_line(name)}]." if name else "`sso_session` is empty.",
        fix=did_you_mean(name, link.inputs.config.sso_sessions) or link.at("sso_session"),
    )


def check_sso(link: Link) -> Iterator[Finding]:
    """Yield the problems that botocore's SSOProvider would raise, in its order, and the token."""
    name = link.section.get("sso_session")
    session = sso_section(link)
    if isinstance(name, str) and session is None:
        yield _no_session(name, link)
        return
    known = session if session is not None else link.section
    missing = [setting for setting in ("sso_start_url", "sso_region") if not known.text(setting)]
    for setting in missing:
        where = place(known.file, known.line)
        yield Problem(says=f"`{setting}` is missing.", fix=f"Add it. See {where}.")
    for setting, value in (session or {}).items():
        if link.section.get(setting, value) != value:
            yield Problem(
                says=f"`{setting}` differs between the profile and its [sso-session].",
                fix=f"Remove it from the profile. {link.at(setting)}",
            )
    account = link.section.text("sso_account_id") or ""
    if not re.fullmatch(r"\d{12}", account):
        yield Problem(
            says=f"`{one_line(account)}` isn't an account ID.",
            fix=f"An account ID has 12 digits. {link.at('sso_account_id')}",
        )
    role = link.section.text("sso_role_name") or ""
    if not role:
        yield Problem(
            says="`sso_role_name` is empty.", fix=f"Set its value. {link.at('sso_role_name')}"
        )
    elif not re.fullmatch(r"[\w+=,.@-]{1,64}", role, re.ASCII):
        yield Problem(
            says="The `sso_role_name` isn't the name of a role.",
            fix="It has at most 64 letters, digits and characters of `+=,.@-_`. "
            f"{link.at('sso_role_name')}",
        )
    yield from check_sso_region(known)
    if not missing:
        yield from sso_token(link)
        yield from role_session(link)
