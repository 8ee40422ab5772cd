"""Emulate what moto's S3 lacks: required IAM actions, bucket owners, and a complete ListBuckets.

moto answers all other requests. moto's ListBuckets supports neither Regions nor pages.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote

from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from werkzeug.wrappers import Request

#: The action for a method on the service (0), a bucket (1) or an object (2), without a subresource.
_ACTIONS = {
    ("GET", 0): "ListAllMyBuckets",
    **dict.fromkeys([("GET", 1), ("HEAD", 1)], "ListBucket"),
    ("PUT", 1): "CreateBucket",
    ("DELETE", 1): "DeleteBucket",
    **dict.fromkeys([("GET", 2), ("HEAD", 2)], "GetObject"),
    **dict.fromkeys([("PUT", 2), ("POST", 2)], "PutObject"),
    ("DELETE", 2): "DeleteObject",
}
#: The action for a method on a multipart upload.
_OF_UPLOADS = {"GET": "ListMultipartUploadParts", "DELETE": "AbortMultipartUpload"}
#: Query parameters that can be empty but don't select a subresource.
_FILTERS = {"prefix", "delimiter", "marker", "start-after"}
#: The actions for subresources that have a different name. `{}` is the method, such as Get.
_SUBRESOURCES = {
    "encryption": "{}EncryptionConfiguration",
    "lifecycle": "{}LifecycleConfiguration",
    "replication": "{}ReplicationConfiguration",
    "legal-hold": "{}ObjectLegalHold",
    "session": "CreateSession",
    "uploads": "ListBucketMultipartUploads",
    "versions": "ListBucketVersions",
}


def actions_of(request: Request) -> Iterator[tuple[str, str | None]]:
    """Yield the IAM actions that a request to S3 requires, each with the ARN of its resource."""
    parts = [part for part in request.path.lstrip("/").split("/", 1) if part]
    arn = None
    if parts:
        arn = f"arn:aws:s3:::{'/'.join(parts)}"
    if request.method == "POST" and "delete" in request.args:
        for key in re.findall(r"<Key>(.*?)</Key>", request.get_data().decode()):
            yield "s3:DeleteObject", f"{arn}/{key}"
        return
    yield f"s3:{_action(request, len(parts))}", arn
    source = request.headers.get("x-amz-copy-source")
    if source:
        copied = unquote(source).lstrip("/").partition("?")[0]
        yield "s3:GetObject", f"arn:aws:s3:::{copied}"


def _action(request: Request, depth: int) -> str:
    if "uploadId" in request.args and request.method in _OF_UPLOADS:
        return _OF_UPLOADS[request.method]
    # A subresource is a parameter without a value, as in /bucket?acl.
    names = [name for name, value in request.args.items() if not value and name not in _FILTERS]
    if names and request.method in {"GET", "PUT", "DELETE"}:
        return _action_on_subresource(request.method, names[0], depth)
    action = _ACTIONS.get((request.method, depth), "*")
    if "versionId" in request.args:
        action += "Version"
    return action


def _action_on_subresource(method: str, name: str, depth: int) -> str:
    """Return the IAM action that a method on a subresource, such as `acl`, requires.

    `depth` is 1 for a subresource of a bucket and 2 for a subresource of an object.
    """
    verb = method.title()
    if method == "DELETE" and name not in {"policy", "website"}:
        verb = "Put"  # S3 has no actions to delete the others
    if name in _SUBRESOURCES:
        return _SUBRESOURCES[name].format(verb)
    owner = ("Bucket", "Object")[depth - 1]
    return f"{verb}{owner}{name[0].upper()}{name[1:]}"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, with the account that owns the bucket. The bucket's objects are stored in moto."""

    name: str
    account: str
    region: str
    created: datetime

    def xml(self) -> str:
        """Return the XML element that describes this bucket in a response to ListBuckets."""
        return (
            f"<Bucket><Name>{self.name}</Name><BucketRegion>{self.region}</BucketRegion>"
            f"<CreationDate>{self.created.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}</CreationDate></Bucket>"
        )


def created_by(request: Request, account: str, now: datetime) -> Bucket:
    """Return the bucket that a CreateBucket request from an account has created."""
    constraint = re.search(r"<LocationConstraint>([^<]+)<", request.get_data().decode())
    region = "us-east-1"
    if constraint:
        region = constraint[1]
    return Bucket(request.path.strip("/"), account, region, now)


def list_buckets(buckets: list[Bucket], query: Mapping[str, str]) -> Response:
    """Return the response to a ListBuckets request, with the page that `query` asks for.

    `buckets` contains all buckets of the account.
    """
    matching = [
        bucket
        for bucket in sorted(buckets, key=lambda bucket: bucket.name)
        if bucket.name > query.get("continuation-token", "")
        if bucket.name.startswith(query.get("prefix", ""))
        if bucket.region == query.get("bucket-region", bucket.region)
    ]
    page = matching[: int(query.get("max-buckets", 10_000))]
    token = ""
    if len(page) < len(matching):
        token = f"<ContinuationToken>{page[-1].name}</ContinuationToken>"
    listed = f"<Buckets>{''.join(bucket.xml() for bucket in page)}</Buckets>{token}"
    body = f"<ListAllMyBucketsResult>{listed}</ListAllMyBucketsResult>"
    return Response(body, content_type="application/xml")
