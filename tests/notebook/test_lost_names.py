"""Variables that a cell for many profiles defines and loses, and the note about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.demo.stages.organisation import seed_organisation

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

RUN = "%%aws_profiles reader --no-progress"

COUNT = 'bucket_count = len(session.client("s3").list_buckets()["Buckets"])'


@pytest.fixture
def names(aws: EmbeddedAws) -> tuple[str, ...]:
    """Create two accounts, each with a role profile, and return the profiles' names."""
    return seed_organisation(aws, 2)


def note_of(shell: Shell, cell: str) -> str:
    """Run a cell for each profile, and return the note about its lost names."""
    ran = shell.good(f"{RUN}\n{cell}")
    return "\n".join(line for line in ran.text.splitlines() if "The cell's" in line)


def test_advice(shell: Shell, names: tuple[str, ...]) -> None:
    """The note names the variable and says what to do; following it returns the values."""
    note = note_of(shell, COUNT)
    assert note == (
        "The cell's `bucket_count` isn't kept. To get a value for each profile, end the cell with "
        "an expression, such as `bucket_count`."
    )
    assert "bucket_count" not in shell.names
    ran = shell.good(f"{RUN}\n{COUNT}\nbucket_count")
    assert ran.result["value"].gt(0).all()
    assert "The cell's" not in ran.text


NOTED = {
    "two": ("rows = []\ncount = 1", "`rows` and `count` aren't kept", "`count`"),
    "function": ("def tags(name):\n    local = 1\n    return local", "`tags` isn't kept", "`tags`"),
    "class": ("class Row:\n    size = 1", "`Row` isn't kept", "`Row`"),
    "unpacked": ("(a, *b), c.d, e[0] = (1, 2), 3, 4", "`a` and `b` aren't kept", "`b`"),
    "annotated": ("size: int = 1\nother: int", "`size` isn't kept", "`size`"),
    "in blocks": (
        "import os\nfor n in [1]:\n    if n:\n        x = n\n    else:\n        y = 2\n"
        "try:\n    pass\nexcept OSError:\n    z = 1",
        "`x`, `y` and `z` aren't kept",
        "`z`",
    ),
    "many": (
        "\n".join(f"v{number} = 1" for number in range(9)),
        "`v0`, `v1`, `v2`, `v3`, `v4` and 4 more aren't kept",
        "`v8`",
    ),
    "added to": ("total += 1\n1", "`total` isn't kept", "`total`"),
}


@pytest.mark.parametrize(("cell", "what", "such"), NOTED.values(), ids=NOTED)
def test_noted(shell: Shell, names: tuple[str, ...], cell: str, what: str, such: str) -> None:
    """The note names variables, functions and classes, and variables that the cell adds to."""
    shell.good("total = 0\nclass c: pass\ne = [0]")
    note = note_of(shell, cell)
    assert what in note
    assert note.endswith(f"such as {such}.")
    assert shell.names["total"] == 0


@pytest.mark.parametrize(
    "cell",
    [
        "x = 1\nx",
        "x = 0\nx += 1\nx",
        "def f():\n    return 1\nf()",
        "rows = [1]\nprint(rows)",
        "import os",
        "from os import path as here",
        "for name in []:\n    pass",
        "with open('/dev/null') as file:\n    file.read()",
        "try:\n    1 // 0\nexcept ZeroDivisionError as error:\n    pass",
        "if (n := 1):\n    pass",
        "_ = 1",
        "session.x = 1",
        "pass",
        "# nothing",
    ],
)
def test_not_noted(shell: Shell, names: tuple[str, ...], cell: str) -> None:
    """Intermediate results, imports, loop variables and the like don't cause a note."""
    assert note_of(shell, cell) == ""


def test_errors_and_a_variable(shell: Shell, names: tuple[str, ...]) -> None:
    """With `--into` and errors, the note follows the summary; if all profiles fail, it's absent."""
    ran = shell.good(f"{RUN} --into frame\nassert profile.name != '{names[0]}'\nbucket_count = 1")
    assert ran.text.index("1 of 2 profiles succeeded") < ran.text.index("`bucket_count` isn't kept")
    ran = shell.run(f"{RUN}\nbucket_count = 1 // 0")
    assert ran.error
    assert "isn't kept" not in ran.text


def test_retry(shell: Shell, names: tuple[str, ...]) -> None:
    """A retry uses the notebook's current variables, and doesn't repeat the note."""
    shell.good("ready = False")
    shell.good(f"{RUN} --into frame\nassert ready or profile.name != '{names[0]}'\nx = 1")
    ran = shell.good("ready = True\nframe.attrs['errors'].retry().attrs")
    assert ran.result == {"errors": [], "interrupted": False}
    assert "isn't kept" not in ran.text
