"""Sign out, like the AWS CLI commands ``aws sso logout`` and ``aws logout``.

For IAM Identity Center, invalidate the token at AWS, and delete its file and the cached sessions of
its roles. AWS can't invalidate tokens of ``aws login``, so only delete their file. Sessions that a
program already uses remain valid until they expire.

https://docs.aws.amazon.com/cli/latest/reference/sso/logout.html
https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_Logout.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import botocore.session
from botocore import UNSIGNED
from botocore.config import Config as ClientConfig

from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.profiles import ProfileKind
from ipy_awsprofile.config.sign_ins import sign_ins
from ipy_awsprofile.config.target import sign_in_target
from ipy_awsprofile.credentials.botocore_session import ResolvingSession
from ipy_awsprofile.credentials.cli_caches import login_cache, sso_cache
from ipy_awsprofile.credentials.deadline import ATTEMPT
from ipy_awsprofile.credentials.response_checks import guarded
from ipy_awsprofile.credentials.retries import give_up_soon
from ipy_awsprofile.credentials.sign_in_files import SignInFile
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.sessions.sign_in import sign_in_file
from ipy_awsprofile.sessions.sso_sign_in import delete_file, forget_roles, sso_settings

if TYPE_CHECKING:
    from ipy_awsprofile.config.files import Config
    from ipy_awsprofile.config.target import Target


class SignedOut(NamedTuple):
    """The names of the ended sign-ins, and sentences about tokens that AWS didn't invalidate."""

    names: tuple[str, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _SignIn:
    """A stored sign-in. ``target`` has the settings to call AWS; None without a profile."""

    name: str
    path: Path
    target: Target | None = None


def sign_out(target: Target | None) -> SignedOut:
    """End the sign-in of a target, or all sign-ins.

    Delete the token even if AWS can't be reached. Raises InvalidOption if the target doesn't have a
    sign-in, and CredentialsUnavailable if a file can't be deleted.
    """
    is_sso = target is not None and target.chain[-1].kind is ProfileKind.SSO
    settings = sso_settings(target) if target and is_sso else None
    if target is None:
        stored = list(_all_stored(read_config()))
    else:
        path = sign_in_file(target).path
        name = (settings.session if settings else None) or target.names[-1]
        stored = [_SignIn(name, path, target)] if _has_token(path) else []
    problems = [problem for one in stored if (problem := _end(one))]
    if target is None or settings:
        forget_roles(settings)
    return SignedOut(tuple(one.name for one in stored), tuple(problems))


def _all_stored(config: Config) -> Iterator[_SignIn]:
    known = {
        SignInFile.of_sso(one.start_url, one.session or None).path: one.name
        for one in sign_ins(config).values()
    }
    for path in sorted(sso_cache().glob("*.json")):
        if _has_token(path):
            name = known.get(path)
            yield _SignIn(name or path.name, path, sign_in_target(name) if name else None)
    profiles = {
        SignInFile.of_login(session).path: name
        for name, section in config.profiles.items()
        if (session := section.get("login_session"))
    }
    for path in sorted(login_cache().glob("*.json")):
        if _has_token(path):
            yield _SignIn(profiles.get(path, path.name), path)


def _end(sign_in: _SignIn) -> str:
    """End a sign-in. Return a sentence if AWS can't be called. Raises CredentialsUnavailable."""
    try:
        if sign_in.path.parent == sso_cache():
            with translated(sign_in.target.names if sign_in.target else (sign_in.name,)):
                _end_at_aws(sign_in)
    except AwsProfileError as error:
        return f"The tokens of `{sign_in.name}` couldn't be revoked: {error}"
    finally:
        delete_file(sign_in.path)
    return ""


def _end_at_aws(sign_in: _SignIn) -> None:
    region = _region_of(sign_in.path)
    if not region:  # like the AWS CLI
        return
    config = give_up_soon(ATTEMPT).merge(ClientConfig(signature_version=UNSIGNED))
    if sign_in.target:
        portal = ResolvingSession(sign_in.target).create_client(
            "sso", region_name=region, config=config
        )
    else:
        plain: Any = botocore.session.Session()
        portal = guarded(plain.create_client("sso", region_name=region, config=config))
    try:
        # Don't assign the token to a variable, because a traceback could show it.
        portal.logout(accessToken=json.loads(sign_in.path.read_bytes())["accessToken"])
    except portal.exceptions.UnauthorizedException:
        return  # the token had expired


def _has_token(path: Path) -> bool:
    """Return whether a file has any token, without keeping its contents in a variable."""
    try:
        return "accessToken" in frozenset(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return False


def _region_of(path: Path) -> str:
    return str(json.loads(path.read_bytes()).get("region") or "")
