"""After a night, the next AWS call asks for the sign-in or the code and goes on, wherever it is."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, allow
from tests.aws import EmbeddedAws
from tests.identity_center import write_analyst
from tests.kernels import Kernel, Seen
from tests.processes import posix
from tests.rotation import session_keys

BUCKET = "after-a-night"

PREPARE = f"""
import asyncio, io, os, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
import aiobotocore.session, boto3, fsspec, pandas as pd, pyarrow.fs, s3fs
from aiobotocore.session import get_session

BUCKET = "{BUCKET}"
CSV, PARQUET = f"s3://{{BUCKET}}/a.csv", f"s3://{{BUCKET}}/a.parquet"
s3 = session.client("s3")
frame = pd.DataFrame({{"city": ["Oslo"]}})
s3.put_object(Bucket=BUCKET, Key="a.csv", Body=frame.to_csv(index=False))
frame.to_parquet(body := io.BytesIO())
s3.put_object(Bucket=BUCKET, Key="a.parquet", Body=body.getvalue())
old = pyarrow.fs.FileSystem.from_uri(PARQUET)[0]

def many(number):
    with ThreadPoolExecutor(number) as pool:
        clients = [boto3.client("s3") for _ in range(number)]
        list(pool.map(lambda client: client.head_bucket(Bucket=BUCKET), clients))

def new_filesystem(path):
    with fsspec.open(path, skip_instance_cache=True) as file:
        return file.read()

async def read_async():
    async with get_session().create_client("s3") as client:
        await client.head_bucket(Bucket=BUCKET)

CHILD = "import boto3; boto3.client('s3').head_bucket(Bucket='{BUCKET}')"
"""

#: Ways to call AWS: in the main thread, in threads of libraries, in another language, in a child.
WAYS = {
    "client": "s3.head_bucket(Bucket=BUCKET)",
    "new session": "boto3.Session().client('s3').head_bucket(Bucket=BUCKET)",
    "pandas and s3fs": "pd.read_csv(CSV, storage_options={'skip_instance_cache': True})",
    "aiobotocore": "await read_async()",
    "upload": "boto3.client('s3').upload_fileobj(io.BytesIO(b'x'), BUCKET, 'b')",
    "threads": "many(16)",
    "pyarrow": "pd.read_parquet(PARQUET)",
    "polars": "import polars; polars.read_parquet(PARQUET)",
    "child": "subprocess.run([sys.executable, '-c', CHILD], check=True)",
    "AWS CLI": '!"{sys.executable}" -m awscli s3 ls {BUCKET}\nassert not _exit_code',
}


#: The lines below a cell in which the user has pressed Ctrl-C instead of answering.
INTERRUPTED = """
KeyboardInterrupt: The renewal of the credentials was interrupted.
Nothing has changed. Run the cell again to renew the credentials.
""".strip()


#: Ways whose Ctrl-C reaches different code: the main thread, an event loop's thread, a task of the
#: cell, the threads of the notebook and of libraries in other languages.
INTERRUPTED_WAYS = ("client", "pandas and s3fs", "aiobotocore", "threads", "pyarrow", "polars")


def require_two_lines(interrupted: Seen, way: str) -> None:
    """Require that Ctrl-C has ended a cell with two lines."""
    # ipykernel cancels the task of a cell with `await`.
    assert interrupted.error in {"KeyboardInterrupt", "CancelledError"}, way
    assert "Traceback" not in interrupted.text, way
    assert INTERRUPTED in interrupted.text, way


@pytest.fixture
def kernel(aws: EmbeddedAws) -> Iterator[Kernel]:
    """Yield a kernel, and a profile of a sign-in."""
    aws.create_bucket(BUCKET, account=ROLE_ACCOUNT, region="us-west-2")
    write_analyst(aws)
    aws.sso.name_account(ROLE_ACCOUNT, "Analytics", "analytics@corp.example")
    with Kernel.started(aws, {"AWS_ENDPOINT_URL": aws.endpoint_url}) as kernel:
        yield kernel


def test_next_call(kernel: Kernel, aws: EmbeddedAws, auditor: str) -> None:
    """Each way to call AWS shows one card after the sign-in has expired, and goes on.

    If AWS has ended a session before its time, botocore's call goes on with a new one. After an MFA
    session has expired, threads, other languages and children ask for one code, and a call without
    a user fails.
    """
    kernel.good(f"%aws_profile Analyst\n{PREPARE}")
    for way, use in WAYS.items():
        kernel.wait(hours=12)
        aws.calls.clear()
        seen = kernel.good(use)
        assert len(seen.prompts) == 1, way
        users = {call.arn for call in aws.calls if call.action.startswith("s3:")}
        assert [str(arn).split("/")[1][:22] for arn in users] == ["AWSReservedSSO_Analyst"], way
    kernel.good("%aws_profile --refresh")
    aws.iam.expire_sessions()
    assert kernel.good(WAYS["client"]).prompts == []  # the sign-in is valid, so nobody is asked
    kernel.answer = lambda _: aws.iam.mfa_code(auditor)
    kernel.good("%aws_profile Auditor")
    for way in ("new session", "aiobotocore", "threads"):
        kernel.wait(hours=0.1)  # a code works once
        aws.iam.expire_sessions()
        assert len(kernel.good(WAYS[way]).prompts) == 1, way
    for way in ("pandas and s3fs", "threads", "pyarrow", "child"):
        kernel.wait(hours=2)
        assert len(kernel.good(WAYS[way]).prompts) == 1, way
    kernel.wait(hours=2)
    assert kernel.run(WAYS["new session"], is_attended=False).error == "MfaUnavailable"


def test_no_answer(kernel: Kernel) -> None:
    """Without a user, or after Ctrl-C, a call fails with what to run, and the next cell works.

    If another library's error ends a cell, a line below it names the command that helps.
    """
    kernel.good(f"%aws_profile Analyst\n{PREPARE}")
    for way in INTERRUPTED_WAYS:
        kernel.wait(hours=12)
        unattended = kernel.run(WAYS[way], is_attended=False)
        assert unattended.error, way
        assert "The sign-in of `Analyst` is missing or has expired." in unattended.text, way
        if sys.platform == "win32" and way != "client":
            continue  # there, a prompt of a library's thread ends with the cell
        interrupted = kernel.run(WAYS[way], interrupts=True)
        assert len(interrupted.prompts) == 1, way
        require_two_lines(interrupted, way)
        assert len(kernel.good(WAYS["client"]).prompts) == 1, way
    kernel.wait(hours=12)
    seen = kernel.run("raise OSError('AWS Error ACCESS_DENIED')")
    assert seen.error == "OSError"
    (line,) = [line for line in seen.text.splitlines() if "--refresh" in line]
    assert line == (
        "The sign-in of `Analyst` is missing or has expired. Run `%aws_profile --refresh`."
    )
    assert len(kernel.good("%aws_profile --refresh").prompts) == 1
    assert "--refresh" not in kernel.run("raise OSError('ACCESS_DENIED')").text


#: A tool that prints keys, or presses Ctrl-C, which it ignores itself, and takes its time.
TOOL = """
import os, signal, sys, time
from pathlib import Path
output = Path(sys.argv[1])
if not output.exists():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.killpg(0, signal.SIGINT)
    time.sleep(4)
print(output.read_text())
"""


@posix
def test_interrupted_renewal(kernel: Kernel, aws: EmbeddedAws, tmp_path: Path) -> None:
    """Ctrl-C in a renewal without a question ends any cell with two lines, and it works again."""
    user = aws.iam.create_user("Tool", account=ROLE_ACCOUNT, policy=allow("*"))
    tool, output = tmp_path / "tool.py", tmp_path / "keys.json"
    tool.write_text(TOOL)
    aws.write_profile(
        "Slow", credential_process=f'"{sys.executable}" "{tool}" "{output}"', region="us-west-2"
    )

    def finish_renewals() -> None:
        keys = session_keys(aws, user)
        expiry = aws.iam.clock() + timedelta(hours=1)
        document = {
            "Version": 1,
            "AccessKeyId": keys["aws_access_key_id"],
            "SecretAccessKey": keys["aws_secret_access_key"],
            "SessionToken": keys["aws_session_token"],
            "Expiration": expiry.isoformat(),
        }
        output.write_text(json.dumps(document))

    finish_renewals()
    kernel.good(f"%aws_profile Slow\n{PREPARE}")
    for way in INTERRUPTED_WAYS:
        if way == "polars":  # the renewal has ended when it lets Python handle Ctrl-C
            continue
        kernel.wait(hours=1)
        output.unlink()
        require_two_lines(kernel.run(WAYS[way]), way)
        finish_renewals()
        kernel.good(WAYS[way])
