"""Options, words and arguments of other tools: the hints have ours, and keep the limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.aws import EmbeddedAws
from tests.integration.test_hints import code_in
from tests.shells import Shell

READ_ONLY = "limited by the session policy"

#: First lines with an option of another tool, and what the cell with the hint's line shows.
OPTIONS = {
    "%aws_profile RoleBeta --var beta --read-only": READ_ONLY,
    "%aws_profile RoleBeta --alias beta": "beta",
    "%aws_profile RoleBeta --ro --region eu-west-1": READ_ONLY,
    "%aws_profile RoleBeta -ro": READ_ONLY,
    "%aws_profile RoleBeta --no-write": READ_ONLY,
    "%aws_profile RoleBeta --safe": READ_ONLY,
    "%aws_profile RoleBeta --dry-run": "RoleBeta ← UserAlpha  (no problems found)",
    "%%aws_profiles Role* --max-workers 4\n1": "0  RoleBeta",
    "%%aws_profiles Role* --max_workers=4 --read-only\n1": "0  RoleBeta",
    "%%aws_profiles Role* --jobs 4\n1": "0  RoleBeta",
}


@pytest.mark.parametrize(("cell", "shown"), OPTIONS.items())
def test_options_of_other_tools(shell: Shell, aws: EmbeddedAws, cell: str, shown: str) -> None:
    """An option of another tool is refused with the line that has ours, and with all others."""
    _, _, body = cell.partition("\n")
    (line,) = code_in(shell.refused(cell).hint)
    for option in ("--read-only", "--region eu-west-1"):
        assert (option in line) or (option not in cell)
    assert shown in shell.good(f"{line}\n{body}".strip()).text


@pytest.mark.parametrize("option", ["--reason", "--ticket"])
def test_a_reason(shell: Shell, aws: EmbeddedAws, option: str) -> None:
    """For an option with a reason, the hint names the option whose value CloudTrail shows."""
    hint = shell.refused(f"%aws_profile RoleBeta {option} INC-42 --read-only").hint
    (ours,) = code_in(hint)
    card = shell.good(f"%aws_profile RoleBeta {ours.replace('NAME', 'INC-42')} --read-only").text
    assert ":assumed-role/RoleBeta/INC-42" in card
    assert READ_ONLY in card


@pytest.mark.parametrize("word", ["-", "previous", "--previous", "--back", "back", "last"])
def test_the_profile_from_before(shell: Shell, aws: EmbeddedAws, word: str) -> None:
    """A word for the former profile gets its line with its limits, and how to undo all switches."""
    assert code_in(shell.refused(f"%aws_profile {word}").hint) == ["%aws_profile --off"]
    shell.good("%aws_profile RoleBeta --read-only")
    shell.good("%aws_profile UserAlpha")
    back, off = code_in(shell.refused(f"%aws_profile {word}").hint)
    text = shell.good(back).text
    assert text.startswith("RoleBeta ← UserAlpha")
    assert READ_ONLY in text
    assert "The switch is undone" in shell.good(off).text


def test_a_protected_profile_from_before(shell: Shell, aws: EmbeddedAws) -> None:
    """A hint doesn't name the former profile if a switch to it must be confirmed."""
    shell.good("%config AwsProfileMagics.protected = ['RoleBeta']")
    shell.good("%aws_profile RoleBeta --yes")
    shell.good("%aws_profile UserAlpha")
    assert code_in(shell.refused("%aws_profile --back").hint) == ["%aws_profile --off"]


#: Lines that select rows, and the number of rows that the hint's code selects of 12 calls.
ROWS = {
    "%aws_calls --limit 5": 5,
    "%aws_calls --last 5": 5,  # not the profile from before
    "%aws_calls -n 5": 5,
    "%aws_calls 5": 5,
    "%aws_calls --since 1h": 10,
    "%aws_calls --errors": 10,
    "%aws_calls --service sts": 12,
    "%aws_calls --service=s3": 0,
    "%aws_calls --profile RoleBeta": 12,
    "%aws_calls --denied --limit 5": 0,
}


def test_rows_of_calls(
    shell: Shell, aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An option that selects or saves rows of the calls gets code for the DataFrame."""
    monkeypatch.chdir(tmp_path)
    shell.good("%aws_profile RoleBeta\n%aws_calls on\nsts = session.client('sts')")
    shell.good("for _ in range(12):\n    sts.get_caller_identity()")
    for line, number in ROWS.items():
        magic, assigned, code = code_in(shell.refused(line).hint)
        assert magic == "%aws_calls"
        assert ("--denied" in assigned) is ("--denied" in line)
        assert len(shell.good(f"{assigned}\n{code}").result) == number, line
    _, assigned, code = code_in(shell.refused("%aws_calls --csv calls.csv").hint)
    shell.good(f"{assigned}\n{code}")
    assert Path("calls.csv").read_text().count("GetCallerIdentity") == len(range(12))


#: Words after `--share` that share with all programs, and the options of the line to write.
SHARED_WITH_ALL = {
    "on --region us-east-1": "us-east-1",
    "on --read-only": READ_ONLY,
    "all": "RoleBeta ← UserAlpha",
    "terminal": "RoleBeta ← UserAlpha",
}


@pytest.mark.parametrize(("words", "shown"), SHARED_WITH_ALL.items())
def test_words_after_share(shell: Shell, aws: EmbeddedAws, words: str, shown: str) -> None:
    """A word that doesn't limit who uses the identity is left out, and the options are kept."""
    shell.good("%aws_profile RoleBeta")
    (line,) = code_in(shell.refused(f"%aws_profile --share {words}").hint)
    assert shown in shell.good(f"{line} --yes").text


@pytest.mark.parametrize("words", ["10m", "write 10m", "wirte 10m"])
def test_a_read_only_identity_is_not_shared_to_write(
    shell: Shell, aws: EmbeddedAws, words: str
) -> None:
    """For a read-only identity, no hint of a line with a time lets programs write."""
    lines = (
        f"%aws_profile RoleBeta --read-only --share {words}",
        f"%aws_profile --share {words}",
    )
    for line in lines:
        hint = shell.refused(line).hint
        shell.good("%aws_profile RoleBeta --read-only")
        share, *rest = code_in(hint)
        assert "write" not in share
        assert rest in ([], ["%aws_profile --share off"])
        shell.good(f"{share} --yes")
        shell.good("%aws_profile --share off")


@pytest.mark.parametrize("words", ["10m", "write 10m"])
def test_a_profile_that_is_shared_to_write(shell: Shell, aws: EmbeddedAws, words: str) -> None:
    """A line that switches, shares and lets programs write becomes two lines."""
    line = f"%aws_profile RoleBeta --region us-east-1 --share {words}"
    share, write = code_in(shell.refused(line).hint)
    assert "us-east-1" in shell.good(f"{share} --yes").text
    assert write == "%aws_profile --share write 10m"
    assert str(shell.refused(write)).startswith("Only a person can confirm this action")


#: Calls of `list_profiles` that it doesn't accept, and the profiles that they select.
LISTED = {
    "list_profiles(['User*'])": ["UserAlpha"],
    "list_profiles(('User*', 'Role*'))": ["UserAlpha", "RoleBeta"],
    "list_profiles('User*', 'Role*')": ["UserAlpha", "RoleBeta"],
    "list_profiles(profile='RoleBeta')": ["RoleBeta"],
}


@pytest.mark.parametrize(("call", "names"), LISTED.items())
def test_arguments_of_list_profiles(
    shell: Shell, aws: EmbeddedAws, call: str, names: list[str]
) -> None:
    """A list of patterns, or a parameter of another tool, gets what `list_profiles` accepts."""
    shell.good("from ipy_awsprofile import list_profiles")
    (code,) = code_in(shell.refused(call).hint)
    if "(" not in code:
        code = (
            f"list_profiles({code}='RoleBeta')" if code == "pattern" else f"list_profiles({code})"
        )
    assert sorted(shell.good(code).result) == sorted(names)


@pytest.mark.parametrize("name", ["rolebeta", "RoleBet"])
def test_a_misspelled_profile_of_boto3(shell: Shell, aws: EmbeddedAws, name: str) -> None:
    """The line below boto3's error has the profile whose name boto3 can't find."""
    shell.good("import boto3\n%aws_profile UserAlpha")
    call = "boto3.Session(profile_name={!r})"
    line, *_ = shell.run(call.format(name)).text.splitlines()
    (meant,) = code_in(line)
    shell.good(call.format(meant))
