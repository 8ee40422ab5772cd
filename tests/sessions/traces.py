"""What opening a session leaves behind: calls to AWS, and files in the AWS CLI's cache."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws


def actions(aws: EmbeddedAws) -> list[str]:
    """Return the actions that were called since the last time."""
    called = [call.action for call in aws.calls]
    aws.calls.clear()
    return called


def note_endpoint(url: str | None) -> None:
    """Let the sessions in the cache be from this endpoint; without one, remove the whole note.

    Other programs write no note.
    """
    for file in Path("~/.aws/cli/cache").expanduser().glob("*.json"):
        document = json.loads(file.read_text())
        note = document.pop("IpyAwsProfile")
        if url is not None:
            document["IpyAwsProfile"] = note | {"Endpoint": url}
        file.write_text(json.dumps(document))


def cached_roles(aws: EmbeddedAws) -> set[Path]:
    """Return the files in the AWS CLI's cache of assumed roles."""
    return set((aws.home / ".aws" / "cli" / "cache").glob("*"))
