"""The person at a view: errors are shown there, and a sign-in is waited for without the kernel."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.errors import AwsProfileError, SwitchInterrupted
from ipy_awsprofile.picker.card_messages import error_message
from ipy_awsprofile.picker.messages import Message

if TYPE_CHECKING:
    from ipy_awsprofile.config.target import Target
    from ipy_awsprofile.sessions.aws_login import EnteredSignIn

#: Sends a message to one view.
Answer = Callable[[Any, Message], None]


class SignInsAtViews:
    """Shows where to sign in, and waits for it. The views of a picker wait for one at a time."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._given_up = threading.Event()
        self._is_closed = False
        #: The sign-in that waits for what the person enters.
        self.entered: EnteredSignIn | None = None

    def show(self, view: Any, target: Target, *, device_code: bool) -> None:
        """Show where to sign in. When that is done, the view repeats its command.

        Raises AwsProfileError if the sign-in can't begin.
        """
        from ipy_awsprofile.sessions.aws_login import EnteredSignIn
        from ipy_awsprofile.sessions.sign_in import begin_sign_in

        self.give_up()
        if self._is_closed:  # while roles were listed in a thread
            return
        attempt = begin_sign_in(target, device_code=device_code)
        given_up = self._given_up = threading.Event()
        self.entered = attempt if isinstance(attempt, EnteredSignIn) else None
        self._answer(view, {"type": "sign_in", "url": attempt.url, "code": attempt.code})

        def wait() -> None:
            with errors_shown(answer, view):
                for _ in attempt.waiting(given_up.wait):
                    if given_up.is_set():
                        return
                answer(view, {"type": "signed_in"})

        def answer(view: Any, message: Message) -> None:
            if not given_up.is_set():
                self._answer(view, message)

        # The kernel stays free. The thread ends when the attempt expires, if not before.
        threading.Thread(target=wait, name="sign-in", daemon=True).start()

    def give_up(self) -> None:
        """Stop waiting: the person wants something else."""
        self._given_up.set()

    def close(self) -> None:
        """Stop waiting, and show no other sign-in: the picker is closed."""
        self._is_closed = True
        self.give_up()


@contextmanager
def errors_shown(answer: Answer, view: Any) -> Iterator[None]:
    """Answer with the error card. An unexpected error is raised again: the kernel logs it."""
    try:
        yield
    except AwsProfileError as error:
        answer(view, error_message(error))
    except KeyboardInterrupt:
        answer(view, error_message(SwitchInterrupted()))
    except Exception as error:
        answer(view, error_message(_unexpected(error)))
        raise


def _unexpected(error: Exception) -> AwsProfileError:
    return AwsProfileError(
        f"Something unexpected happened: {type(error).__name__}.", "The kernel's log has more."
    )
