"""What opening a session leaves behind: calls to AWS, and files in the AWS CLI's cache."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws


def actions(aws: EmbeddedAws) -> list[str]:
    """Return the actions that were called since the last time."""
    called = [call.action for call in aws.calls]
    aws.calls.clear()
    return called


def cached_roles(aws: EmbeddedAws) -> set[Path]:
    """Return the files in the AWS CLI's cache of assumed roles."""
    return set((aws.home / ".aws" / "cli" / "cache").glob("*"))
