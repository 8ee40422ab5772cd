"""The commands of ``python -m ipy_awsprofile``, on an embedded AWS of their own."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import signal
import site
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from ipy_awsprofile.demo.stages.demo_aws import demo_aws

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ipy_awsprofile.demo.aws import EmbeddedAws

#: What a user types; the second listing is refused, which is the point of it.
MAIN_JOB = (
    "%load_ext ipy_awsprofile",
    "%aws_profiles",
    "from ipy_awsprofile import list_buckets",
    "%aws_profile UserAlpha",
    "list_buckets(session)",
    "%aws_profile RoleBeta",
    "list_buckets(session)",
)
REFUSED = 4


def show_main_job() -> int:
    """Type the main job into a real IPython shell, and print what a user sees there."""
    with demo_aws() as aws, _environment(clean_environment(aws)), _shell() as shell:
        outcomes = []
        for cell in MAIN_JOB:
            print(f"In [{shell.execution_count}]: {cell}")  # noqa: T201
            outcomes.append(shell.run_cell(cell, store_history=True).success)
            print()  # noqa: T201
    expected = [number != REFUSED for number in range(len(MAIN_JOB))]
    return 0 if outcomes == expected else 1


def open_lab(arguments: Sequence[str], *, browser: bool) -> int:
    """Open copies of the tutorials in JupyterLab, until it is stopped.

    ``arguments`` go to ``jupyter lab``. Its exit status is returned, or 0 for Ctrl-C.
    """
    with _ended_like_ctrl_c(), demo_aws() as aws:
        tutorials = aws.home / "tutorials"
        tutorials.mkdir()
        for notebook in notebooks_folder().glob("*.ipynb"):
            shutil.copy(notebook, tutorials)
        port, token = _free_port(), secrets.token_urlsafe()
        environment = clean_environment(aws)
        # The token isn't an argument: those are for every user of the machine to read.
        environment["JUPYTER_TOKEN"] = token
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1"]
        command += [f"--ServerApp.port={port}", f"--ServerApp.root_dir={tutorials}", *arguments]
        server = subprocess.Popen(command, env=environment)  # noqa: S603
        url = f"http://127.0.0.1:{port}/lab?token={token}"
        page = _page_leading_to(url, aws.home) if browser else None
        threading.Thread(target=_tell_when_up, args=(port, url, page), daemon=True).start()
        try:
            return server.wait()
        except KeyboardInterrupt:  # JupyterLab got it too, and may be asking whether it is meant
            server.terminate()
            server.wait()
            return 0


def clean_environment(aws: EmbeddedAws) -> dict[str, str]:
    """Make the environment of a process that shall see this embedded AWS and no other one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    # With another home, Python would miss what is installed in the user's own.
    return {"PYTHONUSERBASE": site.getuserbase()} | kept | aws.environment()


def notebooks_folder() -> Path:
    """Find the tutorials: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[2]
    installed = package / "notebooks"
    return installed if installed.is_dir() else package.parent / "notebooks"


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
    """Open a shell of our own, and leave the one that may be running here as it is."""
    config = Config()
    # The home folder is gone before IPython would write its history at exit.
    config.HistoryManager.enabled = False
    theirs = InteractiveShell._instance  # noqa: SLF001  # to clear it is all that it lets one do
    InteractiveShell._instance = None  # noqa: SLF001
    try:
        shell = InteractiveShell.instance(config=config)
        try:
            yield shell
        finally:
            if "ipy_awsprofile" in shell.extension_manager.loaded:
                shell.extension_manager.unload_extension("ipy_awsprofile")
            shell.reset(new_session=False)
            shell.restore_sys_module_state()
            atexit.unregister(shell.atexit_operations)  # its end is now
    finally:
        InteractiveShell._instance = theirs  # noqa: SLF001


@contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    """Let other signals that ask for an end put everything away, too."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # no other gets signals
        yield
        return
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), interrupt) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _page_leading_to(url: str, folder: Path) -> str:
    """Write a page that only the user can read: a browser's arguments are for everybody."""
    page = folder / "open-lab.html"
    page.write_text(f'<!doctype html><meta http-equiv="refresh" content="0; url={url}">')
    return page.as_uri()


def _tell_when_up(port: int, url: str, page: str | None) -> None:
    """Print the address, which JupyterLab itself shows without a token that it was given."""
    for _ in range(100):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            print(f"\nThe tutorials: {url}\n", flush=True)  # noqa: T201
            if page:
                webbrowser.open(page)
            return
        time.sleep(0.3)
