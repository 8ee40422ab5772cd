"""Open sessions for many profiles, and share the sources of their roles.

For each role, botocore gets the credentials of the role's source again. For hundreds of roles with
one source, this would be hundreds of calls, and AWS accepts an MFA code only once. Here, botocore
gets each source once, and the user is asked once for each MFA device and each sign-in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.config import Config
from botocore.credentials import DeferredRefreshableCredentials

from ipy_awsprofile.config.private import of_process
from ipy_awsprofile.config.settings import client_settings
from ipy_awsprofile.config.target import Target, sign_in_file
from ipy_awsprofile.credentials.botocore_session import ProfileBotocoreSession, give_up_soon
from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.credentials.providers import RoleChainProvider
from ipy_awsprofile.credentials.sts import MfaSessionFetcher, own_client
from ipy_awsprofile.sessions.session import ProfileSession, open_target

if TYPE_CHECKING:
    from botocore.credentials import Credentials, ReadOnlyCredentials

    from ipy_awsprofile.config.parameters import StsParameters

_T = TypeVar("_T")

#: Attempts for each call, because calls for many profiles get throttled.
_ATTEMPTS = 10

#: How many calls to STS are made at the same time. With more of them, throttled ones would use up
#: the retries that botocore allows a client.
_MOST_CALLS = 16


class Questions:
    """Questions to the user from a run's threads, which the main thread answers."""

    def __init__(self, person: Person) -> None:
        self._asked: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        #: Set when nothing is asked anymore, and a function that still runs can't sign anymore.
        self.is_over = threading.Event()
        #: The user, as the run's threads ask.
        self.person = replace(person, mfa_prompter=partial(self._ask, person.mfa_prompter))
        if person.sign_in_prompter:
            prompter = partial(self._ask, person.sign_in_prompter)
            self.person = replace(self.person, sign_in_prompter=prompter)

    def _ask(self, prompter: Callable[[Any], _T], question: object) -> _T:
        answer: Future[_T] = Future()
        self._asked.put((answer, partial(prompter, question)))
        if self.is_over.is_set():
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
        self.is_over.set()
        while not self._asked.empty():
            self._asked.get()[0].set_exception(KeyboardInterrupt())


class SharedSources:
    """Opens sessions in many threads. Roles with the same source share its credentials.

    A source that fails isn't tried again: all roles that need it get the same error.
    """

    def __init__(self, person: Person) -> None:
        #: The user, who signs in once.
        self.person = person
        if person.sign_in_prompter:
            prompter = partial(self._sign_in, person.sign_in_prompter)
            self.person = replace(person, sign_in_prompter=prompter)
        shared = Config(max_pool_connections=_MOST_CALLS)
        self._sts_config = give_up_soon(attempts=_ATTEMPTS).merge(shared)
        #: Holds back calls to STS while others are made.
        self.calling = threading.Semaphore(_MOST_CALLS)
        self._lock = of_process(self, name="_lock", create=threading.Lock)
        self._shared: dict[tuple[object, ...], Future[Any]] = {}

    def open(self, target: Target) -> ProfileSession:
        """Open a session for a target. Raises a subclass of `AwsProfileError`."""
        source = target.request.source
        return open_target(
            target,
            fresh=bool(source and source.is_limited),
            person=self.person,
            role_provider=partial(_SharedRoleProvider, self, target),
            attempts=_ATTEMPTS,
        )

    def _sign_in(self, prompter: Callable[[Target], None], target: Target) -> None:
        self.make_once(partial(prompter, target), "sign-in", sign_in_file(target))

    def make_once(self, make: Callable[[], _T], *key: object) -> _T:
        """Return the result of ``make``, or raise its error. Only the first thread calls it."""
        with self._lock:
            is_first = key not in self._shared
            shared: Future[_T] = self._shared.setdefault(key, Future())
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

    def create_sts(self, target: Target, _service: str, **keys: str) -> _Sts:
        """Return the shared STS client for these access keys, for a target's role."""
        settings = _settings_of_clients(target, target.name)
        create = partial(self._create_sts, target, keys)
        client = self.make_once(create, "sts", settings, keys["aws_access_key_id"])
        return _Sts(client, target.parameters, self.calling)

    def _create_sts(self, target: Target, keys: dict[str, Any]) -> Any:
        session = ProfileBotocoreSession(target)
        return own_client(session.create_client("sts", config=self._sts_config, **keys))


class _SharedRoleProvider(RoleChainProvider):
    """botocore's provider of a target's role, whose source it shares with other roles."""

    def __init__(self, sources: SharedSources, target: Target, **options: Any) -> None:
        self._own_sts = options["client_creator"]
        options["client_creator"] = partial(sources.create_sts, target)
        super().__init__(**options)
        self._sources = sources
        self._target = target
        self._profiles = options["profile_provider_builder"]

    def _resolve_source_credentials(self, role_config: Any, profile_name: str) -> Any:
        """Return the credentials that assume a role. The method's name is botocore's."""
        if self._target.request.source:
            return self._target.request.source.credentials
        load = partial(super()._resolve_source_credentials, role_config, profile_name)  # type: ignore[misc]
        name = role_config["source_profile"] or role_config["credential_source"]
        make_source = partial(self._load, load, name)
        settings = _settings_of_clients(self._target, name)
        source = self._sources.make_once(make_source, "source", name, settings)
        serial = role_config["mfa_serial"]
        if serial is None:
            return source
        # In all Regions, because the user is asked once for each device.
        make_session = partial(self._mfa_session, source, name, serial)
        session = self._sources.make_once(make_session, "code", name, serial)
        self.renewing.devices.add(serial)  # the session includes its code
        return session

    def _load(self, load: Callable[[], Credentials], name: str) -> _SharedCredentials:
        """Return the credentials of a source, whose errors name the source for all its roles."""
        own = self.renewing
        self.renewing = self._profiles.renewing = own.for_source(name)
        try:
            return _SharedCredentials(load())
        finally:
            self.renewing = self._profiles.renewing = own

    def _mfa_session(
        self, source: _SharedCredentials, name: str, serial: str
    ) -> _SharedCredentials:
        """Return a session of the source with an MFA code, because AWS accepts a code only once."""
        parameters = {"SerialNumber": serial}
        codes: Any = self.renewing.prompter
        fetcher = MfaSessionFetcher(source, self._own_sts, parameters, codes, {})
        session = DeferredRefreshableCredentials(fetcher.fetch_credentials, "mfa-session")
        self.renewing.for_source(name).renew(session)
        return _SharedCredentials(session)


@dataclass(slots=True)
class _Sts:
    """The shared STS client, with one target's parameters for AssumeRole."""

    client: Any
    parameters: Mapping[str, StsParameters]
    calling: threading.Semaphore

    def assume_role(self, **params: Any) -> Any:
        """Assume a role. The method's name is botocore's."""
        added = self.parameters.get(params["RoleArn"], {})
        with self.calling:
            return self.client.assume_role(**params, **added)


@dataclass(slots=True, repr=False)
class _SharedCredentials:
    """Credentials of a source, which are retrieved when a role is first assumed with them."""

    credentials: Credentials
    lock: threading.Lock = field(default_factory=threading.Lock)
    failure: Exception | None = None

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the credentials, or raise their first error. The method's name is botocore's."""
        with self.lock:
            if self.failure:
                raise self.failure.with_traceback(None)
            try:
                return self.credentials.get_frozen_credentials()
            except Exception as error:
                self.failure = error
                raise


def _settings_of_clients(target: Target, name: str) -> str:
    """Return the target's client settings, with the Region of a profile in its chain, if any.

    Roles share only what has the same ones, because these settings decide which server answers.
    """
    region = target.region
    for profile in target.chain[1:]:
        if profile.name == name:
            region = profile.text("region") or region
    settings = {**client_settings(target.profile.settings), "region": region}
    return repr(sorted(settings.items()))
