"""Show errors and sign-ins in a view, and wait for a sign-in without blocking the kernel."""

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
    from ipy_awsprofile.sessions.sign_in import Attempt

#: Sends a message to one view.
Answer = Callable[[Any, Message], None]


class SignInsAtViews:
    """Shows where to sign in, and waits for the sign-in. A picker has one sign-in at a time."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._given_up = threading.Event()
        self._is_closed = False
        #: The sign-in that waits for the user to enter a code, or None.
        self.entered: Attempt | None = None

    def show(self, view: Any, target: Target, *, device_code: bool) -> None:
        """Show where to sign in. After the sign-in, the view repeats its command.

        Raises AwsProfileError if the sign-in can't begin.
        """
        from ipy_awsprofile.sessions.sign_in import begin_sign_in

        self.give_up()
        if self._is_closed:  # closed while a thread listed roles
            return
        attempt = begin_sign_in(target, device_code=device_code)
        given_up = self._given_up = threading.Event()
        self.entered = attempt if attempt.code is None else None
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

        # The kernel stays free. The thread ends when the attempt expires, or earlier.
        threading.Thread(target=wait, name="sign-in", daemon=True).start()

    def give_up(self) -> None:
        """Stop waiting, because the user chose something else."""
        self._given_up.set()

    def close(self) -> None:
        """Stop waiting, and show no further sign-ins, because the picker is closed."""
        self._is_closed = True
        self.give_up()


@contextmanager
def errors_shown(answer: Answer, view: Any) -> Iterator[None]:
    """Answer with the error card, and raise unexpected errors again for the kernel's log."""
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
        f"Something unexpected happened: {type(error).__name__}.",
        "For details, see the kernel's log.",
    )
