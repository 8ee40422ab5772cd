"""The magics: parse the line, call the Switcher once, show the card."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from IPython.core.magic import Magics, line_cell_magic, magics_class
from IPython.core.magic_arguments import argument, argument_group, magic_arguments
from IPython.display import display
from traitlets import Callable as CallableTrait
from traitlets import CaselessStrEnum, List, Unicode, Union

from ipy_awsprofile.bindings.follow import BINDINGS
from ipy_awsprofile.cards import cards
from ipy_awsprofile.cards.rendering import Card
from ipy_awsprofile.config.environment import named_profile
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.notebook.cell_scope import UntilCellEnds
from ipy_awsprofile.notebook.error_cards import errors_as_cards
from ipy_awsprofile.notebook.options import (
    JoinedWords,
    duration,
    parse,
    require_no_cell_options,
    switch_request,
    variable_name,
)
from ipy_awsprofile.notebook.prompts import (
    ask_for_code,
    code_from_setting,
    renders_html,
    sign_in_at_cell,
)
from ipy_awsprofile.sessions.working import require_notebook
from ipy_awsprofile.switch.scope import Scope
from ipy_awsprofile.switch.switcher import Switcher

if TYPE_CHECKING:
    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell


@magics_class
class AwsProfileMagics(Magics):  # type: ignore[misc]
    """``%aws_profile`` and ``%aws_profiles``."""

    protected = List(
        Unicode(),
        help="Patterns of profile names, such as '*prod*'. A switch to such a profile requires "
        "--yes.",
    ).tag(config=True)
    bindings = List(
        CaselessStrEnum(BINDINGS),
        default_value=list(BINDINGS),
        help="What follows a switch.",
    ).tag(config=True)

    mfa_process = Union(
        [Unicode(), CallableTrait()],
        help="A command that prints an MFA code, or a function that takes the device's serial "
        "number and returns the code. A profile's own mfa_process takes precedence.",
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
        #: The completer's matcher, which unloading the extension removes.
        self.matcher = matcher
        self.observe(self._configure, ["protected", "bindings", "mfa_process"])
        self._configure()

    # The dest of an option of a switch is a field of SwitchRequest: `switch_request` relies on it.
    @magic_arguments()
    @argument(
        "profile",
        metavar="NAME",
        nargs="*",
        action=JoinedWords,
        help="the profile to switch to; without NAME, the active identity is shown",
    )
    @argument_group("options of a switch")
    @argument("--region", metavar="R", help="work in this AWS Region instead of the profile's")
    @argument(
        "--as",
        dest="variable",
        metavar="VAR",
        type=variable_name,
        help="store the session in this variable (default: session)",
    )
    @argument(
        "--duration",
        metavar="T",
        type=duration,
        help="how long the session of a role, or of --mfa, lasts: 3600, 90m, 1h",
    )
    @argument(
        "--session-name", metavar="S", help="the name of the role's session, as CloudTrail shows it"
    )
    @argument(
        "--external-id", metavar="ID", help="the external ID that the role's trust policy requires"
    )
    @argument("--role-arn", metavar="ARN", help="a role without a profile; needs --source-profile")
    @argument("--source-profile", metavar="NAME", help="the profile that assumes --role-arn")
    @argument(
        "--read-only",
        action="store_true",
        help="limit the session with the policy ReadOnlyAccess",
    )
    @argument(
        "--mfa",
        action="store_true",
        help="get a session with MFA for long-term keys, with a code of the profile's mfa_serial",
    )
    @argument("--expect-account", metavar="ID", help="fail unless STS names this account")
    @argument("--only-session", action="store_true", help="set only the variable")
    @argument(
        "--yes",
        dest="confirmed",
        action="store_true",
        help="switch even if the profile is protected",
    )
    @argument("--cell", action="store_true", help=argparse.SUPPRESS)  # see cell_magic_as_line
    @argument_group("other actions")
    @argument("--refresh", action="store_true", help="get new credentials now")
    @argument("--login", action="store_true", help="sign in again first (IAM Identity Center)")
    @argument(
        "--off",
        action="store_true",
        help="undo the switch: everything is as it was before the first switch",
    )
    @argument(
        "--explain",
        action="store_true",
        help="show how NAME, or else the active profile, resolves; uses no network",
    )
    @argument("--pick", action="store_true", help="show a searchable list of the profiles")
    @line_cell_magic
    def aws_profile(self, line: str, cell: str | None = None) -> None:
        """Switch the notebook to an AWS profile, or show the active identity.

        The profile is read from the shared AWS config and credentials files. A refreshing
        ``boto3.Session`` is stored in the variable ``session``; boto3's default session, child
        processes and ``s3://`` paths follow. ``%%aws_profile NAME`` switches for one cell only.
        """
        if cell is not None:  # called by name; what is typed was transformed already
            self.shell.run_cell(f"%aws_profile --cell {line}\n{cell}").raise_error()
            return
        require_notebook("`%aws_profile`")
        with errors_as_cards("The switch", self.switcher):
            options = parse(self.aws_profile, line)
            display(self._result_of(options, switch_request(options)))

    @magic_arguments()
    @argument(
        "pattern",
        metavar="PATTERN",
        nargs="*",
        action=JoinedWords,
        help="words to search in name, account, role, Region and source; or a pattern such as a*b",
    )
    @argument_group("options of a cell (%%aws_profiles)")
    @argument(
        "--into",
        metavar="VAR",
        type=variable_name,
        help="store the DataFrame in this variable instead of showing it",
    )
    @argument(
        "--workers",
        metavar="N",
        type=int,
        help="the number of profiles at the same time (default: 32)",
    )
    @argument("--no-progress", action="store_true", help="show no progress bar")
    @argument("--yes", action="store_true", help="include protected profiles")
    @line_cell_magic
    def aws_profiles(self, line: str, cell: str | None = None) -> pd.DataFrame | None:
        """List the AWS profiles, or run a cell for each of them.

        The profiles are read from the shared AWS config and credentials files.
        ``%%aws_profiles PATTERN`` runs the cell for each matching profile in parallel, with
        ``session`` and ``profile``, and collects the values of its last expression in one
        DataFrame.
        """
        require_notebook("`%aws_profiles`")
        with errors_as_cards("The cell", self.switcher):
            options = parse(self.aws_profiles, line)
            if cell is None:
                self._list_profiles(options)
                return None
            frame = self._across_profiles(options, cell)
        if options.into is None:
            return frame
        self.shell.push({options.into: frame})
        return None

    def _result_of(self, options: argparse.Namespace, request: SwitchRequest | None) -> object:
        """Do what the options of ``%aws_profile`` say, and return what shows the result."""
        if options.explain:
            return self._explanation(request or self.switcher.request)
        if options.pick and renders_html():
            return self.make_picker(self.switcher)
        if options.pick:
            from ipy_awsprofile.notebook.terminal_picker import picked_in_terminal

            request = picked_in_terminal(self.switcher)
        if options.off:
            return cards.off_card(undone=self.switcher.off())
        if options.login:
            self.switcher.login(request or self._active_request())
        if request and options.cell:
            scope = Scope(self.switcher, request)
            UntilCellEnds(self.shell, scope, self.switcher.cell).enter()
        elif request:
            self.switcher.switch(request)
        elif options.refresh or options.login:
            self.switcher.refresh()
        return self._identity_card()

    def _list_profiles(self, options: argparse.Namespace) -> None:
        from ipy_awsprofile.config.profiles import list_profiles

        require_no_cell_options(options)
        display(cards.profile_table(list_profiles(options.pattern), options.pattern))

    def _across_profiles(self, options: argparse.Namespace, cell: str) -> pd.DataFrame:
        from ipy_awsprofile.across.across import across_profiles
        from ipy_awsprofile.notebook.cell_function import cell_function

        if not options.pattern:
            raise InvalidOption(
                "`%%aws_profiles` needs a pattern.",
                "Write `%%aws_profiles PATTERN`; `*` matches all profiles.",
            )
        return across_profiles(
            options.pattern,
            cell_function(self.shell, cell, self.switcher),
            max_workers=options.workers,
            progress=not options.no_progress,
            confirmed=options.yes,
        )

    def _configure(self, _change: object = None) -> None:
        self.switcher.protected = tuple(self.protected)
        self.switcher.bindings = tuple(self.bindings)
        self.switcher.person = Person(
            mfa_prompter=ask_for_code,
            attempts=3,
            mfa_process=code_from_setting(self.mfa_process) if self.mfa_process else None,
            sign_in=sign_in_at_cell,
        )

    def _active_request(self) -> SwitchRequest:
        if self.switcher.request is None:
            raise InvalidOption(
                "No profile is active, and none is named.", "Run `%aws_profile NAME --login`."
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
            return cards.no_identity_card(_credentials_without_switch())
        in_variable = self.shell.user_ns.get(request.variable) is self.switcher.session
        return cards.identity_card(
            identity,
            variable=request.variable if in_variable else "",
            read_only=request.read_only,
            protected=self.switcher.is_protected(request.name),
            leftovers=self.switcher.leftovers(),
        )


def _credentials_without_switch() -> str:
    """Return in words which credentials boto3 uses by itself, in the order of its providers."""
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        return "the keys in the environment"
    variable, name = named_profile(os.environ)
    return f"{variable}={name}" if name else "its default credentials"
