"""Compare the picker in a real JupyterLab with ipywidgets: ``python -m benchmarks picker``."""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.scenarios import Measured, by_turns
from benchmarks.stage import Stage

if TYPE_CHECKING:
    from tests.browser.jupyter import Notebook

_PICKER = "from ipy_awsprofile import ProfilePicker\nProfilePicker()"
_WIDGET = (
    "import ipywidgets\nfrom ipy_awsprofile import list_profiles\n"
    "names = [profile.name for profile in list_profiles()]\nipywidgets.{}(options=names)"
)

#: A field of a picker that has got the list.
_FIELD = ".ipyap-input:not([placeholder='Search profiles'])"

#: Measures one keystroke, which includes the search, the list and the page's layout.
_KEYSTROKE = """(field, text) => {
  const start = performance.now();
  field.value = text;
  field.dispatchEvent(new Event("input", {bubbles: true}));
  document.body.offsetHeight;
  return performance.now() - start;
}"""
_FRAME = 1 / 60


def measure(stage: Stage) -> Iterator[Measured]:
    """Time how soon a picker, a Dropdown and a Combobox appear, and a keystroke in a picker."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from playwright.sync_api import sync_playwright

    from tests.browser.jupyter import Jupyter, launched, serving

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("The picker is measured in Chromium, which isn't on the PATH.")
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), stage.environment) as server,
        sync_playwright() as playwright,
        launched(playwright.chromium, chromium) as browser,
    ):
        jupyter = Jupyter(server, browser)
        widgets = (_WIDGET.format("Dropdown"), _WIDGET.format("Combobox"))
        notebook = jupyter.open(_PICKER, *widgets)
        for index, plain, options in ((1, "Dropdown", "select"), (2, "Combobox", "datalist")):
            ours, theirs = by_turns(
                lambda: _shown(notebook, 0, _FIELD),
                lambda index=index, options=options: _shown(  # type: ignore[misc]
                    notebook, index, f"{options} option:nth-of-type({stage.profiles})"
                ),
                times=5,
            )
            yield Measured("`ProfilePicker()` on the screen", f"`{plain}` of names", ours, theirs)
        _shown(notebook, 0, _FIELD)
        key = statistics.median(_keys(notebook))
        yield Measured("a key in the picker's search", "a frame of the screen, 1/60 s", key, _FRAME)
        jupyter.close()


def _shown(notebook: Notebook, index: int, selector: str) -> float:
    """Return the time from a cell's start until its output is in the page, in seconds."""
    notebook.page.evaluate("window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    notebook.page.wait_for_function("!document.querySelector('.jp-OutputArea-output')")
    start = time.perf_counter()
    notebook.start(index)
    notebook.outputs(index).locator(selector).wait_for(state="attached")
    return time.perf_counter() - start


def _keys(notebook: Notebook) -> Iterator[float]:
    field = notebook.outputs(0).locator(".ipyap-input")
    field.click()
    for word in ("account", "19", "reader eu"):
        for end in range(1, len(word) + 1):
            milliseconds: float = field.evaluate(_KEYSTROKE, word[:end])
            yield milliseconds / 1000
