"""Define the three magics and their settings.

Loading the extension imports this module. Each action imports the modules that it needs, because
importing boto3, pandas and ipywidgets takes most of a second.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import traitlets
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class
from traitlets.config import Config

from ipy_awsprofile.audit import note
from ipy_awsprofile.config.organization import SETTINGS, about_policy, setting_with_policy
from ipy_awsprofile.config.private import of_process
from ipy_awsprofile.config.request import SESSION, SessionRequest, arguments
from ipy_awsprofile.errors import AwsProfileError, InvalidOption, faults_as_errors
from ipy_awsprofile.gate import PROCESS, errors_as_lines
from ipy_awsprofile.kernel.watch import unwatch, watch
from ipy_awsprofile.notebook.cells import (
    CellBeginning,
    FirstProfile,
    code_of,
    may_run_shell,
    needs_no_switch,
    require_value,
    runs_in_cell,
)
from ipy_awsprofile.notebook.completion import complete
from ipy_awsprofile.notebook.lines import set_help, with_options
from ipy_awsprofile.notebook.options import (
    joined,
    of_aws_calls,
    of_aws_profile,
    of_aws_profiles,
    parse,
)
from ipy_awsprofile.text import listed

if TYPE_CHECKING:
    import argparse

    import pandas as pd
    from IPython.core.interactiveshell import ExecutionResult, InteractiveShell

    from ipy_awsprofile.calls.recorder import CallRecorder
    from ipy_awsprofile.notebook.notices import Notices
    from ipy_awsprofile.switch.switcher import Switcher


def _warn(text: str) -> None:
    """Show a warning below the running cell."""
    from ipy_awsprofile.notebook.prompts import warn_at_cell

    warn_at_cell(text)


def _warn_again(_info: object) -> None:
    """Forget the warnings of earlier cells so that the next cell can show the warnings again."""
    PROCESS.warned.clear()


@magics_class
class AwsProfileMagics(Magics):  # type: ignore[misc]
    """The magics ``%aws_profile``, ``%aws_profiles`` and ``%aws_calls``, with their settings."""

    protected = traitlets.List(
        traitlets.Unicode(),
        help="Require --yes for a switch to a profile that matches one of these words, such as "
        "'prod', or patterns, such as '*-prod'. A word or pattern can match the name of a profile, "
        "role or account, or an account ID.",
    ).tag(config=True)
    read_only = traitlets.List(
        traitlets.Unicode(),
        help="Open a profile that matches one of these words or patterns read-only, unless you add "
        "--write or, in Python, write=True.",
    ).tag(config=True)
    stale = traitlets.CaselessStrEnum(
        ["warn", "refuse", "allow"],
        default_value="warn",
        help="Warn about ('warn'), refuse ('refuse') or allow ('allow') calls from a client whose "
        "identity isn't active, unless your code names the client's profile. While a --read-only "
        "identity is active, these calls are always refused.",
    ).tag(config=True)
    session_name = traitlets.Unicode(
        help="Give role sessions this name, which CloudTrail shows, unless --session-name or "
        "role_session_name is set.",
    ).tag(config=True)
    record_calls = traitlets.Bool(
        help="Record AWS calls in memory for %aws_calls, without request bodies or parameter "
        "values.",
    ).tag(config=True)
    share = traitlets.Bool(
        help="Share the new identity after each switch, as --share does, unless the profile is "
        "protected.",
    ).tag(config=True)
    explain_denied = traitlets.Bool(
        default_value=True,
        help="If AWS refuses a request, show which identity signed the request and what to do.",
    ).tag(config=True)
    quiet = traitlets.Bool(help="Show a switch's card only if the card has a warning.").tag(
        config=True
    )
    prompt = traitlets.Bool(help="Show the identity in a terminal's prompt.").tag(config=True)
    profile = traitlets.Unicode(
        help="Switch to this profile before the first cell runs, unless the cell begins with a "
        "switch.",
    ).tag(config=True)

    def __init__(self, shell: InteractiveShell, make_picker: Callable[[Switcher], object]) -> None:
        self._is_ready = False
        #: The last values that were proposed for the settings, before the policy limited them.
        self._proposed: dict[str, str] = {}
        super().__init__(shell=shell)
        for name in SETTINGS:
            setattr(self, name, getattr(self, name))  # so that `%config` shows the policy
        self.make_picker = make_picker
        #: Closed when the extension is unloaded.
        self.ending = ExitStack()
        # From now on, so that the identities of clients created before the first switch are known.
        watch()
        self.ending.callback(unwatch)
        self._lock = of_process(self, name="_lock", create=threading.Lock)
        #: What the settings already follow, as returned by `_values_in_config`.
        self._followed = self._values_in_config()
        self._switcher: Switcher | None = None
        self._notices: Notices | None = None
        self._calls: CallRecorder | None = None
        #: The last error that IPython has shown.
        self._last_error: BaseException | None = None
        self._beginning = CellBeginning()
        self._beginning.functions += [_warn_again, self._follow_config_in_cell]
        before_cell = self._beginning.call_functions
        shell.events.register("pre_run_cell", before_cell)
        self.ending.callback(shell.events.unregister, "pre_run_cell", before_cell)
        self._in_prompt = self.ending.enter_context(ExitStack())
        self.observe(self._apply)
        self._apply()
        self._at_start = {"protected": self.protected, "read_only": self.read_only}
        self._is_ready = True
        set_help(self.aws_profile, about_policy())
        first = FirstProfile(self._first_line, lambda: self.switcher)
        hooks = (
            (shell.ast_transformers, first),
            (shell.ast_transformers, self._beginning),
            (shell.Completer.custom_matchers, complete),
        )
        for where, hook in hooks:
            where.append(hook)
            self.ending.callback(where.remove, hook)
        for after_cell in (self._tell_about_cell, self._explain_error):
            shell.events.register("post_run_cell", after_cell)
            self.ending.callback(shell.events.unregister, "post_run_cell", after_cell)

    @traitlets.validate(*SETTINGS)
    def _keep_policy(self, proposal: traitlets.Bunch) -> object:
        """Return the value of a setting after the organization's policy has limited it.

        If the policy changes the user's value, show a line about the change.
        """
        name = proposal.trait.name
        self._proposed[name] = repr(proposal.value)
        kept, line = setting_with_policy(name, proposal.value)
        if line and self._is_ready:
            PROCESS.warn(line)
        return kept

    @property
    def cell(self) -> str:
        """The code of the running cell, as the user has written it."""
        return self._beginning.cell

    def _first_line(self) -> str:
        """Return the line that switches to the first profile, or an empty string if none is set."""
        return arguments(SessionRequest(self.profile)) if self.profile else ""

    @property
    def switcher(self) -> Switcher:
        """The Switcher, whose settings follow the shell's configuration.

        Raise InvalidOption if code has added an invalid setting to the configuration.
        """
        self._follow_config()
        return self._create_switcher()

    def _create_switcher(self) -> Switcher:
        """Return the Switcher, and create it on first access so that the extension loads quickly.

        The Switcher gets the settings of these magics, but not later changes to the shell's
        configuration.
        """
        from ipy_awsprofile.notebook.notices import Notices
        from ipy_awsprofile.switch.switcher import Switcher

        with self._lock:
            if self._switcher is None:
                switcher = Switcher(self.shell)
                self._apply_to(switcher)
                switcher.recipients.shares = self.share
                self.ending.callback(switcher.close)
                before_cell = self._beginning.functions
                self._notices = Notices(switcher, self.shell, before_cell, self.ending)
                self._switcher = switcher
            return self._switcher

    def _values_in_config(self) -> dict[str, str]:
        """Return the representations of this class's values in the shell's configuration."""
        section = self.shell.config.get(type(self).__name__) or {}
        return {name: repr(section[name]) for name in section}

    def _follow_config_in_cell(self, _info: object) -> None:
        """Apply changes in the shell's configuration before a cell runs."""
        with suppress(InvalidOption):  # the next switch raises it
            self._follow_config()

    def _follow_config(self) -> None:
        """Apply the settings that code has changed in the shell's configuration.

        IPython itself ignores changes that code makes, so a new limit wouldn't otherwise take
        effect. Raise InvalidOption if a changed setting is invalid.
        """
        values = self._values_in_config()
        former = self._followed
        # `%config` changes the shell's configuration, too, and has already proposed the value.
        known = {name: {former.get(name), self._proposed.get(name)} for name in values}
        changed = [name for name, value in values.items() if value not in known[name]]
        self._followed = values
        section = type(self).__name__
        try:
            for setting in changed:
                value = self.shell.config[section][setting]
                self.update_config(Config({section: {setting: value}}))
        except traitlets.TraitError as error:
            self._followed = former
            raise InvalidOption(
                f"`get_ipython().config.{section}` is invalid: {error}",
                f"Correct the setting. `%config {section}` shows the types of the settings.",
            ) from error

    def _tell_about_cell(self, result: ExecutionResult) -> None:
        """Show lines about settings that IPython has ignored, and about what a shell can't do."""
        cell = code_of(result)
        if "%config" in cell:
            from ipy_awsprofile.notebook.notices import line_about_config

            line = line_about_config(cell, self.trait_names(config=True))
            if line:
                PROCESS.warn(line)
        if may_run_shell(cell):
            from ipy_awsprofile.notebook.shell_code import lines_about_shell

            for line in lines_about_shell(cell):
                PROCESS.warn(line)

    def _explain_error(self, result: ExecutionResult) -> None:
        """Explain an error that AWS, an expired session or a mistake in the code has caused."""
        cell = code_of(result)
        error = result.error_in_exec or result.error_before_exec
        last = getattr(sys, "last_value", None)
        if error is None and last is not self._last_error and "%run" in cell:
            error = last  # IPython shows the error of the program, and the cell goes on
        self._last_error = last
        if isinstance(error, Exception):
            line = self._line_about_code(error, cell)
            if line:
                PROCESS.warn(line)
            else:
                self._explain_refusals(error)
        PROCESS.end_cell()

    def _line_about_code(self, error: Exception, cell: str) -> str:
        """Return a line about the mistake in a cell's code that caused an error, or ""."""
        from ipy_awsprofile.notebook.python_errors import line_about_outside, line_about_python

        if isinstance(error, NameError):
            outside = line_about_outside(error, cell, self.shell.user_ns)
            if outside is not None:
                return outside
        if isinstance(error, NameError) and error.name == SESSION:
            from ipy_awsprofile.notebook.notices import line_about_session

            return line_about_session(self._create_switcher(), cell)
        return line_about_python(error, cell, self.shell.user_ns, self._switcher)

    def _explain_refusals(self, error: Exception) -> None:
        """Explain an error that AWS or an expired session has caused."""
        from ipy_awsprofile.notebook.refused import refusals_in

        refusals = refusals_in(error) if self.explain_denied else []
        if refusals or self._switcher:
            from ipy_awsprofile.notebook.explaining import explain_error

            switcher = self._create_switcher()
            explain_error(error, refusals, switcher, is_recording=self.record_calls)

    @property
    def calls(self) -> CallRecorder:
        """The recorder of AWS calls. The recorder is created on first access."""
        from ipy_awsprofile.calls.recorder import CallRecorder

        with self._lock:
            if self._calls is None:
                # Since IPython 9, the shell's execution count already belongs to the next cell.
                hook = self.shell.displayhook
                self._calls = CallRecorder(lambda: hook.prompt_count)
                self.ending.callback(self._calls.stop)
            return self._calls

    @with_options(of_aws_profile)
    @line_cell_magic
    def aws_profile(self, options: argparse.Namespace, cell: str | None = None) -> object:
        """Switch the notebook to an AWS profile, or show the active identity.

        The switch sets the variable ``session`` to a ``boto3.Session`` that renews its credentials.
        boto3's default session, child processes and ``s3://`` paths also use the profile.
        ``%%aws_profile NAME`` switches the identity for a single cell.
        """
        from ipy_awsprofile.notebook.commands import run_aws_profile, run_aws_profile_cell

        switcher = self.switcher
        if cell is not None:
            return run_aws_profile_cell(options, cell, self.shell, switcher)
        if options == parse(self.aws_profile.parser, ""):
            require_value(self._beginning.cell)
        try:
            return run_aws_profile(options, switcher, self.make_picker)
        except AwsProfileError as error:
            if joined(options.profile) == self.profile and not switcher.has_switched:
                error.hint += (
                    " Until you switch, each cell begins with the line "
                    f"`%aws_profile {self._first_line()}`. "
                    "To work without a profile, run `%aws_profile --off`."
                )
            raise

    @with_options(of_aws_profiles)
    @line_cell_magic
    def aws_profiles(
        self, options: argparse.Namespace, cell: str | None = None
    ) -> pd.DataFrame | None:
        """List the AWS profiles, or run a cell for each matching profile.

        ``%%aws_profiles PATTERN`` runs the cell for all matching profiles in parallel, with the
        variables ``session`` and ``profile``. The magic returns the values of the cell's last
        expression as one DataFrame.
        """
        from ipy_awsprofile.notebook.profiles import run_aws_profiles

        return run_aws_profiles(options, cell, self.shell, self.switcher)

    @with_options(of_aws_calls)
    @line_magic
    def aws_calls(self, options: argparse.Namespace) -> pd.DataFrame | None:
        """Return the recorded AWS calls as a DataFrame.

        ``%aws_calls on`` records calls by boto3, aiobotocore and libraries based on them.
        """
        from ipy_awsprofile.notebook.calls import run_aws_calls

        with faults_as_errors():
            set_recording = partial(self.set_trait, "record_calls")
            return run_aws_calls(options, self.calls, self.switcher, set_recording)

    def require_closable(self) -> None:
        """Raise `AwsProfileError` if another thread or task is using the active identity."""
        if self._switcher:
            self._switcher.require_changeable()

    def close(self) -> None:
        """Undo the switch, warn the user, and prevent further switches."""
        request = self._switcher.request if self._switcher else None
        warn = PROCESS.warn
        self.ending.close()
        if request:
            line = arguments(replace(request, confirmed=False))
            warn(
                f"Unloading the extension ended the switch to `{request.name}`. When the extension "
                f"is loaded again, `%aws_profile {line}` switches again."
            )

    def _apply(self, change: traitlets.Bunch | None = None) -> None:
        """Apply the settings.

        When the user changes a setting, traitlets calls this method with the ``change``.
        """
        PROCESS.configure(self.stale, _warn)
        PROCESS.read_only = tuple(self.read_only)  # for `open_session`
        if change:
            with errors_as_lines():
                note("setting", detail=f"{change.name}: {change.old!r} becomes {change.new!r}")
        self.aws_profile.parser.set_defaults(quiet=self.quiet)
        if self.record_calls:
            self.calls.start()
        elif self._calls:
            self._calls.stop()
        self._in_prompt.close()
        if self.prompt and hasattr(self.shell, "prompts"):  # in a terminal
            from ipy_awsprofile.notebook.notices import show_in_prompt

            self._in_prompt.callback(show_in_prompt(self.shell, self._create_switcher()))
        if self._switcher:
            self._apply_to(self._switcher)
            if change and change.name == "share":  # otherwise, `--share off` takes precedence
                self._apply_share(self._switcher)
        if change and change.name in ("protected", "read_only"):
            self._tell_about_patterns(change)
            self._tell_about_replaced(change)
        if change and change.name == "session_name" and self._notices:
            self._notices.tell_about_session_name()
        if change and change.name == "profile" and self.profile:
            self._tell_about_profile()

    def _apply_share(self, switcher: Switcher) -> None:
        """Apply the setting ``share``.

        If the setting is false, stop sharing, as ``--share off`` does.
        """
        recipients = switcher.recipients
        recipients.shares = self.share
        if recipients.sharing and not self.share:
            recipients.end()
            PROCESS.warn("The notebook's identity isn't shared anymore.")

    def _tell_about_profile(self) -> None:
        """After the user has set the first profile, show a line that says when it takes effect."""
        from ipy_awsprofile.notebook.notices import line_about_profile

        is_late = needs_no_switch(self._create_switcher())
        PROCESS.warn(line_about_profile(self.profile, is_late=is_late))

    def _tell_about_patterns(self, change: traitlets.Bunch) -> None:
        """After the user sets patterns, show lines about patterns that don't have an effect yet."""
        switcher = self._create_switcher()  # with its notices
        if self._notices:
            patterns = getattr(switcher.protection, change.name)
            self._notices.tell_about_patterns(change.name, patterns)
            if change.name == "read_only":
                self._notices.tell_about_writing()

    def _tell_about_replaced(self, change: traitlets.Bunch) -> None:
        """Show a line if new patterns replace patterns of a configuration file."""
        new = change.new
        gone = [pattern for pattern in self._at_start[change.name] if pattern not in new]
        if gone and new and not set(new) <= set(self._at_start[change.name]):
            setting = f"AwsProfileMagics.{change.name}"
            PROCESS.warn(
                f"`{setting}` doesn't contain {listed(gone)} of the configuration file anymore. To "
                f"add the new patterns, run `%config {setting} = {[*gone, *new]!r}`."
            )

    def _apply_to(self, switcher: Switcher) -> None:
        from ipy_awsprofile.notebook.prompts import person_at_cell

        switcher.protection.protected = tuple(self.protected)
        switcher.protection.read_only = tuple(self.read_only)
        switcher.session_name = self.session_name or None
        switcher.person = person_at_cell()


@contextmanager
def tells_about_settings(shell: InteractiveShell) -> Iterator[None]:
    """If a setting in IPython's configuration file is invalid, show a line above each cell.

    IPython shows the error itself only in the log of the kernel. The line appears until the
    extension is loaded.
    """
    try:
        yield
    except traitlets.TraitError as error:
        if not runs_in_cell():  # a cell shows the error
            text = (
                "ipy_awsprofile isn't loaded, so its limits don't apply, because a setting in "
                f"IPython's configuration file is invalid: {error} Correct the setting, and "
                "restart the kernel."
            )
            shell.events.register("pre_run_cell", partial(_tell_until_loaded, shell, text))
        raise


def _tell_until_loaded(shell: InteractiveShell, text: str, _info: object) -> None:
    if __package__.partition(".")[0] not in shell.extension_manager.loaded:
        _warn(text)
