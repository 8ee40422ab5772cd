"""``python -m ipy_awsprofile demo``: the main job in a real IPython shell, printed."""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.commands.environment import clean_environment
from ipy_awsprofile.demo.commands.signals import signals_as_interrupts
from ipy_awsprofile.demo.stages.scenario import seed

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The cells that the demo runs.
MAIN_JOB = (
    "%load_ext ipy_awsprofile",
    "%aws_profiles",
    "from ipy_awsprofile import list_buckets",
    "%aws_profile UserAlpha",
    "list_buckets(session)  # denied: UserAlpha may only assume RoleBeta",
    "%aws_profile RoleBeta",
    "list_buckets(session)",
)
DENIED = 4  # the index of the cell that is meant to fail


def show_main_job() -> int:
    """Run the main job in a real IPython shell and print it; return 0 if it went as expected.

    Ctrl-C raises KeyboardInterrupt, after the cleanup.
    """
    with (
        signals_as_interrupts() as signals,
        EmbeddedAws() as aws,
        _environment(clean_environment(aws)),
        _shell() as shell,
    ):
        seed(aws)
        print("This runs on a small AWS in this process. No AWS account is involved.\n")  # noqa: T201
        outcomes = []
        for cell in MAIN_JOB:
            print(f"In [{shell.execution_count}]: {cell}")  # noqa: T201
            result = shell.run_cell(cell, store_history=True)
            if signals:  # IPython and an interrupted switch have handled the KeyboardInterrupt
                raise KeyboardInterrupt
            outcomes.append(result.success)
            print()  # noqa: T201
    print("To try it yourself, open the tutorials: ipy-awsprofile lab")  # noqa: T201
    expected = [number != DENIED for number in range(len(MAIN_JOB))]
    return 0 if outcomes == expected else 1


class _DemoShell(InteractiveShell):  # type: ignore[misc]  # IPython is untyped
    """A shell that shows no traceback after Ctrl-C, because the demo ends."""

    def showtraceback(self, *arguments: object, **options: object) -> None:
        """Show the error of a cell, unless it is a KeyboardInterrupt."""
        if not isinstance(sys.exception(), KeyboardInterrupt):
            super().showtraceback(*arguments, **options)


@contextmanager
def _environment(environment: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _shell() -> Iterator[InteractiveShell]:
    """Open another shell until the context ends, and keep the shell that is already running."""
    config = Config()
    # IPython writes its history at exit, when the home folder has been removed.
    config.HistoryManager.enabled = False
    running = InteractiveShell._instance  # noqa: SLF001  # public methods can only clear it
    InteractiveShell._instance = None  # noqa: SLF001
    try:
        shell = _DemoShell.instance(config=config)
        try:
            yield shell
        finally:
            if "ipy_awsprofile" in shell.extension_manager.loaded:
                with capture_output():  # hide the warning that the switch has ended
                    shell.extension_manager.unload_extension("ipy_awsprofile")
            shell.reset(new_session=False)
            shell.restore_sys_module_state()
            atexit.unregister(shell.atexit_operations)  # this shell ends here, not at exit
    finally:
        _DemoShell.clear_instance()
        InteractiveShell._instance = running  # noqa: SLF001
