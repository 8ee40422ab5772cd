"""A row of the tables: a kind of profile, how it is broken, and what is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ipy_awsprofile.errors import AwsProfileError
from tests.integration.broken_kinds.stage import Break


@dataclass(frozen=True)
class Broken:
    """A way to break a kind, and what is told.

    ``instead`` holds what stands in its text, and what stands there now; ``by`` breaks the rest.
    ``says`` and ``hint`` are in the error and its hint. ``seen`` is what an explanation says of it;
    it is empty where files don't show it, and then nothing stands in the way for the explanation.
    """

    kind: str
    error: type[AwsProfileError]
    says: str
    hint: str = ""
    instead: Mapping[str, str] = field(default_factory=dict)
    by: Break | None = None
    seen: str = ""


KEY, SECRET = "aws_access_key_id = {key}", "aws_secret_access_key = {secret}"
NO_KEYS = {KEY: "", SECRET: ""}
HERE = "source_profile = Ann\n{here}"
EXPLAIN = "`%aws_profile --explain P`"
REJECTED = "The access key is unknown or inactive, or the secret is wrong"
TRUST = "Check that the role exists, that its trust policy names the caller"
