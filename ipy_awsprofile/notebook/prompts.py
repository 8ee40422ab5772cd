"""What a person is asked at a running cell: an MFA code, or to sign in. With a card for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.getipython import get_ipython
from IPython.display import display

from ipy_awsprofile.cards import cards
from ipy_awsprofile.credentials.mfa import ask_on_input_channel, device_of, somebody_is_there
from ipy_awsprofile.errors import SignInRequired

if TYPE_CHECKING:
    from ipy_awsprofile.config.target import Target


def ask_for_code(question: str) -> str:
    """Show which device is meant, and ask for its code. Raises MfaUnavailable."""
    if not (somebody_is_there() and _has_cards()):
        return ask_on_input_channel(question)
    display(cards.mfa_card(device_of(question)))
    return ask_on_input_channel(question, "MFA code: ")


def sign_in_at_cell(target: Target) -> None:
    """Show where to sign in, and wait until that is done; Ctrl-C ends it.

    Raises SignInRequired where nobody would see it, and what `begin_sign_in` and
    `SignInAttempt.waiting` raise.
    """
    from ipy_awsprofile.sessions.sso_sign_in import begin_sign_in, sso_settings

    if not somebody_is_there():
        sso_settings(target)  # a profile without a sign-in is told as that
        raise SignInRequired(target.name, target.chain[-1])
    attempt = begin_sign_in(target)
    if not _has_cards():
        print(cards.sign_in_card(attempt.profile, attempt.url, attempt.code))  # noqa: T201
        for _ in attempt.waiting():
            pass
        return
    shown = display(cards.sign_in_card(attempt.profile, attempt.url, attempt.code), display_id=True)
    outcome = cards.sign_in_ended_card(attempt.profile, done=False)
    try:
        for left in attempt.waiting():
            shown.update(cards.sign_in_card(attempt.profile, attempt.url, attempt.code, left))
        outcome = cards.sign_in_ended_card(attempt.profile, done=True)
    finally:
        shown.update(outcome)  # address and code aren't saved with the notebook


def _has_cards() -> bool:
    """Say whether a front end renders HTML; a terminal is told in text."""
    return getattr(get_ipython(), "kernel", None) is not None
