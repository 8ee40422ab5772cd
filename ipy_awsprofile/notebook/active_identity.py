"""The card of the active identity, which ``%aws_profile`` shows after a switch and by itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ipy_awsprofile.cards import cards
from ipy_awsprofile.config.environment import named_profile

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ipy_awsprofile.cards.rendering import Card
    from ipy_awsprofile.switch.switcher import Switcher


def active_identity_card(shell: InteractiveShell, switcher: Switcher) -> Card:
    """Return a card of the active identity, or of the credentials that boto3 uses without one."""
    identity, request = switcher.identity(), switcher.request
    if identity is None or request is None:
        return cards.no_identity_card(_credentials_without_switch())
    from ipy_awsprofile.sessions.assigned_roles import account_name

    in_variable = shell.user_ns.get(request.variable) is switcher.session
    return cards.identity_card(
        identity,
        variable=request.variable if in_variable else "",
        alias=account_name(request.name),
        read_only=request.read_only,
        protected=switcher.is_protected(request.name),
        leftovers=switcher.leftovers(),
    )


def _credentials_without_switch() -> str:
    """Return in words which credentials boto3 uses by itself, in the order of its providers."""
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        return "the keys in the environment"
    variable, name = named_profile(os.environ)
    return f"{variable}={name}" if name else "its default credentials"
