"""``%%aws_profiles``, which runs a cell for each profile, and returns a DataFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from ipy_awsprofile.demo.stages.organisation import seed_organisation
from ipy_awsprofile.errors import InvalidOption, NoProfileAnswered
from ipy_awsprofile.notebook.cell_function import InvalidCell
from tests.shells import run_notebook

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

CELL = """buckets = session.client("s3").list_buckets()["Buckets"]
doubled = len(buckets) * factor
{"name": profile.name, "doubled": doubled}
"""


@pytest.fixture
def names(aws: EmbeddedAws) -> tuple[str, ...]:
    """Create four accounts, each with a role profile, and return the profiles' names."""
    return seed_organisation(aws, 4)


def test_into_a_variable(shell: Shell, names: tuple[str, ...]) -> None:
    """The last expression is each profile's row, and other names don't reach the notebook."""
    shell.good("factor, doubled = 2, 'mine'")
    before = set(shell.names)
    ran = shell.good(f"%%aws_profiles reader --into df --no-progress\n{CELL}")
    assert ran.result is None
    frame = shell.names["df"]
    assert list(frame["profile"]) == list(frame["name"]) == list(names)
    assert list(frame.columns[:3]) == ["profile", "account", "region"]
    assert (frame["doubled"] % 2 == 0).all()
    assert shell.names["doubled"] == "mine"
    assert set(shell.names) - before == {"df"}


def test_shown(shell: Shell, names: tuple[str, ...]) -> None:
    """Without a variable, the cell's value is the DataFrame."""
    frame = shell.good("%%aws_profiles reader --no-progress\nprofile.account").result
    assert isinstance(frame, pd.DataFrame)
    assert list(frame["value"]) == list(frame["account"])


@pytest.mark.parametrize("cell", ["x = 1", "import os", "for x in []:\n    pass", "# nothing"])
def test_without_a_value(shell: Shell, names: tuple[str, ...], cell: str) -> None:
    """A cell that doesn't end with an expression returns no rows and no errors."""
    frame = shell.good(f"%%aws_profiles reader --no-progress\n{cell}").result
    assert len(frame) == 0
    assert frame.attrs["errors"] == []


def test_functions_and_magics_in_the_cell(shell: Shell, names: tuple[str, ...]) -> None:
    """A cell can define functions that use the cell's names, and can use IPython's syntax."""
    cell = "def named():\n    return profile.name\nhere = %pwd\nf'{named()} {len(here) > 0}'"
    frame = shell.good(f"%%aws_profiles reader --no-progress\n{cell}").result
    assert list(frame["value"]) == [f"{name} True" for name in names]


@pytest.mark.parametrize(
    "cell",
    [
        "%%time\nsession",
        "\n\n%%capture\nsession",
        "%%timeit -n1 -r1\nsession",
        "%%aws_profile RoleBeta\n%%time\nsession",
        "%%bash\naws s3 ls",
        "def f():\n    return get_ipython().run_cell_magic('time', '', 'session')\nf()",
    ],
)
def test_cell_magics(shell: Shell, aws: EmbeddedAws, names: tuple[str, ...], cell: str) -> None:
    """A cell magic in the cell is refused, and the cell isn't run with the notebook's session."""
    shell.good("session = 'of the notebook'")
    error = shell.refused(f"%%aws_profiles reader --no-progress\n{cell}")
    assert isinstance(error, InvalidCell)
    assert "above `%%aws_profiles`" in error.hint
    assert aws.calls == []


def test_cell_magic_above(shell: Shell, names: tuple[str, ...]) -> None:
    """A cell magic works above `%%aws_profiles`, as the error says."""
    cell = "%%aws_profiles reader --no-progress --into frame\nprofile.name"
    assert "Wall time" in shell.good(f"%%time\n{cell}").text
    assert list(shell.names.pop("frame")["value"]) == list(names)
    shell.good(f"%%capture\n{cell}")
    assert list(shell.names["frame"]["value"]) == list(names)


def test_first_use_of_magics(shell: Shell, names: tuple[str, ...]) -> None:
    """IPython loads a line magic before the rows begin, and it uses the row's session."""
    shell.good("session = 'of the notebook'")
    cell = "%time name = session.profile_name\nhere = %pwd\nname"
    frame = shell.good(f"%%aws_profiles reader --no-progress\n{cell}").result
    assert list(frame["value"]) == list(names)
    assert frame.attrs["errors"] == []


def test_syntax_errors(shell: Shell, aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """A syntax error shows the cell's own line, as in any other cell, and no session is opened."""
    ran = shell.run("%%aws_profiles reader\nx = 1\nx +")
    assert isinstance(ran.error, InvalidCell)
    assert ran.printed.splitlines()[1:] == [
        "    x +",
        "       ^",
        "SyntaxError: invalid syntax",
        "",
    ]
    assert ran.displayed == ()
    assert aws.calls == []


@pytest.mark.slow
def test_syntax_errors_in_a_kernel(aws: EmbeddedAws) -> None:
    """In a kernel, a cell with a syntax error has one error output, and no card."""
    cells, _ = run_notebook(
        "%load_ext ipy_awsprofile",
        "%%aws_profiles RoleBeta\nreturn 1",
        environment=aws.environment(),
    )
    assert "'return' outside function" in "".join(cells[1].error.traceback)
    assert "ipy_awsprofile" not in "".join(cells[1].error.traceback)
    assert len(cells[1].outputs) == 1


def test_profile_is_its_name(shell: Shell, names: tuple[str, ...]) -> None:
    """In the cell, ``profile`` works as the profile's name, and has the profile's settings."""
    shell.good("import boto3, ipy_awsprofile")
    cell = (
        "opened = [ipy_awsprofile.open_session(profile), boto3.Session(profile_name=profile)]\n"
        "accounts = {who.client('sts').get_caller_identity()['Account'] for who in opened}\n"
        "[f'{profile}', profile.endswith('-prod'), {profile: 1}[session.profile_name], *accounts]"
    )
    frame = shell.good(f"%%aws_profiles reader --no-progress\n{cell}").result
    for name, rows in frame.groupby("profile"):
        account = rows["account"].iloc[0]
        assert list(rows["value"]) == [name, name.endswith("-prod"), 1, account]


def test_all_profiles_fail(shell: Shell, names: tuple[str, ...]) -> None:
    """If the cell fails for each profile, the cell fails, and the variable isn't set."""
    error = shell.refused("%%aws_profiles reader --into df --no-progress\n1 // 0")
    assert isinstance(error, NoProfileAnswered)
    assert "4 profiles: ZeroDivisionError" in str(error)
    assert "df" not in shell.names


def test_errors_in_the_cell(shell: Shell, names: tuple[str, ...]) -> None:
    """If the cell fails for a profile, the error is listed for that profile."""
    cell = f"assert profile.name != '{names[0]}'\nprofile.name"
    frame = shell.good(f"%%aws_profiles reader --no-progress --workers 2\n{cell}").result
    assert list(frame["value"]) == list(names[1:])
    assert frame.attrs["errors"][0]["error"] == "AssertionError"


def test_protected(shell: Shell, names: tuple[str, ...]) -> None:
    """Protected profiles are skipped without ``--yes``."""
    shell.good("%config AwsProfileMagics.protected = ['*-prod']")
    assert len(shell.good("%%aws_profiles reader --no-progress\n1").result) == len(names) - 1
    assert len(shell.good("%%aws_profiles reader --yes --no-progress\n1").result) == len(names)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("%%aws_profiles\n1", "`%%aws_profiles` needs a pattern"),
        ("%%aws_profiles --into df\n1", "`%%aws_profiles` needs a pattern"),
        ("%%aws_profiles nobody\n1", "No profile matches `nobody`"),
        ("%%aws_profiles reader --into 1x\n1", "isn't a valid variable name"),
        ("%%aws_profiles reader --workers 0\n1", "use 1 or more"),
        ("%%aws_profiles reader --workers many\n1", "`many` isn't a number of profiles"),
        ("%aws_profiles reader --into df", "--yes need a cell"),
        ("%aws_profiles reader --yes", "--yes need a cell"),
    ],
)
def test_refused(shell: Shell, names: tuple[str, ...], cell: str, message: str) -> None:
    """A line that can't run is refused with a message that says why."""
    error = shell.refused(cell)
    assert isinstance(error, InvalidOption)
    assert message in str(error)


def test_in_a_kernel(aws: EmbeddedAws) -> None:
    """A kernel shows the progress bar's final state and a summary, and the frame in its cell."""
    aws.write_profile("Broken", source_profile="UserAlpha", role_arn="arn:aws:iam::1:role/None")
    cells, _ = run_notebook(
        "%load_ext ipy_awsprofile",
        "%%aws_profiles *ro* --into df\nlen(session.client('s3').list_buckets()['Buckets'])",
        "df",
        environment=aws.environment(),
    )
    assert [cell.error for cell in cells] == [None] * 3
    (stream,) = [one for one in cells[1].outputs if one.output_type == "stream"]
    assert "100%" in stream.text
    assert " 0%|" not in stream.text
    assert "1 of 2 profiles succeeded" in "".join(cells[1].cards)
    assert "<td>RoleBeta</td>" in cells[2].html


def test_function_with_the_notebooks_session(shell: Shell, names: tuple[str, ...]) -> None:
    """The error says that a function of another cell needs the session as an argument."""
    shell.good(
        "def who(): return session.client('sts').get_caller_identity()\n"
        "def good(session): return session.client('sts').get_caller_identity()"
    )
    shell.good("%aws_profile RoleBeta")
    error = shell.refused("%%aws_profiles reader --no-progress\nwho()")
    assert "A client of RoleBeta would sign GetCallerIdentity for" in str(error)
    assert "Create a client for each profile" in error.hint
    assert len(shell.good("%%aws_profiles reader --no-progress\ngood(session)").result) == 4


def test_failed_cell(shell: Shell, names: tuple[str, ...]) -> None:
    """After a cell that failed for every profile, `sys.last_value.errors` can be retried."""
    shell.good("import sys\nready = False")
    shell.refused("%%aws_profiles reader --no-progress\nassert ready\nprofile.account")
    whole = shell.good("ready = True\nsys.last_value.errors.retry()").result
    assert list(whole["profile"]) == list(names)


@pytest.mark.parametrize("typed", ["reader --regions {}", "--regions={} reader"])
def test_regions(shell: Shell, names: tuple[str, ...], typed: str) -> None:
    """`--regions` runs a cell in each Region, even with spaces around the commas."""
    for listed in ("us-east-1,eu-central-1", "us-east-1 , eu-central-1"):
        line = typed.format(listed)
        ran = shell.good(f"%%aws_profiles --into frame {line}\nsession.region_name")
        assert "8/8" in ran.printed
        assert list(shell.names["frame"]["value"]) == ["us-east-1", "eu-central-1"] * len(names)
    error = shell.refused("%%aws_profiles reader --regions us-east-1 eu-central-1\n1")
    assert "Put commas between the values of `--regions`." in error.hint


def test_completed_regions(shell: Shell) -> None:
    """Tab completes the last Region of a list, without Regions that the list already has."""
    line = "%%aws_profiles reader --regions us-east-1,eu-ce"
    assert shell.completions(line) == ["us-east-1,eu-central-1", "us-east-1,eu-central-2"]
    line = "%%aws_profiles reader --regions us-east-1, us-east-"
    assert shell.completions(line) == ["us-east-2"]
