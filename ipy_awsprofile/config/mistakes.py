"""Find mistakes in the shared files that make a switch fail or have an unexpected effect.

botocore and AWS don't report most of the mistakes that this module finds. ``%aws_profile
--explain`` warns about all mistakes. If a mistake can be the cause of an error, the error's hint
describes the mistake. The messages never quote a value that can be a secret.

https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from ipy_awsprofile.config.files import Config, Section, locations_of
from ipy_awsprofile.config.names import RoleName
from ipy_awsprofile.config.parameters import PARAMETERS
from ipy_awsprofile.config.profiles import ASSUMES, Profile, ProfileKind, advice_for
from ipy_awsprofile.config.regions import partition_of
from ipy_awsprofile.config.request import SessionRequest, options_of
from ipy_awsprofile.config.settings import (
    KEYS,
    number_settings,
    similar_setting,
)
from ipy_awsprofile.config.sign_ins import (
    advice_for_session,
    names_of_role,
    portal_advice,
    sign_in_of,
    wrong_header_of,
)
from ipy_awsprofile.config.target import Target
from ipy_awsprofile.config.user_environment import user_environment
from ipy_awsprofile.config.values import (
    CHOICES,
    NO_URL,
    OF_CLIENTS,
    VARIABLES_OF_CHOICES,
    Mistake,
    fault_of_number,
    is_url,
    mistakes_in_section,
    mistakes_in_services,
    problem_of,
)
from ipy_awsprofile.text import choice_of, did_you_mean, letters_of, one_line


class _Part(NamedTuple):
    """A section of the shared files, with its header in the form that `locations_of` expects."""

    header: str
    section: Section

    def locate(self, setting: str, config: Config) -> str:
        """Return a sentence that names the location of a setting, or an empty string."""
        locations = locations_of(config.paths, self.header, setting)
        return f" See {locations[-1]}." if locations else ""


def mistakes_of(target: Target) -> list[Mistake]:
    """Return the mistakes in a target's files, options and environment variables."""
    mistakes = mistakes_in(target.chain, target.config)
    if target.region != target.profile.region:  # an option or a variable takes precedence
        mistakes = [mistake for mistake in mistakes if mistake.setting != "region"]
    region = target.unknown_region
    if region and not texts_about({"region"}, mistakes):
        mistakes.insert(0, Mistake("region", region + _origin_of_region(target)))
    return [*_of_options(target), *mistakes, *_partitions(target), *_assigned_roles(target)]


def _of_options(target: Target) -> Iterator[Mistake]:
    """Yield the mistakes in a session's parameters that don't come from the profile's settings."""
    flags = {name: declared.flag for name, declared in options_of(SessionRequest).items()}
    section = target.config.profiles.get(target.profile, {})
    for name, parameter in PARAMETERS.items():
        setting = parameter.setting
        value = target.profile.text(setting)
        if name not in flags or value in (None, section.get(setting)):
            continue
        problem = problem_of(setting, value or "", target.profile.settings)
        if problem and getattr(target.request, name) is not None:
            yield Mistake(setting, problem.replace(f"`{setting}`", f"`{flags[name]}`", 1))
        elif problem and name == "session_name":  # from a setting of the magics, or a variable
            yield Mistake(setting, problem.replace(f"`{setting}`", "The session's name", 1))


def _partitions(target: Target) -> Iterator[Mistake]:
    """Yield a mistake for each role that isn't in the partition of the target's Region."""
    region = target.region or ""
    partition = partition_of(region)
    for profile in target.chain:
        arn = re.match(r"arn:([\w-]+):iam:", profile.role_arn or "")
        if profile.kind not in ASSUMES or arn is None:
            continue
        if partition and arn[1] != partition:
            see = _Part(f"profile {profile}", {}).locate("role_arn", target.config)
            text = (
                f"`role_arn` is in AWS's partition `{arn[1]}`, but the Region `{region}` is in "
                f"`{partition}`. Correct one of the two.{see}"
            )
            yield Mistake("role_arn", text)


def _assigned_roles(target: Target) -> Iterator[Mistake]:
    """Yield a mistake for each role of IAM Identity Center that a profile would assume itself.

    https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html
    """
    for profile in target.chain:
        named = RoleName.parse(profile.role_arn or "")
        if profile.kind not in ASSUMES or named is None or not named.is_assigned:
            continue
        text = (
            "`role_arn` is a role of IAM Identity Center. Only a sign-in can use this role, and "
            "other credentials can't assume it."
        )
        names = names_of_role(named, target.config)
        if names:
            text += f" Use {choice_of(names)} instead."
        see = _Part(f"profile {profile}", {}).locate("role_arn", target.config)
        yield Mistake("role_arn", f"{text}{see}")


def _origin_of_region(target: Target) -> str:
    """Return a sentence that names the source of a target's Region, or an empty string."""
    if target.region_variable:
        return f" The Region comes from {target.region_variable}."
    if target.request.region:
        return ""
    header = f"profile {target.profile}"
    return _Part(header, {}).locate("region", target.config)


def mistakes_in(chain: tuple[Profile, ...], config: Config) -> list[Mistake]:
    """Return the mistakes in a role chain's profiles and in the sections that the profiles name."""
    mistakes: list[Mistake] = []
    with_wrong_value: set[tuple[str, str]] = set()
    for part in _parts(chain, config):
        for mistake in _values_in(part):
            with_wrong_value.add((part.header, mistake.setting))
            see = part.locate(mistake.setting, config)
            # A misspelled name is at its own location, but it is about the right one.
            setting = similar_setting(mistake.setting) or mistake.setting
            mistakes.append(Mistake(setting, mistake.text + see))
    for profile in chain:
        for mistake in _of_profile(profile, config):
            # A name in quotation marks also refers to nothing, but it has only one mistake.
            is_known = (f"profile {profile}", mistake.setting) in with_wrong_value
            if not is_known or mistake.setting not in _REFERENCES:
                mistakes.append(mistake)
    if chain[-1].kind is ProfileKind.INCOMPLETE:
        mistakes += _exported_keys(chain[-1], config)
    mistakes += _durations(chain, config)
    mistakes += _variables()
    return mistakes


def _parts(chain: tuple[Profile, ...], config: Config) -> Iterator[_Part]:
    """Yield the sections of a role chain's profiles and the sections that the profiles name."""
    for profile in chain:
        yield _Part(f"profile {profile}", _used(profile, config))
        session = profile.text("sso_session")
        if session:
            yield _Part(f"sso-session {session}", config.sso_sessions.get(session, {}))
    services = chain[0].text("services")
    if services:
        yield _Part(f"services {services}", config.services.get(services, {}))


def _used(profile: Profile, config: Config) -> Section:
    """Return a profile's settings from the files, except for settings that options replace."""
    section = config.profiles.get(profile, {})
    own = {**section, **profile.settings}
    return {name: value for name, value in section.items() if own[name] == value}


def _values_in(part: _Part) -> Iterator[Mistake]:
    """Yield the mistakes in the values of a section's settings."""
    if part.header.startswith("services "):
        return mistakes_in_services(part.section)
    return mistakes_in_section(part.section)


def ignored_limits(target: Target) -> list[str]:
    """Return messages about settings that seem to limit a profile's session but have no effect."""
    section = target.config.profiles.get(target.name, {})
    expected = getattr(target.request, "expect_account", None)  # only a switch has this option
    limits = {
        "readonly": target.request.read_only,
        "policy": target.request.policy,
        "durationseconds": target.request.duration,
        "expectaccount": expected,
        "expectedaccount": expected,
        "protected": None,  # only a setting of the magics has an effect
    }
    warnings: list[str] = []
    for name, value in section.items():
        is_limited = limits.get(letters_of(name), True)
        if value and not is_limited:
            warnings.append(problem_of(name, value, section))
    return list(filter(None, warnings))


def faults_of_clients(target: Target) -> list[str]:
    """Return messages about settings and variables that prevent botocore from creating a client.

    A switch succeeds despite the mistakes, because a switch creates its own clients.
    """
    part = _Part(f"profile {target.profile}", _used(target.profile, target.config))
    mistakes = list(_variables())
    for setting, text in mistakes_in_section(part.section):
        mistakes.append(Mistake(setting, text + part.locate(setting, target.config)))
    return texts_about(OF_CLIENTS | number_settings().keys(), mistakes)


# Profiles and their sections ----------------------------------------------------------------------


#: The longest session of a role, in seconds, and of a role that a role assumes.
_LONGEST = 43200
_LONGEST_CHAINED = 3600

#: The settings that refer to another section.
_REFERENCES = {"services", "source_profile", "sso_session"}


def _of_profile(profile: Profile, config: Config) -> Iterator[Mistake]:
    """Yield the mistakes in a profile's header and in its references to other sections."""
    part = _Part(f"profile {profile}", {})
    for location in locations_of(config.paths, f"profile profile {profile}"):
        text = f"[profile {profile}] isn't `{profile}` here. Write [{profile}]. See {location}."
        yield Mistake("aws_access_key_id", text)
    yield from _of_source(profile, part, config)
    services = profile.text("services")
    if services and services not in config.services:
        advice = did_you_mean(services, config.services)
        advice = advice or f"Write a section [services {services}] in the config file."
        yield Mistake("services", advice + part.locate("services", config))
    if profile.kind is ProfileKind.SSO:
        yield from _of_sign_in(profile, part, config)


def _of_source(profile: Profile, part: _Part, config: Config) -> Iterator[Mistake]:
    """Yield the mistakes in the settings that name the source of a role's credentials."""
    source = profile.source_profile
    if profile.kind is ProfileKind.ASSUME_ROLE and source and source not in config.profiles:
        advice = _instead_of_session(source, config) or advice_for(source, config)
        advice = advice or "`%aws_profiles` lists the profiles."
        yield Mistake("source_profile", advice + part.locate("source_profile", config))
    if _has_role_beside_sign_in(profile):
        text = (
            "botocore doesn't use the SSO settings of a profile with a `role_arn`. To use the "
            "role of the sign-in, remove `role_arn`. To assume the role in `role_arn`, move the "
            "SSO settings to a separate profile, and write its name as `source_profile`."
        )
        yield Mistake("source_profile", text + part.locate("role_arn", config))
    if _has_keys_beside_role(profile, config):
        text = (
            f"`{profile}` has access keys itself. To assume the role with these keys, add "
            f"`source_profile = {profile}`. To use the keys without the role, remove `role_arn`."
        )
        yield Mistake("source_profile", text + part.locate("role_arn", config))


def _instead_of_session(name: str, config: Config) -> str:
    """Return advice if a ``source_profile`` is the name of an [sso-session], or else ""."""
    if name not in config.sso_sessions:
        return ""
    profiles = [each for each, own in config.profiles.items() if own.get("sso_session") == name]
    says = f"`{name}` is an [sso-session]. As `source_profile`, write the name of a profile"
    if profiles:
        return f"{says} that uses it, such as `{profiles[0]}`."
    return f"{says} with `sso_session = {name}`, `sso_account_id` and `sso_role_name`."


def _has_role_beside_sign_in(profile: Profile) -> bool:
    """Return whether a profile combines a role that has no source with a sign-in's settings."""
    is_incomplete = profile.kind is ProfileKind.INCOMPLETE and bool(profile.role_arn)
    return is_incomplete and bool(profile.text("sso_account_id") or profile.text("sso_role_name"))


def _has_keys_beside_role(profile: Profile, config: Config) -> bool:
    """Return whether a profile combines a role that has no source with access keys."""
    names = config.profiles.get(profile, {}).keys()
    if not names >= {"role_arn", "aws_access_key_id", "aws_secret_access_key"}:
        return False
    return names.isdisjoint({"source_profile", "credential_source", "web_identity_token_file"})


def _of_sign_in(profile: Profile, part: _Part, config: Config) -> Iterator[Mistake]:
    """Yield the mistake in a profile's reference to its sign-in, or in the sign-in's address."""
    session = profile.text("sso_session")
    if session and session not in config.sso_sessions:
        advice = advice_for_session(session, config)
        header = wrong_header_of(session, config)
        see = part.locate("sso_session", config)
        if header:
            see = _Part(header, {}).locate("", config)
        yield Mistake("sso_session", advice + see)
        return
    sign_in = sign_in_of(profile.settings, config)
    if sign_in is None or not sign_in.has_address:
        section = config.sso_sessions.get(session or "", profile.settings)
        advice = portal_advice(section)
        if session and "region" in section and "sso_region" not in section:
            see = _Part(f"sso-session {session}", {}).locate("region", config)
            advice = f"In [sso-session {session}], write `sso_region` instead of `region`.{see}"
        yield Mistake("sso_region", advice)
    elif session:
        yield from _differences(profile, session, config)


#: The settings of an [sso-session] that botocore uses, which can also be in a profile.
_OF_SIGN_IN = {"sso_start_url", "sso_region"}


def _differences(profile: Profile, session: str, config: Config) -> Iterator[Mistake]:
    """Yield a mistake for each setting of an [sso-session] whose value in the profile differs.

    botocore refuses different values even for settings that it doesn't use, such as ``region``.
    """
    for name, value in config.sso_sessions[session].items():
        if profile.settings.get(name, value) == value:
            continue
        if name in _OF_SIGN_IN:
            see = _Part(f"profile {profile}", {}).locate(name, config)
            advice = f"Remove `{name}` from the profile, or write the same value there."
        else:
            see = _Part(f"sso-session {session}", {}).locate(name, config)
            advice = f"Remove `{name}` from [sso-session {session}]."
        says = (
            f"botocore refuses different values of `{name}` in the profile and in "
            f"[sso-session {session}]."
        )
        yield Mistake("sso_region", f"{says} {advice}{see}")


def _exported_keys(profile: Profile, config: Config) -> Iterator[Mistake]:
    """Yield a mistake for each key in an ``export`` line, as copied from AWS's access portal.

    botocore reads an ``export`` line as a setting of the section above the line.
    """
    for name, section in config.profiles.items():
        for setting in section:
            if setting.removeprefix("export ") not in KEYS or setting in KEYS:
                continue
            see = _Part(f"profile {name}", {}).locate(setting, config)
            yield Mistake(
                "aws_access_key_id",
                "A line that begins with `export` is for a terminal. Write "
                f"[{one_line(profile, 80)}] above such lines, and remove `export ` from each.{see}",
            )
            return


def _durations(chain: tuple[Profile, ...], config: Config) -> Iterator[Mistake]:
    """Yield mistakes for durations that AWS doesn't accept.

    If the profile has an ``endpoint_url``, the durations aren't checked, because other servers have
    different limits.
    """
    if chain[0].text("endpoint_url"):
        return
    for profile, source in zip(chain, (*chain[1:], None), strict=True):
        value = profile.text("duration_seconds") or ""
        if profile.kind not in ASSUMES or not value.isdigit():
            continue
        longest = _LONGEST
        reason = ""
        if source and source.kind in ASSUMES:
            longest = _LONGEST_CHAINED
            reason = ", because a role assumes this role"
        if int(value) > longest:
            see = _Part(f"profile {profile}", {}).locate("duration_seconds", config)
            text = f"`duration_seconds` can be at most {longest}{reason}.{see}"
            yield Mistake("duration_seconds", text)


def _variables() -> Iterator[Mistake]:
    """Yield the mistakes in environment variables that override the settings of every profile."""
    environ = user_environment()
    for variable, value in sorted(environ.items()):
        if variable.startswith("AWS_ENDPOINT_URL") and value and not is_url(value):
            yield Mistake("endpoint_url", f"`{variable}` {NO_URL}")
    for variable in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        path = environ.get(variable)
        if path and not os.path.exists(path):
            yield Mistake("ca_bundle", f"`{variable}` names a file that doesn't exist.")
    for setting, variable in number_settings().items():
        if fault_of_number(environ.get(variable, "0")):
            yield Mistake(setting, f"`{variable}` must be a whole number. {_correct(variable)}")
    for variable, setting in VARIABLES_OF_CHOICES.items():
        values = CHOICES[setting]
        if environ.get(variable, values[0]) not in values:
            text = f"`{variable}` must be {choice_of(values)}. {_correct(variable)}"
            yield Mistake(setting, text)


def _correct(variable: str) -> str:
    """Return a sentence that says how to correct an environment variable in a notebook."""
    return f"Correct the variable, or remove it with `import os; del os.environ[{variable!r}]`."


def texts_about(settings: Collection[str], mistakes: Iterable[Mistake]) -> list[str]:
    """Return the messages about mistakes in the given settings, without duplicates."""
    return list(dict.fromkeys(text for setting, text in mistakes if setting in settings))
