"""Asks a person for the MFA codes of a target, and again if a code was wrong."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from ipy_awsprofile.config.target import Target
from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.errors import MfaRejected

_T = TypeVar("_T")


class CodePrompter:
    """botocore's prompter for a target; ``person`` returns the current `Person` to prompt."""

    def __init__(self, person: Callable[[], Person], target: Target) -> None:
        self._person = person
        self._target = target
        self._refused = ""  # why the person's last code was refused
        self._answers = False  # whether a person answered, and not a command

    def __call__(self, question: str) -> str:
        """Return a code. Raises MfaUnavailable, MfaRejected, or what the prompter raises."""
        person = self._person()
        self._answers = person.answers(question, self._target)
        return person.code(question, self._target, refused=self._refused)

    def waiting(self, what: str) -> AbstractContextManager[object]:
        """Tell the person what the cell waits for, as long as the context lasts."""
        return self._person().waiting(what)

    def with_code(self, fetch: Callable[[], _T]) -> _T:
        """Return what ``fetch`` returns, which asks for a code.

        If it raises MfaRejected, prompt the person again, unless no code can be right.
        """
        attempts = self._person().attempts
        try:
            while True:
                self._answers, attempts = False, attempts - 1
                try:
                    return fetch()
                except MfaRejected as error:
                    if attempts < 1 or not self._answers or error.is_about_device:
                        self._answers = False  # a later step of the chain doesn't ask again
                        raise
                    self._refused = str(error)
        finally:
            self._refused = ""
