"""The kernel, libraries and children use a 15-minute session until shortly before its end."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

BUCKET = "short-sessions"
CSV, PARQUET = f"s3://{BUCKET}/cities.csv", f"s3://{BUCKET}/cities.parquet"

#: Code that reads the file ten times.
READERS = {
    "boto3": "import boto3\n"
    f"for _ in range(10): boto3.client('s3').get_object(Bucket='{BUCKET}', Key='cities.csv')",
    "pandas": f"import pandas as pd\nfor _ in range(10): pd.read_parquet('{PARQUET}')",
    "s3fs": f"import s3fs\nfor _ in range(10): s3fs.S3FileSystem().cat('{CSV}')",
    "polars": f"import polars as pl\nfor _ in range(10): pl.read_parquet('{PARQUET}')",
    "pyarrow": "import pyarrow.fs as fs\n"
    f"for _ in range(10): fs.FileSystem.from_uri('{CSV}')[0].get_file_info('{BUCKET}/cities.csv')",
}
CHILD = """import boto3
for _ in range(3):
    boto3.Session().client("s3").get_object(Bucket="BUCKET", Key="cities.csv")
""".replace("BUCKET", BUCKET)


@pytest.fixture
def notebook(aws: EmbeddedAws, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Put a file into a bucket, as a role whose session lasts 15 minutes."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    aws.create_bucket(BUCKET, account=ROLE_ACCOUNT, region="us-west-2")
    aws.calls.clear()
    shell.good("import io, pandas, polars, fsspec.config")
    shell.good("%aws_profile RoleBeta --duration 15m")
    shell.good("cities = pandas.DataFrame({'city': ['Oslo']})")
    for kind in ("csv", "parquet"):
        shell.good(f"cities.to_{kind}(body := io.BytesIO())")
        shell.good(
            f"session.client('s3').put_object(Bucket='{BUCKET}', Key='cities.{kind}', "
            "Body=body.getvalue())"
        )
    return shell


def assumed(aws: EmbeddedAws) -> int:
    """Return how often a role was assumed."""
    return [call.action for call in aws.calls].count("sts:AssumeRole")


@pytest.mark.slow
@pytest.mark.nightly(keep=2)
@pytest.mark.parametrize("library", READERS)
def test_library_assumes_no_role(aws: EmbeddedAws, notebook: Shell, library: str) -> None:
    """Ten reads use the session of the switch."""
    aws.calls.clear()
    notebook.good(READERS[library])
    assert {call.action.split(":")[0] for call in aws.calls} == {"s3"}
    assert len(aws.calls) >= 10


@pytest.mark.slow
def test_children_assume_no_role(aws: EmbeddedAws, notebook: Shell) -> None:
    """A child process borrows the session of the switch, however many clients it creates."""
    subprocess.run([sys.executable, "-c", CHILD], check=True)
    assert assumed(aws) == 1


def test_switch_back_assumes_no_role(aws: EmbeddedAws, notebook: Shell) -> None:
    """A switch back to the profile finds the session in the AWS CLI's cache."""
    notebook.good("%aws_profile UserAlpha")
    notebook.good("%aws_profile RoleBeta --duration 15m")
    assert assumed(aws) == 1
