"""Whom a web identity token names.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from pathlib import Path
from typing import NamedTuple

from ipy_awsprofile.text import parse_json


class Subject(NamedTuple):
    """Whom a token names: a subject of an issuer, for example a pod of a cluster."""

    issuer: str
    subject: str


def subject_of(file: str) -> Subject | None:
    """Return whom the token in a file names; None if it can't be read from it.

    The token isn't verified: that is left to STS.
    """
    try:
        _, payload, _ = Path(file).read_text().split(".")
        claims = parse_json(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return Subject(str(claims["iss"]), str(claims["sub"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
