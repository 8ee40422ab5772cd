"""Let programs outside the kernel use the identity that a notebook shares.

Two profiles in the config file have the ``credential_process`` command ``python -m ipy_awsprofile
credentials``. The command asks the notebook's kernel for credentials on a loopback port. A file
that only the user can read contains the port and a key. Both sides prove that they know the key,
and neither side sends the key, because another user's program can listen on the port after the
kernel has ended.

If a command fails, some SDKs try other credentials, such as the machine's credentials. To prevent
programs from using other credentials, the command prints keys that AWS rejects. If botocore started
the command, the command fails instead, because botocore shows the command's error message.

The command must be fast, so this module doesn't import modules that are slow to load.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
"""

from __future__ import annotations

import hmac
import json
import os
import re
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep

from ipy_awsprofile.config.private import cache_folder, read_private_file

#: The profile with the notebook's own permissions, and the profile that can only read, except while
#: the user lets it write.
NOTEBOOK = "notebook"
AGENT = "notebook-agent"

#: The options of the command, by profile.
SHARED_PROFILES = {NOTEBOOK: "", AGENT: " --agent"}

#: How long to wait for the notebook, in seconds.
TIMEOUT = 10.0

#: The longest question and the longest answer, in bytes.
LONGEST_QUESTION = 1000
_LONGEST_ANSWER = 20_000

#: With ``-P``, Python imports no module of the folder that the program happens to be in. SDKs read
#: its messages as UTF-8.
_COMMAND = "-X utf8 -P -m ipy_awsprofile credentials"
_SHARED_COMMAND = re.compile(rf'"([^"]+)" {_COMMAND}(?: --agent)?')

#: The executables of programs with botocore, such as boto3's and the AWS CLI.
_BOTOCORE = re.compile(r"(pythonw?|pypy|aws)[\d.]*(\.exe)?", re.IGNORECASE)

#: How long keys that AWS refuses are good, so that every SDK soon asks again.
_REFUSED_FOR = timedelta(minutes=1)

#: The longest ID of an access key.
#: https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html
_LONGEST_ID = 128

#: Variables with credentials, or that lead to them. SDKs prefer some of them to a profile, and use
#: others if a profile has no credentials.
_OTHER_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_MCP_PROXY_PROFILES",
}

#: Variables without which programs could find the role of the machine. Rust's object_store, which
#: deltalake uses, has only the second one, an address at which nothing answers.
_NO_MACHINE = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_METADATA_ENDPOINT": "http://127.0.0.1:1",
}

#: The beginning of variables with an API key for a service, such as Amazon Bedrock.
_API_KEY = "AWS_BEARER_TOKEN_"

_RUN_SHARE = "Run `%aws_profile --share` in a notebook."


class NotShared(Exception):  # a state, which the message explains
    """Raised if a program can't get shared credentials.

    The message gives the reason and can suggest a command.
    """


def process_of(profile: str) -> str:
    """Return a shared profile's ``credential_process`` command, which runs this Python."""
    return f'"{sys.executable}" {_COMMAND}{SHARED_PROFILES[profile]}'


def python_of(settings: Mapping[str, object]) -> str | None:
    """Return the path of the Python that a shared profile runs, or None for any other profile."""
    match = _SHARED_COMMAND.fullmatch(str(settings.get("credential_process")))
    return match[1] if match else None


def shared_file() -> Path:
    """Return the path of the file that contains the sharing notebook's port and key."""
    return cache_folder() / f"shared-{socket.gethostname()}.json"


def read_shared_file() -> tuple[int, str]:
    """Return the sharing notebook's port and key. Raise NotShared if no notebook is sharing."""
    try:
        document = json.loads(read_private_file(shared_file()))
        return int(document["port"]), str(document["key"])
    except (OSError, ValueError, KeyError, TypeError):
        raise NotShared(f"No notebook on this machine shares its identity. {_RUN_SHARE}") from None


def proof(key: str, *parts: str) -> str:
    """Return a string that only a process with the key can compute."""
    return hmac.digest(key.encode(), "\n".join(parts).encode(), "sha256").hex()


def is_proof(text: str, key: str, *parts: str) -> bool:
    """Return whether a string proves that its sender has the key."""
    return hmac.compare_digest(text.encode(), proof(key, *parts).encode())


def fetch_shared(profile: str) -> str:
    """Return the credentials of a shared profile as the JSON output of a ``credential_process``.

    Raise NotShared if no notebook returns the credentials.
    """
    deadline = monotonic() + TIMEOUT
    nonce = os.urandom(16).hex()
    # The kernel finds the program that waits for this process. AI_AGENT is the name that some
    # agents give themselves, in any encoding.
    agent = os.environ.get("AI_AGENT", "")[:100].encode(errors="replace").hex()
    asked = f"{profile} {nonce} {os.getpid()} {agent}"
    while True:
        port, key = read_shared_file()
        question = f"{proof(key, 'program', asked)} {asked}"
        try:
            response = _ask(port, question, deadline)
        except TimeoutError:
            raise NotShared(f"The notebook didn't answer within {TIMEOUT:.0f} seconds.") from None
        except (ConnectionRefusedError, ValueError):
            response = "nothing"  # no program listens on the port, or another one does
        except OSError:
            response = ""
        if response or monotonic() > deadline:
            break
        # The kernel closes connections if too many programs connect at once. Not all of them must
        # try again at the same time.
        sleep(os.urandom(1)[0] / 2560)
    kernels_proof, _, answer = response.partition(" ")
    if not is_proof(kernels_proof, key, "kernel", nonce, answer):
        raise NotShared(f"The notebook that shared its identity has ended. {_RUN_SHARE}")
    problem = json.loads(answer).get("Message")
    if problem:
        raise NotShared(problem)
    return answer


def refused_document(problem: str) -> str:
    """Return keys that AWS refuses, as the JSON output of a ``credential_process``.

    The access key ID contains a description of the problem, because some SDKs show the ID in their
    error messages.
    """
    words = re.sub(r"\W+", "_", problem, flags=re.ASCII).strip("_")
    document = {
        "Version": 1,
        "AccessKeyId": words[:_LONGEST_ID],
        "SecretAccessKey": "none",
        "Expiration": f"{datetime.now(UTC) + _REFUSED_FOR:%Y-%m-%dT%H:%M:%SZ}",
    }
    return json.dumps(document)


def is_for_botocore() -> bool:
    """Return whether botocore started this process and so shows this process's error messages.

    On Windows, a virtual environment's Python starts another Python with the same arguments, so
    this function skips such parent processes.
    """
    import psutil  # takes too long for the usual case

    with suppress(psutil.Error, OSError):
        process = psutil.Process()
        arguments = process.cmdline()[1:]
        for parent in process.parents():
            if parent.cmdline()[1:] != arguments:
                return _BOTOCORE.fullmatch(Path(parent.exe()).name) is not None
    return False


def environment_with(profile: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which programs find only the credentials of a shared profile."""
    own = {
        name: value
        for name, value in environ.items()
        if name not in _OTHER_CREDENTIALS and not name.startswith(_API_KEY)
    }
    return {**own, **_NO_MACHINE, "AWS_PROFILE": profile}


def _ask(port: int, question: str, deadline: float) -> str:
    """Send a question to a local port and return the response, even if another program answered.

    Another program can listen on the port, so this function limits the time and the size of the
    response.
    """
    response = b""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
        connection.sendall(f"{question}\n".encode())
        while len(response) < _LONGEST_ANSWER:
            connection.settimeout(max(deadline - monotonic(), 0.001))
            part = connection.recv(_LONGEST_ANSWER)
            if not part:
                break
            response += part
    return response.decode()
