"""Manage the programs and workers outside the kernel that use a notebook's identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipy_awsprofile.audit import note
from ipy_awsprofile.config.organization import advice_to_write
from ipy_awsprofile.errors import CredentialsUnavailable, InvalidOption
from ipy_awsprofile.gate import errors_as_lines, require_no_run
from ipy_awsprofile.kernel.sharing import Receipts, Sharing, Window
from ipy_awsprofile.sessions.protection import Protection
from ipy_awsprofile.switch.opening import is_protected
from ipy_awsprofile.switch.stack import Stack
from ipy_awsprofile.text import quoted

if TYPE_CHECKING:
    from ipy_awsprofile.kernel.workers import Workers
    from ipy_awsprofile.sessions.session import ProfileSession

#: What to do if the kernel can't share credentials.
_NEEDS_TO_SHARE = (
    "The kernel needs the address 127.0.0.1 and a cache folder that only you can use. Free some "
    "disk space, or set XDG_CACHE_HOME to a folder that belongs to you."
)


class Recipients:
    """The programs (with ``--share``) and workers that use a notebook's identity.

    The Switcher notifies this object of each switch, like any other listener.
    """

    def __init__(self, stack: Stack, protection: Protection) -> None:
        self._stack = stack
        self._protection = protection
        #: Shares the notebook's identity with programs, if the user wants it.
        self.sharing: Sharing | None = None
        #: What programs got.
        self.receipts = Receipts()
        #: Whether each switch to a profile that isn't protected begins to share.
        self.shares = False
        #: The workers of clusters, by the cluster's address.
        self.workers: dict[str, Workers] = {}

    def follow(self, _identity: object) -> None:
        """Let the workers use the new identity after a switch."""
        for workers in self.workers.values():
            with errors_as_lines():
                workers.move(self._stack.session_of_notebook)

    @property
    def _is_protected(self) -> bool:
        return is_protected(self._stack.active, self._protection)

    def end_if_protected(self) -> None:
        """Stop sharing a protected profile before programs can request the profile's keys."""
        if self._is_protected:
            self.end()

    def go_on(self) -> None:
        """Continue or begin to share the identity after a switch, except in a block."""
        if self._stack.is_in_block:
            return
        if self.sharing:
            self.sharing.grant.try_keys()
        elif self.shares and not self._is_protected:
            self.share()

    def share(self) -> None:
        """Share the notebook's identity with programs outside the kernel.

        The sharing continues after later switches.

        If another notebook is sharing its identity, that notebook stops sharing. If this notebook
        already shares its identity, an open write window stays open. Raise CredentialsUnavailable
        if the identity can't be shared.
        """
        if self.sharing and self.sharing.is_newest:
            return
        stack = self._stack
        self._note_share("begins")
        try:
            newer = Sharing(lambda: stack.session_of_notebook, stack.lock, self.receipts)
        except OSError as error:
            raise CredentialsUnavailable(
                f"The notebook's identity can't be shared: {error}.", _NEEDS_TO_SHARE
            ) from error
        if self.sharing:
            self.sharing.close()
        self.sharing = newer
        newer.grant.try_keys()

    def _note_share(self, detail: str) -> None:
        """Record the beginning or the end of sharing as an audit event.

        Raise EventNotRecorded if the event can't be written.
        """
        session = self._stack.session_of_notebook
        name, arn = (session.target.name, session.arn) if session else ("", "")
        note("share", profile=name, arn=arn, detail=detail)

    def require_sharing(self) -> Sharing:
        """Return the notebook's `Sharing`, or raise an error if write access can't be shared.

        Raise NotForOneProfile if code is running for many profiles. Raise InvalidOption in a block,
        for a read-only session, or if the notebook doesn't share its identity.
        """
        require_no_run("`--share write`")
        if self.sharing is None or not self.sharing.is_newest:
            raise InvalidOption(
                "The notebook doesn't share its identity.", "Run `%aws_profile --share` first."
            )
        if self._stack.is_in_block:
            raise InvalidOption(
                "The notebook doesn't share the identity of a block.",
                "Run the line outside the block, in a separate cell.",
            )
        active = self._stack.active
        if active and active.request.read_only:
            name = active.request.name
            raise InvalidOption(
                f"`{name}` is read-only in this notebook, so programs can't write either.",
                advice_to_write(f"Run `%aws_profile {quoted(name)} --write` first."),
            )
        return self.sharing

    @property
    def window(self) -> Window | None:
        """The write window in which programs can write as the active identity, or None."""
        with self._stack.lock:
            if self.sharing is None or self._stack.active is None or self._stack.is_in_block:
                return None
            return self.sharing.window

    def close_window(self) -> None:
        """Close any open write window, so that programs can only read."""
        if self.sharing:
            self.sharing.close_window()

    def session_to_lend(self, what: str) -> ProfileSession:
        """Return the notebook's session, whose credentials the workers of a cluster will use.

        Raise InvalidOption if no profile is active. Raise NotForOneProfile if code is running for
        many profiles, because such code can't use the function that ``what`` names.
        """
        require_no_run(what)
        session = self._stack.session_of_notebook
        if session is None:
            raise InvalidOption("No profile is active.", "Run `%aws_profile NAME` first.")
        return session

    def end(self) -> None:
        """Stop sharing, and let the workers use their own identity again."""
        if self.sharing:
            with errors_as_lines():
                self._note_share("ends")
            self.sharing.close()
        self.sharing = None
        while self.workers:
            self.workers.popitem()[1].close()
