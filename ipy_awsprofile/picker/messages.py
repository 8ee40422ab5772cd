"""The messages from Python to the picker's views. ``view/dom.js`` has the same types.

After each change, every view gets the whole `State`. A view sends ``{"do": NAME}``: ready, list,
switch (with profile and read_only), repeat (request), region (region), refresh, off, console,
close_window, answer (question, and confirmed, code, entered, device_code or canceled) or cancel.
Any other message does nothing, and neither does an answer to a former question. *list* is answered
with `Profiles` and a buffer with the rows as JSON, which front ends don't copy, and *console* with
`ConsoleLink`. Messages aren't saved with a notebook.
"""

from __future__ import annotations

from typing import Literal, TypedDict


class ShownIdentity(TypedDict):
    """The active identity. ``code`` is the line that switches to it, ``notes`` a number.

    ``request`` has what a switch to it with the same limits needs, for *repeat*.
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
    request: dict[str, object]
    window_seconds_left: float | None


class Busy(TypedDict):
    """What Python does, such as "Switching to NAME", or will do after the running cell."""

    doing: str
    waits: bool


class Ask(TypedDict, total=False):
    """Asks for what the switch to a profile or a running cell needs. Each has another number.

    A question to ``confirm`` the switch to a protected profile has the ``pattern`` and the account,
    and a question to ``allow`` something has a text. A question for an MFA ``code`` has the device,
    and says if AWS has rejected a code and it asks ``again``. To ``sign_in``, it has a page, a
    `SignInStep`, the code that the page must show, or an empty string, and rows ``about`` it. The
    ``error`` says what was wrong with the former answer, or is empty. The question ``of_cell``
    waits in a cell. Unless views ``can_answer`` it, they say where it can be answered.
    """

    question: int
    profile: str
    kind: Literal["confirm", "allow", "code", "sign_in"]
    pattern: str
    account: str
    text: str
    device: str
    again: bool
    error: str
    url: str
    step: Literal["allow", "compare", "enter"]
    code: str
    about: list[tuple[str, str]]
    of_cell: bool
    can_answer: bool


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
