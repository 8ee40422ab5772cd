"""The rows of the tables, each with a kind of profile, a way to break it, and the messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ipy_awsprofile.errors import (
    AwsProfileError,
)
from tests.integration.broken_kinds.stage import Break


@dataclass(frozen=True)
class Broken:
    """A way to break a kind of profile, and the resulting messages.

    ``instead`` maps parts of the profile's text to their replacements; ``by`` breaks anything else.
    ``says`` and ``hint`` are in the error and its hint.
    """

    kind: str
    error: type[AwsProfileError]
    says: str
    hint: str = ""
    instead: Mapping[str, str] = field(default_factory=dict)
    by: Break | None = None


KEY, SECRET = "aws_access_key_id = {key}", "aws_secret_access_key = {secret}"
NO_KEYS = {KEY: "", SECRET: ""}
HERE = "source_profile = Ann\n{here}"
EXPLAIN = "`%aws_profile --explain P`"
REJECTED = "The access key is unknown or inactive, or the secret is wrong"
TRUST = "Check that the role exists, that its trust policy names the caller"
