"""Claims in README, CONTRIBUTING and the reference."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import ipy_awsprofile
from ipy_awsprofile.notebook.magic import AwsProfileMagics
from tests.shells import Shell

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
#: The page that compares boto3's code with ours, with the config file that both use.
COMPARISON = (DOCS / "comparison.md").read_text()
PAGES = {str(file.relative_to(ROOT)): file.read_text() for file in sorted(DOCS.rglob("*.md"))}
DOCUMENTS = {"README.md": README, "CONTRIBUTING.md": CONTRIBUTING} | PAGES
#: Options that no user types; `--cell` passes `%%aws_profile` to the line magic.
INTERNAL = {"--cell", "--help"}


def blocks(text: str, language: str | None = None) -> list[str]:
    """Return a document's fenced blocks, in one language or in all."""
    found = re.findall(r"^```(\w*)[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for name, block in found if language in (None, name)]


def rows(text: str) -> list[list[str]]:
    """Return the rows of a document's tables, as the texts of their cells."""
    lines = re.findall(r"^\| (.*) \|$", text, re.MULTILINE)
    return [[cell.strip() for cell in line.split(" | ")] for line in lines]


def options(text: str) -> set[str]:
    """Return the long options in a text."""
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def options_of_the_magics() -> set[str]:
    """Return the options of the magics' parsers."""
    parsers = AwsProfileMagics.aws_profile.parser, AwsProfileMagics.aws_profiles.parser
    known = {option for parser in parsers for option in parser._option_string_actions}
    return known - INTERNAL - {"-h"}


def the_block(text: str, *words: str) -> str:
    """Return the first block of a document that contains all these words."""
    return next(block for block in blocks(text) if all(word in block for word in words))


@pytest.mark.slow
@pytest.mark.parametrize("document", ["README.md", "docs/comparison.md"])
def test_the_line(aws: EmbeddedAws, bare_shell: Shell, document: str) -> None:
    """The magic's session lists the same buckets as the profile's boto3 session."""
    bare_shell.good(the_block(COMPARISON, "import boto3", "session ="))
    list_them = "[one['Name'] for one in session.client('s3').list_buckets()['Buckets']]"
    listed_by_boto3 = bare_shell.good(list_them).result
    assert len(listed_by_boto3) == 3
    for line in the_block(DOCUMENTS[document], "%load_ext", "%aws_profile RoleBeta").splitlines():
        bare_shell.good(line)
    assert bare_shell.good(list_them).result == listed_by_boto3
    cell = the_block(DOCUMENTS[document], "import list_buckets", "list_buckets(session)")
    assert list(bare_shell.good(cell).result["name"]) == listed_by_boto3


def test_config_that_is_shown(aws: EmbeddedAws) -> None:
    """The config file on the page has the same profiles as the embedded AWS's file."""
    (shown,) = blocks(COMPARISON, "ini")
    config = aws.config_file.read_text().splitlines()
    assert [line for line in shown.splitlines() if line and line not in config] == []


def test_config_files_that_are_shown_can_be_copied() -> None:
    """No config file in README, on a page or in a tutorial has a comment after a value."""
    tutorials = sorted((ROOT / "notebooks").glob("*.ipynb"))
    cells = [cell for one in tutorials for cell in json.loads(one.read_text())["cells"]]
    texts = [*DOCUMENTS.values(), *("".join(cell["source"]) for cell in cells)]
    shown = [line for text in texts for block in blocks(text, "ini") for line in block.splitlines()]
    assert len(shown) > 10
    assert [line for line in shown if re.search(r"\S\s+[#;]", line)] == []


def test_options_in_the_tables_exist() -> None:
    """Every option in the table of magics exists."""
    explained = {
        option
        for first, *_ in rows(PAGES["docs/reference/magics.md"])
        if first.startswith(("`%aws_profile", "`%%aws_profile"))
        for option in options(first)
    }
    assert explained
    assert explained - options_of_the_magics() == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_options_that_are_named_exist(document: str) -> None:
    """Every option in any magic's line exists."""
    lines = re.findall(r"%aws_profiles?\b[^`\n|]*", DOCUMENTS[document])
    assert options(" ".join(lines)) - options_of_the_magics() - {"--help"} == set()


def test_options_of_the_magics_are_explained() -> None:
    """The options page is the output of `make docs`, and has every option."""
    page = PAGES["docs/reference/options.md"]
    assert page == runpy.run_path(str(DOCS / "magics.py"))["options_page"]()
    assert options_of_the_magics() - options(page) == set()


@pytest.mark.parametrize("name", [name for name in ipy_awsprofile.__all__ if name != "__version__"])
def test_public_names_are_explained(name: str) -> None:
    """The table on the Python page contains every public name."""
    table = "\n".join(" ".join(row) for row in rows(PAGES["docs/reference/python.md"]))
    assert re.search(rf"`[^`\n]*\b{name}\b", table)


def test_targets_exist() -> None:
    """The Makefile has every target that the documents name."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    for document in ("README.md", "CONTRIBUTING.md", "docs/performance.md"):
        named = set(re.findall(r"`make ([a-z-]+)", DOCUMENTS[document]))
        assert named
        assert named - targets == set()


def test_readme_is_short() -> None:
    """README has at most 100 lines; longer explanations belong in docs."""
    assert len(README.splitlines()) <= 100
