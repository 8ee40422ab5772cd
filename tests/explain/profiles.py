"""Profiles and helpers for the tests of explanations."""

from __future__ import annotations

from pathlib import Path

#: The config and the credentials file.
Files = tuple[Path, Path]

ROLE = "arn:aws:iam::123456789012:role/RoleBeta"
KEYS = "aws_access_key_id = AKIAHUSH\naws_secret_access_key = hush-secret"
REGION = "region = us-west-2\n"
P = f"[profile p]\n{REGION}"
ASSUME = f"{P}role_arn = {ROLE}\n"
SIGN_IN = f"{P}sso_account_id = 123456789012\nsso_role_name = R\n"
USER = f"[u]\n{KEYS}\n"
PORTAL = "sso_start_url = https://x\nsso_region = us-east-1\n"
MODERN = f"{SIGN_IN}sso_session = corp\n[sso-session corp]\n{PORTAL}"
PLAIN = {
    "AWS_ACCESS_KEY_ID": "AKIAHUSH",
    "AWS_SECRET_ACCESS_KEY": "hush",
}


def write(files: Files, config: str = "", credentials: str = "") -> None:
    """Write the shared files."""
    for path, text in zip(files, (config, credentials), strict=True):
        path.write_text(text)
