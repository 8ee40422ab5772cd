"""Role profiles with a setting that AWS or the role refuses."""

from __future__ import annotations

from ipy_awsprofile.errors import (
    AccessDenied,
    InvalidOption,
    InvalidProfile,
    MfaRejected,
    MfaUnavailable,
    ServiceError,
)
from tests.integration.broken_kinds.breaks import types
from tests.integration.broken_kinds.record import EXPLAIN, Broken
from tests.integration.broken_kinds.stage import HUSH
from tests.kinds import ACCOUNT

ROLE_SETTINGS: dict[str, Broken] = {
    "two hours in a chain": Broken(
        "chain of three",
        ServiceError,
        "AssumeRole failed for `P`: ",
        "one hour at most",
        {"source_profile = Hop2": "source_profile = Hop2\nduration_seconds = 7200"},
    ),
    "longer than the role allows": Broken(
        "role with source_profile",
        ServiceError,
        "exceeds the MaxSessionDuration",
        "Use a shorter `duration_seconds` (or `--duration`)",
        {"= Ann": "= Ann\nduration_seconds = 7200"},
    ),
    "too short": Broken(
        "role with source_profile",
        InvalidOption,
        "The duration_seconds of `P` is invalid: ",
        EXPLAIN,
        {"= Ann": "= Ann\nduration_seconds = 60"},
    ),
    "longer than any role": Broken(
        "role with source_profile",
        ServiceError,
        "'durationSeconds'",
        EXPLAIN,
        {"= Ann": "= Ann\nduration_seconds = 99999"},
    ),
    "session name with a space": Broken(
        "role with source_profile",
        ServiceError,
        "'roleSessionName'",
        EXPLAIN,
        {"= me": "= my self"},
    ),
    "session name too long": Broken(
        "role with source_profile",
        ServiceError,
        "'roleSessionName'",
        EXPLAIN,
        {"= me": f"= {'m' * 65}"},
    ),
    "session name too short": Broken(
        "role with source_profile",
        InvalidOption,
        "The role_session_name of `P` is invalid: ",
        EXPLAIN,
        {"= me": "= m"},
    ),
    "external ID wrong": Broken(
        "external_id",
        AccessDenied,
        "role/Guarded.",
        "require an external ID",
        {"between-us": "between-them"},
    ),
    "external ID missing": Broken(
        "external_id",
        AccessDenied,
        "role/Guarded.",
        "require an external ID",
        {"external_id = between-us": ""},
    ),
    "external ID too short": Broken(
        "external_id",
        InvalidOption,
        "The external_id of `P` is invalid: ",
        EXPLAIN,
        {"between-us": "b"},
    ),
    "MFA missing": Broken(
        "mfa_serial",
        AccessDenied,
        "role/WithMfa.",
        "or MFA",
        {"mfa_serial = {mfa_serial}": ""},
    ),
    "MFA code wrong": Broken(
        "mfa_serial",
        MfaRejected,
        "AWS refused the MFA code for `P`: ",
        "Wait for the next code",
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
    "MFA device without codes": Broken(
        "mfa_serial",
        MfaRejected,
        "AWS refused the MFA code for `P`: ",
        "an MFA device of the user",
        {"{mfa_serial}": f"arn:aws:iam::{ACCOUNT}:u2f/user/Ann/key"},
        by=types("123456"),
    ),
    "MFA device that is none": Broken(
        "mfa_serial",
        InvalidProfile,
        "The mfa_serial of `P` is invalid: ",
        EXPLAIN,
        {"{mfa_serial}": "Ann"},
        by=types("123456"),
    ),
    "MFA without anybody": Broken(
        "mfa_serial",
        MfaUnavailable,
        "no one is available to enter it.",
        "where you can enter it",
    ),
    "MFA by a process without one": Broken(
        "mfa_serial",
        MfaUnavailable,
        "didn't print an MFA code.",
        "it must be six digits",
        {"{mfa_serial}": f"{{mfa_serial}}\nmfa_process = echo {HUSH}"},
    ),
}
