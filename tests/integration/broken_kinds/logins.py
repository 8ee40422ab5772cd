"""Broken profiles for `aws login`."""

from __future__ import annotations

from ipy_awsprofile.errors import (
    CredentialsRejected,
    CredentialsUnavailable,
    SignInRequired,
)
from tests.integration.broken_kinds.breaks import OVER, access, login_is_over, stored, without_crt
from tests.integration.broken_kinds.record import EXPLAIN, Broken
from tests.integration.broken_kinds.stage import HUSH, Break

_RUN = "`aws login --profile P` in a terminal"

_STORED: dict[str, Break] = {
    "missing": stored("login", lambda _: None),
    "no JSON": stored("login", lambda _: "{"),
    "a list": stored("login", lambda _: "[]"),
    "without credentials": stored("login", access(expiresAt=None)),
    "an end that is none": stored("login", access(expiresAt="soon")),
    "over": login_is_over,
    "used up": stored("login", lambda it: access(expiresAt=OVER)(it) | {"refreshToken": HUSH}),
}

LOGINS = {
    **{
        name: Broken(
            "login session",
            SignInRequired,
            "The sign-in of `P` is missing or has expired",
            _RUN,
            by=by,
        )
        for name, by in _STORED.items()
    },
    "of another": Broken(
        "login session",
        SignInRequired,
        "The sign-in of `P` is missing or has expired",
        _RUN,
        {"{user}": "arn:aws:iam::111111111111:user/Bob"},
    ),
    "without crt": Broken(
        "login session",
        CredentialsUnavailable,
        "a part of botocore that isn't installed",
        '%pip install "botocore[crt]"',
        by=without_crt,
    ),
    "a key that is none": Broken(
        "login session",
        CredentialsRejected,
        "The keys of `P` can't be used to sign requests.",
        EXPLAIN,
        by=stored("login", lambda it: access(expiresAt=OVER)(it) | {"dpopKey": HUSH}),
    ),
}
