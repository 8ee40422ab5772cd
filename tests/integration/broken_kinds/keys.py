"""Broken profiles with access keys."""

from __future__ import annotations

from ipy_awsprofile.errors import (
    CredentialsExpired,
    CredentialsRejected,
    CredentialsUnavailable,
    InvalidProfile,
    ProfileNotFound,
)
from tests.integration.broken_kinds.breaks import disabled, sessions_over
from tests.integration.broken_kinds.record import EXPLAIN, KEY, NO_KEYS, REJECTED, SECRET, Broken
from tests.integration.broken_kinds.stage import HUSH

KEYS: dict[str, Broken] = {
    "secret missing": Broken(
        "static keys",
        InvalidProfile,
        "`P` has only one of the two access-key settings: aws_secret_access_key is missing.",
        EXPLAIN,
        {SECRET: ""},
    ),
    "key ID missing": Broken(
        "static keys",
        InvalidProfile,
        "The profile `P` has no credentials.",
        EXPLAIN,
        {KEY: ""},
    ),
    "key ID misspelled": Broken(
        "static keys",
        InvalidProfile,
        "The profile `P` has no credentials.",
        EXPLAIN,
        {"aws_access_key_id": "aws_acces_key_id"},
    ),
    "keys empty": Broken(
        "static keys",
        CredentialsUnavailable,
        "The credentials of `P` can't be used: the access key ID is invalid.",
        EXPLAIN,
        {" {key}": "", " {secret}": ""},
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
        CredentialsUnavailable,
        "The credentials of `P` can't be used: the session token is invalid.",
        EXPLAIN,
        {"{temporary_token}": f"{HUSH}\n  {HUSH}"},
    ),
    "profile in the credentials file": Broken(
        "only in the credentials file",
        ProfileNotFound,
        "There is no profile `P`",
        "`%aws_profiles` lists the profiles.",
        {"[P]": "[profile P]"},
    ),
    "keys in two files": Broken(
        "keys in the credentials file",
        InvalidProfile,
        "`P` has only one of the two access-key settings",
        "in the same place",
        {SECRET: "", "[profile P]": f"[profile P]\n{SECRET}"},
    ),
    "default missing": Broken(
        "default",
        ProfileNotFound,
        "There is no profile `default`",
        "Did you mean `defaut`?",
        {"[default]": "[profile defaut]"},
    ),
    "default empty": Broken(
        "default",
        InvalidProfile,
        "The profile `default` has no credentials.",
        "Add keys to the credentials file, or a role_arn with a source_profile. "
        "`%aws_profile --explain default`",
        NO_KEYS,
    ),
}
