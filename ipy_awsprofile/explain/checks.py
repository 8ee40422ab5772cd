"""Check a profile without calling AWS, with checks for its kind and checks for all profiles.

https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ipy_awsprofile.config.problem import Problem, place
from ipy_awsprofile.config.profiles import ProfileKind
from ipy_awsprofile.config.settings import known_settings
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
from ipy_awsprofile.explain.records import Finding, Link, one_line
from ipy_awsprofile.explain.role_checks import check_role, check_web_identity
from ipy_awsprofile.explain.sso_checks import check_sign_in_of_clients, check_sso

Check = Callable[[Link], Iterator[Finding]]


def findings(link: Link, *, with_kind: bool = True) -> Iterator[Finding]:
    """Yield the findings of all checks of a profile, beginning with the checks for its kind.

    Set ``with_kind`` to False if botocore refuses the role chain. The checks for the kind would
    only add that the profile has no credentials.
    """
    for check in (*(_OF_KIND[link.kind] if with_kind else ()), *_OF_EVERY_PROFILE):
        yield from _found_by(check, link)


def problems_of_kind(link: Link) -> Iterator[Problem]:
    """Yield problems of the credentials that a profile has without its role."""
    for check in _OF_KIND[link.kind]:
        yield from (found for found in _found_by(check, link) if isinstance(found, Problem))


def _found_by(check: Check, link: Link) -> Iterator[Finding]:
    """Yield a check's findings. If the check fails, yield a problem so that other checks can run.

    Some checks call botocore, and malformed values can raise any exception there.
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


def _check_blocks(link: Link) -> Iterator[Finding]:
    """Yield a problem for each setting with an indented block instead of a text."""
    for name in link.section.blocks():
        yield Problem(
            says=f"`{name}` is an indented block, not a text.",
            fix=f"Write it on one line. {link.at(name)}",
        )


def _check_replaced(link: Link) -> Iterator[Finding]:
    """Yield a problem for each section that is replaced by another section with the same name.

    Their headers differ, such as ``[profile x]`` and ``[profile "x"]``. botocore reads the last
    section.
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


_OF_EVERY_PROFILE: tuple[Check, ...] = (
    *(_check_replaced, _check_blocks, check_services),
    *(check_region, check_ca_bundle, check_sign_in_of_clients),
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
