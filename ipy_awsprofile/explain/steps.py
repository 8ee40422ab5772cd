"""Create the steps of a profile's role chain, each with its settings, facts and problems."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ipy_awsprofile.config.chain import Chain
from ipy_awsprofile.config.problem import Problem
from ipy_awsprofile.config.profiles import ProfileKind
from ipy_awsprofile.errors import InvalidProfile, ProfileNotFound
from ipy_awsprofile.explain.cached import sso_section
from ipy_awsprofile.explain.checks import findings, problems_of_kind
from ipy_awsprofile.explain.client_checks import check_client
from ipy_awsprofile.explain.credential_sources import credential_source, outside_profile
from ipy_awsprofile.explain.key_checks import BEGINS
from ipy_awsprofile.explain.records import ExplainedStep, Finding, Inputs, Link, one_line
from ipy_awsprofile.explain.settings_table import settings_of
from ipy_awsprofile.text import program

#: botocore ignores this setting if it is empty.
_READ = {"web_identity_token_file"}


def explained_steps(chain: Chain, inputs: Inputs) -> tuple[ExplainedStep, ...]:
    """Return the steps from the first credentials to the requested profile."""
    links = [Link(chain.steps, position, inputs) for position in range(len(chain.steps))]
    *others, last = links
    before = () if chain.problem else _before(last, chain.starts)
    explained = [*map(_explained, others), _explained(last, chain.problem)]
    return (*before, *reversed(explained))


def _before(last: Link, starts: ProfileKind) -> Iterator[ExplainedStep]:
    """Yield the step before the last profile if another source starts the chain."""
    section = last.section
    if starts is ProfileKind.CREDENTIAL_SOURCE:
        yield credential_source(last.profile.credential_source or "", last.inputs)
    elif starts is not last.kind:
        file, line = section.origins.get("aws_access_key_id", (section.file, section.line))
        own = Link((replace(last.steps[-1], kind=starts),), 0, last.inputs)
        yield ExplainedStep(
            name=last.profile.name,
            kind=str(starts),
            detail="its own",
            file=file,
            line=line,
            problems=tuple(problems_of_kind(own)),
        )
    begins = {name for name in BEGINS & section.keys() if name not in _READ or section.text(name)}
    if starts is ProfileKind.INCOMPLETE and not begins:
        yield from filter(None, [outside_profile(last.inputs)])


def _explained(link: Link, error: InvalidProfile | None = None) -> ExplainedStep:
    is_refused = error is not None and link.kind is ProfileKind.INCOMPLETE
    found: list[Finding] = list(findings(link, with_kind=not (is_refused and _is_role(link))))
    if error:
        found.insert(0, _as_problem(error))
    if link.is_target and not any(isinstance(one, Problem) and one.fatal for one in found):
        found += check_client(link)
    also = sso_section(link) if link.kind is ProfileKind.SSO else None
    file: Path | None = link.profile.file
    line: int | None = link.profile.line
    if link.is_target and "role_arn" in link.inputs.options:
        file = line = None  # the role isn't in a file
    elif link.kind is ProfileKind.STATIC_KEYS:
        file, line = link.section.origins["aws_access_key_id"]
    return ExplainedStep(
        name=link.profile.name,
        kind=str(link.kind) if link.kind is not ProfileKind.INCOMPLETE else "no credentials",
        detail=_detail(link),
        file=file,
        line=line,
        settings=tuple(settings_of(link, also)),
        facts=tuple(finding for finding in found if isinstance(finding, str)),
        problems=tuple(dict.fromkeys(finding for finding in found if isinstance(finding, Problem))),
    )


def _is_role(link: Link) -> bool:
    return "role_arn" in link.section


def _as_problem(error: InvalidProfile | ProfileNotFound) -> Problem:
    return Problem(says=str(error), fix=error.hint)


def _detail(link: Link) -> str:
    """Return the role, account or program that a profile uses."""
    profile, section = link.profile, link.section
    match link.kind:
        case ProfileKind.ASSUME_ROLE | ProfileKind.CREDENTIAL_SOURCE | ProfileKind.WEB_IDENTITY:
            words = (profile.role or profile.role_arn, profile.account)
        case ProfileKind.SSO:
            words = (profile.role, section.first_line("sso_account_id"))
        case ProfileKind.CREDENTIAL_PROCESS:
            words = (program(section.text("credential_process") or ""), None)
        case _:
            words = (None, None)
    return one_line(" in ".join(filter(None, words)))


def missing_profile(name: str, error: ProfileNotFound) -> ExplainedStep:
    """Return the step for a profile that doesn't exist."""
    return ExplainedStep(name=name, kind="not found", problems=(_as_problem(error),))
