"""The steps of a profile's role chain, each with its settings, facts and problems."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ipy_awsprofile.config.profiles import Profile, ProfileKind
from ipy_awsprofile.config.role_chain import follow_chain, start_kind
from ipy_awsprofile.config.role_options import ASSUMES
from ipy_awsprofile.errors import InvalidProfile, ProfileNotFound
from ipy_awsprofile.explain.botocore_checks import check_client
from ipy_awsprofile.explain.cached import sso_section
from ipy_awsprofile.explain.checks import findings, problems_of_kind
from ipy_awsprofile.explain.credential_sources import credential_source, outside_profile
from ipy_awsprofile.explain.header_checks import misspelt_header
from ipy_awsprofile.explain.key_checks import BEGINS
from ipy_awsprofile.explain.records import Finding, Inputs, Link, Problem, Step, one_line
from ipy_awsprofile.explain.settings_table import settings_of
from ipy_awsprofile.text import program

#: A role that is assumed with the credentials of one of these is chained.
_ROLES = (
    ProfileKind.ASSUME_ROLE,
    ProfileKind.CREDENTIAL_SOURCE,
    ProfileKind.WEB_IDENTITY,
    ProfileKind.SSO,
)

#: botocore ignores this one if it is empty.
_READ = {"web_identity_token_file"}


def steps_of(name: str, inputs: Inputs) -> tuple[Step, ...]:
    """Return the steps from the first credentials to the profile with this name."""
    try:
        chain, error = follow_chain(name, inputs.config)
    except ProfileNotFound as not_found:
        return (missing_profile(name, inputs, not_found),)
    kinds = [profile.kind for profile in chain]
    first: tuple[Step, ...] = ()
    if not error:
        kinds[-1], first = _start(chain, inputs)
    steps = []
    for position, profile in enumerate(chain):
        is_last = position + 1 == len(chain)
        section, shown = inputs.config.profiles[profile.name], profile
        if not position and inputs.options:
            section = section.with_replaced(inputs.options)
            seconds = inputs.options.get("duration_seconds")
            shown = replace(profile, duration=int(seconds) if seconds else profile.duration)
        link = Link(
            profile=shown,
            section=section,
            kind=kinds[position],
            target=name,
            chained=not is_last and kinds[position + 1] in _ROLES,
            needs_code=any(
                each.mfa_serial and kind in ASSUMES
                for each, kind in zip(chain[position:], kinds[position:], strict=True)
            ),
            inputs=inputs,
        )
        steps.append(_step(link, error if is_last else None))
    return (*first, *reversed(steps))


def _start(chain: Sequence[Profile], inputs: Inputs) -> tuple[ProfileKind, tuple[Step, ...]]:
    """Return the kind of the chain's last profile, and the step before it, if there is one."""
    last, starts = chain[-1], start_kind(chain, inputs.config)
    section = inputs.config.profiles[last.name]
    if starts is ProfileKind.CREDENTIAL_SOURCE:
        return starts, (credential_source(last.credential_source or "", inputs),)
    if len(chain) == 1 and last.kind is ProfileKind.ASSUME_ROLE:
        file, line = section.origins.get("aws_access_key_id", (section.file, section.line))
        own = Link(
            profile=last,
            section=section,
            kind=starts,
            target=last.name,
            chained=False,
            needs_code=False,
            inputs=inputs,
        )
        problems = tuple(problems_of_kind(own))
        kind, detail = str(starts), "its own"
        return last.kind, (
            Step(name=last.name, kind=kind, detail=detail, file=file, line=line, problems=problems),
        )
    begins = {name for name in BEGINS & section.keys() if name not in _READ or section.text(name)}
    if starts is ProfileKind.INCOMPLETE and not begins:
        before = outside_profile(inputs)
        return starts, (before,) if before else ()
    return starts, ()


def _step(link: Link, error: InvalidProfile | None) -> Step:
    found: list[Finding] = list(findings(link))
    if error:
        found.insert(0, _as_problem(error))
        found += _missing_source(link)
    if link.is_target and not any(isinstance(one, Problem) and one.fatal for one in found):
        found += check_client(link)
    also = sso_section(link) if link.kind is ProfileKind.SSO else None
    file, line = link.profile.file, link.profile.line
    if link.kind is ProfileKind.STATIC_KEYS:
        file, line = link.section.origins["aws_access_key_id"]
    return Step(
        name=link.profile.name,
        kind=str(link.kind) if link.kind is not ProfileKind.INCOMPLETE else "no credentials",
        detail=_detail(link),
        file=file,
        line=line,
        settings=tuple(settings_of(link, also)),
        facts=tuple(finding for finding in found if isinstance(finding, str)),
        problems=tuple(dict.fromkeys(finding for finding in found if isinstance(finding, Problem))),
    )


def _as_problem(error: InvalidProfile | ProfileNotFound) -> Problem:
    return Problem(says=str(error), fix=error.hint)


def _missing_source(link: Link) -> Iterator[Problem]:
    """Yield a problem if the section of a missing source profile has a wrong header."""
    source = link.profile.source_profile or ""
    if source not in link.inputs.config.profiles:
        yield from misspelt_header(source, link.inputs, fatal=True)


def _detail(link: Link) -> str:
    """Return the role, account or program that a profile uses."""
    profile, section = link.profile, link.section
    match link.kind:
        case ProfileKind.ASSUME_ROLE | ProfileKind.CREDENTIAL_SOURCE | ProfileKind.WEB_IDENTITY:
            words = (profile.role or profile.role_arn, profile.account)
        case ProfileKind.SSO:
            words = (profile.role, section.text("sso_account_id"))
        case ProfileKind.CREDENTIAL_PROCESS:
            words = (program(section.text("credential_process") or ""), None)
        case _:
            words = (None, None)
    return one_line(" in ".join(filter(None, words)))


def missing_profile(name: str, inputs: Inputs, error: ProfileNotFound) -> Step:
    """Return the step of a profile that doesn't exist; its header may be wrong."""
    problems = tuple(misspelt_header(name, inputs, fatal=True)) or (_as_problem(error),)
    return Step(name=name, kind="not found", problems=problems)
