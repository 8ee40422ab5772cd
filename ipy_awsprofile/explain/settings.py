"""The settings of a profile as a table: what each says, where it stands, and if it counts.

What isn't known to be harmless is never shown: a misspelt secret is a secret, too.

https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from functools import cache

from ipy_awsprofile.config.profiles import ProfileKind
from ipy_awsprofile.config.settings import (
    CREDENTIAL_SETTINGS,
    SECRET_SETTINGS,
    SETTINGS,
    About,
    settings_about,
)
from ipy_awsprofile.config.shared_files import Section, Value
from ipy_awsprofile.explain.records import Part, Setting, one_line
from ipy_awsprofile.text import program, without_user

_KEYS = set(settings_about(About.KEYS))
_ROLE = set(settings_about(About.ROLE))

#: Which of the settings that lead to credentials each provider looks at.
_LOOKS_AT: Mapping[ProfileKind, set[str]] = {
    ProfileKind.STATIC_KEYS: _KEYS,
    ProfileKind.ASSUME_ROLE: _ROLE | {"source_profile"},
    ProfileKind.CREDENTIAL_SOURCE: _ROLE | {"credential_source"},
    ProfileKind.WEB_IDENTITY: {"web_identity_token_file", "role_arn", "role_session_name"},
    ProfileKind.SSO: set(settings_about(About.SSO)),
    ProfileKind.LOGIN_SESSION: {"login_session"},
    ProfileKind.CREDENTIAL_PROCESS: {"credential_process"},
}


@cache
def known_settings() -> frozenset[str]:
    """Name the settings that botocore and the AWS CLI know."""
    from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES as VARIABLES

    general = frozenset(name for name, *_ in VARIABLES.values() if isinstance(name, str))
    return general.union(SETTINGS)


def meant(name: str) -> str | None:
    """Guess which setting a misspelt name stands for; None for a known name and for one's own."""
    if name in known_settings():
        return None
    plain = re.sub(r"[-_. ]", "", name)
    for known in sorted(known_settings()):
        if known.replace("_", "") == plain:
            return known
    near = difflib.get_close_matches(name, sorted(known_settings()), n=1, cutoff=0.85)
    return near[0] if near else None


def shown(name: str, value: Value) -> str:
    """Show a value, or only that there is one."""
    if not value:
        return "empty"
    if name in SECRET_SETTINGS or name not in known_settings():
        return "set"
    if isinstance(value, dict):
        return one_line(", ".join(value))  # an own block of names that nobody knows
    if name in {"credential_process", "mfa_process"}:
        return f"{program(value) or 'a command'} …"
    return one_line(without_user(value))


def settings_of(part: Part, also: Section | None = None) -> Iterator[Setting]:
    """List a profile's settings, those that another place overrides, and the variables that do.

    ``also`` is a section that the profile refers to.
    """
    variables = dict(_variables(part)) if part.is_target else {}
    for variable, (name, text) in variables.items():
        yield Setting(name=name, value=one_line(without_user(text)), variable=variable)
    first = {name: variable for variable, (name, _) in variables.items()}
    for name in part.section:
        note = f"{first[name]} goes first" if name in first else _unused(part, name)
        yield _setting(part.section, name, note)
        if name in part.section.overridden:
            file, line = part.section.overridden[name]
            note = "the credentials file goes first"
            yield Setting(name=name, value="", file=file, line=line, note=note)
    if part.is_target:
        yield from _endpoints_of_services(part, first)
    if also is not None:
        yield from (_setting(also, name) for name in also)


def _endpoints_of_services(part: Part, first: Mapping[str, str]) -> Iterator[Setting]:
    """List what the [services] section says; each goes before the profile's own endpoint."""
    section = part.reading.sections.services.get(part.section.text("services") or "")
    if section is None:
        return
    for service, block in section.items():
        if not isinstance(block, dict) or "endpoint_url" not in block:
            continue
        name = f"endpoint_url ({one_line(service)})"
        variable = first.get(name) or first.get("endpoint_url")
        note = f"{variable} goes first" if variable else _unused(part, "services")
        file, line = section.origins[service]
        value = one_line(without_user(block["endpoint_url"]))
        yield Setting(name=name, value=value, file=file, line=line, note=note)


def _setting(section: Section, name: str, note: str = "") -> Setting:
    file, line = section.origins[name]
    return Setting(name=name, value=shown(name, section[name]), file=file, line=line, note=note)


def _variables(part: Part) -> Iterator[tuple[str, tuple[str, str]]]:
    """Find what goes before the profile, variables mostly: ``(variable, (setting, value))``.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    environ = part.reading.environ
    if part.reading.region:
        yield "--region", ("region", part.reading.region)
    elif region := environ.get("AWS_DEFAULT_REGION"):
        yield "AWS_DEFAULT_REGION", ("region", region)
    if ignores_endpoints(part):
        return
    if endpoint := environ.get("AWS_ENDPOINT_URL"):
        yield "AWS_ENDPOINT_URL", ("endpoint_url", endpoint)
    for variable, endpoint in sorted(environ.items()):
        if variable.startswith("AWS_ENDPOINT_URL_") and endpoint:
            service = variable.removeprefix("AWS_ENDPOINT_URL_").lower()
            yield variable, (f"endpoint_url ({one_line(service)})", endpoint)


def ignores_endpoints(part: Part) -> bool:
    """Say whether configured endpoints are to be passed over."""
    file = part.section.text("ignore_configured_endpoint_urls") or ""
    value = part.reading.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", file)
    return value.lower() == "true"


def _unused(part: Part, name: str) -> str:
    """Say why a setting isn't looked at; empty if it is."""
    if name not in known_settings():
        return "not known" if meant(name) else ""
    if name in {"endpoint_url", "services"} and part.is_target and ignores_endpoints(part):
        return "not used: configured endpoints are ignored"
    if name not in CREDENTIAL_SETTINGS:
        return "" if part.is_target else f"only `{part.target}` decides"
    if part.kind is ProfileKind.INCOMPLETE:
        return ""
    if name in _LOOKS_AT[part.kind] or _own_keys_of_a_role(part, name):
        if name in _KEYS and part.kind is ProfileKind.STATIC_KEYS:
            return _other_file(part.section, name)
        return ""
    return f"not used: {part.kind} goes first"


def _own_keys_of_a_role(part: Part, name: str) -> bool:
    is_own_source = part.profile.source_profile == part.profile.name
    return name in _KEYS and part.kind is ProfileKind.ASSUME_ROLE and is_own_source


def _other_file(section: Section, name: str) -> str:
    """Keys are taken from one file; what belongs to them and stands in the other is left."""
    if "aws_access_key_id" in section.in_credentials and name not in section.in_credentials:
        return "not used: the keys are in the credentials file"
    return ""
