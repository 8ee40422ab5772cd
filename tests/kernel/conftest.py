"""A notebook with two roles that can use a bucket with files."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pandas as pd
import pytest
import s3fs

from ipy_awsprofile import open_session, using_profile
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, add_role
from tests.aws import EmbeddedAws
from tests.roles import answer_with_codes
from tests.servers import Answers, odd_server
from tests.shells import Shell

BUCKET = "cities-of-mine"


@pytest.fixture
def notebook(aws: EmbeddedAws, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """Return a shell in which RoleBeta and RoleGamma can use the bucket, and UserAlpha can't.

    UserAlpha is the user's own profile. The variables are those that emulators of S3 need.
    """
    s3fs.S3FileSystem.clear_instance_cache()  # of an earlier test
    add_role(aws, "RoleGamma", "s3:*")
    aws.create_bucket(BUCKET, account=ROLE_ACCOUNT, region="us-west-2")
    parquet = io.BytesIO()
    pd.DataFrame({"people": [717]}).to_parquet(parquet)
    s3 = open_session("RoleBeta").client("s3")
    s3.put_object(Bucket=BUCKET, Key="cities.csv", Body=b"city,people\nOslo,717\n")
    s3.put_object(Bucket=BUCKET, Key="cities.parquet", Body=parquet.getvalue())
    with odd_server(Answers((404, ""))) as metadata:
        for name, value in {
            "AWS_PROFILE": "UserAlpha",
            "AWS_ENDPOINT_URL": aws.endpoint_url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_S3_ALLOW_UNSAFE_RENAME": "true",
            "AWS_METADATA_ENDPOINT": metadata,  # for Rust's object_store
            "MLFLOW_S3_ENDPOINT_URL": aws.endpoint_url,
        }.items():
            monkeypatch.setenv(name, value)
        shell.names.update(
            BUCKET=BUCKET,
            ROOT=f"s3://{BUCKET}",
            CSV=f"s3://{BUCKET}/cities.csv",
            PARQUET=f"s3://{BUCKET}/cities.parquet",
            KEY=f"{BUCKET}/cities.parquet",
            ENDPOINT=aws.endpoint_url,
            open_session=open_session,
            using_profile=using_profile,
        )
        shell.good("import boto3, os, subprocess, sys")
        yield shell


@pytest.fixture
def as_auditor(
    aws: EmbeddedAws, auditor: str, notebook: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Switch to a role that requires MFA. No one is available to enter the next code."""
    with monkeypatch.context() as prompts:
        answer_with_codes(aws, auditor, prompts)
        notebook.good("%aws_profile Auditor")
