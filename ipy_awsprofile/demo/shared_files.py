"""Write sections of the shared config and credentials files, and caches, as AWS's tools do.

https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

Setting = str | int | float | bool | Mapping[str, str | int] | None


def config_header(name: str) -> str:
    """Return the section name of a profile in the config file, in quotes if it has spaces."""
    if name == "default":
        return "default"
    return f'profile "{name}"' if re.search(r"\s", name) else f"profile {name}"


def append_section(path: Path, header: str, settings: Mapping[str, Setting]) -> None:
    """Append a section. Settings that are None are left out; a mapping becomes a nested block.

    Raises ValueError, and writes nothing, if the name or a setting has more than one line.
    """
    lines = [
        f"[{header}]",
        *(line for key, value in settings.items() for line in _lines(key, value)),
    ]
    if any("\n" in line or "\r" in line for line in lines):
        raise ValueError("A profile's name and settings have one line each.")
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if path.stat().st_size else "") + "\n".join(lines) + "\n")


def _lines(key: str, value: Setting) -> list[str]:
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [f"{key} =", *(f"  {name} = {nested}" for name, nested in value.items())]
    return [f"{key} = {str(value).lower() if isinstance(value, bool) else value}"]


def write_cache(path: Path, document: Mapping[str, Any]) -> Path:
    """Write a JSON document that only the user can read; return its path. Times are in UTC."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return write_private(path, json.dumps(document, default=_iso))


def write_private(path: Path, text: str) -> Path:
    """Write a file that only the user can read; return its path."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    return path


def _iso(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
