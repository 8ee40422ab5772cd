"""The operation of a request to S3."""

from __future__ import annotations

import pytest

from ipy_awsprofile.demo.iam.s3_operations import find_operation

BUCKET, OBJECT = "/Bucket", "/Bucket/Key"


@pytest.mark.parametrize(
    ("request_line", "headers", "operation"),
    [
        (f"GET {BUCKET}", "", "ListObjects"),
        (f"GET {BUCKET} list-type prefix", "", "ListObjectsV2"),
        (f"GET {BUCKET} inventory", "", "ListBucketInventoryConfigurations"),
        (f"GET {BUCKET} inventory id", "", "GetBucketInventoryConfiguration"),
        (f"PUT {BUCKET}", "", "CreateBucket"),
        (f"PUT {BUCKET} publicAccessBlock", "", "PutPublicAccessBlock"),
        (f"POST {BUCKET} delete", "", "DeleteObjects"),
        (f"GET {OBJECT} X-Amz-Signature", "", "GetObject"),
        (f"GET {OBJECT} uploadId", "", "ListParts"),
        (f"PUT {OBJECT}", "content-md5", "PutObject"),
        (f"PUT {OBJECT}", "x-amz-copy-source", "CopyObject"),
        (f"PUT {OBJECT} uploadId partNumber", "", "UploadPart"),
        (f"PUT {OBJECT} uploadId partNumber", "x-amz-copy-source", "UploadPartCopy"),
        (f"POST {OBJECT} uploads", "", "CreateMultipartUpload"),
        (f"POST {OBJECT} uploadId", "", "CompleteMultipartUpload"),
        ("GET /", "", "ListBuckets"),
        (f"POST {BUCKET}", "", None),  # a form
        (f"OPTIONS {OBJECT}", "", None),
    ],
)
def test_operation(request_line: str, headers: str, operation: str | None) -> None:
    """Of the operations that fit a request, the most specific operation is found."""
    method, path, *query = request_line.split()
    labels = set(path.split("/")) - {""}
    assert find_operation(method, labels, set(query), set(headers.split())) == operation
