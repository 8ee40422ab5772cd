"""Show the list of profiles in a terminal, as the completion menu of a prompt.

The prompt uses prompt_toolkit, as IPython's own prompt does.

https://python-prompt-toolkit.readthedocs.io/en/stable/pages/asking_for_input.html
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from prompt_toolkit.application import get_app, get_app_session
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings
from prompt_toolkit.shortcuts import PromptSession
from prompt_toolkit.shortcuts.prompt import create_confirm_session
from prompt_toolkit.utils import get_cwidth, is_dumb_terminal
from prompt_toolkit.validation import Validator

from ipy_awsprofile.config.profiles import Profile, list_profiles, matching
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.credentials.person import somebody_is_there
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.text import number_of, one_line

if TYPE_CHECKING:
    from ipy_awsprofile.switch.switcher import Switcher

#: The maximum number of rows in the menu, and the number of terminal rows that it leaves free.
MOST_ROWS, OTHER_ROWS = 12, 3

#: The maximum number of profiles in the menu. Type more characters to find the others.
MOST_MATCHES = 500

#: Seconds that prompt_toolkit waits for more input after Escape, which arrow keys send, too.
_AFTER_ESCAPE = 0.05

#: The total width of the spaces around the menu's two columns and of its scroll bar.
_MARGINS = 5

_MARK = "protected  "
_NO_MATCH = "No profile matches."

_Answer = TypeVar("_Answer")


def pick_in_terminal(switcher: Switcher) -> SwitchRequest | None:
    """Show the profiles in the terminal, and return the request to switch to the chosen one.

    Return None if the user leaves the list with Escape or Ctrl-C. The active profile is first in
    the list. Raises AwsProfileError without a terminal, without profiles, or if the files have
    changed in the meantime, and ConfigFileError.
    """
    if not (somebody_is_there() and sys.stdout.isatty()) or is_dumb_terminal():
        raise AwsProfileError(
            "The list of profiles needs a notebook or a terminal.",
            "Run `%aws_profile NAME`; `%aws_profiles` lists the names.",
        )
    profiles = list_profiles()
    if not profiles:
        raise AwsProfileError(
            "There are no AWS profiles yet.",
            "`%aws_profiles` shows which files were read, and what to run.",
        )
    active = switcher.request.profile if switcher.request else None
    return choose(profiles, switcher.protection.is_protected, active)


def choose(
    profiles: Sequence[Profile], is_protected: Callable[[str], bool], active: str | None = None
) -> SwitchRequest | None:
    """Show the profiles until the user chooses one, and confirms it if it is protected.

    Return None if the user leaves the list. Raises AwsProfileError if the files have changed, and
    ConfigFileError.
    """
    menu = ProfileMenu(sorted(profiles, key=lambda profile: profile.name != active), is_protected)
    try:
        while (text := _answer(menu.prompt())) is not None:
            profile = menu.chosen(text)
            protected = is_protected(profile.name)
            if protected and not _answer(_confirmation(profile)):
                continue
            if not any(listed is profile for listed in list_profiles()):
                raise AwsProfileError(
                    "The profiles have changed since the list was shown. Nothing was switched.",
                    "Run `%aws_profile --pick` again.",
                )
            return SwitchRequest(profile=profile.name, confirmed=protected)
    except (KeyboardInterrupt, EOFError):  # Ctrl-C; Ctrl-D, or the terminal was closed
        pass
    return None


class ProfileMenu(Completer):
    """Completes search words to profile names. The words match as in `list_profiles`."""

    def __init__(self, profiles: Sequence[Profile], is_protected: Callable[[str], bool]) -> None:
        self._by_name = {profile.name: profile for profile in profiles}
        self._is_protected = is_protected
        self._matching = lru_cache(maxsize=1)(lambda text: matching(profiles, text))

    def found(self, text: str) -> Sequence[Profile]:
        """Return the profile with this name, or else all profiles that match the text."""
        named = self._by_name.get(text)
        return [named] if named else self._matching(text)

    def chosen(self, text: str) -> Profile:
        """Return the profile that Enter chooses. Raises IndexError if none matches."""
        return self.found(text)[0]

    def get_completions(self, document: Document, _event: CompleteEvent) -> Iterator[Completion]:
        """Yield a menu row for each profile that matches the text, up to `MOST_MATCHES`."""
        profiles = self._matching(document.text)[:MOST_MATCHES]
        details = [self._details(profile) for profile in profiles]
        columns = get_app().output.get_size().columns
        # Shorten a name before its account, role and Region, but always leave it a third.
        widest = max(columns - _MARGINS - max(map(get_cwidth, details), default=0), columns // 3)
        for profile, detail in zip(profiles, details, strict=True):
            yield Completion(
                profile.name,
                start_position=-len(document.text),
                display=_fitted(one_line(profile.name), widest),
                display_meta=detail,
                style="fg:#990000 bold" if detail.startswith(_MARK) else "",
            )

    def _details(self, profile: Profile) -> str:
        mark = _MARK if self._is_protected(profile.name) else ""
        fields = (profile.account, profile.role, profile.region)
        return mark + "  ".join(one_line(field) for field in fields if field)

    def prompt(self) -> PromptSession[str | None]:
        """Return a prompt with the list as its menu, which is always open."""
        session: PromptSession[str | None] = PromptSession(
            lambda: f"{self._help(session.default_buffer.text)}\nProfile: ",
            completer=self,
            complete_while_typing=False,  # it would close the menu when text is deleted
            reserve_space_for_menu=self._rows() + 1,  # including the line with the search text
            validator=Validator.from_callable(
                lambda text: bool(self.found(text)), _NO_MATCH, move_cursor_to_end=True
            ),
            validate_while_typing=False,
            key_bindings=self._page_keys(),
        )
        session.default_buffer.on_text_changed += lambda buffer: buffer.start_completion()
        return session

    def _help(self, text: str) -> str:
        found = self.found(text)
        if not found:
            return f"{_NO_MATCH} Escape: cancel"
        enter = one_line(found[0].name)
        return f"{number_of(len(found), 'profile')} · ↑ ↓ · Escape: cancel · Enter: {enter}"

    def _rows(self) -> int:
        rows = get_app_session().output.get_size().rows - OTHER_ROWS
        return max(min(len(self._by_name), MOST_ROWS, rows), 1)

    def _page_keys(self) -> KeyBindings:
        keys, rows = KeyBindings(), self._rows()
        whole = {"disable_wrap_around": True}
        keys.add("pagedown")(lambda event: event.current_buffer.complete_next(rows, **whole))
        keys.add("pageup")(lambda event: event.current_buffer.complete_previous(rows, **whole))
        return keys


def _confirmation(profile: Profile) -> PromptSession[bool]:
    return create_confirm_session(f"`{one_line(profile.name)}` is protected. Switch to it?")


def _answer(session: PromptSession[_Answer]) -> _Answer | None:
    """Return the user's answer, or None for Escape.

    If the cell awaits something, the prompt runs in a thread, because event loops don't nest.
    """
    app, escape = session.app, KeyBindings()
    escape.add("escape", eager=True)(lambda event: event.app.exit(result=None))
    session.key_bindings = merge_key_bindings([session.key_bindings or KeyBindings(), escape])
    app.ttimeoutlen, app.erase_when_done = _AFTER_ESCAPE, True
    open_menu = session.default_buffer.start_completion if session.completer else None
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return session.prompt(pre_run=open_menu)
    try:
        return session.prompt(pre_run=open_menu, in_thread=True)
    finally:
        if app.is_running and app.loop:  # after a signal, the thread must release the terminal
            app.loop.call_soon_threadsafe(app.exit)


def _fitted(text: str, width: int) -> str:
    """Return the text, with its middle left out if it is wider than ``width``."""
    short, kept = text, max(width, 2)
    while get_cwidth(short) > width and kept > 1:
        kept -= 1
        short = f"{text[: kept - kept // 2]}…{text[-(kept // 2) :]}"
    return short
