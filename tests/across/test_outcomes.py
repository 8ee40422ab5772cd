"""A function's error becomes text without the session's credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import boto3
import pytest

from ipy_awsprofile.across.outcomes import call

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS = ("ASIAEXAMPLEEXAMPLE12", "secret/with+signs=", "IQoJ+token/with==")


@pytest.mark.parametrize("written", [str, quote, lambda text: quote(text, safe="").lower()])
def test_credentials_in_a_message(written: Callable[[str], str]) -> None:
    """An error's message contains no keys or tokens, even if they are quoted for a URL."""
    session = boto3.Session(*KEYS, region_name="us-west-2")

    def fetch(_: object) -> None:
        raise OSError(f"403: {' '.join(map(written, KEYS))}")

    failure = call(fetch, session).failure
    assert failure
    assert failure.message == "403: … … …"
