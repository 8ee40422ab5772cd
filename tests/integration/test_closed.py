"""A program that was told to use `notebook-agent` never signs as anyone else."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import pytest

from ipy_awsprofile.config.shared import AGENT, shared_file
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT
from tests.aws import EmbeddedAws
from tests.processes import posix
from tests.servers import Answers, odd_server
from tests.shells import Shell
from tests.terminals import ASK, KEYS, PUT, VARIABLES, Terminal, may_write

ROLE = f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleBeta"
RUN = [sys.executable, "-m", "ipy_awsprofile", "run"]

#: A program with the AWS SDK for C++, which goes on to other credentials.
ARROW = """
import os
from pyarrow.fs import S3FileSystem
server = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
s3 = S3FileSystem(endpoint_override=server, scheme="http", region="us-west-2")
with s3.open_output_stream("my-first-bucket/arrow") as file:
    file.write(b"x")
"""

#: A program with a library that doesn't read profiles, but finds the role of the machine.
DELTA = """
import pyarrow
from deltalake import write_deltalake
options = {"AWS_ALLOW_HTTP": "true", "AWS_S3_ALLOW_UNSAFE_RENAME": "true"}
write_deltalake("s3://my-first-bucket/delta", pyarrow.table({"a": [1]}), storage_options=options)
"""


def variables_of_kernel() -> dict[str, str]:
    """Return the variables that a child of the kernel inherits."""
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


def stop(aws: EmbeddedAws, notebook: Shell) -> None:
    """Stop sharing."""
    notebook.good("%aws_profile --share off")


def protect(aws: EmbeddedAws, notebook: Shell) -> None:
    """Switch to a protected profile."""
    notebook.good("%config AwsProfileMagics.protected = ['*Gamma']")
    notebook.good("%aws_profile RoleGamma --yes")


def lack_permission(aws: EmbeddedAws, notebook: Shell) -> None:
    """Switch to an identity that AWS can't limit to reading."""
    notebook.good(f"%aws_profile {may_write(aws, 'Identity Center', 's3:*')}")


def end_kernel(aws: EmbeddedAws, notebook: Shell) -> None:
    """Leave what a killed kernel leaves."""
    text = shared_file().read_bytes()
    notebook.good("%aws_profile --off")
    shared_file().write_bytes(text)
    shared_file().chmod(0o600)


SITUATIONS = {
    "stopped": (stop, "No notebook on this machine shares its identity. Run `%aws_profile"),
    "protected": (protect, "No notebook on this machine shares its identity. Run `%aws_profile"),
    "no permission": (lack_permission, "isn't allowed to call GetScopedCredentials"),
    "killed": (end_kernel, "The notebook that shared its identity has ended. Run `%aws_profile"),
}


@posix
@pytest.mark.parametrize("situation", SITUATIONS)
def test_no_other_identity(
    aws: EmbeddedAws, notebook: Shell, terminal: Terminal, situation: str
) -> None:
    """Without credentials, SDKs that go on to others use keys that AWS refuses.

    Other credentials are those that the kernel lends, or the machine's. boto3 says what to run.
    """
    act, says = SITUATIONS[situation]
    act(aws, notebook)
    machine: Any = nullcontext(variables_of_kernel())
    if situation == "killed":
        machine = aws.in_container(ROLE)
    with machine as variables:
        chosen = {**variables, "AWS_PROFILE": AGENT}
        aws.calls.clear()
        assert terminal.run(sys.executable, "-c", ARROW, **chosen).returncode == 1
        assert signers(aws) == {None}
        # A shell as the caller, as in the SDKs for JavaScript and Java.
        done = terminal.run("sh", "-c", f"{shlex.join([*ASK, '--agent'])}; echo $?", **chosen)
        document, status = done.stdout.splitlines()
        assert status == "0"
        assert says in done.stderr
        assert says in terminal.python(PUT, **terminal.environment | chosen)
        # Some versions of the SDK for C++ read both outputs from one pipe.
        both = terminal.run("sh", "-c", f"{shlex.join([*ASK, '--agent'])} 2>&1", **chosen)
    refused = json.loads(document)
    assert json.loads(both.stdout)["AccessKeyId"] == refused["AccessKeyId"]
    keys = dict(zip(VARIABLES, (refused.get(key, "") for key in KEYS), strict=True))
    assert "InvalidAccessKeyId" in terminal.python(PUT, **keys)
    assert signers(aws) == {None}
    key = str(next(call.access_key_id for call in aws.calls if call.action == "s3:PutObject"))
    assert key.replace("_", "").isalnum()
    assert key.split("_")[1] in says


def signers(aws: EmbeddedAws) -> set[str | None]:
    """Return who has signed requests to S3; None for keys that AWS refuses."""
    return {call.arn for call in aws.calls if call.action.startswith("s3:")}


def keys_of(aws: EmbeddedAws) -> Mapping[str, str]:
    """Return a role's keys as variables, as `aws configure export-credentials` prints them."""
    settings = aws.iam.create_role_session(ROLE, "exported").settings()
    return {name.upper(): value for name, value in settings.items()}


def test_the_launcher(aws: EmbeddedAws, notebook: Shell, terminal: Terminal) -> None:
    """The launcher's command finds only the shared profile, even beside keys in variables."""
    notebook.good("%aws_profile RoleBeta")
    others = {**variables_of_kernel(), **keys_of(aws), "AWS_BEARER_TOKEN_BEDROCK": "key"}
    for options, name in ((["--agent"], "notebook-agent"), ([], "notebook")):
        aws.calls.clear()
        done = terminal.run(*RUN, *options, "--", sys.executable, "-c", PUT, **others)
        assert ("written" in done.stdout) is (name == "notebook"), done.stderr
        assert [str(arn).rpartition("/")[2] for arn in signers(aws)] == [f"{name}-python"]
    notebook.good("%aws_profile --share off")
    aws.calls.clear()
    done = terminal.run(*RUN, "--agent", "--", sys.executable, "-c", PUT, **others)
    assert "Run `%aws_profile --share` in a notebook." in done.stdout
    assert signers(aws) == set()


def test_a_library_without_profiles(aws: EmbeddedAws, notebook: Shell, terminal: Terminal) -> None:
    """The launcher's command finds neither the kernel's session nor the machine's role."""
    notebook.good("%aws_profile RoleBeta")
    with odd_server(Answers((404, ""))) as metadata:
        others = {**variables_of_kernel(), "AWS_METADATA_ENDPOINT": metadata}
        aws.calls.clear()
        done = terminal.run(*RUN, "--agent", "--", sys.executable, "-c", DELTA, **others)
    assert done.returncode == 1
    assert "127.0.0.1:1/" in done.stderr
    assert signers(aws) == set()


def test_mistakes_at_the_launcher(notebook: Shell, terminal: Terminal, aws: EmbeddedAws) -> None:
    """The launcher passes arguments and the exit status on, and says what is wrong."""
    command = [sys.executable, "-c", "import sys; print(sys.argv[1:]); sys.exit(7)"]
    done = terminal.run(*RUN, "--agent", "--", *command, "--version", "-x")
    assert (done.returncode, done.stdout) == (7, "['--version', '-x']\n")
    for options in ((), ("--agent",)):  # the two dashes can be omitted
        done = terminal.run(*RUN, *options, *command, "--agent", "--version")
        assert (done.returncode, done.stdout) == (7, "['--agent', '--version']\n")
    done = terminal.run(*RUN, "aws s3 ls")
    assert "Write the command and its arguments without quotation marks" in done.stderr
    done = terminal.run(*RUN, "--agent", "--", "no-such-agent")
    assert done.returncode == 127
    assert "`no-such-agent` can't be run" in done.stderr
    done = terminal.run(*RUN, "RoleBeta", "--", *command)
    assert done.returncode == 2
    assert "`RoleBeta` is a profile" in done.stderr
    assert "set the environment variable AWS_PROFILE" in done.stderr
    aws.config_file.write_text("")
    done = terminal.run(*RUN, "--agent", "--", *command)
    assert done.returncode == 1
    assert "Run `%aws_profile --share --yes` in a notebook." in done.stderr
