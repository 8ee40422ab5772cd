"""Check the policy of a form that a browser posts to S3: its expiration time and its fields.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Fields that need no condition.
_FREE = {"policy", "x-amz-signature", "awsaccesskeyid", "signature", "file"}


class PostPolicyError(Exception):
    """The form violates its policy; the arguments are the code and the message of S3's error."""


def check_post_policy(form: Mapping[str, str], bucket: str, body: bytes, now: datetime) -> None:
    """Raise PostPolicyError unless a form's policy is valid ``now`` and allows its fields and file.

    `form` has lower-case names.
    """
    policy = json.loads(base64.b64decode(form["policy"]))
    if now >= datetime.fromisoformat(policy["expiration"]).astimezone(UTC):
        raise PostPolicyError("AccessDenied", "Invalid according to Policy: Policy expired.")
    fields = {**form, "bucket": bucket}
    conditions = [rule for one in policy["conditions"] for rule in _rules(one)]
    for kind, name, value in conditions:
        if kind == "content-length-range":
            _check_size(len(body), int(name), int(value))
        elif not _holds(kind, fields.get(_field(name), ""), value):
            text = json.dumps([kind, name, value])
            raise PostPolicyError(
                "AccessDenied", f"Invalid according to Policy: Policy Condition failed: {text}"
            )
    named = {_field(str(name)) for _, name, _ in conditions} | _FREE
    extra = [name for name in form if name not in named and not name.startswith("x-ignore-")]
    if extra:
        message = f"Invalid according to Policy: Extra input fields: {', '.join(extra)}"
        raise PostPolicyError("AccessDenied", message)


def _rules(condition: Any) -> list[list[Any]]:
    """Return a condition as lists: `{"acl": "private"}` becomes `["eq", "$acl", "private"]`."""
    if isinstance(condition, dict):
        return [["eq", f"${name}", value] for name, value in condition.items()]
    return [condition]


def _field(name: str) -> str:
    return name.removeprefix("$").lower()


def _holds(kind: str, sent: str, value: str) -> bool:
    return sent.startswith(value) if kind == "starts-with" else sent == value


def _check_size(size: int, least: int, most: int) -> None:
    if size < least:
        message = "Your proposed upload is smaller than the minimum allowed size"
        raise PostPolicyError("EntityTooSmall", message)
    if size > most:
        message = "Your proposed upload exceeds the maximum allowed size"
        raise PostPolicyError("EntityTooLarge", message)
