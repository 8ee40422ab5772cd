"""What is wrong with a profile in its place in a chain, as far as that can be seen from here."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator

from ipy_awsprofile.config.arn import Arn
from ipy_awsprofile.config.profiles import ProfileKind, did_you_mean
from ipy_awsprofile.config.settings import CREDENTIAL_SETTINGS
from ipy_awsprofile.config.shared_files import Section
from ipy_awsprofile.explain.cached import login_token, role_session, sso_section, sso_token
from ipy_awsprofile.explain.records import Finding, Part, Problem, one_line, place
from ipy_awsprofile.explain.settings import ignores_endpoints, meant
from ipy_awsprofile.explain.sources import ambient, token_file
from ipy_awsprofile.text import program

#: Seconds for which a role may be assumed; with a role's credentials, an hour at most.
_DURATIONS = range(900, 43200 + 1)
_CHAINED_AT_MOST = 3600

_MFA_SERIAL = re.compile(r"(?!arn:)[\w+=/:,.@-]{9,256}")


def findings(part: Part) -> Iterator[Finding]:
    """Look at everything about a profile: first what its kind needs, then what it says beside."""
    for check in (*_BY_KIND[part.kind], *_OF_EVERY_PROFILE):
        yield from check(part)


def _keys(part: Part) -> Iterator[Finding]:
    """Half a pair of keys, or of SSO's two settings, stops botocore; nothing at all doesn't."""
    section = part.section
    for needed, names in (
        ("sso_account_id", {"sso_role_name"}),
        ("sso_role_name", {"sso_account_id"}),
        ("aws_secret_access_key", {"aws_access_key_id"}),
        ("aws_access_key_id", {"aws_secret_access_key"}),
        ("role_arn", {"web_identity_token_file", "source_profile", "credential_source"}),
    ):
        has = sorted(names & section.keys())
        if needed not in section and has:
            where = place(*section.origins[has[0]])
            yield Problem(
                says=f"`{has[0]}` is there, and `{needed}` isn't.", fix=f"Add it. See {where}."
            )


def _empty_keys(part: Part) -> Iterator[Finding]:
    for name in ("aws_access_key_id", "aws_secret_access_key"):
        if not part.section.text(name):
            yield Problem(says=f"`{name}` is empty.", fix=f"Fill it in. {part.at(name)}")


def _nothing(part: Part) -> Iterator[Finding]:
    """Tell of a profile without a word about credentials; this machine may have its own."""
    if not part.section.keys().isdisjoint(CREDENTIAL_SETTINGS):
        return
    yield Problem(
        says=f"`{part.profile.name}` names no credentials.",
        fix="Add keys, a role, SSO or a credential_process. "
        f"See {place(part.profile.file, part.profile.line)}.",
        fatal=ambient(part.reading) is None,
    )


def _split_keys(part: Part) -> Iterator[Finding]:
    """Tell of keys of which each file has one: botocore takes both from the same."""
    pair = {"aws_access_key_id", "aws_secret_access_key"}
    section = part.section
    if section.keys() >= pair and not any(
        file >= pair for file in (section.in_config, section.in_credentials)
    ):
        yield Problem(
            says="The two keys stand in different files.",
            fix=f"Put them into the same file. {part.at('aws_access_key_id')}",
        )


#: What STS takes: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
_STS_TAKES = {
    "role_session_name": re.compile(r"[\w+=,.@-]{2,64}", re.ASCII),
    "external_id": re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII),
}
#: What can be a part of a host's name, as botocore checks it.
_REGION = re.compile(r"(?![0-9]+$)(?!-)[a-zA-Z0-9-]{,63}(?<!-)")


def _parameters(part: Part) -> Iterator[Finding]:
    for name, pattern in _STS_TAKES.items():
        value = part.section.text(name)
        if value and not pattern.fullmatch(value):
            yield Problem(
                says=f"AWS takes no {name} such as `{one_line(value, 80)}`.",
                fix=f"Use letters, digits and a few marks, no spaces. {part.at(name)}",
            )


def _role(part: Part) -> Iterator[Finding]:
    arn, serial = part.section.text("role_arn") or "", part.section.text("mfa_serial")
    if not _is_iam(arn, "role"):
        yield Problem(
            says=f"`{one_line(arn)}` is no ARN of a role.",
            fix="One looks like arn:aws:iam::123456789012:role/NAME. " + part.at("role_arn"),
        )
    if serial and not (_is_iam(serial, "mfa") or _MFA_SERIAL.fullmatch(serial)):
        yield Problem(
            says=f"`{one_line(serial)}` is no MFA device that gives codes.",
            fix="One looks like arn:aws:iam::123456789012:mfa/NAME. " + part.at("mfa_serial"),
        )
    if "mfa_serial" in part.section and serial:
        yield "An MFA code is asked for."
    yield from _parameters(part)
    yield from _duration(part)
    yield from role_session(part)


def _is_iam(text: str, kind: str) -> bool:
    arn = Arn.parse(text)
    return arn is not None and arn.is_iam(kind)


def _duration(part: Part) -> Iterator[Finding]:
    text, seconds = part.section.text("duration_seconds"), part.profile.duration
    if text is not None and seconds is None:
        yield Problem(
            says=f"`{one_line(text, 20)}` is no number of seconds, and is passed over.",
            fix=f"Write seconds, such as 3600. {part.at('duration_seconds')}",
            fatal=False,
        )
    if seconds is None:
        return
    if seconds not in _DURATIONS:
        yield Problem(
            says=f"AWS takes no duration of {one_line(str(seconds), 20)} seconds.",
            fix=f"Write 900 to 43200. {part.at('duration_seconds')}",
        )
    elif part.chained and seconds > _CHAINED_AT_MOST:
        yield Problem(
            says=f"A role that a role assumes lasts an hour at most, not {seconds} seconds.",
            fix=f"Write 3600 or less. {part.at('duration_seconds')}",
        )


def _web_identity(part: Part) -> Iterator[Finding]:
    file = part.section.text("web_identity_token_file") or ""
    yield from token_file(file, part.at("web_identity_token_file"))
    yield from _role(part)


def _sso(part: Part) -> Iterator[Finding]:
    """Check what SSOProvider checks, in its order, and look for the token.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
    """
    name = part.section.text("sso_session")
    session = sso_section(part)
    if name and session is None:
        yield Problem(
            says=f"There is no [sso-session {one_line(name)}].",
            fix=did_you_mean(name, part.reading.sections.sso_sessions) or part.at("sso_session"),
        )
        return
    known = session if session is not None else part.section
    missing = [setting for setting in ("sso_start_url", "sso_region") if setting not in known]
    for setting in missing:
        where = place(known.file, known.line)
        yield Problem(says=f"`{setting}` is missing.", fix=f"Add it. See {where}.")
    for setting, value in (session or {}).items():
        if part.section.get(setting, value) != value:
            yield Problem(
                says=f"`{setting}` differs between the profile and its [sso-session].",
                fix=f"Take it out of the profile. {part.at(setting)}",
            )
    account = part.section.text("sso_account_id") or ""
    if not re.fullmatch(r"\d{12}", account):
        yield Problem(
            says=f"`{one_line(account)}` is no number of an account.",
            fix=f"It has 12 digits. {part.at('sso_account_id')}",
        )
    yield from _valid_region(known, "sso_region")
    if not missing:
        yield from sso_token(part)
        yield from role_session(part)


def _login(part: Part) -> Iterator[Finding]:
    yield from login_token(part)


def _process(part: Part) -> Iterator[Finding]:
    command = program(part.section.text("credential_process") or "")
    if command is None:
        yield Problem(
            says="`credential_process` is no command that can be read.",
            fix=f"Quote what has spaces. {part.at('credential_process')}",
        )
    elif _on_path(command, part) is None:
        home = " A `~` in it isn't expanded." if command.startswith("~") else ""
        yield Problem(
            says=f"There is no program `{one_line(command)}` on the PATH.{home}",
            fix=f"Install it, or write its whole path. {part.at('credential_process')}",
        )
    else:
        yield "The command isn't run for this."


def _on_path(command: str, part: Part) -> str | None:
    try:
        return shutil.which(command, path=part.reading.environ.get("PATH", os.defpath))
    except ValueError:  # a null character
        return None


def _typos(part: Part) -> Iterator[Finding]:
    for section in filter(None, (part.section, sso_section(part))):
        for name in section:
            if (known := meant(name)) and known not in section:
                where = place(*section.origins[name])
                yield Problem(
                    says=f"`{one_line(name, 40)}` is no setting of AWS's, and is passed over.",
                    fix=f"Did you mean `{known}`? See {where}.",
                    fatal=False,
                )


def _header(part: Part) -> Iterator[Finding]:
    """Tell of a section of the config file that was to be this profile, and isn't."""
    stray = part.reading.sections.others.get(part.profile.name)
    if stray is not None:
        yield stray_header(part.profile.name, stray, fatal=False)


def stray_header(name: str, section: Section, *, fatal: bool) -> Problem:
    """Say that a header of the config file lacks the word `profile`."""
    return Problem(
        says=f"[{one_line(name)}] in the config file isn't read: it lacks the word `profile`.",
        fix=f"Write [profile {one_line(name)}]. See {place(section.file, section.line)}.",
        fatal=fatal,
    )


def _valid_region(section: Section, name: str) -> Iterator[Finding]:
    region = section.text(name)
    if region and not _REGION.fullmatch(region):
        yield Problem(
            says=f"`{one_line(region)}` is no AWS Region.",
            fix=f"One looks like us-east-1. See {place(*section.origins[name])}.",
        )


def _region(part: Part) -> Iterator[Finding]:
    """Tell if nothing names a region; a source profile's doesn't count."""
    if not part.is_target:
        return
    reading = part.reading
    if reading.region or reading.environ.get("AWS_DEFAULT_REGION"):
        return
    yield from _valid_region(part.section, "region")
    if part.section.text("region"):
        return
    source = part.reading.sections.profiles.get(part.profile.source_profile or "")
    found = source.text("region") if source is not None else None
    inherits = f" It doesn't inherit `{one_line(found)}` of its source." if found else ""
    yield Problem(
        says=f"`{part.target}` has no region.{inherits}",
        fix=f"Add `region = {one_line(found or 'us-east-1')}` to it, or switch with `--region`.",
        fatal=_needs_region(part),
    )


def _needs_region(part: Part) -> bool:
    """Say whether botocore can't assume a role: AWS's own STS has a default, other endpoints none.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-sts-regionalized-endpoints.html
    """
    variables = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS")
    elsewhere = "endpoint_url" in part.section or any(map(part.reading.environ.get, variables))
    assumes = (ProfileKind.ASSUME_ROLE, ProfileKind.CREDENTIAL_SOURCE, ProfileKind.WEB_IDENTITY)
    return elsewhere and part.kind in assumes and not ignores_endpoints(part)


def _services(part: Part) -> Iterator[Finding]:
    name = part.section.text("services")
    if part.is_target and name and not part.reading.sections.services.get(name):
        yield Problem(
            says=f"There is no [services {one_line(name)}].",
            fix=did_you_mean(name, part.reading.sections.services) or part.at("services"),
        )


Check = Callable[[Part], Iterator[Finding]]
_OF_EVERY_PROFILE: tuple[Check, ...] = (_header, _typos, _services, _region)
_BY_KIND: dict[ProfileKind, tuple[Check, ...]] = {
    ProfileKind.STATIC_KEYS: (_empty_keys,),
    ProfileKind.ASSUME_ROLE: (_role,),
    ProfileKind.CREDENTIAL_SOURCE: (_role,),
    ProfileKind.WEB_IDENTITY: (_web_identity,),
    ProfileKind.SSO: (_sso,),
    ProfileKind.LOGIN_SESSION: (_login,),
    ProfileKind.CREDENTIAL_PROCESS: (_process,),
    ProfileKind.INCOMPLETE: (_nothing, _keys, _split_keys),
}
