"""Make the front end show one prompt at a time.

An answer from the front end doesn't identify the prompt that it belongs to. While a prompt is
waiting for an answer, for example a cell's `input()`, the prompts of other threads have to wait.

https://jupyter-client.readthedocs.io/en/stable/messaging.html#messages-on-the-stdin-router-dealer-channel
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
Result = TypeVar("Result")

#: The lock that a prompt holds. A thread that holds it can show a card before its prompt.
PROMPT_TURN = threading.RLock()


def take_turns(kernel: Any, ending: ExitStack) -> None:
    """Make the kernel show one prompt at a time until ``ending`` is closed."""
    kernel._input_request = _in_turn(kernel._input_request)  # noqa: SLF001  # ipykernel has no hook
    ending.callback(partial(delattr, kernel, "_input_request"))


def _in_turn(function: Callable[P, Result]) -> Callable[P, Result]:
    @wraps(function)
    def wait_and_call(*args: P.args, **kwargs: P.kwargs) -> Result:
        with PROMPT_TURN:  # Ctrl-C ends the wait
            return function(*args, **kwargs)

    return wait_and_call
