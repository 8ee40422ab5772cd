"""The person who enters MFA codes and signs in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ipy_awsprofile.config.target import Target
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

#: Lets a person sign in for a target; raises a subclass of AwsProfileError otherwise.
SignIn = Callable[["Target"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """How a person is asked.

    ``mfa_prompter`` gets botocore's question, which contains the MFA device's serial number, and
    returns the code; it is asked ``attempts`` times in all if a code is wrong. ``mfa_process`` does
    the same without a person, and takes precedence. ``sign_in`` is None where nobody can sign in.
    ``waiting`` tells a person of a process that takes its time.
    """

    mfa_prompter: MfaPrompter = ask_on_input_channel
    mfa_process: MfaPrompter | None = None
    attempts: int = 1
    sign_in: SignIn | None = None
    waiting: Waiting = untold

    def code(self, question: str, target: Target, *, refused: str = "") -> str:
        """Return an MFA code. A command in the profile takes precedence over all else.

        ``refused`` is what is wrong with the code before. Raises MfaUnavailable, MfaRejected, or
        what the prompter raises.
        """
        serial = device_of(question)
        names = (each.name for each in target.profiles if each.mfa_serial == serial)
        asked = Question(question, next(names, target.name), refused, _command_for(target))
        ask = self.mfa_process or self.mfa_prompter
        return code_for(asked, target.mfa_processes, ask, self.waiting)

    def answers(self, question: str, target: Target) -> bool:
        """Return whether a person answers a question, and not a command."""
        return self.mfa_process is None and device_of(question) not in target.mfa_processes

    def sign_in_for(self, target: Target) -> None:
        """Let the person sign in. Raises SignInRequired if no one is available to do so."""
        if self.sign_in is None:
            raise sign_in_required(target)
        self.sign_in(target)


def _command_for(target: Target) -> str:
    """Return the command that opens the same session, as a part of a sentence."""
    from ipy_awsprofile.config.default_chain import typed  # which loading doesn't need

    mfa = target.mfa
    options = target.options or target.policy or target.parameters or (mfa and mfa.duration)
    command = f"`%aws_profile {typed(target.chain)}{' --mfa' if mfa else ''}`"
    return f"{command} with the same options" if options else command


#: What to do if the code of a command or a function is wrong.
_CHECK_PROCESS = (
    "The code came from `mfa_process`: run its command in a terminal, or call its function, and "
    "compare the code with the one on the device. Each code works once."
)


def sign_in_required(target: Target) -> SignInRequired:
    """Return the error for a target without a valid sign-in."""
    from ipy_awsprofile.config.profiles import ProfileKind  # which loading doesn't need
    from ipy_awsprofile.config.sign_ins import command_without_session

    source = target.profiles[-1]
    if source.kind is ProfileKind.LOGIN_SESSION:
        command: str | None = f"aws login --profile {source.name}"
    else:
        command = command_without_session(source.name)
    return SignInRequired(target.name, source.name, command=command)


_T = TypeVar("_T")


class CodePrompter:
    """botocore's prompter for a target; ``person`` returns the current `Person` to prompt.

    ``caller`` is the target whose Region the call with the code is made in, if it is another one.
    """

    def __init__(
        self, person: Callable[[], Person], target: Target, caller: Target | None = None
    ) -> None:
        self._person = person
        self._target = target
        self._caller = caller or target
        self._refused = ""  # why the person's last code was refused
        self._answers = False  # whether a person answered, and not a command
        self._from_process = False  # whether the last code came from a command

    def __call__(self, question: str) -> str:
        """Return a code. Raises MfaUnavailable, MfaRejected, or what the prompter raises.

        Raises what `require_region` raises before it prompts: each code works once.
        """
        from ipy_awsprofile.credentials.region_checks import require_region  # it imports botocore

        require_region(self._caller)
        person = self._person()
        self._answers = person.answers(question, self._target)
        self._from_process = not self._answers
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
                    if self._from_process and not error.is_about_device:
                        error.hint = _CHECK_PROCESS
                    if attempts < 1 or not self._answers or error.is_about_device:
                        self._answers = False  # a later step of the chain doesn't ask again
                        raise
                    self._refused = str(error)
        finally:
            self._refused = ""
