"""Checks of a profile that make no calls: for its kind, and for every profile.

https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ipy_awsprofile.config.profiles import ProfileKind
from ipy_awsprofile.config.shared_files import Section
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.explain.cached import login_token, mfa_session, sso_section
from ipy_awsprofile.explain.client_checks import check_ca_bundle, check_region, check_services
from ipy_awsprofile.explain.key_checks import (
    check_empty_keys,
    check_expiry,
    check_incomplete,
)
from ipy_awsprofile.explain.program_checks import check_mfa_process, check_process
from ipy_awsprofile.explain.records import Finding, Inputs, Link, Problem, one_line, place
from ipy_awsprofile.explain.role_checks import check_role, check_web_identity
from ipy_awsprofile.explain.settings_table import known_settings, similar_setting
from ipy_awsprofile.explain.sso_checks import check_sign_in_of_clients, check_sso

Check = Callable[[Link], Iterator[Finding]]


def findings(link: Link) -> Iterator[Finding]:
    """Yield the findings of all checks of a profile, beginning with the checks for its kind."""
    for check in (*_OF_KIND[link.kind], *_OF_EVERY_PROFILE):
        yield from _found_by(check, link)


def problems_of_kind(link: Link) -> Iterator[Problem]:
    """Yield the problems of the credentials that a profile has without its role."""
    for check in _OF_KIND[link.kind]:
        yield from (found for found in _found_by(check, link) if isinstance(found, Problem))


def _found_by(check: Check, link: Link) -> Iterator[Finding]:
    """Yield what a check finds; a check that fails doesn't hide what the others find.

    Values of another form raise any exception in botocore, which some checks ask.
    """
    try:
        yield from check(link)
    except AwsProfileError:
        raise
    except Exception as error:  # noqa: BLE001  # as above
        yield Problem(
            says=f"A check of `{one_line(link.profile.name)}` failed: {type(error).__name__}.",
            fix="Correct the other problems first, then run the cell again.",
            fatal=False,
        )


def _check_names(link: Link) -> Iterator[Finding]:
    """Yield a problem for each misspelt setting."""
    for section in filter(None, (link.section, sso_section(link))):
        for name in section:
            if (known := similar_setting(name)) and known not in section:
                where = place(*section.origins[name])
                yield Problem(
                    says=f"`{one_line(name, 40)}` isn't an AWS setting; ignored.",
                    fix=f"Did you mean `{known}`? See {where}.",
                    fatal=False,
                )


def _check_comments(link: Link) -> Iterator[Finding]:
    """Yield a problem for each value with what looks like a comment: it is a part of the value."""
    for section in filter(None, (link.section, sso_section(link))):
        for name in sorted(known_settings().intersection(section) - _COMMANDS):
            if re.search(r"\s[#;]", section.text(name) or ""):
                yield Problem(
                    says=f"The value of `{name}` contains a comment, which becomes a part of it.",
                    fix=f"Write the comment in another line. See {place(*section.origins[name])}.",
                    fatal=False,
                )


def _check_blocks(link: Link) -> Iterator[Finding]:
    """Yield a problem for each text that is an indented block."""
    for name in link.section.blocks():
        yield Problem(
            says=f"`{name}` is an indented block, and not a text.",
            fix=f"Write it in one line. {link.at(name)}",
        )


def _check_header(link: Link) -> Iterator[Finding]:
    """Yield a problem for each section that seems to be this profile and isn't."""
    yield from misspelt_header(link.profile.name, link.inputs, fatal=False)


def misspelt_header(name: str, inputs: Inputs, *, fatal: bool) -> Iterator[Problem]:
    """Yield a problem for each section whose header is similar to the profile's header."""
    shown = one_line(name)
    quoted = f'"{shown}"' if " " in name else shown
    config = inputs.config
    for section in (*config.others.values(), *config.unnamed.values()):
        if _meant(section.header) == name:
            yield Problem(
                says=f"[{one_line(section.header)}] in the config file isn't a profile.",
                fix=f"Write [profile {quoted}]. See {place(section.file, section.line)}.",
                fatal=fatal,
            )
    header = f"profile {name}"
    named = config.profiles.get(header)
    if named is not None and named.file == config.paths.credentials:
        yield Problem(
            says=f"[{one_line(header)}] in the credentials file isn't the profile `{shown}`.",
            fix=f"In that file, write [{shown}]. See {place(named.file, named.line)}.",
            fatal=fatal,
        )


def _meant(header: str) -> str:
    """Return the profile that a header that isn't one may be meant for."""
    first, _, rest = header.strip().partition(" ")
    name = rest if first.lower() == "profile" else header
    return name.strip(" \"'")


def _check_replaced(link: Link) -> Iterator[Finding]:
    """Yield a problem for each section that another one with the same name replaces.

    The headers differ, such as ``[profile x]`` and ``[profile "x"]``. botocore reads the last one.
    """
    services = link.inputs.config.services.get(link.section.text("services") or "")
    for section in (link.section, sso_section(link), services):
        if section is not None:
            yield from (_replaced(lost, section) for lost in section.replaced)


def _replaced(lost: Section, section: Section) -> Problem:
    names = [name for name in lost if name in known_settings()]
    settings = f"Move {', '.join(names)} there" if names else "Remove it"
    used = place(section.file, section.line)
    return Problem(
        says=f"[{one_line(lost.header)}] isn't read: {used} has the same name and comes later.",
        fix=f"{settings}. See {place(lost.file, lost.line)}.",
        fatal=False,
    )


#: Their values are given to a shell, or can contain any character.
_COMMANDS = {"credential_process", "mfa_process"}

_OF_EVERY_PROFILE: tuple[Check, ...] = (
    *(_check_header, _check_replaced, _check_names, _check_comments, _check_blocks),
    *(check_services, check_region, check_ca_bundle, check_sign_in_of_clients),
)
_OF_KIND: dict[ProfileKind, tuple[Check, ...]] = {
    ProfileKind.STATIC_KEYS: (check_empty_keys, check_expiry, mfa_session),
    ProfileKind.ASSUME_ROLE: (check_role, check_mfa_process),
    ProfileKind.CREDENTIAL_SOURCE: (check_role, check_mfa_process),
    ProfileKind.WEB_IDENTITY: (check_web_identity,),
    ProfileKind.SSO: (check_sso,),
    ProfileKind.LOGIN_SESSION: (login_token,),
    ProfileKind.CREDENTIAL_PROCESS: (check_process,),
    ProfileKind.INCOMPLETE: (check_incomplete,),
}
