"""Broken profiles with access keys."""

from __future__ import annotations

from ipy_awsprofile.errors import (
    CredentialsExpired,
    CredentialsRejected,
    CredentialsUnavailable,
    InvalidProfile,
    InvalidSource,
    ProfileNotFound,
)
from tests.integration.broken_kinds.breaks import disabled, sessions_over
from tests.integration.broken_kinds.record import EXPLAIN, KEY, NO_KEYS, REJECTED, SECRET, Broken
from tests.integration.broken_kinds.stage import HUSH

KEYS: dict[str, Broken] = {
    "secret missing": Broken(
        "static keys",
        InvalidSource,
        "`P` has only one of the two access-key settings: aws_secret_access_key is missing.",
        EXPLAIN,
        {SECRET: ""},
        seen="`aws_secret_access_key` isn't. Add it. See config:3.",
    ),
    "key ID missing": Broken(
        "static keys",
        InvalidProfile,
        "The profile `P` has no credentials.",
        EXPLAIN,
        {KEY: ""},
        seen="`aws_access_key_id` isn't",
    ),
    "key ID misspelled": Broken(
        "static keys",
        InvalidProfile,
        "The profile `P` has no credentials.",
        EXPLAIN,
        {"aws_access_key_id": "aws_acces_key_id"},
        seen="Did you mean `aws_access_key_id`?",
    ),
    "keys empty": Broken(
        "static keys",
        CredentialsUnavailable,
        "The credentials of `P` can't be used: the access key ID is invalid.",
        EXPLAIN,
        {" {key}": "", " {secret}": ""},
        seen="`aws_access_key_id` is empty.",
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
    "key disabled": Broken(
        "static keys",
        CredentialsRejected,
        "AWS doesn't accept the keys of `P` (InvalidClientTokenId).",
        REJECTED,
        by=disabled,
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
        seen="The keys are temporary (their ID begins with ASIA), but have no session token.",
    ),
    "token wrong": Broken(
        "static keys with a session token",
        CredentialsRejected,
        "AWS doesn't accept the keys of `P`",
        EXPLAIN,
        {"{temporary_token}": HUSH},
    ),
    "token of two lines": Broken(
        "static keys with a session token",
        InvalidProfile,
        "The value of `aws_session_token` has more than one line.",
        "Write it on one line. See config:",
        {"{temporary_token}": f"{HUSH}\n  {HUSH}"},
        seen="The value of `aws_session_token` has more than one line.",
    ),
    "profile in the credentials file": Broken(
        "only in the credentials file",
        ProfileNotFound,
        "There is no profile `P`",
        "[profile P] in the credentials file isn't the profile `P`. Write [P].",
        {"[P]": "[profile P]"},
        seen="[profile P] in the credentials file isn't the profile `P`. Write [P].",
    ),
    "keys in two files": Broken(
        "keys in the credentials file",
        InvalidSource,
        "`P` has only one of the two access-key settings",
        "in the same place",
        {SECRET: "", "[profile P]": f"[profile P]\n{SECRET}"},
        seen="different files. Put them into the same file. See credentials:3.",
    ),
    "default missing": Broken(
        "default",
        ProfileNotFound,
        "There is no profile `default`",
        "Did you mean `defaut`?",
        {"[default]": "[profile defaut]"},
        seen="There is no profile `default` in the shared config files. Did you mean `defaut`?",
    ),
    "default empty": Broken(
        "default",
        InvalidProfile,
        "The profile `default` has no credentials.",
        "Add keys to the credentials file, or a role_arn with a source_profile. "
        "`%aws_profile --explain default`",
        NO_KEYS,
        seen="`default` has no credentials.",
    ),
}
