"""Record the AWS calls of this process, from boto3, aiobotocore and libraries that use them.

Every call goes through one method of botocore's clients, even for clients created before the
recording. A presigned URL is a signature without a call. A row contains no body and no parameter
values except the names in the resource's ARN.

https://docs.aws.amazon.com/boto3/latest/guide/clients.html
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.calls.actions import actions_of
from ipy_awsprofile.calls.denials import Denied, outcome_of
from ipy_awsprofile.calls.log import Call, CallLog
from ipy_awsprofile.calls.needs import Made, Who, needs_of, unknown_needs
from ipy_awsprofile.calls.resources import Place, copied_resource, names_versions, resources_of
from ipy_awsprofile.kernel.gate import (
    GATE,
    calling_frame,
    is_between,
    label_of,
    library_of,
)
from ipy_awsprofile.text import one_line

if TYPE_CHECKING:
    from types import FrameType, ModuleType

_log = logging.getLogger(__name__)


#: Whether this thread or task is in a recorded call, and signs requests for it.
_in_call: ContextVar[bool] = ContextVar("in a recorded call", default=False)

#: The client, operation and parameters that this thread or task last built outside a call. The
#: next signature can be for a presigned URL.
_built: ContextVar[tuple[Any, str, Any] | None] = ContextVar("built parameters", default=None)


#: Modules of this package that get credentials for the notebook, or for the profiles of a run,
#: rather than for code that asks for a session.
_OF_SWITCHES = tuple(
    f"ipy_awsprofile.{name}"
    for name in ("across.", "kernel.lending", "notebook.", "picker.", "switch.")
)

#: The services of sign-ins, which need no permissions in IAM.
_SIGN_INS = {"signin", "sso", "sso-oidc"}


class CallRecorder:
    """Records calls in `log` while it is on. While it is off, it records and replaces nothing.

    ``cell_number`` returns the execution count of the running cell, or 0.
    """

    def __init__(self, cell_number: Callable[[], int]) -> None:
        self.log = CallLog()
        self._cell_number = cell_number
        self._lock = threading.Lock()
        self._restore: ExitStack | None = None
        #: Whether the resource of an S3 object includes its full key.
        self.full_keys = False

    @property
    def is_on(self) -> bool:
        """Whether calls are recorded."""
        return self._restore is not None

    def start(self) -> None:
        """Start recording."""
        from botocore.client import BaseClient

        with self._lock:
            if self._restore is None:
                self._restore = ExitStack()
                replace_everywhere(self._restore, BaseClient, "_make_api_call", self._recorded)
                replace_everywhere(self._restore, BaseClient, "_emit_api_params", _remembered)
                GATE.watchers.append(self._note_signature)
                self._restore.callback(GATE.watchers.remove, self._note_signature)

    def stop(self) -> None:
        """Stop recording, and keep the recorded calls."""
        with self._lock:
            if self._restore is not None:
                self._restore.close()
                self._restore = None

    def _recorded(self, make_call: Callable[..., Any]) -> Callable[..., Any]:
        """Return botocore's or aiobotocore's method, extended to record its calls."""

        @wraps(make_call)
        def recorded(client: Any, operation: str, params: Any) -> Any:
            with self._noted(client, operation, params) as note:
                return note(make_call(client, operation, params))

        @wraps(make_call)
        async def recorded_async(client: Any, operation: str, params: Any) -> Any:
            with self._noted(client, operation, params) as note:
                return note(await make_call(client, operation, params))

        return recorded_async if iscoroutinefunction(make_call) else recorded

    @contextmanager
    def _noted(self, client: Any, operation: str, params: Any) -> Iterator[Callable[[Any], Any]]:
        """Record the call in a ``with`` block. Yield a function that takes the response."""
        made = None
        if not _comes_from(sys._getframe(1), ("ipy_awsprofile.explain.rehearsal",)):  # noqa: SLF001  # quicker than `inspect`
            made = _quietly(lambda: self._made(client, operation, params))
        began, started = datetime.now(UTC), time.perf_counter()
        response: Any = None

        def note(answer: Any) -> Any:
            nonlocal response
            response = answer
            return answer

        token, error = _in_call.set(True), None
        try:
            yield note
        except BaseException as raised:
            error = raised
            raise
        finally:
            _in_call.reset(token)
            seconds = time.perf_counter() - started
            if made is not None:
                _quietly(lambda: self._add(made, began, seconds, response, error))
            error = response = None  # the error's traceback contains this frame

    def _made(self, client: Any, operation: str, params: Any) -> Made:
        model, signer = client.meta.service_model, client._request_signer  # noqa: SLF001
        who, region = who_has(signer._credentials), client.meta.region_name  # noqa: SLF001
        params = params if isinstance(params, Mapping) else {}
        place = Place(who.partition, region or "*", who.account or "*", self.full_keys)
        versions = model.signing_name == "s3" and names_versions(params)
        actions = actions_of(model.signing_name, operation, has_version=versions)
        needs = [(action, one) for action in actions for one in resources_of(action, params, place)]
        if (copied := copied_resource(params, place)) is not None:
            needs.append((actions_of("s3", "GetObject")[0], copied))
        service, library = model.service_name, _library()
        is_drafted = library != "ipy_awsprofile" or not _is_for_credentials(service)
        return Made(who, region, service, operation, tuple(needs), library, is_drafted)

    def _add(
        self,
        made: Made,
        began: datetime,
        seconds: float | None,
        response: Any,
        error: BaseException | None,
    ) -> None:
        answer = getattr(error, "response", None) if error else response
        metadata = (answer.get("ResponseMetadata") if isinstance(answer, Mapping) else None) or {}
        outcome, text, denied = outcome_of(error)
        retries = metadata.get("RetryAttempts")
        self._write(
            made,
            began,
            outcome=outcome,
            error=text,
            denied=denied,
            seconds=seconds,
            attempts=None if retries is None else retries + 1,
            request_id=one_line(metadata.get("RequestId") or "", 100),
        )

    def _write(self, made: Made, began: datetime, *, denied: Denied | None, **result: Any) -> None:
        who = made.who.of(denied.principal) if denied else made.who
        action, resource = made.needs[0]
        call = Call(
            time=began,
            service=made.service,
            operation=made.operation,
            action=denied.action if denied else action.name,
            access=action.access,
            resource=denied.resource if denied and denied.resource else resource.arn,
            complete=resource.complete or bool(denied and denied.resource),
            **self._columns(who, made.region, made.client),
            **result,
        )
        self.log.add(call, needs_of(made, call, denied) if made.is_drafted else ())

    def _columns(self, who: Who, region: str | None, client: str) -> dict[str, Any]:
        known = {"profile": who.profile, "account": who.account, "role": who.role}
        return {"cell": self._cell_number() or None, "region": region, "client": client, **known}

    def _note_signature(self, signer: Any, operation: str) -> None:
        """Record a signature outside a call, for a presigned URL or an auth token."""
        if not _in_call.get():
            _quietly(lambda: self._add_presigned(signer, operation))

    def _add_presigned(self, signer: Any, operation: str) -> None:
        client, built, params = _built.get() or (None, "", None)
        if client is not None and built == operation:
            made = self._made(client, operation, params)
        else:  # a presigned POST form, or an auth token
            service = str(signer._signing_name)  # noqa: SLF001  # as in `_made`
            who, needs = who_has(signer._credentials), unknown_needs(service, operation)  # noqa: SLF001
            made = Made(who, None, service, operation, needs, _library())
        _built.set(None)
        self._write(made, datetime.now(UTC), outcome="presigned", denied=None)


def who_has(credentials: Any) -> Who:
    """Return the identity of credentials, as far as it is known without calling AWS."""
    if credentials is None:
        return Who(None, None)
    label, key = label_of(credentials), _key_of(credentials)
    if label is None or not label.profile:  # a client with keys, such as one of `scoped`
        same = (label_of(one) for one in list(GATE.labelled) if _key_of(one) == key)
        label = next((one for one in same if one and one.profile), None)
    if label is None:
        return Who(_profile_with(key), None)
    caller = (label.callers or {}).get(key or "")
    return Who(label.profile, None).of(caller.arn if caller else label.principal)


def _key_of(credentials: Any) -> str | None:
    """Return the current access key of credentials without renewing them, which could call AWS."""
    values: dict[str, str | None] = vars(credentials)
    return values.get("_access_key") or values.get("access_key")


def _profile_with(key: str | None) -> str | None:
    """Return the first profile in the shared files that has this access key."""
    from ipy_awsprofile.config.files import read_config

    profiles = read_config().profiles.items()
    return next((name for name, one in profiles if one.get("aws_access_key_id", "") == key), None)


def _library() -> str:
    """Return the name of the package that makes a call; "boto3" for the user's own code."""
    from ipy_awsprofile.credentials.translation import is_own_call

    if is_own_call():
        return "ipy_awsprofile"
    caller = calling_frame(sys._getframe(1))  # noqa: SLF001  # quicker than `inspect`
    return (caller and library_of(caller)) or "boto3"


def _comes_from(frame: FrameType | None, modules: tuple[str, ...]) -> bool:
    """Return whether a module whose name begins like this is between the frame and the caller."""
    while frame and is_between(frame):
        if str(frame.f_globals.get("__name__", "")).startswith(modules):
            return True
        frame = frame.f_back
    return False


def _is_for_credentials(service: str) -> bool:
    """Return whether this package's call is part of a switch, a run, a renewal or a sign-in.

    A renewal comes from inside another call. Draft policies have the permissions of the user's
    code, which includes opening a session.
    """
    if service != "sts":
        return service in _SIGN_INS
    return _in_call.get() or _comes_from(sys._getframe(1), _OF_SWITCHES)  # noqa: SLF001  # as below


def _remembered(emit: Callable[..., Any]) -> Callable[..., Any]:
    """Return botocore's or aiobotocore's method, extended to remember what it builds."""

    @wraps(emit)
    def remembered(
        client: Any, api_params: Any, operation_model: Any, *args: Any, **kw: Any
    ) -> Any:
        if not _in_call.get():  # don't keep the parameters of calls, which can be secrets
            _built.set((client, operation_model.name, api_params))
        return emit(client, api_params, operation_model, *args, **kw)

    return remembered  # an async method also works, because calling it returns a coroutine


def _quietly(work: Callable[[], Any]) -> Any:
    """Return the result of ``work``. An error of the recorder must not affect the call."""
    try:
        return work()
    except Exception:  # noqa: BLE001  # as above
        _log.debug("A call couldn't be recorded.", exc_info=False)
        return None


def replace_everywhere(
    restore: ExitStack,
    base: Any,
    name: str,
    replaced: Callable[[Callable[..., Any]], Callable[..., Any]],
) -> None:
    """Replace a method in a class and in all its subclasses, including classes defined later."""

    def replace_in(kind: type) -> None:
        if name in vars(kind):
            restore.callback(replace_attribute(kind, name, replaced(vars(kind)[name])))

    before = vars(base).get("__init_subclass__")  # set if another method is replaced, too

    def replace_in_derived(cls: type, /, **kwargs: Any) -> None:
        if before is None:
            super(base, cls).__init_subclass__(**kwargs)
        else:
            before.__get__(None, cls)(**kwargs)
        replace_in(cls)

    kinds = [base]
    for kind in kinds:  # the list grows
        kinds += kind.__subclasses__()
        replace_in(kind)
    restore.callback(replace_attribute(base, "__init_subclass__", classmethod(replace_in_derived)))


def replace_attribute(owner: type | ModuleType, name: str, new: Any) -> Callable[[], None]:
    """Set an attribute. Return a function that restores it unless it has been set again."""
    own = vars(owner)
    is_inherited, before = name not in own, own.get(name)
    setattr(owner, name, new)

    def restore() -> None:
        if own.get(name) is new:
            if is_inherited:
                delattr(owner, name)
            else:
                setattr(owner, name, before)

    return restore
