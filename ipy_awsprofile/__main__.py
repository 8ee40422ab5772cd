"""Try ipy_awsprofile on a small AWS on your own machine: no AWS account, no credentials needed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from ipy_awsprofile._version import __version__

#: The exit status after Ctrl-C, as in a shell: 128 and the number of SIGINT.
_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status, which is 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="ipy-awsprofile", description=__doc__)
    version = f"ipy-awsprofile {__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(dest="command", required=True)
    demo = "run the main job in IPython and print it: switch to a role and list its buckets"
    commands.add_parser("demo", help=demo, description=demo)
    tutorials = "open the tutorials in JupyterLab; other arguments are passed to JupyterLab"
    lab = commands.add_parser("lab", help=tutorials, description=tutorials)
    lab.add_argument("--no-browser", action="store_true", help="only print the URL")
    options, more = parser.parse_known_args(argv)
    if more and options.command != "lab":
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    arguments = [*more, *(["--no-browser"] if getattr(options, "no_browser", False) else [])]
    try:
        return _run(options.command, arguments)
    except KeyboardInterrupt:
        return _INTERRUPTED


def _run(command: str, arguments: Sequence[str]) -> int:
    try:
        if command == "lab" and find_spec("jupyterlab") is None:
            raise ImportError("No module named 'jupyterlab'")
        from ipy_awsprofile.demo.commands.lab import open_lab
        from ipy_awsprofile.demo.commands.main_job import show_main_job
    except ImportError as error:
        print(  # noqa: T201
            f"This needs packages that aren't installed ({error}).\n"
            f'Run: pip install "ipy-awsprofile[{command}]"',
            file=sys.stderr,
        )
        return 1
    if command == "demo":
        return show_main_job()
    return open_lab(arguments)


if __name__ == "__main__":
    sys.exit(main())
