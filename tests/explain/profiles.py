"""Profiles and helpers for the tests of explanations."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import botocore.session

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.explain.explain import explain
from ipy_awsprofile.explain.records import Setting

#: The config and the credentials file.
Files = tuple[Path, Path]

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ROLE = "arn:aws:iam::123456789012:role/RoleBeta"
KEYS = "aws_access_key_id = AKIAHUSH\naws_secret_access_key = hush-secret"
REGION = "region = us-west-2\n"
P = f"[profile p]\n{REGION}"
ASSUME = f"{P}role_arn = {ROLE}\n"
SIGN_IN = f"{P}sso_account_id = 123456789012\nsso_role_name = R\n"
USER = f"[u]\n{KEYS}\n"
PORTAL = "sso_start_url = https://x\nsso_region = us-east-1\n"
MODERN = f"{SIGN_IN}sso_session = corp\n[sso-session corp]\n{PORTAL}"
LEGACY = f"{SIGN_IN}{PORTAL}"
PLAIN = {
    "AWS_ACCESS_KEY_ID": "AKIAHUSH",
    "AWS_SECRET_ACCESS_KEY": "hush",
}


def write(files: Files, config: str = "", credentials: str = "") -> None:
    """Write the shared files."""
    for path, text in zip(files, (config, credentials), strict=True):
        path.write_text(text)


def settings_of(name: str) -> tuple[Setting, ...]:
    """Return the settings in the last step of an explanation."""
    return explain(SessionRequest(profile=name), now=NOW).steps[-1].settings


def method_of(session: botocore.session.Session) -> str | None:
    """Return botocore's name for the provider that it uses."""
    credentials = session.get_credentials()
    return credentials.method if credentials else None
