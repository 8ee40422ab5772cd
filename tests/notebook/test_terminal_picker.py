"""The list of profiles in a terminal: what is typed, what is shown, and what is switched to."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from prompt_toolkit.utils import get_cwidth

from ipy_awsprofile.config.profiles import list_profiles
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.errors import AwsProfileError, InvalidOption
from ipy_awsprofile.notebook.terminal_picker import MOST_ROWS, TerminalList, pick_in_terminal
from ipy_awsprofile.switch.switcher import Switcher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pexpect
    from prompt_toolkit.input import PipeInput

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

UP, DOWN, PAGE_UP, PAGE_DOWN, ENTER, ESCAPE, CTRL_C, CTRL_D = (
    *("\x1b[A", "\x1b[B", "\x1b[5~", "\x1b[6~"),
    *("\r", "\x1b", "\x03", "\x04"),
)


class Terminal(DummyOutput):
    """A terminal of which only the size is known."""

    columns = 80

    def get_size(self) -> Size:
        """Return the size of the smallest terminals."""
        return Size(rows=24, columns=self.columns)


@pytest.fixture
def keys(shared_files: tuple[Path, Path]) -> Iterator[PipeInput]:
    """Return where to type, with 30 profiles in the config file; those of prod are protected."""
    lines = (
        f"[profile app-{number:02}-{'prod' if number % 10 == 3 else 'dev'}]\n"
        f"role_arn = arn:aws:iam::{number:012}:role/Analyst\nsource_profile = app-00-dev\n"
        for number in range(30)
    )
    shared_files[0].write_text("".join(lines))
    with create_pipe_input() as keys, create_app_session(input=keys, output=Terminal()):
        yield keys


def is_protected(name: str) -> bool:
    """Return whether the test's pattern protects a profile."""
    return name.endswith("prod")


def choose(active: str | None = None) -> SwitchRequest:
    """Show the list of the files' profiles until one is chosen."""
    return TerminalList(list_profiles(), is_protected, active).choose()


@pytest.mark.parametrize(
    ("typed", "active", "chosen"),
    [
        (ENTER, None, "app-00-dev"),
        (ENTER, "app-07-dev", "app-07-dev"),
        (ENTER, "not-in-the-files", "app-00-dev"),
        (DOWN * 2 + ENTER, None, "app-02-dev"),
        (DOWN * 2 + UP + ENTER, None, "app-01-dev"),
        (UP + ENTER, None, "app-00-dev"),
        (PAGE_DOWN + ENTER, None, f"app-{MOST_ROWS}-dev"),
        (PAGE_DOWN * 5 + ENTER, None, "app-29-dev"),
        (PAGE_DOWN * 5 + PAGE_UP + ENTER, None, f"app-{29 - MOST_ROWS}-dev"),
        ("21" + ENTER, None, "app-21-dev"),
        ("analyst DEV 01" + ENTER, None, "app-01-dev"),
        ("000000000017" + ENTER, None, "app-17-dev"),
        ("*9-dev" + DOWN + ENTER, None, "app-19-dev"),
        ("nothing" + ENTER + UP + DOWN + "\x7f" * 7 + "05" + ENTER, None, "app-05-dev"),
        (DOWN * 9 + "1" + ENTER, None, "app-01-dev"),
    ],
)
def test_choosing(keys: PipeInput, typed: str, active: str | None, chosen: str) -> None:
    """Typing searches as everywhere, arrows and page keys move, and Enter chooses."""
    keys.send_text(typed)
    assert choose(active) == SwitchRequest(profile=chosen)


@pytest.mark.parametrize("typed", [ESCAPE, CTRL_C, CTRL_D, "21" + ESCAPE, "03" + ENTER + CTRL_C])
def test_leaving(keys: PipeInput, typed: str) -> None:
    """Escape and Ctrl-C leave the list at once: the cell ends there, and nothing is chosen."""
    keys.send_text(typed)
    with pytest.raises(KeyboardInterrupt):
        choose()


def test_a_terminal_that_is_closed(keys: PipeInput) -> None:
    """A list whose terminal was closed ends."""
    keys.close()
    with pytest.raises(KeyboardInterrupt):
        choose()


@pytest.mark.parametrize(
    ("typed", "chosen"),
    [
        ("y", SwitchRequest(profile="app-03-prod", confirmed=True)),
        ("n" + UP + ENTER, SwitchRequest(profile="app-02-dev")),
        ("x" + ENTER + "y", SwitchRequest(profile="app-03-prod", confirmed=True)),
        (ENTER + DOWN + ENTER, SwitchRequest(profile="app-04-dev")),
    ],
)
def test_protected_profiles(keys: PipeInput, typed: str, chosen: SwitchRequest) -> None:
    """A protected profile is chosen with Enter and y; any other key goes back to the list."""
    keys.send_text(DOWN * 3 + ENTER + typed)
    assert choose() == chosen


def test_while_a_cell_awaits(keys: PipeInput) -> None:
    """The list works while an event loop runs, as in a cell that awaits something."""

    async def cell() -> SwitchRequest:
        return choose()

    keys.send_text(DOWN + ENTER)
    assert asyncio.run(cell()) == SwitchRequest(profile="app-01-dev")


def test_files_that_have_changed(keys: PipeInput, shared_files: tuple[Path, Path]) -> None:
    """What was chosen from a list that isn't the files' any more is refused."""
    shown = TerminalList(list_profiles(), is_protected)
    config = shared_files[0]
    config.write_text(config.read_text().replace("000000000000", "999999999999"))
    keys.send_text(ENTER)
    with pytest.raises(AwsProfileError, match="have changed since the list was shown") as refused:
        shown.choose()
    assert refused.value.hint == "Run `%aws_profile --pick` again."


def test_only_visible_rows_are_made(keys: PipeInput) -> None:
    """Of 20,000 profiles, a screen's rows are formatted, with the chosen one among them."""
    asked: list[str] = []

    def noted(name: str) -> bool:
        asked.append(name)
        return False

    shown = TerminalList(list_profiles() * 700, noted)
    for _ in range(900):
        shown._move(MOST_ROWS)
        asked.clear()
        rows = [row for row in shown.rows() if row[1] != "\n"]
        assert len(rows) == len(asked) == MOST_ROWS
        assert [row[1].startswith("❯") for row in rows].count(True) == 1


@pytest.mark.parametrize("columns", [20, 80, 200])
def test_rows(
    keys: PipeInput,
    shared_files: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
) -> None:
    """A row has name, account, role and Region, and fits the terminal; names keep both ends."""
    monkeypatch.setattr(Terminal, "columns", columns)
    shared_files[0].write_text(
        f"[profile acme-{'データ-' * 30}production]\nregion = eu-west-1\n"
        "role_arn = arn:aws:iam::123456789012:role/Analyst\nsource_profile = a\x1b[31mb\n"
        "[profile a\x1b[31mb]\nregion=us-east-1\n"
    )
    rows = [str(row[1]) for row in TerminalList(list_profiles(), is_protected).rows()][::2]
    assert all(get_cwidth(row) < columns for row in rows)
    assert "\x1b" not in "".join(rows)
    assert rows[0].startswith("❯ acme-")
    if columns > 20:
        assert "…" in rows[0]
        assert rows[0].split()[-3:] == ["123456789012", "Analyst", "eu-west-1"]
        assert rows[0].split()[1].endswith("production")


def test_without_a_terminal(shell: Shell) -> None:
    """Without a terminal there is an error, which says what to run, and nothing waits."""
    with pytest.raises(AwsProfileError, match="needs a notebook or a terminal"):
        pick_in_terminal(Switcher(None))
    error = shell.refused("%aws_profile --pick")
    assert error.hint == "Run `%aws_profile NAME`; `%aws_profiles` lists the names."
    assert isinstance(shell.refused("%aws_profile --pick RoleBeta"), InvalidOption)


def test_without_profiles(shared_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without profiles there is nothing to choose from, and the error says where to look."""
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(AwsProfileError, match="There are no AWS profiles yet") as refused:
        pick_in_terminal(Switcher(None))
    assert "`%aws_profiles`" in refused.value.hint


@pytest.fixture
def ipython(aws: EmbeddedAws, tmp_path: Path) -> Iterator[pexpect.spawn[str]]:
    """Start IPython in a terminal, with the extension."""
    pexpect = pytest.importorskip("pexpect")
    started = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", "--no-banner", "--no-confirm-exit", "--ext=ipy_awsprofile"],
        env=os.environ
        | {"TERM": "xterm", "IPYTHONDIR": str(tmp_path), "PROMPT_TOOLKIT_NO_CPR": "1"},
        encoding="utf-8",
        dimensions=(24, 100),
        timeout=120,
    )
    yield started
    # On a busy machine, `close` doesn't wait long enough for its own signal.
    started.kill(signal.SIGKILL)
    started.wait()
    started.close()


def test_in_ipython(ipython: pexpect.spawn[str], aws: EmbeddedAws, auditor: str) -> None:
    """In IPython in a terminal, the magic shows the list, and switches to what is chosen."""

    def run(cell: str, expected: str) -> None:
        ipython.send(cell + ENTER)
        ipython.expect(expected)

    ipython.expect("In ")
    run("%aws_profile --pick", "1 of 4")
    run("beta", "RoleBeta ← UserAlpha")
    run("%aws_profile --pick", "2 of 4")
    ipython.send(ESCAPE)
    ipython.expect("Nothing has changed")
    run("pick = lambda: get_ipython().run_line_magic('aws_profile', '--pick')", "In ")
    run("import asyncio; await asyncio.sleep(0); pick()", "2 of 4")
    ipython.send(UP + ENTER)
    ipython.expect("user/UserAlpha")
    run("%config AwsProfileMagics.protected = ['Auditor']", "In ")
    run("%aws_profile --pick", "1 of 4")
    run("*ditor", "`Auditor` is protected")
    ipython.send("y")
    ipython.expect("MFA code for .*: ")
    ipython.send(aws.mfa_code(auditor) + ENTER)
    ipython.expect(r"Auditor ← AuditorUser  \(protected, ")
