"""Print credentials in the ``credential_process`` format. This file runs as a script.

``borrow URL TOKEN_FILE`` prints the credentials that the kernel's `CredentialServer` lends at that
URL. ``read FILE SECTION`` prints the access keys in a section of the user's config file. Child
processes can have a different Python path, so this file imports only the standard library. It
imports little of it, because SDKs run this script each time that credentials expire.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
"""

from __future__ import annotations

import os
import sys

#: Seconds to wait for the kernel, which may be busy or call AWS itself. SDKs wait one minute.
TIMEOUT = 50.0

#: The file in a kernel's private folder that the kernel keeps locked.
LOCK_FILE = "lock"


class NothingPrintedError(Exception):
    """Raised if no credentials can be printed. The message gives the reason in one line."""


def command_line(*arguments: str) -> str:
    """Return the quoted command line that runs this script with these arguments.

    With ``-I``, the environment and the working directory don't affect imports. ``-S`` skips the
    import of ``site``, which takes most of the startup time.
    """
    words = [sys.executable, "-I", "-S", os.path.abspath(__file__), *arguments]
    if os.name == "nt":
        from subprocess import list2cmdline

        return list2cmdline(words)
    from shlex import join

    return join(words)


def is_abandoned(folder: str) -> bool:
    """Return whether the kernel that created a private folder has ended, even if it was killed.

    The kernel keeps the folder's lock file locked, or open on Windows, until it ends. Raises
    OSError if the file can't be read.
    """
    lock = os.path.join(folder, LOCK_FILE)
    with open(lock) as file:
        try:
            from fcntl import LOCK_NB, LOCK_SH, flock
        except ImportError:
            file.close()
            return _is_closed_on_windows(lock)
        try:
            flock(file, LOCK_SH | LOCK_NB)
        except OSError:  # the kernel holds it, or the file system doesn't support locks
            return False
    return True


def _is_closed_on_windows(file: str) -> bool:
    """Return whether no process has a file open: Windows can't rename open files."""
    try:
        os.rename(file, file)
    except PermissionError:
        return False
    return True


def borrowed(url: str, token_file: str) -> bytes:
    """Return the credentials that the kernel lends at a URL. Raises NothingPrintedError.

    After the kernel was killed, another user's server can listen on its port and return other
    credentials. If the kernel still holds its lock after the response, it has sent the response.
    """
    import json
    from http.client import HTTPConnection, HTTPException

    host, _, path = url.removeprefix("http://").partition("/")
    folder = os.path.dirname(token_file)
    try:
        with open(token_file) as file:
            token = file.read()
        if is_abandoned(folder):
            raise FileNotFoundError
        kernel = HTTPConnection(host, timeout=TIMEOUT)
        kernel.request("GET", f"/{path}", headers={"Authorization": token})
        answer = json.loads(kernel.getresponse().read())
        if is_abandoned(folder):
            raise FileNotFoundError
        if not isinstance(answer, dict) or not answer.keys() & {"Token", "Message"}:
            raise ValueError(answer)
    except (FileNotFoundError, ConnectionRefusedError):
        raise NothingPrintedError("The kernel that lent this identity has ended.") from None
    except PermissionError:
        raise NothingPrintedError("This identity is lent to another user.") from None
    except TimeoutError:
        raise NothingPrintedError(
            f"The kernel is busy, and didn't respond within {TIMEOUT:.0f} seconds."
        ) from None
    except (OSError, HTTPException, ValueError):
        raise NothingPrintedError(
            "The kernel that lent this identity has closed the connection."
        ) from None
    if "Token" not in answer:
        raise NothingPrintedError(answer["Message"])
    answer["SessionToken"] = answer.pop("Token")
    return json.dumps({"Version": 1, **answer}).encode()


def read(file: str, section: str) -> bytes:
    """Return the access keys in a section of a config file. Raises NothingPrintedError."""
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


def main(arguments: list[str]) -> int:
    """Print credentials, or write the error to stderr. Return the exit status."""
    try:
        match arguments:
            case ["borrow", url, token_file]:
                document = borrowed(url, token_file)
            case ["read", file, section]:
                document = read(file, section)
            case _:
                raise NothingPrintedError("Usage: borrow URL TOKEN_FILE | read FILE SECTION")
    except NothingPrintedError as reason:
        sys.stderr.write(f"{reason}\n")
        return 1
    sys.stdout.write(document.decode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
