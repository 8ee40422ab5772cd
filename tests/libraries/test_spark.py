"""Spark's options contain the session's credentials and S3 endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3

from ipy_awsprofile import who_am_i
from ipy_awsprofile.libraries import spark_options
from tests.libraries.s3 import BUCKET, signers

if TYPE_CHECKING:
    import boto3

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.sessions.session import ProfileSession


def test_spark(aws: EmbeddedAws, session: ProfileSession) -> None:
    """`spark_options` returns the session's credentials, endpoint and Region."""
    options = spark_options(session)
    keys = [options[f"fs.s3a.{key}.key"] for key in ("access", "secret")]
    client = boto3.client(
        "s3",
        aws_access_key_id=keys[0],
        aws_secret_access_key=keys[1],
        aws_session_token=options["fs.s3a.session.token"],
        endpoint_url=options["fs.s3a.endpoint"],
        region_name=options["fs.s3a.endpoint.region"],
    )
    client.list_objects_v2(Bucket=BUCKET)
    assert signers(aws) == {who_am_i(session).arn}
    assert options["fs.s3a.path.style.access"] == "true"
    assert options["fs.s3a.connection.ssl.enabled"] == "false"
