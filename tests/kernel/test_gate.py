"""A client from before a switch is noticed when it signs, whatever object holds it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, USER_ACCOUNT, Scenario, allow, trusting
from ipy_awsprofile.errors import StaleIdentity
from tests.aws import EmbeddedAws
from tests.kernel.conftest import BUCKET
from tests.packages import has
from tests.roles import roles_in_s3
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

#: Code that keeps a client in variables, modules and libraries, and code that uses the client.
HOLDERS = {
    "variable": ("variable = session.client('s3')", "variable.head_bucket(Bucket=BUCKET)"),
    "module": ("import stored\nstore = stored.Store()", "store.read()"),
    "thread": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "pool = ThreadPoolExecutor(1); s3 = boto3.client('s3')",
        "pool.submit(s3.head_bucket, Bucket=BUCKET).result()",
    ),
    "upload": (
        "import io\nuploads = boto3.client('s3')",
        "uploads.upload_fileobj(io.BytesIO(b'x'), BUCKET, 'key')",
    ),
    "presigned URL": (
        "urls = boto3.client('s3')",
        "urls.generate_presigned_url('head_bucket', Params={'Bucket': BUCKET})",
    ),
    "session": ("mine = session", "mine.client('s3').head_bucket(Bucket=BUCKET)"),
    "aiobotocore": (
        "import asyncio, aiobotocore.session\nloop = asyncio.new_event_loop()\n"
        "made = aiobotocore.session.get_session().create_client('s3', 'us-west-2')\n"
        "client = loop.run_until_complete(made.__aenter__())",
        "loop.run_until_complete(client.head_bucket(Bucket=BUCKET))",
    ),
    "s3fs": ("import s3fs\nfs = s3fs.S3FileSystem()\nfs.ls(BUCKET)", "fs.ls(BUCKET, refresh=True)"),
    "Dask": (
        "import dask.dataframe as dd; frame = dd.read_parquet(PARQUET)",
        "frame.compute(scheduler='sync')",
    ),
    "smart_open": (
        "import smart_open\nparams = {'client': boto3.client('s3')}",
        "smart_open.open(CSV, transport_params=params).read()",
    ),
    "cloudpathlib": ("import cloudpathlib\npath = cloudpathlib.S3Path(CSV)", "path.stat()"),
    "awswrangler": (
        "import awswrangler as wr\nold = session",
        "wr.s3.list_objects(f's3://{BUCKET}/', boto3_session=old)",
    ),
}
if not has("awswrangler"):
    del HOLDERS["awswrangler"]


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


def test_holders(older: Shell, aws: EmbeddedAws) -> None:
    """Using a stale client shows a warning, and raises an error if the identity is read-only."""
    older.good("\n".join(make for make, _ in HOLDERS.values()))

    def warnings() -> dict[str, str]:
        shown = {holder: warnings_in(older.good(use)) for holder, (_, use) in HOLDERS.items()}
        return {holder: lines[0] for holder, lines in shown.items() if lines}

    assert warnings() == {}
    older.good("%aws_profile RoleGamma")
    shown = warnings()
    assert shown.keys() == HOLDERS.keys()
    assert [line for line in shown.values() if " as RoleBeta, but `RoleGamma` is" not in line] == []
    older.good("%aws_profile RoleGamma --read-only")
    aws.calls.clear()
    for holder, (_, use) in HOLDERS.items():
        assert isinstance(older.run(use).error, StaleIdentity), holder
    assert [call for call in aws.calls if call.action.startswith("s3:")] == []
    older.good("%aws_profile RoleBeta")
    assert warnings() == {}


def test_stale(older: Shell) -> None:
    """The setting `stale` decides what happens, in cells and after `--off`, too."""
    use = "it.list_buckets()"
    older.good("it = session.client('s3')")
    assert "but `UserAlpha` is" in warnings_in(older.good(f"%%aws_profile UserAlpha\n{use}"))[0]
    older.good("%aws_profile --off")
    assert "no profile is active" in warnings_in(older.good(use))[0]
    older.good("%config AwsProfileMagics.stale = 'refuse'")
    assert isinstance(older.refused(use), StaleIdentity)
    older.good("%config AwsProfileMagics.stale = 'allow'")
    assert warnings_in(older.good(use)) == []


def test_a_client_of_a_cell(older: Shell) -> None:
    """A client from a `%%aws_profile` cell that is used later causes a warning, whose advice works.

    That is so with another active profile, and without one.
    """
    who = "it.get_caller_identity()['Arn']"
    for switch, arn in (("%aws_profile RoleBeta", "RoleBeta"), ("%aws_profile --off", "UserAlpha")):
        older.good(switch)
        older.good("%%aws_profile RoleGamma\nit = session.client('sts')")
        (warning,) = warnings_in(older.good(who))
        assert "signs GetCallerIdentity as RoleGamma" in warning
        assert "before" not in warning
        (again,) = re.findall("again with `([^`]+)`", warning)
        ran = older.good(f"it = {again}\n{who}")
        assert arn in ran.result
        assert warnings_in(ran) == []


def test_once_in_a_cell(older: Shell) -> None:
    """Each line, module or library is warned about once in a cell, and again in the next cell."""
    older.good("import smart_open, stored; it, other = session.client('s3'), stored.Store()")
    older.good("%aws_profile RoleGamma")
    library = "smart_open.open(CSV, transport_params={'client': it}).read()"
    cell = f"for _ in range(3):\n    it.list_buckets()\n    other.read()\n    {library}"
    for _ in range(2):
        first, second, third = warnings_in(older.good(cell))
        assert first.startswith("`it.list_buckets()` signs ListBuckets as RoleBeta")
        code = 'session.client("s3")'
        assert f"Create it again with `{code}`" in first
        assert second.startswith("`stored` signs HeadBucket as RoleBeta")
        assert third.startswith("`smart_open` signs GetObject as RoleBeta")
        assert "Create the library's objects again" in third


#: Modules that keep a client, and the notebook's code that uses it, after their imports.
KEEPING = {
    "an object": (MODULE, "store = stored.Store()", "store.read()"),
    "a variable": (f"{MODULE}\nread = Store().read", "from stored import read", "read()"),
}


@pytest.mark.parametrize("holder", KEEPING)
def test_a_client_of_a_module(older: Shell, aws: EmbeddedAws, tmp_path: Path, holder: str) -> None:
    """The line about a client that the user's module keeps says how to run its code again."""
    module, make, use = KEEPING[holder]
    (tmp_path / "stored.py").write_text(module)
    older.good(f"import stored\n{make}\n{use}\n%aws_profile RoleGamma")
    (warning,) = warnings_in(older.good(use))
    assert "If `stored` created it, run the module's code again with " in warning
    (again,) = re.findall("`(import importlib.+?)`, and create its objects again", warning)
    assert roles_in_s3(aws, older, f"{again}\n{make}\n{use}") == {"RoleGamma"}


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


def test_no_false_alarm(older: Shell, aws: EmbeddedAws) -> None:
    """A client of a session that was opened by name or with keys keeps its identity silently."""
    use = "it.list_buckets()"
    for code in (*STILL_ACTIVE.values(), *CHOSEN.values()):
        older.good("%aws_profile RoleBeta")
        assert warnings_in(older.good(code)) == []
        assert warnings_in(older.good(use)) == []
        if code in CHOSEN.values():
            older.good("%aws_profile RoleGamma --read-only")
            assert roles_in_s3(aws, older, use) == {"RoleBeta"}
            assert warnings_in(older.good(use)) == []
            assert "`it`" not in older.good("%aws_profile").text


def test_another_session_of_the_same_role(notebook: Shell) -> None:
    """The card and the error say how the sessions of a role differ."""
    notebook.good("%config AwsProfileMagics.stale = 'refuse'")
    notebook.good("%aws_profile RoleBeta --read-only\ns3 = session.client('s3')")
    card = notebook.good("%aws_profile RoleBeta").text
    assert "`s3` still signs as RoleBeta, read-only: " in card
    error = str(notebook.refused("s3.list_buckets()"))
    assert "signs ListBuckets as RoleBeta, read-only, but `RoleBeta" in error


def test_an_edited_profile(aws: EmbeddedAws, notebook: Shell) -> None:
    """If a profile's name has moved to another account, cards and warnings name the principal."""
    other = "444455556666"
    trust = trusting(f"arn:aws:iam::{USER_ACCOUNT}:root")
    aws.iam.create_role("RoleBeta", account=other, trust=trust, policy=allow("s3:*"))
    notebook.good("%aws_profile RoleBeta\nimport s3fs; fs = s3fs.S3FileSystem(); fs.ls(BUCKET)")
    notebook.good("s3, old = session.client('s3'), session")
    config = aws.config_file.read_text()
    aws.config_file.write_text(config.replace(f"{ROLE_ACCOUNT}:role/", f"{other}:role/"))
    card = notebook.good("%aws_profile RoleBeta").text
    former = f"RoleBeta as arn:aws:sts::{ROLE_ACCOUNT}:assumed-role/RoleBeta"
    named = set(re.findall(rf"`(\w+)` [^\n]*{former}", card))
    assert named == {"s3", "old", "fs"}
    (warning,) = warnings_in(notebook.good("s3.list_buckets()"))
    assert f"as {former}" in warning
    assert ", but `RoleBeta` is active" in warning
    aws.calls.clear()
    notebook.run("s3fs.S3FileSystem().ls(BUCKET)")
    assert {other in str(call.arn) for call in aws.calls if call.action.startswith("s3:")} == {True}


def test_from_before_the_first_switch(notebook: Shell) -> None:
    """A client of the default profile causes a warning after a switch, and none before it."""
    notebook.good("it = boto3.client('sts'); it.get_caller_identity()")
    notebook.good("%aws_profile RoleBeta")
    (warning,) = warnings_in(notebook.good("it.get_caller_identity()"))
    assert "as UserAlpha, but `RoleBeta` is active" in warning
    assert "`it` still signs as UserAlpha" in notebook.good("%aws_profile").text
    notebook.good("%aws_profile --off")
    assert warnings_in(notebook.good("it.get_caller_identity()")) == []


def test_after_unloading(older: Shell) -> None:
    """After the extension is unloaded, nothing warns; loaded again, it refuses older clients."""
    older.good("it = session.client('s3')\n%unload_ext ipy_awsprofile")
    assert warnings_in(older.good("it.list_buckets()")) == []
    older.good("%load_ext ipy_awsprofile\n%aws_profile RoleGamma --read-only")
    error = str(older.refused("it.list_buckets()"))
    assert error.startswith("`it.list_buckets()` signs ListBuckets as RoleBeta")


def test_a_profile_without_credentials(aws: EmbeddedAws, notebook: Shell) -> None:
    """A profile without credentials is an error, as without the extension, not the active one."""
    aws.write_profile("other-team", region="us-west-2")
    uses = (
        "boto3.Session(profile_name='other-team').client('sts').get_caller_identity()",
        "import s3fs; s3fs.S3FileSystem(profile='other-team', skip_instance_cache=True).ls('')",
    )
    for switch in ("", "%aws_profile RoleBeta"):
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


#: Code that changes the environment after a switch, and the identity that `boto3.Session()` has.
CHANGES = {
    "another profile": ("os.environ['AWS_PROFILE'] = 'UserAlpha'", "UserAlpha"),
    "no profile": ("del os.environ['AWS_PROFILE']", "default"),
    "keys": ("os.environ.update(KEYS)", "the default identity (env)"),
}

USE = "it.head_bucket(Bucket=BUCKET)"


@pytest.fixture
def changing(notebook: Shell, aws: EmbeddedAws, scenario: Scenario) -> Shell:
    """Return a notebook with the keys of a user, which are the default profile's, too."""
    keys = {
        "AWS_ACCESS_KEY_ID": scenario.user.access_key_id,
        "AWS_SECRET_ACCESS_KEY": scenario.user.secret_access_key,
    }
    settings = {name.lower(): value for name, value in keys.items()}
    aws.write_profile("default", file=aws.credentials_file, **settings)
    notebook.names["KEYS"] = keys
    return notebook


@pytest.mark.parametrize("change", CHANGES)
def test_a_client_of_a_changed_environment(changing: Shell, change: str) -> None:
    """A client of changed variables is a choice until they change again, and then it is stale.

    The line about the change names `boto3.Session()`, and what brings the profile back.
    """
    code, name = CHANGES[change]
    changing.good("%aws_profile RoleBeta")
    ran = changing.run(f"{code}\nit = boto3.Session().client('s3')\n{USE}")
    assert warnings_in(ran) == []
    assert "was changed after the switch: `boto3.Session()` and child processes" in ran.text
    (line,) = re.findall("again, run `([^`]+)`", ran.text)
    card = changing.good(f"{line}\nagain = boto3.Session().client('sts')").text
    assert f'`it` still signs as {name}: run `it = session.client("s3"' in card
    assert "/RoleBeta/" in changing.good("again.get_caller_identity()['Arn']").result
    (warning,) = warnings_in(changing.run(USE))
    assert f"`{USE}` signs HeadBucket as {name}, but `RoleBeta` is active." in warning
    changing.good("%config AwsProfileMagics.stale = 'refuse'\n%aws_profile RoleGamma")
    assert isinstance(changing.refused(USE), StaleIdentity)
    changing.good("%aws_profile --off")
    assert f"`it` still signs as {name}" in changing.good("%aws_profile RoleBeta").text


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_environment_while_read_only(
    changing: Shell, aws: EmbeddedAws, change: str
) -> None:
    """While a read-only identity is active, a client of changed variables is refused."""
    changing.good("%aws_profile RoleBeta --read-only")
    aws.calls.clear()
    code, name = CHANGES[change]
    write = "it.put_object(Bucket=BUCKET, Key='new', Body=b'')"
    error = changing.run(f"{code}\nit = boto3.Session().client('s3')\n{write}").error
    assert isinstance(error, StaleIdentity)
    assert f"signs PutObject as {name}, but `RoleBeta, read-only` is active." in str(error)
    assert [call for call in aws.calls if call.action.startswith("s3:")] == []


def test_without_the_name_of_the_profile(notebook: Shell) -> None:
    """Without AWS_PROFILE and default keys, a client has the active identity, and not longer."""
    notebook.good("%aws_profile RoleBeta\ndel os.environ['AWS_PROFILE']")
    notebook.good("it = boto3.Session().client('s3')")
    assert warnings_in(notebook.good("it.list_buckets()")) == []
    notebook.good("%aws_profile RoleGamma")
    (warning,) = warnings_in(notebook.good("it.list_buckets()"))
    assert " as RoleBeta, but `RoleGamma` is active." in warning


def test_a_resource_of_a_former_switch(notebook: Shell) -> None:
    """The step for a resource creates a resource, so that the same line works again."""
    notebook.good("%aws_profile RoleBeta\nit = session.resource('s3')\n%aws_profile RoleGamma")
    use = "[bucket.name for bucket in it.buckets.all()]"
    (warning,) = warnings_in(notebook.good(use))
    (code,) = re.findall("Create it with `(.+)`", warning)
    assert warnings_in(notebook.good(f"it = {code}\n{use}")) == []


def test_the_region_of_a_new_client(notebook: Shell) -> None:
    """The code for a new client names a Region only if the code of the former client did."""
    makes = "plain, own = boto3.client('dynamodb'), boto3.client('dynamodb', 'eu-west-1')"
    notebook.good(f"%aws_profile RoleBeta --region us-west-2\n{makes}; kept = plain")
    card = notebook.good("%aws_profile RoleGamma --region eu-central-1").text
    statements = re.findall("still signs as RoleBeta: run `((?:plain|own) = .+?)`", card)
    notebook.good("\n".join(statements))
    assert notebook.names["plain"].meta.region_name == "eu-central-1"
    assert notebook.names["own"].meta.region_name == "eu-west-1"
    (warning,) = warnings_in(notebook.run("kept.list_tables()"))
    (code,) = re.findall("Create it again with `(.+?)`", warning)
    notebook.good(f"kept = {code}")
    assert notebook.names["kept"].meta.region_name == "eu-central-1"


def test_after_a_reload(older: Shell) -> None:
    """After a reload, each cell warns about a client of a former switch, before any new one."""
    older.good("it = session.client('s3')\n%aws_profile --off\n%reload_ext ipy_awsprofile")
    for _ in range(2):
        (warning,) = warnings_in(older.good("it.list_buckets()"))
        code = 'boto3.client("s3")'
        assert f"Create it again with `{code}`." in warning


#: Sessions with a provider of the user's own, for boto3 and for aiobotocore, and who they sign as.
OWN_PROVIDERS = """
import asyncio, aiobotocore.session, aiobotocore.credentials, botocore.session
from botocore.credentials import CredentialProvider, Credentials

class Vault(CredentialProvider):
    METHOD = "vault"
    keys = None

    def load(self):
        return self.keys and Credentials(*self.keys)

class AioVault(Vault):
    async def load(self):
        return self.keys and aiobotocore.credentials.AioCredentials(*self.keys)

def session_with(provider, before):
    kind = aiobotocore.session if isinstance(provider, AioVault) else botocore.session
    made = kind.get_session()
    made.get_component("credential_provider").insert_before(before, provider)
    return made

def who(made):
    sts = boto3.Session(botocore_session=made).client("sts", "us-west-2")
    return sts.get_caller_identity()["Arn"]

async def who_later(made):
    async with made.create_client("sts", region_name="us-west-2") as sts:
        return (await sts.get_caller_identity())["Arn"]

earlier = session_with(Vault(), "env")
"""


def test_a_provider_of_the_user(notebook: Shell, aws: EmbeddedAws) -> None:
    """A provider that the user adds to a session's chain is asked before the active identity.

    That is so for sessions from before the extension was loaded, and in a run. If the provider has
    no credentials, the session gets the active ones.
    """
    notebook.good("%unload_ext ipy_awsprofile")
    notebook.good(OWN_PROVIDERS)
    notebook.good("%load_ext ipy_awsprofile\n%aws_profile RoleBeta --read-only")
    notebook.good("without = session_with(Vault(), 'assume-role')")
    assert "/RoleBeta/" in notebook.good("who(without)").result
    user = aws.iam.create_user("vaulted", account=USER_ACCOUNT)
    notebook.names["vaulted"] = user.access_key_id, user.secret_access_key
    notebook.good("Vault.keys = vaulted")
    for session in (
        "earlier",
        "session_with(Vault(), 'env')",
        "session_with(Vault(), 'shared-credentials-file')",
    ):
        ran = notebook.good(f"mine = {session}\nwho(mine)")
        assert ran.result.endswith("user/vaulted"), session
        assert warnings_in(ran) == []
    later = "asyncio.run(who_later(session_with(AioVault(), 'env')))"
    assert notebook.good(later).result.endswith("user/vaulted")
    run = "across_profiles(['RoleGamma'], lambda session: who(session_with(Vault(), 'env')))"
    (arn,) = notebook.good(f"from ipy_awsprofile import across_profiles\n{run}").result["value"]
    assert arn.endswith("user/vaulted")
    notebook.good("%aws_profile --off\nkept = session_with(Vault(), 'env')\nwho(kept)")
    ran = notebook.good("%aws_profile RoleGamma\nwho(kept)")
    assert ran.result.endswith("user/vaulted")
    assert warnings_in(ran) == []
