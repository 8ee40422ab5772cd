"""Print credentials as AWS SDKs want them of a ``credential_process``; run by path.

``borrow FOLDER`` prints what the kernel's `CredentialServer` in that folder lends. ``read FILE
SECTION`` prints the keys that stand in a section of the user's own config file. Child processes
have any Python path, or none of ours: this file needs the standard library alone, and imports
little, for SDKs run it again whenever credentials end.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
"""

from __future__ import annotations

import os
import sys

#: Seconds that a kernel gets, which may be busy or ask AWS itself. SDKs wait a minute.
PATIENCE = 50.0


class NothingPrintedError(Exception):
    """There are no credentials to print; the text says why, in one line."""


def command_line(*arguments: str) -> str:
    """Quote the line that runs this script with these arguments, for a shell or for an SDK.

    Neither the environment nor the working directory has a say in what is imported (``-I``), and
    ``site`` is left out (``-S``): it takes most of the start.
    """
    words = [sys.executable, "-I", "-S", os.path.abspath(__file__), *arguments]
    if os.name == "nt":
        from subprocess import list2cmdline

        return list2cmdline(words)
    from shlex import join

    return join(words)


def address_of(folder: str) -> str:
    """Say where the server of a folder listens: a socket in it, or on Windows a pipe of its name.

    https://docs.python.org/3/library/multiprocessing.html#address-formats
    """
    if os.name == "nt":
        return rf"\\.\pipe\{os.path.basename(folder)}"
    return os.path.join(folder, "socket")


def token_file(folder: str) -> str:
    """Say where the token of a folder's server stands. Only its user can read it."""
    return os.path.join(folder, "token")


def borrowed(folder: str) -> bytes:
    """Ask the kernel for its credentials. Raises NothingPrintedError."""
    from multiprocessing import AuthenticationError
    from multiprocessing.connection import Client

    try:
        with open(token_file(folder), "rb") as file:
            token = file.read()
        with Client(address_of(folder), authkey=token) as kernel:
            answer = kernel.recv_bytes()
    except (FileNotFoundError, ConnectionRefusedError):
        raise NothingPrintedError(
            "The kernel that lent this identity has ended, or has switched to another one."
        ) from None
    except PermissionError:
        raise NothingPrintedError("This identity is lent to another user.") from None
    except (OSError, EOFError, AuthenticationError, AssertionError):
        raise NothingPrintedError("The kernel that lent this identity has hung up.") from None
    return _without_error(answer)


def _without_error(answer: bytes) -> bytes:
    import json

    error = json.loads(answer).get("Error")
    if error is not None:
        raise NothingPrintedError(error)
    return answer


def read(file: str, section: str) -> bytes:
    """Read the keys in a section of a config file, as SDKs do. Raises NothingPrintedError."""
    import configparser
    import json

    parser = configparser.RawConfigParser()
    try:
        parser.read(file)
        settings = parser[section]
        document: dict[str, object] = {
            "Version": 1,
            "AccessKeyId": settings["aws_access_key_id"],
            "SecretAccessKey": settings["aws_secret_access_key"],
        }
    except (configparser.Error, KeyError, ValueError):  # their texts may quote a secret
        raise NothingPrintedError(f"There are no keys any more in [{section}] of {file}.") from None
    token = settings.get("aws_session_token") or settings.get("aws_security_token")
    if token:
        document["SessionToken"] = token
    return json.dumps(document).encode()


def _give_up() -> None:
    sys.stderr.write(f"The kernel is busy: it hasn't answered within {PATIENCE:.0f} seconds.\n")
    sys.stderr.flush()
    os._exit(1)  # the main thread can't be interrupted where it waits


def main(arguments: list[str]) -> int:
    """Print credentials, or write why there are none; return the exit status."""
    try:
        match arguments:
            case ["borrow", folder]:
                document = _borrowed_in_time(folder)
            case ["read", file, section]:
                document = read(file, section)
            case _:
                raise NothingPrintedError("Usage: borrow FOLDER | read FILE SECTION")
    except NothingPrintedError as reason:
        sys.stderr.write(f"{reason}\n")
        return 1
    sys.stdout.write(document.decode())
    return 0


def _borrowed_in_time(folder: str) -> bytes:
    from threading import Timer

    timer = Timer(PATIENCE, _give_up)
    timer.daemon = True
    timer.start()
    try:
        return borrowed(folder)
    finally:
        timer.cancel()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
