"""A bucket, a table for it, and the callers of S3."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws

BUCKET = "storage-of-mine"
ROWS = {"city": ["Łódź", "Oslo"], "people": [645, 717]}


def signers(aws: EmbeddedAws) -> set[str | None]:
    """Return the ARNs that have called S3."""
    return {call.arn for call in aws.calls if call.action.startswith("s3:")}
