"""In a run over many profiles, each row's calls are signed by its own profile."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.demo.stages.organisation import seed_organisation
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT
from ipy_awsprofile.errors import InvalidOption, NoProfileAnswered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

MODULE = """
import boto3
sts = boto3.client("sts")

def who():
    return sts.get_caller_identity()["Account"]
"""

#: Code before the run, and a cell for each profile that would use the notebook's identity.
NOTEBOOKS = {
    "method": (
        "class It:\n    def who(self): return sts.get_caller_identity()['Account']\nit = It()",
        "it.who()",
    ),
    "property": (
        "class It:\n    @property\n    def who(self): return sts.get_caller_identity()['Account']\n"
        "it = It()",
        "it.who",
    ),
    "decorated": (
        "import functools\n@functools.lru_cache\n"
        "def it(n=0): return sts.get_caller_identity()['Account']",
        "it()",
    ),
    "dict": ("it = {'who': lambda: sts.get_caller_identity()['Account']}", "it['who']()"),
    "globals": ("", "globals()['sts'].get_caller_identity()['Account']"),
    "eval": ("", "eval('sts.get_caller_identity()')['Account']"),
    "module": ("import of_the_user", "of_the_user.who()"),
    "pool from before": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "pool = ThreadPoolExecutor(2); pool.submit(int).result()\nbefore = sts.get_caller_identity",
        "pool.submit(before).result()['Account']",
    ),
    "thread": (
        "import threading\ndef it(found): found.append(sts.get_caller_identity()['Account'])",
        "found = []\nmade = threading.Thread(target=it, args=(found,))\nmade.start(); made.join()\n"
        "found[0]",
    ),
    "rows that are computed later": (
        "class Rows(list):\n    def __iter__(self):\n"
        "        yield sts.get_caller_identity()['Account']\nit = Rows",
        "list(it())",
    ),
    "client of boto3": ("import boto3\ns3 = boto3.client('s3')", "s3.list_buckets()"),
    "resource": ("s3 = session.resource('s3')", "list(s3.buckets.all())"),
    "session": ("mine = session", "mine.client('s3').list_buckets()"),
    "session of a function": ("def it(): return session.client('s3')", "it().list_buckets()"),
    "argument": (
        "import functools\nit = functools.partial(lambda s3: s3.list_buckets(), "
        "session.client('s3'))",
        "it()",
    ),
    "earlier switch": (
        "%aws_profile UserAlpha\ns3 = session.client('s3')\n%aws_profile RoleBeta",
        "s3.list_buckets()",
    ),
    "filesystem": (
        "import s3fs\nfiles = s3fs.S3FileSystem()\nfiles.ls('')",
        "files.ls('', refresh=True)",
    ),
    "unused filesystem": ("import s3fs\nfiles = s3fs.S3FileSystem()", "files.ls('')"),
    "options for Dask": (
        "import s3fs\nfrom ipy_awsprofile import libraries\n"
        "options = libraries.dask_storage_options(session)",
        "s3fs.S3FileSystem(**options).ls('')",
    ),
    "presigned": ("", "globals()['sts'].generate_presigned_url('get_caller_identity')"),
}


@pytest.fixture
def notebook(
    aws: EmbeddedAws, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shell]:
    """Switch to RoleBeta, with four more accounts, a client in the notebook and a module."""
    seed_organisation(aws, 4)
    (tmp_path / "of_the_user.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    shell.good("import boto3\n%aws_profile RoleBeta\nsts = boto3.client('sts')")
    yield shell
    sys.modules.pop("of_the_user", None)


@pytest.mark.nightly(keep=5)
@pytest.mark.parametrize("code", NOTEBOOKS)
def test_as_the_notebook(notebook: Shell, aws: EmbeddedAws, code: str) -> None:
    """If a row's code would sign as the notebook, the row fails, and AWS gets no request."""
    before, cell = NOTEBOOKS[code]
    notebook.good(before)
    aws.calls.clear()
    error = notebook.run(f"%%aws_profiles reader --no-progress\n{cell}").error
    assert isinstance(error, NoProfileAnswered | InvalidOption)
    assert [call for call in aws.calls if f":{ROLE_ACCOUNT}:" in str(call.arn)] == []
    notebook.good("sts.get_caller_identity()")


def test_chosen_by_name(notebook: Shell) -> None:
    """A session opened by name can sign in a run, and each row's session can sign in a pool."""
    notebook.good(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from ipy_awsprofile import open_session\n"
        "pool = ThreadPoolExecutor(2)\npool.submit(int).result()\n"
        "chosen = open_session('UserAlpha').client('sts')"
    )
    cell = (
        "own = session.client('sts')\n"
        "[chosen.get_caller_identity()['Account'],\n"
        " pool.submit(own.get_caller_identity).result()['Account'] == profile.account]"
    )
    frame = notebook.good(f"%%aws_profiles reader --no-progress\n{cell}").result
    assert list(frame["value"]) == [USER_ACCOUNT, True] * 4
    notebook.good("pool.shutdown()")


def test_other_threads_of_the_notebook(notebook: Shell) -> None:
    """Another thread keeps using the notebook's identity during a run."""
    notebook.good(
        "import threading\ngoes_on, found = threading.Event(), []\n"
        "def background():\n    goes_on.wait(30)\n"
        "    found.append(sts.get_caller_identity()['Account'])\n"
        "thread = threading.Thread(target=background)\nthread.start()"
    )
    cell = "goes_on.set()\nthread.join(30)\nlen(found)"
    frame = notebook.good(f"%%aws_profiles reader --no-progress\n{cell}").result
    assert list(frame["value"]) == [1] * 4
    assert notebook.names["found"] == [ROLE_ACCOUNT]
