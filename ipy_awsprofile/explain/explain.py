"""How a profile resolves, hop by hop, from what can be read on this machine.

botocore resolves, we don't: this tells beforehand what its provider chain will do, and every rule
is held against botocore in the tests. No network is touched, no process run, no file written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from ipy_awsprofile.config.arn import Arn
from ipy_awsprofile.config.environment import named_profile, user_environment
from ipy_awsprofile.config.profiles import Profile, ProfileKind
from ipy_awsprofile.config.role_chain import follow_chain, start_kind
from ipy_awsprofile.config.shared_files import Section, SharedFiles, read_shared_files
from ipy_awsprofile.errors import InvalidProfile, ProfileNotFound
from ipy_awsprofile.explain.cached import sso_section
from ipy_awsprofile.explain.checks import findings, stray_header
from ipy_awsprofile.explain.records import (
    Explanation,
    Finding,
    Hop,
    Part,
    Problem,
    Reading,
    Setting,
    is_file,
    one_line,
)
from ipy_awsprofile.explain.settings import settings_of
from ipy_awsprofile.explain.sources import (
    ambient,
    credential_source,
    environment_keys,
    web_identity_hop,
)
from ipy_awsprofile.text import program

__all__ = ["Explanation", "Hop", "Problem", "Setting", "explain"]

_ASSUMES = (ProfileKind.ASSUME_ROLE, ProfileKind.CREDENTIAL_SOURCE)
#: A role that is assumed with the credentials of one of these is chained.
_ROLES = (*_ASSUMES, ProfileKind.WEB_IDENTITY, ProfileKind.SSO)


def explain(
    name: str | None = None,
    *,
    role_arn: str | None = None,
    region: str | None = None,
    now: datetime | None = None,
) -> Explanation:
    """Say how a profile resolves: which settings count, what is cached, what is missing.

    Without a name it is what boto3 goes by on its own. A broken profile is explained like any
    other: what is wrong becomes problems of its hops. ``role_arn`` is a role that no profile names
    and that the profile assumes; ``region`` is what a switch says instead of the profile. ``now``
    is the time by which what is cached counts as good. Raises ConfigFileError, as there is nothing
    to explain in a file that can't be read.

    https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
    """
    environ = user_environment()
    files = SharedFiles.from_environment(environ)
    reading = Reading(environ, files, read_shared_files(files), now or datetime.now(UTC), region)
    if name is None:
        return _by_itself(reading)
    return Explanation(
        name=role_arn or name,
        chosen="",
        hops=(*_hops(name, reading), *_given(role_arn)),
        files=files,
        notes=tuple(_beside(name, reading)),
    )


def _given(role_arn: str | None) -> Iterator[Hop]:
    if role_arn:
        arn = Arn.parse(role_arn)
        detail = one_line(" in ".join(filter(None, (arn.role, arn.account)))) if arn else ""
        yield Hop(name=role_arn, kind=str(ProfileKind.ASSUME_ROLE), detail=detail)


def _by_itself(reading: Reading) -> Explanation:
    """Explain what boto3 takes if nobody names a profile, in the order of its providers."""
    environ = reading.environ
    variable, named = named_profile(reading.environ)
    name = named if named is not None else "default"
    section = reading.sections.profiles.get(name)
    why = f"{variable}={one_line(name)}" if variable else "no profile is named: `default` counts"
    hops: tuple[Hop, ...]
    if variable and section is None:
        hops = (_missing(name, reading, ProfileNotFound(name)),)
    elif environ.get("AWS_ACCESS_KEY_ID"):
        hops, why = (environment_keys(reading),), "keys in the environment go before any profile"
    elif section is not None and "role_arn" in section and "web_identity_token_file" not in section:
        hops = _hops(name, reading)
    elif environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
        hops, why = (web_identity_hop(reading, name),), "AWS_WEB_IDENTITY_TOKEN_FILE is set"
    elif section is not None:
        hops = _hops(name, reading)
    else:
        hops, why = (ambient(reading) or _NOTHING,), "there is no profile `default`"
    return Explanation(
        name=name if hops[-1].file else hops[-1].name,
        chosen=f"what boto3 goes by on its own: {why}",
        hops=hops,
        files=reading.files,
        notes=(*_role_of_environment(name, section, reading), *_variables_passed_over(reading)),
    )


def _role_of_environment(name: str, section: Section | None, reading: Reading) -> Iterator[str]:
    """Tell of variables that fill in for the profile's, if it is one of a web identity."""
    if section is None or "web_identity_token_file" not in section:
        return
    for setting in ("role_arn", "role_session_name"):
        variable = f"AWS_{setting.upper()}"
        if reading.environ.get(variable) and setting in section:
            yield f"`{variable}` goes before the `{setting}` of `{one_line(name)}`."


def _beside(name: str, reading: Reading) -> Iterator[str]:
    """Tell what of the environment a switch to a profile passes over, and plain boto3 doesn't."""
    environ = reading.environ
    variable, named = named_profile(reading.environ)
    if environ.get("AWS_ACCESS_KEY_ID"):
        yield "`AWS_ACCESS_KEY_ID` is set: plain boto3 goes by it, a switch doesn't."
    elif environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
        yield "`AWS_WEB_IDENTITY_TOKEN_FILE` is set: plain boto3 looks at it, a switch doesn't."
    if variable and named != name:
        yield f"`{variable}` names `{one_line(named or '')}` for plain boto3; a switch goes first."
    yield from _variables_passed_over(reading)


def _variables_passed_over(reading: Reading) -> Iterator[str]:
    environ = reading.environ
    if "AWS_DEFAULT_PROFILE" in environ and "AWS_PROFILE" in environ:
        yield "`AWS_DEFAULT_PROFILE` goes before `AWS_PROFILE`."
    region = environ.get("AWS_REGION")
    if region and region != environ.get("AWS_DEFAULT_REGION"):
        yield "`AWS_REGION` isn't read by boto3, but by other tools; it goes by AWS_DEFAULT_REGION."
    for variable, file in (
        ("AWS_CONFIG_FILE", reading.files.config),
        ("AWS_SHARED_CREDENTIALS_FILE", reading.files.credentials),
    ):
        if environ.get(variable) and not is_file(file):
            yield f"`{variable}` names a file that doesn't exist: {one_line(str(file))}."


def _hops(name: str, reading: Reading) -> tuple[Hop, ...]:
    """Follow the chain, and put what starts it first."""
    try:
        chain, problem = follow_chain(name, files=reading.files)
    except ProfileNotFound as error:
        return (_missing(name, reading, error),)
    kinds = [profile.kind for profile in chain]
    start: tuple[Hop, ...] = ()
    if not problem:
        kinds[-1], start = _start(chain, reading)
    hops = []
    for place, profile in enumerate(chain):
        before = kinds[place + 1] if place + 1 < len(chain) else None
        part = Part(
            profile=profile,
            section=reading.sections.profiles[profile.name],
            kind=kinds[place],
            target=name,
            chained=before in _ROLES,
            reading=reading,
        )
        hops.append(_hop(part, problem if place + 1 == len(chain) else None))
    return (*start, *reversed(hops))


def _start(chain: Sequence[Profile], reading: Reading) -> tuple[ProfileKind, tuple[Hop, ...]]:
    """Say what the chain's last profile does, and what is before it, if it only assumes a role."""
    last, starts = chain[-1], start_kind(chain, reading.sections)
    section = reading.sections.profiles[last.name]
    if starts is ProfileKind.CREDENTIAL_SOURCE:
        return starts, (credential_source(last.credential_source or "", reading),)
    if len(chain) == 1 and last.kind is ProfileKind.ASSUME_ROLE:
        file, line = section.origins.get("aws_access_key_id", (section.file, section.line))
        return last.kind, (
            Hop(name=last.name, kind=str(starts), detail="its own", file=file, line=line),
        )
    if starts is ProfileKind.INCOMPLETE and section.keys().isdisjoint(_BEGINS):
        before = ambient(reading)
        return starts, (before,) if before else ()
    return starts, ()


#: A profile with one of these begins to name credentials; without, botocore looks elsewhere.
_BEGINS = frozenset(
    {"aws_access_key_id", "sso_account_id", "sso_role_name", "web_identity_token_file"}
)


_NOTHING = Hop(
    name="nothing",
    kind="no credentials",
    problems=(
        Problem(
            says="Nothing names credentials: no profile, no variable, no container.",
            fix="`%aws_profiles` lists the profiles there are.",
        ),
    ),
)


def _hop(part: Part, problem: InvalidProfile | None) -> Hop:
    found: list[Finding] = list(findings(part))
    if problem:
        found.insert(0, _as_problem(problem))
        found += _missing_source(part)
    also = sso_section(part) if part.kind is ProfileKind.SSO else None
    file, line = part.profile.file, part.profile.line
    if part.kind is ProfileKind.STATIC_KEYS:
        file, line = part.section.origins["aws_access_key_id"]
    return Hop(
        name=part.profile.name,
        kind=str(part.kind) if part.kind is not ProfileKind.INCOMPLETE else "no credentials",
        detail=_detail(part),
        file=file,
        line=line,
        settings=tuple(settings_of(part, also)),
        facts=tuple(one for one in found if isinstance(one, str)),
        problems=tuple(dict.fromkeys(one for one in found if isinstance(one, Problem))),
    )


def _as_problem(error: InvalidProfile | ProfileNotFound) -> Problem:
    return Problem(says=str(error), fix=error.hint)


def _missing_source(part: Part) -> Iterator[Problem]:
    """Tell of a header that lacks `profile`, where a source profile wasn't found."""
    source = part.profile.source_profile or ""
    stray = part.reading.sections.others.get(source)
    if stray is not None and source not in part.reading.sections.profiles:
        yield stray_header(source, stray, fatal=True)


def _detail(part: Part) -> str:
    """Say in a few words what a profile does in its place."""
    profile, section = part.profile, part.section
    match part.kind:
        case ProfileKind.ASSUME_ROLE | ProfileKind.CREDENTIAL_SOURCE | ProfileKind.WEB_IDENTITY:
            words = (profile.role or profile.role_arn, profile.account)
        case ProfileKind.SSO:
            words = (section.text("sso_role_name"), section.text("sso_account_id"))
        case ProfileKind.CREDENTIAL_PROCESS:
            words = (program(section.text("credential_process") or ""), None)
        case _:
            words = (None, None)
    return one_line(" in ".join(filter(None, words)))


def _missing(name: str, reading: Reading, error: ProfileNotFound) -> Hop:
    """Explain a profile that isn't there, and where a section looks as if it were meant to be."""
    problem = _as_problem(error)
    sections = reading.sections
    if name in sections.others:
        problem = stray_header(name, sections.others[name], fatal=True)
    elif f"profile {name}" in sections.profiles:
        section = sections.profiles[f"profile {name}"]
        problem = Problem(
            says=f"[profile {name}] in the credentials file isn't `{name}`.",
            fix=f"There, write [{name}]. See {section.file.name}:{section.line}.",
        )
    return Hop(name=name, kind="not found", problems=(problem,))
