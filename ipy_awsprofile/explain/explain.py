"""Explain a profile's role chain, the location of each setting, and mistakes in the settings.

`rehearse` runs the code of a switch without calling AWS, so an explanation contains the error that
the switch would raise. This module adds information that botocore doesn't provide: the location of
each setting, and the reason why a setting isn't used. `mistakes_of` finds mistakes that otherwise
only AWS would report. An explanation never contains a value that can be a secret, such as the value
of a misspelled setting.

https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ipy_awsprofile.config.files import Config, Section, locations_of, read_config
from ipy_awsprofile.config.mistakes import mistakes_in, mistakes_of
from ipy_awsprofile.config.organization import read_policy
from ipy_awsprofile.config.parameters import PARAMETERS
from ipy_awsprofile.config.profiles import ASSUMES, Profile, ProfileKind
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
from ipy_awsprofile.config.target import Target, requested_chain, target_of
from ipy_awsprofile.config.user_environment import named_profile, user_environment
from ipy_awsprofile.config.values import Mistake, instead_of_option
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.explain.rehearsal import Rehearsal, rehearse
from ipy_awsprofile.sessions.assigned_roles import complete_list
from ipy_awsprofile.sessions.protection import Protection
from ipy_awsprofile.text import did_you_mean, one_line, quoted, redacted_urls


class SettingRow(NamedTuple):
    """A setting in a section of an AWS file, with its value for display and its location.

    ``note`` says why the setting isn't used, or is an empty string if the setting is used.
    """

    section: str
    setting: str
    value: str
    location: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An explanation of how a profile resolves to credentials, without any secrets.

    ``chain`` maps the name of each profile in the role chain to a description of the profile's kind
    and location. ``error`` is the error that a switch would raise, or None. ``notes`` describe
    environment variables that boto3 uses without this package.
    """

    name: str
    chain: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[SettingRow, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    error: AwsProfileError | None = None


def explain(request: SessionRequest | None = None) -> Explanation:
    """Explain how a request's profile resolves to credentials.

    If ``request`` is None, explain boto3's default credentials. This function doesn't call AWS or
    run other programs. Raise ConfigFileError if a file can't be read.
    """
    if request is None:
        request = SessionRequest(default=True)
    config = read_config()
    shown = Explanation(name=request.name, notes=tuple(_notes(request)))
    try:
        chain = requested_chain(request, config)
        shown = replace(
            shown,
            name=chain[0].name,
            chain={profile.name: _described(profile) for profile in chain},
            settings=(*_settings(chain, request, config), *_settings_of_policy()),
            warnings=_texts(mistakes_in(chain, config)),
        )
        target = Protection().limited(request, target_of(request, config))
    except AwsProfileError as error:
        return replace(shown, error=error.with_traceback(None))
    rehearsal = rehearse(target)
    failure = rehearsal.error
    warnings = _texts(mistakes_of(target))
    if failure:
        # Its hint has the mistakes that can be its cause.
        others = tuple(text for text in warnings if text not in failure.hint)
        return replace(shown, warnings=others, error=failure)
    return replace(shown, warnings=(*warnings, *_outlooks(target, rehearsal)))


def _texts(mistakes: Iterable[Mistake]) -> tuple[str, ...]:
    """Return the descriptions of mistakes, without duplicates."""
    return tuple(dict.fromkeys(mistake.text for mistake in mistakes))


_ON_INSTANCES = (
    "Only an EC2 instance with a role has these credentials. "
    "On other machines, add one of the following to the profile: access keys, SSO settings, a "
    "credential_process, or a role_arn with a source_profile."
)


def _outlooks(target: Target, rehearsal: Rehearsal) -> Iterator[str]:
    """Yield warnings about problems that can occur after a switch that succeeds now."""
    if rehearsal.needs_instance:
        yield _ON_INSTANCES
    if not target.account and read_policy().limits_accounts:
        yield (
            "The shared AWS files don't contain the profile's account. A switch gets the account "
            "from STS, and then checks whether the organization's policy allows this account."
        )
    if not target.region:
        yield "Most clients need a Region. Set `region` in the profile."
    unassigned = _unassigned(target)
    if unassigned:
        yield unassigned
    if rehearsal.uses_cache:
        later = rehearse(target, fresh=True).error
        if later:
            yield f"A cached session still works. After its end, a switch fails: {later}"


def _unassigned(target: Target) -> str:
    """Return a warning if the profile's role isn't in the list of the user's assigned roles.

    The result is an empty string if the role is in the list, or if no complete list is available.
    """
    sign_in = target.sign_in
    listed = complete_list(sign_in) if sign_in else None
    if sign_in is None or listed is None:
        return ""
    account = target.start.text("sso_account_id") or ""
    role = target.start.sso_role_name or ""
    roles = {name for each in listed.named(account) for name in listed.roles[each.id]}
    if role in roles:
        return ""
    setting = "sso_role_name"
    similar = did_you_mean(role, roles)
    if not roles:
        setting = "sso_account_id"
        similar = did_you_mean(account, listed.accounts)
    again = f"`%aws_profiles --sso {quoted(sign_in.name)} --refresh` lists your roles again."
    locations = locations_of(target.config.paths, f"profile {target.start}", setting)
    see = f" See {locations[-1]}." if locations else ""
    return (
        f"This `{setting}` isn't in the list of your roles from {listed.listed_at:%H:%M} UTC. "
        f"{similar or again}{see}"
    )


def _described(profile: Profile) -> str:
    """Return a description of a profile, such as ``access keys, credentials:3``.

    The description contains the profile's kind, role and location.
    """
    text = str(profile.kind)
    if profile.kind is ProfileKind.CREDENTIAL_SOURCE:
        text += f" {profile.credential_source}"
    if profile.role and profile.kind is not ProfileKind.STATIC_KEYS:
        text += f": {profile.role}"
        if profile.account:
            text += f" in {profile.account}"
    if profile.mfa_serial and profile.kind in ASSUMES:
        text += " with an MFA code"
    location = profile.location()
    if location:
        text += f", {location}"
    return text


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

#: The settings about an MFA device.
_DEVICE = {"mfa_serial", "mfa_process"}


def _settings(
    chain: tuple[Profile, ...], request: SessionRequest, config: Config
) -> Iterator[SettingRow]:
    """Yield all settings of a role chain's profiles and of the sections that these profiles use."""
    options: dict[str, str] = {}
    for setting, (option, value) in _replaced(request).items():
        yield SettingRow(chain[0].name, setting, _value(setting, value), option)
        # The options of a role without a profile aren't about the credentials of its source.
        if not request.role_arn or setting not in CREDENTIALS:
            options[setting] = option
    is_client = True
    for profile in chain:
        section = config.profiles.get(profile, {})
        for row in _rows(profile.name, f"profile {profile}", section, config):
            note = row.note or _why_unused(row.setting, profile, is_client=is_client)
            if row.setting in options:
                note = f"{options[row.setting]} takes precedence"
            yield row._replace(note=note)
        referred = {"sso-session": config.sso_sessions}
        if is_client:
            referred["services"] = config.services
        for kind, sections in referred.items():
            name = profile.text(kind.replace("-", "_")) or ""
            header = f"{kind} {name}"
            yield from _rows(f"[{header}]", header, sections.get(name, {}), config)
        if profile in config.profiles:  # the first one has the settings of clients
            is_client = False
            options = {}


def _settings_of_policy() -> Iterator[SettingRow]:
    """Yield the settings in the organization's policy files.

    Raise ConfigFileError if a policy file is invalid.
    """
    for file in read_policy().files:
        for name, text in file.rows():
            yield SettingRow("the organization's policy", name, text, one_line(file.path))


def _rows(shown: str, header: str, section: Section, config: Config) -> Iterator[SettingRow]:
    """Yield the settings in a section.

    If a setting is in two files, yield the setting once for each file.

    ``shown`` is the name of the section for display, and ``header`` is the section's header in the
    file.
    """
    for setting, value in section.items():
        locations = list(map(str, locations_of(config.paths, header, setting))) or [""]
        for other in locations[:-1]:
            yield SettingRow(shown, setting, "", other, "the credentials file takes precedence")
        yield SettingRow(shown, setting, _value(setting, value), locations[-1])


def _replaced(request: SessionRequest) -> dict[str, tuple[str, str]]:
    """Return the options and variables that take precedence over settings in the files.

    The result maps each setting's name to a tuple: the option or variable that replaces the
    setting, and the new value.
    """
    environ = user_environment()
    values = [("region", "AWS_DEFAULT_REGION", environ.get("AWS_DEFAULT_REGION"))]
    for variable in sorted(environ):
        if variable.startswith("AWS_ENDPOINT_URL"):
            setting = variable.removeprefix("AWS_").lower().replace("url_", "url ")
            values.append((setting, variable, environ[variable]))
    values += [
        ("region", "--region", request.region),
        ("role_arn", "--role-arn", request.role_arn),
        ("source_profile", "--source-profile", request.source_profile),
    ]
    options = options_of(SessionRequest)
    for name, parameter in PARAMETERS.items():
        value = getattr(request, name)
        if parameter.is_read_by_botocore and value:
            values.append((parameter.setting, options[name].flag, str(parameter.parse(value))))
    return {setting: (source, value) for setting, source, value in values if value}


def _why_unused(setting: str, profile: Profile, *, is_client: bool) -> str:
    if setting not in known_settings():
        is_mistake = similar_setting(setting) or instead_of_option(setting, profile.settings)
        return "not an AWS setting" if is_mistake else ""
    source_note = "not used in a source profile"
    if is_client:
        source_note = ""
    if setting not in CREDENTIALS:
        return source_note
    kind = profile.kind
    used = _USED.get(kind, CREDENTIALS)
    if profile.source_profile == profile:  # assumed with its own keys
        used = used | KEYS
    if setting in used:
        return ""
    if setting in _DEVICE and kind is ProfileKind.STATIC_KEYS:
        return source_note or "used only with --mfa"
    return f"not used: {kind} takes precedence"


def _value(setting: str, value: str | Mapping[str, str]) -> str:
    """Return the value of a setting in a form that can be displayed.

    If the setting can be a secret or is unknown (for example, misspelled), the result is the word
    ``set`` instead of the value.
    """
    if not value:
        return "empty"
    if setting in SECRETS | COMMANDS:
        return "set"
    if isinstance(value, Mapping):
        return one_line(", ".join(map(_nested, value, value.values())), 200)
    if setting.partition(" ")[0] not in known_settings():
        return "set"
    first, *below = value.split("\n")  # an indented line below can be a secret
    shown = one_line(redacted_urls(first), 200)
    if below:
        shown += " …"
    return shown


def _nested(name: str, text: str) -> str:
    """Return a nested setting's name for display. If it is ``endpoint_url``, add its value."""
    if name == "endpoint_url":
        return f"{name} = {redacted_urls(text)}"
    return name


def _notes(request: SessionRequest) -> Iterator[str]:
    """Yield notes about the credentials that boto3 uses without this package.

    Don't yield a note if boto3 would use the credentials of the requested profile.
    """
    environ = user_environment()
    variable, named = named_profile(environ)
    if request.default:
        reason = "no profile is named"
        if variable:
            reason = f"`{variable}` is `{named}`"
        yield f"Plain boto3 uses these credentials, because {reason}."
    elif environ.get("AWS_ACCESS_KEY_ID"):
        yield "`AWS_ACCESS_KEY_ID` is set. Plain boto3 uses this variable, but a switch doesn't."
    elif variable and named != request.profile:
        yield f"`{variable}` is `{named}`. Plain boto3 uses this profile, but a switch doesn't."
