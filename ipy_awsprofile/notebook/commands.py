"""Run the magics: parse the line, call the Switcher once, show the card."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from IPython.display import display

from ipy_awsprofile.cards import cards
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.errors import AwsProfileError, InvalidOption
from ipy_awsprofile.kernel.gate import require_no_run
from ipy_awsprofile.notebook.active_identity import active_identity_card
from ipy_awsprofile.notebook.cell_scope import UntilCellEnds
from ipy_awsprofile.notebook.interruption import interruption_as_error
from ipy_awsprofile.notebook.options import parse, show_help, switch_request
from ipy_awsprofile.notebook.prompts import renders_html, sign_in_at_cell

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell

    from ipy_awsprofile.cards.card import Card
    from ipy_awsprofile.switch.switcher import Switcher


class LoadedMagics(Protocol):
    """The part of `AwsProfileMagics` that the commands use."""

    shell: InteractiveShell
    aws_profile: Callable[..., None]
    aws_profiles: Callable[..., pd.DataFrame | None]
    make_picker: Callable[[Switcher], object]

    @property
    def switcher(self) -> Switcher:
        """The kernel's Switcher."""
        ...

    def identity_shown(self) -> None:
        """Show no identity line after this cell, because the cell shows the identity's card."""
        ...

    def drop_first(self) -> None:
        """Cancel the switch to the first profile."""
        ...


def run_aws_profile(magics: LoadedMagics, line: str, cell: str | None) -> None:
    """Run ``%aws_profile``, and show the result. Raises a subclass of `AwsProfileError`."""
    if cell is not None:  # called by name; IPython transforms typed cells first
        magics.shell.run_cell(f"%aws_profile --cell {line}\n{cell}").raise_error()
        return
    require_no_run("`%aws_profile`")
    with interruption_as_error("The switch", magics.switcher):
        options = parse(magics.aws_profile, line)
        if options.help:
            show_help(magics.aws_profile, in_cell=options.cell)
        else:
            display(_result_of(magics, options, switch_request(options)))
            magics.identity_shown()


def run_aws_profiles(magics: LoadedMagics, line: str, cell: str | None) -> pd.DataFrame | None:
    """Show the profiles, or run a cell for each of them and return or store its DataFrame.

    Raises a subclass of `AwsProfileError`.
    """
    from ipy_awsprofile.notebook.many_profiles import frame_of_cell, profile_list

    require_no_run("`%aws_profiles`")
    with interruption_as_error("The cell", magics.switcher):
        options = parse(magics.aws_profiles, line)
        if options.help:
            show_help(magics.aws_profiles, in_cell=cell is not None)
            return None
        if cell is None:
            display(profile_list(options, magics.switcher))
            return None
        frame = frame_of_cell(options, cell, magics.shell, magics.switcher)
    if options.into is None:
        return frame
    magics.shell.push({options.into: frame})
    return None


def _result_of(
    magics: LoadedMagics, options: argparse.Namespace, request: SwitchRequest | None
) -> object:
    """Carry out the options of ``%aws_profile``, and return an object that displays the result."""
    shell, switcher = magics.shell, magics.switcher
    if options.explain:
        return _explanation(request or switcher.request)
    if options.pick and renders_html():
        return magics.make_picker(switcher)
    if options.pick:
        from ipy_awsprofile.notebook.terminal_picker import pick_in_terminal

        request = pick_in_terminal(switcher)
    if options.console is not None:
        return open_console(switcher, options.console)
    if options.off or options.logout:
        return _off(magics) if options.off else _sign_out(magics, request)
    person = switcher.person
    if options.device_code:
        person = replace(person, sign_in=partial(sign_in_at_cell, device_code=True))
    if options.login:
        switcher.login(request or _active_request(switcher), person=person)
        if request == SwitchRequest(sso=options.sso):
            return active_identity_card(shell, switcher)  # only a sign-in, without a switch
    if options.save:
        from ipy_awsprofile.switch.saving import save_role

        request = save_role(switcher, request or _active_request(switcher), options.save)
    if request and options.cell:
        from ipy_awsprofile.switch.using_profile import Scope

        UntilCellEnds(shell, Scope(request), switcher.cell).enter()
    elif request:
        # After a sign-in, a cached session can belong to another user.
        switcher.switch(request, fresh=options.login, person=person)
    elif options.refresh or options.login:
        switcher.refresh(person=person)
    return active_identity_card(shell, switcher)


def _active_request(switcher: Switcher) -> SwitchRequest:
    if switcher.request is None:
        raise InvalidOption(
            "No profile is active, and none is named.", "Run `%aws_profile NAME --login`."
        )
    return switcher.request


def _off(magics: LoadedMagics) -> Card:
    magics.drop_first()
    return cards.off_card(undone=magics.switcher.off())


def _sign_out(magics: LoadedMagics, request: SwitchRequest | None) -> Card:
    signed_out, inactive = magics.switcher.sign_out(request)
    if inactive:
        magics.drop_first()
    now = magics.switcher.request
    return cards.signed_out_card(*signed_out, inactive=inactive, active=now.name if now else "")


def _explanation(request: SwitchRequest | None) -> object:
    from ipy_awsprofile.cards.explanation import explanation_card
    from ipy_awsprofile.explain.explain import explain

    return explanation_card(explain(request))


_WITHOUT_BROWSER = "Click *Console* in the picker, which `%aws_profile --pick` shows."


def open_console(switcher: Switcher, service: str) -> Card:
    """Open the console as the active identity, and return a card that says so.

    The link contains a token and goes only to the browser. Raises AwsProfileError if no profile is
    active or the browser can't be opened on this machine, and the errors of `console_link`.
    """
    from ipy_awsprofile.sessions.console import console_link
    from ipy_awsprofile.sessions.sign_in import local_browser

    session = switcher.session
    if session is None:
        raise InvalidOption("No profile is active.", "Run `%aws_profile NAME` first.")
    browser = local_browser()
    if browser is None:
        raise AwsProfileError(
            "The kernel's machine can't open a browser for you.", _WITHOUT_BROWSER
        )
    if not browser.open(console_link(session, service)):
        raise AwsProfileError("The browser couldn't be started.", _WITHOUT_BROWSER)
    return cards.console_card(session.chain[0], service)
