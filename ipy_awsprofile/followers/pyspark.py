"""Create Spark options for a session, because Spark can't follow a switch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ipy_awsprofile.config.python_interface import checks_arguments
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.follower import IMPORT, Follower, Leftover, Notebook
from ipy_awsprofile.kernel.arguments import SecretOptions, s3_location
from ipy_awsprofile.sessions.issuing import renew_keys, require_short_lived
from ipy_awsprofile.sessions.session import check_session

if TYPE_CHECKING:
    import boto3


@checks_arguments
def spark_options(session: boto3.Session, bucket: str = "") -> SecretOptions:
    """Return the options that Spark needs to read and write ``s3a://`` paths with the session.

    If you pass a ``bucket``, the options apply only to paths in this bucket, so a single call can
    read buckets in two accounts.

    For example, call ``spark.read.options(**spark_options(session)).parquet("s3a://…")``, and use
    ``write`` in the same way. The options contain the current short-lived credentials and apply
    only to the read or write that you pass them to. Don't build the Spark session with these
    options, because Spark writes the options on the command line of its JVM, which every user of
    the machine can read. Raise `InvalidOption` if ``bucket`` isn't a bucket's name. Raise
    `CredentialsUnavailable` if the session has long-term keys.

    https://hadoop.apache.org/docs/stable/hadoop-aws/tools/hadoop-aws/authentication.html
    """
    check_session(session)
    name = re.sub(r"^s3[an]?://", "", bucket).partition("/")[0]
    if name != bucket:
        raise InvalidOption(
            f"`bucket` must be the name of a bucket, not `{bucket}`.", f"Write `bucket={name!r}`."
        )
    keys = require_short_lived(renew_keys(session))
    region, endpoint = s3_location(session)
    s3a = {
        "aws.credentials.provider": "org.apache.hadoop.fs.s3a.TemporaryAWSCredentialsProvider",
        "access.key": keys.access_key,
        "secret.key": keys.secret_key,
        "session.token": keys.token,
        "endpoint.region": region,
    }
    if endpoint:
        s3a["endpoint"] = endpoint
        s3a["path.style.access"] = "true"
        s3a["connection.ssl.enabled"] = str(not endpoint.startswith("http:")).lower()
    prefix = f"fs.s3a.bucket.{bucket}" if bucket else "fs.s3a"
    options = SecretOptions({f"{prefix}.{name}": value for name, value in s3a.items()})
    options["fs.s3a.impl.disable.cache"] = "true"  # a cached filesystem keeps its first credentials
    return options


def _about(notebook: Notebook) -> Iterator[Leftover]:
    """Yield the card's line about Spark if the notebook uses Spark, even after ``--off``."""
    if notebook.uses("pyspark"):
        yield Leftover(
            "pyspark",
            f"doesn't follow: {IMPORT} read with `**libraries.spark_options(session)`. Its Python "
            "functions keep the identity that Spark was started with",
        )


FOLLOWERS = (
    Follower(
        package="pyspark",
        why="The JVM and its Python workers keep the environment that they were started with.",
        tried="pyspark 4.3",
        about=_about,
    ),
)
