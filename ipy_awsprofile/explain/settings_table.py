"""The table of a profile's settings: values, locations, and whether they are used.

Only values of known settings are shown, because the value of a misspelled setting can be a secret.

https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ipy_awsprofile.config.profiles import KEY_PAIR, SESSION_TOKENS, ProfileKind
from ipy_awsprofile.config.settings import (
    COMMANDS,
    CREDENTIAL_SETTINGS,
    SECRET_SETTINGS,
    About,
    known_settings,
    settings_about,
    similar_setting,
)
from ipy_awsprofile.config.shared_files import Section, Value
from ipy_awsprofile.explain.records import OPTIONS, Link, Setting, one_line
from ipy_awsprofile.text import program, redacted_urls

_KEYS = set(settings_about(About.KEYS))
_ROLE = set(settings_about(About.ROLE))

#: The credential settings that each kind of profile uses.
_USED_BY: Mapping[ProfileKind, set[str]] = {
    ProfileKind.STATIC_KEYS: _KEYS,
    ProfileKind.ASSUME_ROLE: _ROLE | {"source_profile"},
    ProfileKind.CREDENTIAL_SOURCE: _ROLE | {"credential_source"},
    ProfileKind.WEB_IDENTITY: {"web_identity_token_file", "role_arn", "role_session_name"},
    ProfileKind.SSO: set(settings_about(About.SSO)),
    ProfileKind.LOGIN_SESSION: {"login_session"},
    ProfileKind.CREDENTIAL_PROCESS: {"credential_process"},
}


def shown_value(name: str, value: Value) -> str:
    """Return a value for display, with ``set`` in place of a secret."""
    if not value:
        return "empty"
    if name in SECRET_SETTINGS or name not in known_settings():
        return "set"
    if isinstance(value, dict):
        return one_line(", ".join(value))  # only the names, which can be any text
    if name in COMMANDS:
        return f"{program(value) or 'a command'} …"
    first, *below = value.split("\n")  # an indented line below can be a secret
    return one_line(redacted_urls(first)) + " …" * bool(below)


def settings_of(link: Link, also: Section | None = None) -> Iterator[Setting]:
    """Yield a profile's settings, including overridden settings, and overriding variables.

    ``also`` is a section that the profile refers to.
    """
    variables = dict(_variables(link)) if link.is_target else {}
    for variable, (name, text) in variables.items():
        yield Setting(name=name, value=one_line(redacted_urls(text)), variable=variable)
    overriding = {name: variable for variable, (name, _) in variables.items()}
    for name in link.section:
        if link.is_target and name in link.inputs.options:
            value = shown_value(name, link.section[name])
            yield Setting(name=name, value=value, variable=OPTIONS[name])
            continue
        by = overriding.get(name)
        note = f"{by} takes precedence" if by else _why_unused(link, name)
        yield _setting(link.section, name, note)
        if name in link.section.overridden:
            file, line = link.section.overridden[name]
            note = "the credentials file takes precedence"
            if _is_key_of(link, name) and KEY_PAIR[0] not in link.section.in_credentials:
                note = _why_unused_key(link.section, name, in_credentials=False)
            yield Setting(name=name, value="", file=file, line=line, note=note)
    if link.is_target:
        yield from _endpoints_of_services(link, overriding)
    if also is not None:
        yield from (_setting(also, name) for name in also)


def _endpoints_of_services(link: Link, overriding: Mapping[str, str]) -> Iterator[Setting]:
    """Yield the endpoints of the [services] section, which override the profile's endpoint."""
    section = link.inputs.config.services.get(link.section.text("services") or "")
    if section is None:
        return
    for service, block in section.items():
        if not isinstance(block, dict) or "endpoint_url" not in block:
            continue
        name = f"endpoint_url ({one_line(service)})"
        by = overriding.get(name) or overriding.get("endpoint_url")
        note = f"{by} takes precedence" if by else _why_unused(link, "services")
        file, line = section.origins[service]
        value = one_line(redacted_urls(block["endpoint_url"]))
        yield Setting(name=name, value=value, file=file, line=line, note=note)


def _setting(section: Section, name: str, note: str = "") -> Setting:
    file, line = section.origins[name]
    return Setting(
        name=name, value=shown_value(name, section[name]), file=file, line=line, note=note
    )


def _variables(link: Link) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield variables and ``--region`` if they override settings, as ``(name, (setting, value))``.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    environ = link.inputs.environ
    if link.inputs.region:
        yield "--region", ("region", link.inputs.region)
    elif region := environ.get("AWS_DEFAULT_REGION"):
        yield "AWS_DEFAULT_REGION", ("region", region)
    if ignores_endpoints(link):
        return
    if endpoint := environ.get("AWS_ENDPOINT_URL"):
        yield "AWS_ENDPOINT_URL", ("endpoint_url", endpoint)
    for variable, endpoint in sorted(environ.items()):
        if variable.startswith("AWS_ENDPOINT_URL_") and endpoint:
            service = variable.removeprefix("AWS_ENDPOINT_URL_").lower()
            yield variable, (f"endpoint_url ({one_line(service)})", endpoint)


def ignores_endpoints(link: Link) -> bool:
    """Return whether botocore ignores endpoints in files and variables."""
    file = link.section.text("ignore_configured_endpoint_urls") or ""
    value = link.inputs.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", file)
    return value.lower() == "true"


def _why_unused(link: Link, name: str) -> str:
    """Return the reason why a setting isn't used, or an empty text if it is used."""
    if name not in known_settings():
        return "not an AWS setting" if similar_setting(name) else ""
    if name in {"endpoint_url", "services"} and link.is_target and ignores_endpoints(link):
        return "not used: configured endpoints are ignored"
    if name not in CREDENTIAL_SETTINGS:
        return "" if link.is_target else "not used in a source profile"
    if link.kind is ProfileKind.INCOMPLETE:
        return ""
    if name in _USED_BY[link.kind] or _own_keys_of_a_role(link, name):
        if _is_key_of(link, name):
            here = name in link.section.in_credentials
            return _why_unused_key(link.section, name, in_credentials=here)
        return ""
    if name == "mfa_serial" and link.kind is ProfileKind.STATIC_KEYS:
        return "used only with --mfa" if link.is_target else "not used in a source profile"
    return f"not used: {link.kind} takes precedence"


def _own_keys_of_a_role(link: Link, name: str) -> bool:
    is_own_source = link.profile.source_profile == link.profile.name
    return name in _KEYS and link.kind is ProfileKind.ASSUME_ROLE and is_own_source


def _is_key_of(link: Link, name: str) -> bool:
    return name in _KEYS and link.kind is ProfileKind.STATIC_KEYS


def _why_unused_key(section: Section, name: str, *, in_credentials: bool) -> str:
    """Return the reason why a key or token in a file isn't used, or an empty text if it is used.

    botocore reads all of them from one file, and the first of two tokens.
    """
    reads_credentials = KEY_PAIR[0] in section.in_credentials
    if in_credentials != reads_credentials:
        file = "credentials" if reads_credentials else "config"
        return f"not used: the keys are in the {file} file"
    there = section.in_credentials if in_credentials else section.in_config
    first = next((token for token in SESSION_TOKENS if token in there), name)
    return "" if name in {*KEY_PAIR, first} else f"{first} takes precedence"
