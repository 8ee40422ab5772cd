"""The embedded AWS decides as AWS's documentation says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from ipy_awsprofile.demo.iam import Signer
from ipy_awsprofile.demo.policies import UnsupportedPolicyError
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, USER_ACCOUNT, allow
from tests.aws import EmbeddedAws

BUCKET = {"Bucket": "bucket-of-role"}


@pytest.fixture
def aws() -> Iterator[EmbeddedAws]:
    """Run an embedded AWS with a bucket."""
    with EmbeddedAws() as aws:
        aws.create_bucket("bucket-of-role", account=ROLE_ACCOUNT)
        yield aws


@pytest.fixture
def ann(aws: EmbeddedAws) -> Signer:
    """Return a user in a different account."""
    return aws.iam.create_user("Ann", account=USER_ACCOUNT, policy=allow("sts:*"))


def client(aws: EmbeddedAws, service: Any, keys: Any, **more: Any) -> Any:
    """Return a client with the keys of a user, or with other keys."""
    given = keys if isinstance(keys, dict) else {}
    return boto3.Session().client(
        service,
        endpoint_url=aws.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=given.get("AccessKeyId") or keys.access_key_id,
        aws_secret_access_key=given.get("SecretAccessKey") or keys.secret_access_key,
        **more,
    )


def refused(code: str, words: str = "") -> Any:
    """Expect that AWS refuses a call, with this code and these words."""
    return pytest.raises(ClientError, match=rf"\({code}\).*{words}")


def test_signatures(aws: EmbeddedAws, ann: Signer) -> None:
    """Each request has its signer's signature, and only a signer that exists.

    https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
    """
    assert client(aws, "sts", ann).get_caller_identity()["Arn"] == ann.arn
    other = {"AccessKeyId": ann.access_key_id, "SecretAccessKey": "wrong"}
    for service, call in (("sts", "get_caller_identity"), ("s3", "list_buckets")):
        with refused("SignatureDoesNotMatch"):
            getattr(client(aws, service, other), call)()
    with refused("InvalidClientTokenId"):
        client(aws, "sts", {**other, "AccessKeyId": "AKIAUNKNOWN"}).get_caller_identity()
    unsigned = Config(signature_version=UNSIGNED)
    with refused("MissingAuthenticationToken"):
        client(aws, "sts", ann, config=unsigned).get_caller_identity()
    with refused("AccessDenied"):
        client(aws, "s3", ann, config=unsigned).list_buckets()


def test_policies(aws: EmbeddedAws) -> None:
    """An explicit Deny takes precedence over an Allow, and without an Allow a request is denied.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
    """
    inside = allow("s3:ListBucket", "s3:PutObject", resource="arn:aws:s3:::bucket-of-role*")
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::*/private/*"}
    policy = {"Statement": [*inside["Statement"], deny]}
    bob = aws.iam.create_user("Bob", account=ROLE_ACCOUNT, policy=policy)
    s3 = client(aws, "s3", bob)
    s3.put_object(**BUCKET, Key="public/x")
    assert s3.list_objects_v2(**BUCKET)["KeyCount"] == 1
    with refused("AccessDenied", "with an explicit deny in an identity-based policy"):
        s3.put_object(**BUCKET, Key="private/x")
    with refused("AccessDenied", "because no identity-based policy allows the s3:GetObject action"):
        s3.get_object(**BUCKET, Key="public/x")
    condition = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    unknown = {"Statement": {**allow("*")["Statement"][0], "Condition": condition}}
    with pytest.raises(UnsupportedPolicyError, match="IpAddress"):
        aws.iam.create_user("Eve", account=ROLE_ACCOUNT, policy=unknown)


def test_a_client_that_hangs_up(aws: EmbeddedAws, caplog: pytest.LogCaptureFixture) -> None:
    """A client that is interrupted in the middle of a request leaves no message in the demo."""
    host, _, port = aws.endpoint_url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: aws\r\nContent-Length: 100\r\n\r\nAction=")
    with pytest.raises(HTTPError):  # the server accepts the connections in order
        urlopen(aws.endpoint_url)
    for thread in threading.enumerate():
        if "process_request" in thread.name:
            thread.join()
    assert [record for record in caplog.records if record.name == "werkzeug"] == []
