"""Options for Spark, which reads ``s3a://`` paths with Hadoop's client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipy_awsprofile.sessions.portable import short_lived
from ipy_awsprofile.sessions.s3_options import SecretOptions, s3_location

if TYPE_CHECKING:
    import boto3


def spark_options(session: boto3.Session) -> SecretOptions:
    """Return the options that Spark needs to read and write ``s3a://`` paths with the session.

    Use ``spark.read.options(**spark_options(session)).parquet("s3a://…")``, and likewise for
    ``write``. The options apply to that call, with the current short-lived credentials. Don't build
    the Spark session with them, because Spark would write them on the command line of its JVM,
    which every user of the machine can read. Raises CredentialsUnavailable for long-term keys.

    https://hadoop.apache.org/docs/stable/hadoop-aws/tools/hadoop-aws/authentication.html
    """
    frozen, _ = short_lived(session)
    region, endpoint = s3_location(session)
    s3a = SecretOptions(
        {
            "aws.credentials.provider": "org.apache.hadoop.fs.s3a.TemporaryAWSCredentialsProvider",
            "access.key": frozen.access_key,
            "secret.key": frozen.secret_key,
            "session.token": frozen.token,
            "endpoint.region": region,
            "impl.disable.cache": "true",  # a cached filesystem keeps its first credentials
        }
    )
    if endpoint:
        is_secure = not endpoint.startswith("http:")
        s3a["endpoint"] = endpoint
        s3a["path.style.access"] = "true"
        s3a["connection.ssl.enabled"] = str(is_secure).lower()
    return SecretOptions({f"fs.s3a.{name}": value for name, value in s3a.items()})
