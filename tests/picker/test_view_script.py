"""The view's modules become one script that loads without imports."""

from __future__ import annotations

import re
from pathlib import Path

from ipy_awsprofile import picker
from ipy_awsprofile.picker.view_script import view_script
from ipy_awsprofile.picker.widget import ProfilePicker

VIEW = Path(picker.__file__).with_name("view")


def test_each_module_comes_once_after_what_it_imports(tmp_path: Path) -> None:
    """The order is the one in which a browser runs the modules, and only `export default` stays."""
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
    """The front end gets one script with every module in it, and with no import."""
    synced = ProfilePicker._esm
    assert synced == view_script(VIEW / "picker.js")
    assert re.findall(r"^(?:import|export)\b.*", synced, re.MULTILINE) == [
        "export default { render };"
    ]
    for module in VIEW.glob("*.js"):
        last_lines = module.read_text().splitlines()[-3:]
        assert "\n".join(last_lines).replace("export const", "const") in synced, module.name


def test_no_name_is_defined_twice() -> None:
    """The modules share one scope once they are joined."""
    defined = re.findall(r"^(?:const|let|class|function) (\w+)", ProfilePicker._esm, re.MULTILINE)
    assert len(defined) > 20
    assert len(defined) == len(set(defined))
