"""Find settings in the shared files that are misspelled or have a wrong value.

The messages never quote a value that can be a secret.

https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from ipy_awsprofile.config.files import Section
from ipy_awsprofile.config.parameters import PARAMETERS
from ipy_awsprofile.config.profiles import ASSUMES, Profile, ProfileKind
from ipy_awsprofile.config.regions import unknown_region
from ipy_awsprofile.config.settings import (
    COMMANDS,
    CREDENTIALS,
    known_settings,
    number_settings,
    similar_setting,
)
from ipy_awsprofile.config.user_environment import user_variable
from ipy_awsprofile.text import choice_of, letters_of, misspelled, one_line


class Mistake(NamedTuple):
    """A setting that is wrong or missing, with a message that says what to write instead."""

    setting: str
    text: str


def mistakes_in_section(section: Section) -> Iterator[Mistake]:
    """Yield the mistakes in the settings of a profile or an [sso-session] section."""
    for name, value in section.items():
        problem = problem_of(name, value, section)
        if problem:
            yield Mistake(name, problem)
    expiry = _expiry_of_keys(section)
    if expiry and expiry < datetime.now(UTC):
        yield Mistake(
            "aws_access_key_id",
            f"The temporary keys expired at {expiry:%Y-%m-%d %H:%M} UTC. Get new keys with the "
            "tool that wrote them.",
        )
    access_key = str(section.get("aws_access_key_id", ""))
    if access_key.startswith(_LONG_TERM) and section.get("aws_session_token"):
        yield Mistake(
            "aws_session_token",
            "`aws_session_token` belongs to other keys, because `aws_access_key_id` is a long-term "
            "key. Remove the line with `aws_session_token`.",
        )
    if _has_swapped_keys(section):
        yield Mistake(
            "aws_access_key_id",
            "`aws_access_key_id` contains the secret access key, and `aws_secret_access_key` "
            "contains the access key ID. Swap the two values.",
        )


def problem_of(name: str, value: str | Mapping[str, str], section: Section) -> str:
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
    if name in number_settings() or name in CHOICES:
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
    if name.startswith("granted_") and "credential_process" in section:  # Granted's own program
        return ""
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
        return fault_of_number(value)
    if name in CHOICES and value not in CHOICES[name]:
        return f"must be {choice_of(CHOICES[name])}."
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
_OPTION_BY_LETTERS["expectedaccount"] = "expect_account"


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
NO_URL = "needs a scheme and a host, such as `http://localhost:9000`."


def _in_block(name: str, block: Mapping[str, str]) -> str:
    """Return a message about the mistake in an indented block, or an empty string."""
    if name in _TEXTS:
        return f"The value of `{name}` must be on the same line as the equals sign."
    url = block.get("endpoint_url")
    if url and not is_url(url):
        return f"The `endpoint_url` of `{name}` {NO_URL}"
    return ""


def mistakes_in_services(section: Section) -> Iterator[Mistake]:
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


def is_url(text: str) -> bool:
    """Return whether botocore can use a string as the URL of an endpoint."""
    try:
        url = urlsplit(text)
        return url.scheme in {"http", "https"} and bool(url.hostname)
    except ValueError:
        return False


#: Settings in which saml2aws, gimme-aws-creds, aws-azure-login and aws-mfa write when the keys that
#: they have written expire.
_EXPIRIES = ("x_security_token_expires", "aws_expiration", "expiration")


def _expiry_of_keys(section: Section) -> datetime | None:
    """Return the time (UTC) at which the keys in a section expire, or None if it isn't written."""
    for name in _EXPIRIES:
        value = section.get(name)
        if not isinstance(value, str) or "aws_access_key_id" not in section:
            continue
        with suppress(ValueError):
            expiry = datetime.fromisoformat(value)
            return expiry if expiry.tzinfo else expiry.replace(tzinfo=UTC)
    return None


def _has_swapped_keys(section: Section) -> bool:
    """Return whether a section has its access key ID and its secret access key swapped."""
    access_key, secret = (str(section.get(name, "")) for name in _KEY_PAIR)
    return bool(_KEY_ID.fullmatch(secret)) and not _KEY_ID.fullmatch(access_key)


_KEY_PAIR = ("aws_access_key_id", "aws_secret_access_key")

#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
_LONG_TERM = "AKIA"
_KEY_ID = re.compile(r"A(KIA|SIA)[A-Z0-9]{16}")


def _arn(value: str) -> str:
    if re.fullmatch(r"arn:[\w-]+:iam::\d{12}:role/[\w+=,.@/-]+", value):
        return ""
    return "isn't the ARN of a role. Example: arn:aws:iam::123456789012:role/NAME."


def _session_name(value: str) -> str:
    if re.fullmatch(r"[\w+=,.@-]*", value, re.ASCII):
        return ""
    fault = "can contain only the letters a-z and A-Z, digits and the characters `_+=,.@-`."
    return f"{fault} botocore doesn't fill in variables." if "$" in value else fault


def _account(value: str) -> str:
    if re.fullmatch(r"\d{12}", value, re.ASCII):
        return ""
    return "isn't an account ID, which has 12 digits."


def fault_of_number(value: str) -> str:
    """Return a phrase that says that a value isn't a whole number, or an empty string."""
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


#: The shortest session of a role, in seconds.
_SHORTEST = 900


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
    return "" if is_url(value) else NO_URL


def _portal(value: str) -> str:
    if is_url(value):
        return ""
    return "needs a scheme and a host, such as `https://example.awsapps.com/start`."


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
    "role_session_name": _session_name,
    "sso_account_id": _account,
    "sso_region": _region,
    "sso_start_url": _portal,
    "web_identity_token_file": _file,
}


#: The values of settings that botocore doesn't check before it creates a client, and their
#: environment variables.
CHOICES = {"retry_mode": ("legacy", "standard", "adaptive")}
VARIABLES_OF_CHOICES = {"AWS_RETRY_MODE": "retry_mode"}

#: The settings whose mistakes prevent botocore from creating a client.
OF_CLIENTS = frozenset({*CHOICES, "s3"})
