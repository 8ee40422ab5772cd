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


def show_sign_in(
    answer: Answer, view: Any, target: Target, *, device_code: bool
) -> EnteredSignIn | None:
    """Show where to sign in. When that is done, the view repeats its command.

    Returns the sign-in if the person has to enter what its page shows. Raises AwsProfileError if
    the sign-in can't begin.
    """
    from ipy_awsprofile.sessions.aws_login import EnteredSignIn
    from ipy_awsprofile.sessions.sign_in import begin_sign_in

    attempt = begin_sign_in(target, device_code=device_code)
    answer(view, {"type": "sign_in", "url": attempt.url, "code": attempt.code})
    if isinstance(attempt, EnteredSignIn):
        return attempt

    def wait() -> None:
        with errors_shown(answer, view):
            for _ in attempt.waiting():
                pass
            answer(view, {"type": "signed_in"})

    # The kernel stays free. The thread ends when the attempt expires, if not before.
    threading.Thread(target=wait, name="sign-in", daemon=True).start()
    return None


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
