"""Ask the kernel for a session's credentials, as the ``credential_process`` of child processes.

SDKs in child processes run this file as a program and wait until the program ends. While the
program runs, the kernel can prompt the user. To start quickly, the file doesn't import this package
or any slow modules. The arguments are the kernel's port, the session's path on the server, and the
path of the file with the session's token.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
"""

from __future__ import annotations

import json
import socket
import sys


def main(port: str, path: str, token_file: str) -> str:
    """Return the credentials as JSON, or exit with the kernel's error message."""
    try:
        with open(token_file) as file:
            token = file.read()
        with socket.create_connection(("127.0.0.1", int(port))) as connection:
            request = f"GET {path} HTTP/1.0\r\nAuthorization: {token}\r\n\r\n"
            connection.sendall(request.encode())
            with connection.makefile("rb") as response:
                answer = response.read()  # as soon as the user has answered
    except OSError:
        sys.exit(
            "The notebook that provided these AWS credentials has ended. Start this program again "
            "from a running notebook."
        )
    document = answer.partition(b"\r\n\r\n")[2].decode()
    message = json.loads(document).get("Message")
    if message:
        sys.exit(message)
    return document


if __name__ == "__main__":
    print(main(*sys.argv[1:]))  # noqa: T201
