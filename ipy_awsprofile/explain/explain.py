"""Explain how a profile resolves: its role chain, where each setting is, and a switch's calls.

`rehearse` runs the switch's own code, so an explanation says what the switch would say. This module
adds what botocore doesn't tell: where each setting is, why it isn't used, and common mistakes. No
text quotes a value that can be a secret, such as the value of a misspelled setting.

https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, NamedTuple

from ipy_awsprofile.config.files import Config, Section, locations_of, read_config
from ipy_awsprofile.config.profiles import Profile, ProfileKind
from ipy_awsprofile.config.regions import is_known_region, similar_region
from ipy_awsprofile.config.request import SessionRequest, options_of
from ipy_awsprofile.config.settings import (
    COMMANDS,
    CREDENTIALS,
    KEYS,
    ROLE,
    SECRETS,
    SSO,
    known_settings,
    similar_setting,
)
from ipy_awsprofile.config.sign_ins import SignIn
from ipy_awsprofile.config.target import PARAMETERS, requested_chain, target_of
from ipy_awsprofile.config.user_environment import named_profile, user_environment
from ipy_awsprofile.credentials.error_table import CREDENTIAL_SOURCES
from ipy_awsprofile.errors import AwsProfileError, InvalidOption
from ipy_awsprofile.explain.rehearsal import rehearse
from ipy_awsprofile.sessions.assigned_roles import cached_list
from ipy_awsprofile.text import one_line, program, quoted, redacted_urls


class Setting(NamedTuple):
    """A setting of a section, its value for display, where it is, and why it isn't used (or "")."""

    section: str
    setting: str
    value: str
    location: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How a profile resolves. It doesn't contain secrets.

    ``chain`` maps the profiles to their kinds and locations. ``calls`` is what a switch would call,
    in order, and ``error`` what would end it. ``notes`` are about variables that plain boto3 uses.
    """

    name: str
    chain: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[Setting, ...] = ()
    calls: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    error: AwsProfileError | None = None


def explain(request: SessionRequest | None = None) -> Explanation:
    """Explain how a profile resolves. Without a request, explain what boto3 uses by default.

    This calls neither AWS nor a program. Raises ConfigFileError if a file can't be read.
    """
    request = request or SessionRequest(default=True)
    config = read_config()
    shown = Explanation(name=request.name, notes=tuple(_notes(request)))
    try:
        chain = requested_chain(request, config, _find_known_account)
        shown = replace(
            shown,
            name=chain[0].name,
            chain={profile.name: _described(profile) for profile in chain},
            settings=tuple(_settings(chain, request, config)),
            warnings=tuple(dict.fromkeys(_warnings(chain, config))),
        )
        rehearsal = rehearse(target_of(request, config, _find_known_account))
    except AwsProfileError as error:
        return replace(shown, error=error)
    source = chain[-1]
    warnings = shown.warnings
    asks_instance = source.credential_source == "Ec2InstanceMetadata"
    if not rehearsal.error and (asks_instance or source.kind is ProfileKind.INCOMPLETE):
        warnings += (
            "Only an EC2 instance with a role has these credentials. "
            "Elsewhere, add keys, a role_arn with a source_profile, SSO or a process.",
        )
    return replace(shown, calls=rehearsal.calls, error=rehearsal.error, warnings=warnings)


def _find_known_account(sign_in: SignIn, name: str) -> str:
    """Return the ID of an account that the sign-in has listed. Raises InvalidOption."""
    cached = cached_list(sign_in)
    accounts = cached.named(name) if cached else []
    if len(accounts) == 1:
        return accounts[0].id
    raise InvalidOption(
        f"`{name}` isn't one of the accounts that `{sign_in.name}` has listed.",
        f"Run `%aws_profiles --sso {quoted(sign_in.name)} --refresh`. --explain doesn't call AWS.",
    )


def _described(profile: Profile) -> str:
    """Return a profile's kind, role and location, such as ``static keys, credentials:3``."""
    text = str(profile.kind)
    if profile.kind is ProfileKind.CREDENTIAL_SOURCE:
        text += f" {profile.credential_source}"
    if profile.role and profile.kind is not ProfileKind.STATIC_KEYS:
        text += f": {profile.role}"
        if profile.account:
            text += f" in {profile.account}"
    return ", ".join(filter(None, (text, str(profile.location() or ""))))


#: The credential settings that each kind of profile uses.
_USED: Mapping[ProfileKind, Set[str]] = {
    ProfileKind.STATIC_KEYS: KEYS,
    ProfileKind.ASSUME_ROLE: ROLE | {"source_profile"},
    ProfileKind.CREDENTIAL_SOURCE: ROLE | {"credential_source"},
    ProfileKind.WEB_IDENTITY: {"web_identity_token_file", "role_arn", "role_session_name"},
    ProfileKind.SSO: SSO,
    ProfileKind.LOGIN_SESSION: {"login_session"},
    ProfileKind.CREDENTIAL_PROCESS: {"credential_process"},
}


def _settings(
    chain: tuple[Profile, ...], request: SessionRequest, config: Config
) -> Iterator[Setting]:
    """Yield the settings of the profiles in a chain, and of the sections that they refer to."""
    replaced = _replaced(request)
    for setting, (option, value) in replaced.items():
        yield Setting(chain[0].name, setting, _value(setting, value), option)
    client = chain[0]
    if request.role_arn and chain[1:]:  # a role without a profile has its source's client settings
        client = chain[1]
    for profile in chain:
        is_client = profile is client
        yield from _settings_of_profile(
            profile, config, replaced, is_first=profile is chain[0], is_client=is_client
        )
        yield from _settings_of_sections(profile, config, is_client=is_client)


def _settings_of_profile(
    profile: Profile,
    config: Config,
    replaced: Mapping[str, tuple[str, str]],
    *,
    is_first: bool,
    is_client: bool,
) -> Iterator[Setting]:
    """Yield the settings of a profile, each at all its locations."""
    for setting, value in {**config.profiles.get(profile, {}), **profile.settings}.items():
        # A role without a profile has settings from options and from its source.
        if profile not in config.profiles and (setting in replaced or not is_client):
            continue
        locations = list(map(str, locations_of(config.paths, f"profile {profile}", setting)))
        for other in locations[:-1]:
            yield Setting(profile.name, setting, "", other, "the credentials file takes precedence")
        note = _why_unused(setting, profile, is_client=is_client)
        is_owner = is_first if setting in CREDENTIALS else is_client
        if is_owner and setting in replaced:
            note = f"{replaced[setting][0]} takes precedence"
        yield Setting(profile.name, setting, _value(setting, value), "".join(locations[-1:]), note)


def _settings_of_sections(
    profile: Profile, config: Config, *, is_client: bool
) -> Iterator[Setting]:
    """Yield the settings of the [sso-session] and the [services] that a profile refers to."""
    for kind, sections in (("sso-session", config.sso_sessions), ("services", config.services)):
        name = profile.text(kind.replace("-", "_"))
        if not name or (kind == "services" and not is_client):
            continue
        for setting, value in sections.get(name, {}).items():
            location = "".join(map(str, locations_of(config.paths, f"{kind} {name}", setting)))
            yield Setting(f"[{kind} {name}]", setting, _value(setting, value), location)


def _replaced(request: SessionRequest) -> dict[str, tuple[str, str]]:
    """Return the option or variable that is used instead of each setting, and its value."""
    environ = user_environment()
    replaced = {
        "region": ("AWS_DEFAULT_REGION", environ.get("AWS_DEFAULT_REGION")),
        "endpoint_url": ("AWS_ENDPOINT_URL", environ.get("AWS_ENDPOINT_URL")),
        "role_arn": ("--role-arn", request.role_arn),
        "source_profile": ("--source-profile", request.source_profile),
    }
    for variable in sorted(environ):
        if variable.startswith("AWS_ENDPOINT_URL_"):
            service = variable.removeprefix("AWS_ENDPOINT_URL_").lower()
            replaced[f"endpoint_url ({service})"] = (variable, environ[variable])
    if request.region:
        replaced["region"] = ("--region", request.region)
    options = options_of(SessionRequest)
    for name, parameter in PARAMETERS.items():
        value = getattr(request, name)
        if value is not None and value != () and parameter.is_read_by_botocore:
            option = options[name].flag
            replaced[parameter.setting] = (option, str(parameter.parse(value)))
    return {setting: (source, value) for setting, (source, value) in replaced.items() if value}


def _why_unused(setting: str, profile: Profile, *, is_client: bool) -> str:
    if setting not in known_settings():
        return "not an AWS setting" if similar_setting(setting) else ""
    source_note = "" if is_client else "not used in a source profile"
    if setting not in CREDENTIALS:
        return source_note
    if profile.kind is ProfileKind.INCOMPLETE or setting in _USED.get(profile.kind, {setting}):
        return ""
    if setting in KEYS and profile.source_profile == profile:  # assumed with its own keys
        return ""
    if setting in {"mfa_serial", "mfa_process"} and profile.kind is ProfileKind.STATIC_KEYS:
        return source_note or "used only with --mfa"
    return f"not used: {profile.kind} takes precedence"


def _value(setting: str, value: Any) -> str:
    """Return a value for display. The value of a misspelled setting can be a secret."""
    if not value:
        return "empty"
    if isinstance(value, Mapping):
        shown = (
            f"{name} = {redacted_urls(text)}" if name == "endpoint_url" else name
            for name, text in value.items()
        )
        return one_line(", ".join(shown), 200)
    if setting in SECRETS or setting.partition(" ")[0] not in known_settings():
        return "set"
    if setting in COMMANDS:
        return f"{program(value) or 'a command'} …"
    first, *below = value.split("\n")  # an indented line below can be a secret
    return one_line(redacted_urls(first), 200) + " …" * bool(below)


def _warnings(chain: tuple[Profile, ...], config: Config) -> Iterator[str]:
    """Yield the common mistakes in the sections of a chain, each with its location."""
    for profile in chain:
        session = profile.text("sso_session") or ""
        sections: list[tuple[str, Section]] = [
            (f"profile {profile}", config.profiles.get(profile, {})),
            (f"sso-session {session}", config.sso_sessions.get(session, {})),
        ]
        if profile.mfa_serial and not profile.text("mfa_process"):  # see `Target.mfa_process`
            command = config.profiles.get("default", {}).get("mfa_process")
            sections.append(("profile default", {"mfa_process": command}))
        for header, section in sections:
            for setting, says, fix in _mistakes(section):
                locations = locations_of(config.paths, header, setting)
                see = [f" See {location}." for location in locations[-1:]]
                yield f"`{one_line(setting, 40)}` {says}. {fix}{''.join(see)}"
        for location in locations_of(config.paths, f"profile profile {profile}"):
            yield f"[profile {profile}] isn't `{profile}` here. Write [{profile}]. See {location}."


def _mistakes(section: Section) -> Iterator[tuple[str, str, str]]:
    """Yield each setting with a common mistake, what is wrong, and how to fix it."""
    for name, value in section.items():
        similar = similar_setting(name)
        # Servers that aren't AWS have their own Regions.
        is_free = name == "region" and section.keys() & {"endpoint_url", "services"}
        if similar and similar not in section:
            yield name, "isn't an AWS setting, so it is ignored", f"Did you mean `{similar}`?"
        elif name in known_settings() and isinstance(value, str) and value and not is_free:
            failed = (check for check in _checks(name, value) if check[0])
            for _, says, fix in islice(failed, 1):
                yield name, says, fix


def _checks(name: str, value: str) -> Iterator[tuple[object, str, str]]:
    if name in COMMANDS:
        first = os.path.expanduser(program(value) or "")
        is_missing = re.fullmatch(r"[\w./-]+", first) and not shutil.which(first)
        yield (
            is_missing,
            "names a program that isn't on the PATH",
            "Install it, or write its full path.",
        )
        return
    yield "\n" in value, "includes the indented lines below it", "Remove their indentation."
    yield re.search(r"\s[#;]", value), "includes a comment", "Move the comment to its own line."
    yield (
        re.fullmatch("[\"'“‘].*[\"'”’]", value),
        "includes its quotation marks",
        "Remove them.",
    )
    yield not value.isprintable(), "includes an invisible character", "Write the value again."
    if name in {"region", "sso_region"}:
        yield (
            not is_known_region(value),
            "isn't a Region that botocore knows",
            similar_region(value) or "Check its name.",
        )
    if name in _FORMS:
        form, says, fix = _FORMS[name]
        yield not re.fullmatch(form, value, re.ASCII), says, fix
    if name == "ca_bundle":
        yield not os.path.isfile(value), "names a file that doesn't exist", "Correct the path."
    for parameter in PARAMETERS.values():
        if parameter.setting == name:
            try:
                parameter.parse(value)
            except ValueError as error:
                yield True, "isn't valid", f"Use {error}."


#: No value is right, because it doesn't do what it says.
_OF_AWS_VAULT = (
    "(?!)",
    "is a setting of aws-vault, which AWS SDKs ignore",
    "Copy the settings of that profile.",
)

#: The forms of values that only AWS checks, or that botocore ignores.
_FORMS = {
    "role_arn": (
        r"arn:[\w-]+:iam::\d{12}:role/\S+",
        "isn't the ARN of a role",
        "Example: arn:aws:iam::123456789012:role/NAME.",
    ),
    "sso_account_id": (r"\d{12}", "isn't an account ID", "An account ID has 12 digits."),
    "duration_seconds": (
        r"\d+",
        "isn't a number of seconds, so botocore ignores it",
        "Example: 3600.",
    ),
    "credential_source": (
        "Environment|Ec2InstanceMetadata|EcsContainer",
        "isn't a credential source",
        CREDENTIAL_SOURCES,
    ),
    "include_profile": _OF_AWS_VAULT,
    "parent_profile": _OF_AWS_VAULT,
}


def _notes(request: SessionRequest) -> Iterator[str]:
    """Yield what plain boto3 uses, if it isn't the requested profile."""
    environ = user_environment()
    variable, named = named_profile(environ)
    if request.default and variable:
        yield f"Plain boto3 uses these credentials, because `{variable}` is `{named}`."
    elif request.default:
        yield "Plain boto3 uses these credentials, because no profile is named."
    elif environ.get("AWS_ACCESS_KEY_ID"):
        yield "`AWS_ACCESS_KEY_ID` is set: plain boto3 uses it, but a switch doesn't."
    elif variable and named != request.profile:
        yield f"`{variable}` is `{named}`: plain boto3 uses it, but a switch doesn't."
