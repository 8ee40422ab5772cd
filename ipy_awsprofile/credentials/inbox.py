"""The questions that running cells ask, and that the user can answer in any picker or toolbar.

Each question is a single object that the cell, the pickers and the toolbars share. The cell that
asks the question waits for an answer, and all pickers and toolbars show the question. The user can
therefore answer even after reloading the page. If several answers arrive, the first answer counts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from queue import Empty, SimpleQueue
from secrets import randbits
from typing import Any

#: What a view sends with an answer.
Answer = Mapping[object, object]

#: A saved notebook can contain the number of a former kernel's question.
_numbers = count(randbits(40))


def next_number() -> int:
    """Return a unique number for a new question."""
    return next(_numbers)


@dataclass(frozen=True, slots=True, eq=False)
class CellQuestion:
    """A question that a running cell asks, with the data that pickers and toolbars show."""

    ask: Mapping[str, Any]
    _answers: SimpleQueue[Answer] = field(default_factory=SimpleQueue)

    @property
    def number(self) -> int:
        """The question's number."""
        return int(self.ask["question"])

    def take(self, answer: Answer) -> None:
        """Pass an answer to the cell that is waiting for the answer."""
        self._answers.put(answer)

    def answer(self, seconds: float) -> Answer | None:
        """Wait up to ``seconds`` and return the answer, or None. Ctrl-C ends the wait."""
        with suppress(Empty):
            return self._answers.get(timeout=seconds)
        return None

    def wait(self) -> Answer:
        """Wait for an answer and return it. Ctrl-C ends the wait."""
        while True:
            answer = self.answer(0.2)
            if answer is not None:
                return answer


class Inbox:
    """The open questions of all cells and threads in a kernel, starting with the oldest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._questions: list[CellQuestion] = []
        self._listeners: list[Callable[[], object]] = []
        #: Whether a page is there whose answers arrive even while a cell is running.
        self.can_answer = False

    @contextmanager
    def asking(self, **ask: object) -> Iterator[CellQuestion]:
        """Show a question in all pickers and toolbars while a ``with`` block runs."""
        number = next_number()
        about = {"question": number, "of_cell": True, "can_answer": self.can_answer, "error": ""}
        question = CellQuestion({**about, **ask})
        with self._lock:
            self._questions.append(question)
        try:
            self._notify()
            yield question
        finally:
            with self._lock:
                self._questions.remove(question)
            self._notify()

    def take(self, number: int, answer: Answer) -> bool:
        """Pass an answer to the cell that asks a question.

        Return whether a cell is waiting for the answer to this question.
        """
        with self._lock:
            for question in self._questions:
                if question.number == number:
                    question.take(answer)
                    return True
        return False

    @property
    def ask(self) -> Mapping[str, Any] | None:
        """The data of the oldest open question, or None if no question is open."""
        with self._lock:
            return self._questions[0].ask if self._questions else None

    def subscribe(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Call ``listener`` whenever a question opens or closes.

        Return a function that ends the subscription.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _notify(self) -> None:
        for listener in self._listeners.copy():
            listener()


#: The kernel's questions. A process has one kernel, although several notebooks can use it.
INBOX = Inbox()
