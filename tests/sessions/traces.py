"""Inspect the calls to AWS and the cache files that opening a session leaves behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipy_awsprofile.credentials.cli_caches import role_cache

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws


def actions(aws: EmbeddedAws) -> list[str]:
    """Return the actions called since the last use, and clear the calls."""
    called = [call.action for call in aws.calls]
    aws.calls.clear()
    return called


def move_cached_roles(endpoint_url: str) -> None:
    """Move the cached sessions to the folder of another STS endpoint, which is empty for AWS."""
    folder = role_cache(endpoint_url)
    folder.mkdir(exist_ok=True)
    for file in role_cache().rglob("*.json"):
        file.rename(folder / file.name)


def cached_roles(aws: EmbeddedAws) -> set[Path]:
    """Return the files in the AWS CLI's cache of assumed roles, for any STS endpoint."""
    return set((aws.home / ".aws" / "cli" / "cache").rglob("*.json"))
