"""Sphinx's configuration: the pages, the tutorials as they are, and the reference from the code.

https://www.sphinx-doc.org/en/master/usage/configuration.html
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from base64 import b64encode
from contextlib import redirect_stdout, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

# This extension prints a line about matplotlib when it is imported, even without social cards. The
# tests import this file without the extension.
with redirect_stdout(None), suppress(ModuleNotFoundError):
    import_module("sphinxext.opengraph")

sys.path.insert(0, str(Path(__file__).parent))

from docutils import nodes
from magics import options_page

from ipy_awsprofile import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent

project = "ipy_awsprofile"
author = "the authors of ipy_awsprofile"
copyright = "the authors of ipy_awsprofile, BSD-3-Clause"  # noqa: A001  # Sphinx's name
version = release = __version__

extensions = [
    "myst_nb",
    "notfound.extension",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "sphinxext.opengraph",
    "IPython.sphinxext.ipython_console_highlighting",  # the lexer for cells with magics
]
exclude_patterns = ["build"]
# One pair of backquotes, too, is code in the docstrings.
default_role = "code"

html_theme = "furo"
html_title = "ipy_awsprofile"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_show_sphinx = False
html_favicon = "_static/favicon.svg"
# Copy commands without the prompt, so that they can be pasted.
copybutton_prompt_text = "$ "
# An output isn't copied as if it were a cell.
copybutton_selector = "div:not(.shown) > div.highlight > pre"
# The workflow that publishes the pages sets their address, and the folder in it.
ogp_site_url = os.environ.get("DOCS_URL", "")
ogp_image = "_static/first-switch.png"
ogp_image_alt = "A notebook in JupyterLab: the active profile, its card, and a DataFrame of buckets"
ogp_social_cards = {"enable": False}
notfound_template = "page.html"
notfound_urls_prefix = os.environ.get("DOCS_FOLDER", "/")

# The tutorials contain their outputs, which nbval compares: they aren't run again.
nb_execution_mode = "off"
# A magic isn't Python, in whose colours it is shown.
suppress_warnings = ["misc.highlighting_failure"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = False
# They are imported from the package, not from where they stand.
add_module_names = False


def with_picture(notebook: str) -> str:
    """Return a notebook's JSON with a picture in the place of each picker, which needs a kernel."""
    document = json.loads(notebook)
    for cell in document["cells"]:
        for output in cell.get("outputs", []):
            if output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None):
                picture = (HERE / "picker.png").read_bytes()
                output["data"]["image/png"] = b64encode(picture).decode()
                alt = "The picker: a searchable list, the active identity, and its time left"
                cell["metadata"]["mystnb"] = {"image": {"alt": alt}}
    return json.dumps(document)


def generate(_app: Sphinx) -> None:
    """Generate pages from other files, before Sphinx reads its sources."""
    tutorials = HERE / "tutorials"
    shutil.rmtree(tutorials, ignore_errors=True)
    shutil.copytree(
        HERE.parent / "notebooks",
        tutorials,
        ignore=lambda _folder, names: [
            name for name in names if not name.endswith(".ipynb") or "checkpoint" in name
        ],
    )
    for tutorial in tutorials.glob("*.ipynb"):
        tutorial.write_text(with_picture(tutorial.read_text()))
    options = HERE / "reference" / "options.md"
    if options.read_text() != options_page():
        options.write_text(options_page())


def mark_outputs(_app: Sphinx, page: nodes.document) -> None:
    """Give a block of text directly below a cell the look of the cell's output."""
    for block in page.findall(nodes.literal_block):
        before = block.previous_sibling()
        is_below_code = isinstance(before, nodes.literal_block)
        if is_below_code and (before["language"], block["language"]) == ("ipython3", "text"):
            block["classes"].append("shown")


def setup(app: Sphinx) -> None:
    """Add the steps before and after Sphinx reads the pages."""
    app.connect("builder-inited", generate)
    app.connect("doctree-read", mark_outputs)
