"""The view's JavaScript as one ES module with its CSS inside, which needs no build step.

https://anywidget.dev/en/afm/
"""

from __future__ import annotations

import json
import re
from pathlib import Path

_VIEW = Path(__file__).with_name("view")

#: The modules, each after those that it imports. They share one scope, so a name is defined once.
_MODULES = ("dom", "list", "question", "card", "view", "toolbar")

_IMPORT_OR_EXPORT = re.compile(r"^import .*\n|^export (?!default )", re.MULTILINE)


def view_script() -> str:
    """Return the module. Its default export has ``render`` and ``button`` (``view/toolbar.js``)."""
    css = json.dumps((_VIEW / "picker.css").read_text(encoding="utf-8"))
    modules = ((_VIEW / f"{name}.js").read_text(encoding="utf-8") for name in _MODULES)
    return "\n".join(
        [f"const CSS = {css};", *(_IMPORT_OR_EXPORT.sub("", text) for text in modules)]
    )
