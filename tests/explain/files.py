"""The shared files of a test, and the explanation of a profile in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ipy_awsprofile.cards.tables import explanation_card
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.explain.explain import Explanation, explain

#: The config and the credentials file.
Files = tuple[Path, Path]

ROLE = "arn:aws:iam::123456789012:role/RoleBeta"
KEYS = "aws_access_key_id = AKIAHUSH\naws_secret_access_key = hush-secret"
P = "[profile p]\nregion = us-west-2\n"
ASSUME = f"{P}role_arn = {ROLE}\n"
USER = f"[u]\n{KEYS}\n"
DEVICE = "arn:aws:iam::123456789012:mfa/me"
ME = f"[profile me]\n{KEYS}\nmfa_serial = {DEVICE}\n"
BASE = f"""[profile p]
region = us-west-2
role_arn = {ROLE}
source_profile = me
mfa_serial = {DEVICE}
{ME}"""
HERE = "http://127.0.0.1:1"


def write(files: Files, config: str = "", credentials: str = "") -> None:
    """Write the shared files."""
    for path, text in zip(files, (config, credentials), strict=True):
        path.write_text(text)


def explained(**request: Any) -> Explanation:
    """Return an explanation, by default of the profile `p`, and require that it has no secret."""
    explanation = explain(SessionRequest(**(request or {"profile": "p"})))
    card = explanation_card(explanation)
    assert "hush" not in f"{explanation!r}{card}{card._repr_html_()}".lower()
    return explanation
