"""The magics, with their options and settings. Loading the extension imports only this module.

`commands` implements them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class
from traitlets import Callable as CallableTrait

from ipy_awsprofile.kernel.gate import GATE, watched_signatures
from ipy_awsprofile.notebook.arguments import (
    aws_calls_arguments,
    aws_profile_arguments,
    aws_profiles_arguments,
)
from ipy_awsprofile.notebook.config_traits import Bool, CaselessStrEnum, List, Unicode, Union

if TYPE_CHECKING:
    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell

    from ipy_awsprofile.calls.recorder import CallRecorder
    from ipy_awsprofile.notebook.first_profile import FirstProfile
    from ipy_awsprofile.notebook.identity_line import IdentityLine
    from ipy_awsprofile.switch.switcher import Switcher


@magics_class
class AwsProfileMagics(Magics):  # type: ignore[misc]
    """``%aws_profile``, ``%aws_profiles`` and ``%aws_calls``."""

    protected = List(
        Unicode(),
        help="Patterns such as '*prod*' that match a profile's name, account ID or account name. "
        "A switch to a matching profile requires --yes.",
    ).tag(config=True, allowed="a list of patterns", example="['*prod*']")
    read_only = List(
        Unicode(),
        help="Patterns of profiles that open read-only unless you add --write.",
    ).tag(config=True, allowed="a list of patterns", example="['*prod*']")
    stale = CaselessStrEnum(
        ["warn", "refuse", "allow"],
        default_value="warn",
        help="What happens when a client created before a switch is used: a warning, an error, or "
        "nothing. While a --read-only identity is active, it is always an error.",
    ).tag(config=True, allowed="'warn', 'refuse' or 'allow'", example="'refuse'")
    session_name = Unicode(
        help="The name of role sessions, as CloudTrail shows it, if neither --session-name nor the "
        "profile's role_session_name is set.",
    ).tag(config=True, allowed="a text", example="'ann'")
    mfa_process = Union(
        [Unicode(), CallableTrait()],
        help="A command that prints an MFA code, or a function that takes the device's serial "
        "number and returns the code. A profile's own mfa_process takes precedence.",
    ).tag(config=True, allowed="a command or a function", example="'ykman oath accounts code -s A'")

    record_calls = Bool(
        help="Record AWS calls for %aws_calls in memory, without bodies and parameter values.",
    ).tag(config=True, allowed="True or False", example="True")

    prompt = Bool(
        help="Show the identity in front ends without the toolbar: in the prompt of a terminal, or "
        "below each cell that changed the identity or used a protected profile.",
    ).tag(config=True, allowed="True or False", example="True")
    profile = Unicode(
        help="The profile that the first cell switches to, unless the cell begins with another "
        "switch.",
    ).tag(config=True, allowed="the name of a profile", example="'NAME'")

    def __init__(
        self,
        shell: InteractiveShell,
        matcher: object,
        make_picker: Callable[[Switcher], object],
    ) -> None:
        super().__init__(shell=shell)
        self.make_picker = make_picker
        #: The completer's matcher, which unloading the extension removes.
        self.matcher = matcher
        #: Closed when the extension is unloaded.
        self.ending = ExitStack()
        # From now on, so that the identities of clients created before the first switch are known.
        self.ending.enter_context(watched_signatures())
        self._lock = threading.Lock()
        self._switcher: Switcher | None = None
        settings = ["protected", "read_only", "stale", "session_name", "mfa_process"]
        self.observe(self._configure, settings)
        self._calls: CallRecorder | None = None
        self.observe(self._record, ["record_calls"])
        self._record()
        self._line: IdentityLine | None = None
        self._in_sight = self.ending.enter_context(ExitStack())
        self.observe(self._show_identity, ["prompt"])
        self._show_identity()
        self._first: FirstProfile | None = None
        self.observe(self._name_first, ["profile"])
        self._name_first()

    @property
    def switcher(self) -> Switcher:
        """The Switcher, created on first access to keep loading fast."""
        from ipy_awsprofile.switch.switcher import Switcher

        with self._lock:
            if self._switcher is None:
                switcher = Switcher(self.shell)
                self._apply_to(switcher)
                self.ending.callback(switcher.close)
                self._switcher = switcher
            return self._switcher

    @property
    def calls(self) -> CallRecorder:
        """The recorder of calls, created on first access."""
        from ipy_awsprofile.calls.recorder import CallRecorder

        with self._lock:
            if self._calls is None:
                # Since IPython 9, the shell's execution count already belongs to the next cell.
                hook = self.shell.displayhook
                self._calls = CallRecorder(lambda: hook.prompt_count)
                self.ending.callback(self._calls.stop)
            return self._calls

    @aws_profile_arguments
    @line_cell_magic
    def aws_profile(self, line: str, cell: str | None = None) -> None:
        """Switch the notebook to an AWS profile, or show the active identity.

        The profile is read from the shared AWS config and credentials files. A refreshing
        ``boto3.Session`` is stored in the variable ``session``; boto3's default session, child
        processes and ``s3://`` paths follow. ``%%aws_profile NAME`` switches for one cell only.
        """
        from ipy_awsprofile.notebook.commands import run_aws_profile

        run_aws_profile(self, line, cell)

    @aws_profiles_arguments
    @line_cell_magic
    def aws_profiles(self, line: str, cell: str | None = None) -> pd.DataFrame | None:
        """List the AWS profiles, or run a cell for each of them.

        The profiles are read from the shared AWS config and credentials files.
        ``%%aws_profiles PATTERN`` runs the cell for each matching profile in parallel, with
        ``session`` and ``profile``, and collects the values of its last expression in one
        DataFrame.
        """
        from ipy_awsprofile.notebook.commands import run_aws_profiles

        return run_aws_profiles(self, line, cell)

    @aws_calls_arguments
    @line_magic
    def aws_calls(self, line: str) -> pd.DataFrame | None:
        """Return the recorded AWS calls as a DataFrame.

        ``%aws_calls on`` records calls of boto3, aiobotocore and the libraries that use them.
        ``--denied`` returns the calls that AWS denied, and ``--policy`` drafts the smallest policy.
        """
        from ipy_awsprofile.notebook.calls import run_aws_calls

        return run_aws_calls(self, line)

    def require_closable(self) -> None:
        """Raise AwsProfileError while another thread or task relies on the active identity."""
        if self._switcher:
            self._switcher.require_changeable()

    def close(self) -> None:
        """Undo the switch with a warning, and don't switch again."""
        self.drop_first()
        session = self._switcher.session if self._switcher else None
        self.ending.close()
        if session:
            from ipy_awsprofile.credentials.translation import typed
            from ipy_awsprofile.notebook.prompts import warn_at_cell

            command = f"%aws_profile {typed(session.target.names)}"
            warn_at_cell(
                f"Unloading the extension ended the switch to `{session.chain[0]}`. To switch "
                f"again after it is loaded, run `{command}`."
            )

    def _name_first(self, _change: object = None) -> None:
        self.drop_first()
        if self.profile:
            from ipy_awsprofile.notebook.first_profile import FirstProfile

            arguments = (self.shell, self.switcher, self.profile)
            self._first = FirstProfile(*arguments, self.identity_shown)

    def _show_identity(self, _change: object = None) -> None:
        self._in_sight.close()
        self._line = None
        if not self.prompt:
            return
        if hasattr(self.shell, "prompts"):  # in a terminal
            from ipy_awsprofile.notebook.terminal_prompt import add_profile_to_prompt

            self._in_sight.callback(add_profile_to_prompt(self.shell, self.switcher))
        else:
            from ipy_awsprofile.notebook.identity_line import IdentityLine

            self._line = IdentityLine(self.shell, self.switcher)
            self._in_sight.callback(self._line.end)

    def identity_shown(self) -> None:
        """Show no identity line after this cell, because the cell shows the identity's card."""
        if self._line:
            self._line.shown()

    def _record(self, _change: object = None) -> None:
        if self.record_calls:
            self.calls.start()
        elif self._calls:
            self._calls.stop()

    def drop_first(self) -> None:
        """Cancel the switch to the first profile."""
        if self._first:
            self._first.drop()

    def _configure(self, _change: object = None) -> None:
        if self._switcher:
            self._apply_to(self._switcher)

    def _apply_to(self, switcher: Switcher) -> None:
        from ipy_awsprofile.notebook.prompts import person_at_cell, warn_at_cell

        switcher.protection.protected = tuple(self.protected)
        switcher.protection.read_only = tuple(self.read_only)
        GATE.stale, GATE.warn = self.stale, warn_at_cell
        switcher.session_name = self.session_name or None
        switcher.person = person_at_cell(self.mfa_process)
