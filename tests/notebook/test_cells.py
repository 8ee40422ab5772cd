"""Cells that run as another identity, for each profile, and after the first profile's switch."""

from __future__ import annotations

import re
import shutil
import signal
from pathlib import Path

import pytest

from ipy_awsprofile.demo.stages import seed_organisation
from ipy_awsprofile.errors import (
    InvalidOption,
    ProfileNotFound,
    ProtectedProfile,
)
from tests.aws import EmbeddedAws
from tests.shells import Shell, run_notebook

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def names(aws: EmbeddedAws) -> tuple[str, ...]:
    """Create four accounts, each with a role profile, and return the profiles' names."""
    return seed_organisation(aws, 4)


def test_one_cell(shell: Shell) -> None:
    """The cell's last value is shown, its variables stay, and the identity ends with the cell."""
    ran = shell.good("%%aws_profile RoleBeta\nregion = session.region_name\nregion")
    assert ran.result == shell.names["region"] == "us-west-2"
    assert ran.text.startswith("RoleBeta ← UserAlpha  (for this cell, ")
    assert "session" not in shell.names
    assert shell.good("%%aws_profile RoleBeta\nregion;").result is None
    assert "No profile is active" in shell.good("%aws_profile").text


def test_error_in_one_cell(shell: Shell) -> None:
    """The traceback has only the user's lines with their numbers, and the identity ends."""
    ran = shell.run("%%aws_profile RoleBeta\nx = 1\n\nx / 0")
    assert isinstance(ran.error, ZeroDivisionError)
    assert "----> 4 x / 0" in ran.printed
    assert "ipy_awsprofile" not in ran.printed
    assert "session" not in shell.names


#: On Windows, it comes with Git.
needs_bash = pytest.mark.skipif(not shutil.which("bash"), reason="needs Bash")


@pytest.mark.parametrize(
    ("cell", "printed"),
    [
        ("%%time\nprint(session.profile_name)", "RoleBeta"),
        pytest.param("%%bash\necho $AWS_PROFILE", "RoleBeta", marks=needs_bash),
        ("%%aws_profile UserAlpha\nprint(session.profile_name)", "UserAlpha"),
        ("name = 'x'\n!echo $name", "x"),
    ],
)
def test_magics_in_one_cell(shell: Shell, cell: str, printed: str) -> None:
    """Cell magics below the first line, line magics and commands use the cell's identity."""
    ran = shell.good(f"%%aws_profile RoleBeta\n{cell}")
    assert printed in ran.printed.splitlines()
    assert "session" not in shell.names


@pytest.mark.parametrize(
    ("cell", "message", "hint"),
    [
        (
            "%%aws_profile RoleBeta\nx = 1\nawait x",
            "can't use `await`",
            "with using_profile('RoleBeta'):",
        ),
        (
            "%%aws_profile RoleBeta --off\nx = 1",
            "requires a profile's name",
            "%%aws_profile RoleBeta`",
        ),
        ("%%aws_profile RoleBet\nx = 1", "There is no profile `RoleBet`", "`RoleBeta`"),
    ],
)
def test_cells_that_are_not_run(shell: Shell, cell: str, message: str, hint: str) -> None:
    """If a line of the cell can't work, nothing runs, and the error says what to write."""
    error = shell.refused(cell)
    assert message in str(error)
    assert hint in error.hint
    assert "x" not in shell.names


@pytest.mark.parametrize("magic", ["%%aws_profile", "%%aws_profiles"])
def test_syntax_errors(shell: Shell, aws: EmbeddedAws, magic: str) -> None:
    """A syntax error shows the cell's own line, and no session is opened."""
    ran = shell.run(f"{magic} RoleBeta\nx = 1\nx +")
    assert ran.printed.splitlines()[0].endswith("line 3")
    assert ran.printed.splitlines()[1:3] == ["    x +", "       ^"]
    assert ran.printed.count("Error") == 1
    assert aws.calls == []


def test_functions_and_magics_for_each_profile(shell: Shell, names: tuple[str, ...]) -> None:
    """A cell uses the notebook's names and magics; the names that it defines don't outlive it."""
    shell.good("session = named = 'of the notebook'; factor = 2")
    cell = (
        "def named():\n    return profile.name * factor\n"
        "%time name = session.profile_name\n[named(), name * 2]"
    )
    assert shell.good(f"%%aws_profiles reader --into df\n{cell}").result is None
    assert list(shell.names["df"]["value"]) == [name * 2 for name in names for _ in range(2)]
    assert shell.names["session"] == shell.names["named"] == "of the notebook"
    assert "name" not in shell.names


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("%%aws_profiles\n1", "`%%aws_profiles` requires a pattern"),
        ("%%aws_profiles reader --workers 0\n1", "--workers must be 1 or more"),
        ("%aws_profiles reader --into df", "requires a cell"),
        ("%%aws_profiles reader\nx = 1", "End the cell with an expression"),
        ("%%aws_profiles reader\nawait profile", "can't use `await`"),
        ("%%aws_profiles reader\n%%time\nsession", "`%%time` would use the variables"),
    ],
)
def test_refused(shell: Shell, aws: EmbeddedAws, cell: str, message: str) -> None:
    """A line or a cell that can't run for each profile is refused before AWS is called."""
    error = shell.refused(cell)
    assert isinstance(error, InvalidOption)
    assert message in str(error)
    assert aws.calls == []


@pytest.fixture
def configured(bare_shell: Shell, aws: EmbeddedAws) -> Shell:
    """Load the extension in a shell whose configuration names RoleBeta, and return the shell."""
    bare_shell.ip.config.AwsProfileMagics.profile = "RoleBeta"
    bare_shell.good("%load_ext ipy_awsprofile")
    return bare_shell


@pytest.mark.parametrize(
    "cell",
    [
        "print(session.region_name)",
        "%%time\nprint(session.region_name)",
        "%load_ext autoreload\n%autoreload 2\nprint(session.region_name)",
        "%aws_profile --explain RoleBeta\nprint(session.region_name)",
        "%load_ext ipy_awsprofile\nprint(session.region_name)",
        "%aws_profile",
    ],
)
def test_first_profile(configured: Shell, aws: EmbeddedAws, cell: str) -> None:
    """Loading doesn't call AWS; the first cell shows the card once, and uses the profile."""
    assert aws.calls == []
    text = configured.good(cell).text
    assert text.startswith("RoleBeta ← UserAlpha")
    assert ("us-west-2" in text.splitlines()) == ("print" in cell)
    assert configured.good("print(2)").text == "2"
    configured.good("%aws_profile --off")
    assert configured.good("print(3)").text == "3"


@pytest.mark.parametrize(
    "cell",
    [
        "%aws_profile UserAlpha",
        "# go\n\n%aws_profile --off",
        "%load_ext autoreload\n%aws_profile UserAlpha --yes",
    ],
)
def test_another_switch_takes_its_place(configured: Shell, cell: str) -> None:
    """If the user switches or uses `--off` first, the first profile is never activated.

    Cells that don't switch the notebook run before the first switch.
    """
    for before in ("%aws_profile --explain RoleBeta", "%%aws_profile UserAlpha\n1"):
        configured.good(before)
        assert "session" not in configured.names
    assert "RoleBeta" not in configured.good(cell).text
    assert "RoleBeta" not in configured.good("%aws_profile").text


@pytest.mark.parametrize("way_out", ["repair", "%aws_profile --off"])
def test_first_profile_that_fails(configured: Shell, aws: EmbeddedAws, way_out: str) -> None:
    """If the first switch fails, no cell runs until the file is repaired, or after `--off`."""
    config = aws.config_file.read_text()
    aws.config_file.write_text(config.replace("RoleBeta", "RoleBet"))
    for _ in range(2):
        assert isinstance(configured.refused("x = 1"), ProfileNotFound)
        assert "x" not in configured.names
    if way_out == "repair":
        aws.config_file.write_text(config)
    else:
        configured.good(way_out)
    assert configured.good("x = 1").text.startswith("RoleBeta") == (way_out == "repair")


@pytest.mark.parametrize("way_out", ["--yes", "--off"])
def test_first_profile_that_is_protected(bare_shell: Shell, aws: EmbeddedAws, way_out: str) -> None:
    """The error says how to switch to a protected first profile, and how to work without it."""
    bare_shell.ip.config.AwsProfileMagics.protected = ["*bet*"]
    bare_shell.ip.config.AwsProfileMagics.profile = "RoleBeta"
    bare_shell.good("%load_ext ipy_awsprofile")
    error = bare_shell.refused("x = 1")
    assert isinstance(error, ProtectedProfile)
    yes, _, line, off = re.findall("`([^`]+)`", error.hint)
    card = bare_shell.good(f"{line} {yes}" if way_out == yes else off).text
    assert card.startswith("RoleBeta ← UserAlpha  (protected") == (way_out == yes)
    assert bare_shell.good("print(3)").text == "3"


def test_in_a_kernel(aws: EmbeddedAws, tmp_path: Path) -> None:
    """IPython's configuration file, as the configuration page shows it, switches a kernel.

    A kernel shows a summary, one output for each error, and printed lines with their profile.
    """
    folder = tmp_path / "ipython" / "profile_default"
    folder.mkdir(parents=True)
    page = (Path(__file__).parents[2] / "docs" / "reference" / "configuration.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    (block,) = [code for code in blocks if "InteractiveShellApp" in code and ".profile = " in code]
    (folder / "ipython_config.py").write_text(block.replace("*prod*", "User*"))
    aws.write_profile("Broken", source_profile="UserAlpha", role_arn="arn:aws:iam::1:role/None")
    cells, _ = run_notebook(
        "session.region_name",
        "%aws_profile UserAlpha",
        "%%aws_profiles *ro* --into df\nlen(session.client('s3').list_buckets()['Buckets'])",
        "%%aws_profiles RoleBeta\nreturn 1",
        "%%aws_profile RoleBeta\n1 / 0",
        "%%aws_profiles RoleBeta --no-progress\nprint(1, 2)\n3",
        environment={**aws.environment(), "IPYTHONDIR": str(tmp_path / "ipython")},
    )
    assert "RoleBeta ← UserAlpha" in cells[0].text
    assert cells[0].text.endswith("'us-west-2'")
    assert cells[1].error["ename"] == "ProtectedProfile"
    assert "1 of 2 profiles succeeded" in "".join(cells[2].cards)
    for cell, message in ((cells[3], "'return' outside function"), (cells[4], "division by zero")):
        shown = "".join(cell.error["traceback"])
        assert message in shown
        assert "ipy_awsprofile" not in shown
    assert len(cells[3].outputs) == 1
    assert cells[5].text.startswith("RoleBeta: 1 2\n")


@pytest.mark.parametrize(
    "cell",
    [
        "%%aws_profile RoleBeta\ndef work():\n    raise KeyboardInterrupt\nwork()",
        "from ipy_awsprofile import using_profile\ndef work():\n    raise KeyboardInterrupt\n"
        "with using_profile('RoleBeta'): work()",
    ],
)
def test_interrupted_cell(shell: Shell, aws: EmbeddedAws, cell: str) -> None:
    """The traceback of an interrupted cell has the user's lines, and none of this package's."""
    ran = shell.run(cell)
    assert isinstance(ran.error, KeyboardInterrupt)
    assert "raise KeyboardInterrupt" in ran.printed
    assert "ipy_awsprofile/" not in ran.printed
    assert "No profile is active" in shell.good("%aws_profile").text


def test_card_inside(shell: Shell, aws: EmbeddedAws) -> None:
    """In a cell and a block, the card of `%aws_profile` says how long the identity is active."""
    shell.good("from ipy_awsprofile import using_profile")
    cards = shell.good("%%aws_profile UserAlpha\n%aws_profile").text
    assert cards.count("UserAlpha  (for this cell, no expiry)") == 2
    card = shell.good("with using_profile('UserAlpha'):\n    %aws_profile").text
    assert card.startswith("UserAlpha  (for this block, no expiry)")
    assert shell.good("%aws_profile UserAlpha").text.startswith("UserAlpha  (no expiry)")


def test_thread_that_outlives_the_cell(shell: Shell, aws: EmbeddedAws) -> None:
    """A line at the end of the cell names its threads that go on as the notebook's identity."""
    shell.good("import threading\ngo, started = threading.Event(), threading.Event()")
    shell.good("def wait():\n    started.set()\n    go.wait()")
    cell = (
        "%%aws_profile UserAlpha\nthread = threading.Thread(target={}, name='sync')\nthread.start()"
    )
    says = "The thread `sync` is still running. Its new clients now use no profile instead of"
    assert says in shell.good(f"{cell.format('wait')}\nstarted.wait()").text
    assert says not in shell.good(f"go.set()\nthread.join()\n{'1'}").text
    assert says not in shell.good(f"{cell.format('wait')}\nthread.join()").text


def test_ctrl_c_at_the_beginning_of_a_cell(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the extension looks at the files before a cell ends the cell."""
    shell.good("%aws_profile RoleBeta")

    def interrupted(_paths: object) -> None:
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr("ipy_awsprofile.notebook.notices.read_config", interrupted)
        ran = shell.run("seen = 1")
    assert isinstance(ran.error, KeyboardInterrupt)
    assert "Error in callback" not in ran.printed
    assert "seen" not in shell.names
    shell.good("seen = 2")


def test_a_first_cell_with_a_long_expression(bare_shell: Shell, aws: EmbeddedAws) -> None:
    """The first cell switches to the first profile, even if Python can't write its code as text."""
    bare_shell.ip.config.AwsProfileMagics.profile = "RoleBeta"
    bare_shell.good("%load_ext ipy_awsprofile")
    cell = "import boto3\nwho = boto3.client('sts').get_caller_identity()['Arn']\n"
    ran = bare_shell.run(f"{cell}{' + '.join(['1'] * 400)}")
    assert ran.text.startswith("RoleBeta")
    assert ":assumed-role/RoleBeta/" in bare_shell.names["who"]
