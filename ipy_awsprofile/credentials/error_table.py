"""Rules that translate errors from AWS, botocore and the system into this package's exceptions.

The first rule that matches an error is used. An error that no rule matches is treated as a bug in
this package. If botocore can't read a response or a file, `translation.reading` raises an error for
which this table has a rule.

https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from botocore import exceptions as botocore
from botocore.parsers import ResponseParserError

from ipy_awsprofile.config.private import NotWritable
from ipy_awsprofile.config.settings import CREDENTIALS, KEYS, ROLE, number_settings, words
from ipy_awsprofile.config.sign_ins import PORTAL
from ipy_awsprofile.config.values import OF_CLIENTS
from ipy_awsprofile.errors import (
    AccessDenied,
    AwsProfileError,
    CredentialsExpired,
    CredentialsRejected,
    CredentialsUnavailable,
    EndpointUnreachable,
    InvalidOption,
    InvalidProfile,
    MfaRejected,
    MfaUnavailable,
    RoleNotAssigned,
    ServiceError,
    SignInRequired,
)

EXPIRED = words("ExpiredToken ExpiredTokenException RequestExpired TokenRefreshRequired")
DENIED = words(
    "403 AccessDenied AccessDeniedException Forbidden ForbiddenException UnauthorizedOperation"
)
#: How AWS rejects a session that it has ended, or keys that it doesn't know (anymore).
ENDED = words(
    "AuthFailure InvalidAccessKeyId InvalidClientTokenId InvalidToken UnrecognizedClientException"
)
REJECTED = ENDED | words("IncompleteSignature InvalidSignatureException SignatureDoesNotMatch")
BUSY = words(
    "429 BandwidthLimitExceeded RequestLimitExceeded RequestThrottled SlowDown Throttling "
    "ThrottlingException TooManyRequestsException 500 502 503 504 InternalError InternalFailure "
    "ServiceUnavailable"
)
UNKNOWN_OPERATION = words(
    "InvalidAction MethodNotAllowed NotImplemented UnknownOperationException UnsupportedOperation"
)
_ANY = words("")

#: How AWS says that the clock is wrong.
WRONG_CLOCK = "Signature (expired|not yet current)|RequestTimeTooSkewed|RequestInTheFuture"
SET_THE_CLOCK = "Set the clock, then run the cell again."

#: https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
CREDENTIAL_SOURCES = "Use `Environment`, `Ec2InstanceMetadata` or `EcsContainer`."

#: The texts of botocore's refusals that are built-in exceptions.
_BY_DESIGN = "AWS_ERROR_|^Invalid endpoint|^Unsupported host|^Auth token"


class Rule(NamedTuple):
    """A rule that translates certain errors into one of this package's exceptions.

    ``when`` contains error codes or exception types, and `_ANY` matches every error response.
    ``calls`` contains the AWS operations to which the rule is limited. ``text`` is a regular
    expression that ``str(error)`` must match. ``says`` and ``hint`` are format strings with the
    fields that `translation.from_error` fills in. ``says`` and ``hint`` must not contain the field
    ``message`` if the message from AWS or botocore can contain a secret. ``about`` names the
    settings that can cause the error. If the settings in ``about`` contain mistakes, the mistakes
    replace the hint. ``module`` is the module whose code must have raised the exception, or an
    empty string for any module.
    """

    when: Any
    kind: type[AwsProfileError]
    says: str
    hint: str = "{explain}"
    calls: Collection[str] = ()
    text: str = ""
    about: Collection[str] = ()
    module: str = ""

    def is_for_response(self, code: str, call: str) -> bool:
        """Return whether the rule applies to an error code in the response to an operation."""
        if self.when and code not in self.when:
            return False
        return not self.calls or call in self.calls


RESPONSES = (
    Rule(
        _ANY,
        MfaRejected,
        "AWS refused the MFA code for {name}: {message}",
        "Each code works only once. Wait for the next code, or check the command in `mfa_process`. "
        "`mfa_serial` must be an MFA device of the user whose keys start the role chain.",
        text="MultiFactorAuthentication failed",
    ),
    Rule(
        _ANY,
        ServiceError,
        "AWS refused {call} because this machine's clock is wrong",
        SET_THE_CLOCK,
        text=WRONG_CLOCK,
    ),
    Rule(
        EXPIRED | DENIED | words("IDPRejectedClaim InvalidIdentityToken"),
        CredentialsRejected,
        "AWS doesn't accept the web identity token of {start} for its role: {message}",
        "Check the role's trust policy and the token in the web_identity_token_file.",
        calls={"AssumeRoleWithWebIdentity"},
    ),
    Rule(
        EXPIRED,
        CredentialsExpired,
        "The credentials of {signer} have expired",
        "Renew these credentials at their source, then run the cell again. If {name} is active, "
        "run `%aws_profile --refresh` first.",
    ),
    Rule(
        REJECTED,
        CredentialsRejected,
        "AWS doesn't accept the keys of {signer} ({code})",
        "{disabled}The access key is unknown or inactive, the secret is wrong, or the "
        "`aws_session_token` of temporary keys is missing or belongs to other keys. {explain}",
        about=KEYS | {"region"},
    ),
    Rule(
        DENIED,
        RoleNotAssigned,
        "The signed-in user isn't assigned the role of {start}: {message}",
        "`%aws_profiles --sso{sso} --refresh` lists the values for sso_account_id and "
        "sso_role_name.",
        calls={"GetRoleCredentials"},
        about=words("sso_account_id sso_role_name"),
    ),
    Rule(
        {"InvalidRequestException"},
        InvalidProfile,
        "AWS doesn't accept the sso_start_url of {start}: {message}",
        PORTAL,
        calls={"StartDeviceAuthorization"},
    ),
    Rule(
        DENIED,
        AccessDenied,
        "AWS denied AssumeRole for {name}, because the session that assumes it is limited: "
        "{message}",
        "Use a session without `--read-only` or `--policy` to assume the role, and pass these "
        "options when you open the role's session.",
        calls={"AssumeRole"},
        text="session policy",
    ),
    Rule(
        DENIED,
        AccessDenied,
        "The limits of this session of {name} don't allow {call}: {message}",
        "{unlimited}",
        calls={"GetScopedCredentials"},
        text="session policy",
    ),
    Rule(
        DENIED,
        AccessDenied,
        "AWS denied AssumeRole for {name}: {message}",
        "Check that the role exists, and that its trust policy and the caller's policy allow "
        "{actions}. A trust policy can require an external ID (`external_id`) or MFA "
        "(`mfa_serial`). {explain}",
        calls={"AssumeRole"},
        about={"role_arn"},
    ),
    Rule(
        DENIED,
        AccessDenied,
        "The limits of this session of {name} don't allow {call}: {message}",
        "Correct the policy that limits the session, or use a session without it.",
        text="session policy",
    ),
    Rule(
        DENIED,
        AccessDenied,
        "{name} isn't allowed to call {call}: {message}",
        "Ask for the permission, or switch to a profile that has it.",
    ),
    Rule(
        UNKNOWN_OPERATION | words("404 405 InternalFailure InvalidParameterValue"),
        ServiceError,
        "{name} can't be limited: its STS endpoint doesn't know {call}",
        "Use a Regional STS endpoint of AWS such as `https://sts.us-east-1.amazonaws.com`, use a "
        "profile that assumes a role, or leave out `--read-only`, `--policy` and `--duration`.",
        calls={"GetScopedCredentials"},
    ),
    Rule(
        BUSY,
        ServiceError,
        "{call} failed for {name}: {message}{with_code}",
        "AWS is busy, or limits how often you can call {call}. Wait a minute, then try again.",
    ),
    Rule(
        _ANY,
        InvalidOption,
        "AWS doesn't accept the duration for {name}: {message}",
        "An MFA session lasts from 15 minutes to 36 hours.",
        text="durationSeconds",
        calls={"GetSessionToken"},
    ),
    Rule(
        _ANY,
        InvalidOption,
        "AWS doesn't accept the duration for {name}: {message}",
        "Shorten the duration. By default, the maximum for a role is one hour.",
        text="InsufficientSessionLifetime|DurationSeconds exceeds|durationSeconds",
    ),
    Rule(
        _ANY,
        InvalidOption,
        "AWS doesn't accept the policy for {name}: {message}",
        "Correct the policy.",
        text="MalformedPolicyDoc|PackedPolicy",
    ),
    Rule(
        {"ValidationError"},
        InvalidOption,
        "AWS doesn't accept a setting or an option of {name}: {message}",
        "Correct the value. {explain}",
        calls={"AssumeRole", "AssumeRoleWithWebIdentity"},
        about=ROLE,
    ),
    Rule(_ANY, ServiceError, "{call} failed for {name}: {message}{with_code}"),
)

EXCEPTIONS = (
    Rule(
        botocore.LoginInsufficientPermissions,
        AccessDenied,
        "{start} can't renew its sign-in: {message}",
    ),
    Rule(
        (botocore.SSOError, botocore.TokenRetrievalError, botocore.LoginError),
        SignInRequired,
        "The sign-in of {start} is missing or has expired",
        "Run `%aws_profile {login}` interactively, or `{aws_login}` in a terminal.",
    ),
    Rule(
        botocore.CredentialRetrievalError,
        CredentialsUnavailable,
        "The credential_process of {start} took more than a minute",
        "Run this command in a terminal to see what it is waiting for, and answer within a minute.",
        text="from custom-process: TimeoutExpired",
    ),
    Rule(
        botocore.CredentialRetrievalError,
        CredentialsUnavailable,
        "The program in the credential_process of {start} can't be found",
        "Install it, or write its full path. {explain}",
        text="from custom-process: FileNotFoundError",
        about={"credential_process"},
    ),
    Rule(
        botocore.CredentialRetrievalError,
        CredentialsUnavailable,
        'The output of the credential_process of {start} needs `"Version": 1`',
        "Correct the program, or the file that it prints.",
        text="from custom-process: Unsupported version",
        about={"credential_process"},
    ),
    Rule(
        botocore.CredentialRetrievalError,
        CredentialsUnavailable,
        "The `Expiration` in the output of the credential_process of {start} isn't a time with a "
        "time zone",
        "To see the output, run this command in a terminal. Correct the program, or the file that "
        "it prints: `Expiration` must be a time such as `2030-01-31T10:00:00Z`.",
        text=r"from custom-process: unreadable \((OverflowError|ParserError|TypeError)\)",
        about={"credential_process"},
    ),
    Rule(
        botocore.CredentialRetrievalError,
        CredentialsUnavailable,
        "The credential_process of {start} returned no credentials",
        "Run this command in a terminal to see what it prints.",
        text="from custom-process",
        about={"credential_process"},
    ),
    Rule(
        botocore.CredentialRetrievalError,
        CredentialsUnavailable,
        "There are no default credentials in the environment, the default profile, a container or "
        "an instance",
        "Run `%aws_profile NAME` with the name of a profile. `%aws_profiles` lists the profiles. "
        "If you name a role's ARN, add `--source-profile NAME`, or `source_profile='NAME'` in "
        "Python.",
        text="no default credentials|from Ec2InstanceMetadata: .* in profile arn:",
    ),
    Rule(
        botocore.CredentialRetrievalError,
        CredentialsUnavailable,
        "The credentials of {start} can't be read: {message}",
        text=r"unreadable \(\w+\)$",
        about=CREDENTIALS,
    ),
    Rule(
        (
            *(botocore.CredentialRetrievalError, botocore.MetadataRetrievalError),
            botocore.InvalidIMDSEndpointError,
        ),
        CredentialsUnavailable,
        "The credential source of {start} returned no credentials ({source})",
        "`Environment` requires AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, `EcsContainer` "
        "requires a container in ECS or EKS, and `Ec2InstanceMetadata` requires an EC2 instance "
        "with a role.",
    ),
    Rule(
        botocore.NoCredentialsError,
        InvalidProfile,
        "{name} has no credentials",
        "Add keys to the credentials file, a role_arn with a source_profile, or an sso_account_id "
        "and sso_role_name with an sso_session. {explain}",
        about=CREDENTIALS,
    ),
    Rule(
        botocore.RefreshWithMFAUnsupportedError,
        MfaUnavailable,
        "The credentials of {name} have expired, and new ones need an MFA code",
        "Run `%aws_profile {typed}`, enter a code, and use the new `session`.",
    ),
    Rule(
        botocore.MissingDependencyException,
        CredentialsUnavailable,
        "{name} needs a part of botocore that isn't installed",
        'Run `%pip install "botocore[crt]"`, then restart the kernel.',
    ),
    Rule(
        botocore.NoRegionError,
        InvalidOption,
        "{name} has no valid AWS Region: {message}",
        "Set `region` in the profile, or run `%aws_profile {typed} --region …`.",
        about={"region", "sso_region"},
    ),
    Rule(
        botocore.InvalidRegionError,
        InvalidOption,
        "A setting of {name} isn't an AWS Region: {message}",
        about={"region", "sso_region"},
    ),
    Rule(
        botocore.ParamValidationError,
        InvalidOption,
        "A setting or an option of {name} is invalid: {problem}",
        "Correct the value. {explain}",
        about=ROLE,
    ),
    Rule(
        botocore.InvalidConfigError,
        InvalidProfile,
        "{name} can't get credentials: {message}",
        CREDENTIAL_SOURCES,
        text="credential source .* is not valid",
    ),
    Rule(
        (botocore.InvalidConfigError, botocore.PartialCredentialsError),
        InvalidProfile,
        "{name} can't get credentials: {message}",
        about=CREDENTIALS | {"services"},
    ),
    Rule(
        botocore.SSLError,
        EndpointUnreachable,
        "AWS can't be reached for {name}: {message}",
        "If a proxy in your network inspects TLS, set `ca_bundle` in the profile, or "
        "AWS_CA_BUNDLE, to a PEM file with the proxy's CA certificate.",
        about={"ca_bundle"},
    ),
    Rule(
        (botocore.ConnectionError, botocore.HTTPClientError),
        EndpointUnreachable,
        "AWS can't be reached for {name}: {message}",
        "Check the network (VPN, HTTPS_PROXY, NO_PROXY) and the endpoint in the profile's "
        "`endpoint_url` or in AWS_ENDPOINT_URL.",
        text='URL: "',  # not the message that can quote a header
        about=words("endpoint_url region sso_region"),
    ),
    Rule(
        botocore.HTTPClientError,
        EndpointUnreachable,
        "AWS can't be called for {name}",
        about=words("ca_bundle endpoint_url"),
    ),
    Rule(
        botocore.BotoCoreError,
        ServiceError,
        "AWS can't be called for {name}: {message}",
        about=OF_CLIENTS,
    ),
    Rule(
        ValueError,
        InvalidProfile,
        "{name} can't be used, because botocore requires a number in a setting or variable",
        text="^invalid literal for int",
        about=frozenset(number_settings()),
        module="botocore.configprovider",
    ),
    Rule(
        RuntimeError,
        CredentialsExpired,
        "The new credentials of {name} have already expired, because this machine's clock is wrong",
        SET_THE_CLOCK,
        text="still expired",
    ),
    Rule(
        (RuntimeError, ValueError),
        InvalidProfile,
        "{name} can't be used: {message}",
        text=_BY_DESIGN,
        about={"endpoint_url"},
    ),
    Rule(
        AttributeError,
        InvalidProfile,
        "{name} can't be used, because botocore can't read its setting `s3`",
        "Write the settings of `s3` on the lines below `s3`, and indent each line.",
        text="^'str' object has no attribute 'get'$",
        about={"s3"},
    ),
    Rule(
        ResponseParserError,
        ServiceError,
        "{name} got a response that isn't from AWS: {message}",
        "A proxy or your network's sign-in page may have answered instead. Check HTTPS_PROXY and "
        "the endpoint in the profile's `endpoint_url` or in AWS_ENDPOINT_URL.",
    ),
    Rule(
        NotWritable,
        CredentialsUnavailable,
        "A file of {start} can't be written: {message}",
        "Make the file's folder writable, or free some disk space. You can also set XDG_CACHE_HOME "
        "to a folder that replaces `~/.cache`, or set HOME to a folder with a copy of `~/.aws`.",
    ),
    Rule(
        OSError,
        CredentialsUnavailable,
        "A file that {start} needs can't be used: {message}",
        "Correct its path, or create the file again. {explain}",
        about={"web_identity_token_file"},
    ),
)
