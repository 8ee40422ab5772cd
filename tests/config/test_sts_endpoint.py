"""The STS endpoint is read as botocore reads it."""

from __future__ import annotations

from typing import Any

import pytest

from ipy_awsprofile.config.sts_endpoint import foreign_sts

LOCAL = "http://127.0.0.1:4566"
SERVICES: dict[str, Any] = {
    "local": {"sts": {"endpoint_url": f"{LOCAL}/"}},
    "text": {"sts": LOCAL},
    "empty": {},
}


@pytest.mark.parametrize(
    ("settings", "endpoint"),
    [
        ({}, ""),
        ({"endpoint_url": "https://sts.us-west-2.amazonaws.com"}, ""),
        ({"endpoint_url": "http://me:hush@127.0.0.1:4566"}, "http://…@127.0.0.1:4566"),
        ({"services": "local", "endpoint_url": "http://127.0.0.1:1"}, LOCAL),
        ({"services": "local", "ignore_configured_endpoint_urls": "true"}, ""),
        ({"services": "nowhere", "endpoint_url": LOCAL}, ""),
        ({"services": "empty", "endpoint_url": LOCAL}, ""),
        ({"services": "text"}, ""),
        ({"services": {"sts": LOCAL}}, ""),
        ({"endpoint_url": {"sts": LOCAL}}, ""),
    ],
)
def test_foreign_sts(settings: dict[str, Any], endpoint: str) -> None:
    """The foreign endpoint is empty for AWS's own STS, and for settings that botocore can't use."""
    config = {"profiles": {"p": settings}, "services": SERVICES}
    assert foreign_sts(config, "p", {}) == endpoint
