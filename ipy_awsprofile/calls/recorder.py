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

from ipy_awsprofile.bindings.caller import calling_library, is_for_switch, is_rehearsed
from ipy_awsprofile.bindings.gate import (
    Signature,
    credentials_of,
    replace_everywhere,
    watch_signatures,
)
from ipy_awsprofile.calls.actions import actions_of
from ipy_awsprofile.calls.children import ChildCall, ChildCalls
from ipy_awsprofile.calls.denials import Denied, outcome_of
from ipy_awsprofile.calls.log import Call, CallLog
from ipy_awsprofile.calls.needs import Made, Who, needs_of, unknown_needs
from ipy_awsprofile.calls.resources import Place, copied_resource, names_versions, resources_of
from ipy_awsprofile.sessions.hand_outs import client_of, watch_hand_outs
from ipy_awsprofile.text import one_line

if TYPE_CHECKING:
    from ipy_awsprofile.bindings.owners import Owners

_log = logging.getLogger(__name__)


#: Whether this thread or task is in a recorded call, and signs requests for it.
_in_call: ContextVar[bool] = ContextVar("in a recorded call", default=False)

#: The client, operation and parameters that this thread or task last built outside a call. The
#: next signature can be for a presigned URL.
_built: ContextVar[tuple[Any, str, Any] | None] = ContextVar("built parameters", default=None)


#: Libraries that get credentials from boto3, but call S3 with their own clients.
_OWN_CLIENTS = {"daft", "lance", "polars"}

#: The services of sign-ins, which need no permissions in IAM.
_SIGN_INS = {"signin", "sso", "sso-oidc"}


class CallRecorder:
    """Records calls in `log` while it is on. While it is off, it records and replaces nothing.

    ``cell_number`` returns the execution count of the running cell, or 0.
    """

    def __init__(self, owners: Owners, cell_number: Callable[[], int]) -> None:
        self.log = CallLog()
        self._owners = owners
        self._cell_number = cell_number
        self._lock = threading.Lock()
        self._restore: ExitStack | None = None
        #: Whether the resource of an S3 object includes its full key.
        self.full_keys = False
        #: Records the calls of child processes, but only on request.
        self.children = ChildCalls(lambda call: _quietly(lambda: self._add_child(call)))

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
                self._restore.callback(
                    watch_signatures(self._note_signature, noter=self._note_found)
                )
                self._restore.callback(watch_hand_outs(self._note_hand_out))

    def stop(self) -> None:
        """Stop recording, and keep the recorded calls."""
        self.children.stop()
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
        if not is_rehearsed(sys._getframe(1)):  # noqa: SLF001  # quicker than `inspect`
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
        who, region = self.who_has(credentials_of(signer)), client.meta.region_name
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

    def _add_child(self, call: ChildCall) -> None:
        known = self._owners.identity_with_key(call.access_key)
        who = Who(known.profile, known.account).of(known.arn)
        needs = unknown_needs(call.service, call.operation)
        client = client_of(call.client)
        made = Made(who, call.region, call.service, call.operation, needs, client)
        self._write(made, call.time, denied=None, **call.result)

    def _columns(self, who: Who, region: str | None, client: str) -> dict[str, Any]:
        known = {"profile": who.profile, "account": who.account, "role": who.role}
        return {"cell": self._cell_number() or None, "region": region, "client": client, **known}

    def _note_found(self, session: Any, credentials: Any) -> None:
        """Record that a library with its own client got credentials from a boto3 session."""
        if (library := calling_library(sys._getframe(1))) in _OWN_CLIENTS:  # noqa: SLF001  # as below
            region = session.get_config_variable("region")
            _quietly(lambda: self._add_invisible(credentials, region, str(library)))

    def _note_hand_out(self, session: Any, client: str) -> None:
        """Record that a library or a program got credentials that it can make calls with."""
        region = session.region_name
        _quietly(lambda: self._add_invisible(session.get_credentials(), region, client))

    def _add_invisible(self, credentials: Any, region: str | None, client: str) -> None:
        known: dict[str, Any] = {"operation": "obtained credentials", "outcome": "not visible"}
        known |= self._columns(self.who_has(credentials), region, client)
        self.log.add(Call(time=datetime.now(UTC), **known))

    def _note_signature(self, signature: Signature) -> None:
        """Record a signature outside a call, for a presigned URL or an auth token."""
        if not _in_call.get():
            _quietly(lambda: self._add_presigned(signature))

    def _add_presigned(self, signature: Signature) -> None:
        client, operation, params = _built.get() or (None, "", None)
        if client is not None and operation == signature.operation:
            made = self._made(client, operation, params)
        else:  # a presigned POST form, or an auth token
            needs = unknown_needs(signature.service, signature.operation)
            who, library = self.who_has(signature.credentials), _library()
            made = Made(who, None, signature.service, signature.operation, needs, library)
        _built.set(None)
        self._write(made, datetime.now(UTC), outcome="presigned", denied=None)

    def who_has(self, credentials: Any) -> Who:
        """Return the identity of the credentials, without a call to AWS."""
        known = self._owners.identity_of(credentials)
        return Who(known.profile, known.account).of(known.arn)


def _library() -> str:
    return calling_library(sys._getframe(1)) or "boto3"  # noqa: SLF001  # quicker than `inspect`


def _is_for_credentials(service: str) -> bool:
    """Return whether this package's call is part of a switch, a run, a renewal or a sign-in.

    A renewal comes from inside another call. Draft policies have the permissions of the user's
    code, which includes opening a session.
    """
    if service != "sts":
        return service in _SIGN_INS
    return _in_call.get() or is_for_switch(sys._getframe(1))  # noqa: SLF001  # as below


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
