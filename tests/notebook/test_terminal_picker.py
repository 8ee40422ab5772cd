"""The list of profiles in a terminal: its keys, its rows and the resulting switch."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import TYPE_CHECKING

import pytest
from prompt_toolkit.application import create_app_session, get_app
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from ipy_awsprofile.config.profiles import Profile, list_profiles
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.errors import AwsProfileError, InvalidOption
from ipy_awsprofile.notebook.terminal_picker import (
    MOST_MATCHES,
    MOST_ROWS,
    choose,
    pick_in_terminal,
)
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
    """A terminal whose user types the next keys once the previous ones have changed the screen."""

    def __init__(self, columns: int = 80) -> None:
        self.columns = columns
        self.keys: PipeInput | None = None
        self.next_keys: list[str] = []
        self.screens = [""]

    def get_size(self) -> Size:
        """Return the size of a small terminal."""
        return Size(rows=24, columns=self.columns)

    def flush(self) -> None:
        """Record the screen, and type the next keys once it shows the list or a question."""
        screen = get_app().renderer.last_rendered_screen
        if screen is None or self.keys is None:
            return
        rows = (
            "".join(screen.data_buffer[row][column].char for column in range(self.columns)).rstrip()
            for row in range(screen.height)
        )
        shown = "\n".join(rows)
        if shown != self.screens[-1] and re.search("Analyst|No profile|Switch to it", shown):
            self.screens.append(shown)
            if self.next_keys:
                self.keys.send_text(self.next_keys.pop(0))


@pytest.fixture
def terminal(shared_files: tuple[Path, Path]) -> Iterator[Terminal]:
    """Yield a terminal, with 30 profiles in the config file, some of which are protected."""
    lines = (
        f"[profile app-{number:02}-{'prod' if number % 10 == 3 else 'dev'}]\n"
        f"role_arn = arn:aws:iam::{number:012}:role/Analyst\nsource_profile = app-00-dev\n"
        for number in range(30)
    )
    shared_files[0].write_text("".join(lines))
    terminal = Terminal()
    with create_pipe_input() as keys, create_app_session(input=keys, output=terminal):
        terminal.keys = keys
        yield terminal


def is_protected(name: str) -> bool:
    """Return whether the test's pattern protects the profile."""
    return name.endswith("prod")


def choice(terminal: Terminal, *keys: str, active: str | None = None) -> SwitchRequest | None:
    """Show the list of the files' profiles, type the keys, and return the result."""
    terminal.next_keys = list(keys)
    return choose(list_profiles(), is_protected, active)


@pytest.mark.parametrize(
    ("keys", "active", "chosen"),
    [
        ([ENTER], None, "app-00-dev"),
        ([ENTER], "app-07-dev", "app-07-dev"),
        ([ENTER], "not-in-the-files", "app-00-dev"),
        ([DOWN * 2, ENTER], None, "app-01-dev"),
        ([DOWN * 3, UP, ENTER], None, "app-01-dev"),
        ([DOWN, PAGE_DOWN, ENTER], None, f"app-{MOST_ROWS}-dev"),
        ([DOWN + PAGE_DOWN * 5, ENTER], None, "app-29-dev"),
        ([DOWN + PAGE_DOWN * 5, PAGE_UP, ENTER], None, f"app-{29 - MOST_ROWS}-dev"),
        (["21" + ENTER], None, "app-21-dev"),
        (["analyst DEV 01" + ENTER], None, "app-01-dev"),
        (["000000000017" + ENTER], None, "app-17-dev"),
        (["*9-dev", DOWN * 2, ENTER], None, "app-19-dev"),
        (["nothing", ENTER + "\x7f" * 7, DOWN * 2, ENTER], None, "app-01-dev"),
    ],
)
def test_choosing(terminal: Terminal, keys: list[str], active: str | None, chosen: str) -> None:
    """Typing searches, arrow and page keys move the active row, and Enter chooses a profile."""
    assert choice(terminal, *keys, active=active) == SwitchRequest(profile=chosen)


@pytest.mark.parametrize(
    "keys",
    [[ESCAPE], [CTRL_C], [CTRL_D], ["21" + ESCAPE], [DOWN, ESCAPE], ["03" + ENTER, CTRL_C]],
)
def test_leaving(terminal: Terminal, keys: list[str]) -> None:
    """Escape, Ctrl-C and Ctrl-D leave the list at once, without a choice."""
    assert choice(terminal, *keys) is None
    assert not terminal.next_keys


def test_a_terminal_that_is_closed(terminal: Terminal) -> None:
    """The list ends without a choice if the terminal is closed."""
    assert terminal.keys is not None
    terminal.keys.close()
    assert choice(terminal) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        (["y"], SwitchRequest(profile="app-03-prod", confirmed=True)),
        (["n", "02" + ENTER], SwitchRequest(profile="app-02-dev")),
        (["xy"], SwitchRequest(profile="app-03-prod", confirmed=True)),
        ([ESCAPE, "04" + ENTER], SwitchRequest(profile="app-04-dev")),
    ],
)
def test_protected_profiles(terminal: Terminal, keys: list[str], chosen: SwitchRequest) -> None:
    """A protected profile requires Enter, then y; n and Escape return to the list."""
    assert choice(terminal, DOWN * 4, ENTER, *keys) == chosen


def test_while_a_cell_awaits(terminal: Terminal) -> None:
    """The list works while an event loop runs, as in a cell that uses `await`."""

    async def cell() -> SwitchRequest | None:
        return choice(terminal, DOWN * 2, ENTER)

    assert asyncio.run(cell()) == SwitchRequest(profile="app-01-dev")


def test_files_that_have_changed(terminal: Terminal, shared_files: tuple[Path, Path]) -> None:
    """A choice is refused if the files have changed since the list was shown."""
    profiles = list_profiles()
    config = shared_files[0]
    config.write_text(config.read_text().replace("000000000000", "999999999999"))
    terminal.next_keys = [ENTER]
    with pytest.raises(AwsProfileError, match="have changed since the list was shown") as refused:
        choose(profiles, is_protected)
    assert refused.value.hint == "Run `%aws_profile --pick` again."


@pytest.mark.slow
def test_only_the_first_rows_are_made(terminal: Terminal) -> None:
    """Of 21,000 profiles, the list renders only the first 500, and says how many match."""
    profiles = [
        Profile(f"{profile}-{number}", profile.settings)
        for number in range(700)
        for profile in list_profiles()
    ]
    asked: list[str] = []

    def noted(name: str) -> bool:
        asked.append(name)
        return False

    terminal.next_keys = [CTRL_C]
    assert choose(profiles, noted) is None
    assert len(asked) == MOST_MATCHES
    assert "21000 profiles" in terminal.screens[-1]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_rows(terminal: Terminal, shared_files: tuple[Path, Path], columns: int) -> None:
    """A row shows the protection, account, role and Region, and shortens the name in its middle."""
    terminal.columns = columns
    shared_files[0].write_text(
        f"[profile acme-{'データ-' * 30}prod]\nregion = eu-west-1\n"
        "role_arn = arn:aws:iam::123456789012:role/Analyst\nsource_profile = a\x1b[31mb\n"
        "[profile a\x1b[31mb]\nregion=us-east-1\n"
    )
    choice(terminal, CTRL_C)
    above, _, first, second = terminal.screens[-1].splitlines()[:4]
    assert above.startswith("2 profiles · ↑ ↓ · Escape: cancel · Enter: acme-")
    assert re.fullmatch(r" *acme-.*….*-prod +protected  123456789012  Analyst( .*)?", first)
    assert r"a\x1b[31mb" in second
    assert "us-east-1" in second
    if columns >= 80:
        assert first.split()[-1] == "eu-west-1"


def test_without_a_terminal(shell: Shell) -> None:
    """Without a terminal, the magic raises an error that says what to run, and doesn't wait."""
    with pytest.raises(AwsProfileError, match="needs a notebook or a terminal"):
        pick_in_terminal(Switcher(None))
    error = shell.refused("%aws_profile --pick")
    assert error.hint == "Run `%aws_profile NAME`; `%aws_profiles` lists the names."
    assert isinstance(shell.refused("%aws_profile --pick RoleBeta"), InvalidOption)


def test_without_profiles(shared_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without profiles, the error says which command to run."""
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(AwsProfileError, match="There are no AWS profiles yet") as refused:
        pick_in_terminal(Switcher(None))
    assert "`%aws_profiles`" in refused.value.hint


def test_in_ipython(ipython: pexpect.spawn[str], aws: EmbeddedAws, auditor: str) -> None:
    """In IPython in a terminal, the magic shows the list, and switches to the chosen profile."""

    def run(cell: str, expected: str) -> None:
        ipython.send(cell + ENTER)
        ipython.expect(expected)

    ipython.expect("In ")
    for leave in (ESCAPE, CTRL_C):
        run("%aws_profile --pick", "4 profiles")
        ipython.send(leave)
        ipython.expect("No profile is active")
    run("%aws_profile --pick", "4 profiles")
    run("beta", "RoleBeta ← UserAlpha")
    run("pick = lambda: get_ipython().run_line_magic('aws_profile', '--pick')", "In ")
    run("import asyncio; await asyncio.sleep(0); pick()", "4 profiles")
    ipython.send("user*" + ENTER)
    ipython.expect("user/UserAlpha")
    run("%config AwsProfileMagics.protected = ['Auditor']", "In ")
    run("%aws_profile --pick", "4 profiles")
    run("*ditor", "`Auditor` is protected")
    ipython.send("y")
    ipython.expect("MFA code for .*: ")
    ipython.send(aws.mfa_code(auditor) + ENTER)
    ipython.expect(r"Auditor ← AuditorUser  \(protected, ")
