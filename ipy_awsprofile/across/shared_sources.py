"""Sessions that many roles are assumed from: each is opened once, and asks a person once.

botocore resolves a role's source anew for each role. Where hundreds of roles are worked through
side by side, that is hundreds of calls for one hub role, and an MFA code works only once at AWS.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any, NoReturn

from botocore.credentials import AssumeRoleProvider, Credentials

from ipy_awsprofile.config.profiles import ProfileKind
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.role_chain import role_chain
from ipy_awsprofile.config.target import Target, target_of
from ipy_awsprofile.credentials.core import MakeProvider, ProfileCore
from ipy_awsprofile.credentials.mfa import MfaPrompter
from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.credentials.retries import for_many_profiles, shared_by_threads
from ipy_awsprofile.credentials.role_cache import RoleCache
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.sessions.portable import session_token
from ipy_awsprofile.sessions.session import ProfileSession, open_target
from ipy_awsprofile.sessions.sso_sign_in import sso_settings


class Sources:
    """Opens targets side by side; roles that come from the same source share it.

    `ask` turns to the ``person``. ``connections`` is how many threads open targets at a time, and
    ``timeout`` is in seconds, for each attempt of a call to STS. A source that fails does so once:
    all that need it get the same error.
    """

    def __init__(
        self, person: Person | None = None, *, connections: int = 10, timeout: float = 10.0
    ) -> None:
        self._person = person or Person()
        self._timeout = timeout
        self._sts_config = shared_by_threads(timeout, connections)
        self._lock = threading.Lock()
        self._made: dict[tuple[str, ...], Future[Any]] = {}

    def ask(self, targets: Iterable[Target]) -> None:
        """Ask a person for what the targets need: once for each MFA device and each sign-in.

        A target whose role is in the AWS CLI's cache needs nothing. What can't be had is no error
        here: the targets that need it fail when they are opened.
        """
        for target in targets:
            with suppress(Exception):  # it is kept, or met again, where the target is opened
                if not all(need in self._made for need in _needs(target)):
                    self._ask_for(target)

    def _ask_for(self, target: Target) -> None:
        """Go down the chain to the first cached role, and ask for what its credentials need."""
        while _needs(target) and not _is_cached(target):
            if device := _device(target):
                self._once(device, lambda role=target: self._give_code(role))  # type: ignore[misc]
            if not _has_own_source(target):
                break
            target = _source_of(target)
        else:
            return
        if target.chain[0].kind is ProfileKind.SSO:
            self._once(_sign_in_of(target), lambda: self._open(target, person=self._person))

    def open(self, target: Target, *, fresh: bool = False) -> ProfileSession:
        """Open a session for a target. Raises a child of `AwsProfileError`.

        ``fresh`` gets new credentials for it where good ones are cached.
        """
        return self._open(target, fresh=fresh)

    def _open(
        self, target: Target, *, fresh: bool = False, person: Person | None = None
    ) -> ProfileSession:
        return open_target(
            target,
            fresh=fresh,
            person=person or replace(self._person, sign_in=None),
            timeout=self._timeout,
            client_config=for_many_profiles(target.client_settings()),
            provider=self._provider(target) if _has_own_source(target) else None,
        )

    def _provider(self, target: Target) -> MakeProvider:
        """Let the target's role be assumed with what is shared here."""
        has_code = _device(target) in self._made
        sts = partial(self._sts, target, has_code)
        source = _Lazily(lambda: self._source_credentials(target))

        def make(core: ProfileCore, cache: RoleCache, prompter: MfaPrompter) -> _RoleProvider:
            # An answer given already is left out of the call.
            return _RoleProvider(core, cache, (lambda _: "") if has_code else prompter, sts, source)

        return make

    def _sts(self, target: Target, has_code: bool, _service: str, **keys: Any) -> Any:
        """Make a client of STS for these keys, or return the one that there is."""

        def make() -> Any:
            core = ProfileCore(target)
            client = core.create_client("sts", config=self._sts_config, **keys)
            if has_code:
                without_code: Any = _without_code  # unlike most handlers, it answers
                client.meta.events.register("provide-client-params.sts.AssumeRole", without_code)
            return client

        place = repr((target.region, target.client_settings()))
        return self._once(("sts", place, keys["aws_access_key_id"]), make)

    def _source_credentials(self, target: Target) -> Any:
        """Give what the target's role is assumed with."""
        device = _device(target)
        if device in self._made:
            return self._made[device].result()
        return self._source(target).get_credentials()

    def _source(self, target: Target) -> ProfileSession:
        """Open the session that the target's role is assumed from, once."""
        source = _source_of(target)
        key = ("source", source.name, str(source.region), repr(source.client_settings()))
        session: ProfileSession = self._once(key, lambda: self._open(source))
        return session

    def _give_code(self, target: Target) -> Credentials:
        """Get credentials of the role's source that carry an MFA code. Raises AwsProfileError."""
        serial, source = target.chain[0].mfa_serial, self._source(target)
        question = f"Enter MFA code for {serial}: "
        ask = partial(self._person.code, question, target)
        keys, _ = session_token(source, serial=serial, ask=ask)
        return Credentials(str(keys.access_key), str(keys.secret_key), keys.token)

    def _once(self, key: tuple[str, ...], make: Callable[[], Any]) -> Any:
        """Make it in the first thread that asks; the others wait for what comes of it."""
        with self._lock:
            first = key not in self._made
            made = self._made.setdefault(key, Future())
        if first:
            try:
                made.set_result(make())
            except BaseException as error:  # noqa: BLE001  # it is raised below
                made.set_exception(error)
        if failure := made.exception():
            # Each thread would add its stack, and with it all that is in work, to the one error.
            raise failure.with_traceback(None)
        return made.result()


def _without_code(params: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Leave the device out of AssumeRole, whose credentials carry the code already."""
    return {name: params[name] for name in params if name not in {"SerialNumber", "TokenCode"}}


def _has_own_source(target: Target) -> bool:
    """Say whether the source is a profile that one could open by itself, with the same outcome.

    It isn't if its own keys go before its role, which they do only as a source.
    """
    rest = target.chain[1:]
    return bool(rest) and role_chain(rest[0].name, files=target.files) == rest


def _source_of(target: Target) -> Target:
    """Make a target of the source; where it says nothing of its place, that is the role's."""
    source = target_of(SessionRequest(profile=target.chain[1].name))
    own = source.client_settings()
    missing = {name: said for name, said in target.client_settings().items() if name not in own}
    return replace(source, region=source.region or target.region, settings=missing)


def _needs(target: Target) -> list[tuple[str, ...]]:
    """Name the devices and the sign-in that the chain needs, should nothing of it be cached."""
    hops = pairwise(target.chain)
    needs = [("code", one.mfa_serial, source.name) for one, source in hops if one.mfa_serial]
    is_sso = target.chain[-1].kind is ProfileKind.SSO
    return [*needs, *([_sign_in_of(target)] if is_sso else [])]


def _device(target: Target) -> tuple[str, ...]:
    """Name the MFA device that the role asks for, and whose it is; empty if it asks for none."""
    serial = target.chain[0].mfa_serial
    return ("code", serial, target.chain[1].name) if serial and _has_own_source(target) else ()


def _sign_in_of(target: Target) -> tuple[str, ...]:
    settings = sso_settings(target)
    return ("sign-in", settings.start_url, settings.session or "")


class _RoleProvider(AssumeRoleProvider):
    """botocore's provider of assumed roles, for which the source is resolved elsewhere."""

    def __init__(
        self,
        core: ProfileCore,
        cache: RoleCache,
        prompter: MfaPrompter,
        sts: Callable[..., Any],
        source: _Lazily,
    ) -> None:
        super().__init__(
            load_config=lambda: core.full_config,
            client_creator=sts,
            cache=cache,  # type: ignore[arg-type]  # botocore asks for less than a whole dict
            profile_name=str(core.profile),
            prompter=prompter,
        )
        self._source = source

    def _resolve_credentials_from_profile(self, _profile_name: str) -> _Lazily:
        return self._source


class _Lazily:
    """Credentials of a source, which isn't opened before a role has to be assumed with them."""

    def __init__(self, get: Callable[[], Any]) -> None:
        self._get = get

    def get_frozen_credentials(self) -> Any:
        """Do what botocore's credentials do."""
        return self._get().get_frozen_credentials()


class _NotCached(Exception):
    """The role would have to be assumed."""


def _is_cached(target: Target) -> bool:
    """Say whether the AWS CLI's cache has the role; nobody is called for that."""

    def no_more(*_: object) -> NoReturn:
        raise _NotCached

    if not _has_own_source(target):
        return False

    def cached_only(core: ProfileCore, cache: RoleCache, _: object) -> _RoleProvider:
        return _RoleProvider(core, cache, no_more, no_more, _Lazily(no_more))

    try:
        open_target(target, provider=cached_only)
    except (_NotCached, AwsProfileError):
        return False
    return True
