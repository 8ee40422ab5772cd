"""Wherever Ctrl-C interrupts the package, no frame of the traceback contains a secret."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import ipy_awsprofile
from ipy_awsprofile import using_profile
from ipy_awsprofile.credentials import interrupts
from ipy_awsprofile.libraries import polars_options, spark_options
from ipy_awsprofile.sessions.portable import portable
from ipy_awsprofile.sessions.session import ProfileSession, open_session

if TYPE_CHECKING:
    from types import FrameType

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

OF_THE_USER = "a-secret-in-the-environment"
PACKAGE = str(Path(ipy_awsprofile.__file__).parent)
FILES = (PACKAGE, os.__file__)


def interrupted(run: Callable[[], object], at: int) -> KeyboardInterrupt | None:
    """Run a function, interrupt it at the call with this number, and return the interrupt.

    Calls in the package and in `os` count. The result is None if the function ends before.
    """
    seen = 0

    def trace(frame: FrameType, _event: str, _arg: object) -> None:
        nonlocal seen
        file = frame.f_code.co_filename
        if file.startswith(FILES) and file != interrupts.__file__:
            seen += 1
            if seen == at:
                sys.settrace(None)
                raise KeyboardInterrupt

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    except KeyboardInterrupt as error:
        return error
    finally:
        sys.settrace(before)
    return None


def shown(error: BaseException | None) -> Iterator[str]:
    """Yield the reprs of the variables in the frames, as ``%xmode Verbose`` shows them."""
    while error is not None:
        stack = error.__traceback__
        while stack is not None:
            if stack.tb_frame.f_code.co_filename.startswith(FILES):
                yield from map(repr, stack.tb_frame.f_locals.values())
            stack = stack.tb_next
        error = error.__cause__ or error.__context__


def enter(profile: str) -> None:
    """Switch to a profile for an empty block."""
    with using_profile(profile):
        pass


CALLS: dict[str, tuple[Callable[[ProfileSession], object], range]] = {
    "spark": (spark_options, range(1, 40)),
    "polars": (polars_options, range(1, 40)),
    "polars, a call": (
        lambda session: polars_options(session)["credential_provider"](),
        range(1, 40),
    ),
    "a worker": (lambda session: portable(session).open(), range(1, 60)),
    "a scope": (lambda _session: enter("RoleBeta"), range(1, 400, 5)),
}


@pytest.mark.parametrize("call", CALLS)
def test_every_call(
    aws: EmbeddedAws, shell: Shell, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """No frame of the traceback contains the session's keys or the environment."""
    monkeypatch.setenv("OF_THE_USER", OF_THE_USER)
    run, numbers = CALLS[call]
    session = open_session("RoleBeta")
    run(session)
    secrets = (*aws.secrets(), OF_THE_USER)
    found = 0
    for number in numbers:
        error = interrupted(lambda: run(session), number)
        found += error is not None
        leaks = [text for text in shown(error) if any(secret in text for secret in secrets)]
        assert leaks == [], number
    assert found > len(numbers) // 4


def test_outer_error_keeps_its_stack() -> None:
    """An error that the caller is handling keeps its traceback."""

    @interrupts.interrupts_unshown()
    def stop() -> None:
        raise KeyboardInterrupt

    def divide() -> None:
        try:
            1 / 0  # noqa: B018
        except ZeroDivisionError:
            stop()

    with pytest.raises(KeyboardInterrupt) as caught:
        divide()
    context = caught.value.__context__
    assert isinstance(context, ZeroDivisionError)
    assert context.__traceback__


def test_other_errors_keep_their_stack(aws: EmbeddedAws) -> None:
    """Only interrupts are raised without their stack; a scope doesn't change other errors."""
    with pytest.raises(ZeroDivisionError) as caught, using_profile("UserAlpha"):
        1 / 0  # noqa: B018
    assert caught.traceback[-1].name == "test_other_errors_keep_their_stack"
