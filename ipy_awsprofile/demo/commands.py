"""Run ``ipy-awsprofile demo`` and ``ipy-awsprofile lab``, which use the embedded AWS."""

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

from ipy_awsprofile.credentials.person import is_terminal
from ipy_awsprofile.demo.stages import demo_aws

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ipy_awsprofile.demo.aws import EmbeddedAws

#: The cells that the demo runs.
MAIN_JOB = (
    "%load_ext ipy_awsprofile\nfrom ipy_awsprofile import list_buckets",
    "%aws_profile RoleBeta",
    "list_buckets(session)",
    "%aws_profile UserAlpha",
    "list_buckets(session)  # denied: UserAlpha may only assume roles",
    "%aws_profile RoleBeta",
)
DENIED = 4  # the index of the cell that is expected to fail

#: The folders that can contain the tutorials: in a wheel (see pyproject.toml), and in a checkout.
_FOLDERS = (Path(__file__).parent / "notebooks", Path(__file__).parents[2] / "notebooks")

#: How many seconds a program has to stop after Ctrl-C. JupyterLab hangs if one of its threads does.
_GRACE = 20

#: The exit statuses of a program that Ctrl-C ended. The second is STATUS_CONTROL_C_EXIT.
#: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-erref/596a1078-e883-4972-9bbc-49e60bebca55
_INTERRUPTED = (-signal.SIGINT, 0xC000013A)


def clean_environment(aws: EmbeddedAws) -> dict[str, str]:
    """Return a copy of `os.environ` in which all AWS variables point to the embedded AWS."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    # Python looks for the user's packages in the home folder, which is now a different one.
    return {"PYTHONUSERBASE": site.getuserbase()} | kept | aws.environment()


def show_main_job() -> int:
    """Run the demo's cells in IPython, print them with their outputs, and return the exit status.

    The status is 0 if each cell succeeded or failed as expected. In a terminal, the user can then
    enter more cells in the same IPython session.
    """
    about = "This runs on a small AWS on this machine. No AWS account is involved.\n"
    print(about, flush=True)  # noqa: T201
    # In a notebook, `!` has a terminal, but no one can type in it.
    terminal = is_terminal(sys.stdin) and sys.stdout.isatty() and "JPY_PARENT_PID" not in os.environ
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL)\n"  # Ctrl-C ends the demo
        f"from {__name__} import run_cells; run_cells(stay={terminal})"
    )
    with demo_aws() as aws:
        # The kernel's folder is removed with the home, even if IPython is killed.
        environment = {**clean_environment(aws), "TMPDIR": str(aws.home)}
        # In the prompt, Ctrl-C is IPython's.
        status = _run([sys.executable, "-c", code], environment, signal.SIG_IGN)
    if status in _INTERRUPTED:
        raise KeyboardInterrupt
    if status == 0:
        # `make demo` installs neither JupyterLab nor a command on the PATH.
        lab = "make lab" if "MAKELEVEL" in os.environ else "ipy-awsprofile lab"
        print(f"To open the tutorials in JupyterLab, run: {lab}")  # noqa: T201
    return status


def run_cells(*, stay: bool) -> NoReturn:
    """Run the demo's cells in a new IPython shell, and then exit the process.

    The exit status is 1 if a cell unexpectedly failed or unexpectedly succeeded. Otherwise, if
    `stay` is true, the shell prompts for more cells before it exits.
    """
    from IPython.terminal.interactiveshell import TerminalInteractiveShell
    from traitlets.config import Config

    # IPython would write its history at exit, when the home folder has been removed.
    shell = TerminalInteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    outcomes = []
    for cell in MAIN_JOB:
        prompt = f"In [{shell.execution_count}]: "
        print(prompt + cell.replace("\n", f"\n{'...: ':>{len(prompt)}}"))  # noqa: T201
        outcomes.append(shell.run_cell(cell, store_history=True).success)
        print(flush=True)  # noqa: T201
    failed = outcomes != [number != DENIED for number in range(len(MAIN_JOB))]
    if stay and not failed:
        print(  # noqa: T201
            "Your turn: `%aws_profiles` lists the profiles, and Tab completes their names after "
            "`%aws_profile `. To leave, type `exit`."
        )
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # In the prompt, exiting restores the terminal; in a cell, IPython catches the exit.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(shell.ask_exit()))
        shell.mainloop()
    sys.exit(failed)


def open_lab(arguments: Sequence[str]) -> int:
    """Open copies of the tutorials in JupyterLab, and return the exit status (0 after Ctrl-C).

    The copies stay in ``ipy-awsprofile-tutorials``, a subfolder of the current folder, and keep the
    user's changes. ``arguments`` contains the arguments for ``jupyter lab``.
    """
    tutorials = Path("ipy-awsprofile-tutorials").absolute()
    try:
        tutorials.mkdir(exist_ok=True)
    except OSError as error:
        sys.exit(f"{tutorials} can't be created: {error.strerror}. Change to another folder.")
    for notebook in notebooks_folder().glob("*.ipynb"):
        if not (copy := tutorials / notebook.name).exists():
            shutil.copyfile(notebook, copy)
    print(  # noqa: T201
        f"Your notebooks stay in {tutorials}. The embedded AWS and its buckets are deleted when "
        "JupyterLab stops.",
        flush=True,
    )
    with demo_aws() as aws:
        environment = clean_environment(aws)
        environment.pop("JUPYTER_TOKEN", None)  # JupyterLab prints only tokens that it generates
        for name, first in (
            ("JUPYTER_CONFIG_PATH", _write_configuration(aws.home, tutorials)),
            ("PATH", str(Path(sys.executable).parent)),  # its terminals find papermill
        ):
            environment[name] = os.pathsep.join(filter(None, (first, environment.get(name))))
        with suppress(KeyboardInterrupt):
            command = [sys.executable, "-m", "jupyterlab", *arguments]
            return _run(command, environment, folder=tutorials)
    return 0


def notebooks_folder() -> Path:
    """Return the folder that contains the tutorials."""
    return next(folder for folder in _FOLDERS if folder.is_dir())


def _write_configuration(home: Path, root: Path) -> str:
    """Write configuration files for JupyterLab, and return the folder that contains them.

    `home` is the folder to write to, and `root` is the folder that JupyterLab shows. Command-line
    arguments override the settings in the configuration files.

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
    # The server listens only on loopback, and the user of a container is often root.
    server = {"ip": "127.0.0.1", "root_dir": str(root), "allow_root": True}
    for name, settings in {"lab": {"LabApp": lab}, "server": {"ServerApp": server}}.items():
        (folder / f"jupyter_{name}_config.json").write_text(json.dumps(settings))
    return str(folder)


def _run(
    command: Sequence[str],
    environment: dict[str, str],
    on_interrupt: Callable[..., Any] | int = signal.default_int_handler,
    folder: Path | None = None,
) -> int:
    """Run a program until it ends, and return its exit status.

    Ctrl-C interrupts both the program and this process, which handles Ctrl-C with ``on_interrupt``.
    By default, Ctrl-C stops the program and raises KeyboardInterrupt. SIGTERM and closing the
    terminal also stop the program and raise KeyboardInterrupt.
    """
    # The embedded AWS has sign-ins with a code only, which are for machines without a browser.
    environment = environment | {"SSH_CONNECTION": "embedded AWS"}
    handlers = {"SIGINT": on_interrupt, "SIGTERM": _interrupt, "SIGHUP": _interrupt}
    before = {}
    for name, handler in handlers.items():
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number and signal.getsignal(number) != signal.SIG_IGN:
            before[number] = signal.signal(number, handler)
    program = subprocess.Popen(command, env=environment, cwd=folder)  # noqa: S603
    try:
        return program.wait()
    except KeyboardInterrupt:  # the program may be asking for confirmation
        with suppress(KeyboardInterrupt, subprocess.TimeoutExpired):
            program.terminate()
            program.wait(timeout=_GRACE)
        raise
    finally:
        program.kill()  # if it still runs
        program.wait()
        for number, previous in before.items():
            signal.signal(number, previous)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
