"""Show notices about the active identity below cells, and the identity in a terminal's prompt.

https://ipython.readthedocs.io/en/stable/config/callbacks.html
https://ipython.readthedocs.io/en/stable/config/details.html#custom-prompts
"""

from __future__ import annotations

import ast
import re
import sys
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ipy_awsprofile.config.files import Config, Section, read_config
from ipy_awsprofile.config.organization import VARIABLE, has_variable_of_notebook
from ipy_awsprofile.config.request import (
    SESSION,
    SessionRequest,
    SwitchRequest,
    arguments,
    options_of,
)
from ipy_awsprofile.config.settings import KEYS, known_settings
from ipy_awsprofile.config.sign_ins import find_profile_or_role
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.errors import AwsProfileError, IdentityChanged
from ipy_awsprofile.gate import PROCESS, Unlimited
from ipy_awsprofile.kernel.leftovers import label_in
from ipy_awsprofile.kernel.places import show_endpoint_again
from ipy_awsprofile.label import Label, is_read_only
from ipy_awsprofile.notebook.cells import code_of
from ipy_awsprofile.notebook.options import ProfileActions
from ipy_awsprofile.notebook.passed_sessions import code_of_block
from ipy_awsprofile.notebook.polars_in_code import PolarsCall, calls_of_polars
from ipy_awsprofile.notebook.prompts import begin_cell, begin_interrupts, end_interrupts
from ipy_awsprofile.notebook.shell_code import line_about_commands
from ipy_awsprofile.sessions.issuing import try_to_renew
from ipy_awsprofile.sessions.protection import problem_of_pattern
from ipy_awsprofile.sessions.session import ProfileSession
from ipy_awsprofile.switch.named_profiles import request_with_limit, uses_active_instead
from ipy_awsprofile.switch.opening import is_protected
from ipy_awsprofile.switch.writing import writes
from ipy_awsprofile.text import letters_of, misspelled, one_line, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import ExitStack

    from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell

    from ipy_awsprofile.config.request import Origin
    from ipy_awsprofile.config.target import Target
    from ipy_awsprofile.switch.stack import OpenProfile
    from ipy_awsprofile.switch.switcher import Switcher


#: The result of a switch in a variable.
_ASSIGNED = re.compile(
    r"(?m)^([A-Za-z_]\w*)[ \t]*=[ \t]*%aws_profile[ \t]"
    rf"(?!.*--(?:{'|'.join(options_of(ProfileActions).keys() - {'login', 'refresh'})})\b)"
)


#: A cell that lists profiles in its first line, with the pattern and the code below.
_LISTING = re.compile(r"\s*%aws_profiles[ \t]+(\S[^\n]*)\n(.*)", re.DOTALL)

#: Code that calls AWS as the active identity.
_CALLS = re.compile(r"\bsession\b|\bboto3\.(?:client|resource)\(")

#: A call in place of the function that `across_profiles` calls, with the arguments before it.
_CALL_IN_RUN = re.compile(r"\bacross_profiles\(([^()\n]+),\s*(\w+)\(\s*session\s*\)")

#: A cell that ends with a call of `open_session` whose result isn't assigned.
_OPENED = re.compile(r"(?m)^(?:\w+\.)?open_session\([^\n]*\)\s*\Z")

#: A line that sets a configurable, with its class, setting and value.
_CONFIG = re.compile(r"(?m)^[ \t]*%config[ \t]+(\w+)\.(\w+)[ \t]*=(.*)$")

#: The class of our settings, and how similar a misspelled one must be.
_CLASS = "AwsProfileMagics"
_LIKE_CLASS = 0.7


class Notices:
    """Shows each notice once, before or after a cell.

    The notices stop when ``ending`` is closed. ``before_cell`` is the list of functions that run
    before each cell.
    """

    def __init__(
        self,
        switcher: Switcher,
        shell: InteractiveShell,
        before_cell: list[Callable[[ExecutionInfo], object]],
        ending: ExitStack,
    ) -> None:
        self._switcher = switcher
        self._told_places: set[tuple[int, str]] = set()
        self._told_variable = (0, 0)
        self._has_told_about_policy = False
        self._told_settings: list[Section] = []
        self._checked_patterns: set[str] = set()
        before_cell += [begin_cell, begin_interrupts, self._tell_about_files]
        after_cell = (
            end_interrupts,
            self._tell_about_places,
            self._tell_about_block,
            self._tell_about_variable,
            self._tell_about_unlimited,
            self._tell_about_polars,
            self._tell_about_commands,
            self._tell_about_opened,
            self._tell_about_listing,
            self._tell_about_assignment,
            self._tell_about_configured_patterns,
            self._tell_about_policy,
        )
        for hook in after_cell:
            shell.events.register("post_run_cell", hook)
            ending.callback(shell.events.unregister, "post_run_cell", hook)

    def _tell_about_places(self, _result: object) -> None:
        """Show a line if the cell has changed a setting that the last switch set.

        If a later cell changes the setting again, its line has another step.
        """
        told: set[tuple[int, str]] = set()
        for changed in self._switcher.changed():
            line = str(changed)
            key = self._switcher.completed, line
            told.add(key)
            if key not in self._told_places:
                PROCESS.warn(line)
        self._told_places = told

    def _tell_about_block(self, _result: object) -> None:
        """Show a line if a block is still open after the cell, such as a block in a thread."""
        block = self._switcher.block
        if block is None or block.is_told or block.opened is None:
            return
        block.is_told = True
        hint = "To end the block and the notebook's switch, run `%aws_profile --off`."
        if block.is_beside:
            hint = "In threads and tasks, use `open_session(NAME)`."
        PROCESS.warn(
            "A block of `using_profile` is still open, so the next cells also use "
            f"`{block.opened.label.name}`. {hint}"
        )

    def _tell_about_variable(self, _result: object) -> None:
        """Show a line if the cell has put another session into the session's variable."""
        active = self._switcher.active
        if active is None:
            return
        name = active.request.variable
        value = self._switcher.namespace.get(name)
        key = self._switcher.completed, id(value)
        if key == self._told_variable or value is active.session:
            return
        label = label_in(value)
        if label and label.name != active.label.name:
            self._told_variable = key
            PROCESS.warn(
                f"`{name}` is now a session of `{label.name}`, although `{active.label.name}` is "
                f"active. `%aws_profile {arguments(active.request)}` sets `{name}` again."
            )

    def _tell_about_unlimited(self, _result: object) -> None:
        """Show a line if code in a read-only notebook wrote as a profile that the code names."""
        unlimited = list(PROCESS.unlimited)
        PROCESS.unlimited.clear()
        active = self._switcher.active
        notebook = active.label if active else None
        for each in unlimited:
            origin = each.label.origin
            is_meant = origin and origin.request.write
            beside = each.beside or notebook
            if beside and writes(each.operation, "") and not is_meant:
                PROCESS.warn(_line_about_unlimited(each, beside))
                return

    def _tell_about_polars(self, result: ExecutionResult) -> None:
        """Show a line if polars ignored a profile that the code names, or wasn't limited."""
        active = self._switcher.active
        if active is None or "polars" not in sys.modules:
            return
        from ipy_awsprofile.followers.polars import ignores_profiles  # only polars' users need it

        namespace = self._switcher.namespace
        for call in calls_of_polars(code_of(result), namespace):
            line = ""
            with suppress(AwsProfileError):  # the user is still editing the config files
                if call.option and ignores_profiles():
                    line = _line_about_ignored(call, active.label, namespace)
                elif call.writes and result.success and not uses_active_instead(call.profile):
                    line = _line_about_polars(call, active.label)
            if line:
                PROCESS.warn(line)
                return

    def _tell_about_commands(self, result: ExecutionResult) -> None:
        """Show a line if a command names a profile that it doesn't use, or that isn't limited."""
        active = self._switcher.active
        line = line_about_commands(code_of(result), active.label) if active else ""
        if line:
            PROCESS.warn(line)

    def _tell_about_opened(self, result: ExecutionResult) -> None:
        """Show a line if the cell has opened a session without using or keeping it."""
        active = self._switcher.active
        if active is None or not _OPENED.search(code_of(result)):
            return
        opened = result.result
        if isinstance(opened, ProfileSession) and opened is not active.session:
            PROCESS.warn(
                f"`open_session` doesn't switch the notebook, so `{active.label.name}` is still "
                f"active. To switch, run `%aws_profile {arguments(opened.target.request)}`."
            )

    def _tell_about_listing(self, result: ExecutionResult) -> None:
        """Show a line if the cell lists profiles and calls AWS only as the active identity."""
        line = line_about_listing(code_of(result))
        active = self._switcher.active
        if line and active and result.success:
            PROCESS.warn(f"The code ran only as `{active.label.name}`. {line}")

    def _tell_about_assignment(self, result: ExecutionResult) -> None:
        """Show a line if the cell has assigned the result of ``%aws_profile``, which is None."""
        active = self._switcher.active
        assigned = _ASSIGNED.search(code_of(result))
        if active is None or assigned is None:
            return
        name = assigned[1]
        if name not in self._switcher.namespace or self._switcher.namespace[name] is not None:
            return
        line = arguments(replace(active.request, variable=name))
        PROCESS.warn(
            f"`{name}` is None because `%aws_profile` sets a variable instead of returning the "
            f"session. Run `%aws_profile {line}`, without `{name} =`."
        )

    def _tell_about_files(self, info: ExecutionInfo) -> None:
        """Show a line if the active profile has changed in the config files."""
        active = self._switcher.active
        show_endpoint_again()
        if active is None or "aws_profile" in info.raw_cell:  # perhaps the user is switching
            return
        target = active.session.target
        try:
            config = read_config(target.config.paths)  # parsed only if the files have changed
        except AwsProfileError:  # the user is still editing them
            return
        has_copy = self._switcher.copy_config_again()
        before = _settings_of(target, target.config)
        settings = _settings_of(target, config)
        if settings in (before, self._told_settings):
            return
        self._told_settings = settings
        if _without_keys(settings) == _without_keys(before):
            self._tell_about_keys(active)
            return
        says = "has changed in the config files"
        children = ", and child processes already use the new settings"
        hint = f"Run `%aws_profile {arguments(active.request)}`."
        if target.name in target.config.profiles.keys() - config.profiles.keys():
            says = "was removed from the config files"
            children = ", so child processes and `boto3.Session()` can't find it"
            hint = "If you have renamed the profile, run `%aws_profile NAME`."
        if has_copy:
            children = ""
        PROCESS.warn(f"`{target.name}` {says}{children}. {hint}")

    def _tell_about_policy(self, _result: object) -> None:
        """Show a line once if the variable for the organization's policy has no effect."""
        if not self._has_told_about_policy and has_variable_of_notebook():
            self._has_told_about_policy = True
            PROCESS.warn(
                f"`{VARIABLE}` was set in the notebook, so it has no effect. Set the variable "
                "before the kernel starts."
            )

    def _tell_about_configured_patterns(self, _result: object) -> None:
        """After the first switch, show a line for each configured pattern that has no match."""
        if not self._switcher.completed:
            return
        protection = self._switcher.protection
        self.tell_about_patterns("protected", protection.protected, typos_only=True)
        self.tell_about_patterns("read_only", protection.read_only, typos_only=True)

    def tell_about_patterns(
        self, setting: str, patterns: Iterable[str], *, typos_only: bool = False
    ) -> None:
        """For each new pattern in a setting, show a line if the pattern matches no profile."""
        for pattern in patterns:
            if pattern in self._checked_patterns:
                continue
            self._checked_patterns.add(pattern)
            problem = ""
            with suppress(AwsProfileError):  # running a magic shows the error
                problem = problem_of_pattern(pattern, typos_only=typos_only)
            if problem:
                PROCESS.warn(f"`AwsProfileMagics.{setting}`: {problem}")

    def tell_about_writing(self) -> None:
        """Show a line if the active profile matches the setting ``read_only`` but can write."""
        active = self._switcher.active
        if active is None:
            return
        target = active.session.target
        with suppress(AwsProfileError):  # a switch shows the error
            limited = self._switcher.protection.limited(
                active.request, target, active.identity.account
            )
            if limited.request.read_only and not target.request.read_only:
                PROCESS.warn(
                    f"`{target.name}` can still write, because `AwsProfileMagics.read_only` takes "
                    "effect when you switch. To make the profile read-only now, run "
                    "`%aws_profile --refresh`."
                )

    def tell_about_session_name(self) -> None:
        """Show a line if the active session's name differs from the setting ``session_name``."""
        active = self._switcher.active
        if active is None:
            return
        target = active.session.target
        request = replace(target.request, default_session_name=self._switcher.session_name)
        with suppress(AwsProfileError):  # a switch shows the error
            new = target_of(request, target.config)
            setting = "role_session_name"
            if new.profile.text(setting) != target.profile.text(setting):
                PROCESS.warn(
                    f"The session of `{target.name}` keeps its name, because "
                    "`AwsProfileMagics.session_name` takes effect when you switch. To use the new "
                    "name now, run `%aws_profile --refresh`."
                )

    def _tell_about_keys(self, active: OpenProfile) -> None:
        """Show a line if the active profile's new keys belong to a different identity."""
        problem = try_to_renew(active.session)
        if isinstance(problem, IdentityChanged):
            PROCESS.warn(f"{problem} Child processes already use them. {problem.hint}")


def _line_about_unlimited(unlimited: Unlimited, beside: Label) -> str:
    """Return a line about an operation that a read-only identity, ``beside``, didn't limit."""
    label = unlimited.label
    if unlimited.operation == "AssumeRole":  # the role's session can write
        opened = f"open_session(role_arn=ARN, source_profile={label.profile!r}, read_only=True)"
        step = f"use `{opened}` with the role's ARN"
    elif label.origin:
        step = _step_to_limit(label.origin)
    elif unlimited.turn:
        step = _step_for_many(label, unlimited.turn)
    elif label.profile == beside.profile:
        step = "leave out the profile's name"
    else:
        block = f"with using_profile({label.profile!r}, read_only=True):"
        step = f"write `{block}`, and leave out the profile's name in the block"
    return (
        f"`{beside.name}` doesn't limit a profile that your code names: {unlimited.operation} was "
        f"signed as `{label.profile}`. To limit it, {step}."
    )


def _line_about_polars(write: PolarsCall, active: Label) -> str:
    """Return a line about a write that the read-only notebook didn't limit, or an empty string."""
    if not is_read_only(active):
        return ""
    return _line_about_unlimited(Unlimited(Label(write.profile), f"`{write.method}`"), active)


def _line_about_ignored(call: PolarsCall, active: Label, namespace: Mapping[str, object]) -> str:
    """Return a line about a profile that polars ignored, or an empty string."""
    if call.profile == active.profile or call.profile not in read_config().profiles:
        return ""
    block = code_of_block(request_with_limit(call.profile), namespace, f"`{call.option}`")
    return (
        f"While a profile is active, polars ignores `{call.option}`, so `{call.method}` used the "
        f"active identity. {block}"
    )


def _step_to_limit(origin: Origin) -> str:
    """Return how to limit a session that a cell's first line or a Python function has opened."""
    if origin.form.is_python:
        return f"add `read_only=True` to the call of `{origin.form.value}`"
    return "add `--read-only` to the cell's first line"


def _step_for_many(label: Label, turn: Label) -> str:
    """Return how code for many profiles limits the profile that it names.

    ``turn`` is the identity of the code's call for one profile.
    """
    if label.profile != turn.profile:
        return f"use `open_session({label.profile!r}, read_only=True)` instead"
    if is_read_only(turn) or turn.origin is None:
        return "use `session` instead of naming the profile"
    return f"{_step_to_limit(turn.origin)}, and use `session` instead of naming the profile"


def line_about_listing(cell: str) -> str:
    """Return a line for a cell whose first line lists profiles instead of running the code.

    The result is an empty string if the code below the line doesn't call AWS.
    """
    listing = _LISTING.match(cell)
    if listing is None or not _CALLS.search(listing[2]):
        return ""
    return (
        "`%aws_profiles` with one percent sign lists profiles. To run the code for each profile, "
        f"begin the cell with `%%aws_profiles {listing[1].strip()}`."
    )


def line_about_session(switcher: Switcher, cell: str) -> str:
    """Return a line for a cell that failed because the variable `session` isn't defined.

    The line names the variable that contains the session, or the magic that sets such a variable.
    ``cell`` is the cell's code.
    """
    listing = line_about_listing(cell)
    if listing:
        return listing
    call = _CALL_IN_RUN.search(cell)
    if call:
        line = f"across_profiles({call[1]}, {call[2]})"
        return f"`across_profiles` calls the function for each profile: write `{line}`."
    request = switcher.request
    if request is None:
        return f"No profile is active. `%aws_profile NAME` sets `{SESSION}`."
    if request.variable in switcher.namespace:
        return f"The session of `{request.name}` is in the variable `{request.variable}`."
    line = arguments(request)
    return f"`{request.variable}` was deleted. Run `%aws_profile {line}` to set the variable again."


def line_about_config(cell: str, settings: Iterable[str]) -> str:
    """Return a line about a `%config` line whose class IPython ignores, or an empty string.

    ``settings`` contains the names of this package's settings.
    """
    for class_name, setting, value in _CONFIG.findall(cell):
        if class_name == _CLASS and setting not in settings:
            line = _line_about_setting(setting, value, settings)
            return line or _line_about_option(setting, value)
        is_ours = "awsprofile" in letters_of(class_name)
        is_ours = is_ours or bool(misspelled(class_name, [_CLASS], _LIKE_CLASS))
        if class_name == _CLASS or not is_ours:
            continue
        meant = misspelled(setting, settings)
        if not meant:
            return f"IPython ignores `{class_name}`. `%config {_CLASS}` lists the settings."
        line = f"%config {_CLASS}.{meant[0]} = {value.strip()}"
        return f"IPython ignores `{class_name}`. Write `{line}`."
    return ""


def _line_about_setting(name: str, value: str, settings: Iterable[str]) -> str:
    """Return a line about a setting whose name lacks its underscore, or an empty string.

    An option can have the same name, and only an option such as ``--read-only`` is true or false.
    """
    if value.strip() in (str(True), str(False)):
        return ""
    for setting in settings:
        if letters_of(setting) == letters_of(name):
            return f"Write `%config {_CLASS}.{setting} = {value.strip()}`."
    return ""


def _line_about_option(name: str, value: str) -> str:
    """Return a line about a setting that is named like an option of a switch, or ""."""
    for field_name, declared in options_of(SwitchRequest).items():
        if letters_of(name) not in (letters_of(field_name), letters_of(declared.flag)):
            continue
        says = f"`{name}` isn't a setting but an option of `%aws_profile`."
        text = declared.metavar
        with suppress(ValueError, SyntaxError):  # such as a variable
            text = quoted(str(ast.literal_eval(value.strip())))
        if text == str(False):
            return says
        words = [declared.flag, text] if declared.metavar else [declared.flag]
        return f"{says} Write `%aws_profile NAME {' '.join(words)}`."
    return ""


def line_about_profile(name: str, *, is_late: bool) -> str:
    """Return a line about the first profile after the user has set it in a running notebook.

    ``is_late`` is true if the notebook has already switched.
    """
    try:
        find_profile_or_role(name, read_config())
    except AwsProfileError as error:
        return f"`AwsProfileMagics.profile`: {error} {error.hint}"
    line = f"`%aws_profile {arguments(SessionRequest(name))}`"
    if is_late:
        return (
            "`AwsProfileMagics.profile` applies only to a kernel's first switch, so nothing has "
            f"changed. To switch now, run {line}."
        )
    return f"The next cell begins with {line}, unless the cell itself begins with a switch."


def show_in_prompt(shell: InteractiveShell, switcher: Switcher) -> Callable[[], None]:
    """Show the active profile in a terminal's prompt.

    Return a function that removes the profile from the prompt.

    A protected profile is shown in red. If the user sets another prompt later, that prompt doesn't
    show the profile.
    """
    from IPython.terminal.prompts import Token

    prompts = shell.prompts
    own_tokens = prompts.in_prompt_tokens

    def tokens_with_profile() -> list[tuple[object, str]]:
        tokens: list[tuple[object, str]] = own_tokens()
        request = switcher.request
        if request is None:
            return tokens
        kind = Token.Prompt
        if is_protected(switcher.active, switcher.protection):
            kind = Token.OutPromptNum
        return [(kind, f"{one_line(request.name, 32)} "), *tokens]

    prompts.in_prompt_tokens = tokens_with_profile
    return partial(delattr, prompts, "in_prompt_tokens")


def _settings_of(target: Target, config: Config) -> list[Section]:
    """Return the settings of a target's profiles and ``[sso-session]`` from the config files."""
    sign_in = target.chain[-1].text("sso_session") or ""
    sections = [config.profiles.get(name, {}) for name in target.names]
    return [*sections, config.sso_sessions.get(sign_in, {})]


def _without_keys(settings: list[Section]) -> list[Section]:
    """Return settings without access keys and without values that tools update regularly."""
    names = known_settings() - KEYS
    without_keys: list[Section] = []
    for section in settings:
        without_keys.append({name: section[name] for name in section.keys() & names})
    return without_keys
