"""Try ipy_awsprofile on a small AWS on your own machine: no AWS account, no credentials needed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from ipy_awsprofile._version import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status, which is 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="ipy-awsprofile", description=__doc__)
    parser.add_argument("--version", action="version", version=f"ipy-awsprofile {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "demo", help="switch to a role in IPython and list its buckets, then type your own cells"
    )
    commands.add_parser(
        "lab",
        help="open the tutorials in JupyterLab; arguments such as --no-browser are for JupyterLab",
    )
    program = commands.add_parser(
        "credentials",
        help="print the credentials of the notebook that shares its identity, as JSON",
    )
    program.add_argument(
        "--agent",
        action="store_true",
        help="of the profile notebook-agent, which can only read unless you let it write",
    )
    options, arguments = parser.parse_known_args(argv)
    if arguments and options.command != "lab":
        parser.error(f"unrecognized arguments: {' '.join(arguments)}")
    try:
        if options.command == "credentials":
            return _print_credentials(for_agent=options.agent)
        return _run(options.command, arguments)
    except KeyboardInterrupt:
        return 130  # as in a shell: 128 and the number of SIGINT


def _print_credentials(*, for_agent: bool) -> int:
    """Print the shared credentials, or what to run on standard error, which SDKs show.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
    """
    from ipy_awsprofile.config.shared import AGENT, NOTEBOOK, NotShared, fetch_shared

    profile = AGENT if for_agent else NOTEBOOK
    try:
        print(fetch_shared(profile))  # noqa: T201
    except NotShared as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _run(command: str, arguments: Sequence[str]) -> int:
    try:
        if command == "lab" and find_spec("jupyterlab") is None:
            raise ImportError("No module named 'jupyterlab'")
        from ipy_awsprofile.demo.commands import open_lab, show_main_job
    except ImportError as error:
        print(  # noqa: T201
            f"`ipy-awsprofile {command}` needs more packages ({error}). In a clone, "
            f"`make {command}` installs them.\n"
            f'Run: pip install "ipy-awsprofile[{command}]"',
            file=sys.stderr,
        )
        return 1
    if command == "demo":
        return show_main_job()
    return open_lab(arguments)


if __name__ == "__main__":
    sys.exit(main())
