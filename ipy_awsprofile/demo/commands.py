"""``ipy-awsprofile demo`` and ``ipy-awsprofile lab``: a program that uses an embedded AWS."""

from __future__ import annotations

import json
import os
import shutil
import signal
import site
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ipy_awsprofile.demo.stages import demo_aws

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipy_awsprofile.demo.aws import EmbeddedAws

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

#: The tutorials in the wheel, where pyproject.toml puts them, or in a checkout.
_PLACES = (Path(__file__).parent / "notebooks", Path(__file__).parents[2] / "notebooks")

#: Seconds for a program to stop after Ctrl-C. JupyterLab can hang if a thread of it doesn't end.
_GRACE = 20


def clean_environment(aws: EmbeddedAws) -> dict[str, str]:
    """Return this process's environment, with only one embedded AWS's settings for AWS."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    # Python looks for the user's packages in the home folder, which is now a different one.
    return {"PYTHONUSERBASE": site.getuserbase()} | kept | aws.environment()


def show_main_job() -> int:
    """Run the main job in IPython and print it; return 0 if it went as expected."""
    about = "This runs on a small AWS on this machine. No AWS account is involved.\n"
    print(about, flush=True)  # noqa: T201
    with demo_aws() as aws:
        code = f"import {__name__} as commands; commands.run_cells()"
        status = _run([sys.executable, "-c", code], clean_environment(aws))
    if status == 0:
        print("To try it yourself, open the tutorials: ipy-awsprofile lab")  # noqa: T201
    return status


def run_cells() -> NoReturn:
    """Run the main job's cells in a new IPython shell, and exit."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends the demo, and not only a cell
    # IPython would write its history at exit, when the home folder has been removed.
    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    outcomes = []
    for cell in MAIN_JOB:
        print(f"In [{shell.execution_count}]: {cell}")  # noqa: T201
        outcomes.append(shell.run_cell(cell, store_history=True).success)
        print(flush=True)  # noqa: T201
    sys.exit(outcomes != [number != DENIED for number in range(len(MAIN_JOB))])


def open_lab(arguments: Sequence[str]) -> int:
    """Open copies of the tutorials in JupyterLab and wait until it stops.

    ``arguments`` are passed to ``jupyter lab``. Returns its exit status, or 0 after Ctrl-C.
    """
    with demo_aws() as aws:
        tutorials = aws.home / "tutorials"
        tutorials.mkdir()
        for notebook in notebooks_folder().glob("*.ipynb"):
            shutil.copy(notebook, tutorials)
        environment = clean_environment(aws)
        environment.pop("JUPYTER_TOKEN", None)  # JupyterLab prints only a token of its own
        paths = [_write_configuration(aws.home), environment.get("JUPYTER_CONFIG_PATH")]
        environment["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
        # The embedded AWS has sign-ins with a code only, which are for machines without a browser.
        environment["SSH_CONNECTION"] = "embedded AWS"
        with suppress(KeyboardInterrupt):
            return _run([sys.executable, "-m", "jupyterlab", *arguments], environment)
    return 0


def notebooks_folder() -> Path:
    """Return the folder of the tutorials."""
    return next(place for place in _PLACES if place.is_dir())


def _write_configuration(home: Path) -> str:
    """Write JupyterLab's configuration, which arguments override; return its folder.

    https://docs.jupyter.org/en/latest/use/jupyter-directories.html
    """
    folder = home / "lab-configuration"
    news = folder / "lab-settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    news.parent.mkdir(parents=True)
    news.write_text('{"fetchNews": "false"}')  # JupyterLab doesn't ask whether to fetch news
    lab = {
        "default_url": "/lab/tree/01-from-profile-to-buckets.ipynb",
        "user_settings_dir": str(folder / "lab-settings"),
        # https://jupyterlab.readthedocs.io/en/stable/user/announcements.html
        "news_url": None,
        "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    server = {"ip": "127.0.0.1", "root_dir": str(home / "tutorials")}
    for name, settings in {"lab": {"LabApp": lab}, "server": {"ServerApp": server}}.items():
        (folder / f"jupyter_{name}_config.json").write_text(json.dumps(settings))
    return str(folder)


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    """Run a program until it ends; return its exit status.

    Raises KeyboardInterrupt after Ctrl-C, and if SIGTERM or a closed terminal ends this process.
    """
    numbers = {signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}  # Windows has one
    before = {one: old for one in numbers if (old := signal.getsignal(one)) != signal.SIG_IGN}
    for number in before:
        signal.signal(number, _interrupt)
    program = subprocess.Popen(command, env=environment)  # noqa: S603
    try:
        return program.wait()
    except KeyboardInterrupt:  # the program received it, too, and may be asking for confirmation
        with suppress(KeyboardInterrupt, subprocess.TimeoutExpired):
            program.terminate()
            program.wait(timeout=_GRACE)
        raise
    finally:
        program.kill()  # if it still runs
        program.wait()
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
