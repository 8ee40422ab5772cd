"""Inspect the calls to AWS and the cache files that opening a session leaves behind."""

from __future__ import annotations

from pathlib import Path

from tests.aws import EmbeddedAws


def actions(aws: EmbeddedAws) -> list[str]:
    """Return the actions called since the last use, and clear the calls."""
    called = aws.actions
    aws.calls.clear()
    return called


def cached_roles(aws: EmbeddedAws) -> set[Path]:
    """Return the files in the AWS CLI's cache of assumed roles, for any STS endpoint."""
    return set((aws.home / ".aws" / "cli" / "cache").glob("*.json"))
