"""The magics: parse the line, call the Switcher once, show the card."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_cell_magic, magics_class
from IPython.display import display
from traitlets import Callable as CallableTrait
from traitlets import CaselessStrEnum, List, Unicode, Union

from ipy_awsprofile.bindings.names import BINDINGS
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.notebook.arguments import aws_profile_arguments, aws_profiles_arguments
from ipy_awsprofile.notebook.cell_scope import UntilCellEnds
from ipy_awsprofile.notebook.interruption import interruption_as_error
from ipy_awsprofile.notebook.options import parse, show_help, switch_request
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

    from ipy_awsprofile.notebook.first_profile import FirstProfile


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

    session_name = Unicode(
        help="The name of all sessions of roles, as CloudTrail shows it, where neither "
        "--session-name nor the profile's role_session_name says another.",
    ).tag(config=True)
    mfa_process = Union(
        [Unicode(), CallableTrait()],
        help="A command that prints an MFA code, or a function that takes the device's serial "
        "number and returns the code. A profile's own mfa_process takes precedence.",
    ).tag(config=True)

    profile = Unicode(
        help="The profile that the first cell switches to, unless it switches to another one.",
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
        self.observe(self._configure, ["protected", "bindings", "session_name", "mfa_process"])
        self._configure()
        self._first: FirstProfile | None = None
        self.observe(self._name_first, ["profile"])
        self._name_first()

    @aws_profile_arguments
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
        with interruption_as_error("The switch", self.switcher):
            options = parse(self.aws_profile, line)
            if options.help:
                show_help(self.aws_profile, in_cell=options.cell)
            else:
                display(self._result_of(options, switch_request(options)))

    @aws_profiles_arguments
    @line_cell_magic
    def aws_profiles(self, line: str, cell: str | None = None) -> pd.DataFrame | None:
        """List the AWS profiles, or run a cell for each of them.

        The profiles are read from the shared AWS config and credentials files.
        ``%%aws_profiles PATTERN`` runs the cell for each matching profile in parallel, with
        ``session`` and ``profile``, and collects the values of its last expression in one
        DataFrame.
        """
        # Loading the extension imports only what parses a line.
        from ipy_awsprofile.notebook.many_profiles import frame_of_cell, profile_list

        require_notebook("`%aws_profiles`")
        with interruption_as_error("The cell", self.switcher):
            options = parse(self.aws_profiles, line)
            if options.help:
                show_help(self.aws_profiles, in_cell=cell is not None)
                return None
            if cell is None:
                display(profile_list(options, self.switcher))
                return None
            frame = frame_of_cell(options, cell, self.shell, self.switcher)
        if options.into is None:
            return frame
        self.shell.push({options.into: frame})
        return None

    def _result_of(self, options: argparse.Namespace, request: SwitchRequest | None) -> object:
        """Do what the options of ``%aws_profile`` say, and return what shows the result."""
        from ipy_awsprofile.notebook.active_identity import (
            active_identity_card,
            request_in_variable,
        )

        if options.explain:
            return self._explanation(request or self.switcher.request)
        if options.pick and renders_html():
            return self.make_picker(self.switcher)
        if options.pick:
            from ipy_awsprofile.notebook.terminal_picker import picked_in_terminal

            request = picked_in_terminal(self.switcher)
        if options.console is not None:
            from ipy_awsprofile.notebook.console import opened_console

            return opened_console(self.switcher, options.console)
        if options.off:
            from ipy_awsprofile.cards import cards

            self._drop_first()
            return cards.off_card(undone=self.switcher.off())
        person = self.switcher.person
        if options.device_code:
            person = replace(person, sign_in=partial(sign_in_at_cell, device_code=True))
        if options.login:
            self.switcher.login(request or self._active_request(), person=person)
            if request == SwitchRequest(sso=options.sso):
                # A sign-in alone: nothing is switched.
                return active_identity_card(self.shell, self.switcher)
        if options.save:
            from ipy_awsprofile.switch.saving import saved

            request = saved(self.switcher, request or self._active_request(), options.save)
        if request and options.cell:
            scope = Scope(self.switcher, request)
            UntilCellEnds(self.shell, scope, self.switcher.cell).enter()
        elif request:
            before = request_in_variable(self.shell, self.switcher)
            self.switcher.switch(request, person=person)
            return active_identity_card(self.shell, self.switcher, before)
        elif options.refresh or options.login:
            self.switcher.refresh(person=person)
        return active_identity_card(self.shell, self.switcher)

    def close(self) -> None:
        """Undo the switch, and never switch again."""
        self._drop_first()
        self.switcher.close()

    def _name_first(self, _change: object = None) -> None:
        self._drop_first()
        if self.profile:
            from ipy_awsprofile.notebook.first_profile import FirstProfile

            self._first = FirstProfile(self.shell, self.switcher, self.profile)

    def _drop_first(self) -> None:
        if self._first:
            self._first.drop()

    def _configure(self, _change: object = None) -> None:
        self.switcher.protected = tuple(self.protected)
        self.switcher.bindings = tuple(self.bindings)
        self.switcher.session_name = self.session_name or None
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
        from ipy_awsprofile.explain.settings_table import OPTIONS

        if request is None:
            return explanation_card(explain())
        name = request.profile or request.source_profile
        more: dict[str, Any] = {"role_arn": request.role_arn, "region": request.region}
        session = self.switcher.session
        if request is self.switcher.request and session and request.profile:
            settings = session.target.settings
            more["options"] = {name: settings[name] for name in OPTIONS if name in settings}
            more["variant"] = session.target.cache_variant
        return explanation_card(explain(name, **more))
