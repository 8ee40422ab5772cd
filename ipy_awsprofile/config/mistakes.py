"""Find mistakes in the shared files that make a switch fail or have an unexpected effect.

botocore and AWS don't report most of the mistakes that this module finds. ``%aws_profile
--explain`` warns about all mistakes. If a mistake can be the cause of an error, the error's hint
describes the mistake. The messages never quote a value that can be a secret.

https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from ipy_awsprofile.config.files import Config, Section, locations_of
from ipy_awsprofile.config.parameters import PARAMETERS
from ipy_awsprofile.config.profiles import ASSUMES, Profile, ProfileKind, advice_for
from ipy_awsprofile.config.regions import partition_of, unknown_region
from ipy_awsprofile.config.settings import (
    COMMANDS,
    CREDENTIALS,
    KEYS,
    known_settings,
    number_settings,
    similar_setting,
)
from ipy_awsprofile.config.sign_ins import (
    advice_for_session,
    portal_advice,
    sign_in_of,
    wrong_header_of,
)
from ipy_awsprofile.config.target import Target
from ipy_awsprofile.config.user_environment import user_environment, user_variable
from ipy_awsprofile.text import choice_of, did_you_mean, letters_of, misspelled, one_line


class Mistake(NamedTuple):
    """A setting that is wrong or missing, with a message that says what to write instead."""

    setting: str
    text: str


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
    return [*mistakes, *_partitions(target)]


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
        for mistake in _values(part):
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


# Values of settings -------------------------------------------------------------------------------


def _values(part: _Part) -> Iterator[Mistake]:
    """Yield the mistakes in the values of a section's settings."""
    if part.header.startswith("services "):
        yield from _of_services(part.section)
        return
    for name, value in part.section.items():
        problem = _problem(name, value, part.section)
        if problem:
            yield Mistake(name, problem)
    if _has_swapped_keys(part.section):
        yield Mistake(
            "aws_access_key_id",
            "`aws_access_key_id` contains the secret access key, and `aws_secret_access_key` "
            "contains the access key ID. Swap the two values.",
        )


def _problem(name: str, value: str | Mapping[str, str], section: Section) -> str:
    """Return a description of a setting's mistake and its correction, or an empty string."""
    if isinstance(value, Mapping):
        return _in_block(name, value)
    if name == "s3":  # botocore can't create a client with it, even if it is empty
        return f"`s3` {_NOT_INDENTED}"
    if not value:
        return f"`{name}` {_EMPTY}" if _needs_value(name, section) else ""
    fault = _fault_of_name(name, section)
    if not fault and name in known_settings():
        fault = _fault_of_value(name, value)
    if not fault:
        return ""
    return f"`{one_line(name, 40)}` {fault}"


_EMPTY = "is empty. Write a value, or remove the line."


def _needs_value(name: str, section: Section) -> bool:
    """Return whether botocore uses an empty value of a setting instead of ignoring the setting."""
    if name in number_settings() or name in _CHOICES:
        return True
    is_assumed = "source_profile" in section or "credential_source" in section
    return is_assumed and name in {"external_id", "mfa_serial"}


def _fault_of_name(name: str, section: Section) -> str:
    """Return a phrase that describes the mistake in a setting's name, or an empty string."""
    if name in _OF_AWS_VAULT:
        return _OF_AWS_VAULT[name]
    instead = instead_of_option(name, section)
    if instead:
        return f"isn't an AWS setting, so it is ignored. {instead}"
    if _ENDPOINT_OF_SERVICE.fullmatch(name):
        return f"isn't an AWS setting, so it is ignored. {_SERVICES}"
    similar = similar_setting(name)
    if similar and similar.startswith("sso_") and "source_profile" in section:
        if "role_arn" in section:
            return ""
        return "isn't an AWS setting, so it is ignored. Write the ARN of the role as `role_arn`."
    if similar and similar not in section:
        return f"isn't an AWS setting, so it is ignored. Did you mean `{similar}`?"
    return ""


def _fault_of_value(name: str, value: str) -> str:
    """Return a phrase that describes the mistake in a known setting's value, or an empty string."""
    if name in COMMANDS:
        return "" if _starts(value) else _NO_PROGRAM
    for pattern, fault in _MARKS.items():
        if re.search(pattern, value):
            return fault
    if name in number_settings():
        return _number(value)
    if name in _CHOICES and value not in _CHOICES[name]:
        return f"must be {choice_of(_CHOICES[name])}."
    check = _CHECKS.get(name)
    if check is None:
        return ""
    return check(value)


_INHERITS = (
    "is a setting of aws-vault, which AWS's tools ignore. Copy that profile's settings to this one."
)

#: Settings of aws-vault that change what a profile is, and what to write instead.
_OF_AWS_VAULT = {"include_profile": _INHERITS, "parent_profile": _INHERITS}

#: What to write instead of a setting that is named like an option of a switch.
_OPTIONS = {
    "duration": "To limit a session's duration, add `--duration` to `%aws_profile`.",
    "expect_account": "To check the account, add `--expect-account` to `%aws_profile`.",
    "mfa": "Remove the line.",
    "policy": "To limit a session with a policy, add `--policy FILE` to `%aws_profile`.",
    "protected": "To require confirmation, list the profile in `AwsProfileMagics.protected`.",
    "read_only": "To limit a session to reading, add `--read-only` to `%aws_profile`, or list "
    "the profile in `AwsProfileMagics.read_only`.",
    "session_name": "Remove the line, because only a profile with a role has a session name.",
    "write": "To write with a profile in `AwsProfileMagics.read_only`, add `--write` to "
    "`%aws_profile`.",
}
_OPTION_BY_LETTERS = {letters_of(name): name for name in _OPTIONS}


def instead_of_option(name: str, section: Section) -> str:
    """Return advice about a setting that is named like an option of a switch, or ""."""
    option = _OPTION_BY_LETTERS.get(letters_of(name))
    if option is None:
        return ""
    kind = Profile("", section).kind
    parameter = PARAMETERS.get(option)
    if parameter and kind in parameter.kinds:
        return f"Write `{parameter.setting}` instead."
    if option == "mfa" and kind is ProfileKind.STATIC_KEYS:
        return "Write `mfa_serial` with your MFA device's ARN, and add `--mfa` to `%aws_profile`."
    if option == "mfa" and kind in ASSUMES:
        return "Write `mfa_serial` with your MFA device's ARN."
    return _OPTIONS[option]


def ignored_limits(target: Target) -> list[str]:
    """Return messages about settings that seem to limit a profile's session but have no effect."""
    section = target.config.profiles.get(target.name, {})
    limits = {
        "readonly": target.request.read_only,
        "policy": target.request.policy,
        "durationseconds": target.request.duration,
    }
    warnings: list[str] = []
    for name, value in section.items():
        is_limited = limits.get(letters_of(name), True)
        if value and not is_limited:
            warnings.append(_problem(name, value, section))
    return list(filter(None, warnings))


def faults_of_clients(target: Target) -> list[str]:
    """Return messages about settings and variables that prevent botocore from creating a client.

    A switch succeeds despite the mistakes, because a switch creates its own clients.
    """
    part = _Part(f"profile {target.profile}", _used(target.profile, target.config))
    mistakes = list(_variables())
    for setting, text in _values(part):
        mistakes.append(Mistake(setting, text + part.locate(setting, target.config)))
    return texts_about(OF_CLIENTS | number_settings().keys(), mistakes)


#: What botocore takes for a part of a value.
_MARKS = {
    r"\n": "includes the indented lines below it. Remove their indentation.",
    r"\s[#;]": "includes a comment. Move the comment to its own line.",
    "^[\"'“‘].*[\"'”’]$": "includes its quotation marks. Remove them.",
}

_NOT_INDENTED = "must have its settings on the lines below it, with each line indented."
_NO_PROGRAM = "names a program that isn't on the PATH. Install it, or write its full path."
_ENDPOINT_OF_SERVICE = re.compile(r"endpoint_url[_.]\w+|\w+\.endpoint_url")
_SERVICES = (
    "To set the endpoint of a service, write a [services NAME] section, and `services = NAME` in "
    "the profile."
)
_NO_URL = "needs a scheme and a host, such as `http://localhost:9000`."


def _in_block(name: str, block: Mapping[str, str]) -> str:
    """Return a message about the mistake in an indented block, or an empty string."""
    if name in _TEXTS:
        return f"The value of `{name}` must be on the same line as the equals sign."
    url = block.get("endpoint_url")
    if url and not _is_url(url):
        return f"The `endpoint_url` of `{name}` {_NO_URL}"
    return ""


def _of_services(section: Section) -> Iterator[Mistake]:
    """Yield the mistakes in a [services] section, which has a block for each service."""
    for service, block in section.items():
        problem = ""
        if isinstance(block, Mapping):
            problem = _in_block(service, block) or _misspelled_in_block(service, block)
        elif service == "endpoint_url":
            problem = "`endpoint_url` must be indented, below the name of a service."
        else:
            problem = f"`{one_line(service, 40)}` {_NOT_INDENTED}"
        if problem:
            yield Mistake(service, problem)


def _misspelled_in_block(service: str, block: Mapping[str, str]) -> str:
    """Return a message about a service's misspelled `endpoint_url`, or an empty string."""
    for name in block:
        if name != "endpoint_url" and misspelled(name, ["endpoint_url"]):
            return (
                f"`{one_line(name, 40)}` of `{one_line(service, 40)}` isn't an AWS setting, so it "
                "is ignored. Did you mean `endpoint_url`?"
            )
    return ""


#: Settings that can't be a block.
_TEXTS = CREDENTIALS | {"ca_bundle", "endpoint_url", "region", "services"}


def is_program(name: str) -> bool:
    """Return whether the user's environment has a program with this name or path."""
    return shutil.which(name, path=user_variable("PATH")) is not None


def _starts(command: str) -> bool:
    """Return whether a command's program exists or might exist."""
    try:
        first, *_ = shlex.split(command, posix=os.name != "nt")
    except ValueError:
        return False
    first = first.strip('"')
    # A shell runs an mfa_process, so its first word can be anything.
    return is_program(first) or not re.fullmatch(r"[\w./\\:~+-]+", first)


def _is_url(text: str) -> bool:
    """Return whether botocore can use a string as the URL of an endpoint."""
    try:
        url = urlsplit(text)
        return url.scheme in {"http", "https"} and bool(url.hostname)
    except ValueError:
        return False


def _has_swapped_keys(section: Section) -> bool:
    """Return whether a section has its access key ID and its secret access key swapped."""
    access_key, secret = (str(section.get(name, "")) for name in _KEY_PAIR)
    return bool(_KEY_ID.fullmatch(secret)) and not _KEY_ID.fullmatch(access_key)


_KEY_PAIR = ("aws_access_key_id", "aws_secret_access_key")

#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
_KEY_ID = re.compile(r"A(KIA|SIA)[A-Z0-9]{16}")


def _arn(value: str) -> str:
    if re.fullmatch(r"arn:[\w-]+:iam::\d{12}:role/[\w+=,.@/-]+", value):
        return ""
    return "isn't the ARN of a role. Example: arn:aws:iam::123456789012:role/NAME."


def _account(value: str) -> str:
    if re.fullmatch(r"\d{12}", value, re.ASCII):
        return ""
    return "isn't an account ID, which has 12 digits."


def _number(value: str) -> str:
    try:
        int(value)
    except ValueError:
        return "must be a whole number, such as 10."
    return ""


def _seconds(value: str) -> str:
    if not value.isdigit():
        return "isn't a number of seconds, so botocore ignores it. Example: 3600."
    if int(value) < _SHORTEST:
        return f"must be at least {_SHORTEST}."
    return ""


#: The shortest session of a role, in seconds, and the longest, of a role that a role assumes too.
_SHORTEST = 900
_LONGEST = 43200
_LONGEST_CHAINED = 3600


def _device(value: str) -> str:
    if not re.match(r"arn:[\w-]+:iam::\d{12}:user/", value):
        return ""
    return (
        "is the ARN of a user, not of the user's MFA device. `aws iam list-mfa-devices` shows the "
        "device's `SerialNumber`, such as arn:aws:iam::123456789012:mfa/NAME."
    )


def _region(value: str) -> str:
    problem = unknown_region(value)
    return f"isn't right: {problem}" if problem else ""


def _url(value: str) -> str:
    return "" if _is_url(value) else _NO_URL


def _file(value: str) -> str:
    if os.path.exists(value):
        return ""
    if value.startswith("~"):
        return "must be the whole path of the file: botocore doesn't replace `~`."
    return "names a file that doesn't exist. Correct its path, or create the file again."


#: What is wrong with a value that only AWS or the system would refuse, or that botocore ignores.
_CHECKS = {
    "ca_bundle": _file,
    "duration_seconds": _seconds,
    "endpoint_url": _url,
    "mfa_serial": _device,
    "role_arn": _arn,
    "sso_account_id": _account,
    "sso_region": _region,
    "web_identity_token_file": _file,
}


#: The values of settings that botocore doesn't check before it creates a client, and their
#: environment variables.
_CHOICES = {"retry_mode": ("legacy", "standard", "adaptive")}
_VARIABLES_OF_CHOICES = {"AWS_RETRY_MODE": "retry_mode"}

#: The settings whose mistakes prevent botocore from creating a client.
OF_CLIENTS = frozenset({*_CHOICES, "s3"})


# Profiles and their sections ----------------------------------------------------------------------


#: The settings that refer to another section.
_REFERENCES = {"services", "source_profile", "sso_session"}


def _of_profile(profile: Profile, config: Config) -> Iterator[Mistake]:
    """Yield the mistakes in a profile's header and in its references to other sections."""
    part = _Part(f"profile {profile}", {})
    for location in locations_of(config.paths, f"profile profile {profile}"):
        text = f"[profile {profile}] isn't `{profile}` here. Write [{profile}]. See {location}."
        yield Mistake("aws_access_key_id", text)
    source = profile.source_profile
    if profile.kind is ProfileKind.ASSUME_ROLE and source and source not in config.profiles:
        advice = advice_for(source, config) or "`%aws_profiles` lists the profiles."
        yield Mistake("source_profile", advice + part.locate("source_profile", config))
    if _has_role_beside_sign_in(profile):
        text = (
            "botocore doesn't use the SSO settings of a profile with a `role_arn`. To use the "
            "role of the sign-in, remove `role_arn`. To assume the role in `role_arn`, move the "
            "SSO settings to a separate profile, and write its name as `source_profile`."
        )
        yield Mistake("source_profile", text + part.locate("role_arn", config))
    services = profile.text("services")
    if services and services not in config.services:
        advice = did_you_mean(services, config.services)
        advice = advice or f"Write a section [services {services}] in the config file."
        yield Mistake("services", advice + part.locate("services", config))
    if profile.kind is ProfileKind.SSO:
        yield from _of_sign_in(profile, part, config)


def _has_role_beside_sign_in(profile: Profile) -> bool:
    """Return whether a profile combines a role that has no source with a sign-in's settings."""
    is_incomplete = profile.kind is ProfileKind.INCOMPLETE and bool(profile.role_arn)
    return is_incomplete and bool(profile.text("sso_account_id") or profile.text("sso_role_name"))


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
        yield Mistake("sso_region", portal_advice(section))


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
        if variable.startswith("AWS_ENDPOINT_URL") and value and not _is_url(value):
            yield Mistake("endpoint_url", f"`{variable}` {_NO_URL}")
    for variable in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        path = environ.get(variable)
        if path and not os.path.exists(path):
            yield Mistake("ca_bundle", f"`{variable}` names a file that doesn't exist.")
    for setting, variable in number_settings().items():
        if _number(environ.get(variable, "0")):
            yield Mistake(setting, f"`{variable}` must be a whole number. {_correct(variable)}")
    for variable, setting in _VARIABLES_OF_CHOICES.items():
        values = _CHOICES[setting]
        if environ.get(variable, values[0]) not in values:
            text = f"`{variable}` must be {choice_of(values)}. {_correct(variable)}"
            yield Mistake(setting, text)


def _correct(variable: str) -> str:
    """Return a sentence that says how to correct an environment variable in a notebook."""
    return f"Correct the variable, or remove it with `import os; del os.environ[{variable!r}]`."


def texts_about(settings: Collection[str], mistakes: Iterable[Mistake]) -> list[str]:
    """Return the messages about mistakes in the given settings, without duplicates."""
    return list(dict.fromkeys(text for setting, text in mistakes if setting in settings))
