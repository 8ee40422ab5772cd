"""The card names objects that can't follow a switch, with code to recreate them."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pandas as pd
import pytest
import s3fs  # noqa: F401  # fsspec's defaults follow only what is imported before the switch

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from ipy_awsprofile.sessions.session import open_session
from tests.roles import add_role, roles_in_s3
from tests.shells import Shell

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws

BUCKET = "leftovers-of-mine"


@pytest.fixture
def notebook(aws: EmbeddedAws, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Create a bucket with a file, and a second role that can read it."""
    add_role(aws, "RoleGamma", "s3:*")
    aws.create_bucket(BUCKET, account=ROLE_ACCOUNT, region="us-west-2")
    s3 = open_session("RoleBeta").client("s3")
    parquet = io.BytesIO()
    pd.DataFrame({"people": [717]}).to_parquet(parquet)
    s3.put_object(Bucket=BUCKET, Key="cities.parquet", Body=parquet.getvalue())
    for name, value in {
        "AWS_ENDPOINT_URL": aws.endpoint_url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_S3_ALLOW_UNSAFE_RENAME": "true",
        "BOTO3_ENDPOINT_URL": aws.endpoint_url,  # for papermill
    }.items():
        monkeypatch.setenv(name, value)
    shell.names.update(BUCKET=BUCKET, KEY=f"{BUCKET}/cities.parquet")
    return shell


#: Code that creates a signing object in the variable ``it``, and code that uses it.
KEPT = {
    "client": ("it = session.client('s3')", "it.head_bucket(Bucket=BUCKET)"),
    "client of boto3": ("import boto3; it = boto3.client('s3')", "it.head_bucket(Bucket=BUCKET)"),
    "resource": ("it = session.resource('s3')", "list(it.Bucket(BUCKET).objects.all())"),
    "bucket": ("it = session.resource('s3').Bucket(BUCKET)", "list(it.objects.all())"),
    "another Region": (
        "it = session.client('s3', region_name='eu-central-1')",
        "assert it.meta.region_name == 'eu-central-1'; it.head_bucket(Bucket=BUCKET)",
    ),
    "session": ("it = session", "it.client('s3').head_bucket(Bucket=BUCKET)"),
    "s3fs": (
        "import s3fs; it = s3fs.S3FileSystem(); it.ls(BUCKET, refresh=True)",
        "it.ls(BUCKET, refresh=True)",
    ),
    "s3fs of the environment": (
        "import fsspec.config, s3fs; fsspec.config.conf.clear()\n"
        "it = s3fs.S3FileSystem(); it.ls(BUCKET, refresh=True)",
        "it.ls(BUCKET, refresh=True)",
    ),
    "s3fs with arguments": (
        "import s3fs; it = s3fs.S3FileSystem(requester_pays=True, default_block_size=2**20)\n"
        "it.ls(BUCKET)",
        "assert it.requester_pays and it.default_block_size == 2**20; it.ls(BUCKET, refresh=True)",
    ),
    "s3fs, unused": ("import s3fs; it = s3fs.S3FileSystem()", "it.ls(BUCKET, refresh=True)"),
    "pyarrow": (
        "from pyarrow.fs import FileSystem; it, _ = FileSystem.from_uri(f's3://{KEY}')",
        "it.open_input_file(KEY).read()",
    ),
    "deltalake": (
        "import deltalake, pandas as pd\n"
        "table = f's3://{BUCKET}/delta'\n"
        "deltalake.write_deltalake(table, pd.DataFrame({'a': [1]}), mode='overwrite')\n"
        "it = deltalake.DeltaTable(table)",
        "it.to_pyarrow_table()",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("kept", KEPT)
def test_the_code_on_the_card_mends_it(aws: EmbeddedAws, notebook: Shell, kept: str) -> None:
    """The card names a variable with the previous identity until you run the card's code."""
    make, use = KEPT[kept]
    notebook.good("%aws_profile RoleBeta")
    notebook.good(make)
    assert roles_in_s3(aws, notebook, use) == {"RoleBeta"}
    notebook.good("%aws_profile RoleGamma")
    assert roles_in_s3(aws, notebook, use) == {"RoleBeta"}
    card = notebook.good("%aws_profile").text
    (code,) = re.findall(r"`it`[^\n]*RoleBeta[^\n]*run `([^`]+)`", card)
    notebook.good(code)
    assert "`it`" not in notebook.good("%aws_profile").text
    assert roles_in_s3(aws, notebook, use) == {"RoleGamma"}
    notebook.good("%aws_profile RoleBeta")
    assert "`it`" in notebook.good("%aws_profile").text
    notebook.good("%aws_profile RoleGamma")
    assert "`it`" not in notebook.good("%aws_profile").text


def test_advice_without_code(notebook: Shell) -> None:
    """For an object with arguments that code can't contain, the card says to create it again."""
    notebook.good("%aws_profile RoleBeta\nimport s3fs")
    notebook.good("fs = s3fs.S3FileSystem(s3_additional_kwargs={'SSECustomerKey': 'hidden'})")
    card = notebook.good("fs.ls(BUCKET)\n%aws_profile RoleGamma").text
    assert "`fs` still signs as RoleBeta: create it again with the same arguments" in card
    assert "hidden" not in card


@pytest.mark.slow
def test_a_filesystem_with_more_access(notebook: Shell) -> None:
    """The card names an s3fs filesystem from before a read-only switch to the same role."""
    notebook.good("%aws_profile RoleBeta\nimport s3fs; fs = s3fs.S3FileSystem(); fs.ls(BUCKET)")
    card = notebook.good("%aws_profile RoleBeta --read-only").text
    assert "`fs` still signs as RoleBeta with its full permissions: run `import" in card
    notebook.good("import s3fs; fs = s3fs.S3FileSystem(); fs.ls(BUCKET)")
    assert "`fs`" not in notebook.good("%aws_profile").text


def test_a_filesystem_of_a_cell(aws: EmbeddedAws, notebook: Shell) -> None:
    """The card names a filesystem that a cell magic's cell has opened."""
    read = "fs.open_input_file(KEY).read()"
    opened = "from pyarrow.fs import FileSystem; fs, _ = FileSystem.from_uri(f's3://{KEY}')"
    notebook.good("%aws_profile RoleBeta")
    notebook.good(f"%%aws_profile RoleGamma\n{opened}\n{read}")
    assert "`fs` was opened while RoleGamma was active" in notebook.good("%aws_profile").text
    assert roles_in_s3(aws, notebook, read) == {"RoleGamma"}
    notebook.good(opened)
    assert "`fs`" not in notebook.good("%aws_profile").text


def test_a_filesystem_from_before_the_first_switch(notebook: Shell) -> None:
    """The card names a filesystem from before the first switch, unless it is anonymous."""
    notebook.good(
        "from pyarrow.fs import S3FileSystem\n"
        "fs = S3FileSystem(region='us-west-2')\n"
        "public = S3FileSystem(anonymous=True, region='us-west-2')"
    )
    card = notebook.good("%aws_profile RoleBeta").text
    assert "`fs` was opened while no profile was active" in card
    assert "`public`" not in card


def test_what_a_cell_has_shown(notebook: Shell) -> None:
    """The card doesn't name IPython's own variables for a cell's output."""
    notebook.good("%aws_profile RoleBeta")
    notebook.good("from pyarrow.fs import FileSystem; fs = FileSystem.from_uri(f's3://{KEY}')[0]")
    notebook.good("fs")
    assert notebook.names["_"] is notebook.names["fs"]
    named = re.findall(r"`(\w+)` was opened", notebook.good("%aws_profile RoleGamma").text)
    assert named == ["fs"]


def test_bindings_without_the_environment(notebook: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the environment doesn't follow, the active profile's filesystem isn't named."""
    monkeypatch.setenv("AWS_PROFILE", "UserAlpha")
    notebook.good("%config AwsProfileMagics.bindings = ['namespace', 'filesystems']")
    notebook.good("%aws_profile RoleBeta\nimport s3fs; fs = s3fs.S3FileSystem()")
    assert "`fs`" not in notebook.good("%aws_profile").text
    assert "`fs` still signs as RoleBeta" in notebook.good("%aws_profile RoleGamma").text


#: Libraries that keep one client for all calls.
CACHING = {
    "MLflow": "from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository\n"
    "S3ArtifactRepository(f's3://{BUCKET}').list_artifacts()",
    "papermill": "from papermill.iorw import S3Handler\nS3Handler().listdir(f's3://{BUCKET}/')",
    "cloudpathlib": "import cloudpathlib\nlist(cloudpathlib.S3Path(f's3://{BUCKET}/').iterdir())",
}


@pytest.mark.slow
@pytest.mark.nightly(keep=1)
@pytest.mark.parametrize("library", CACHING)
def test_cached_clients(
    aws: EmbeddedAws, notebook: Shell, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    """The cached clients of these libraries follow each switch and each scope."""
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", aws.endpoint_url)
    use = CACHING[library]
    for role in ("RoleBeta", "RoleGamma", "RoleBeta"):
        notebook.good(f"%aws_profile {role}")
        assert roles_in_s3(aws, notebook, use) == {role}
    assert roles_in_s3(aws, notebook, f"%%aws_profile RoleGamma\n{use}") == {"RoleGamma"}
    assert roles_in_s3(aws, notebook, use) == {"RoleBeta"}
    notebook.good("%aws_profile --off")
    aws.calls.clear()
    notebook.run(use)
    assert [call for call in aws.calls if "RoleBeta" in str(call.arn)] == []
