"""Look up account aliases in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ipy_awsprofile.errors import AwsProfileError

if TYPE_CHECKING:
    import boto3

    from ipy_awsprofile.sessions.session import Identity


class AccountAliases:
    """Keeps account aliases, and calls AWS once for each account and profile."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._asked: set[tuple[str, str | None]] = set()

    def get(self, account: str) -> str | None:
        """Return the alias of an account, or None if it isn't known."""
        return self._known.get(account)

    def look_up(
        self, session: boto3.Session, identity: Identity, found: Callable[[], None]
    ) -> threading.Thread | None:
        """Look up the alias in a thread, and call ``found`` there if the account has one.

        Return the thread, or None if the alias has been looked up before.
        """
        account, asked = identity.account, (identity.account, identity.profile)
        if account in self._known or asked in self._asked:
            return None
        self._asked.add(asked)
        lookup = alias_lookup(session)

        def ask() -> None:
            alias = lookup()
            if alias:
                self._known[account] = alias
                found()

        # Neither the next command nor the kernel's exit waits for it.
        thread = threading.Thread(target=ask, name="account alias", daemon=True)
        thread.start()
        return thread


def alias_lookup(session: boto3.Session) -> Callable[[], str | None]:
    """Return a function, safe for any thread, that looks up the alias of a session's account.

    It returns None if the account has no alias or if the call fails, because an alias is optional.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccountAliases.html
    """
    from ipy_awsprofile.credentials.botocore_session import give_up_soon
    from ipy_awsprofile.credentials.translation import translated

    # A client may be used in several threads, a session may not.
    iam = session.client("iam", config=give_up_soon(5.0))

    def lookup() -> str | None:
        try:
            with translated(()):  # this package's own call, even after a switch
                aliases = iam.list_account_aliases()["AccountAliases"]
        except AwsProfileError:
            return None
        return aliases[0] if aliases else None

    return lookup
