"""Record events about the use of identities, such as switches, for an organization's audit log.

The logger ``ipy_awsprofile.audit`` emits each event as a log record with the level INFO. The fields
of the event are attributes of the log record, and `JsonFormatter` formats them as a line of JSON.
Handlers of the `logging` module suppress their own errors, so an action continues even if its log
record can't be written. An organization's policy can also name an audit file, to which this module
appends each event directly. If an event can't be written to an audit file, the action that the
event describes fails.

An event never contains keys, tokens, MFA codes, external IDs or the code of a cell.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from ipy_awsprofile.config.names import Arn
from ipy_awsprofile.config.organization import read_policy
from ipy_awsprofile.config.organization_keys import os_user
from ipy_awsprofile.config.request import SessionRequest, arguments
from ipy_awsprofile.errors import (
    EventNotRecorded,
    NotAllowed,
    ProtectedProfile,
    UnexpectedAccount,
)

_log = logging.getLogger(__name__)

#: The names of the events. The documentation has a table that describes each of them.
EventName = Literal[
    "switch",
    "block",
    "run",
    "session",
    "off",
    "refused",
    "confirmed",
    "share",
    "window",
    "keys",
    "workers",
    "console",
    "sign-in",
    "sign-out",
    "setting",
    "on_switch",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event for the audit log. Fields that don't apply or aren't known are empty strings.

    ``user`` is the name of the operating system's user. ``identity`` is the ARN that STS reported,
    and ``account`` and ``role_session`` are taken from this ARN. ``options`` contains the options
    of the request, in the syntax of ``%aws_profile``. ``notebook`` is the path of the notebook, if
    the front end provides it.
    """

    time: str
    event: str
    user: str
    profile: str = ""
    identity: str = ""
    account: str = ""
    role_session: str = ""
    options: str = ""
    detail: str = ""
    notebook: str = ""


class JsonFormatter(logging.Formatter):
    """A log formatter that writes each event as a line of JSON, with the fields of `Event`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a log record as a line of JSON.

        If the record isn't an event, the line contains only the record's message.
        """
        if not hasattr(record, "event"):
            return json.dumps({"message": record.getMessage()})
        values = {field.name: getattr(record, field.name, "") for field in fields(Event)}
        return json.dumps(values, ensure_ascii=False)


def note(
    event: EventName,
    *,
    profile: str = "",
    arn: str = "",
    request: SessionRequest | None = None,
    options: str = "",
    detail: str = "",
) -> None:
    """Record an event if a log handler or an organization's policy requires events.

    Call this function before the action that the event describes. The options of ``request`` are
    appended to ``options``. Raise EventNotRecorded if an audit file that the policy names can't be
    written, and ConfigFileError if the policy is invalid.
    """
    files = read_policy().audits
    is_logged = _log.isEnabledFor(logging.INFO)
    if not files and not is_logged:
        return
    parsed = Arn.parse(arn)
    role_session = ""
    if parsed.resource.startswith("assumed-role/"):
        role_session = parsed.resource.rpartition("/")[2]
    asked = _options_of(request) if request else ""
    noted = Event(
        time=datetime.now(UTC).isoformat(timespec="milliseconds"),
        event=event,
        user=os_user(),
        profile=profile,
        identity=arn,
        account=parsed.account,
        role_session=role_session,
        options=f"{options} {asked}".strip(),
        detail=detail,
        notebook=_notebook(),
    )
    for file in files:
        _append(file, json.dumps(asdict(noted), ensure_ascii=False))
    if is_logged:
        words = (noted.event, noted.profile, noted.identity, noted.options, noted.detail)
        _log.info(" ".join(filter(None, words)), extra=asdict(noted))


def require_allowed(allowance: str, what: str) -> None:
    """Raise NotAllowed and record an event if the organization's policy forbids an action.

    ``allowance`` is the name of the policy's setting that allows the action, and ``what`` describes
    the action.
    """
    with refusals_noted():
        read_policy().require(allowance, what)


@contextmanager
def refusals_noted(request: SessionRequest | None = None) -> Iterator[None]:
    """Record an event if the code in a ``with`` block raises an error because an action is refused.

    The errors that count as refusals are NotAllowed, ProtectedProfile and UnexpectedAccount.
    """
    try:
        yield
    except (NotAllowed, ProtectedProfile, UnexpectedAccount) as error:
        name = request.name if request else ""
        note("refused", profile=name, request=request, detail=str(error))
        raise


def _options_of(request: SessionRequest) -> str:
    """Return a request's options without the profile's name, and hide the external ID.

    An external ID can be a secret, so an ellipsis replaces the ID.
    """
    shown = replace(request, profile=None)
    if request.external_id is not None:
        shown = replace(shown, external_id="…")
    return arguments(shown)


def _notebook() -> str:
    """Return the notebook's path from VS Code or Jupyter Server, or "" if neither provides it."""
    ipython = sys.modules.get("IPython.core.getipython")
    shell = ipython.get_ipython() if ipython else None
    path = shell.user_ns.get("__vsc_ipynb_file__") if shell else None
    return str(path or os.environ.get("JPY_SESSION_NAME", ""))


def _append(file: Path, line: str) -> None:
    """Append a line to a file in a single write, so that lines from several kernels don't mix.

    Raise EventNotRecorded if the line can't be written.
    """
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            content = f"{line}\n".encode()
            if os.write(descriptor, content) != len(content):
                raise OSError(0, "The disk is full")
        finally:
            os.close(descriptor)
    except OSError as error:
        asking = ""
        for each in read_policy().files:
            if each.audit == file:
                asking = each.origin
        problem = f"The event can't be written to {file}: {error.strerror}."
        raise EventNotRecorded(problem, f"Nothing has changed. {asking}") from None
