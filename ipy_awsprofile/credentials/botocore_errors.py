"""Translate exceptions of botocore, and Python exceptions that it doesn't catch."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from botocore import exceptions as botocore
from botocore.parsers import ResponseParserError
from dateutil.parser import ParserError

from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.profiles import did_you_mean, missing_section
from ipy_awsprofile.credentials.aws_errors import unexpected_response
from ipy_awsprofile.credentials.chain_names import ChainNames
from ipy_awsprofile.credentials.deadline import DeadlineExceededError
from ipy_awsprofile.credentials.network_errors import reason_of_container, unreachable
from ipy_awsprofile.credentials.validation import UnusableCredentialsError
from ipy_awsprofile.errors import (
    AccessDenied,
    AwsProfileError,
    CredentialsRejected,
    CredentialsUnavailable,
    InvalidOption,
    InvalidProfile,
    MfaUnavailable,
    ProfileNotFound,
    ServiceError,
)
from ipy_awsprofile.text import one_line, redacted_urls

#: Returns our exception for another exception and a role chain; None tries the next translation.
_Translate = Callable[[Any, ChainNames], AwsProfileError | None]


def from_exception(error: Exception, chain: ChainNames) -> AwsProfileError:
    """Return this package's exception for one from botocore, Python, or a user's function."""
    for kinds, translate in _TRANSLATIONS:
        if isinstance(error, kinds) and (ours := translate(error, chain)):
            return ours
    return AwsProfileError(  # for example, a user's MFA prompter failed
        f"Something unexpected happened for `{chain.asked_for}`: {type(error).__name__}.",
        f"Run the cell again. {chain.explain_hint}",
    )


def no_credentials(name: str = "") -> InvalidProfile:
    """Return the exception for a profile without credentials, or a session if ``name`` is empty."""
    if not name:
        return InvalidProfile(
            "The session has no credentials.", "Run `%aws_profile NAME` to switch to a profile."
        )
    return InvalidProfile(
        f"The profile `{name}` has no credentials.",
        "Add keys to the credentials file, or a role_arn with a source_profile. "
        f"{ChainNames((name,)).explain_hint}",
    )


def _as(kind: type[AwsProfileError], text: str, hint: str = "") -> _Translate:
    """Return a function that translates an exception to the given type.

    ``text`` and ``hint`` can use the fields ``error``, ``message`` (its text) and ``chain``.
    """

    def translate(error: Any, chain: ChainNames) -> AwsProfileError:
        fields = {"error": error, "message": one_line(error), "chain": chain}
        return kind(text.format_map(fields), hint.format_map(fields))

    return translate


def _from_parameter(error: Any, chain: ChainNames) -> AwsProfileError:
    """Return the exception for an invalid parameter, without its value, which can be secret."""
    report = str(error.kwargs.get("report", error))
    text = one_line(re.sub(r", value: .*, type: .*", "", report))
    found = re.search(r"parameter (\w+)", text)
    parameter = found[1] if found else "request"
    setting, kind = _PARAMETERS.get(parameter, (parameter, InvalidOption))
    return kind(f"The {setting} of `{chain.asked_for}` is invalid: {text}", chain.explain_hint)


#: The setting that provides each parameter, and the exception for an invalid value.
_PARAMETERS: dict[str, tuple[str, type[AwsProfileError]]] = {
    "RoleArn": ("role_arn", InvalidProfile),
    "RoleSessionName": ("role_session_name", InvalidOption),
    "DurationSeconds": ("duration_seconds", InvalidOption),
    "ExternalId": ("external_id", InvalidOption),
    "SerialNumber": ("mfa_serial", InvalidProfile),
    "WebIdentityToken": ("content of the web_identity_token_file", InvalidProfile),
}


def _unavailable(source: str, chain: ChainNames, told: str = "") -> CredentialsUnavailable:
    """Return the exception for a credential source that returned no credentials.

    ``source`` is botocore's name for the source, and ``told`` is botocore's message.
    """
    words, hint = _SOURCES.get(source, (f"source `{source}`", chain.explain_hint))
    reason = reason_of_container(told) if source == "container-role" else ""
    start = f"`{chain.start}`: {reason}" if reason else f"`{chain.start}`"
    return CredentialsUnavailable(f"The {words} returned no credentials for {start}.", hint)


_CONTAINER = (
    "container's credential service",
    "ECS and EKS set AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or …_FULL_URI (loopback or https), "
    "and AWS_CONTAINER_AUTHORIZATION_TOKEN or …_TOKEN_FILE.",
)
_INSTANCE = (
    "instance's metadata service",
    "Only an EC2 instance with a role has one. AWS_EC2_METADATA_DISABLED turns it off, and "
    "AWS_EC2_METADATA_SERVICE_ENDPOINT changes its address.",
)
#: botocore's names of credential sources, with a description and a hint for each.
_SOURCES = {
    "Environment": ("environment", "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."),
    "EcsContainer": _CONTAINER,
    "container-role": _CONTAINER,
    "Ec2InstanceMetadata": _INSTANCE,
    "iam-role": _INSTANCE,
}


def _from_value(error: ValueError, chain: ChainNames) -> AwsProfileError:
    if str(error).startswith(("Unsupported host", "Auth token")):
        return _unavailable("EcsContainer", chain)
    return InvalidProfile(
        f"A setting of `{chain.asked_for}` can't be used: {redacted_urls(one_line(error))}",
        chain.explain_hint,
    )


def _from_mfa_session(_: Exception, chain: ChainNames) -> MfaUnavailable:
    """Return the exception for an expired session that botocore can't renew without a code."""
    if not chain.names:
        return MfaUnavailable(
            "The session has expired, and a new one needs an MFA code.",
            "Switch to its profile, enter a code, and use the new `session`. `%aws_profiles` lists "
            "the profiles.",
        )
    return MfaUnavailable(
        f"The session of `{chain.asked_for}` has expired, and a new one needs an MFA code.",
        f"Run `%aws_profile {chain.typed()}`, enter a code, and use the new `session`.",
    )


def _from_missing_region(_: Exception, chain: ChainNames) -> InvalidOption:
    return InvalidOption(
        f"No AWS Region is set for `{chain.asked_for}`.",
        f"Add `region = …` to the profile, or run `%aws_profile {chain.typed('--region …')}`.",
    )


def _from_config(error: Exception, chain: ChainNames) -> InvalidProfile:
    """Return the exception for a role chain that botocore refuses, in botocore's words."""
    message = one_line(re.sub(r'\n[^"]*', " …", str(error)))  # a line below a value can be a secret
    hint = chain.explain_hint
    if source := re.search(r'source_profile "(.+?)" referenced', message):
        with suppress(AwsProfileError):
            config, name = read_config(), source[1]
            hint = missing_section(name, config) or did_you_mean(name, config.profiles) or hint
    return InvalidProfile(message, hint)


def _from_partial(error: botocore.PartialCredentialsError, chain: ChainNames) -> InvalidProfile:
    """Return the exception for half a pair of access keys, or for a role without a source."""
    missing = error.kwargs["cred_var"]
    if "source_profile" in missing:
        return InvalidProfile(
            f"The role profile `{chain.start}` has neither source_profile nor credential_source.",
            f"Add a source_profile whose credentials can assume the role. {chain.explain_hint}",
        )
    return InvalidProfile(
        f"`{chain.start}` has only one of the two access-key settings: {missing} is missing.",
        f"Set both in the same place. {chain.explain_hint}",
    )


def _from_signing(error: RuntimeError, chain: ChainNames) -> AwsProfileError | None:
    """Return the exception for an error of AWS's signing library; None for any other error."""
    if "still expired" in str(error):  # botocore has just retrieved them
        return CredentialsUnavailable(
            f"The credentials of `{chain.asked_for}` had already expired when they came.",
            "Check the clock of this machine and the lifetime of its source's credentials. "
            f"{chain.explain_hint}",
        )
    if "AWS_ERROR_" not in str(error):
        return None
    return CredentialsRejected(
        f"The keys of `{chain.start}` can't be used to sign requests.", chain.explain_hint
    )


def _from_file(error: OSError, chain: ChainNames) -> CredentialsUnavailable:
    return CredentialsUnavailable(
        f"A file that `{chain.start}` needs can't be used: "
        f"{error.strerror or type(error).__name__} (`{error.filename}`).",
        f"Correct its path, or create the file again. {chain.explain_hint}",
    )


#: The translation of each exception. The first match applies, so subclasses come first.
_TRANSLATIONS: tuple[
    tuple[type[Exception] | tuple[type[Exception], ...], _Translate],
    ...,
] = (
    # Sources of credentials, and sign-ins.
    (
        botocore.CredentialRetrievalError,
        lambda error, chain: _unavailable(
            error.kwargs.get("provider", ""), chain, str(error.kwargs.get("error_msg", ""))
        ),
    ),
    (botocore.NoCredentialsError, lambda _, chain: no_credentials(*chain.names[:1])),
    (botocore.RefreshWithMFAUnsupportedError, _from_mfa_session),
    (
        botocore.MissingDependencyException,
        _as(
            CredentialsUnavailable,
            "The profile `{chain.asked_for}` needs a part of botocore that isn't installed.",
            'Run `%pip install "botocore[crt]"`, then restart the kernel.',
        ),
    ),
    (
        botocore.LoginInsufficientPermissions,
        _as(
            AccessDenied,
            "`{chain.start}` isn't allowed to renew its sign-in.",
            "Ask for the permission signin:CreateOAuth2Token.",
        ),
    ),
    (botocore.LoginError, lambda _, chain: chain.sign_in_required(is_login=True)),
    (
        (botocore.SSOError, botocore.TokenRetrievalError),
        lambda _, chain: chain.sign_in_required(),
    ),
    (
        (botocore.MetadataRetrievalError, botocore.InvalidIMDSEndpointError),
        lambda _, chain: _unavailable("Ec2InstanceMetadata", chain),
    ),
    # The network.
    ((botocore.HTTPClientError, botocore.ConnectionError, DeadlineExceededError), unreachable),
    # Settings and options.
    (
        botocore.ProfileNotFound,
        lambda error, chain: ProfileNotFound(error.kwargs.get("profile", chain.asked_for)),
    ),
    (botocore.NoRegionError, _from_missing_region),
    (
        botocore.InvalidRegionError,
        _as(
            InvalidOption,
            "`{chain.asked_for}` has an invalid AWS Region: `{error.kwargs[region_name]}`.",
            "Example: us-east-1. {chain.explain_hint}",
        ),
    ),
    (botocore.ParamValidationError, _from_parameter),
    ((botocore.InfiniteLoopConfigError, botocore.InvalidConfigError), _from_config),
    (botocore.PartialCredentialsError, _from_partial),
    (botocore.BotoCoreError, _as(ServiceError, "`{chain.asked_for}`: {message}")),
    # Exceptions that botocore doesn't catch. Most of their messages can contain a secret.
    (
        UnusableCredentialsError,
        _as(
            CredentialsUnavailable,
            "The credentials of `{chain.asked_for}` can't be used: {message}.",
            "{chain.explain_hint}",
        ),
    ),
    (
        (
            *(ParserError, TypeError, json.JSONDecodeError),
            *(AssertionError, OverflowError, RecursionError),
        ),
        _as(
            CredentialsUnavailable,
            "The credentials of `{chain.start}` can't be read.",
            "{chain.explain_hint}",
        ),
    ),
    (
        UnicodeDecodeError,
        _as(
            CredentialsUnavailable,
            "A file that `{chain.start}` names isn't a text file.",
            "{chain.explain_hint}",
        ),
    ),
    (RuntimeError, _from_signing),
    ((ResponseParserError, AttributeError, KeyError), lambda _, chain: unexpected_response(chain)),
    (OSError, _from_file),
    (ValueError, _from_value),
)
