"""What README and CONTRIBUTING claim holds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import ipy_awsprofile
from ipy_awsprofile.notebook.magic import AwsProfileMagics
from tests.shells import Shell

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
DOCUMENTS = {"README.md": README, "CONTRIBUTING.md": CONTRIBUTING}
#: Those that have links.
LINKING = DOCUMENTS | {"SECURITY.md": (ROOT / "SECURITY.md").read_text()}
#: It is how `%%aws_profile` is told to the line magic; nobody types it.
INTERNAL = {"--cell", "--help"}


def blocks(text: str, language: str | None = None) -> list[str]:
    """Take the fenced blocks out of a document, of one language or all."""
    found = re.findall(r"^```(\w*)[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for name, block in found if language in (None, name)]


def rows(text: str) -> list[list[str]]:
    """Take the rows out of a document's tables, as the texts of their cells."""
    lines = re.findall(r"^\| (.*) \|$", text, re.MULTILINE)
    return [[cell.strip() for cell in line.split(" | ")] for line in lines]


def options(text: str) -> set[str]:
    """Find long options in a text."""
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def options_of_the_magics() -> set[str]:
    """List the options that the magics' parsers know."""
    parsers = AwsProfileMagics.aws_profile.parser, AwsProfileMagics.aws_profiles.parser
    known = {option for parser in parsers for option in parser._option_string_actions}
    return known - INTERNAL - {"-h"}


def the_block(*words: str) -> str:
    """Find the first block in README that has all these words."""
    return next(block for block in blocks(README) if all(word in block for word in words))


def test_boilerplate_and_the_line_it_becomes(
    aws: EmbeddedAws, bare_shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Python that README shows and the line it becomes list the same three buckets."""
    # The session that is made by hand has no profile that could say where AWS is.
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    bare_shell.good(the_block("import boto3", "assume_role", "session ="))
    list_them = "[one['Name'] for one in session.client('s3').list_buckets()['Buckets']]"
    by_hand = bare_shell.good(list_them).result
    account = "session.client('sts').get_caller_identity()['Account']"
    by_hand_account = bare_shell.good(account).result
    bare_shell.good("del session")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    for line in the_block("%load_ext", "%aws_profile RoleBeta").splitlines():
        bare_shell.good(line)
    assert bare_shell.good(list_them).result == by_hand
    assert bare_shell.good(account).result == by_hand_account
    frame = bare_shell.good(the_block("import list_buckets", "list_buckets(session)")).result
    assert list(frame["name"]) == by_hand
    assert len(by_hand) == 3


def test_config_that_readme_shows(aws: EmbeddedAws) -> None:
    """The config file in README has the profiles of the embedded AWS, as they are there."""
    (shown,) = blocks(README, "ini")
    config = aws.config_file.read_text().splitlines()
    assert [line for line in shown.splitlines() if line and line not in config] == []


def test_config_files_that_are_shown_can_be_copied() -> None:
    """No config file in README or a tutorial has a comment after a value."""
    tutorials = sorted((ROOT / "notebooks").glob("*.ipynb"))
    cells = [cell for one in tutorials for cell in json.loads(one.read_text())["cells"]]
    texts = [README, *("".join(cell["source"]) for cell in cells)]
    shown = [line for text in texts for block in blocks(text, "ini") for line in block.splitlines()]
    assert len(shown) > 10
    assert [line for line in shown if re.search(r"\S\s+[#;]", line)] == []


def test_options_in_the_tables_exist() -> None:
    """Every option that a table of README explains is one of the magics'."""
    explained = {
        option
        for first, *_ in rows(README)
        if first.startswith(("`--", "`%aws_profile", "`%%aws_profile"))
        for option in options(first)
    }
    assert explained
    assert explained - options_of_the_magics() == set()


def test_options_of_the_magics_are_explained() -> None:
    """README names every option of the magics."""
    assert options_of_the_magics() - options(README) == set()


@pytest.mark.parametrize("name", [name for name in ipy_awsprofile.__all__ if name != "__version__"])
def test_public_names_are_explained(name: str) -> None:
    """README names every public name."""
    assert re.search(rf"`[^`\n]*\b{name}\b", README)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_targets_exist(document: str) -> None:
    """Every target of make that is named is in the Makefile."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)`", DOCUMENTS[document]))
    assert named
    assert named - targets == set()


@pytest.mark.parametrize("document", LINKING)
def test_links_to_files_lead_somewhere(document: str) -> None:
    """Every link that stays in the repository leads to a file or folder there."""
    links = re.findall(r"\]\(([^)#\s]+)", LINKING[document])
    here = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in here if not (ROOT / link).exists()] == []


def test_headings_that_are_linked_exist() -> None:
    """Every link to a heading of README leads to one, from README and from SECURITY."""
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    linked = re.findall(r"\]\((?:README\.md)?#([^)]+)\)", "".join(LINKING.values()))
    assert len(linked) > 1
    assert set(linked) - anchors == set()
