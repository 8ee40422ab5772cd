"""Read credentials and tokens from the caches for roles, SSO and `aws login`. Write nothing.

https://docs.aws.amazon.com/sdkref/latest/guide/understanding-sso.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from ipy_awsprofile.config.duration import seconds_unused
from ipy_awsprofile.config.problem import Problem
from ipy_awsprofile.config.profiles import ASSUMES, ProfileKind, has_session_token
from ipy_awsprofile.config.shared_files import Section
from ipy_awsprofile.config.sign_ins import login_command
from ipy_awsprofile.credentials.validation import is_renewable_login, parse_time
from ipy_awsprofile.explain.records import Finding, Link, in_utc
from ipy_awsprofile.text import arguments, number_of, one_line

#: The minimum remaining lifetime of a cached session that needs an MFA code to renew.
_MIN_LEFT_WITH_CODE = timedelta(minutes=1)

#: The fields of a token that botocore can renew.
_RENEWAL_KEYS = {"refreshToken", "clientId", "clientSecret", "registrationExpiresAt"}


def role_session(link: Link) -> Iterator[Finding]:
    """Yield the expiry of the profile's session in the AWS CLI's cache, if it has one."""
    key = _role_key(link)
    if key is not None:
        variant = link.inputs.variant if link.is_target else ""
        yield from _session_in_cache(key, link, needs_code=link.needs_code, variant=variant)


def mfa_session(link: Link) -> Iterator[Finding]:
    """Yield how to get an MFA session with access keys, and the expiry of a cached session.

    The cached session is used only with ``--mfa``.
    """
    from ipy_awsprofile.config.mfa import MfaSession
    from ipy_awsprofile.credentials.session_token import cache_key

    serial, key = link.profile.mfa_serial, link.section.text("aws_access_key_id")
    if serial and key and link.is_target and not has_session_token(link.section):
        with_mfa = arguments(link.profile.name, "--mfa")
        yield f"`%aws_profile {with_mfa}` gets a session with MFA; otherwise none is used."
        yield from _session_in_cache(cache_key(key, MfaSession(serial)), link, needs_code=True)


def _session_in_cache(
    key: str, link: Link, *, needs_code: bool, variant: str = ""
) -> Iterator[Finding]:
    from ipy_awsprofile.credentials.cli_caches import RoleCache, role_cache

    cache = RoleCache(role_cache(), variant=variant)
    try:
        document = cache[key]
    except (KeyError, UnicodeError):
        return
    expiry = parse_time(document["Credentials"]["Expiration"])
    if expiry is None:
        return
    if why := _why_not_taken(document, link):
        yield f"The session in the AWS CLI's cache isn't used: {why}."
        return
    duration = link.profile.duration if link.kind in ASSUMES else None
    unused = timedelta(seconds=seconds_unused(duration))
    least = _MIN_LEFT_WITH_CODE if needs_code else unused
    if expiry - link.inputs.now >= least:
        yield f"The AWS CLI's cache has a session that is valid until {in_utc(expiry)}."
    else:
        yield (
            f"The session in the AWS CLI's cache expires at {in_utc(expiry)}. A switch "
            f"replaces it, because it has less than {_in_words(least)} left."
        )


def _in_words(time: timedelta) -> str:
    minutes, seconds = divmod(int(time.total_seconds()), 60)
    return number_of(minutes * 60 + seconds, "second") if seconds else number_of(minutes, "minute")


def _why_not_taken(document: Mapping[str, Any], link: Link) -> str:
    """Return why a session in the cache can't be the profile's, or an empty text if it can."""
    from ipy_awsprofile.credentials.cache_provenance import is_of, noted_endpoint, other_role

    if role := other_role(document, link.section.text("role_arn") or ""):
        return f"it is for {one_line(role)}"
    endpoint = noted_endpoint(document)
    if endpoint not in (None, link.foreign_sts):
        return f"it is from {one_line(endpoint or '') or 'AWS'}"
    if link.kind is ProfileKind.WEB_IDENTITY:
        token_file = link.section.text("web_identity_token_file") or ""
        return "" if is_of(document, token_file) else "it is for a different subject"
    return ""


def _role_key(link: Link) -> str | None:
    """Return the cache key, computed by the botocore class that gets the session."""
    from botocore import credentials

    fetcher: Any
    role_arn = link.section.text("role_arn") or ""
    if link.kind is ProfileKind.SSO:
        arguments: list[Any] = [_sso_text(link, name) for name in _SSO_ARGUMENTS]
        if None in arguments:
            return None
        session = link.section.text("sso_session")
        fetcher_class: Any = credentials.SSOCredentialFetcher
        fetcher = fetcher_class(*arguments, _unused, sso_session_name=session)
    elif link.kind is ProfileKind.WEB_IDENTITY:
        fetcher = credentials.AssumeRoleWithWebIdentityCredentialFetcher(
            _unused, _unused, role_arn, extra_args=_arguments(link, "RoleSessionName")
        )
    else:
        extra: Any = _arguments(link, *_PARAMETERS)
        if link.profile.duration is not None:
            extra["DurationSeconds"] = link.profile.duration
        fetcher = credentials.AssumeRoleCredentialFetcher(
            _unused, _unused, role_arn, extra_args=extra
        )
    return str(fetcher._cache_key)  # noqa: SLF001  # botocore has no public name for it


_SSO_ARGUMENTS = ("sso_start_url", "sso_region", "sso_role_name", "sso_account_id")
_PARAMETERS = {
    "RoleSessionName": "role_session_name",
    "ExternalId": "external_id",
    "SerialNumber": "mfa_serial",
}


def _arguments(link: Link, *parameters: str) -> Any:
    values = {name: link.section.get(_PARAMETERS[name]) for name in parameters}
    return {name: value for name, value in values.items() if value is not None}


def _unused(*_: object, **__: object) -> Any:
    raise AssertionError("An explanation makes no calls.")


def sso_section(link: Link) -> Section | None:
    """Return the profile's [sso-session] section, or None if it doesn't exist."""
    name = link.section.text("sso_session")
    return link.inputs.config.sso_sessions.get(name) if name else None


def _sso_text(link: Link, name: str) -> str | None:
    session = sso_section(link)
    return link.section.text(name) or (session.text(name) if session is not None else None)


def sso_token(link: Link) -> Iterator[Finding]:
    """Yield the expiry of the SSO token, or a problem if no valid token is cached."""
    from ipy_awsprofile.credentials.cli_caches import load_sso_token

    session, start_url = link.section.text("sso_session"), _sso_text(link, "sso_start_url")
    if not start_url:
        return
    fix = f"Run `%aws_profile {arguments(link.target, '--login')}`."
    token = load_sso_token(start_url, session) or {}
    expiry = parse_time(token.get("expiresAt"))
    if expiry is None:
        yield Problem(says="You aren't signed in: no SSO token is cached.", fix=fix)
        return
    renews = bool(session) and token.keys() >= _RENEWAL_KEYS
    registered = parse_time(token.get("registrationExpiresAt"))
    renews = renews and registered is not None and registered > link.inputs.now
    if expiry > link.inputs.now:
        renewed = " and is renewed automatically" if renews else ""
        yield f"The SSO token is valid until {in_utc(expiry)}{renewed}."
    elif renews:
        yield f"The SSO token expired at {in_utc(expiry)}; it is renewed with its refresh token."
    else:
        yield Problem(says=f"The SSO token expired at {in_utc(expiry)}.", fix=fix)


def login_token(link: Link) -> Iterator[Finding]:
    """Yield the expiry of the `aws login` session, or a problem if no session is cached.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-login-credentials.html
    """
    from botocore import compat

    from ipy_awsprofile.credentials.cli_caches import load_login

    fix = f"Run `{login_command(link.profile.name)}`."
    if getattr(compat, "EC", None) is None:
        install = 'Run `%pip install "botocore[crt]"`, then restart the kernel.'
        yield Problem(says="A part of botocore that `aws login` needs is missing.", fix=install)
    login = load_login(link.section.text("login_session") or "") or {}
    is_usable = is_renewable_login(login)
    expiry = parse_time(login["accessToken"]["expiresAt"]) if is_usable else None
    if expiry is None:
        yield Problem(says="You aren't signed in: no login session is cached.", fix=fix)
    elif expiry > link.inputs.now:
        yield f"The login session's credentials are valid until {in_utc(expiry)}."
    else:
        yield f"The login session's credentials expired at {in_utc(expiry)}; they are renewed."
