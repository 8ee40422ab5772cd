"""The list of profiles in a terminal: typing searches, Enter chooses, Escape leaves.

It is made with prompt_toolkit, which IPython uses for its own prompt.

https://python-prompt-toolkit.readthedocs.io/en/stable/pages/full_screen_apps.html
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition, Filter
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import (
    BufferControl,
    FormattedTextControl,
    HSplit,
    Layout,
    VSplit,
    Window,
)
from prompt_toolkit.utils import get_cwidth, is_dumb_terminal

from ipy_awsprofile.config.profiles import Profile, list_profiles, matching
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.credentials.mfa_prompt import somebody_is_there
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.text import visible

if TYPE_CHECKING:
    from ipy_awsprofile.switch.switcher import Switcher

#: How many profiles are shown at most, and how many of the terminal's rows are left for the rest.
MOST_ROWS, OTHER_ROWS = 12, 3

#: How long prompt_toolkit waits, in seconds, for what may follow Escape: an arrow key sends it too.
_AFTER_ESCAPE = 0.05

_HELP = "↑ ↓ PageUp PageDown: move · Enter: switch · Escape: leave"


def pick_in_terminal(switcher: Switcher) -> SwitchRequest:
    """Show the profiles in the terminal until one is chosen, and return the request to switch.

    The list begins at the active profile. Raises AwsProfileError without a terminal, or if the
    files have changed meanwhile; ConfigFileError; and KeyboardInterrupt if the person leaves it.
    """
    if not (somebody_is_there() and sys.stdout.isatty()) or is_dumb_terminal():
        raise AwsProfileError(
            "A list to choose from needs a notebook or a terminal.",
            "Run `%aws_profile NAME`; `%aws_profiles` lists the names.",
        )
    profiles = list_profiles()
    if not profiles:
        raise AwsProfileError(
            "There are no AWS profiles yet.",
            "`%aws_profiles` shows which files were read, and what to run.",
        )
    active = switcher.request.profile if switcher.request else None
    return TerminalList(profiles, switcher.protection.is_protected, active).choose()


class TerminalList:
    """The search text and the selection in the list. Only visible rows are formatted."""

    def __init__(
        self,
        profiles: Sequence[Profile],
        is_protected: Callable[[str], bool],
        active: str | None = None,
    ) -> None:
        self._profiles = profiles
        self._is_protected = is_protected
        self._found = list(profiles)
        names = [profile.name for profile in profiles]
        self._at = names.index(active) if active in names else 0
        self._first = 0
        #: The protected profile that the person is asked about.
        self._asked: Profile | None = None
        self._widths = [
            max(map(get_cwidth, column), default=0)
            for column in zip(*map(_columns, profiles), strict=True)
        ]
        self._search = Buffer(multiline=False, on_text_changed=self._searched)
        self._app: Application[SwitchRequest] = self._application()

    def choose(self) -> SwitchRequest:
        """Show the list until a profile is chosen. Raises what `pick_in_terminal` does."""
        try:
            request = _result_of(self._app)
        except EOFError:  # the terminal was closed
            raise KeyboardInterrupt from None
        chosen = self._found[self._at]
        if not any(profile is chosen for profile in list_profiles()):
            raise AwsProfileError(
                "The profiles have changed since the list was shown. Nothing was switched.",
                "Run `%aws_profile --pick` again.",
            )
        return request

    def rows(self) -> StyleAndTextTuples:
        """Return the rows that can be seen, with the chosen one among them."""
        size, columns = self._height(), self._app.output.get_size().columns
        self._first = max(min(self._first, self._at, len(self._found) - size), self._at - size + 1)
        shown: StyleAndTextTuples = []
        for number in range(self._first, min(self._first + size, len(self._found))):
            shown += self._row(self._found[number], columns, chosen=number == self._at)
        return shown

    def _row(self, profile: Profile, columns: int, *, chosen: bool) -> StyleAndTextTuples:
        protected = self._is_protected(profile.name)
        style = ("reverse " if chosen else "") + ("fg:ansired" if protected else "")
        mark = "  protected" if protected else ""
        name, *rest = _columns(profile)
        # A name is cut before its account, role and Region are: it isn't found again otherwise.
        width = min(self._widths[0], max(columns // 2, columns - sum(self._widths[1:]) - 20))
        line = ("❯ " if chosen else "  ") + _fitted(name, width) + mark
        for text, most in zip(rest, self._widths[1:], strict=True):
            line += "  " + _fitted(text, most) if most else ""
        return [(style, _fitted(line, columns - 1).rstrip()), ("", "\n")]

    def _below(self) -> str:
        if self._asked:
            return f"`{visible(self._asked.name)}` is protected. Switch to it? y/n"
        if not self._found:
            return "No profile matches. " + _HELP
        return f"{self._at + 1:,} of {len(self._found):,} · {_HELP}"

    def _height(self) -> int:
        rows = self._app.output.get_size().rows - OTHER_ROWS
        return max(min(len(self._found), MOST_ROWS, rows), 1)

    def _searched(self, _buffer: Buffer) -> None:
        self._found, self._at = matching(self._profiles, self._search.text), 0

    def _move(self, rows: int) -> None:
        self._at = min(max(self._at + rows, 0), max(len(self._found) - 1, 0))

    def _enter(self) -> None:
        if self._found:
            profile = self._found[self._at]
            if self._is_protected(profile.name):
                self._asked = profile
            else:
                self._app.exit(result=SwitchRequest(profile=profile.name))

    def _confirm(self) -> None:
        if self._asked:
            self._app.exit(result=SwitchRequest(profile=self._asked.name, confirmed=True))

    def _do_not(self) -> None:
        self._asked = None

    def _leave(self) -> None:
        self._app.exit(exception=KeyboardInterrupt())

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        asked = Condition(lambda: self._asked is not None)

        def on(*names: str, do: Callable[[], object], when: Filter, eager: bool = True) -> None:
            for name in names:
                keys.add(name, filter=when, eager=eager)(lambda _event: do())

        on("up", "c-p", do=lambda: self._move(-1), when=~asked)
        on("down", "c-n", do=lambda: self._move(1), when=~asked)
        on("pageup", do=lambda: self._move(-self._height()), when=~asked)
        on("pagedown", do=lambda: self._move(self._height()), when=~asked)
        on("enter", do=self._enter, when=~asked)
        on("escape", do=self._leave, when=~asked)
        on("c-c", "c-d", Keys.SIGINT, do=self._leave, when=Condition(lambda: True))
        on("y", "Y", do=self._confirm, when=asked)
        on("n", "N", "escape", "enter", do=self._do_not, when=asked)
        on(Keys.Any, do=self._do_not, when=asked, eager=False)  # the terminal's answers are keys
        return keys

    def _application(self) -> Application[SwitchRequest]:
        search = VSplit(
            [
                Window(FormattedTextControl("Profile: "), dont_extend_width=True),
                Window(BufferControl(self._search)),
            ],
            height=1,
        )
        rows = Window(FormattedTextControl(self.rows), height=self._height)
        below = Window(FormattedTextControl(self._below), height=1, style="fg:ansibrightblack")
        app: Application[SwitchRequest] = Application(
            layout=Layout(HSplit([search, rows, below])),
            key_bindings=self._keys(),
            erase_when_done=True,
        )
        app.ttimeoutlen = _AFTER_ESCAPE
        return app


def _result_of(app: Application[SwitchRequest]) -> SwitchRequest:
    """Run the application, in a thread if the cell awaits something: event loops don't nest."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return app.run()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(copy_context().run, app.run)
        try:
            return running.result()
        except BaseException:  # such as a signal: the thread gives the terminal back
            if app.is_running and app.loop:
                app.loop.call_soon_threadsafe(app.exit)
            raise


def _columns(profile: Profile) -> tuple[str, ...]:
    fields = (profile.name, profile.account, profile.role, profile.region)
    return tuple(visible(" ".join((field or "").split())) for field in fields)


def _fitted(text: str, width: int) -> str:
    """Return the text in exactly this width: its middle is left out, or spaces follow."""
    if get_cwidth(text) > width:
        end = (width - 1) // 2
        text = f"{_first(text, width - 1 - end)}…{_first(text[::-1], end)[::-1]}"
    return text + " " * (width - get_cwidth(text))


def _first(text: str, width: int) -> str:
    """Return the first characters of a text that are not wider together; some are two wide."""
    short = text[: max(width, 0)]
    while get_cwidth(short) > width:
        short = short[:-1]
    return short
