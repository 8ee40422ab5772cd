"""Open sessions for many profiles, and share the credentials of their source profiles.

Without this module, botocore loads the credentials of a source profile again for each role. For
hundreds of roles with the same source profile, botocore then makes hundreds of calls. If the source
profile needs an MFA code, each call for a role needs a new code, because AWS accepts each code only
once. This module loads the credentials of each source profile once, and prompts the user once for
each MFA device and each sign-in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
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
    from botocore.credentials import Credentials

    from ipy_awsprofile.config.parameters import StsParameters

_T = TypeVar("_T")

#: The number of attempts for each call, because AWS throttles calls for many profiles.
_ATTEMPTS = 10

#: The maximum number of simultaneous calls to STS. If there were more, throttled calls would use up
#: the retries that botocore allows a client.
_MOST_CALLS = 16


class Questions:
    """A queue of prompts that threads add and that the main thread shows to the user.

    The prompters of ``person`` add their prompts to this queue.
    """

    def __init__(self, person: Person) -> None:
        self._asked: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        #: Set at the end. From then on, no prompt is shown, and running functions can't sign.
        self.is_over = threading.Event()
        #: The user, with prompters that add prompts to the queue.
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
        """Show the waiting prompts in this thread, and pass the answers to the waiting threads."""
        while not self._asked.empty():
            answer, question = self._asked.get()
            try:
                answer.set_result(question())
            except BaseException as error:
                answer.set_exception(error)
                if not isinstance(error, Exception):  # Ctrl-C
                    raise

    def cancel(self) -> None:
        """Reject all waiting and future prompts with KeyboardInterrupt."""
        self.is_over.set()
        while not self._asked.empty():
            self._asked.get()[0].set_exception(KeyboardInterrupt())


class SharedSources:
    """A session factory that many threads can use at the same time.

    Roles with the same source profile share the source profile's credentials. If the credentials of
    a source profile can't be loaded, opening any role with this source profile raises the same
    error.
    """

    def __init__(self, person: Person) -> None:
        #: The user, who is prompted for each sign-in only once.
        self.person = person
        if person.sign_in_prompter:
            prompter = partial(self._sign_in, person.sign_in_prompter)
            self.person = replace(person, sign_in_prompter=prompter)
        shared = Config(max_pool_connections=_MOST_CALLS)
        self._sts_config = give_up_soon(attempts=_ATTEMPTS).merge(shared)
        #: Limits the number of simultaneous calls to STS.
        self.calling = threading.Semaphore(_MOST_CALLS)
        self._lock = of_process(self, name="_lock", create=threading.Lock)
        self._shared: dict[tuple[object, ...], Future[Any]] = {}

    def open(self, target: Target) -> ProfileSession:
        """Open a session for a target.

        Raise a subclass of `AwsProfileError` if the session can't be opened.
        """
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
        """Call ``make`` once for each key, and return the result or raise the error.

        Later calls with the same key, in any thread, return the first result or raise the first
        error.
        """
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
        """Return an STS client that assumes a target's roles with the given access keys.

        All targets with the same access keys and client settings share one STS client.
        """
        settings = _settings_of_clients(target, target.name)
        create = partial(self._create_sts, target, keys)
        client = self.make_once(create, "sts", settings, keys["aws_access_key_id"])
        return _Sts(client, target.parameters, self.calling)

    def _create_sts(self, target: Target, keys: dict[str, Any]) -> Any:
        session = ProfileBotocoreSession(target)
        return own_client(session.create_client("sts", config=self._sts_config, **keys))


class _SharedRoleProvider(RoleChainProvider):
    """A credential provider that assumes a target's role with credentials that many roles share."""

    def __init__(self, sources: SharedSources, target: Target, **options: Any) -> None:
        self._own_sts = options["client_creator"]
        options["client_creator"] = partial(sources.create_sts, target)
        super().__init__(**options)
        self._sources = sources
        self._target = target
        self._profiles = options["profile_provider_builder"]

    def _resolve_source_credentials(self, role_config: Any, profile_name: str) -> Any:
        """Return the credentials that assume a role.

        This method overrides botocore's method of the same name.
        """
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

    def _load(self, load: Callable[[], Credentials], name: str) -> Credentials:
        """Load a source profile's credentials.

        Errors contain the source profile's name, because many roles share the source profile.
        """
        own = self.renewing
        self.renewing = self._profiles.renewing = own.for_source(name)
        try:
            return load()
        finally:
            self.renewing = self._profiles.renewing = own

    def _mfa_session(self, source: Credentials, name: str, serial: str) -> Credentials:
        """Return the credentials of an MFA session that can assume many roles with one MFA code.

        AWS accepts each code only once, so the roles can't be assumed directly with the same code.
        """
        parameters = {"SerialNumber": serial}
        codes: Any = self.renewing.prompter
        fetcher = MfaSessionFetcher(source, self._own_sts, parameters, codes, {})
        session = DeferredRefreshableCredentials(fetcher.fetch_credentials, "mfa-session")
        self.renewing.for_source(name).renew(session)
        return session


@dataclass(slots=True)
class _Sts:
    """A shared STS client that adds the parameters of one target to its calls."""

    client: Any
    parameters: Mapping[str, StsParameters]
    calling: threading.Semaphore

    def assume_role(self, **params: Any) -> Any:
        """Call AssumeRole with the target's parameters for the role. botocore calls this method."""
        added = self.parameters.get(params["RoleArn"], {})
        with self.calling:
            return self.client.assume_role(**params, **added)


def _settings_of_clients(target: Target, name: str) -> str:
    """Return a key that identifies a target's client settings and the Region of a source profile.

    Roles share clients and credentials only if the roles' keys are equal, because the settings
    determine which server answers.
    """
    region = target.region
    for profile in target.chain[1:]:
        if profile.name == name:
            region = profile.text("region") or region
    settings = {**client_settings(target.profile.settings), "region": region}
    return repr(sorted(settings.items()))
