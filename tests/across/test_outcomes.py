"""What a function raises becomes words that can be kept, without the session's credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import boto3
import pytest

from ipy_awsprofile.across.outcomes import answer_of

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS = ("ASIAEXAMPLEEXAMPLE12", "secret/with+signs=", "IQoJ+token/with==")


@pytest.mark.parametrize("written", [str, quote, lambda text: quote(text, safe="").lower()])
def test_credentials_in_a_message(written: Callable[[str], str]) -> None:
    """Keys and tokens are left out of an error's words, also as they stand in an address."""
    session = boto3.Session(*KEYS, region_name="us-west-2")

    def fetch(_: object) -> None:
        raise OSError(f"403: {' '.join(map(written, KEYS))}")

    problem = answer_of(fetch, session).problem
    assert problem
    assert problem.message == "403: … … …"
