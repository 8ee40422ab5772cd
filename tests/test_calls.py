"""What a function raises becomes words that can be kept, without the session's credentials."""

from __future__ import annotations

from urllib.parse import quote

import boto3
import pytest

from ipy_awsprofile.calls import answer_of

KEYS = ("ASIAEXAMPLEEXAMPLE12", "secret/with+signs=", "IQoJ+token/with==")


@pytest.mark.parametrize("written", [str, quote, lambda text: quote(text, safe="").lower()])
def test_credentials_in_a_message(written: object) -> None:
    """Keys and tokens are left out of an error's words, also as they stand in an address."""
    assert callable(written)
    session = boto3.Session(*KEYS, region_name="us-west-2")

    def fetch(_: object) -> None:
        raise OSError(f"403: {' '.join(map(written, KEYS))}")

    problem = answer_of(fetch, session).problem
    assert problem
    assert problem.message == "403: … … …"
