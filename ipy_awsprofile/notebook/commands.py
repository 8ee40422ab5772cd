"""Run ``%aws_profile``: read the line, carry out its action, show the card."""

from __future__ import annotations

import argparse
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from IPython.display import display

from ipy_awsprofile.cards import cards, tables
from ipy_awsprofile.cards.card import Tone
from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.profiles import list_profiles
from ipy_awsprofile.config.request import SwitchRequest, arguments
from ipy_awsprofile.config.saved import ConfigFile
from ipy_awsprofile.config.user_environment import named_profile
from ipy_awsprofile.errors import (
    AwsProfileError,
    EndpointUnreachable,
    InvalidOption,
    SwitchInterrupted,
    faults_as_errors,
)
from ipy_awsprofile.gate import require_no_run
from ipy_awsprofile.kernel.leftovers import Leftover
from ipy_awsprofile.notebook.cells import compile_cell, run_cell, runs_code_of
from ipy_awsprofile.notebook.options import ProfileActions, chosen, joined, parse, show_help
from ipy_awsprofile.notebook.prompts import renders_html, sign_in_at_cell, warn_at_cell
from ipy_awsprofile.sessions.assigned_roles import known_roles_without_profile
from ipy_awsprofile.sessions.session import fetch_identity
from ipy_awsprofile.switch.opening import fitting_pattern
from ipy_awsprofile.switch.saving import text_with_role, text_with_shared
from ipy_awsprofile.text import quoted

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ipy_awsprofile.cards.card import Card
    from ipy_awsprofile.switch.switcher import Switcher


def run_aws_profile(
    magic: Any,
    line: str,
    switcher: Switcher,
    make_picker: Callable[[Switcher], object],
) -> None:
    """Run ``%aws_profile``, and show the result. Raises a subclass of `AwsProfileError`."""
    require_no_run("`%aws_profile`")
    with interruption_as_error("The switch", switcher), faults_as_errors():
        options = parse(magic, line)
        if options.help:
            show_help(magic)
            return
        result = _result_of(options, switcher, make_picker)
        if result is not None:
            display(result)


def run_aws_profile_cell(
    magic: Any, line: str, cell: str, shell: InteractiveShell, switcher: Switcher
) -> Any:
    """Run a cell as another identity, show its card, and return the cell's last value.

    Raises a subclass of `AwsProfileError`, and the cell's own exceptions.
    """
    from ipy_awsprofile.switch.using_profile import Block

    require_no_run("`%%aws_profile`")
    options = parse(magic, line)
    if options.help:
        return show_help(magic)
    request = _request_of(options)
    if request is None or chosen(options, ProfileActions):
        raise InvalidOption(
            "A cell needs the name of a profile, and takes no action such as --off.",
            "Write `%%aws_profile NAME`.",
        )
    if not re.sub("#.*", "", cell).strip():
        raise InvalidOption(
            "The cell has no code.",
            f"To switch the notebook, run `%aws_profile {arguments(request)}`.",
        )
    instead = "Use `with using_profile(NAME):` in a regular cell."
    code = compile_cell(shell, cell, instead_of_await=instead)
    has_begun = False
    before = shell.user_ns.get(request.variable)
    threads = threading.enumerate()
    try:
        with Block(request):
            has_begun = True
            switcher.cell.is_block = True
            card = active_card(switcher, before, "it comes back after the cell")
            if card.tone is not Tone.GOOD or not options.quiet:
                display(card)
            value = run_cell(shell, code)
            return None if cell.rstrip().endswith(";") else value
    except KeyboardInterrupt:
        if has_begun:
            raise
        raise SwitchInterrupted("The switch") from None
    finally:
        switcher.cell.is_block = False
        for thread in threading.enumerate():
            if thread not in threads and runs_code_of(shell, thread):
                warn_at_cell(
                    f"The thread `{thread.name}` still runs, and its next calls use the notebook's "
                    "identity. In threads, use `open_session(NAME)`."
                )


@contextmanager
def interruption_as_error(what: str, switcher: Switcher) -> Iterator[None]:
    """Raise SwitchInterrupted for Ctrl-C, which says whether anything has changed.

    ``what`` names the interrupted action, and begins the error's message.
    """
    before = switcher.session
    try:
        yield
    except KeyboardInterrupt:
        interrupted = SwitchInterrupted(what)
        if switcher.session is not before:
            complete = "It was already complete. Run `%aws_profile` to see the active identity."
            interrupted = SwitchInterrupted(what, complete)
        raise interrupted from None


def _request_of(
    options: argparse.Namespace, active: SwitchRequest | None = None
) -> SwitchRequest | None:
    """Return the switch that the options describe, or None without one.

    Raises InvalidOption for options of a switch without the name of a profile. Its hint has the
    line for the ``active`` profile.
    """
    given = chosen(options, SwitchRequest)
    request = SwitchRequest(joined(options.profile), **given)
    if request.profile is not None or request.name or request.has_parts:
        return request
    writes = options.share or options.save is not None
    is_for_file = writes and request == SwitchRequest(confirmed=True)
    if request != SwitchRequest() and not is_for_file:
        hint = "Write `%aws_profile NAME` and the options, or `%%aws_profile NAME` for one cell."
        if active:
            hint = f"Write `%aws_profile {arguments(replace(active, **given))}`."
        raise InvalidOption("The name of a profile is missing.", hint)
    return None


def _result_of(
    options: argparse.Namespace,
    switcher: Switcher,
    make_picker: Callable[[Switcher], object],
) -> object:
    """Carry out the options, and return an object that displays the result."""
    active = switcher.request
    request = _request_of(options, active)
    action = _action_of(options, request)
    match action:
        case "off":
            was_shared = switcher.sharing is not None
            kept = switcher.off()
            return cards.off_card(kept, switcher.leftovers(), was_shared=was_shared)
        case "console":
            return _open_console(switcher, options.console)
        case "explain":
            from ipy_awsprofile.cards.explanation import explanation_card
            from ipy_awsprofile.explain.explain import explain

            return explanation_card(explain(request or active))
        case "logout":
            return _sign_out(switcher, request)
        case "pick" if renders_html():
            return make_picker(switcher)
        case "pick":
            from ipy_awsprofile.notebook.terminal import pick_in_terminal

            name = pick_in_terminal(active.profile if active else None)
            request = SwitchRequest(name) if name else None
        case "share" if options.profile == ["off"]:
            switcher.shares = False
            switcher.stop_sharing()
            return active_card(switcher)
        case "share":
            text_with_shared(ConfigFile.read())  # an error before the switch
    shown = request or active or SwitchRequest()
    before = switcher.namespace.get(shown.variable)
    preview = None
    if action == "save":
        preview = _save(options, request, switcher)
    else:
        _switch(options, request, switcher)
    if action == "share":
        preview = _share(switcher, is_confirmed=options.confirmed)
    card = active_card(switcher, before)
    if preview is None:
        options.quiet = options.quiet and request is not None
        return None if card.tone is Tone.GOOD and options.quiet else card
    display(card)
    return preview


def _action_of(options: argparse.Namespace, request: SwitchRequest | None) -> str:
    """Return the name of the action, or an empty text for a switch. Raises InvalidOption."""
    actions = list(chosen(options, ProfileActions))
    if len(actions) > 1:
        both = " and ".join(f"--{name}" for name in actions)
        raise InvalidOption(f"{both} can't be combined.", "Use one of them.")
    action = next(iter(actions), "")
    if request and action in ("off", "console", "pick"):
        raise InvalidOption(
            f"--{action} takes neither a name nor an option of a switch.",
            f"Run `%aws_profile --{action}` alone. For another profile, switch first.",
        )
    return action


def _share(switcher: Switcher, *, is_confirmed: bool) -> Card | None:
    """Share the notebook's identity. Return the changes to the config file for it, if any.

    They are written if that ``is_confirmed``; before, nothing is shared. Raises InvalidOption if no
    profile is active, ConfigFileError and CredentialsUnavailable.
    """
    session = switcher.session
    if session is None:
        raise InvalidOption("No profile is active.", "Run `%aws_profile NAME --share`.")
    file = ConfigFile.read()
    text = text_with_shared(file, session.region_name)
    lines = file.change(text, is_confirmed=is_confirmed)
    if is_confirmed or not lines:
        switcher.share()
    if not lines:
        return None
    how = "Run `%aws_profile --share --yes`"
    return tables.saved_card(file, lines, is_written=is_confirmed, how=how)


def _switch(options: argparse.Namespace, request: SwitchRequest | None, switcher: Switcher) -> None:
    """Sign in, and switch or renew the credentials, as the options say."""
    person = switcher.person
    if options.device_code:
        person = replace(person, sign_in=partial(sign_in_at_cell, device_code=True))
    if options.login:
        switcher.login(request or _active_request(switcher, "NAME --login"), person=person)
        if request and request == SwitchRequest(sso=request.sso):
            return  # only a sign-in
    # After a sign-in, a cached session can belong to another user.
    fresh = options.refresh or options.login
    if request:
        switcher.switch(request, fresh=fresh, person=person)
    elif fresh:
        switcher.refresh(person=person)


def _save(options: argparse.Namespace, request: SwitchRequest | None, switcher: Switcher) -> Card:
    """Switch to a role, and preview its profile. If it is confirmed, write it and switch to it.

    Raises the errors of `text_with_role` and of the switch; then nothing has changed.
    """
    name = options.save
    role = request or _active_request(switcher, f"--role-arn ARN --save {quoted(name)}")
    file = ConfigFile.read()
    text = text_with_role(file, switcher, role, name)
    layer = switcher.prepare(role)  # only a profile that works is written
    lines = file.change(text, is_confirmed=options.confirmed)
    if options.confirmed:
        layer = switcher.prepare(SwitchRequest(name, variable=role.variable, confirmed=True))
    switcher.move(layer)
    how = f"Run `%aws_profile --save {quoted(name)} --yes`"
    return tables.saved_card(file, lines, is_written=options.confirmed, how=how)


def _active_request(switcher: Switcher, instead: str) -> SwitchRequest:
    """Return the active request. Without one, the error names the options to use ``instead``."""
    if switcher.request is None:
        hint = f"Run `%aws_profile {instead}`."
        raise InvalidOption("No profile is active, and none is named.", hint)
    return switcher.request


def _sign_out(switcher: Switcher, request: SwitchRequest | None) -> Card:
    signed_out, inactive = switcher.sign_out(request)
    active = switcher.request or SwitchRequest()
    return cards.signed_out_card(*signed_out, inactive=inactive, active=active.name)


_WITHOUT_BROWSER = "In a notebook, `%aws_profile --pick` shows a picker with the button *Console*."


def _open_console(switcher: Switcher, service: str) -> Card:
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


def active_card(
    switcher: Switcher,
    before: object = None,
    back: str = "`%aws_profile --off` brings it back",
) -> Card:
    """Return a card of the active identity, or of the credentials that boto3 uses without one.

    ``before`` is the value that the session has replaced, and ``back`` says when it returns.
    Without a connection, the card has the last known identity. Raises a subclass of
    `AwsProfileError` if AWS refuses to renew the credentials.
    """
    active = switcher.active
    if active is None:
        return cards.no_identity_card(_credentials_without_switch())
    problem = ""
    try:
        identity = fetch_identity(active.session)
    except EndpointUnreachable as error:
        identity = active.current_identity()
        problem = f"The session couldn't be renewed: {error} {error.hint}".strip()
    variable = active.request.variable
    replaced: list[Leftover] = []
    if switcher.namespace.get(variable) is not active.session:
        line = f"`%aws_profile {arguments(active.request)}`"
        variable = f"`{variable}` isn't the session anymore: {line} sets it again"
    elif before is not None and not isinstance(before, boto3.Session):
        says = (
            f"held a value of type {type(before).__name__}: {back}, and `--as NAME` leaves it alone"
        )
        replaced.append(Leftover(variable, says))
    return cards.session_card(
        switcher,
        active.session,
        identity,
        variable=variable,
        problem=problem,
        replaced=replaced,
    )


def warn_about_patterns(setting: str, patterns: Iterable[str]) -> None:
    """Show a line for each pattern of a setting that matches no profile and no listed role."""
    accounts = {profile.name: profile.account or "" for profile in list_profiles()}
    accounts |= {role.name: role.account.id for role in known_roles_without_profile()}
    for pattern in patterns:
        if not any(fitting_pattern([pattern], *names) for names in accounts.items()):
            warn_at_cell(
                f"No profile in the shared files matches `{pattern}` in `{setting}`. "
                "`%aws_profiles` lists their names and accounts."
            )


def _credentials_without_switch() -> str:
    """Describe the credentials that boto3 uses by default, in the order of its providers."""
    variable, name = named_profile(os.environ)
    if name and name not in read_config().profiles:
        return f"{variable}={name}, but there is no profile with this name, so it fails"
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        return "the keys in the environment"
    return f"{variable}={name}" if name else "its default credentials"
