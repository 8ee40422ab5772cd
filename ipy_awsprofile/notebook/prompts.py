"""Prompt the user for an MFA code or a sign-in while a cell is running.

Any thread can prompt, because a library can call AWS in a thread that the cell is waiting for.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import NoReturn

from IPython.core.getipython import get_ipython
from IPython.display import display

from ipy_awsprofile.cards import cards
from ipy_awsprofile.cards.card import Card, Tone
from ipy_awsprofile.config.files import version_of
from ipy_awsprofile.config.private import of_process
from ipy_awsprofile.config.target import Target, sign_in_file
from ipy_awsprofile.credentials.inbox import INBOX, Answer, CellQuestion
from ipy_awsprofile.credentials.person import (
    Person,
    SignInStep,
    ask_on_input_channel,
    device_of,
    no_code,
    somebody_is_there,
)
from ipy_awsprofile.credentials.providers import is_renewing
from ipy_awsprofile.credentials.translation import no_sign_in
from ipy_awsprofile.errors import AwsProfileError, MfaUnavailable, show_briefly
from ipy_awsprofile.notebook.brief import shown_briefly
from ipy_awsprofile.notebook.input_channel import PROMPT_TURN
from ipy_awsprofile.sessions.signing_in import Attempt, begin_sign_in
from ipy_awsprofile.text import one_line

#: The MIME type of an output that is a question.
QUESTION = "application/vnd.ipy-awsprofile.question+json"


def person_at_cell() -> Person:
    """Return a `Person` whose prompts are shown below the running cell."""
    return Person(mfa_prompter=_ask_for_code, attempts=3, sign_in_prompter=sign_in_at_cell)


#: Python's handler of Ctrl-C, which ipykernel sets for each cell.
_PYTHONS = signal.default_int_handler


class _Prompts:
    """Shows one prompt at a time for all threads of the kernel.

    In a thread other than the main thread, a Ctrl-C or the end of the cell also ends the prompt. If
    the user doesn't answer the prompt, other threads of the cell that need the same answer fail
    without another prompt.
    """

    def __init__(self) -> None:
        self._turn = of_process(self, name="_turn", create=threading.Lock)
        self._is_unanswered = False  # in the running cell
        #: Whether Ctrl-C has ended a prompt of the running cell that is in another thread.
        self.was_interrupted = False
        self._process = os.getpid()
        self._sockets = of_process(self, name="_sockets", create=self._create_sockets)

    def _create_sockets(self) -> tuple[socket.socket, socket.socket]:
        """Return new sockets.

        In a forked child process, prevent signals from waking the parent's kernel.
        """
        if os.getpid() != self._process:
            before = signal.set_wakeup_fd(-1)
            if before not in (-1, self._sockets[1].fileno()):
                signal.set_wakeup_fd(before)  # an event loop of the user's listens
        ends, end = socket.socketpair()
        end.setblocking(False)
        return ends, end

    def begin_cell(self, _info: object = None) -> None:
        """Allow prompts again, and detect Ctrl-C even while the main thread runs compiled code.

        Python calls its own signal handler only after compiled code has returned.

        https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd
        """
        self._is_unanswered = False
        self.was_interrupted = False
        if threading.current_thread() is not threading.main_thread():
            return  # a subshell, which Ctrl-C doesn't reach
        own = self._sockets[1].fileno()
        before = signal.set_wakeup_fd(own, warn_on_full_buffer=False)
        if before not in (-1, own):
            signal.set_wakeup_fd(before)  # an event loop of the user's listens

    @contextmanager
    def prompting(self, unanswered: Callable[[], AwsProfileError]) -> Iterator[None]:
        """Let the code in a ``with`` block prompt the user, one prompt at a time.

        Raise the error that ``unanswered`` returns if the cell ends before the block ends.
        """
        with self._turn:
            is_main = threading.current_thread() is threading.main_thread()
            if is_main or not somebody_is_there():  # then the prompt says what to run
                yield
                return
            if self._is_unanswered:
                raise unanswered()
            self._is_unanswered = True
            try:
                with self._ending_with_the_cell():
                    yield
            except KeyboardInterrupt:
                raise unanswered() from None
            self._is_unanswered = False

    @contextmanager
    def _ending_with_the_cell(self) -> Iterator[None]:
        """Raise `KeyboardInterrupt` in a ``with`` block on Ctrl-C or at the end of the cell.

        https://docs.python.org/3/c-api/threads.html#c.PyThreadState_SetAsyncExc
        """
        thread = ctypes.c_ulong(threading.get_ident())
        changing = threading.Lock()  # only for this block
        is_prompting = True

        ends_of_cell, end_of_cell = self._sockets

        def wait_for_the_end() -> None:
            number = ends_of_cell.recv(1)[0]
            while number not in (0, signal.SIGINT):  # another signal
                number = ends_of_cell.recv(1)[0]
            self.was_interrupted |= number == signal.SIGINT
            with changing:
                if is_prompting:
                    exception = ctypes.py_object(KeyboardInterrupt)
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, exception)

        def end() -> None:
            end_of_cell.send(b"\0")

        while select.select([ends_of_cell], [], [], 0)[0]:  # former signals
            ends_of_cell.recv(1)
        waiting = threading.Thread(target=wait_for_the_end, name="end of the cell", daemon=True)
        waiting.start()
        events = get_ipython().events
        events.register("post_execute", end)
        try:
            yield
        finally:
            events.unregister("post_execute", end)
            with changing:  # if the exception was set before, Python raises it here, and not later
                is_prompting = False
            end()
            waiting.join()


_prompts = _Prompts()
begin_cell = _prompts.begin_cell


def _interrupt(_number: int, _frame: object) -> NoReturn:
    """Raise `KeyboardInterrupt`.

    If Ctrl-C has interrupted a renewal in another thread, make IPython show a short error.
    """
    error = KeyboardInterrupt()
    if _prompts.was_interrupted or is_renewing():
        show_briefly(error)
    raise error


def begin_interrupts(_info: object = None) -> None:
    """Handle Ctrl-C while a kernel's cell runs, because other threads may be renewing credentials.

    In a terminal, keep Python's own handler, because `asyncio.run` needs this handler and no other
    thread prompts.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if renders_html() and is_main and signal.getsignal(signal.SIGINT) is _PYTHONS:
        signal.signal(signal.SIGINT, _interrupt)


def end_interrupts(_result: object = None) -> None:
    """Restore Python's own Ctrl-C handler after a cell, unless the cell has set another handler."""
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGINT) is _interrupt:
        signal.signal(signal.SIGINT, _PYTHONS)


def warn_at_cell(text: str) -> None:
    """Show a warning below the running cell."""
    display(Card(text, tone=Tone.WARNING))


def confirm_at_cell(question: str, answer: str) -> None:
    """Ask the user to confirm an action.

    Raise `AwsProfileError` if the user doesn't confirm the action.

    In a front end that can't show this package's views, the user has to type the ``answer``.
    """
    if not somebody_is_there():
        raise AwsProfileError(
            "Only a person can confirm this action, and no one is available to answer.",
            "Run the line in a notebook or terminal where you can answer.",
        )
    with PROMPT_TURN, INBOX.asking(kind="allow", text=question) as asked:
        if INBOX.can_answer:
            with _shown_in_views(asked, Card(question)):
                is_confirmed = bool(asked.wait().get("confirmed"))
        else:
            try:
                typed = input(f"{question} To allow it, type {answer}: ")
            except (EOFError, NotImplementedError):  # the front end can't ask
                typed = ""
            is_confirmed = typed.strip() == answer
    if not is_confirmed:
        raise AwsProfileError("You didn't confirm the action, so nothing has changed.", "")


def _ask_for_code(question: str) -> str:
    """Show the name of the MFA device, and return the code that the user types.

    Raise `MfaUnavailable` if the user doesn't enter a code or if no one is available to answer.
    """
    profile = getattr(question, "profile", "")  # botocore's own question has neither
    refused = getattr(question, "refused", "")
    device = device_of(question)
    where = ""
    if "__vsc_ipynb_file__" in get_ipython().user_ns:  # VS Code has set it
        where = (
            "Enter the code in the box at the top of the window. To cancel, press Escape in that "
            "box. The Interrupt button doesn't close the box."
        )
    card = cards.mfa_card(device, profile, refused, where)
    with _prompts.prompting(no_code), PROMPT_TURN:
        if not somebody_is_there():
            return ask_on_input_channel(question)  # it raises the error
        if not renders_html():
            if refused:
                print(card)  # noqa: T201
            return ask_on_input_channel(question)
        about = {"profile": profile, "device": device, "again": bool(refused), "error": refused}
        with INBOX.asking(kind="code", **about) as asked:
            if INBOX.can_answer:
                with _shown_in_views(asked, card):
                    code = str(asked.wait().get("code", ""))
                if not code:
                    raise no_code()
                return code
            display(card)
            # VS Code can show the box before the card.
            shown = f"MFA code for {one_line(profile or device)}: "
            return ask_on_input_channel(question, shown)


def sign_in_at_cell(target: Target, *, device_code: bool = False) -> None:
    """Show where to sign in, and wait until the user has signed in or presses Ctrl-C.

    If the kernel's machine has a browser, the sign-in page opens there, and the browser returns the
    result. If the machine doesn't have a browser or ``device_code`` is true, the user opens the
    page in any browser. The user then checks that the page shows the prompt's code or, for ``aws
    login``, copies a code from the page to the notebook.

    Raise `SignInRequired` if no one is available to sign in, and any error that `begin_sign_in`,
    `Attempt.waiting` or `Attempt.enter` raises.
    """
    file = sign_in_file(target)
    before = version_of(file)
    with _prompts.prompting(partial(no_sign_in, target)):
        if version_of(file) != before:  # the user has answered another thread meanwhile
            return
        if not somebody_is_there():
            raise no_sign_in(target)
        wants_other_browser = device_code
        while not _sign_in(target, device_code=wants_other_browser):
            wants_other_browser = True


def _sign_in(target: Target, *, device_code: bool) -> bool:
    """Let the user sign in.

    Return False if the user chooses to sign in with a different browser.
    """
    attempt = begin_sign_in(target, device_code=device_code)
    step = attempt.step
    card = cards.sign_in_card(attempt.profile, attempt.url, step, attempt.code, attempt.about)
    with INBOX.asking(**attempt.question()) as asked:
        if INBOX.can_answer and renders_html():
            with _shown_in_views(asked, Card(card.title)):
                return _wait_for_views(attempt, asked)
        if step is SignInStep.ENTER_CODE:
            with PROMPT_TURN, _shown_until_the_end(card):
                try:
                    answer = ask_on_input_channel(f"Code for the sign-in of {attempt.profile}: ")
                except MfaUnavailable:
                    raise no_sign_in(target) from None
                attempt.enter(answer)
            return True
        with _shown_until_the_end(card):
            for _ in attempt.waiting():
                pass  # the user presses Ctrl-C to give up
    return True


def _wait_for_views(attempt: Attempt, asked: CellQuestion) -> bool:
    """Wait until the user has signed in.

    Return False if the user chooses to sign in with a different browser.
    """
    answers: list[Answer] = []

    def wait_for_answer(seconds: float) -> None:
        answer = asked.answer(seconds)
        if answer is not None:
            answers.append(answer)

    for _ in attempt.waiting(wait_for_answer):
        match answers:
            case []:
                continue
            case [{"device_code": True}]:
                attempt.close()
                return False
            case [{"entered": str(code)}]:
                attempt.enter(code)
                return True
            case _:
                raise attempt.ended("was canceled")
    return True


@contextmanager
def _shown_until_the_end(card: Card) -> Iterator[None]:
    """Show a sign-in's card during a ``with`` block, and don't save the card in the notebook."""
    if not renders_html():
        print(card)  # noqa: T201
        yield
        return
    with shown_briefly(card):
        yield


class _InViews:
    """An output for a question that only this package's JupyterLab extension can show.

    The output doesn't contain the text of the question, so the notebook doesn't save the text.
    """

    def __init__(self, asked: CellQuestion, card: Card) -> None:
        self._number = asked.number
        self._card = replace(card, notes=("Answer in the notebook's toolbar.",))

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        return {
            QUESTION: {"question": self._number},
            "text/html": self._card._repr_html_(),
            "text/plain": str(self._card),
        }


@contextmanager
def _shown_in_views(asked: CellQuestion, card: Card) -> Iterator[None]:
    """Show a question below the cell until the ``with`` block ends."""
    with shown_briefly(_InViews(asked, card)):
        yield


def renders_html() -> bool:
    """Return whether the front end renders HTML. A terminal shows plain text."""
    return getattr(get_ipython(), "kernel", None) is not None
