"""Watch botocore: label the credentials that sessions find, and have each signature checked.

botocore calls `_watch` for each new session, including those of boto3, aiobotocore and s3fs. Its
credentials are labelled with the identity that is active when they are found, or with the profile
that the user has named. Clients ask the gate in their event ``before-sign``, which presigned URLs
have, too. Code that signs without a client uses the credentials of a session, or freezes them
first, so these two methods ask as well. Frozen keys from before can't be watched.

https://docs.aws.amazon.com/boto3/latest/guide/events.html
"""

# ruff: noqa: SLF001  # botocore has no public API for the credentials of a session or a client

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import isawaitable, iscoroutinefunction
from typing import Any

import botocore  # the package alone, which imports nothing else

from ipy_awsprofile.errors import NotForOneProfile
from ipy_awsprofile.kernel.gate import (
    GATE,
    Label,
    calling_frame,
    check,
    is_between,
    label_of,
    package_of,
)

#: How credentials are described whose session is gone and was created before the extension.
EARLIER = "an identity from before the extension was loaded"

#: botocore's methods of credentials for keys that are in the shared files.
_IN_FILES = {"shared-credentials-file", "config-file"}

#: Libraries that read AWS_PROFILE and pass it to boto3, so that it isn't the user's choice there:
#: haystack (amazon-bedrock-haystack 9).
_READ_AWS_PROFILE = {"haystack_integrations"}

#: The wrapped methods: the original and the wrapper, by class and name.
_wrapped: dict[tuple[type, str], tuple[Any, Any]] = {}


def watch() -> None:
    """Check all signatures until `unwatch`. Existing sessions and clients are checked, too."""
    if not GATE.watched:
        botocore.register_initializer(_watch)
        _watch_earlier_objects()
    GATE.watched += 1


def unwatch() -> None:
    """Undo one call of `watch`."""
    GATE.watched -= 1
    if not GATE.watched:
        botocore.unregister_initializer(_watch)
        _unwrap()
        GATE.reset()


def activate(label: Label | None) -> None:
    """Make an identity the active one, which new sessions find."""
    GATE.active = label
    for session in GATE.sessions:
        # The active profile can be in another config file now. botocore keeps what it has read.
        vars(session).update(_config=None, _profile_map=None)


def put_label(credentials: Any, label: Label) -> None:
    """Label credentials. The label lives as long as they do."""
    credentials._ipy_awsprofile = label
    GATE.labelled.add(credentials)
    # aiobotocore's credentials are frozen by a coroutine, and only its own clients use them.
    if not iscoroutinefunction(credentials.get_frozen_credentials):
        _wrap(type(credentials), "get_frozen_credentials", _checking_when_frozen)


def _watch(session: Any) -> None:
    """Watch a new session; an initializer of botocore."""
    from botocore.auth import SigV4Auth

    GATE.sessions.add(session)
    caller = calling_frame(sys._getframe(1))
    session.has_read_profile = caller is not None and package_of(caller) in _READ_AWS_PROFILE
    _wrap(type(session), "get_credentials", _labelling)
    _wrap(SigV4Auth, "add_auth", _checking_when_signing)
    # Sessions can share handlers, and would check a signature several times without the ID.
    session.register("before-sign", _check_client, unique_id=__name__)


# Labels -------------------------------------------------------------------------------------------


def _label_found(session: Any) -> None:
    """Label the credentials that a botocore session has found.

    Raises NotForOneProfile for a new session in a run, InvalidProfile for a profile without
    credentials, for which botocore has gone on to those that the kernel lends, and IdentityChanged
    if the active profile's keys were replaced by those of a different identity.
    """
    credentials = session._credentials
    if credentials is None or label_of(credentials):
        return
    session._credentials = None  # unless they get a label
    label = _label_for(session, credentials.method)
    if label is GATE.active and credentials.method in _IN_FILES:
        label.credentials.get_frozen_credentials()  # raises IdentityChanged
    session._credentials = credentials
    put_label(credentials, label)


def _label_for(session: Any, method: str) -> Label:
    """Return the label for the credentials that a session has found with a method of botocore."""
    profile = _chosen_profile(session)
    # Without credentials of the profile, botocore goes on to what the kernel lends.
    is_lent = GATE.active and method == "container-role" and not hasattr(session, "callers")
    if profile and is_lent and profile != os.environ.get("AWS_PROFILE"):
        from ipy_awsprofile.credentials.translation import no_credentials  # imports botocore

        raise no_credentials(profile)
    if profile or method == "explicit":
        return Label(profile or "", is_chosen=True, callers=getattr(session, "callers", None))
    if GATE.is_run:
        raise NotForOneProfile(
            "A new session without a profile, such as `boto3.Session()`, doesn't know which "
            "profile it is for.",
            "Use `session`. In a run, `boto3.client` uses it, too.",
        )
    if GATE.active and method == "env":  # set by the user, because a switch removes keys
        return Label("", is_chosen=True)
    if GATE.active:
        return GATE.active
    if method in {"env", "container-role", "iam-role", "boto-config"}:
        return Label(f"the default identity ({method})", is_default=True)
    return Label(session.get_config_variable("profile") or "default", is_default=True)


def _chosen_profile(session: Any) -> Any:
    """Return the name of the profile that the user has chosen for a session, or None."""
    profile = session.instance_variables().get("profile")
    default = getattr(sys.modules.get("boto3"), "DEFAULT_SESSION", None)
    # The profile of `boto3.setup_default_session` before the first switch is a default.
    is_default = not (GATE.active or GATE.is_run) and getattr(default, "_session", None) is session
    is_read = session.has_read_profile and profile == os.environ.get("AWS_PROFILE")
    if hasattr(session, "callers") or not (is_default or is_read):
        return profile
    return None


def _watch_earlier_objects() -> None:
    """Watch the sessions, clients and credentials from before the extension was loaded."""
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
        _watch(session)
        session.has_read_profile = bool(_READ_AWS_PROFILE & sys.modules.keys())
        _label_found(session)
    for value in earlier:
        if isinstance(value, BaseClient):
            value.meta.events.register("before-sign", _check_client, unique_id=__name__)
        elif isinstance(value, Credentials) and not label_of(value) and value.method != "explicit":
            put_label(value, Label(EARLIER, is_default=True))


def subclasses_of(kind: type) -> list[Any]:
    """Return a class and all classes that are derived from it."""
    kinds = [kind]
    for subclass in kinds:  # the list grows
        kinds += subclass.__subclasses__()
    return kinds


# Wrapped methods ----------------------------------------------------------------------------------


def _wrap(kind: type, name: str, wrapping: Callable[[Any], Any]) -> None:
    """Wrap a method in the class that defines it. Wrapping it again does nothing."""
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


def _labelling(get_credentials: Callable[..., Any]) -> Callable[..., Any]:
    def labelled(session: Any) -> Any:
        # They were labelled when they were found, or the user has set them.
        if session._credentials is not None:
            return get_credentials(session)
        credentials = get_credentials(session)
        if isawaitable(credentials):  # aiobotocore's
            return _label_later(session, credentials)
        _label_found(session)
        return credentials

    return labelled


async def _label_later(session: Any, awaitable: Awaitable[Any]) -> Any:
    credentials = await awaitable
    _label_found(session)
    return credentials


def _checking_when_frozen(freeze: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def checked(credentials: Any) -> Any:
        # Clients have been checked, and handing keys on isn't signing.
        if not is_between(sys._getframe(1)):
            check(credentials)
        return freeze(credentials)

    return checked


def _checking_when_signing(add_auth: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def checked(signer: Any, request: Any) -> Any:
        check(signer.credentials)  # clients sign with frozen ones, which have no label
        return add_auth(signer, request)

    return checked


def _check_client(
    request_signer: Any, operation_name: str, signature_version: Any = None, **_: Any
) -> None:
    """Check a client's signature; a handler of botocore's event ``before-sign``."""
    # Without a signature or with a token, the credentials aren't used.
    if request_signer._credentials is None or signature_version in {botocore.UNSIGNED, "bearer"}:
        return
    check(request_signer._credentials, operation_name, str(request_signer._signing_name))
