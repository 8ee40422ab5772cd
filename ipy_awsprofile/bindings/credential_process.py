"""Print credentials in the format of ``credential_process``; this file is run as a script.

``borrow FOLDER`` prints the credentials that the kernel's `CredentialServer` in that folder lends.
``read FILE SECTION`` prints the access keys in a section of the user's config file. Child processes
can have another Python path, so this file imports only the standard library. It imports little,
since SDKs run it again each time that credentials expire.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
"""

from __future__ import annotations

import os
import sys

#: Seconds to wait for the kernel, which may be busy or call AWS itself. SDKs wait a minute.
TIMEOUT = 50.0


class NothingPrintedError(Exception):
    """There are no credentials to print; the message says why, in one line."""


def command_line(*arguments: str) -> str:
    """Return the command line that runs this script with these arguments, quoted.

    The environment and the working directory don't change what is imported (``-I``). ``site`` isn't
    imported (``-S``), since that takes most of the start.
    """
    words = [sys.executable, "-I", "-S", os.path.abspath(__file__), *arguments]
    if os.name == "nt":
        from subprocess import list2cmdline

        return list2cmdline(words)
    from shlex import join

    return join(words)


def address_of(folder: str) -> str:
    """Return the address of a folder's server: a socket in it, or on Windows a pipe with its name.

    https://docs.python.org/3/library/multiprocessing.html#address-formats
    """
    if os.name == "nt":
        return rf"\\.\pipe\{os.path.basename(folder)}"
    return os.path.join(folder, "socket")


def token_file(folder: str) -> str:
    """Return the path of the server's token, a file that only the user can read."""
    return os.path.join(folder, "token")


def borrowed(folder: str) -> bytes:
    """Return the credentials that the kernel lends. Raises NothingPrintedError."""
    from multiprocessing import AuthenticationError
    from multiprocessing.connection import Client

    try:
        with open(token_file(folder), "rb") as file:
            token = file.read()
        with Client(address_of(folder), authkey=token) as kernel:
            answer = kernel.recv_bytes()
    except (FileNotFoundError, ConnectionRefusedError):
        raise NothingPrintedError(
            "The kernel that lent this identity has ended or has switched to another identity."
        ) from None
    except PermissionError:
        raise NothingPrintedError("This identity is lent to another user.") from None
    except (OSError, EOFError, AuthenticationError, AssertionError):
        raise NothingPrintedError(
            "The kernel that lent this identity has closed the connection."
        ) from None
    return _without_error(answer)


def _without_error(answer: bytes) -> bytes:
    import json

    error = json.loads(answer).get("Error")
    if error is not None:
        raise NothingPrintedError(error)
    return answer


def read(file: str, section: str) -> bytes:
    """Return the access keys of a section of a config file. Raises NothingPrintedError."""
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
    except (configparser.Error, KeyError, ValueError):  # their messages can quote a secret
        raise NothingPrintedError(
            f"[{section}] of {file} no longer contains access keys."
        ) from None
    token = settings.get("aws_session_token") or settings.get("aws_security_token")
    if token:
        document["SessionToken"] = token
    return json.dumps(document).encode()


def _give_up() -> None:
    sys.stderr.write(f"The kernel is busy: it didn't answer within {TIMEOUT:.0f} seconds.\n")
    sys.stderr.flush()
    os._exit(1)  # nothing else ends the main thread while it waits


def main(arguments: list[str]) -> int:
    """Print credentials, or write the reason to stderr; return the exit status."""
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

    timer = Timer(TIMEOUT, _give_up)
    timer.daemon = True
    timer.start()
    try:
        return borrowed(folder)
    finally:
        timer.cancel()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
