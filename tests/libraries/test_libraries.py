"""For every library, long-term keys stay in the kernel, and no options show a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from IPython.lib.pretty import pretty

from ipy_awsprofile import open_session, storage_options
from ipy_awsprofile.errors import AwsProfileError, CredentialsUnavailable
from ipy_awsprofile.libraries import (
    duckdb_secret,
    polars_options,
    pyarrow_filesystem,
    spark_options,
)
from tests.shells import run_python

if TYPE_CHECKING:
    from collections.abc import Callable

    import boto3

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario
    from ipy_awsprofile.sessions.session import ProfileSession


@pytest.mark.parametrize(
    "give",
    [duckdb_secret, polars_options, pyarrow_filesystem, spark_options],
)
def test_long_term_keys_stay(
    aws: EmbeddedAws, scenario: Scenario, give: Callable[[boto3.Session], object]
) -> None:
    """Sessions with long-term keys or without credentials are refused."""
    with pytest.raises(CredentialsUnavailable, match="long-term keys") as raised:
        give(open_session("UserAlpha"))
    assert "\n" not in str(raised.value)
    with pytest.raises(AwsProfileError, match="no credentials"):
        give(boto3.Session())


def test_nothing_shows_a_secret(aws: EmbeddedAws, session: ProfileSession) -> None:
    """Returned options show no secret, so they can be the last line of a cell."""
    polars, spark = polars_options(session), spark_options(session)
    more = [spark | {"mergeSchema": True}, {"mergeSchema": True} | spark, spark.copy()]
    shown = [storage_options(session), polars, pyarrow_filesystem(session), spark, [spark], *more]
    texts = [text for value in shown for text in (repr(value), str(value), pretty(value))]
    assert "RoleBeta" in repr(polars["credential_provider"])
    assert not [secret for secret in aws.secrets() if any(secret in text for text in texts)]


def test_amazons_own_endpoint_is_not_named(aws: EmbeddedAws, scenario: Scenario) -> None:
    """For Amazon's own S3, the options contain only the Region and no endpoint."""
    aws.write_profile("Real", source_profile="UserAlpha", role_arn=scenario.role_arn)
    session = open_session("Real", region="eu-central-1")
    assert polars_options(session)["storage_options"]["aws_endpoint_url"] == aws.endpoint_url
    for region in ("eu-central-1", None):
        text = aws.config_file.read_text().replace(f"endpoint_url = {aws.endpoint_url}\n", "")
        aws.config_file.write_text(text)
        frozen: Any = session.get_credentials()
        real = boto3.Session(frozen.access_key, frozen.secret_key, frozen.token, region_name=region)
        assert polars_options(real)["storage_options"] == {"aws_region": region or "us-east-1"}
        assert "fs.s3a.endpoint" not in spark_options(real)


def test_absent_libraries_cost_nothing() -> None:
    """Importing `ipy_awsprofile.libraries` imports none of the libraries."""
    code = (
        "import sys, ipy_awsprofile.libraries\n"
        "libraries = {'duckdb', 'polars', 'pyarrow', 'fsspec', 's3fs', 'dask', 'aiobotocore'}\n"
        "print(libraries & set(sys.modules))"
    )
    assert run_python(code).strip() == "set()"
