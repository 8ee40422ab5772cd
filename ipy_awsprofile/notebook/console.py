"""The AWS console in the browser: ``%aws_profile --console``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipy_awsprofile.cards import cards
from ipy_awsprofile.errors import AwsProfileError, InvalidOption

if TYPE_CHECKING:
    from ipy_awsprofile.cards.rendering import Card
    from ipy_awsprofile.switch.switcher import Switcher

_WITHOUT_BROWSER = "Click *Console* in the picker, which `%aws_profile --pick` shows."


def open_console(switcher: Switcher, service: str) -> Card:
    """Open the console as the active identity, and return a card that says so.

    Its link has a token, and is nowhere but in the browser. Raises AwsProfileError if no profile is
    active, if the browser isn't on this machine, and what `console_link` raises.
    """
    from ipy_awsprofile.sessions.console import console_link
    from ipy_awsprofile.sessions.local_browser import local_browser, open_in

    session = switcher.session
    if session is None:
        raise InvalidOption("No profile is active.", "Run `%aws_profile NAME` first.")
    browser = local_browser()
    if browser is None:
        raise AwsProfileError("The kernel's machine has no browser that you see.", _WITHOUT_BROWSER)
    if not open_in(browser, console_link(session, service).url):
        raise AwsProfileError("The browser couldn't be started.", _WITHOUT_BROWSER)
    return cards.console_card(session.chain[0], service)
