"""Open sessions for many profiles, and share the sources of their roles.

For each role, botocore gets the credentials of the role's source again. For hundreds of roles with
one source, this would be hundreds of calls, and AWS accepts an MFA code only once. Here, each
source is opened once, and the user is asked once for each MFA device and each sign-in.
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

from botocore.config import Config
from botocore.credentials import AssumeRoleProvider, Credentials

from ipy_awsprofile.config.profiles import Profile, ProfileKind, chain_of, find_profile
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.settings import client_settings
from ipy_awsprofile.config.sign_ins import require_sign_in
from ipy_awsprofile.config.target import Target, target_of
from ipy_awsprofile.credentials.botocore_session import (
    ProfileBotocoreSession,
    give_up_soon,
)
from ipy_awsprofile.credentials.person import CodePrompter, MfaPrompter, Person
from ipy_awsprofile.credentials.sts import RoleCache
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.sessions.portable import for_many_profiles, session_token
from ipy_awsprofile.sessions.session import ProfileSession, open_target
from ipy_awsprofile.text import assigned_name

#: Attempts for each call, because calls for many profiles get throttled.
_ATTEMPTS = 10

#: The key of a shared object: an MFA device, a sign-in, a source session, an STS client.
Key = tuple[str, ...]


class SharedSources:
    """Opens sessions in many threads. Roles with the same source share its session.

    ``person`` answers `ask_person`. ``connections`` is the number of threads that open sessions at
    the same time. ``timeout`` is for each attempt of a call to STS, in seconds. A source that fails
    isn't tried again: all roles that need it get the same error.
    """

    def __init__(
        self, person: Person | None = None, *, connections: int = 10, timeout: float = 10.0
    ) -> None:
        self._person = person or Person()
        self._timeout = timeout
        # One client has one rate, which its threads share.
        adaptive: Any = {"mode": "adaptive", "total_max_attempts": _ATTEMPTS}
        shared = Config(max_pool_connections=connections, retries=adaptive)
        self._sts_config = give_up_soon(timeout).merge(shared)
        self._lock = threading.Lock()
        self._shared: dict[Key, Future[Any]] = {}

    def ask_person(self, targets: Iterable[Target]) -> None:
        """Ask for the targets' MFA codes and sign-ins, once for each device and each sign-in.

        A target needs neither if its role is in the AWS CLI's cache. Failures aren't raised here:
        `open` raises them for each target that needs the answer.
        """
        for target in targets:
            with suppress(Exception):
                if not all(key in self._shared for key in _keys_of_answers(target)):
                    self._ask_for(target)

    def _ask_for(self, target: Target) -> None:
        """Ask for what the chain needs, from the target back to the first cached role."""
        while _keys_of_answers(target) and not _is_cached(target):
            if key := _device_key(target):
                self._make_once(key, partial(self._credentials_with_code, target))
            if not _can_share_source(target):
                break
            target = _source_of(target)
        else:
            return
        if target.chain[0].kind in _SIGNED_IN:
            sign_in = partial(self._open, target, person=self._person)
            self._make_once(_sign_in_key(target), sign_in)

    def open(self, target: Target, *, fresh: bool = False) -> ProfileSession:
        """Open a session for a target. Raises a subclass of `AwsProfileError`.

        With ``fresh``, don't use cached credentials of the target's role.
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
            client_config=for_many_profiles(_clients(target)),
            provider=self._role_provider(target) if _can_share_source(target) else None,
            attempts=_ATTEMPTS,
        )

    def _role_provider(self, target: Target) -> Callable[..., _RoleProvider]:
        """Return a factory for a provider that assumes the target's role with its shared source."""
        has_code = _device_key(target) in self._shared

        def sts(service: str, **keys: Any) -> Any:
            client = self._sts_client(target, has_code, service, **keys)
            return _WithParameters(client, target) if target.parameters else client

        def make(
            core: ProfileBotocoreSession, cache: RoleCache, prompter: MfaPrompter
        ) -> _RoleProvider:
            source = _DeferredCredentials(lambda: self._source_credentials(target))
            # The source's credentials already include MFA, so AssumeRole is called without a code.
            return _RoleProvider(core, cache, (lambda _: "") if has_code else prompter, sts, source)

        return make

    def _sts_client(self, target: Target, has_code: bool, _service: str, **keys: Any) -> Any:
        """Return the shared STS client for these access keys. Create it if it doesn't exist."""

        def create() -> Any:
            core = ProfileBotocoreSession(target)
            client = core.create_client("sts", config=self._sts_config, **keys)
            if has_code:
                handler: Any = _without_mfa  # unlike most handlers, it returns a value
                client.meta.events.register("provide-client-params.sts.AssumeRole", handler)
            return client

        place = repr((target.region, _clients(target)))
        return self._make_once(("sts", place, keys["aws_access_key_id"]), create)

    def _source_credentials(self, target: Target) -> Any:
        """Return the credentials for assuming the target's role."""
        if (key := _device_key(target)) in self._shared:
            return self._shared[key].result()
        return self._source_session(target).get_credentials()

    def _source_session(self, target: Target) -> ProfileSession:
        """Return the shared session of the source of the target's role."""
        source = _source_of(target)
        key = ("source", source.name, str(source.region), repr(_clients(source)))
        session: ProfileSession = self._make_once(key, partial(self._open, source))
        return session

    def _credentials_with_code(self, target: Target) -> Credentials:
        """Ask for an MFA code, and return MFA credentials of the role's source.

        Raises a subclass of `AwsProfileError`.
        """
        serial, source = target.chain[0].mfa_serial, self._source_session(target)
        question = f"Enter MFA code for {serial}: "
        codes = CodePrompter(lambda: self._person, target)
        ask = partial(codes, question)
        keys, _ = codes.with_code(partial(session_token, source, serial=serial, ask=ask))
        return Credentials(str(keys.access_key), str(keys.secret_key), keys.token)

    def _make_once(self, key: Key, make: Callable[[], Any]) -> Any:
        """Return the result of ``make``, or raise its error. Only the first thread calls it."""
        with self._lock:
            is_first = key not in self._shared
            shared = self._shared.setdefault(key, Future())
        if is_first:
            try:
                shared.set_result(make())
            except BaseException as error:  # noqa: BLE001  # it is raised below
                shared.set_exception(error)
        if failure := shared.exception():
            # Otherwise, each thread would add its stack, with all objects in it, to the same error.
            raise failure.with_traceback(None)
        return shared.result()


def _without_mfa(params: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Return the parameters of AssumeRole without the MFA device and its code."""
    return {name: params[name] for name in params if name not in {"SerialNumber", "TokenCode"}}


def _clients(target: Target) -> dict[str, Any]:
    return client_settings(target.chain[0].settings)


def _can_share_source(target: Target) -> bool:
    """Return whether the source has the same credentials if it is opened as a profile.

    It doesn't if it has both keys and a role: a source uses its keys, but a profile uses its role.
    """
    sources = target.chain[1:]
    if not sources or sources[0] not in target.config.profiles:
        return bool(sources and assigned_name(sources[0]))
    as_profiles = chain_of(find_profile(sources[0], target.config), target.config)
    return [(one, one.kind) for one in as_profiles] == [(one, one.kind) for one in sources]


def _source_of(target: Target) -> Target:
    """Return the source of the target's role, with the role's Region and client settings.

    The source's settings take precedence.
    """
    source = target_of(SessionRequest(profile=target.names[1]), target.config)
    own, settings = _clients(source), _clients(target)
    missing = {name: value for name, value in settings.items() if name not in own}
    first, *others = source.chain
    chain = (Profile(first, {**first.settings, **missing}, first.kind), *others)
    return replace(source, region=source.region or target.region, chain=chain)


def _keys_of_answers(target: Target) -> list[Key]:
    """Return the MFA devices and the sign-in that the chain needs if nothing is cached."""
    steps = pairwise(target.chain)
    keys = [("code", role.mfa_serial, source.name) for role, source in steps if role.mfa_serial]
    signs_in = target.chain[-1].kind in _SIGNED_IN
    return [*keys, *([_sign_in_key(target)] if signs_in else [])]


def _device_key(target: Target) -> Key:
    """Return the key of the MFA device that the role needs, or an empty key."""
    serial = target.chain[0].mfa_serial
    return ("code", serial, target.names[1]) if serial and _can_share_source(target) else ()


#: The kinds of profiles that need a sign-in.
_SIGNED_IN = (ProfileKind.SSO, ProfileKind.LOGIN_SESSION)


def _sign_in_key(target: Target) -> Key:
    if target.chain[-1].kind is ProfileKind.LOGIN_SESSION:
        return ("sign-in", str(target.chain[-1].settings.get("login_session")))
    sign_in = require_sign_in(target.chain[-1], target.config)
    return ("sign-in", sign_in.start_url, sign_in.session)


class _RoleProvider(AssumeRoleProvider):
    """botocore's provider for assumed roles, which uses the given credentials of the source."""

    def __init__(
        self,
        core: ProfileBotocoreSession,
        cache: RoleCache,
        prompter: MfaPrompter,
        sts: Callable[..., Any],
        source: _DeferredCredentials,
    ) -> None:
        super().__init__(
            load_config=lambda: core.full_config,
            client_creator=sts,
            cache=cache,  # type: ignore[arg-type]  # botocore needs less than a whole dict
            profile_name=str(core.profile),
            prompter=prompter,
        )
        self._source = source

    def _resolve_credentials_from_profile(self, _profile_name: str) -> _DeferredCredentials:
        return self._source


class _WithParameters:
    """The shared STS client, with one target's additional parameters for AssumeRole."""

    def __init__(self, sts: Any, target: Target) -> None:
        self._sts = sts
        self._target = target

    def assume_role(self, **params: Any) -> Any:
        """Assume a role. The method's name is botocore's."""
        more = self._target.parameters.get(params["RoleArn"], {})
        return self._sts.assume_role(**{**params, **more})


class _DeferredCredentials:
    """Credentials of a source that is opened only when a role is assumed with it."""

    def __init__(self, get: Callable[[], Any]) -> None:
        self._get = get

    def get_frozen_credentials(self) -> Any:
        """Open the source and return its credentials. The method's name is botocore's."""
        return self._get().get_frozen_credentials()


class _NotCached(Exception):
    """Raised if the role isn't cached and would have to be assumed."""


def _is_cached(target: Target) -> bool:
    """Return whether the AWS CLI's cache has the role's credentials. Makes no call to AWS."""

    def fail(*_: object) -> NoReturn:
        raise _NotCached

    if not _can_share_source(target):
        return False

    def cached_only(core: ProfileBotocoreSession, cache: RoleCache, _: object) -> _RoleProvider:
        return _RoleProvider(core, cache, fail, fail, _DeferredCredentials(fail))

    try:
        open_target(target, provider=cached_only)
    except (_NotCached, AwsProfileError):
        return False
    return True
