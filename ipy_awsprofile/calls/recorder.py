"""Record the AWS calls that this process makes with boto3, aiobotocore or libraries that use them.

botocore emits an event for each call, even if a wrapper makes the call. A recorded call doesn't
contain a body or the values of parameters, except for the names in a resource's ARN.

https://docs.aws.amazon.com/boto3/latest/guide/events.html
"""

from __future__ import annotations

import gc
import sys
from collections import deque
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import botocore

from ipy_awsprofile.call_stack import library_of, outer_frame
from ipy_awsprofile.calls.actions import Access, action_named, needs_of
from ipy_awsprofile.config.names import Arn
from ipy_awsprofile.credentials.caller import caller_of
from ipy_awsprofile.credentials.error_table import BUSY, DENIED, EXPIRED, REJECTED
from ipy_awsprofile.credentials.sts import OWN_CALL
from ipy_awsprofile.gate import identity_of
from ipy_awsprofile.text import one_line

if TYPE_CHECKING:
    import pandas as pd
    from botocore.credentials import Credentials
    from botocore.hooks import BaseEventHooks
    from botocore.model import OperationModel
    from botocore.session import Session

#: The outcome of a call. A call is ``refused`` if AWS rejected its credentials or was busy, and
#: ``unanswered`` if it couldn't be sent or didn't get a response.
CallOutcome = Literal["ok", "failed", "denied", "refused", "unanswered"]

#: AWS's response to a call, as botocore parses it.
Response = Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Call:
    """A recorded call to AWS, without the values of its parameters.

    ``cell`` is the execution count of the cell that made the call, and ``client`` is the library
    that made the call. ``profile`` and ``account`` are ``unknown`` if the recorder can't determine
    their values. ``error`` contains AWS's error code and, if AWS denied the call, AWS's message. If
    the call succeeded, ``error`` is an empty string. ``needs`` contains the actions that the call
    requires, with the ARNs of their resources.
    """

    time: datetime
    cell: int | None
    profile: str
    account: str
    action: str
    resource: str
    outcome: CallOutcome = "ok"
    error: str = ""
    access: Access
    seconds: float = 0.0
    client: str
    region: str
    operation: str
    request_id: str = ""
    needs: tuple[tuple[str, str], ...]


class CallRecorder:
    """Records calls to AWS between `start` and `stop`, and keeps the newest 100,000 calls.

    ``cell_number`` is a function that returns the execution count of the running cell, or 0.
    """

    def __init__(self, cell_number: Callable[[], int]) -> None:
        self.calls: deque[Call] = deque(maxlen=100_000)
        self.is_on = False
        self._cell_number = cell_number
        self._id = f"{__name__}.{id(self)}"

    def start(self) -> None:
        """Start recording the calls that all new and existing sessions and clients make."""
        from botocore.client import BaseClient
        from botocore.session import Session

        if self.is_on:
            return
        self.is_on = True
        botocore.register_initializer(self._listen)
        for value in gc.get_objects():  # botocore keeps no list of them
            if issubclass(type(value), BaseClient):
                self._listen(value.meta.events)
            elif issubclass(type(value), Session):
                self._listen(value)

    def stop(self) -> None:
        """Stop recording. The recorder keeps the calls that it has recorded."""
        if self.is_on:
            self.is_on = False
            botocore.unregister_initializer(self._listen)

    def _listen(self, listened: Session | BaseEventHooks) -> None:
        """Register event handlers with a session or with the event emitter of a client."""
        hooks: dict[str, Callable[..., None]] = {
            "provide-client-params": self._keep_params,
            "before-call": self._begin,
            "before-sign": self._note_token,
            "after-call": self._add,
            "after-call-error": self._add,
        }
        for event, handler in hooks.items():
            # Clients have copies of their session's handlers.
            listened.register(event, handler, unique_id=f"{self._id}.{event}")

    def _keep_params(
        self, params: Mapping[str, object], context: dict[str, object], **_: object
    ) -> None:
        if self.is_on:
            context[self._id] = dict(params)  # botocore changes them

    def _begin(
        self,
        model: OperationModel,
        request_signer: Any,
        context: dict[str, Any],
        **_: object,
    ) -> None:
        params = context.pop(self._id, None)
        service = model.service_model
        if params is None:  # recording has begun meanwhile
            return
        if OWN_CALL in context:
            return
        with suppress(Exception):  # the recorder must not affect a call
            profile, principal = _identity_of(request_signer._credentials)  # noqa: SLF001  # as above
            arn = Arn.parse(principal)
            partition = arn.partition or "aws"
            region = context["client_region"] or ""
            where = {"partition": partition, "region": region, "account": arn.account}
            needs = needs_of(service.signing_name, model.name, params, where)
            action, resource = needs[0]
            client = "boto3"
            caller = outer_frame(sys._getframe(1))  # noqa: SLF001  # quicker than `inspect`
            if caller:
                client = library_of(caller) or client
            context[self._id] = Call(
                time=datetime.now(UTC),
                cell=self._cell_number() or None,
                profile=one_line(profile),
                account=arn.account or "unknown",
                action=action,
                resource=resource,
                access=action_named(action).access,
                client=client,
                region=region,
                operation=model.name,
                needs=needs,
            )

    def _note_token(self, request: Any, signature_version: object = None, **_: object) -> None:
        """Remove the client's identity from a call that is sent with an API key instead."""
        with suppress(Exception):  # as above
            call = request.context.get(self._id)
            if signature_version == "bearer" and isinstance(call, Call):
                _forget_identity(call)

    def _add(
        self,
        context: dict[str, object],
        parsed: Response | None = None,
        exception: Exception | None = None,
        **_: object,
    ) -> None:
        """Record a call that has ended, with AWS's response or the exception that was raised."""
        call = context.pop(self._id, None)
        if not isinstance(call, Call):
            return
        call.seconds = (datetime.now(UTC) - call.time).total_seconds()
        with suppress(Exception):  # as above
            if parsed is None:  # an exception's message can quote a value
                call.outcome = "unanswered"
                call.error = type(exception).__name__
            else:
                _complete(call, parsed)
        self.calls.append(call)


def _forget_identity(call: Call) -> None:
    """Set a call's profile and account to ``unknown``, and remove the account from its ARNs."""
    account = f":{call.account}:"
    call.profile = call.account = "unknown"
    call.resource = call.resource.replace(account, ":*:")
    call.needs = tuple((action, arn.replace(account, ":*:")) for action, arn in call.needs)


def _complete(call: Call, parsed: Response) -> None:
    """Set a call's outcome, error and request ID from AWS's response."""
    metadata = parsed["ResponseMetadata"]
    call.request_id = one_line(metadata.get("RequestId", ""), 100)
    error = parsed.get("Error")
    if error is None:
        return
    code = one_line(error.get("Code"), 100)
    call.outcome = "failed"
    call.error = code
    if code in DENIED:
        call.outcome = "denied"
        call.error = one_line(f"{code}: {error.get('Message', '')}", 600)
    elif code in EXPIRED | REJECTED | BUSY:
        call.outcome = "refused"
    elif code in {"404", "NoSuchKey"} and ":s3:::" in call.resource:
        # Without s3:ListBucket, S3 would have denied the call.
        call.needs = *call.needs, ("s3:ListBucket", call.resource.partition("/")[0])


def _identity_of(credentials: Credentials | None) -> tuple[str, str]:
    """Return the name of the profile that credentials belong to, and the principal's ARN.

    If the ARN isn't known, an empty string is returned in its place. For a client with
    access keys that don't come from a session, the profile is ``unknown``. For an unsigned call,
    the profile is ``anonymous``.
    """
    if credentials is None:
        return "anonymous", ""
    label = identity_of(credentials)
    if label is None:
        return "unknown", ""
    caller = caller_of(credentials)
    principal = (caller and caller.arn) or label.principal or ""
    return label.profile or "unknown", principal


#: The columns that `%aws_calls` shows by default.
SHOWN = ("time", "cell", "profile", "action", "resource", "outcome", "error")


def calls_frame(calls: list[Call], columns: Collection[str] = ()) -> pd.DataFrame:
    """Return recorded calls as a DataFrame with a row for each call.

    ``columns`` contains the names of the columns to include. By default, the DataFrame has all
    columns.
    """
    import pandas as pd

    types = {"time": "datetime64[s, UTC]", "cell": "Int64", "seconds": "Float64"}
    columns = columns or [name for name in Call.__slots__ if name != "needs"]
    frame = pd.DataFrame(
        [[getattr(call, name) for name in columns] for call in calls], columns=list(columns)
    )
    return frame.astype({name: types.get(name, "string") for name in columns})
