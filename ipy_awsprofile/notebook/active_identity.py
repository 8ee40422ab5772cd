"""The card of the active identity, shown by ``%aws_profile`` alone and after a switch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING

from ipy_awsprofile.cards import cards
from ipy_awsprofile.cards.session_rows import session_rows
from ipy_awsprofile.config.request import SessionRequest, SwitchRequest
from ipy_awsprofile.config.user_environment import named_profile
from ipy_awsprofile.errors import EndpointUnreachable
from ipy_awsprofile.switch.protection import known_account_name

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ipy_awsprofile.bindings.leftovers import Leftover
    from ipy_awsprofile.cards.rendering import Card
    from ipy_awsprofile.sessions.session import Identity
    from ipy_awsprofile.switch.switcher import Switcher


def active_identity_card(
    shell: InteractiveShell, switcher: Switcher, before: SwitchRequest | None = None
) -> Card:
    """Return a card of the active identity, or of the credentials that boto3 uses without one.

    ``before`` is the request that was active before a switch, if its session was in its variable.
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
        about=session_rows(session.target) if session else (),
        protected=switcher.protection.is_protected(request.name, identity.account),
        problem=problem,
        renews=not session or session.target.renews_unattended,
        leftovers=[*_emptied(before, request), *switcher.leftovers()],
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


def request_in_variable(shell: InteractiveShell, switcher: Switcher) -> SwitchRequest | None:
    """Return the active request if the notebook's variable for its session contains the session."""
    request = switcher.request
    return request if request and shell.user_ns.get(request.variable) is switcher.session else None


def _emptied(before: SwitchRequest | None, request: SwitchRequest) -> Iterator[Leftover]:
    """Yield a note if a switch removed the session from a different variable."""
    if before is None or before.variable == request.variable:
        return
    from ipy_awsprofile.bindings.leftovers import Leftover  # it imports boto3

    name, *options = (
        f"{field.name}={value!r}"
        for field in fields(SessionRequest)
        if (value := getattr(before, field.name)) != field.default
    )
    arguments = ", ".join([name.removeprefix("profile="), *options])
    code = f"from ipy_awsprofile import open_session; {before.variable} = open_session({arguments})"
    yield Leftover(
        before.variable,
        f"no longer contains the session of {before.name}: to keep both sessions, run `{code}`",
    )


def _credentials_without_switch() -> str:
    """Describe the credentials that boto3 uses by default, in the order of its providers."""
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        return "the keys in the environment"
    variable, name = named_profile(os.environ)
    return f"{variable}={name}" if name else "its default credentials"
