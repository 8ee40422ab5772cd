"""Open sessions for many profiles, and share the sources of their roles.

For each role, botocore gets the credentials of the role's source again. For hundreds of roles with
one source, this would be hundreds of calls, and AWS accepts an MFA code only once. Here, each
source is opened once, and the user is asked once for each MFA device and each sign-in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from queue import SimpleQueue
from typing import Any

from botocore.config import Config
from botocore.credentials import AssumeRoleProvider, Credentials

from ipy_awsprofile.config.names import AssignedName
from ipy_awsprofile.config.profiles import Profile, chain_of, find_profile
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.settings import client_settings
from ipy_awsprofile.config.target import Target, sign_in_file, target_of
from ipy_awsprofile.credentials.answers import own_client
from ipy_awsprofile.credentials.botocore_session import ProfileBotocoreSession, give_up_soon
from ipy_awsprofile.credentials.person import CodePrompter, Person
from ipy_awsprofile.sessions.portable import session_token
from ipy_awsprofile.sessions.session import ProfileSession, open_target

#: Attempts for each call, because calls for many profiles get throttled.
_ATTEMPTS = 10

#: How many calls to STS are made at the same time. With more of them, throttled ones would use up
#: the retries that botocore allows a client.
_MOST_CALLS = 16


class Questions:
    """Questions to the user from a run's threads, which the main thread answers."""

    def __init__(self, person: Person) -> None:
        self._asked: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self.is_over = False
        sign_in = person.sign_in
        #: The user, as the run's threads ask.
        self.person = replace(
            person,
            mfa_prompter=lambda question: self._ask(partial(person.mfa_prompter, question)),
            sign_in=sign_in and (lambda target: self._ask(partial(sign_in, target))),
        )

    def _ask(self, question: Callable[[], Any]) -> Any:
        answer: Future[Any] = Future()
        self._asked.put((answer, question))
        if self.is_over:
            self.cancel()
        return answer.result()

    def answer(self) -> None:
        """Ask the user the questions that wait, in this thread."""
        while not self._asked.empty():
            answer, question = self._asked.get()
            try:
                answer.set_result(question())
            except BaseException as error:
                answer.set_exception(error)
                if not isinstance(error, Exception):  # Ctrl-C
                    raise

    def cancel(self) -> None:
        """Answer no more questions."""
        self.is_over = True
        while not self._asked.empty():
            self._asked.get()[0].set_exception(KeyboardInterrupt())


class SharedSources:
    """Opens sessions in many threads. Roles with the same source share its session.

    A source that fails isn't tried again: all roles that need it get the same error.
    """

    def __init__(self, person: Person) -> None:
        #: The user, who signs in once.
        self.person = replace(person, sign_in=person.sign_in and self._sign_in)
        self._sign_in_once = person.sign_in
        shared = Config(max_pool_connections=_MOST_CALLS)
        self._sts_config = give_up_soon(attempts=_ATTEMPTS).merge(shared)
        #: Holds back calls to STS while others are made.
        self.calling = threading.Semaphore(_MOST_CALLS)
        self._lock = threading.Lock()
        self._shared: dict[tuple[str, ...], Future[Any]] = {}

    def open(self, target: Target) -> ProfileSession:
        """Open a session for a target. Raises a subclass of `AwsProfileError`."""
        source = target.request.source
        provider = (
            partial(_SharedSourceProvider, self, target) if _can_share_source(target) else None
        )
        return open_target(
            target,
            fresh=bool(source and source.is_limited),
            person=self.person,
            provider=provider,
            attempts=_ATTEMPTS,
        )

    def _sign_in(self, target: Target) -> None:
        if self._sign_in_once:
            sign_in = partial(self._sign_in_once, target)
            self._make_once(("sign-in", str(sign_in_file(target))), sign_in)

    def sts_client(self, target: Target, **keys: Any) -> Any:
        """Return the shared STS client for these access keys."""

        def create() -> Any:
            session = ProfileBotocoreSession(target)
            return own_client(session.create_client("sts", config=self._sts_config, **keys))

        settings = repr((target.region, _clients(target)))
        return self._make_once(("sts", settings, keys["aws_access_key_id"]), create)

    def source_credentials(self, target: Target) -> Any:
        """Return the credentials for assuming the target's role, which include MFA if required."""
        if target.request.source:
            return target.request.source.credentials
        serial = target.profile.mfa_serial
        if serial:
            make = partial(self._credentials_with_code, target, serial)
            return self._make_once(("code", serial, target.names[1]), make)
        return self._source_session(target).get_credentials()

    def _source_session(self, target: Target) -> ProfileSession:
        """Return the shared session of the source of the target's role."""
        source = _source_of(target)
        key = ("source", source.name, str(source.region), repr(_clients(source)))
        session: ProfileSession = self._make_once(key, partial(self.open, source))
        return session

    def _credentials_with_code(self, target: Target, serial: str) -> Credentials:
        """Ask for an MFA code, and return MFA credentials of the role's source."""
        codes = CodePrompter(lambda: self.person, target)
        ask = partial(codes, f"Enter MFA code for {serial}: ")  # botocore's wording
        source = self._source_session(target)
        keys, _ = codes.with_code(partial(session_token, source, serial=serial, ask=ask))
        return Credentials(str(keys.access_key), str(keys.secret_key), keys.token)

    def _make_once(self, key: tuple[str, ...], make: Callable[[], Any]) -> Any:
        """Return the result of ``make``, or raise its error. Only the first thread calls it."""
        with self._lock:
            is_first = key not in self._shared
            shared = self._shared.setdefault(key, Future())
        if is_first:
            try:
                shared.set_result(make())
            except BaseException as error:  # noqa: BLE001  # it is raised below
                shared.set_exception(error)
        failure = shared.exception()
        if failure:
            # Otherwise, each thread would add its stack, with all objects in it, to the same error.
            raise failure.with_traceback(None)
        return shared.result()


class _SharedSourceProvider(AssumeRoleProvider):
    """botocore's provider of a target's role, which assumes it with the shared source."""

    def __init__(
        self, sources: SharedSources, target: Target, session: Any, cache: Any, codes: Any
    ) -> None:
        def sts(_service: str, **keys: Any) -> Any:
            return _Sts(sources.sts_client(target, **keys), target, sources.calling)

        super().__init__(
            load_config=lambda: session.full_config,
            client_creator=sts,
            cache=cache,
            profile_name=target.name,
            # The source's credentials already include MFA, so AssumeRole is called without a code.
            prompter=(lambda _: "") if target.profile.mfa_serial else codes,
        )
        self._source = _DeferredCredentials(partial(sources.source_credentials, target))

    def _resolve_credentials_from_profile(self, _profile_name: str) -> Any:
        return self._source


class _Sts:
    """The shared STS client, with one target's parameters for AssumeRole, and without its code."""

    def __init__(self, sts: Any, target: Target, calling: threading.Semaphore) -> None:
        self._sts = sts
        self._parameters = target.parameters
        self._calling = calling

    def assume_role(self, **params: Any) -> Any:
        """Assume a role. The method's name is botocore's."""
        for name in ("SerialNumber", "TokenCode"):
            params.pop(name, None)
        with self._calling:
            return self._sts.assume_role(**params, **self._parameters.get(params["RoleArn"], {}))


class _DeferredCredentials:
    """Credentials of a source that is opened only when a role is assumed with it."""

    def __init__(self, get: Callable[[], Any]) -> None:
        self._get = get

    def get_frozen_credentials(self) -> Any:
        """Open the source and return its credentials. The method's name is botocore's."""
        return self._get().get_frozen_credentials()


def _clients(target: Target) -> dict[str, Any]:
    return client_settings(target.profile.settings)


def _can_share_source(target: Target) -> bool:
    """Return whether the source has the same credentials if it is opened as a profile.

    It doesn't if it has both keys and a role: a source uses its keys, but a profile uses its role.
    """
    if target.request.source:
        return True
    sources = target.chain[1:]
    if not sources or sources[0] not in target.config.profiles:
        return bool(sources and AssignedName.parse(sources[0]))
    as_profiles = chain_of(find_profile(sources[0], target.config), target.config)
    kinds = [(profile, profile.kind) for profile in as_profiles]
    return kinds == [(profile, profile.kind) for profile in sources]


def _source_of(target: Target) -> Target:
    """Return the source of the target's role, with the role's Region and client settings.

    The source's settings take precedence.
    """
    source = target_of(SessionRequest(profile=target.names[1]), target.config)
    own = _clients(source)
    missing = {name: value for name, value in _clients(target).items() if name not in own}
    first, *others = source.chain
    chain = (Profile(first, {**first.settings, **missing}, first.kind), *others)
    return replace(source, region=source.region or target.region, chain=chain)
