"""Links within the repository, to files, headings and pictures."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.test_readme import ROOT

PAGES = sorted(
    file
    for folder, pattern in ((".", "*.md"), (".github", "**/*.md"), ("docs", "**/*.md"))
    for file in (ROOT / folder).glob(pattern)
)
TUTORIALS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def prose(file: Path) -> str:
    """Return the text of a page or notebook, without its code."""
    text = file.read_text()
    if file.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    fenced = r"^(`{3,}).*?^\1$"
    return re.sub(fenced, "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(file: Path) -> set[str]:
    """Return the anchors of a page's headings, as code hosts and MyST generate them."""
    headings = re.findall(r"^#+ (.+)$", prose(file), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(file: Path) -> list[str]:
    """Return the targets of a page's links and pictures."""
    return re.findall(r"\]\(([^)\s]+)", re.sub(r"`[^`]*`", "code", prose(file)))


@pytest.mark.parametrize("file", [*PAGES, *TUTORIALS], ids=lambda file: file.stem)
def test_links(file: Path) -> None:
    """Each relative link leads to a file or folder in the repository, and to an existing anchor."""
    for link in links(file):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, heading = link.partition("#")
        to = (file.parent / path).resolve() if path else file
        assert to.exists(), link
        assert to.is_relative_to(ROOT), link
        assert not heading or heading in anchors(to), link


def test_links_are_found() -> None:
    """The README, the pages and the tutorials have links, some of them to headings."""
    found = [link for file in (*PAGES, *TUTORIALS) for link in links(file)]
    assert len(found) > 50
    assert any("#" in link and not re.match(r"[a-z]+:", link) for link in found)
    assert any(link.endswith(".png") for link in found)
    assert any(links(file) for file in TUTORIALS)


def test_pages_are_reachable() -> None:
    """README links to each page of the documentation, directly or through other pages."""
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        to = {(page.parent / link.partition("#")[0]).resolve() for link in links(page)}
        waiting += [each for each in to - reached if each.suffix == ".md" and each.exists()]
    # The changelog's page includes CHANGELOG.md, and a server shows the 404 page for a wrong
    # address.
    pages = {page for page in PAGES if page.is_relative_to(ROOT / "docs")}
    assert pages - reached == {ROOT / "docs" / "changelog.md", ROOT / "docs" / "404.md"}
