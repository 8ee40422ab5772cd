"""``%%aws_profile`` as the first line of a cell: its transformation, and the end of its scope.

``tests/integration/test_matrix.py`` tests what a scope restores.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.notebook.cell_scope import cell_magic_as_line

if TYPE_CHECKING:
    from tests.shells import Shell


@pytest.mark.parametrize(
    ("cell", "transformed"),
    [
        ("%%aws_profile P\nx\n", "%aws_profile --cell P\nx\n"),
        ("\n\n%%aws_profile P --yes\nx\n", "\n\n%aws_profile --cell P --yes\nx\n"),
        ("%%aws_profile P", "%aws_profile --cell P\n"),
        (
            "%%aws_profile P\n%%aws_profile Q\nx\n",
            "%aws_profile --cell P\n%aws_profile --cell Q\nx\n",
        ),
        (
            "%%aws_profile P\n\n%%time\nx\n",
            "%aws_profile --cell P\n\nget_ipython().run_cell_magic('time', '', 'x\\n')\n",
        ),
        ("%%aws_profiles P\nx\n", "%%aws_profiles P\nx\n"),
        ("%aws_profile P\nx\n", "%aws_profile P\nx\n"),
        ("x\n%%aws_profile P\n", "x\n%%aws_profile P\n"),
        ("", ""),
        ("\n", "\n"),
    ],
)
def test_transformed(cell: str, transformed: str) -> None:
    """Only a ``%%aws_profile`` at the top of a cell becomes a line magic."""
    assert "".join(cell_magic_as_line(cell.splitlines(keepends=True))) == transformed


@pytest.mark.usefixtures("aws")
def test_scope_of_a_cell(shell: Shell) -> None:
    """The cell shows its last value, and its traceback has the line numbers that the user typed."""
    assert shell.good("%%aws_profile RoleBeta\nsession.region_name").result == "us-west-2"
    error = shell.run("%%aws_profile RoleBeta\nx = 1\n1 / 0").error
    assert error is not None
    assert traceback.extract_tb(error.__traceback__)[-1].lineno == 3
    assert "session" not in shell.names


@pytest.mark.usefixtures("aws")
def test_scope_ends_with_the_outer_cell(shell: Shell) -> None:
    """Inner cells, even empty ones, don't end the scope of the outer cell."""
    inner = "get_ipython().run_cell('y = 1')\nget_ipython().run_cell('')\n"
    shell.good(f"%%aws_profile RoleBeta\n{inner}seen = session")
    assert shell.names["seen"].profile_name == "RoleBeta"
    assert "session" not in shell.names


@pytest.mark.usefixtures("aws")
def test_called_by_name(shell: Shell) -> None:
    """The cell magic works in ``run_cell_magic``, which doesn't transform the cell."""
    shell.good("get_ipython().run_cell_magic('aws_profile', 'RoleBeta', 'seen = session')")
    assert shell.names["seen"].profile_name == "RoleBeta"
    assert "session" not in shell.names


@pytest.mark.usefixtures("aws")
def test_scope_of_a_silent_execution(shell: Shell) -> None:
    """The scope of a silent cell ends with it, although IPython triggers no event for its end."""
    inner = "get_ipython().run_cell('y = 1')\n"
    shell.ip.run_cell(f"%%aws_profile RoleBeta\n{inner}seen = session", silent=True)
    assert shell.names["seen"].profile_name == "RoleBeta"
    assert "session" not in shell.names
    assert "No profile" in shell.good("%aws_profile").text


@pytest.mark.usefixtures("aws")
def test_cell_in_another_thread(shell: Shell) -> None:
    """A subshell's cell doesn't end another cell's scope, and can't begin its own."""
    scope = "%%aws_profile UserAlpha\nother = session"
    others = [("1", False), ("1", True), ("1 / 0", False), ("1 / 0", True), (scope, False)]
    shell.good(
        "%%aws_profile RoleBeta\nimport threading\nip = get_ipython()\nseen = []\n"
        f"for cell, silent in {others!r}:\n"
        "    thread = threading.Thread(target=ip.run_cell, args=(cell, False, silent))\n"
        "    thread.start()\n"
        "    thread.join()\n"
        "    seen.append(session.profile_name)"
    )
    assert shell.names["seen"] == ["RoleBeta"] * 5
    assert "other" not in shell.names
    assert "session" not in shell.names
    shell.good(scope)
    assert shell.names["other"].profile_name == "UserAlpha"


@pytest.mark.usefixtures("aws")
def test_interrupted_before_the_scope_is_left(shell: Shell) -> None:
    """If Ctrl-C prevents a scope's end and IPython swallows it, the next cell ends the scope."""
    shell.good(
        "%%aws_profile RoleBeta\n"
        "ends = get_ipython().events.callbacks['post_run_cell'].pop()"  # IPython won't call it
    )
    assert "session" in shell.names
    assert shell.good("'session' in dir()").result is False
    assert "No profile" in shell.good("%aws_profile").text


@pytest.mark.parametrize(
    "cell", ["%%aws_profile X", "%%aws_profile X\n1", "%%aws_profile X\n1\n\n"]
)
def test_where_a_terminal_lets_a_cell_end(shell: Shell, cell: str) -> None:
    """A terminal ends the cell where it ends any other cell magic, which is after an empty line."""
    other = cell.replace("%%aws_profile X", "%%time")
    assert shell.ip.check_complete(cell) == shell.ip.check_complete(other)
    assert shell.ip.check_complete(cell)[0] == ("complete" if cell.endswith("\n") else "incomplete")
