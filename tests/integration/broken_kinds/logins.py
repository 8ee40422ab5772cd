"""Broken profiles for `aws login`."""

from __future__ import annotations

from ipy_awsprofile.errors import CredentialsRejected, CredentialsUnavailable, SignInRequired
from tests.integration.broken_kinds.breaks import OVER, access, login_is_over, stored, without_crt
from tests.integration.broken_kinds.record import EXPLAIN, Broken
from tests.integration.broken_kinds.stage import HUSH, Break

_RUN = "`aws login --profile P` in a terminal"

_NO_LOGIN = "You aren't signed in: no login session is cached."
_STORED: dict[str, tuple[Break, str]] = {
    "missing": (stored("login", lambda _: None), _NO_LOGIN),
    "no JSON": (stored("login", lambda _: "{"), _NO_LOGIN),
    "a list": (stored("login", lambda _: "[]"), _NO_LOGIN),
    "without credentials": (stored("login", access(expiresAt=None)), _NO_LOGIN),
    "an end that is none": (stored("login", access(expiresAt="soon")), _NO_LOGIN),
    "over": (login_is_over, ""),
    "used up": (
        stored("login", lambda it: access(expiresAt=OVER)(it) | {"refreshToken": HUSH}),
        "",
    ),
}

LOGINS = {
    **{
        name: Broken(
            "login session",
            SignInRequired,
            "The sign-in of `P` is missing or has expired",
            _RUN,
            by=by,
            seen=seen,
        )
        for name, (by, seen) in _STORED.items()
    },
    "of another": Broken(
        "login session",
        SignInRequired,
        "The sign-in of `P` is missing or has expired",
        _RUN,
        {"{user}": "arn:aws:iam::111111111111:user/Bob"},
        seen=_NO_LOGIN,
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
