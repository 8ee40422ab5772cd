"""Signatures with the credentials of a previously active identity, or of a row of a run.

A client keeps the credentials that it was created with. It is detected when it signs, even if a
variable, a module or a library holds it.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from ipy_awsprofile.bindings.cached_clients import how_to_replace_default
from ipy_awsprofile.bindings.caller import (
    calling_frame,
    is_librarys,
    is_notebooks,
    package_of,
)
from ipy_awsprofile.bindings.row_owners import row_owner
from ipy_awsprofile.bindings.run_signatures import works_for_a_run
from ipy_awsprofile.errors import StaleIdentity
from ipy_awsprofile.text import shortened

if TYPE_CHECKING:
    from types import FrameType

    from ipy_awsprofile.bindings.gate import Signature
    from ipy_awsprofile.bindings.owners import Owners
    from ipy_awsprofile.config.request import SwitchRequest
    from ipy_awsprofile.sessions.session import ProfileSession

#: How to handle a signature as another identity.
Policy = Literal["warn", "refuse", "allow"]


class NumberedCell(Protocol):
    """A cell with an execution count."""

    @property
    def number(self) -> int:
        """The execution count of the cell."""


class Notebook(Protocol):
    """The Switcher, with the active identity and the user's settings."""

    stale: Policy
    warn: Callable[[str], None]

    @property
    def sessions(self) -> tuple[ProfileSession, ...]:
        """The sessions that everything follows, the active one first."""

    @property
    def request(self) -> SwitchRequest | None:
        """The request for the active session."""

    @property
    def cell(self) -> NumberedCell:
        """The running cell."""


class StaleSignatures:
    """Warns about signatures as a previously active identity or as a row, or refuses them.

    A cell shows one warning for each caller. While a read-only identity is active, such signatures
    are refused. `signatures_of_rows` decides about the threads of a run.
    """

    def __init__(self, owners: Owners, notebook: Notebook) -> None:
        self._owners = owners
        self._notebook = notebook
        self._warned: tuple[int, set[tuple[str, ...]]] = (0, set())

    def __call__(self, signature: Signature) -> None:
        """Check a signature for `watch_signatures`. Raises StaleIdentity."""
        sessions = self._notebook.sessions
        if signature.credentials in [one.get_credentials() for one in sessions]:
            return
        owner = self._owners.of(signature.credentials)
        whom = owner and owner.difference(sessions[0] if sessions else None)
        read_only = self._notebook.request and self._notebook.request.read_only
        policy = "refuse" if read_only else self._notebook.stale
        if not whom or policy == "allow" or works_for_a_run():
            return
        from ipy_awsprofile.credentials.translation import is_own_call  # it imports botocore

        # This package uses older sessions on purpose, because child processes keep theirs.
        if is_own_call():
            return
        caller = _caller(sys._getframe(1))  # noqa: SLF001  # faster than `inspect`
        now = f"`{sessions[0].chain[0]}` is active" if sessions else "no profile is active"
        now += ", read-only" if read_only else ""
        problem = f"{caller.text} signs {signature.operation} as {whom}, but {now}."
        is_rows = row_owner(signature.credentials) is not None
        hint = caller.hint(
            signature, "a run over many profiles" if is_rows else "before the switch"
        )
        if policy == "refuse":
            raise StaleIdentity(problem, hint)
        if self._is_first((caller.text, whom, now)):
            self._notebook.warn(f"{problem} {hint}")

    def _is_first(self, warning: tuple[str, ...]) -> bool:
        """Return whether this cell hasn't shown the warning yet."""
        cell, warnings = self._warned
        if cell != self._notebook.cell.number:
            _, warnings = self._warned = self._notebook.cell.number, set()
        is_first = warning not in warnings
        warnings.add(warning)
        return is_first


@dataclass(frozen=True, slots=True)
class _Caller:
    """The caller that uses a client. ``text`` is a line of the notebook, or a module's name."""

    text: str
    is_library: bool = False

    def hint(self, signature: Signature, origin: str) -> str:
        """Return how to fix the problem."""
        if self.is_library:
            return how_to_replace_default(signature.credentials) or (
                f"It keeps a client from {origin}: create its objects again."
            )
        code = f'session.client("{signature.service}")'
        return f"Its client is from {origin}: create it again, `{code}`."


def _caller(frame: FrameType | None) -> _Caller:
    """Return the caller, which is the first frame outside boto3."""
    frame = calling_frame(frame)
    if frame is None:  # a thread of s3transfer
        return _Caller("A client")
    if is_notebooks(frame):
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        return _Caller(f"`{shortened(line, 60)}`" if line else "The notebook")
    is_library = is_librarys(frame)
    name = package_of(frame) if is_library else str(frame.f_globals.get("__name__"))
    return _Caller(f"`{name}`", is_library=is_library)
