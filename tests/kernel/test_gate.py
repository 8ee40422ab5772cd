"""A client from before a switch is noticed when it signs, whatever object holds it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting
from ipy_awsprofile.errors import StaleIdentity
from tests.kernel.conftest import BUCKET
from tests.roles import roles_in_s3

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Ran, Shell

MODULE = f"""
import boto3

class Store:
    def __init__(self):
        self.s3 = boto3.client("s3")

    def read(self):
        return self.s3.head_bucket(Bucket="{BUCKET}")
"""

SCRIPT = """
from ipy_awsprofile import using_profile
with using_profile("RoleBeta") as session:
    s3 = session.client("s3")
    s3.list_buckets()
s3.list_buckets()
"""

CELLS = """
%load_ext ipy_awsprofile
%aws_profile RoleBeta
it = session.client("s3")
%unload_ext ipy_awsprofile
it.list_buckets()
print("loading again")
%load_ext ipy_awsprofile
%aws_profile RoleBeta --read-only
it.list_buckets()
"""

#: Code that keeps a client in variables, modules and libraries, and code that uses the client.
HOLDERS = {
    "variable": ("it = session.client('s3')", "it.head_bucket(Bucket=BUCKET)"),
    "list": ("it = [boto3.client('s3')]", "it[0].head_bucket(Bucket=BUCKET)"),
    "module": ("import stored\nit = stored.Store()", "it.read()"),
    "resource": ("it = boto3.resource('s3').Bucket(BUCKET)", "list(it.objects.all())"),
    "thread": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "pool = ThreadPoolExecutor(1); s3 = boto3.client('s3')",
        "pool.submit(s3.head_bucket, Bucket=BUCKET).result()",
    ),
    "upload": (
        "import io\nit = boto3.client('s3')",
        "it.upload_fileobj(io.BytesIO(b'x'), BUCKET, 'key')",
    ),
    "presigned URL": (
        "it = boto3.client('s3')",
        "it.generate_presigned_url('head_bucket', Params={'Bucket': BUCKET})",
    ),
    "session": ("it = session", "it.client('s3').head_bucket(Bucket=BUCKET)"),
    "aiobotocore": (
        "import asyncio, aiobotocore.session\nloop = asyncio.new_event_loop()\n"
        "made = aiobotocore.session.get_session().create_client('s3', 'us-west-2')\n"
        "it = loop.run_until_complete(made.__aenter__())",
        "loop.run_until_complete(it.head_bucket(Bucket=BUCKET))",
    ),
    "s3fs": ("import s3fs\nit = s3fs.S3FileSystem()\nit.ls(BUCKET)", "it.ls(BUCKET, refresh=True)"),
    "file of fsspec": ("import fsspec\nit = fsspec.open(CSV).open()", "it.fs.cat_file(it.path)"),
    "Dask": (
        "import dask.dataframe as dd; it = dd.read_parquet(PARQUET)",
        "it.compute(scheduler='sync')",
    ),
    "smart_open": (
        "import smart_open\nit = {'client': boto3.client('s3')}",
        "smart_open.open(CSV, transport_params=it).read()",
    ),
    "cloudpathlib": ("import cloudpathlib\nit = cloudpathlib.S3Path(CSV)", "it.stat()"),
    "awswrangler": (
        "import awswrangler as wr\nit = session",
        "wr.s3.list_objects(f's3://{BUCKET}/', boto3_session=it)",
    ),
}


@pytest.fixture
def older(notebook: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """Switch the notebook to RoleBeta, with a module of the user."""
    (tmp_path / "stored.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    notebook.good("%aws_profile RoleBeta")
    yield notebook
    sys.modules.pop("stored", None)


def warnings_in(ran: Ran) -> list[str]:
    """Return the warnings about stale clients that a cell shows."""
    return [line for line in ran.text.splitlines() if " signs " in line and "still" not in line]


@pytest.mark.nightly(keep=7)
@pytest.mark.parametrize("holder", HOLDERS)
def test_each_holder(older: Shell, aws: EmbeddedAws, holder: str) -> None:
    """Using a stale client shows a warning, and raises an error if the identity is read-only."""
    make, use = HOLDERS[holder]
    older.good(make)
    assert warnings_in(older.good(use)) == []
    older.good("%aws_profile RoleGamma")
    warning, *_ = warnings_in(older.good(use))
    assert " as RoleBeta, but `RoleGamma` is active." in warning
    assert warnings_in(older.good(f"%%aws_profile UserAlpha\n{use}"))
    older.good("%aws_profile RoleGamma --read-only")
    aws.calls.clear()
    assert isinstance(older.run(use).error, StaleIdentity)
    assert [call for call in aws.calls if call.action.startswith("s3:")] == []
    older.good("%aws_profile --off")
    warning, *_ = warnings_in(older.good(use))
    assert "no profile is active" in warning
    older.good("%config AwsProfileMagics.stale = 'refuse'")
    assert isinstance(older.run(use).error, StaleIdentity)
    older.good("%aws_profile RoleBeta")
    assert warnings_in(older.good(use)) == []


def test_a_session_that_has_found_its_credentials(older: Shell) -> None:
    """A session from before a switch stays what it was, even for a client that is created later."""
    older.good("it = boto3.Session(region_name='us-west-2'); it.get_credentials()")
    older.good("%aws_profile RoleGamma")
    (warning,) = warnings_in(older.good("it.client('s3').head_bucket(Bucket=BUCKET)"))
    assert " as RoleBeta, but `RoleGamma` is active." in warning


def test_once_in_a_cell(older: Shell) -> None:
    """Each line, module or library is warned about once in a cell, and again in the next cell."""
    older.good("import smart_open, stored; it, other = session.client('s3'), stored.Store()")
    older.good("%aws_profile RoleGamma")
    library = "smart_open.open(CSV, transport_params={'client': it}).read()"
    cell = f"for _ in range(3):\n    it.list_buckets()\n    other.read()\n    {library}"
    for _ in range(2):
        older.ip.execution_count += 1  # as IPython does for each typed cell
        first, second, third = warnings_in(older.good(cell))
        assert first.startswith("`it.list_buckets()` signs ListBuckets as RoleBeta")
        assert 'create it again, `session.client("s3")`' in first
        assert second.startswith("`stored` signs HeadBucket as RoleBeta")
        assert third.startswith("`smart_open` signs GetObject as RoleBeta")
        assert "create its objects again" in third
    older.good("%config AwsProfileMagics.stale = 'allow'")
    assert warnings_in(older.good(cell)) == []


#: Clients whose identity the user has chosen, so that they aren't stale after a switch.
CHOSEN = {
    "opened by name": "it = open_session('RoleBeta').client('s3')",
    "boto3 by name": "it = boto3.Session(profile_name='RoleBeta').client('s3')",
    "keys": "keys = open_session('RoleBeta').get_credentials().get_frozen_credentials()\n"
    "it = boto3.client('s3', aws_access_key_id=keys.access_key, "
    "aws_secret_access_key=keys.secret_key, aws_session_token=keys.token)",
    "s3fs by name": "import s3fs\nit = s3fs.S3FileSystem(profile='RoleBeta')\n"
    "it.list_buckets = lambda: it.ls('', refresh=True)",
    "storage_options": "import s3fs\nfrom ipy_awsprofile import storage_options\n"
    "it = s3fs.S3FileSystem(**storage_options(open_session('RoleBeta')))\n"
    "it.list_buckets = lambda: it.ls('', refresh=True)",
}

#: Clients from before something that isn't a switch to another identity.
STILL_ACTIVE = {
    "renewed": "it = session.client('s3')\n%aws_profile --refresh",
    "the same again": "it = session.client('s3')\n%aws_profile RoleBeta --as beta",
    "another Region": "it = session.client('s3')\n%aws_profile RoleBeta --region eu-west-1",
    "another block": "it = session.client('s3')\n"
    "with using_profile('RoleGamma'): boto3.client('s3').list_buckets()",
}


@pytest.mark.parametrize("client", [*CHOSEN, *STILL_ACTIVE])
def test_no_false_alarm(older: Shell, aws: EmbeddedAws, client: str) -> None:
    """A client of a session that was opened by name or with keys keeps its identity silently."""
    use = "it.list_buckets()"
    assert warnings_in(older.good((CHOSEN | STILL_ACTIVE)[client])) == []
    assert warnings_in(older.good(use)) == []
    if client in CHOSEN:
        older.good("%aws_profile RoleGamma --read-only")
        assert warnings_in(older.good(use)) == []
        assert roles_in_s3(aws, older, use) == {"RoleBeta"}
        assert "`it`" not in older.good("%aws_profile").text


@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        ("", "--read-only", "RoleBeta"),
        ("--read-only", "", "RoleBeta, read-only"),
    ],
)
def test_another_session_of_the_same_role(
    notebook: Shell, first: str, second: str, named: str
) -> None:
    """The card and the error say how the sessions of a role differ."""
    notebook.good("%config AwsProfileMagics.stale = 'refuse'")
    notebook.good(f"%aws_profile RoleBeta {first}\ns3 = session.client('s3')")
    assert f"`s3` still signs as {named}: " in notebook.good(f"%aws_profile RoleBeta {second}").text
    assert f"signs ListBuckets as {named}, but `RoleBeta" in str(
        notebook.refused("s3.list_buckets()")
    )


def test_an_edited_profile(aws: EmbeddedAws, notebook: Shell) -> None:
    """If a profile's name has moved to another account, cards and warnings name the account."""
    other = "444455556666"
    trust = trusting(f"arn:aws:iam::{USER_ACCOUNT}:root")
    aws.create_role("RoleBeta", account=other, trust=trust, policy=allow("s3:*"))
    notebook.good("%aws_profile RoleBeta\nimport s3fs; fs = s3fs.S3FileSystem(); fs.ls(BUCKET)")
    notebook.good("s3, old = session.client('s3'), session")
    earlier = dict(os.environ)
    aws.config_file.write_text(
        aws.config_file.read_text().replace(
            f"{ROLE_ACCOUNT}:role/RoleBeta", f"{other}:role/RoleBeta"
        )
    )
    card = notebook.good("%aws_profile RoleBeta").text
    named = set(re.findall(rf"`(\w+)` [^\n]*RoleBeta in account {ROLE_ACCOUNT}", card))
    assert named == {"s3", "old", "fs"}
    (warning,) = warnings_in(notebook.good("s3.list_buckets()"))
    assert f"as RoleBeta in account {ROLE_ACCOUNT}, but `RoleBeta` is active" in warning
    aws.calls.clear()
    notebook.run("s3fs.S3FileSystem().ls(BUCKET)")
    seen = [str(call.arn) for call in aws.calls if call.action.startswith("s3:")]
    assert seen
    assert [arn for arn in seen if other not in arn] == []
    assert (
        earlier["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        != (os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
    )


def test_from_before_the_first_switch(notebook: Shell) -> None:
    """A client of the default profile causes a warning after a switch, and none before it."""
    notebook.good("it = boto3.client('sts'); it.get_caller_identity()")
    notebook.good("%aws_profile RoleBeta")
    (warning,) = warnings_in(notebook.good("it.get_caller_identity()"))
    assert "as UserAlpha, but `RoleBeta` is active" in warning
    assert "`it` still signs as UserAlpha" in notebook.good("%aws_profile").text
    notebook.good("%aws_profile --off")
    assert warnings_in(notebook.good("it.get_caller_identity()")) == []


def test_after_unloading(aws: EmbeddedAws, tmp_path: Path) -> None:
    """After the extension is unloaded, nothing warns; loaded again, it refuses older clients."""
    (tmp_path / "cells.ipy").write_text(CELLS)
    command = [sys.executable, "-m", "IPython", "--no-banner", str(tmp_path / "cells.ipy")]
    printed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    unloaded, loaded_again = printed.split("loading again")
    assert "signs" not in unloaded
    assert "StaleIdentity: `it.list_buckets()` signs ListBuckets as RoleBeta" in loaded_again


def test_a_profile_without_credentials(aws: EmbeddedAws, notebook: Shell) -> None:
    """A profile without credentials is an error, as without the extension, not the active one."""
    aws.write_profile("other-team", region="us-west-2")
    uses = (
        "boto3.Session(profile_name='other-team').client('sts').get_caller_identity()",
        "import s3fs; s3fs.S3FileSystem(profile='other-team', skip_instance_cache=True).ls('')",
    )
    for switch in ("", "%aws_profile RoleBeta", "%aws_profile RoleBeta --read-only"):
        notebook.good(switch)
        for use in uses:
            aws.calls.clear()
            error = notebook.run(use).error
            assert error is not None, switch
            assert "credentials" in str(error), switch
            assert [call.arn for call in aws.calls if call.arn] == []


def test_in_a_script(aws: EmbeddedAws, tmp_path: Path) -> None:
    """Without a notebook, a stale client causes a Python warning."""
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "script.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "UserWarning: `s3.list_buckets()` signs ListBuckets as RoleBeta" in done.stderr
