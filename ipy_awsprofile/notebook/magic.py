"""The magics: parse what was typed, call the Switcher once, show the card."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display
from traitlets import Callable as CallableTrait
from traitlets import CaselessStrEnum, List, Unicode, Union

from ipy_awsprofile.bindings import BINDINGS
from ipy_awsprofile.cards import cards
from ipy_awsprofile.cards.rendering import Card
from ipy_awsprofile.config.environment import named_profile
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.credentials.mfa import code_from, device_of
from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.errors import (
    AwsProfileError,
    InvalidOption,
    MfaUnavailable,
    SwitchInterrupted,
)
from ipy_awsprofile.notebook.cell_scope import until_cell_ends
from ipy_awsprofile.notebook.prompts import ask_for_code, sign_in_at_cell
from ipy_awsprofile.switch.switcher import Switcher

if TYPE_CHECKING:
    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell


def _variable(text: str) -> str:
    if not text.isidentifier() or iskeyword(text):
        raise argparse.ArgumentTypeError(f"`{text}` can't be the name of a variable.")
    return text


def _duration(text: str) -> int:
    """Read seconds: ``3600``, ``90m``, ``1h``, ``1h30m``."""
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", text)
    if not text or not found:
        raise argparse.ArgumentTypeError(f"`{text}` is no duration; `3600`, `90m` and `1h` are.")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


@magics_class
class AwsProfileMagics(Magics):  # type: ignore[misc]
    """``%aws_profile`` and ``%aws_profiles``."""

    protected = List(
        Unicode(),
        help="Patterns, such as '*prod*', of profiles to which a switch needs --yes.",
    ).tag(config=True)
    bindings = List(
        CaselessStrEnum(BINDINGS),
        default_value=list(BINDINGS),
        help="What follows a switch.",
    ).tag(config=True)

    mfa_process = Union(
        [Unicode(), CallableTrait()],
        help="A command that prints an MFA code, or a function that returns it and gets the "
        "device's serial number. A profile's own mfa_process goes before it.",
    ).tag(config=True)

    def __init__(
        self,
        shell: InteractiveShell,
        switcher: Switcher,
        matcher: object,
        make_picker: Callable[[Switcher], object],
    ) -> None:
        super().__init__(shell=shell)
        self.switcher = switcher
        self.make_picker = make_picker
        #: The completer's matcher, kept to be taken out again.
        self.matcher = matcher
        self.observe(self._configure, ["protected", "bindings", "mfa_process"])
        self._configure()

    @magic_arguments()
    @argument("name", nargs="*", help="the profile to switch to; none: show the active identity")
    @argument("--region", metavar="R", help="AWS Region to work in, instead of the profile's")
    @argument(
        "--as",
        dest="variable",
        metavar="VAR",
        type=_variable,
        default="session",
        help="the notebook's variable for the session (default: session)",
    )
    @argument(
        "--duration",
        metavar="T",
        type=_duration,
        help="how long the role's session lasts: 3600, 90m, 1h",
    )
    @argument("--session-name", metavar="S", help="name of the role's session, as in CloudTrail")
    @argument("--external-id", metavar="ID", help="external ID that the role's trust asks for")
    @argument("--role-arn", metavar="ARN", help="a role that no profile names; needs a source")
    @argument("--source-profile", metavar="NAME", help="the profile that assumes --role-arn")
    @argument(
        "--read-only",
        action="store_true",
        help="only what AWS's managed policy ReadOnlyAccess allows, too",
    )
    @argument("--expect-account", metavar="ID", help="refuse unless STS names this account")
    @argument("--only-session", action="store_true", help="nothing follows but the variable")
    @argument("--cell", action="store_true", help="until this cell ends; so does %%%%aws_profile")
    @argument("--yes", action="store_true", help="switch even if the profile is protected")
    @argument("--refresh", action="store_true", help="get new credentials now")
    @argument("--login", action="store_true", help="sign in again (IAM Identity Center)")
    @argument("--off", action="store_true", help="undo: everything is as before the first switch")
    @argument(
        "--explain",
        action="store_true",
        help="how the profile (or the active one) resolves, from the files alone",
    )
    @argument("--pick", action="store_true", help="choose from a searchable list of the profiles")
    @line_cell_magic
    def aws_profile(self, line: str, cell: str | None = None) -> None:
        """Switch the notebook to an AWS profile, or show which identity it works as.

        The profile comes from the shared AWS config and credentials files; a refreshing
        ``boto3.Session`` is put into the variable ``session``, and boto3's default session,
        subprocesses and ``s3://`` paths follow. ``%%aws_profile NAME`` is for one cell.
        """
        if cell is not None:  # called by name; a typed cell becomes this by itself
            self.shell.run_cell(f"%aws_profile --cell {line}\n{cell}")
            return
        with self._told("The switch"):
            options = _parsed(self.aws_profile, line)
            request = _request(options)
            if options.explain:
                display(self._explanation(request or self.switcher.request))
                return
            if options.pick:
                display(self.make_picker(self.switcher))
                return
            if options.off:
                display(cards.off_card(undone=self.switcher.off()))
                return
            if options.login:
                self.switcher.login(request or self._active())
            if request and options.cell:
                until_cell_ends(self.shell, self.switcher.scope(request))
            elif request:
                self.switcher.switch(request)
            elif options.refresh or options.login:
                self.switcher.refresh()
            display(self._identity_card())

    @magic_arguments()
    @argument("pattern", nargs="*", help="words of name, account, role, region or source; or a*b")
    @argument("--into", metavar="VAR", type=_variable, help="the variable for the cell's frame")
    @argument("--workers", metavar="N", type=int, help="how many profiles at a time (default: 32)")
    @argument("--no-progress", action="store_true", help="show no progress bar")
    @argument("--yes", action="store_true", help="in protected profiles, too")
    @line_cell_magic
    def aws_profiles(self, line: str, cell: str | None = None) -> pd.DataFrame | None:
        """List the profiles of the shared AWS config and credentials files, or run a cell for each.

        ``%%aws_profiles PATTERN`` runs the cell for each profile that fits, side by side, with
        ``session`` and ``profile``; the values of its last line come into one DataFrame.
        """
        from ipy_awsprofile.config.profiles import list_profiles

        with self._told("The cell"):
            options = _parsed(self.aws_profiles, line)
            pattern = " ".join(options.pattern) or None
            if cell is None:
                _require_no_cell_options(options)
                display(cards.profile_table(list_profiles(pattern), pattern))
                return None
            frame = self._across(pattern, cell, options)
        if options.into is None:
            return frame
        self.shell.push({options.into: frame})
        return None

    def _across(self, pattern: str | None, cell: str, options: argparse.Namespace) -> pd.DataFrame:
        from ipy_awsprofile.across.across import across_profiles
        from ipy_awsprofile.notebook.cell_function import cell_function

        if pattern is None:
            raise InvalidOption(
                "For which profiles?", "Write `%%aws_profiles PATTERN`; `*` stands for all."
            )
        return across_profiles(
            pattern,
            cell_function(self.shell, cell),
            max_workers=options.workers,
            progress=not options.no_progress,
            confirmed=options.yes,
        )

    def _configure(self, _change: object = None) -> None:
        self.switcher.protected = tuple(self.protected)
        self.switcher.bindings = tuple(self.bindings)
        self.switcher.person = Person(
            mfa_prompter=ask_for_code,
            mfa_process=self._mfa_code if self.mfa_process else None,
            sign_in=sign_in_at_cell,
        )

    def _mfa_code(self, question: str) -> str:
        if isinstance(self.mfa_process, str):
            return code_from(self.mfa_process, question)
        try:
            return str(self.mfa_process(device_of(question)))
        except AwsProfileError:
            raise
        except Exception as error:
            raise MfaUnavailable(
                f"The function in `AwsProfileMagics.mfa_process` failed: {type(error).__name__}.",
                "Call it in a cell to see why: it gets the device's serial number.",
            ) from error

    def _active(self) -> SwitchRequest:
        if self.switcher.request is None:
            raise InvalidOption(
                "No profile is active, and none is named.", "Write `%aws_profile NAME --login`."
            )
        return self.switcher.request

    def _explanation(self, request: SwitchRequest | None) -> object:
        from ipy_awsprofile.cards.explanation import explanation_card
        from ipy_awsprofile.explain.explain import explain

        if request is None:
            return explanation_card(explain())
        name = request.profile or request.source_profile
        return explanation_card(explain(name, role_arn=request.role_arn, region=request.region))

    def _identity_card(self) -> Card:
        identity, request = self.switcher.identity(), self.switcher.request
        if identity is None or request is None:
            return cards.no_identity_card(_goes_by())
        holds_it = self.shell.user_ns.get(request.variable) is self.switcher.session
        return cards.identity_card(
            identity,
            variable=request.variable if holds_it else "",
            read_only=request.read_only,
            leftovers=self.switcher.leftovers(),
        )

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Show an error as a card where a front end renders one, and let it stop the cell.

        A terminal has no cards: there, IPython shows what the error says of itself.
        """
        before = self.switcher.session
        try:
            yield
        except (AwsProfileError, KeyboardInterrupt) as raised:
            if isinstance(raised, AwsProfileError):
                error = raised
            elif self.switcher.session is before:
                error = SwitchInterrupted(what)
            else:
                error = SwitchInterrupted(what, _TOO_LATE)
            if getattr(self.shell, "kernel", None) is not None:
                display(cards.error_card(error))
                error.shown = True
            if error is raised:
                raise
            raise error from None


def _goes_by() -> str:
    """Say what boto3 takes by itself, in its own order."""
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        return "the keys in the environment"
    variable, name = named_profile(os.environ)
    return f"{variable}={name}" if name else "its default credentials"


_TOO_LATE = "It was complete before that: `%aws_profile` shows who is active."


def _request(options: argparse.Namespace) -> SwitchRequest | None:
    """Read which switch is wanted, if one is; say what doesn't go together."""
    wanted = bool(options.name or options.role_arn)
    alone = options.refresh + options.off + options.pick + options.explain
    if alone > 1 or (alone and (options.login or (wanted and not options.explain))):
        raise InvalidOption(
            "A profile's name, --refresh, --off and --pick exclude one another. "
            "--login and --explain go with a name, or alone.",
            "Run `%aws_profile?` for the options.",
        )
    request = SwitchRequest(
        profile=" ".join(options.name) if options.name else None,
        role_arn=options.role_arn,
        source_profile=options.source_profile,
        region=options.region,
        variable=options.variable,
        duration=options.duration,
        session_name=options.session_name,
        external_id=options.external_id,
        read_only=options.read_only,
        expect_account=options.expect_account,
        only_session=options.only_session,
        confirmed=options.yes,
    )
    if not wanted and (options.cell or request != SwitchRequest()):
        raise InvalidOption(
            "These options belong to a switch, and no profile is named.",
            "Write `%aws_profile NAME` and the options, or `%%aws_profile NAME` for one cell.",
        )
    if options.explain and (options.cell or request != SwitchRequest(profile=request.profile)):
        raise InvalidOption(
            "--explain takes a profile's name, and no option of a switch.",
            "Write `%aws_profile --explain NAME`.",
        )
    return request if wanted else None


def _require_no_cell_options(options: argparse.Namespace) -> None:
    if options.into or options.workers or options.no_progress or options.yes:
        raise InvalidOption(
            "These options belong to a cell.", "Write `%%aws_profiles PATTERN` above the cell."
        )


def _parsed(magic: Any, line: str) -> argparse.Namespace:
    """Parse a magic's line; quotes group words, and a backslash is an ordinary character."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.escape = ""
    try:
        options: argparse.Namespace = magic.parser.parse_args(list(lexer))
        return options
    except UsageError as error:
        problem = str(error)
    except ValueError:
        problem = "A quotation mark has no partner."
    raise InvalidOption(problem, f"Run `%{magic.__name__}?` for the options.")
