"""README, CONTRIBUTING and the reference: what they claim, and their links."""

from __future__ import annotations

import json
import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest

import ipy_awsprofile
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, allow
from ipy_awsprofile.notebook.magic import AwsProfileMagics
from tests.aws import EmbeddedAws
from tests.identity_center import write_session
from tests.shells import Shell

ROOT = Path(__file__).parents[1]
#: The package that the tests import: the checkout's, or a release's wheel.
PACKAGE = Path(ipy_awsprofile.__file__).parent
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
#: The page that compares boto3's code with ours, with the config file that both use.
COMPARISON = (DOCS / "comparison.md").read_text()
PAGES = {file.relative_to(ROOT).as_posix(): file.read_text() for file in sorted(DOCS.rglob("*.md"))}
DOCUMENTS = {"README.md": README, "CONTRIBUTING.md": CONTRIBUTING} | PAGES
#: Options that no user types; `--cell` passes `%%aws_profile` to the line magic.
INTERNAL = {"--cell", "--help"}


def blocks(text: str, language: str | None = None) -> list[str]:
    """Return a document's fenced blocks, in one language or in all."""
    fences = re.findall(r"^```(\w*)[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for name, block in fences if language in (None, name)]


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
    unbroken = (re.sub(r"-\n\s+", "-", parser.format_help()) for parser in parsers)
    return {option for text in unbroken for option in options(text)} - INTERNAL


def the_block(text: str, *words: str) -> str:
    """Return the first block of a document that contains all these words."""
    return next(block for block in blocks(text) if all(word in block for word in words))


def add_analytics(aws: EmbeddedAws) -> None:
    """Add README's profile of IAM Identity Center, and sign in."""
    write_session(aws)
    aws.sso.assign(ROLE_ACCOUNT, "Analyst", policy=allow("s3:*"))
    aws.sso.sign_in("corp")
    role: Any = {"sso_account_id": ROLE_ACCOUNT, "sso_role_name": "Analyst"}
    aws.write_profile("analytics", sso_session="corp", region="us-west-2", **role)


@pytest.mark.parametrize("document", ["README.md", "docs/comparison.md"])
def test_the_line(aws: EmbeddedAws, bare_shell: Shell, document: str) -> None:
    """The magic's session lists the same buckets as the profile's boto3 session."""
    add_analytics(aws)
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


def test_profiles_that_are_shown() -> None:
    """Each profile on a page or in a tutorial has a Region and no comment after a value."""
    tutorials = sorted((ROOT / "notebooks").glob("*.ipynb"))
    cells = [cell for tutorial in tutorials for cell in json.loads(tutorial.read_text())["cells"]]
    texts = [*DOCUMENTS.values(), *("".join(cell["source"]) for cell in cells)]
    shown = [block for text in texts for block in blocks(text, "ini")]
    sections = [section for block in shown for section in re.split(r"(?m)^(?=\[)", block)]
    profiles = [section for section in sections if section.startswith(("[profile ", "[default]"))]
    assert len(profiles) > 5
    assert [profile for profile in profiles if "\nregion = " not in profile] == []
    assert [profile for profile in profiles if re.search(r"\S[ \t]+[#;]", profile)] == []


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


def test_readme_is_short() -> None:
    """README has at most 100 lines; longer explanations belong in docs."""
    assert len(README.splitlines()) <= 100


# Links ---

LINKED = [
    *(
        file
        for pattern in ("*.md", ".github/**/*.md", "docs/**/*.md")
        for file in ROOT.glob(pattern)
    ),
    *(ROOT / "notebooks").glob("*.ipynb"),
]


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
    """Return the links, pictures and contents of a page."""
    listed = "".join(re.findall(r"^```{toctree}\n(.*?)^```$", file.read_text(), re.M | re.S))
    pages = [f"{name}.md" for name in re.findall(r"^[\w/-]+$", listed, re.M)]
    return pages + re.findall(r"\]\(([^)\s]+)", re.sub(r"`[^`]*`", "code", prose(file)))


@pytest.mark.parametrize("file", sorted(LINKED), ids=lambda file: file.stem)
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


def test_pages_are_reachable() -> None:
    """README links to each page of the documentation, directly or through other pages."""
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        to = {(page.parent / link.partition("#")[0]).resolve() for link in links(page)}
        waiting += [each for each in to - reached if each.suffix == ".md" and each.exists()]
    # A server shows the 404 page for a wrong address.
    assert set(DOCS.rglob("*.md")) - reached == {DOCS / "404.md"}


# The map for contributors ---


def test_map_of_the_package() -> None:
    """CONTRIBUTING's table has every module and folder, and its picture the contract's layers."""
    rooms = {file.name for file in PACKAGE.glob("*.py")} - {"_version.py"}
    rooms |= {f"{file.parent.name}/" for file in PACKAGE.glob("*/__init__.py")}
    named = "\n".join(row[0] for row in rows(CONTRIBUTING))
    assert set(re.findall(r"`(\w+(?:\.py|/))`", named)) == rooms
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    picture = the_block(CONTRIBUTING, "the embedded AWS", "a notebook's state")
    drawn = [re.split(r"  +", line.strip())[0] for line in picture.splitlines()]
    assert drawn == linter["contracts"][0]["layers"]


def test_files_that_are_named() -> None:
    """The files that CONTRIBUTING names exist."""
    named = re.findall(r"`((?:[.\w-]+/)+\w+\.\w+)`", CONTRIBUTING)
    assert len(named) > 5
    for name in named:
        assert (ROOT / name).exists() or (PACKAGE / name).exists(), name


def test_tests_that_are_named() -> None:
    """The tests that the page on security names exist."""
    named = re.findall(r"`(\w+/test_\w+\.py|test_\w+\.py)`", PAGES["docs/security.md"])
    assert len(named) > 5
    assert [name for name in named if not (ROOT / "tests" / name).is_file()] == []


def test_targets_exist() -> None:
    """The Makefile has every target that the documents name."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    for document in ("README.md", "CONTRIBUTING.md", "docs/performance.md"):
        named = set(re.findall(r"`make ([a-z-]+)", DOCUMENTS[document]))
        assert named
        assert named - targets == set()


def test_files_are_short() -> None:
    """No file of the package, the labextension or the tests has more than 600 lines."""
    for folder in (PACKAGE, ROOT / "labextension", ROOT / "tests"):
        for file in folder.rglob("*"):
            if file.suffix in {".py", ".js", ".css"}:
                assert len(file.read_text().splitlines()) <= 600, file
