"""Prompt the user for MFA codes and sign-ins."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ipy_awsprofile.credentials.chain_names import ChainNames
from ipy_awsprofile.credentials.mfa_prompt import (
    MfaPrompter,
    Question,
    ask_on_input_channel,
    code_for,
    device_of,
)
from ipy_awsprofile.credentials.process_wait import Waiting, untold
from ipy_awsprofile.errors import MfaRejected, SignInRequired

if TYPE_CHECKING:
    from ipy_awsprofile.config.target import Target

#: Lets the user sign in for a target. Raises a subclass of AwsProfileError if that fails.
SignIn = Callable[["Target"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Functions and settings to prompt the user.

    ``mfa_prompter`` receives botocore's prompt, which contains the MFA device's serial number, and
    returns the code. If a code is wrong, it is called again, up to ``attempts`` times in total.
    ``mfa_process`` returns a code without user input, and takes precedence. ``sign_in`` is None if
    no one is available to sign in. ``waiting`` shows a notice while a process takes long.
    """

    mfa_prompter: MfaPrompter = ask_on_input_channel
    mfa_process: MfaPrompter | None = None
    attempts: int = 1
    sign_in: SignIn | None = None
    waiting: Waiting = untold

    def code(self, question: str, target: Target, *, refused: str = "") -> str:
        """Return an MFA code. A command in the profile takes precedence.

        ``refused`` is the reason that the previous code was rejected. Raises MfaUnavailable,
        MfaRejected, or the prompter's exceptions.
        """
        serial = device_of(question)
        names = (each.name for each in target.chain if each.mfa_serial == serial)
        command = f"`%aws_profile {ChainNames(target.names).typed('--mfa' if target.mfa else '')}`"
        asked = Question(question, next(names, target.name), refused, command)
        ask = self.mfa_process or self.mfa_prompter
        return code_for(asked, target.mfa_process(serial), ask, self.waiting)

    def answers(self, question: str, target: Target) -> bool:
        """Return whether the user answers the prompt, rather than a command or function."""
        return self.mfa_process is None and not target.mfa_process(device_of(question))

    def sign_in_for(self, target: Target) -> None:
        """Let the user sign in. Raises SignInRequired if no one is available to sign in."""
        if self.sign_in is None:
            raise sign_in_required(target)
        self.sign_in(target)


#: The hint for a wrong code from a command or a function.
_CHECK_PROCESS = (
    "The code came from `mfa_process`: run its command in a terminal, or call its function, and "
    "compare the code with the one on the device. Each code works once."
)


def sign_in_required(target: Target) -> SignInRequired:
    """Return the exception for a target without a valid sign-in."""
    from ipy_awsprofile.config.profiles import ProfileKind  # not needed to load the extension

    is_login = target.chain[-1].kind is ProfileKind.LOGIN_SESSION
    return ChainNames(target.names).sign_in_required(is_login=is_login)


_T = TypeVar("_T")


class CodePrompter:
    """botocore's prompter for a target. ``person`` returns the current `Person` to prompt."""

    def __init__(self, person: Callable[[], Person], target: Target) -> None:
        self._person = person
        self._target = target
        self._refused = ""  # the reason that the user's last code was rejected
        self._answers = False  # whether the user answered, rather than a command
        self._from_process = False  # whether the last code came from a command

    def __call__(self, question: str) -> str:
        """Return a code. Raises MfaUnavailable, MfaRejected, or the prompter's exceptions."""
        person = self._person()
        self._answers = person.answers(question, self._target)
        self._from_process = not self._answers
        return person.code(question, self._target, refused=self._refused)

    def waiting(self, what: str) -> AbstractContextManager[object]:
        """Show the user what the cell is waiting for until the context ends."""
        return self._person().waiting(what)

    def with_code(self, fetch: Callable[[], _T]) -> _T:
        """Return the result of ``fetch``, which prompts for a code.

        If it raises MfaRejected, prompt the user again, unless AWS refused the device.
        """
        attempts = self._person().attempts
        try:
            while True:
                self._answers, attempts = False, attempts - 1
                try:
                    return fetch()
                except MfaRejected as error:
                    if self._from_process and not error.is_about_device:
                        error.hint = _CHECK_PROCESS
                    if attempts < 1 or not self._answers or error.is_about_device:
                        self._answers = False  # later steps of the chain don't prompt again
                        raise
                    self._refused = str(error)
        finally:
            self._refused = ""
