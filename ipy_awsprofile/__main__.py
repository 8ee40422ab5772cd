"""Try ipy_awsprofile without an AWS account, or run programs as a notebook's AWS identity."""

from __future__ import annotations

import argparse
import os
import stat
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from shutil import which

from ipy_awsprofile._version import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand of ``ipy-awsprofile`` and return its exit status (130 after Ctrl-C)."""
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
    launcher = commands.add_parser(
        "run",
        help="run a command with the profile notebook, without other AWS keys in its environment",
        usage="%(prog)s [-h] [--agent] -- COMMAND [ARGUMENT ...]",
    )
    launcher.add_argument("words", metavar="COMMAND", nargs="+")
    for shared in (program, launcher):
        shared.add_argument(
            "--agent",
            action="store_true",
            help="use the profile notebook-agent, which can only read unless you let it write",
        )
    checked = commands.add_parser(
        "policy", help="check a file of the organization's policy, and print what it sets"
    )
    checked.add_argument("file", metavar="FILE")
    options, arguments = parser.parse_known_args(_with_separator(argv))
    if arguments and options.command != "lab":
        parser.error(f"unrecognized arguments: {' '.join(arguments)}")
    try:
        if options.command == "credentials":
            return _print_credentials(for_agent=options.agent)
        if options.command == "policy":
            return _check_policy(options.file)
        if options.command == "run":
            return _run_program(options.words, for_agent=options.agent)
        return _run(options.command, arguments)
    except KeyboardInterrupt:
        return 130  # as in a shell: 128 and the number of SIGINT


def _with_separator(argv: Sequence[str] | None) -> list[str]:
    """Return the arguments with ``--`` before the command of ``run``, which has its own options."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] != ["run"] or "--" in words:
        return words
    begins = next((n for n, word in enumerate(words[1:], 1) if not word.startswith("-")), None)
    return words if begins is None else [*words[:begins], "--", *words[begins:]]


def _print_credentials(*, for_agent: bool) -> int:
    """Print a notebook's shared credentials or invalid keys, and return the exit status.

    If no notebook shares its identity, the keys are invalid. If the exit status isn't 0, botocore
    reports the message that this program has written to standard error. Other SDKs might fall back
    to other credentials after a failure, so they get invalid keys and exit status 0.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
    """
    from ipy_awsprofile.config.shared import (
        NotShared,
        fetch_shared,
        is_for_botocore,
        refused_document,
    )

    try:
        print(fetch_shared(_shared_profile(for_agent=for_agent)))  # noqa: T201
    except Exception as error:  # noqa: BLE001  # a fault of ours mustn't let an SDK go on, either
        problem = str(error)
        if not isinstance(error, NotShared):
            problem = f"ipy_awsprofile has a fault: {error!r}"
        print(refused_document(problem))  # noqa: T201
        # Some versions of the SDK for C++ send both to one pipe. They can't read the keys beside a
        # message, and would go on to other credentials.
        if not _has_one_output():
            print(problem, file=sys.stderr)  # noqa: T201
        return int(is_for_botocore())
    return 0


def _has_one_output() -> bool:
    """Return whether standard output and standard error are the same pipe."""
    if sys.platform == "win32":  # there, pipes have no numbers to tell them apart
        return False
    try:
        output, errors = os.fstat(1), os.fstat(2)
    except OSError:  # one of them is closed
        return False
    return stat.S_ISFIFO(output.st_mode) and os.path.samestat(output, errors)


def _check_policy(file: str) -> int:
    """Print the settings in an organization's policy file, or the error if the file is invalid.

    Return the exit status.
    """
    from pathlib import Path

    from ipy_awsprofile.config.organization import read_policy_file
    from ipy_awsprofile.errors import ConfigFileError

    try:
        policy = read_policy_file(Path(file).absolute())
    except ConfigFileError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    rows = policy.rows()
    width = max((len(name) for name, _ in rows), default=0)
    for name, text in rows or [("", "The file doesn't contain any settings.")]:
        print(f"{name:{width}}  {text}".strip())  # noqa: T201
    if policy.is_changeable:
        print("You can change this file, so it doesn't restrict you.", file=sys.stderr)  # noqa: T201
    return 0


def _run_program(words: Sequence[str], *, for_agent: bool) -> int:
    """Run a command in an environment whose only credentials are the shared credentials.

    Return the command's exit status.
    """
    from ipy_awsprofile.config.files import read_config
    from ipy_awsprofile.config.shared import environment_with, python_of

    profile = _shared_profile(for_agent=for_agent)
    profiles = read_config().profiles
    if words[0] in profiles and which(words[0]) is None:
        print(  # noqa: T201
            f"`run` runs a program as the notebook's identity, but `{words[0]}` is a profile. To "
            "run a program with this profile, set the environment variable AWS_PROFILE instead.",
            file=sys.stderr,
        )
        return 2
    if not python_of(profiles.get(profile, {})):
        print(  # noqa: T201
            f"The config file doesn't have the profile `{profile}`. Run `%aws_profile --share "
            "--yes` in a notebook.",
            file=sys.stderr,
        )
        return 1
    environment = environment_with(profile, os.environ)
    try:
        if sys.platform == "win32":  # which can't replace a process
            return subprocess.call(words, env=environment)  # noqa: S603  # the user's command
        os.execvpe(words[0], [*words], environment)  # noqa: S606
    except OSError as error:
        problem = f"`{words[0]}` can't be run: {error.strerror}."
        if len(words) == 1 and " " in words[0]:
            problem += " Write the command and its arguments without quotation marks around them."
        print(problem, file=sys.stderr)  # noqa: T201
        return 127  # as in a shell


def _shared_profile(*, for_agent: bool) -> str:
    from ipy_awsprofile.config.shared import AGENT, NOTEBOOK

    return AGENT if for_agent else NOTEBOOK


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
