"""Presigned URLs and forms, which have their signer's permissions until they expire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
import requests
from botocore.config import Config

from tests.demo.policies import HOME, allows, policy, trusts

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.iam.users_and_roles import IamUser
    from tests.demo.clients import Clients, Clock

AWAY = "222222222222"
VERSIONS = {"version 2": Config(), "version 4": Config(signature_version="s3v4")}


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> Config:
    """Return the configuration for each signature version, as boto3 uses version 2 in us-east-1."""
    return VERSIONS[request.param]


@pytest.fixture(params=[HOME, AWAY], ids=["home", "away"])
def session(
    request: pytest.FixtureRequest, aws: EmbeddedAws, clients: Clients, user: IamUser
) -> dict[str, Any]:
    """Create a bucket and a role in its account, and return the role session's credentials."""
    aws.create_bucket("the-bucket", account=request.param)
    role = aws.create_role(
        "Role", account=request.param, trust=trusts(user.arn), policy=policy(allows("s3:*"))
    )
    return clients.assume(user, role)


@pytest.fixture
def s3(clients: Clients, session: dict[str, Any], version: Config) -> Any:
    client = clients.of("s3", session, config=version)
    client.put_object(Bucket="the-bucket", Key="a key+1", Body=b"text")
    return client


def url_for(s3: Any, operation: str, **more: Any) -> str:
    """Return a presigned URL for the object."""
    parameters = {"Bucket": "the-bucket", "Key": "a key+1"} | more
    url: str = s3.generate_presigned_url(operation, parameters, ExpiresIn=60)
    return url


def code(response: requests.Response) -> tuple[int, str, str]:
    """Return the status, code and message of an S3 error."""
    error = ET.fromstring(response.text)
    return response.status_code, error.findtext("Code", ""), error.findtext("Message", "")


def post(form: Any, text: bytes = b"posted", **more: str) -> requests.Response:
    """Post a form with a file, as a browser does."""
    return requests.post(form["url"], data=form["fields"] | more, files={"file": text}, timeout=10)


def test_urls(s3: Any, aws: EmbeddedAws) -> None:
    """Presigned URLs read, write, describe, list and delete objects."""
    assert requests.get(url_for(s3, "get_object"), timeout=10).text == "text"
    assert requests.head(url_for(s3, "head_object"), timeout=10).headers["Content-Length"] == "4"
    put = requests.put(url_for(s3, "put_object"), data=b"new", timeout=10)
    assert put.status_code == 200
    assert requests.get(url_for(s3, "get_object"), timeout=10).text == "new"
    listed = s3.generate_presigned_url("list_objects_v2", {"Bucket": "the-bucket", "Prefix": "a "})
    assert "<Key>a%20key%2B1</Key>" in requests.get(listed, timeout=10).text
    assert "the-bucket" in requests.get(s3.generate_presigned_url("list_buckets"), timeout=10).text
    deleted = requests.delete(url_for(s3, "delete_object"), timeout=10)
    assert deleted.status_code == 204
    assert [call.action for call in aws.calls][-2:] == ["s3:ListAllMyBuckets", "s3:DeleteObject"]


def test_signed_headers_and_parameters(s3: Any) -> None:
    """A URL can require the content type of an upload, and set the file name of a download."""
    up = url_for(s3, "put_object", ContentType="text/csv")
    assert requests.put(up, b"1", headers={"Content-Type": "text/csv"}, timeout=10).ok
    wrong = requests.put(up, b"1", headers={"Content-Type": "text/html"}, timeout=10)
    assert code(wrong)[:2] == (403, "SignatureDoesNotMatch")
    down = url_for(s3, "get_object", ResponseContentDisposition="attachment; filename=a.csv")
    got = requests.get(down, timeout=10)
    assert (got.headers["Content-Disposition"], got.headers["Content-Type"]) == (
        "attachment; filename=a.csv",
        "text/csv",
    )


def test_a_changed_url(s3: Any) -> None:
    """A URL for one object allows no other object and no other method."""
    url = url_for(s3, "get_object")
    other = code(requests.get(url.replace("key", "kez"), timeout=10))
    assert other[:2] == (403, "SignatureDoesNotMatch")
    assert code(requests.delete(url, timeout=10))[:2] == (403, "SignatureDoesNotMatch")


def test_an_expired_url(s3: Any, clock: Clock) -> None:
    """A URL is refused after its expiry."""
    url = url_for(s3, "get_object")
    clock.advance(seconds=55)
    assert requests.get(url, timeout=10).text == "text"
    clock.advance(seconds=10)
    refused = requests.get(url, timeout=10)
    assert code(refused) == (403, "AccessDenied", "Request has expired")


def test_the_session_ends_first(s3: Any, clock: Clock) -> None:
    """A URL is valid no longer than the session that signed it."""
    url = s3.generate_presigned_url(
        "get_object", {"Bucket": "the-bucket", "Key": "a key+1"}, ExpiresIn=7200
    )
    clock.advance(seconds=3600)
    assert code(requests.get(url, timeout=10))[:2] == (400, "ExpiredToken")


@pytest.mark.parametrize("part", ["Signature", "Expires", "Token"])
def test_a_broken_url(s3: Any, part: str) -> None:
    """A URL without a signature, an expiry or a token is refused."""
    address, _, query = url_for(s3, "get_object").partition("?")
    parts = [one for one in query.split("&") if part.lower() not in one.partition("=")[0].lower()]
    assert len(parts) == query.count("&")
    assert requests.get(f"{address}?{'&'.join(parts)}", timeout=10).status_code == 403


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.usefixtures("s3")
def test_a_signer_without_permission(
    aws: EmbeddedAws, clients: Clients, version: Config, method: str
) -> None:
    """A URL has only its signer's permissions, and requires the right secret."""
    nobody, operation = aws.create_user("Nobody", account=HOME), f"{method.lower()}_object"
    url = url_for(clients.of("s3", nobody, config=version), operation)
    assert code(requests.request(method, url, timeout=10))[:2] == (403, "AccessDenied")
    wrong = {"AccessKeyId": nobody.access_key_id, "SecretAccessKey": "s" * 40}
    url = url_for(clients.of("s3", wrong, config=version), operation)
    refused = code(requests.request(method, url, timeout=10))
    assert refused[:2] == (403, "SignatureDoesNotMatch")


def test_forms(s3: Any) -> None:
    """A form uploads a file with the fields and conditions that it was signed with."""
    form = s3.generate_presigned_post(
        "the-bucket",
        "up/${filename}",
        Fields={"acl": "private", "x-amz-meta-team": "a"},
        Conditions=[
            {"acl": "private"},
            ["starts-with", "$x-amz-meta-team", ""],
            ["content-length-range", 2, 10],
        ],
    )
    assert post(form).status_code == 204
    saved = s3.get_object(Bucket="the-bucket", Key="up/file")
    assert (saved["Body"].read(), saved["Metadata"]) == (b"posted", {"team": "a"})
    assert code(post(form, b"1"))[1] == "EntityTooSmall"
    assert code(post(form, b"1" * 11))[1] == "EntityTooLarge"


def test_a_changed_form(s3: Any, clients: Clients, aws: EmbeddedAws, version: Config) -> None:
    """A form with a changed key, field or policy, or whose signer has no permission, is refused."""
    form = s3.generate_presigned_post("the-bucket", "up", ExpiresIn=60)
    assert code(post(form, key="other"))[2] == (
        'Invalid according to Policy: Policy Condition failed: ["eq", "$key", "up"]'
    )
    assert code(post(form, acl="public-read"))[2].endswith("Extra input fields: acl")
    policy_of_other = s3.generate_presigned_post("the-bucket", "other")["fields"]["policy"]
    assert code(post(form, key="other", policy=policy_of_other))[1] == "SignatureDoesNotMatch"
    nobody = clients.of("s3", aws.create_user("Nobody", account=HOME), config=version)
    assert code(post(nobody.generate_presigned_post("the-bucket", "up")))[1] == "AccessDenied"
    assert [one["Key"] for one in s3.list_objects_v2(Bucket="the-bucket")["Contents"]] == [
        "a key+1"
    ]


def test_an_expired_form(s3: Any, clock: Clock) -> None:
    """A form is refused after its policy's expiration."""
    form = s3.generate_presigned_post("the-bucket", "up", ExpiresIn=60)
    clock.advance(seconds=65)
    expected = (403, "AccessDenied", "Invalid according to Policy: Policy expired.")
    assert code(post(form)) == expected
