"""Broken profiles with a web identity."""

from __future__ import annotations

from ipy_awsprofile.errors import (
    AccessDenied,
    CredentialsExpired,
    CredentialsRejected,
    CredentialsUnavailable,
    InvalidProfile,
)
from tests.integration.broken_kinds.breaks import identity, identity_with
from tests.integration.broken_kinds.record import EXPLAIN, TRUST, Broken
from tests.integration.broken_kinds.stage import HUSH

WEB_IDENTITIES: dict[str, Broken] = {
    "file missing": Broken(
        "web identity",
        CredentialsUnavailable,
        "A file that `P` needs can't be used: No such file or directory (`/none`).",
        EXPLAIN,
        {"{token_file}": "/none"},
    ),
    "file is a folder": Broken(
        "web identity",
        CredentialsUnavailable,
        "A file that `P` needs can't be used: Is a directory (`/`).",
        EXPLAIN,
        {"{token_file}": "/"},
    ),
    "file empty": Broken(
        "web identity",
        InvalidProfile,
        "The content of the web_identity_token_file of `P` is invalid: ",
        EXPLAIN,
        by=identity(""),
    ),
    "file no token": Broken(
        "web identity",
        CredentialsRejected,
        "AWS doesn't accept the web identity token of `P`: ",
        "Write a new token",
        by=identity(HUSH),
    ),
    "file no text": Broken(
        "web identity",
        CredentialsUnavailable,
        "A file that `P` names isn't a text file.",
        EXPLAIN,
        by=identity(b"\xff\xfe" + HUSH.encode()),
    ),
    "token expired": Broken(
        "web identity",
        CredentialsExpired,
        "AWS doesn't accept the web identity token of `P`: Token expired",
        "Write a new token",
        by=identity_with(expires_in=-60),
    ),
    "token for another audience": Broken(
        "web identity",
        CredentialsRejected,
        "AWS doesn't accept the web identity token of `P`: Incorrect token audience",
        "for an audience that the IAM identity provider accepts",
        by=identity_with(audience="somebody"),
    ),
    "token of another provider": Broken(
        "web identity",
        CredentialsRejected,
        "AWS doesn't accept the web identity token of `P`: No OpenIDConnect provider",
        by=identity_with(iss="https://other.example.com"),
    ),
    "role doesn't trust it": Broken(
        "web identity",
        AccessDenied,
        "AWS doesn't let the web identity of `P` assume its role.",
        "Check that the role exists, and that its trust policy names the token's provider",
        {"{pod}": "{hop1}"},
    ),
    "role_arn missing": Broken(
        "web identity",
        InvalidProfile,
        "has no role ARN configured",
        EXPLAIN,
        {"role_arn = {pod}": ""},
    ),
    "as a source, token expired": Broken(
        "web identity as a source",
        CredentialsExpired,
        "the web identity token of `Pod`: Token expired",
        "Write a new token",
        by=identity_with(expires_in=-60),
    ),
    "as a source, no trust": Broken(
        "web identity as a source",
        AccessDenied,
        "assumed-role/Pod/pod assume arn:aws:iam::111111111111:role/Hop1.",
        TRUST,
        {"{after_pod}": "{hop1}"},
    ),
}
