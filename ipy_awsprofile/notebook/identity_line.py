"""Show the identity in a line below a cell, for front ends that don't have the toolbar."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from IPython.display import display

from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.kernel.gate import GATE, Label, label_of
from ipy_awsprofile.text import Arn

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ipy_awsprofile.cards.card import Card
    from ipy_awsprofile.switch.opening import Protection
    from ipy_awsprofile.switch.switcher import Switcher

_log = logging.getLogger(__name__)


class IdentityInSight(NamedTuple):
    """The part of an identity that a line or prompt shows: profile, account and protection."""

    name: str
    account: str
    is_protected: bool


def active_in_sight(switcher: Switcher) -> IdentityInSight | None:
    """Return the active identity without calling AWS, or None if no profile is active."""
    request, identity = switcher.request, switcher.known_identity()
    if request is None or identity is None:
        return None
    return _in_sight(request.name, identity.account, switcher.protection)


def _in_sight(name: str, account: str, protection: Protection) -> IdentityInSight:
    is_protected = False
    with suppress(AwsProfileError):  # files that can't be read just now
        is_protected = protection.is_protected(name, account)
    return IdentityInSight(name, account, is_protected)


class IdentityLine:
    """Shows a line after each cell that changed the identity, or that used a protected one.

    https://ipython.readthedocs.io/en/stable/config/callbacks.html
    """

    def __init__(self, shell: InteractiveShell, switcher: Switcher) -> None:
        self._shell = shell
        self._switcher = switcher
        #: The identities that have signed the cell's requests so far.
        self._used: dict[Label, None] = {}
        self._shown: IdentityInSight | None = None
        self.shown()
        shell.events.register("post_run_cell", self._cell_ended)
        GATE.watchers.append(self._note)

    def end(self) -> None:
        """Show no more lines."""
        self._shell.events.unregister("post_run_cell", self._cell_ended)
        GATE.watchers.remove(self._note)

    def shown(self) -> None:
        """Show no identity line after this cell, because the cell shows the identity's card."""
        self._shown = active_in_sight(self._switcher)

    def _note(self, signer: Any, _operation: str) -> None:
        from ipy_awsprofile.credentials.translation import is_own_call

        label = label_of(signer._credentials)  # noqa: SLF001  # botocore has no public attribute
        if label and label.profile and not is_own_call():  # its own calls get credentials
            self._used[label] = None

    def _cell_ended(self, _result: object = None) -> None:
        try:
            for card in self._cards():
                display(card)
        except Exception:  # noqa: BLE001  # not an error of the user's cell
            _log.exception("The line with the identity couldn't be shown.")

    def _cards(self) -> Iterator[Card]:
        from ipy_awsprofile.cards.card import Card  # not needed to load the extension

        before, active = self._shown, active_in_sight(self._switcher)
        used, self._used, self._shown = list(self._used), {}, active
        for identity in filter(None, map(self._protected, used)):
            if identity != active or active == before:
                yield _line(f"This cell used {identity.name}", identity)
        if active is None and before is not None:
            yield Card("No profile is active")
        elif active is not None and active != before:
            yield _line(f"The notebook uses {active.name}", active)

    def _protected(self, used: Label) -> IdentityInSight | None:
        """Return the identity as a line shows it, or None if it isn't protected."""
        arn = Arn.parse(used.principal or "")
        identity = _in_sight(used.profile, arn.account if arn else "", self._switcher.protection)
        return identity if identity.is_protected else None


def _line(says: str, identity: IdentityInSight) -> Card:
    from ipy_awsprofile.cards.card import Card, Tone

    return Card(
        says,
        badge=f"account {identity.account}" if identity.account else "",
        tone=Tone.ERROR if identity.is_protected else Tone.GOOD,
        mark="protected" if identity.is_protected else "",
    )
