"""The card's code recreates an object with its own arguments, and without secrets."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
import s3fs
from boto3.resources.base import ServiceResource

from ipy_awsprofile.bindings.recreate import code_to_recreate

REGION = "us-west-2"
SESSION = boto3.Session(aws_access_key_id="AKIA", aws_secret_access_key="s", region_name=REGION)

#: Code that recreates an object exactly.
CODE = [
    "session.client('s3')",
    "session.client('s3', region_name='eu-central-1')",
    "session.client('iam')",
    "session.resource('s3')",
    "session.resource('s3', region_name='eu-central-1').Object('b', 'a {key}')",
    "session.resource('s3').Bucket('b')",
    "session.resource('s3').ObjectVersion('b', \"it's\", 'v')",
    "session.resource('dynamodb').Table('orders')",
    "session.resource('sqs').Queue('https://sqs.us-west-2.amazonaws.com/123456789012/q')",
    "session.resource('iam').RolePolicy('r', 'p')",
    "s3fs.S3FileSystem()",
    "s3fs.S3FileSystem(anon=False, requester_pays=True, endpoint_url='http://127.0.0.1:9')",
    "s3fs.S3FileSystem(client_kwargs={'region_name': 'eu-central-1'}, default_block_size=5)",
]


@pytest.mark.parametrize("code", CODE)
def test_the_same_object(code: str) -> None:
    """The code is as the user wrote it, and creates an object with the same arguments."""
    value = eval(code, {"session": SESSION, "s3fs": s3fs})
    assert code_to_recreate(value, "session", REGION) == code


@pytest.mark.parametrize("service", SESSION.get_available_resources())
def test_each_kind_of_resource(service: str) -> None:
    """Each part of a service is recreated with its identifiers, or the code is missing."""
    session: Any = SESSION
    top = session.resource(service)
    for part in top.meta.resource_model.subresources:
        names = [one.target for one in part.resource.identifiers]
        value = getattr(top, part.name)(*names)
        code = code_to_recreate(value, "session", REGION)
        assert "secret" not in code.lower()
        if code:
            again = eval(code, {"session": SESSION})
            assert isinstance(again, ServiceResource)
            assert type(again).__name__ == type(value).__name__
            assert again == value


@pytest.mark.parametrize(
    "arguments",
    [
        {"key": "AKIA", "secret": "hidden"},
        {"username": "AKIA", "password": "hidden"},
        {"token": "hidden"},
        {"client_kwargs": {"aws_secret_access_key": "hidden"}},
        {"s3_additional_kwargs": {"SSECustomerKey": "hidden"}},
        {"endpoint_url": "https://me:hidden@example.com"},
        {"config_kwargs": {"proxies": {"https": "https://me:hidden@example.com"}}},
        {"client_kwargs": {"config": object()}},
        {"profile": "mine"},
    ],
)
def test_no_secret_in_the_code(arguments: dict[str, Any]) -> None:
    """A filesystem with a secret, or with an argument that isn't plain, has no code."""
    filesystem = s3fs.S3FileSystem(**arguments, skip_instance_cache=True)
    assert code_to_recreate(filesystem, "session", REGION) == ""
