"""Bundle the view's JavaScript modules, because anywidget loads one module without imports.

https://anywidget.dev/en/bundling/
"""

from __future__ import annotations

import re
from pathlib import Path

#: The view's files.
VIEW = Path(__file__).with_name("view")

_IMPORT = re.compile(r'^import \{ [\w, ]+ \} from "\./(\w+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default )", re.MULTILINE)


def view_script(entry: Path) -> str:
    """Return a module and all of its imports, in the order in which a browser runs them.

    The modules share one scope, so each name may be defined only once. Each import must be on one
    line, with names in braces, from a file in the same folder.
    """
    parts: dict[str, str] = {}

    def add(name: str) -> None:
        text = entry.with_name(name).read_text(encoding="utf-8")
        for imported in _IMPORT.findall(text):
            if imported not in parts:
                add(imported)
        parts[name] = _EXPORT.sub("", _IMPORT.sub("", text))

    add(entry.name)
    return "\n".join(parts.values())


def view_style(*files: Path) -> str:
    """Return several CSS files as one."""
    return "\n".join(file.read_text(encoding="utf-8") for file in files)
