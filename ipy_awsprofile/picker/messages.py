"""The messages from Python to the picker's views. ``view/dom.js`` has the same types.

After each change, every view gets the whole `State`. A view sends ``{"do": NAME}``: ready, list,
switch (with profile and read_only), region (region), refresh, off, console, close_window, answer
(question, and confirmed, code, entered or device_code) or cancel. Any other message does nothing,
and neither does an answer to a former question. *list* is answered with `Profiles` and a buffer
with the rows as JSON, which front ends don't copy, and *console* with `ConsoleLink`. Messages
aren't saved with a notebook.
"""

from __future__ import annotations

from typing import Literal, TypedDict


class ShownIdentity(TypedDict):
    """The active identity. ``code`` is the line that switches to it, ``notes`` a number.

    ``window_seconds_left`` is the time in which programs can write, or None.
    """

    profile: str | None
    name: str
    account: str
    region: str
    chosen_region: str | None
    seconds_left: float | None
    renews: bool
    signs_in: bool
    protected: bool
    read_only: bool
    notes: int
    code: str
    window_seconds_left: float | None


class Busy(TypedDict):
    """What Python does, such as "Switching to NAME", or will do after the running cell."""

    doing: str
    waits: bool


class Question(TypedDict):
    """Asks about the switch to a profile. Its number tells it from a former question."""

    question: int
    profile: str


class ConfirmQuestion(Question):
    """Asks whether to switch to a protected profile."""

    kind: Literal["confirm"]
    pattern: str
    account: str


class CodeQuestion(Question):
    """Asks for an MFA code, ``again`` if AWS has rejected one."""

    kind: Literal["code"]
    device: str
    again: bool


class SignInQuestion(Question):
    """Asks to sign in by a `SignInStep` on a page, with the code that the page must show, or ""."""

    kind: Literal["sign_in"]
    url: str
    step: Literal["allow", "compare", "enter"]
    code: str


Ask = ConfirmQuestion | CodeQuestion | SignInQuestion


class Progress(TypedDict, total=False):
    """What commands change, which a `State` always has. ``error`` is a card, or empty."""

    busy: Busy | None
    ask: Ask | None
    error: str


class State(Progress):
    """What every view shows. ``html`` is the identity's card."""

    identity: ShownIdentity | None
    html: str


class Profiles(TypedDict):
    """The list of profiles: its length, recent names and Regions, or a card if it is empty."""

    profiles: int
    recent: list[str]
    regions: list[str]
    html: str


class ConsoleLink(TypedDict):
    """A link to the console, which contains a token."""

    console: str


Message = State | Profiles | ConsoleLink

#: Name, account, role, Region, whether it is protected, kind.
Row = tuple[str, str, str, str, bool, str]
