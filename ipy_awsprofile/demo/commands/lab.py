"""``python -m ipy_awsprofile lab``: the tutorials in JupyterLab, on an embedded AWS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ipy_awsprofile.demo.commands.environment import clean_environment
from ipy_awsprofile.demo.commands.signals import signals_as_interrupts
from ipy_awsprofile.demo.stages.demo_aws import demo_aws

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The tutorials in the wheel; pyproject.toml puts them there.
INSTALLED = Path(__file__).parents[1] / "notebooks"

#: By default, JupyterLab asks the user whether to fetch news.
_NEWS_SETTING = Path("@jupyterlab/apputils-extension/notification.jupyterlab-settings")

#: Seconds for JupyterLab to stop its kernels and itself. It can hang if one of its threads doesn't
#: end.
_GRACE = 20

#: The tutorial that opens first.
FIRST = "01-from-profile-to-buckets.ipynb"


def open_lab(arguments: Sequence[str]) -> int:
    """Open copies of the tutorials in JupyterLab and wait until it stops.

    ``arguments`` are passed to ``jupyter lab`` and override our configuration. Returns its exit
    status, or 0 after Ctrl-C.
    """
    with signals_as_interrupts(), demo_aws() as aws:
        tutorials = aws.home / "tutorials"
        tutorials.mkdir()
        for notebook in notebooks_folder().glob("*.ipynb"):
            shutil.copy(notebook, tutorials)
        environment = clean_environment(aws)
        # JupyterLab prints its token only if it generates the token itself.
        environment.pop("JUPYTER_TOKEN", None)
        paths = [str(_configuration(aws.home, tutorials)), environment.get("JUPYTER_CONFIG_PATH")]
        environment["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
        environment["JUPYTERLAB_SETTINGS_DIR"] = str(_settings(aws.home))
        command = [sys.executable, "-m", "jupyterlab", *arguments]
        server = subprocess.Popen(command, env=environment)  # noqa: S603
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


def _configuration(home: Path, tutorials: Path) -> Path:
    """Write configuration files for JupyterLab; return their folder.

    Arguments override configuration files, and JupyterLab rejects an option that is given twice.
    https://docs.jupyter.org/en/latest/use/jupyter-directories.html
    """
    server = {"ip": "127.0.0.1", "root_dir": str(tutorials)}
    lab = {
        "default_url": f"/lab/tree/{FIRST}",
        # By default, JupyterLab gets news from jupyterlab.github.io, and checks PyPI for updates.
        # https://jupyterlab.readthedocs.io/en/stable/user/announcements.html
        "news_url": None,
        "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    folder = home / "lab-configuration"
    folder.mkdir()
    (folder / "jupyter_server_config.json").write_text(json.dumps({"ServerApp": server}))
    (folder / "jupyter_lab_config.json").write_text(json.dumps({"LabApp": lab}))
    return folder


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
