"""Run ``%aws_profile``: read the line, perform its action and show the card."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from IPython.display import display

from ipy_awsprofile.audit import require_allowed
from ipy_awsprofile.cards import cards, tables
from ipy_awsprofile.cards.card import Card, Tone
from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.organization import advice_to_write
from ipy_awsprofile.config.request import (
    SESSION,
    Form,
    SwitchRequest,
    arguments,
    python_arguments,
)
from ipy_awsprofile.config.saved import ConfigFile
from ipy_awsprofile.config.target import login_target, sign_in_file
from ipy_awsprofile.config.user_environment import named_profile
from ipy_awsprofile.credentials.person import somebody_is_there
from ipy_awsprofile.credentials.translation import no_sign_in
from ipy_awsprofile.errors import (
    AwsProfileError,
    EndpointUnreachable,
    InvalidOption,
    SignInRequired,
    SwitchInterrupted,
    faults_as_errors,
)
from ipy_awsprofile.explain.explain import explain
from ipy_awsprofile.follower import Leftover
from ipy_awsprofile.gate import require_no_run
from ipy_awsprofile.kernel.watch import profile_of_default_session
from ipy_awsprofile.notebook.cells import (
    compile_cell,
    require_cell,
    run_cell,
)
from ipy_awsprofile.notebook.former_switch import (
    about_earlier_limits,
    about_former_limits,
    about_former_variable,
)
from ipy_awsprofile.notebook.options import (
    ACTIONS_ALONE,
    ProfileActions,
    arguments_with_name,
    chosen,
    joined,
    lacks_name,
    words_of_action,
)
from ipy_awsprofile.notebook.prompts import renders_html, sign_in_at_cell
from ipy_awsprofile.notebook.window import open_window
from ipy_awsprofile.sessions.console import CONSOLE, console_link, require_service
from ipy_awsprofile.sessions.session import fetch_identity
from ipy_awsprofile.sessions.signing_in import local_browser
from ipy_awsprofile.switch.opening import Opening
from ipy_awsprofile.switch.saving import text_with_role, text_with_shared
from ipy_awsprofile.switch.using_profile import Block
from ipy_awsprofile.text import quoted

if TYPE_CHECKING:
    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell

    from ipy_awsprofile.credentials.person import Person
    from ipy_awsprofile.switch.switcher import Switcher


def run_aws_profile(
    options: argparse.Namespace,
    switcher: Switcher,
    make_picker: Callable[[Switcher], object],
) -> pd.DataFrame | None:
    """Run ``%aws_profile`` and show the result.

    ``--share`` can return a DataFrame of receipts, which are records of the credentials that
    programs have received from the notebook. Raise a subclass of `AwsProfileError` if the line is
    invalid or its action fails.
    """
    require_no_run("`%aws_profile`")
    _name_shared_profile(options)
    with interruption_as_error("The switch", switcher), faults_as_errors():
        action = _action_of(options)
        request = _request_of(options, switcher.request)
        if request:
            require_cell("`%aws_profile NAME`")
        run = _ACTIONS[action]
        active = switcher.request
        shown = request or active or SwitchRequest()
        before = switcher.namespace.get(shown.variable)
        former = None
        if active and switcher.namespace.get(active.variable) is switcher.session:
            former = active
        earlier = switcher.previous.request if switcher.previous else None
        return run(_Line(options, request, switcher, make_picker, before, former, earlier))


def _first_line_of_cell(request: SwitchRequest | None) -> str:
    """Return a hint with the first line of a cell that requests the same switch."""
    line = "%%aws_profile NAME"
    if request and request.name:
        line = f"%%aws_profile {arguments(request)}"
    return f"Write `{line}`."


def run_aws_profile_cell(
    options: argparse.Namespace,
    cell: str,
    shell: InteractiveShell,
    switcher: Switcher,
) -> object:
    """Run a cell as another identity, show the identity's card, and return the cell's last value.

    Raise a subclass of `AwsProfileError` if the switch fails, and any exception that the cell
    raises.
    """
    require_no_run("`%%aws_profile`")
    request = _request_of(options, form=Form.CELL)
    if request is None or chosen(options, ProfileActions):
        raise InvalidOption(
            "`%%aws_profile` requires a profile's name and doesn't accept actions such as --off.",
            _first_line_of_cell(request),
        )
    statement = f"with using_profile({python_arguments(request)}):"
    code = compile_cell(
        shell,
        cell,
        instead_of_await="Run `from ipy_awsprofile import using_profile`, and use "
        f"`{statement}` in a regular cell.",
    )
    before = shell.user_ns.get(request.variable)
    try:
        with ExitStack() as block:
            with interruption_as_error("The switch", switcher):
                block.enter_context(Block(request, Form.CELL))
            switcher.cell.is_block = True
            card = active_card(switcher, before, "it comes back after the cell")
            if card.tone is not Tone.GOOD or not options.quiet:
                display(card)
            value = run_cell(shell, code)
    finally:
        switcher.cell.is_block = False
    if cell.rstrip().endswith(";"):
        return None
    return value


@contextmanager
def interruption_as_error(what: str, switcher: Switcher) -> Iterator[None]:
    """Convert a Ctrl-C to a SwitchInterrupted error that says whether anything has changed.

    ``what`` names the interrupted action at the beginning of the error's message.
    """
    completed = switcher.completed
    try:
        yield
    except KeyboardInterrupt:
        interrupted = SwitchInterrupted(what)
        if switcher.completed > completed:
            hint = "The switch was already complete. Run `%aws_profile` to see the active identity."
            interrupted = SwitchInterrupted(what, hint)
        raise interrupted from None


#: The words after ``--share`` that aren't the name of a profile.
_OFF = "off"
_WRITE = "write"


def _name_shared_profile(options: argparse.Namespace) -> None:
    """Treat ``--share NAME`` as ``NAME --share``, unless the name is ``off`` or ``write``."""
    if options.share not in (None, "", _OFF, _WRITE):
        options.profile = [options.share, *options.profile]
        options.share = ""


def _request_of(
    options: argparse.Namespace, active: SwitchRequest | None = None, form: Form = Form.LINE
) -> SwitchRequest | None:
    """Return the switch that the options describe, or None if they don't describe a switch.

    Raise `InvalidOption` if the line has options for a switch but doesn't name a profile. If a
    profile is active, pass its switch as ``active`` so that the error's hint contains a complete
    line. ``form`` is the form of the magic that contains the options.
    """
    given = chosen(options, SwitchRequest)
    request = SwitchRequest(joined(options.profile), **given)
    if options.refresh and active and request == SwitchRequest(active.profile):
        return active  # new credentials have the same limits
    if options.refresh and active and request == SwitchRequest(confirmed=True):
        return None  # the active profile doesn't need to be confirmed again
    if options.profile or request.name or request.has_parts:
        return request
    if options.share == _WRITE:
        return SwitchRequest(**given)  # its options limit what programs can write
    if not lacks_name(options):
        return None
    if options.save is not None and active and active.profile in read_config().profiles:
        return active  # the error says why it can't be saved
    raise _without_name(options, given, active, form)


def _without_name(
    options: argparse.Namespace,
    given: Mapping[str, Any],
    active: SwitchRequest | None,
    form: Form,
) -> InvalidOption:
    """Return the error for a line that has options for a switch but doesn't name a profile."""
    variable = given.get("variable", "")
    if variable in read_config().profiles and not (active and active.profile == variable):
        meant = SwitchRequest(variable, **{**given, "variable": SESSION})
        line = arguments(meant, *words_of_action(options))
        hint = f"For this profile, write `{form.value} {line}`."
        if active:
            line = arguments_with_name(options, active)
            hint += f" For the session of `{active.name}`, write `%aws_profile {line}`."
        return InvalidOption(
            f"`{variable}` is a profile, but `--as` takes the name of a variable.", hint
        )
    hint = "Write `%aws_profile NAME` and the options, or `%%aws_profile NAME` for one cell."
    if given == {"confirmed": True}:  # perhaps a preview, or a refused switch to another profile
        hint = "Repeat the line that you want to confirm, and add `--yes` to it."
    elif active:
        hint = f"Write `%aws_profile {arguments_with_name(options, active)}`."
        if options.write:
            hint = advice_to_write(hint)
    return InvalidOption("The name of a profile is missing.", hint)


def _action_of(options: argparse.Namespace) -> str:
    """Return the name of the line's action, or an empty string if the line requests a switch.

    Raise `InvalidOption` if the line has several actions, or options that its action doesn't
    accept.
    """
    actions = list(chosen(options, ProfileActions))
    if len(actions) > 1:
        both = " and ".join(f"--{name}" for name in actions)
        raise InvalidOption(f"{both} can't be combined.", "Use only one of these actions.")
    action = next(iter(actions), "")
    names_switch = options.profile or chosen(options, SwitchRequest)
    if names_switch and action in ACTIONS_ALONE:
        alone = " ".join(words_of_action(options))
        raise InvalidOption(
            f"--{action} doesn't accept a profile's name or the options of a switch.",
            f"Run `%aws_profile {alone}` on its own. To use another profile, switch to it first.",
        )
    return action


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of ``%aws_profile`` in a notebook, with its options and the switch that they describe.

    ``request`` is None if the line doesn't request a switch. ``before`` is the value that the
    session's variable had before this line ran, or None. ``former`` is the previous switch, or None
    if the variable of that switch no longer contains its session. ``earlier`` is the switch before
    the previous one, or None.
    """

    options: argparse.Namespace
    request: SwitchRequest | None
    switcher: Switcher
    make_picker: Callable[[Switcher], object]
    before: object
    former: SwitchRequest | None
    earlier: SwitchRequest | None

    @property
    def requested_or_active(self) -> SwitchRequest | None:
        """The switch that the line requests, or else the active switch, or None."""
        return self.request or self.switcher.request

    def card(self) -> Card:
        """Return the card about the identity that is active after this line has run."""
        active = self.switcher.request
        notes: list[Leftover] = []
        if active and self.former and self.former.variable != active.variable:
            notes.append(about_former_variable(self.former, self.switcher.namespace))
        if active and self.former:
            if self.former.name != active.name:
                notes += about_earlier_limits(self.earlier, active)
            elif self.request:
                notes += about_former_limits(self.former, active)
        return active_card(self.switcher, self.before, notes=notes)

    def require_request(self, instead: str) -> SwitchRequest:
        """Return the switch that the line requests, or else the active switch.

        Raise `InvalidOption` if the line doesn't request a switch and no profile is active.
        ``instead`` contains the options that the error's hint suggests.
        """
        request = self.requested_or_active
        if request is None:
            hint = f"Run `%aws_profile {instead}`."
            raise InvalidOption("No profile is active, and the line doesn't name a profile.", hint)
        return request


def _off(line: _Line) -> None:
    """Undo all switches, and show a card with the result."""
    was_shared = line.switcher.recipients.sharing is not None
    kept = line.switcher.off()
    if line.switcher.active:
        says = "undid the switch. Then a function of `on_switch` switched again"
        display(active_card(line.switcher, notes=[Leftover("--off", says)]))
        return
    display(cards.off_card(kept, line.switcher.leftovers(), was_shared=was_shared))


def _explain(line: _Line) -> None:
    """Explain the profile that the line names or, if the line names none, the active profile."""
    request = line.requested_or_active
    if request:
        request = replace(request, default_session_name=line.switcher.session_name)
    display(tables.explanation_card(explain(request)))


def _sign_out(line: _Line) -> None:
    """Sign out of the sign-in that the line names or, if the line names none, of all sign-ins."""
    signed_out, inactive = line.switcher.sign_out(line.request)
    request = line.switcher.request
    active = request.name if request else ""
    display(cards.signed_out_card(*signed_out, inactive, active))


def _pick(line: _Line) -> None:
    """Show a picker or, in a terminal, let the user choose a profile and switch to that profile."""
    if renders_html():
        display(line.make_picker(line.switcher))
        return
    from ipy_awsprofile.notebook.terminal import pick_in_terminal  # a notebook doesn't need it

    name = pick_in_terminal()
    if name:
        line = replace(line, request=SwitchRequest(name))
    _switch(line)


def _switch(line: _Line) -> None:
    """Depending on the line, sign in, switch or renew the credentials, and then show the card."""
    _change_identity(line)
    _show_card_unless_quiet(line)


def _change_identity(line: _Line) -> None:
    """Depending on the line's options, sign in, switch or renew the credentials."""
    options = line.options
    request = line.request
    switcher = line.switcher
    person = switcher.person
    if options.device_code:
        person = replace(person, sign_in_prompter=partial(sign_in_at_cell, device_code=True))
    if options.login:
        _sign_in(line.require_request("NAME --login"), person, options)
        if request and request == SwitchRequest(sso=request.sso):
            return  # only a sign-in
    # After a sign-in, a cached session can belong to another user.
    needs_new = options.refresh or options.login
    if request:
        opening = Opening.NEW if needs_new else Opening.CACHED
        switcher.switch(request, opening, person=person)
    elif needs_new and switcher.request:
        switcher.switch(switcher.request, Opening.REFRESHED, person=person)


def _sign_in(request: SwitchRequest, person: Person, options: argparse.Namespace) -> None:
    """Let the user sign in. Raise `SignInRequired` if no one is available to sign in."""
    target = login_target(request)
    sign_in_file(target)  # raises an error for a profile without a sign-in
    if not somebody_is_there():
        hint = no_sign_in(target).hint
        if options.device_code:  # which the command of the AWS CLI lacks
            line = arguments(request, *words_of_action(options))
            hint = f"Run `%aws_profile {line}` interactively."
        raise SignInRequired("No one is available to sign in.", hint)
    person.prompt_sign_in(target)


def _show_card_unless_quiet(line: _Line) -> None:
    """Show the identity's card, unless the line has ``--quiet`` and the card has no warning."""
    card = line.card()
    is_quiet = line.options.quiet and line.request is not None
    if not is_quiet or card.tone is not Tone.GOOD:
        display(card)


def _share(line: _Line) -> pd.DataFrame | None:
    """Share the notebook's identity, stop sharing it, or let programs write, as the line requests.

    Return a DataFrame of receipts (records of the credentials that programs received), or None.
    """
    match line.options.share:
        case "off":
            if line.request:
                raise InvalidOption(
                    "`--share off` doesn't accept a profile's name or the options of a switch.",
                    "Run `%aws_profile --share off` on its own.",
                )
            line.switcher.recipients.shares = False
            line.switcher.recipients.end()
            display(active_card(line.switcher))
        case "write":
            words = joined(line.options.profile) or ""
            open_window(line.switcher, line.request or SwitchRequest(), words)
            display(active_card(line.switcher))
        case _:
            return _begin_to_share(line)
    return None


def _begin_to_share(line: _Line) -> pd.DataFrame | None:
    """Switch if the line names a profile, and share the notebook's identity.

    If the config file lacks the profiles for programs, show a preview of these profiles. After the
    user confirms the preview, write the profiles and start sharing the identity. If the line
    doesn't name a profile and programs have already received credentials, return a DataFrame with a
    receipt for each program. Otherwise, return None. Raise `InvalidOption` if no profile is active.
    Raise `ConfigFileError` or `CredentialsUnavailable` if the identity can't be shared.
    """
    switcher = line.switcher
    text_with_shared(ConfigFile.read())  # if it raises an error, the notebook doesn't switch
    _change_identity(line)
    session = switcher.session
    if session is None:
        raise InvalidOption("No profile is active.", "Run `%aws_profile NAME --share`.")
    file = ConfigFile.read()
    is_confirmed = line.options.confirmed
    lines = file.change(text_with_shared(file, session.region_name), is_confirmed=is_confirmed)
    if is_confirmed or not lines:
        switcher.recipients.share()
    if lines:
        display(line.card())
        if switcher.recipients.sharing is None:
            display(tables.not_shared_card(file, lines))
        else:
            display(tables.saved_card(file, lines, is_written=is_confirmed))
        return None
    _show_card_unless_quiet(line)
    receipts = switcher.recipients.receipts
    if line.request or not receipts:
        return None
    return receipts.frame()


def _save(line: _Line) -> None:
    """Switch to a role, preview a profile for the role, and write the profile if the user confirms.

    After the profile has been written, the notebook switches to this profile. Raise any error that
    `text_with_role` or a switch raises. If an error is raised, neither the config file nor the
    active identity has changed.
    """
    switcher = line.switcher
    name = line.options.save
    is_confirmed = line.options.confirmed
    role = line.require_request(f"--role-arn ARN --save {quoted(name)}")
    file = ConfigFile.read()
    text = text_with_role(file, role, switcher.person, name)
    opened = switcher.prepare(role)  # only a profile that works is written
    lines = file.change(text, is_confirmed=is_confirmed)
    if is_confirmed:
        opened = switcher.prepare(SwitchRequest(name, variable=role.variable, confirmed=True))
    switcher.move(opened)
    display(line.card())
    display(tables.saved_card(file, lines, is_written=is_confirmed))


def _open_console(line: _Line) -> None:
    """Open the AWS console as the active identity, and show a card that names the page.

    The link to the console contains a token, so this function passes the link only to the browser.
    Raise `AwsProfileError` if no profile is active or if this machine can't open a browser, and any
    error that `console_link` or `require_service` raises.
    """
    session = line.switcher.session
    if session is None:
        raise InvalidOption("No profile is active.", "Run `%aws_profile NAME` first.")
    if line.options.console:
        require_service(line.options.console)
    require_allowed("console", CONSOLE)  # also before the hint about the picker's button
    browser = local_browser()
    if browser is None or not browser.open(console_link(session, line.options.console)):
        raise AwsProfileError(
            "The kernel's machine can't open a browser for you.",
            "In a notebook, `%aws_profile --pick` shows a picker with a *Console* button.",
        )
    page = "the AWS console"
    if line.options.console:
        page = f"`{line.options.console}` in {page}"
    display(Card(f"The browser opens {page} as {session.chain[0]}", tone=Tone.GOOD))


#: The actions by their options. Each shows what it has done, and returns the value of the cell.
_ACTIONS: Mapping[str, Callable[[_Line], pd.DataFrame | None]] = {
    "": _switch,
    "refresh": _switch,
    "login": _switch,
    "share": _share,
    "save": _save,
    "off": _off,
    "logout": _sign_out,
    "explain": _explain,
    "console": _open_console,
    "pick": _pick,
}


def active_card(
    switcher: Switcher,
    before: object = None,
    back: str = "`%aws_profile --off` brings it back",
    notes: Iterable[Leftover] = (),
) -> Card:
    """Return a card about the active identity.

    If no profile is active, the card describes the credentials that boto3 uses.

    ``before`` is the value that the session's variable had before the switch, and ``back`` says how
    this value is restored. ``notes`` contains the notes at the beginning of the card. If AWS can't
    be reached, the card shows the last known identity. Raise a subclass of `AwsProfileError` if AWS
    refuses to renew the credentials.
    """
    active = switcher.active
    if active is None:
        credentials = _credentials_without_switch()
        note = f"boto3 uses {credentials}. Run `%aws_profile NAME` to switch."
        return cards.inactive_card(note)
    problem = ""
    try:
        identity = fetch_identity(active.session)
    except EndpointUnreachable as error:
        identity = active.current_identity()
        problem = f"The session couldn't be renewed: {error} {error.hint}".strip()
    variable = active.request.variable
    first = list(notes)
    if switcher.namespace.get(variable) is not active.session:
        line = f"`%aws_profile {arguments(active.request)}`"
        variable = f"`{variable}` isn't the session anymore: {line} sets it again"
    elif not isinstance(before, boto3.Session | None):
        says = (
            f"held a value of type {type(before).__name__}: {back}, and `--as NAME` leaves it alone"
        )
        first.append(Leftover(variable, says))
    return cards.active_identity_card(
        switcher, active, identity, variable=variable, problem=problem, notes=first
    )


def _credentials_without_switch() -> str:
    """Return a description of the credentials that boto3 finds without a switch."""
    chosen = profile_of_default_session()
    if chosen:
        return f"the profile `{chosen}` of `boto3.setup_default_session`"
    variable, name = named_profile(os.environ)
    if name and name not in read_config().profiles:
        return f"{variable}={name}, but this profile doesn't exist, and calls to AWS fail"
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        return "the keys in the environment"
    if name:
        return f"{variable}={name}"
    return "its default credentials"
