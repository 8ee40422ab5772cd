"""What is stored for a profile: assumed roles, SSO tokens, sign-ins. Read, never written.

https://docs.aws.amazon.com/sdkref/latest/guide/understanding-sso.html
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from hashlib import sha1, sha256
from pathlib import Path
from typing import Any

from ipy_awsprofile.config.profiles import ProfileKind
from ipy_awsprofile.config.shared_files import Section
from ipy_awsprofile.credentials.validation import is_sso_token, parse_time
from ipy_awsprofile.explain.records import Finding, Part, Problem, Reading, until

#: botocore takes a stored session only while it is good for longer than this.
_WINDOW = timedelta(minutes=15)

_REFRESHES = {"refreshToken", "clientId", "clientSecret", "registrationExpiresAt"}


def role_session(part: Part) -> Iterator[Finding]:
    """Tell whether the AWS CLI's cache has a session for the role of this profile."""
    from ipy_awsprofile.credentials.role_cache import RoleCache

    key = _role_key(part)
    if key is None:
        return
    cache = RoleCache(Path("~/.aws/cli/cache").expanduser(), fresh=False)
    try:
        expiry = parse_time(cache[key]["Credentials"]["Expiration"])
    except (KeyError, UnicodeError):
        return
    if expiry is None:
        return
    if expiry - part.reading.now >= _WINDOW:
        yield f"The AWS CLI's cache has a session that is good until {until(expiry)}."
    else:
        yield (
            f"The AWS CLI's cache has a session until {until(expiry)}; "
            "one with less than 15 minutes left is replaced."
        )


def _role_key(part: Part) -> str | None:
    """Compute the key of the cache as botocore does, by making what would fetch the session."""
    from botocore import credentials

    fetcher: Any
    role_arn = part.section.text("role_arn") or ""
    if part.kind is ProfileKind.SSO:
        arguments: list[Any] = [_sso_text(part, name) for name in _SSO_ARGUMENTS]
        if None in arguments:
            return None
        session = part.section.text("sso_session")
        fetcher_class: Any = credentials.SSOCredentialFetcher
        fetcher = fetcher_class(*arguments, _never, sso_session_name=session)
    elif part.kind is ProfileKind.WEB_IDENTITY:
        fetcher = credentials.AssumeRoleWithWebIdentityCredentialFetcher(
            _never, _never, role_arn, extra_args=_arguments(part, "RoleSessionName")
        )
    else:
        extra: Any = _arguments(part, *_PARAMETERS)
        if part.profile.duration is not None:
            extra["DurationSeconds"] = part.profile.duration
        fetcher = credentials.AssumeRoleCredentialFetcher(
            _never, _never, role_arn, extra_args=extra
        )
    return str(fetcher._cache_key)  # noqa: SLF001  # it has no public name


_SSO_ARGUMENTS = ("sso_start_url", "sso_region", "sso_role_name", "sso_account_id")
_PARAMETERS = {
    "RoleSessionName": "role_session_name",
    "ExternalId": "external_id",
    "SerialNumber": "mfa_serial",
}


def _arguments(part: Part, *parameters: str) -> Any:
    values = {name: part.section.get(_PARAMETERS[name]) for name in parameters}
    return {name: value for name, value in values.items() if value is not None}


def _never(*_: object, **__: object) -> Any:
    raise AssertionError("An explanation makes no call.")


def sso_section(part: Part) -> Section | None:
    """Return the [sso-session] that the profile names, if it exists."""
    name = part.section.text("sso_session")
    return part.reading.sections.sso_sessions.get(name) if name else None


def _sso_text(part: Part, name: str) -> str | None:
    session = sso_section(part)
    return part.section.text(name) or (session.text(name) if session is not None else None)


def sso_token(part: Part) -> Iterator[Finding]:
    """Tell whether there is a token to ask SSO with, and whether it can renew itself."""
    session = part.section.text("sso_session")
    stored_under = session or _sso_text(part, "sso_start_url")
    if not stored_under:
        return
    fix = f"Run `%aws_profile {part.target} --login`."
    file = f"{sha1(stored_under.encode(), usedforsecurity=False).hexdigest()}.json"
    token = _stored(Path("~/.aws/sso/cache").expanduser() / file)
    expiry = parse_time(token.get("expiresAt"))
    if expiry is None or not is_sso_token(token):
        yield Problem(says="There is no SSO token: nobody has signed in.", fix=fix)
        return
    renews = bool(session) and token.keys() >= _REFRESHES
    registered = parse_time(token.get("registrationExpiresAt"))
    renews = renews and registered is not None and registered > part.reading.now
    if expiry > part.reading.now:
        how_long = ", and renews itself" if renews else ""
        yield f"The SSO token is good until {until(expiry)}{how_long}."
    elif renews:
        yield f"The SSO token has expired at {until(expiry)}; its refresh token gets a new one."
    else:
        yield Problem(says=f"The SSO token has expired at {until(expiry)}.", fix=fix)


def login_token(part: Part) -> Iterator[Finding]:
    """Tell whether `aws login` has left something to sign with.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-login-credentials.html
    """
    session = part.section.text("login_session")
    if session is None:
        return
    fix = f"Run `aws login --profile {part.profile.name}`."
    file = f"{sha256(session.encode()).hexdigest()}.json"
    token = _stored(_login_directory(part.reading) / file)
    access = token.get("accessToken")
    expiry = parse_time(access.get("expiresAt")) if isinstance(access, dict) else None
    if expiry is None:
        yield Problem(says="There is no login session: nobody has signed in.", fix=fix)
    elif expiry > part.reading.now:
        yield f"The login session's credentials are good until {until(expiry)}."
    elif isinstance(token.get("refreshToken"), str):
        yield f"The login session's credentials have expired at {until(expiry)}, and renew."
    else:
        yield Problem(says=f"The login session has expired at {until(expiry)}.", fix=fix)


def _login_directory(reading: Reading) -> Path:
    named = reading.environ.get("AWS_LOGIN_CACHE_DIRECTORY")
    return Path(os.path.expanduser(os.path.expandvars(named or "~/.aws/login/cache")))


def _stored(file: Path) -> dict[str, Any]:
    """Read a stored token; what can't be read is as good as none."""
    with suppress(OSError, ValueError, RecursionError):
        document = json.loads(file.read_text())
        if isinstance(document, dict):
            return document
    return {}
