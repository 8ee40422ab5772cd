"""Broken profiles with access keys or roles."""

from __future__ import annotations

from ipy_awsprofile.errors import (
    AccessDenied,
    CredentialsExpired,
    CredentialsRejected,
    EndpointUnreachable,
    InvalidOption,
    InvalidProfile,
    MfaRejected,
    MfaUnavailable,
    ProfileNotFound,
    ServiceError,
)
from tests.integration.broken_kinds.breaks import down, refuses, sessions_over, silent, types
from tests.integration.broken_kinds.stage import HUSH, Broken
from tests.kinds import ACCOUNT

KEY, SECRET = "aws_access_key_id = {key}", "aws_secret_access_key = {secret}"
NO_KEYS = {KEY: "", SECRET: ""}
HERE = "source_profile = Ann\n{here}"
EXPLAIN = "`%aws_profile --explain P`"
REJECTED = "The access key is unknown or inactive, or the secret is wrong"
ROLE_TRUST = "Check that the role exists"

KEYS: dict[str, Broken] = {
    "secret missing": Broken(
        "static keys", InvalidProfile, "missing: aws_secret_access_key.", EXPLAIN, {SECRET: ""}
    ),
    "key ID misspelled": Broken(
        "static keys",
        InvalidProfile,
        "`P` has no credentials.",
        EXPLAIN,
        {"aws_access_key_id": "aws_acces_key_id"},
    ),
    "key unknown": Broken(
        "static keys",
        CredentialsRejected,
        "AWS doesn't accept the keys of `P` (InvalidClientTokenId).",
        REJECTED,
        {"{key}": "AKIAIOSFODNN7EXAMPLE"},
    ),
    "secret wrong": Broken(
        "static keys",
        CredentialsRejected,
        "AWS doesn't accept the keys of `P` (SignatureDoesNotMatch).",
        REJECTED,
        {"{secret}": HUSH},
    ),
    "token expired": Broken(
        "static keys with a session token",
        CredentialsExpired,
        "The credentials of `P` have expired.",
        "Renew them at their source, then run the cell again.",
        by=sessions_over,
    ),
    "token missing": Broken(
        "static keys with a session token",
        CredentialsRejected,
        "AWS doesn't accept the keys of `P`",
        EXPLAIN,
        {"aws_session_token = {temporary_token}": ""},
    ),
    "header in the credentials file": Broken(
        "only in the credentials file",
        ProfileNotFound,
        "There is no profile `P`",
        "`%aws_profiles` lists the profiles.",
        {"[P]": "[profile P]"},
    ),
    "default misspelled": Broken(
        "default",
        ProfileNotFound,
        "There is no profile `default`",
        "Did you mean `defaut`?",
        {"[default]": "[profile defaut]"},
    ),
    "default empty": Broken(
        "default",
        InvalidProfile,
        "`default` has no credentials.",
        "Add keys to the credentials file, or a role_arn with a source_profile.",
        NO_KEYS,
    ),
}

ROLES: dict[str, Broken] = {
    "header": Broken(
        "role with source_profile",
        ProfileNotFound,
        "There is no profile `P`",
        "Write [profile P] instead of [P] in ",
        {"[profile P]": "[P]"},
    ),
    "source unknown": Broken(
        "role with source_profile",
        InvalidProfile,
        'The source_profile "Anne" referenced in the profile "P" does not exist.',
        "Did you mean `Ann`?",
        {"= Ann": "= Anne"},
    ),
    "source with an indented line": Broken(
        "role with source_profile",
        InvalidProfile,
        "`P` can't get credentials: The source_profile",
        EXPLAIN,
        {"= Ann": f"= Ann\n  {HUSH}"},
    ),
    "source missing": Broken(
        "role with source_profile",
        InvalidProfile,
        "missing: source_profile or credential_source.",
        EXPLAIN,
        {"source_profile = Ann": ""},
    ),
    "two sources": Broken(
        "role with source_profile",
        InvalidProfile,
        'The profile "P" contains both source_profile and credential_source.',
        EXPLAIN,
        {"= Ann": "= Ann\ncredential_source = Environment"},
    ),
    "role_arn missing": Broken(
        "role with source_profile",
        InvalidProfile,
        "`P` has no credentials.",
        EXPLAIN,
        {f"role_arn = arn:aws:iam::{ACCOUNT}:role/Hop1": ""},
    ),
    "role_arn no ARN": Broken(
        "role with source_profile",
        InvalidOption,
        "A setting or an option of `P` is invalid: Invalid length",
        EXPLAIN,
        {f"arn:aws:iam::{ACCOUNT}:role/Hop1": "Hop1"},
    ),
    "no such role": Broken(
        "role with source_profile",
        AccessDenied,
        "AWS doesn't let `Ann` assume the role of `P`: User: arn:aws:iam::111111111111:user/Ann",
        ROLE_TRUST,
        {"role/Hop1": "role/Nobody"},
    ),
    "no trust": Broken(
        "role with source_profile",
        AccessDenied,
        "on resource: arn:aws:iam::111111111111:role/Stranger",
        ROLE_TRUST,
        {"role/Hop1": "role/Stranger"},
    ),
    "source's secret wrong": Broken(
        "role with source_profile",
        CredentialsRejected,
        "AWS doesn't accept the keys of `Ann` (SignatureDoesNotMatch).",
        REJECTED,
        {"{secret}": HUSH},
    ),
    "source's keys expired": Broken(
        "role with source_profile",
        CredentialsExpired,
        "The credentials of `Ann` have expired.",
        instead={
            "{key}": "{temporary_key}",
            "{secret}": "{temporary_secret}\naws_session_token = {temporary_token}",
        },
        by=sessions_over,
    ),
    "source has half of its keys": Broken(
        "role with source_profile",
        InvalidProfile,
        "missing: aws_secret_access_key.",
        EXPLAIN,
        {SECRET: ""},
    ),
    "source empty": Broken(
        "role with source_profile",
        InvalidProfile,
        'The source profile "Ann" must have credentials.',
        EXPLAIN,
        NO_KEYS,
    ),
    "loop": Broken(
        "chain of three",
        InvalidProfile,
        "Visited profiles: ['P', 'Hop2', 'Hop1']",
        EXPLAIN,
        {"= Ann": "= Hop2"},
    ),
    "chain with a wrong secret": Broken(
        "chain of three",
        CredentialsRejected,
        "AWS doesn't accept the keys of `Ann` (SignatureDoesNotMatch).",
        REJECTED,
        {"{secret}": HUSH},
    ),
    "second hop": Broken(
        "chain of three",
        AccessDenied,
        "assumed-role/Hop1/me is not authorized to perform: sts:AssumeRole on resource: "
        "arn:aws:iam::111111111111:role/Stranger",
        ROLE_TRUST,
        {"role/Hop2": "role/Stranger"},
    ),
    "second hop's source": Broken(
        "chain of three",
        InvalidProfile,
        'The source_profile "Hop11" referenced in the profile "Hop2" does not exist.',
        "Did you mean `Hop1`",
        {"source_profile = Hop1": "source_profile = Hop11"},
    ),
}

SETTINGS: dict[str, Broken] = {
    "two hours in a chain": Broken(
        "chain of three",
        InvalidOption,
        "exceeds the 1 hour",
        "one hour at most",
        {"source_profile = Hop2": "source_profile = Hop2\nduration_seconds = 7200"},
    ),
    "longer than the role allows": Broken(
        "role with source_profile",
        InvalidOption,
        "exceeds the MaxSessionDuration",
        "Correct the policy or the duration",
        {"= Ann": "= Ann\nduration_seconds = 7200"},
    ),
    "too short": Broken(
        "role with source_profile",
        InvalidOption,
        "A setting or an option of `P` is invalid: ",
        EXPLAIN,
        {"= Ann": "= Ann\nduration_seconds = 60"},
    ),
    "session name with a space": Broken(
        "role with source_profile",
        ServiceError,
        "'roleSessionName'",
        EXPLAIN,
        {"= me": "= my self"},
    ),
    "external ID wrong": Broken(
        "external_id",
        AccessDenied,
        "role/Guarded",
        "can require an external ID",
        {"between-us": "between-them"},
    ),
    "external ID too short": Broken(
        "external_id",
        InvalidOption,
        "A setting or an option of `P` is invalid: ",
        EXPLAIN,
        {"between-us": "b"},
    ),
    "MFA missing": Broken(
        "mfa_serial", AccessDenied, "role/WithMfa", "or MFA", {"mfa_serial = {mfa_serial}": ""}
    ),
    "MFA code wrong": Broken(
        "mfa_serial",
        MfaRejected,
        "AWS refused the MFA code for `P`: ",
        "wait for the next one",
        by=types("000000"),
    ),
    "MFA code that is none": Broken(
        "mfa_serial",
        MfaRejected,
        "An MFA code has exactly six digits.",
        "enter a new code",
        by=types(HUSH),
    ),
    "MFA device of another user": Broken(
        "mfa_serial",
        MfaRejected,
        "AWS refused the MFA code for `P`: ",
        "an MFA device of the user whose keys start the role chain",
        {"{mfa_serial}": f"arn:aws:iam::{ACCOUNT}:mfa/Bob"},
        by=types("123456"),
    ),
    "MFA without anybody": Broken(
        "mfa_serial",
        MfaUnavailable,
        "no one is available to enter it.",
        "where you can enter it",
    ),
}

REGIONS_AND_ENDPOINTS: dict[str, Broken] = {
    "region missing": Broken(
        "role with source_profile",
        InvalidOption,
        "`P` has no valid AWS Region: You must specify a region.",
        "`%aws_profile P --region …`",
        {HERE: "source_profile = Ann\nendpoint_url = {endpoint}"},
    ),
    "region malformed": Broken(
        "role with source_profile",
        InvalidOption,
        "`us west` isn't an AWS Region",
        "Did you mean `us-west-2`",
        {HERE: "source_profile = Ann\nregion = us west\nendpoint_url = {endpoint}"},
    ),
    "endpoint down": Broken(
        "role with source_profile",
        EndpointUnreachable,
        "AWS can't be reached for `P`: Could not connect to the endpoint URL: ",
        "Check the network (VPN, HTTPS_PROXY, NO_PROXY) and the profile's `endpoint_url`",
        by=down,
    ),
    "endpoint silent": Broken(
        "role with source_profile",
        EndpointUnreachable,
        "AWS can't be reached for `P`: Read timeout on endpoint URL: ",
        "Check the network",
        by=silent,
    ),
    "endpoint no URL": Broken(
        "role with source_profile",
        InvalidProfile,
        "`P` can't be used: Invalid endpoint: nowhere",
        EXPLAIN,
        {HERE: "source_profile = Ann\nregion = us-west-2\nendpoint_url = nowhere"},
    ),
    "clock wrong": Broken(
        "role with source_profile",
        ServiceError,
        "this machine's clock is wrong",
        "Set the clock",
        by=refuses("SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2"),
    ),
}
