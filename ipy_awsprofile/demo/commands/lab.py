"""``python -m ipy_awsprofile lab``: the tutorials in JupyterLab, on an embedded AWS."""

from __future__ import annotations

import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ipy_awsprofile.demo.commands.environment import clean_environment
from ipy_awsprofile.demo.stages.demo_aws import demo_aws

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: The tutorials in the wheel; pyproject.toml puts them there.
INSTALLED = Path(__file__).parents[1] / "notebooks"

#: By default, JupyterLab gets news from jupyterlab.github.io, and checks PyPI for updates.
#: https://jupyterlab.readthedocs.io/en/stable/user/announcements.html
_WITHOUT_NEWS = (
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
)

#: By default, JupyterLab also asks the user whether to fetch news.
_NEWS_SETTING = Path("@jupyterlab/apputils-extension/notification.jupyterlab-settings")

#: Seconds for JupyterLab to stop its kernels and itself. It can hang if one of its threads doesn't
#: end.
_GRACE = 20

#: The tutorial that opens first.
FIRST = "01-from-profile-to-buckets.ipynb"


def open_lab(arguments: Sequence[str], *, browser: bool) -> int:
    """Open copies of the tutorials in JupyterLab and wait until it stops.

    ``arguments`` are passed to ``jupyter lab``. Returns its exit status, or 0 after Ctrl-C.
    """
    with _other_signals_like_ctrl_c(), demo_aws() as aws:
        tutorials = aws.home / "tutorials"
        tutorials.mkdir()
        for notebook in notebooks_folder().glob("*.ipynb"):
            shutil.copy(notebook, tutorials)
        port, token = _free_port(), secrets.token_urlsafe()
        environment = clean_environment(aws)
        # The token isn't an argument, because every user of the machine can read the arguments.
        environment["JUPYTER_TOKEN"] = token
        environment["JUPYTERLAB_SETTINGS_DIR"] = str(_settings(aws.home))
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1"]
        command += [f"--ServerApp.port={port}", f"--ServerApp.root_dir={tutorials}"]
        command += [*_WITHOUT_NEWS, *arguments]
        server = subprocess.Popen(command, env=environment)  # noqa: S603
        url = f"http://127.0.0.1:{port}/lab/tree/{FIRST}?token={token}"
        page = _redirecting_page(url, aws.home) if browser else None
        threading.Thread(target=_announce, args=(port, url, page), daemon=True).start()
        try:
            return server.wait()
        except KeyboardInterrupt:  # JupyterLab received it too, and may be asking for confirmation
            with suppress(KeyboardInterrupt, subprocess.TimeoutExpired):
                server.terminate()
                server.wait(timeout=_GRACE)
            return 0
        finally:
            server.kill()  # if it still runs
            server.wait()


def _settings(home: Path) -> Path:
    """Write JupyterLab's user settings, which decline news; return their folder."""
    folder = home / "lab-settings"
    setting = folder / _NEWS_SETTING
    setting.parent.mkdir(parents=True)
    setting.write_text('{"fetchNews": "false"}')
    return folder


def notebooks_folder() -> Path:
    """Return the folder of the tutorials: in the installed package, or in the checkout."""
    return INSTALLED if INSTALLED.is_dir() else Path(__file__).parents[3] / "notebooks"


@contextmanager
def _other_signals_like_ctrl_c() -> Iterator[None]:
    """Raise KeyboardInterrupt for SIGTERM and SIGHUP, too, so that they also clean up."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # which gets all signals
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


def _redirecting_page(url: str, folder: Path) -> str:
    """Write a page that redirects to a URL; return the page's own URL.

    Every user of the machine can read a browser's arguments, but only the user can read the page.
    """
    page = folder / "open-lab.html"
    page.write_text(f'<!doctype html><meta http-equiv="refresh" content="0; url={url}">')
    return page.as_uri()


def _announce(port: int, url: str, page: str | None) -> None:
    """Print the URL when the server is up, and open ``page``, if given, in a browser.

    JupyterLab prints its URL without the token, because the environment sets the token.
    """
    for _ in range(100):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            print(f"\nThe tutorials: {url}\n", flush=True)  # noqa: T201
            if page:
                webbrowser.open(page)
            return
        time.sleep(0.3)
