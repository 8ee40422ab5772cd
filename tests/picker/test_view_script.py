"""The view's modules, joined into one script without imports."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.picker.view_script import VIEW, view_script
from ipy_awsprofile.picker.widget import ProfilePicker
from ipy_awsprofile.text import _INVISIBLE

if TYPE_CHECKING:
    from pathlib import Path


def test_each_module_comes_once_after_what_it_imports(tmp_path: Path) -> None:
    """Modules are in a browser's order of execution, and only `export default` remains."""
    (tmp_path / "tool.js").write_text("export const A = 1, B = 2;\n")
    (tmp_path / "part.js").write_text(
        'import { A, B } from "./tool.js";\n\nexport function part() {}\n'
    )
    (tmp_path / "entry.js").write_text(
        'import { part } from "./part.js";\n'
        'import { A } from "./tool.js";\n'
        "/** @import { B } from './tool.js' */\n"
        "export default { part };\n"
    )
    assert view_script(tmp_path / "entry.js") == (
        "const A = 1, B = 2;\n\n\nfunction part() {}\n\n"
        "/** @import { B } from './tool.js' */\nexport default { part };\n"
    )


def test_the_joined_script_is_what_loads() -> None:
    """The front end gets one script that contains every module and no import."""
    synced, sent = ProfilePicker._esm, view_script(VIEW / "toolbar.js")
    assert synced == view_script(VIEW / "picker.js")
    for script, renders in ((synced, "render"), (sent, "render: renderButton")):
        assert re.findall(r"^(?:import|export)\b.*", script, re.MULTILINE) == [
            f"export default {{ {renders} }};"
        ]
    for module in VIEW.glob("*.js"):
        last_lines = "\n".join(module.read_text().splitlines()[-2:])
        assert last_lines.replace("export const", "const") in synced + sent, module.name


@pytest.mark.parametrize("entry", ["picker.js", "toolbar.js"])
def test_no_name_is_defined_twice(entry: str) -> None:
    """No two of the joined modules define the same name, because they share one scope."""
    script = view_script(VIEW / entry)
    defined = re.findall(r"^(?:const|let|class|function) (\w+)", script, re.MULTILINE)
    assert len(defined) > 20
    assert len(defined) == len(set(defined))


def test_invisible_characters() -> None:
    """The view escapes the same characters as Python."""
    assert f"/{_INVISIBLE.pattern}/g" in (VIEW / "dom.js").read_text()
