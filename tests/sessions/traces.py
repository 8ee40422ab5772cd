"""Inspect the calls to AWS and the cache files that opening a session leaves behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws


def actions(aws: EmbeddedAws) -> list[str]:
    """Return the actions called since the last use, and clear the calls."""
    called = [call.action for call in aws.calls]
    aws.calls.clear()
    return called


def note_endpoint(url: str | None) -> None:
    """Set the endpoint that the cached sessions come from; without one, remove our whole note.

    Other programs don't write the note.
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
