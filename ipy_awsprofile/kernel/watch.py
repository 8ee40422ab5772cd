"""Give botocore's sessions the active credentials, and check the identity of each signature.

botocore calls `_watch` for each new session, including those of boto3, aiobotocore and s3fs. While
an identity is active, a session gets the credentials object of the active session, unless the user
has chosen a profile, keys or a credential provider for the session. The shared credentials object
renews the credentials for all of these sessions, and prompts the user if necessary. Credentials
that other sessions find are labeled with the profile that the user named. Each client calls
`gate.check` on its ``before-sign`` event, which botocore also emits for presigned URLs. Code that
signs requests without a client either calls ``SigV4Auth.add_auth`` or freezes a session's
credentials, so these two methods also call `gate.check`. When the credentials of a switch or
of `open_session` are frozen, `PROCESS.keys` notes temporary keys, so the check recognizes
copies of them.

https://docs.aws.amazon.com/boto3/latest/guide/events.html
"""

# ruff: noqa: SLF001  # botocore has no public API for the credentials of a session or a client

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial, wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import botocore  # the package alone, which imports nothing else

from ipy_awsprofile.call_stack import is_between
from ipy_awsprofile.config import user_environment
from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.config.user_environment import LENT
from ipy_awsprofile.errors import NotForOneProfile, show_briefly
from ipy_awsprofile.gate import PROCESS, Signer, check, current_run, note_without_credentials
from ipy_awsprofile.kernel.refusals import listen
from ipy_awsprofile.label import ActiveProfile, Label, label_of, put_label

if TYPE_CHECKING:
    from types import FrameType

    from botocore.auth import SigV4Auth
    from botocore.credentials import Credentials, ReadOnlyCredentials
    from botocore.session import Session

#: The name for credentials from before the extension was loaded whose session is gone.
EARLIER = "an identity from before the extension was loaded"

#: botocore's name for the component that finds a session's credentials.
_RESOLVER = "credential_provider"

#: The modules whose clients retrieve credentials with copied keys.
_CREDENTIAL_MODULES = {"botocore.credentials", "aiobotocore.credentials"}

#: The modules whose objects call a client's methods later.
_MAKERS_OF_CALLS = {"botocore.paginate", "botocore.waiter"}

_Method = Callable[..., object]
_Loaded: TypeAlias = "Credentials | AwaitedCredentials | None"

#: The wrapped methods: the original and the wrapper, by class and name.
_wrapped: dict[tuple[type, str], tuple[_Method, _Method]] = {}


def watch() -> None:
    """Check all signatures until `unwatch` is called.

    The signatures of existing sessions and clients are also checked.
    """
    if not PROCESS.watched:
        botocore.register_initializer(_watch)
        _watch_earlier_objects()
    PROCESS.watched += 1


def unwatch() -> None:
    """Undo one call of `watch`."""
    PROCESS.watched -= 1
    if not PROCESS.watched:
        botocore.unregister_initializer(_watch)
        _unwrap()
        PROCESS.forget_notebook()


@contextmanager
def changing() -> Iterator[None]:
    """Change the identity in a ``with`` block. Sessions in other threads wait until the block ends.

    Without this wait, a thread could read some variables of the former profile and others of the
    new profile.
    """
    with PROCESS.changing:
        PROCESS.is_changing = True
        try:
            yield
        finally:
            PROCESS.is_changing = False


def _wait_for_change() -> None:
    if PROCESS.is_changing:
        with PROCESS.changing:
            pass


def activate(label: Label | None, *, is_run: bool = False, is_in_read_only: bool = False) -> None:
    """Make an identity active, so that new sessions get the identity's credentials.

    If ``is_run`` is true, begin a run over many profiles. ``is_in_read_only`` says whether a
    block or run is open in a notebook or block that is read-only.
    """
    PROCESS.active = label
    PROCESS.is_in_read_only = is_in_read_only
    if is_run and not PROCESS.is_run:
        PROCESS.runs += 1
    PROCESS.is_run = is_run
    for session in PROCESS.sessions:
        _forget_config(session)


def _forget_config(session: Session) -> None:
    """Let a session read its profile's name and the config file again. botocore caches both."""
    vars(session).update(_config=None, _profile_map=None, _profile=None)


def watch_credentials(credentials: Credentials, label: Label) -> None:
    """Label credentials with an identity, and check each signature that uses the credentials."""
    put_label(credentials, label)
    # aiobotocore's credentials are frozen by a coroutine, and only its own clients use them.
    if not iscoroutinefunction(credentials.get_frozen_credentials):
        _wrap(type(credentials), "get_frozen_credentials", _checking_when_frozen)


def _watch(session: Any) -> None:
    """Watch a new session. botocore calls this function for each new session."""
    from botocore.auth import SigV4Auth

    PROCESS.sessions.add(session)
    # A resolver that the user registers later replaces this one: it is the user's choice.
    earlier = session._components._components.get(_RESOLVER)
    resolver = partial(_watched_resolver, session, earlier, current_run())
    session.lazy_register_component(_RESOLVER, resolver)
    _wrap(SigV4Auth, "add_auth", _checking_when_signing)
    _wrap(type(session), "get_scoped_config", _reading_again)
    # Sessions can share handlers, and would check a signature several times without the ID.
    session.register("before-sign", _check_client, unique_id=__name__)
    listen(session, is_awaited=_is_awaited(session))


# Credentials --------------------------------------------------------------------------------------


def _watched_resolver(session: Any, earlier: Any, run: int) -> object:
    """Return a resolver that gives a session the active credentials instead of its own credentials.

    ``earlier`` is the session's resolver from before the extension was loaded, or None. A resolver
    of a class other than botocore's is the user's choice and isn't changed. ``run`` is the number
    of the run over many profiles that created the session, or 0 if no run created it.
    """
    resolver = session._create_credential_resolver()
    methods = {provider.METHOD for provider in resolver.providers}
    if earlier is not None:
        if type(earlier) is not type(resolver):
            return earlier
        resolver = earlier
    own = [provider for provider in resolver.providers if provider.METHOD in methods]
    load: Callable[..., object] = _load
    if _is_awaited(session):
        load = _load_later
    resolver.load_credentials = partial(load, _Chain(session, resolver, own, run))
    return resolver


def _is_awaited(session: Session) -> bool:
    """Return whether a session belongs to aiobotocore."""
    return iscoroutinefunction(session.get_credentials)


@dataclass(frozen=True, slots=True)
class _Chain:
    """A session's chain of credential providers. ``own`` contains botocore's providers.

    The user added all other providers, so these providers count as the user's choice. Searches in
    chains of aiobotocore must be awaited. ``run`` is the number of the run over many profiles
    that created the session, or 0 if no such run created it.
    """

    session: Session
    resolver: Any
    own: list[Any]
    run: int

    def search(self) -> Any:
        """Return the credentials that the providers find, or None."""
        return type(self.resolver).load_credentials(self.resolver)

    def search_of_user(self) -> Any:
        """Return the credentials that the user's own providers find, or None."""
        providers = [each for each in self.resolver.providers if each not in self.own]
        return type(self.resolver)(providers).load_credentials()

    def is_of_user(self, credentials: Credentials) -> bool:
        """Return whether one of the user's own providers has found these credentials."""
        return credentials.method not in {provider.METHOD for provider in self.own}


def _load(chain: _Chain) -> _Loaded:
    _wait_for_change()
    if _is_followed(chain.session):
        credentials: _Loaded = chain.search_of_user()
        if credentials is not None:
            return credentials
    return _active_credentials(chain.session) or _after_search(chain, chain.search())


async def _load_later(chain: _Chain) -> _Loaded:
    _wait_for_change()
    if _is_followed(chain.session):
        credentials: _Loaded = await chain.search_of_user()
        if credentials is not None:
            return credentials
    return _active_credentials(chain.session) or _after_search(chain, await chain.search())


def _after_search(chain: _Chain, credentials: Credentials | None) -> _Loaded:
    """Label and return the credentials that a session's own search has found.

    If a switch happened during the search, botocore's providers may have found either the former or
    the new identity, so the active credentials are returned instead.
    """
    if credentials is not None and chain.is_of_user(credentials):
        return credentials
    active = _active_credentials(chain.session)
    if active:
        return active
    if credentials is not None and PROCESS.watched:
        watch_credentials(
            credentials, _label_of_search(chain.session, credentials.method, chain.run)
        )
    return credentials


def _is_followed(session: Session) -> bool:
    """Return whether a session without a profile gets its credentials from a switch or a run."""
    if _chosen_profile(session):
        return False
    if PROCESS.is_run:
        return True
    return PROCESS.active is not None and user_environment.has_identity_of_switch()


def _active_credentials(session: Session) -> _Loaded:
    """Return the active credentials, or None if the user has chosen credentials for a session.

    Raise NotForOneProfile during a run over many profiles, because no single identity is active
    then.
    """
    active = PROCESS.active
    if not _is_followed(session):
        return None
    if PROCESS.is_run:
        raise _refusal_in_run(session)
    if active is None:
        return None
    if _is_awaited(session):
        return AwaitedCredentials(active.credentials)
    return active.credentials


def _refusal_in_run(session: Session) -> NotForOneProfile:
    """Return the error for a new session without an identity during a run over many profiles."""
    if _is_default(session):
        return default_session_replaced()
    hint = "Use `session`, or call `boto3.client`, which also uses `session`."
    if "region" in session.instance_variables():
        hint += " For a Region, pass `region_name=` to the client."
    return NotForOneProfile(
        "While code runs for many profiles, a new session without a profile, such as "
        "`boto3.Session()`, doesn't know which profile to use.",
        hint,
    )


def default_session_replaced() -> NotForOneProfile:
    """Return the error for code for many profiles that replaces boto3's default session."""
    return NotForOneProfile(
        "boto3's default session was replaced during the run, for all profiles at once.",
        "Use `session` instead of `boto3.setup_default_session`. While code runs for many "
        "profiles, `session` is already boto3's default session.",
    )


def profile_of_default_session() -> str | None:
    """Return the profile that the user has chosen for boto3's default session, or None."""
    session = _default_session()
    return session.instance_variables().get("profile") if session else None


def _is_default(session: Session) -> bool:
    """Return whether a session belongs to boto3's default session."""
    return session is _default_session()


def _default_session() -> Any:
    """Return the botocore session of boto3's default session, or None."""
    default = getattr(sys.modules.get("boto3"), "DEFAULT_SESSION", None)
    # The attributes of a run's default session depend on the thread.
    return vars(default).get("_session") if default else None


def _label_of_search(session: Session, method: str, run: int = 0) -> Label:
    """Return the label for the credentials that a session has found with a botocore provider.

    ``method`` is botocore's name for the provider, such as ``container-role``. ``run`` is the
    number of the run over many profiles that created the session, or 0 if no run created it. Raise
    InvalidProfile if the session's profile doesn't have credentials and botocore has found the
    credentials that the kernel serves to child processes.
    """
    profile = _chosen_profile(session)
    active = PROCESS.active
    is_lent = active is not None and method == "container-role"
    if profile and is_lent and profile != os.environ.get("AWS_PROFILE"):
        from ipy_awsprofile.credentials.translation import no_credentials  # imports botocore

        raise no_credentials(profile)
    lent = active if is_lent and user_environment.are_of_switch(LENT) else None
    if lent and not profile:
        return lent
    if profile:
        before = profile.label if isinstance(profile, ActiveProfile) else None
        # The kernel wrote a named profile with lent keys for child processes.
        named = lent or Label(str(profile))  # a `Profile` has another repr
        return replace(named, is_chosen=True, run=run, active_before=before)
    name = session.get_config_variable("profile") or "default"
    if method in {"env", "container-role", "iam-role", "boto-config"}:
        name = f"the default identity ({method})"
    if active is None:
        return Label(name, is_default=True)
    # The user has changed variables since the switch.
    return Label(name, environment=user_environment.identity_in_environment())


def _chosen_profile(session: Session) -> str | ActiveProfile | None:
    """Return the name of the profile that the user has chosen for a session, or None."""
    # The profile of `boto3.setup_default_session` before the first switch is a default. During a
    # run, all threads would use the profile.
    is_shared = PROCESS.active is None or PROCESS.is_run
    if is_shared and _is_default(session):
        return None
    return session.instance_variables().get("profile")


class AwaitedCredentials(StaysInProcess):
    """The active credentials for aiobotocore, as an awaitable object.

    A renewal can prompt the user, so the renewal must not block the event loop.
    """

    def __init__(self, credentials: Credentials | None) -> None:
        self._credentials: Any = credentials

    def __getattr__(self, name: str) -> object:
        return getattr(self._credentials, name)

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the current keys.

        The credentials are renewed in a thread, so canceling the task doesn't stop the renewal.
        After Ctrl-C in a cell with `await`, ipykernel cancels the cell's task.
        """
        import asyncio  # aiobotocore has imported it

        freeze: Callable[[], ReadOnlyCredentials] = self._credentials.get_frozen_credentials
        refresh_needed = getattr(self._credentials, "refresh_needed", None)
        if refresh_needed is None or not refresh_needed():  # keys in a file are read at once
            return freeze()
        try:
            return await asyncio.to_thread(freeze)
        except asyncio.CancelledError as error:
            raise show_briefly(error)  # noqa: B904  # it is the same

    async def get_account_id(self) -> str | None:
        """Return the account ID, which some endpoints contain."""
        keys = await self.get_frozen_credentials()
        return keys.account_id


def _watch_earlier_objects() -> None:
    """Watch the sessions, clients and credentials that existed before the extension was loaded."""
    if "botocore.session" not in sys.modules:
        return
    from botocore.client import BaseClient
    from botocore.credentials import Credentials
    from botocore.session import Session

    kinds = {*subclasses_of(Session), *subclasses_of(BaseClient), *subclasses_of(Credentials)}
    # `isinstance` would run the code of proxies.
    earlier = [value for value in gc.get_objects() if type(value) in kinds]
    sessions: list[Any] = [value for value in earlier if isinstance(value, Session)]
    for session in sessions:
        if not hasattr(session, "_components"):  # Ctrl-C came while it was created
            continue
        _watch(session)
        credentials = session._credentials
        if _needs_label(credentials):
            watch_credentials(credentials, _label_of_search(session, credentials.method))
    for value in earlier:
        if isinstance(value, BaseClient):
            value.meta.events.register("before-sign", _check_client, unique_id=__name__)
            call = getattr(value, "_make_api_call", None)
            listen(value.meta.events, is_awaited=iscoroutinefunction(call))
        elif isinstance(value, Credentials) and _needs_label(value):
            watch_credentials(value, Label(EARLIER, is_default=True))


def _needs_label(credentials: Credentials | None) -> bool:
    """Return whether a session has found credentials that aren't labeled yet."""
    if credentials is None or label_of(credentials):
        return False
    return bool(credentials.method != "explicit")  # the user's own keys


def subclasses_of(kind: type) -> list[Any]:
    """Return a class and all classes that are derived from it."""
    kinds = [kind]
    for subclass in kinds:  # the list grows
        kinds += subclass.__subclasses__()
    return kinds


# Wrapped methods ----------------------------------------------------------------------------------


def _wrap(kind: type, name: str, wrapping: Callable[[_Method], _Method]) -> None:
    """Wrap a method in the class that defines it.

    A method that is already wrapped isn't wrapped again.
    """
    owner = next(base for base in kind.__mro__ if name in vars(base))
    original = vars(owner)[name]
    new = original, wraps(original)(wrapping(original))
    _, wrapper = _wrapped.setdefault((owner, name), new)  # another thread may have been first
    setattr(owner, name, wrapper)


def _unwrap() -> None:
    for (owner, name), (original, wrapper) in _wrapped.items():
        if vars(owner)[name] is wrapper:  # no other package has wrapped it since
            setattr(owner, name, original)
    _wrapped.clear()


def _reading_again(get_scoped_config: _Method) -> _Method:
    from botocore.exceptions import ProfileNotFound  # loading the extension doesn't need it

    def read(session: Session) -> object:
        try:
            return get_scoped_config(session)
        except ProfileNotFound:
            if _chosen_profile(session):
                raise
        # A switch has set the config file or the profile's name between the two.
        with PROCESS.changing:
            _forget_config(session)
            return get_scoped_config(session)

    return read


def _checking_when_frozen(freeze: _Method) -> _Method:
    def checked(credentials: Credentials) -> object:
        # Clients have been checked, and handing keys on isn't signing.
        if not is_between(sys._getframe(1)):
            check(credentials)
        keys = freeze(credentials)
        label = label_of(credentials)
        if label and label.origin:  # of a switch or `open_session`
            PROCESS.keys.note(cast("ReadOnlyCredentials", keys), label)
        return keys

    return checked


def _checking_when_signing(add_auth: _Method) -> _Method:
    def checked(signer: SigV4Auth, request: object) -> object:
        if not is_between(sys._getframe(1)):  # clients have been checked
            check(signer.credentials)
        return add_auth(signer, request)

    return checked


def _check_client(
    request: Any,
    request_signer: Any,
    operation_name: str,
    signature_version: object = None,
    **_: object,
) -> None:
    """Check a client's signature. This function handles botocore's event ``before-sign``."""
    from ipy_awsprofile.credentials.sts import OWN_CALL  # it imports botocore

    if OWN_CALL in request.context:
        return
    # Without a signature or with a token, the credentials aren't used.
    if signature_version in {botocore.UNSIGNED, "bearer"}:
        return
    if _is_search_for_credentials():  # such as AssumeRole with the keys of the source profile
        return
    signer, service = _client_that_signs()
    client = (service or str(request_signer._signing_name), str(request_signer.region_name))
    if request_signer._credentials is None:  # botocore raises NoCredentialsError
        note_without_credentials(signer, client)
        return
    check(request_signer._credentials, signer, operation_name, client)


def _is_search_for_credentials() -> bool:
    """Return whether botocore itself calls AWS to retrieve credentials."""
    frame: FrameType | None = sys._getframe(1)
    while frame and is_between(frame):
        if frame.f_globals.get("__name__") in _CREDENTIAL_MODULES:
            return True
        frame = frame.f_back
    return False


def _client_that_signs() -> tuple[Signer, str]:
    """Return which object of botocore the user's code uses, and the client's service.

    A client's service differs from the name in signatures: a client for `bedrock-runtime` signs for
    `bedrock`. If no client is on the call stack, the service is an empty string.
    """
    signer, service = Signer.CLIENT, ""
    frame: FrameType | None = sys._getframe(1)
    while frame and is_between(frame):
        if str(frame.f_globals.get("__name__")).startswith("boto3.resources."):
            return Signer.RESOURCE, service
        if frame.f_globals.get("__name__") in _MAKERS_OF_CALLS:  # perhaps of a resource
            signer = Signer.MADE_BY_CLIENT
        if frame.f_code.co_name == "_make_api_call":  # a method of botocore's `BaseClient`
            if str(frame.f_globals.get("__name__")).startswith("aiobotocore."):
                return Signer.LIBRARY, service  # boto3 has no client that can be awaited
            service = str(frame.f_locals["self"].meta.service_model.service_name)
        frame = frame.f_back
    return signer, service
