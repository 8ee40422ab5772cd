"""Create the messages with an HTML card: an identity or an error."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ipy_awsprofile.cards import cards
from ipy_awsprofile.cards.card import Card
from ipy_awsprofile.config.request import SESSION
from ipy_awsprofile.picker.messages import ErrorMessage, IdentityMessage

if TYPE_CHECKING:
    from ipy_awsprofile.config.request import SwitchRequest
    from ipy_awsprofile.errors import AwsProfileError
    from ipy_awsprofile.kernel.leftovers import Leftover
    from ipy_awsprofile.sessions.session import Identity


def identity_message(
    identity: Identity | None,
    request: SwitchRequest | None,
    *,
    switched: bool = False,
    protected: bool = False,
    alias: str | None = None,
    about: Iterable[tuple[str, str]] = (),
    leftovers: Iterable[Leftover] = (),
    has_notebook: bool = True,
    save_as: str = "",
    renews: bool = True,
    now: datetime | None = None,
) -> IdentityMessage:
    """Return the message that shows an identity, or that no profile is active.

    Without a Jupyter notebook, as in marimo, the variable `session` doesn't exist. The card names
    the variable only if it isn't `session`.
    """
    if identity is None or request is None:
        variable = "The notebook's variable `session`" if has_notebook else "`picker.session`"
        choose = f"Choose a profile. {variable} then uses it."
        html = html_of(Card("No profile is active", notes=(choose,)))
        return {"type": "identity", "identity": None, "html": html, "switched": switched}
    card = cards.identity_card(
        identity,
        variable=request.variable if has_notebook and request.variable != SESSION else "",
        about=about,
        protected=protected,
        alias=alias,
        leftovers=leftovers,
        renews=renews,
        now=now,
    )
    left = (identity.expiry - (now or datetime.now(UTC))) if identity.expiry else None
    return {
        "type": "identity",
        "identity": {
            "profile": identity.profile,
            "name": card.title,
            "left": left.total_seconds() if left is not None else None,
            "renews": renews,
            "chosen_region": request.region,
            "expires": identity.expiry.isoformat() if identity.expiry else None,
            "arn": identity.arn,
            "account": alias or identity.account,
            "protected": protected,
            "read_only": request.read_only,
            "notes": len(card.notes),
            "save_as": save_as,
        },
        "html": html_of(card),
        "switched": switched,
    }


def error_message(error: AwsProfileError) -> ErrorMessage:
    """Return the message that shows an error, as a card."""
    return {"type": "error", "html": html_of(cards.error_card(error))}


def html_of(card: Card) -> str:
    """Return a card's HTML as a plain `str`, because marimo doesn't send a subclass as a string."""
    return str(card._repr_html_())
