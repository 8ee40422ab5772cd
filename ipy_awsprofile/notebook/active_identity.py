"""The card of the active identity, shown by ``%aws_profile`` alone and after a switch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ipy_awsprofile.cards import cards
from ipy_awsprofile.config.user_environment import named_profile
from ipy_awsprofile.errors import EndpointUnreachable
from ipy_awsprofile.sessions.assigned_roles import known_account_name

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ipy_awsprofile.cards.card import Card
    from ipy_awsprofile.sessions.session import Identity
    from ipy_awsprofile.switch.switcher import Switcher


def active_identity_card(shell: InteractiveShell, switcher: Switcher) -> Card:
    """Return a card of the active identity, or of the credentials that boto3 uses without one.

    Raises a subclass of `AwsProfileError` if AWS refuses to renew the credentials.
    """
    identity, problem = _present_identity(switcher)
    request = switcher.request
    if identity is None or request is None:
        return cards.no_identity_card(_credentials_without_switch())
    session = switcher.session
    in_variable = shell.user_ns.get(request.variable) is session
    return cards.identity_card(
        identity,
        variable=request.variable if in_variable else "",
        alias=known_account_name(identity.account),
        about=cards.session_rows(session.target) if session else (),
        protected=switcher.protection.is_protected(request.name, identity.account),
        problem=problem,
        renews=not session or session.target.renews_unattended,
        leftovers=switcher.leftovers(),
    )


def _present_identity(switcher: Switcher) -> tuple[Identity | None, str]:
    """Return the active identity or, without a connection, the last known one and the problem."""
    try:
        return switcher.identity(), ""
    except EndpointUnreachable as error:
        return (
            switcher.known_identity(),
            f"The session couldn't be renewed: {error} {error.hint}".strip(),
        )


def _credentials_without_switch() -> str:
    """Describe the credentials that boto3 uses by default, in the order of its providers."""
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        return "the keys in the environment"
    variable, name = named_profile(os.environ)
    return f"{variable}={name}" if name else "its default credentials"
