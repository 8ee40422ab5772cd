"""Define the messages from Python to the picker's views.

The types in ``view/dom.js`` mirror the types in this module. After each change, every view receives
the complete `State`. In a message from a view, ``do`` is one of these names: ready, list, switch
(with profile and read_only), repeat (with request), region (with region), refresh, off, console,
close_window, answer (with question, and confirmed, code, entered, device_code or canceled) or
cancel. Other messages and answers to earlier questions are ignored. The reply to *list* is
`Profiles` and a buffer with the rows as JSON, because front ends don't copy buffers. The reply to
*console* is a `ConsoleLink`. Messages aren't saved with a notebook.
"""

from __future__ import annotations

from typing import Literal, TypedDict


class ShownIdentity(TypedDict):
    """The active identity, as the views show it.

    ``code`` is the line that switches to the identity, and ``notes`` is the number of notes on its
    card. ``request`` contains the arguments that *repeat* needs to switch to the identity again
    with the same limits. ``window_seconds_left`` is the number of seconds for which programs can
    still write, or None if programs can't write.
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
    """An action, such as "Switching to NAME", that is running or is waiting for a cell to end."""

    doing: str
    waits: bool


class Ask(TypedDict, total=False):
    """A question that the user has to answer before a switch or a running cell can continue.

    Each question has a different number. A question of the kind ``confirm`` asks whether to switch
    to a protected profile and contains the matching ``pattern`` and the account. A question of the
    kind ``allow`` contains the ``text`` to show to the user. A question of the kind ``code``
    contains the MFA device and sets ``again`` if AWS has rejected a code. A question of the kind
    ``sign_in`` contains the address of a page, a `SignInStep`, the code that the page must show (or
    an empty string), and rows ``about`` the sign-in. ``error`` says what was wrong with the
    previous answer, or is an empty string. ``of_cell`` is true if a cell waits for the answer. If
    ``can_answer`` is false, the views only say where the user can answer.
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
    """The part of a `State` that commands change.

    ``error`` is a card as HTML, or an empty string.
    """

    busy: Busy | None
    ask: Ask | None
    error: str


class State(Progress):
    """The state that every view shows. ``html`` is the identity's card as HTML."""

    identity: ShownIdentity | None
    html: str


class Profiles(TypedDict):
    """The number of profiles in the list, and the recently used names and Regions.

    If the list is empty, ``html`` is a card that says why.
    """

    profiles: int
    recent: list[str]
    regions: list[str]
    html: str


class ConsoleLink(TypedDict):
    """A link to the AWS console, which contains a token."""

    console: str


Message = State | Profiles | ConsoleLink

#: Name, account, role, Region, whether it is protected, kind.
Row = tuple[str, str, str, str, bool, str]
