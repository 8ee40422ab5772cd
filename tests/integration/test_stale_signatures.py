"""A client from before a switch is noticed when it signs, whatever object holds it."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import boto3
import pytest

from ipy_awsprofile import open_session, using_profile
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from ipy_awsprofile.errors import StaleIdentity
from ipy_awsprofile.switch.switcher import Switcher
from tests.roles import add_role
from tests.shells import run_notebook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Ran, Shell

BUCKET = "signatures-of-mine"

MODULE = """
import boto3

class Store:
    def __init__(self):
        self.s3 = boto3.client("s3")

    def read(self):
        return self.s3.head_bucket(Bucket="signatures-of-mine")

    async def read_async(self):
        import asyncio
        return await asyncio.to_thread(self.read)
"""

#: Code that keeps a client in variables, modules and libraries, and code that uses the client.
HOLDERS = {
    "variable": ("it = session.client('s3')", "it.head_bucket(Bucket=BUCKET)"),
    "list": ("it = [boto3.client('s3')]", "it[0].head_bucket(Bucket=BUCKET)"),
    "attribute": ("class It: pass\nit = It(); it.s3 = boto3.client('s3')", "it.s3.list_buckets()"),
    "closure": (
        "def made(s3):\n    return lambda: s3.head_bucket(Bucket=BUCKET)\n"
        "it = made(boto3.client('s3'))",
        "it()",
    ),
    "property": (
        "class It:\n    s3 = boto3.client('s3')\n    @property\n"
        "    def rows(self): return self.s3.list_buckets()\nit = It()",
        "it.rows",
    ),
    "cache": (
        "import functools\n@functools.lru_cache\ndef it(): return boto3.client('s3')\nit()",
        "it().head_bucket(Bucket=BUCKET)",
    ),
    "globals": ("it = boto3.client('s3')", "globals()['it'].head_bucket(Bucket=BUCKET)"),
    "partial": (
        "import functools\nit = functools.partial(boto3.client('s3').head_bucket, Bucket=BUCKET)",
        "it()",
    ),
    "module": ("import stored\nit = stored.Store()", "it.read()"),
    "module, asyncio": (
        "import asyncio, stored\nit = stored.Store()",
        "asyncio.run(it.read_async())",
    ),
    "private name": ("_it = boto3.client('s3')", "_it.head_bucket(Bucket=BUCKET)"),
    "resource": ("it = boto3.resource('s3').Bucket(BUCKET)", "list(it.objects.all())"),
    "paginator": (
        "it = boto3.client('s3').get_paginator('list_objects_v2').paginate(Bucket=BUCKET)",
        "list(it)",
    ),
    "waiter": ("it = boto3.client('s3').get_waiter('bucket_exists')", "it.wait(Bucket=BUCKET)"),
    "pool": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "pool = ThreadPoolExecutor(1); s3 = boto3.client('s3')\n"
        "it = lambda: pool.submit(s3.head_bucket, Bucket=BUCKET).result()",
        "it()",
    ),
    "upload": (
        "import io\nit = boto3.client('s3')",
        "it.upload_fileobj(io.BytesIO(b'x'), BUCKET, 'key')",
    ),
    "presigned": (
        "it = boto3.client('s3')",
        "it.generate_presigned_url('head_bucket', Params={'Bucket': BUCKET})",
    ),
    "nameless session": (
        "it = boto3.Session(region_name='us-west-2').client('s3')",
        "it.head_bucket(Bucket=BUCKET)",
    ),
    "cloudpathlib": (
        "import cloudpathlib\nit = cloudpathlib.S3Client().S3Path(f's3://{BUCKET}/cities')",
        "it.stat()",
    ),
    "session of botocore": (
        "import botocore.session\n"
        "it = botocore.session.get_session().create_client('s3', region_name='us-west-2')",
        "it.head_bucket(Bucket=BUCKET)",
    ),
    "smart_open": (
        "import smart_open\nit = {'client': boto3.client('s3')}",
        "smart_open.open(f's3://{BUCKET}/cities', transport_params=it).read()",
    ),
    "s3fs": (
        "import s3fs\nit = [s3fs.S3FileSystem()]\nit[0].ls(BUCKET)",
        "it[0].ls(BUCKET, refresh=True)",
    ),
    "s3fs, unused": ("import s3fs\nit = [s3fs.S3FileSystem()]", "it[0].ls(BUCKET, refresh=True)"),
    "file of fsspec": (
        "import fsspec\nit = fsspec.open(f's3://{BUCKET}/cities').open()",
        "it.fs.cat_file(it.path)",
    ),
    "cache of fsspec": (
        "import fsspec\nit = fsspec.filesystem('simplecache', target_protocol='s3')",
        "it.fs.ls(BUCKET, refresh=True)",
    ),
    "options for Dask": (
        "import s3fs\nfrom ipy_awsprofile import libraries\n"
        "it = libraries.dask_storage_options(session)",
        "s3fs.S3FileSystem(**it).ls(BUCKET, refresh=True)",
    ),
    "aiobotocore": (
        "import asyncio, aiobotocore.session\nloop = asyncio.new_event_loop()\n"
        "made = aiobotocore.session.get_session().create_client('s3', 'us-west-2')\n"
        "it = loop.run_until_complete(made.__aenter__())",
        "loop.run_until_complete(it.head_bucket(Bucket=BUCKET))",
    ),
    "awswrangler": (
        "import awswrangler as wr\nit = session",
        "wr.s3.list_objects(f's3://{BUCKET}/', boto3_session=it)",
    ),
}


@pytest.fixture
def notebook(
    aws: EmbeddedAws, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shell]:
    """Switch to RoleBeta, with a second role, a bucket and a module of the user."""
    add_role(aws, "RoleGamma", "s3:*")
    aws.create_bucket(BUCKET, account=ROLE_ACCOUNT, region="us-west-2")
    open_session("RoleBeta").client("s3").put_object(Bucket=BUCKET, Key="cities", Body=b"Atlantis")
    (tmp_path / "stored.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    shell.names["BUCKET"] = BUCKET
    shell.good("import boto3\n%aws_profile RoleBeta")
    yield shell
    shell.good("%unload_ext ipy_awsprofile")
    sys.modules.pop("stored", None)


def warnings_in(ran: Ran) -> list[str]:
    """Return the warnings about stale clients that a cell shows."""
    return [line for line in ran.text.splitlines() if " signs " in line and "still" not in line]


@pytest.mark.nightly(keep=7)
@pytest.mark.parametrize("holder", HOLDERS)
def test_each_holder(notebook: Shell, aws: EmbeddedAws, holder: str) -> None:
    """Using a stale client shows a warning, and raises an error if the identity is read-only."""
    make, use = HOLDERS[holder]
    notebook.good(make)
    assert warnings_in(notebook.good(use)) == []
    notebook.good("%aws_profile RoleGamma")
    (warning,) = warnings_in(notebook.good(use))
    assert " as RoleBeta, but `RoleGamma` is active." in warning
    in_scope = notebook.good(f"%%aws_profile UserAlpha\n{use}")
    assert len(warnings_in(in_scope)) == 1
    notebook.good("%aws_profile RoleGamma --read-only")
    aws.calls.clear()
    assert isinstance(notebook.run(use).error, StaleIdentity)
    assert [call for call in aws.calls if call.action.startswith("s3:")] == []
    notebook.good("%aws_profile --off")
    (warning,) = warnings_in(notebook.good(use))
    assert "no profile is active" in warning
    notebook.good("%config AwsProfileMagics.stale = 'refuse'")
    assert isinstance(notebook.run(use).error, StaleIdentity)
    notebook.good("%aws_profile RoleBeta")
    assert warnings_in(notebook.good(use)) == []


#: Arguments of cloudpathlib's default client, and whether a switch keeps the client.
DEFAULT_CLIENTS = {
    "": False,
    "boto3_session=boto3.Session()": False,
    "extra_args={'RequestPayer': 'requester'}": True,
    "local_cache_dir='kept'": True,
    "file_cache_mode='close_file'": True,
    "endpoint_url=boto3.client('s3').meta.endpoint_url + '/'": True,
    "content_type_method=None": True,
    "boto3_session=boto3.Session(region_name='us-west-2')": True,
    "boto3_session=session": True,
}


@pytest.mark.nightly(keep=3)
@pytest.mark.parametrize("arguments", DEFAULT_CLIENTS)
def test_the_default_client_of_cloudpathlib(
    notebook: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str
) -> None:
    """A switch keeps a default client with arguments, and the warning has code to replace it."""
    monkeypatch.chdir(tmp_path)
    use = "S3Path(f's3://{BUCKET}/cities').stat()"
    notebook.good(f"from cloudpathlib import S3Client, S3Path\nfirst = S3Client({arguments})")
    notebook.good("first.set_as_default_client()")
    notebook.good("%aws_profile RoleGamma --read-only")
    kept = notebook.good("S3Client._default_client is first").result
    assert kept is DEFAULT_CLIENTS[arguments]
    if kept:
        error = notebook.refused(use)
        assert isinstance(error, StaleIdentity)
        notebook.good(error.hint.split("`")[1])
    notebook.good(use)
    notebook.good("S3Client._default_client = None")


@pytest.mark.parametrize("arguments", ["profile_name='RoleBeta'", "no_sign_request=True"])
def test_a_chosen_identity_of_cloudpathlib(notebook: Shell, arguments: str) -> None:
    """A default client with an identity that the user chose stays, without a warning."""
    notebook.good(f"from cloudpathlib import S3Client, S3Path\nmine = S3Client({arguments})")
    notebook.good("mine.set_as_default_client()\n%aws_profile RoleGamma")
    ran = notebook.run("S3Path(f's3://{BUCKET}/cities').stat()")
    assert warnings_in(ran) == []
    assert not isinstance(ran.error, StaleIdentity)
    assert notebook.good("S3Client._default_client is mine").result
    notebook.good("S3Client._default_client = None")


def test_a_filesystem_of_the_same_role(notebook: Shell) -> None:
    """A client with the role's full permissions doesn't sign while the role is read-only."""
    notebook.good("it = session.client('s3')\n%aws_profile RoleBeta --read-only")
    error = notebook.refused("it.put_object(Bucket=BUCKET, Key='new')")
    assert "as RoleBeta with its full permissions, but `RoleBeta` is active, read-only" in (
        str(error)
    )
    notebook.good('it = session.client("s3")')  # as the hint says
    assert '`session.client("s3")`' in error.hint
    notebook.good("it.head_bucket(Bucket=BUCKET)")


def test_once_in_a_cell(notebook: Shell) -> None:
    """Each caller is warned about once in a cell, and once more in the next cell."""
    notebook.good("import stored; it, other = session.client('s3'), stored.Store()")
    notebook.good("%aws_profile RoleGamma")
    cell = "for _ in range(3):\n    it.list_buckets()\n    other.read()"
    for _ in range(2):
        notebook.ip.execution_count += 1  # as IPython does for each typed cell
        first, second = warnings_in(notebook.good(cell))
        assert first.startswith("`it.list_buckets()` signs ListBuckets as RoleBeta")
        assert second.startswith("`stored` signs HeadBucket as RoleBeta")
    notebook.good("%config AwsProfileMagics.stale = 'allow'")
    assert warnings_in(notebook.good(cell)) == []


def test_a_library_is_named(notebook: Shell) -> None:
    """The warning names the library that signs, and says what to do."""
    notebook.good("import smart_open\nit = {'client': session.client('s3')}")
    notebook.good("%aws_profile RoleGamma")
    ran = notebook.good("smart_open.open(f's3://{BUCKET}/cities', transport_params=it).read()")
    (warning,) = warnings_in(ran)
    assert warning.startswith("`smart_open` signs GetObject as RoleBeta")
    assert "create its objects again" in warning


#: Clients whose identity the user has chosen, or whose identity is the active one.
CHOSEN = {
    "opened by name": "from ipy_awsprofile import open_session\n"
    "it = open_session('RoleBeta').client('s3')",
    "boto3's session by name": "it = boto3.Session(profile_name='RoleBeta').client('s3')",
    "only the session": "%aws_profile RoleBeta --only-session --as beta\nit = beta.client('s3')",
    "boto3's client with keys": "import os\nfrom ipy_awsprofile import open_session\n"
    "keys = open_session('RoleBeta').get_credentials().get_frozen_credentials()\n"
    "it = boto3.client('s3', aws_access_key_id=keys.access_key, "
    "aws_secret_access_key=keys.secret_key, aws_session_token=keys.token)",
    "s3fs by name": "import s3fs\nfrom types import SimpleNamespace\n"
    "fs = s3fs.S3FileSystem(profile='RoleBeta')\n"
    "it = SimpleNamespace(list_buckets=lambda: fs.ls(BUCKET, refresh=True))",
    "options of another session": "import s3fs\nfrom types import SimpleNamespace\n"
    "from ipy_awsprofile import open_session, storage_options\n"
    "fs = s3fs.S3FileSystem(**storage_options(open_session('RoleBeta')))\n"
    "it = SimpleNamespace(list_buckets=lambda: fs.ls(BUCKET, refresh=True))",
    "a file of fsspec": "import fsspec\nfrom types import SimpleNamespace\n"
    "def read():\n    with fsspec.open(f's3://{BUCKET}/cities') as f: return f.read()\n"
    "it = SimpleNamespace(list_buckets=read)",
    "renewed": "it = session.client('s3')\n%aws_profile --refresh",
    "the same again": "it = session.client('s3')\n%aws_profile RoleBeta --as beta",
    "in its own scope": "%%aws_profile RoleGamma\nsession.client('s3').list_buckets()\n"
    "it = boto3.Session(profile_name='RoleBeta').client('s3')",
    "no signature": "from botocore import UNSIGNED\nfrom botocore.config import Config\n"
    "it = boto3.client('s3', config=Config(signature_version=UNSIGNED))",
}


#: Clients that aren't stale even after a switch to another role.
BY_NAME = {
    *("opened by name", "boto3's session by name", "boto3's client with keys"),
    *("s3fs by name", "options of another session", "a file of fsspec"),
}


@pytest.mark.nightly(keep=3)
@pytest.mark.parametrize("chosen", CHOSEN)
def test_no_false_alarm(notebook: Shell, chosen: str) -> None:
    """A client whose identity was chosen explicitly isn't stale under any identity."""
    assert warnings_in(notebook.good(CHOSEN[chosen])) == []
    use = "try: it.list_buckets()\nexcept Exception as error: assert 'Denied' in str(error)"
    assert warnings_in(notebook.good(use)) == []
    if chosen in BY_NAME:
        notebook.good("%aws_profile RoleGamma --read-only")
        assert warnings_in(notebook.good("it.list_buckets()")) == []


@pytest.mark.slow
def test_children_keep_their_identity(notebook: Shell, aws: EmbeddedAws) -> None:
    """A child from before a switch keeps the identity that it has borrowed, without a warning."""
    notebook.good("%aws_profile UserAlpha")
    code = "import boto3, sys; sys.stdin.read(); boto3.client('sts').get_caller_identity()"
    notebook.good(
        "import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', "
        f"{code!r}], stdin=subprocess.PIPE)"
    )
    notebook.good("%aws_profile RoleGamma --read-only")
    ran = notebook.good("child.stdin.close(); assert child.wait() == 0")
    assert warnings_in(ran) == []
    assert "UserAlpha" in str(aws.calls[-1].arn)


def test_in_a_script(aws: EmbeddedAws) -> None:
    """Without a notebook, a stale client causes a Python warning, unless `stale` is "allow"."""
    switcher = Switcher(None)
    switcher.switch(SwitchRequest(profile="RoleBeta"))
    s3 = boto3.client("s3")
    switcher.switch(SwitchRequest(profile="UserAlpha"))
    with pytest.warns(UserWarning, match="signs ListBuckets as RoleBeta, but `UserAlpha` is"):
        s3.list_buckets()
    thread = threading.Thread(target=s3.head_bucket, kwargs={"Bucket": "my-first-bucket"})
    switcher.stale = "allow"
    thread.start()
    thread.join()
    switcher.close()
    s3.list_buckets()


def test_in_a_block(aws: EmbeddedAws) -> None:
    """A client from a block causes a warning after the block."""
    with using_profile("RoleBeta") as session:
        s3 = session.client("s3")
        s3.list_buckets()
    with pytest.warns(UserWarning, match="signs ListBuckets as RoleBeta, but no profile is active"):
        s3.list_buckets()


def test_in_a_kernel(aws: EmbeddedAws) -> None:
    """The notebook's output contains the warning, and the saved file contains no secret."""
    cells, saved = run_notebook(
        "%load_ext ipy_awsprofile\n%aws_profile RoleBeta",
        "kept = [session.client('s3')]\n%aws_profile UserAlpha",
        "kept[0].list_buckets(); None",
        environment=aws.environment(),
    )
    assert "kept[0].list_buckets(); None" in "".join(cells[2].cards)
    assert "signs ListBuckets as RoleBeta" in "".join(cells[2].cards)
    assert [secret for secret in aws.secrets() if secret in saved] == []
