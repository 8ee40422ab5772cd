"""The files of the organization's policy: what they can contain, and where they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ipy_awsprofile.config.organization import read_policy, read_policy_file
from ipy_awsprofile.config.organization_keys import keys_of_policy
from ipy_awsprofile.errors import ConfigFileError
from tests.processes import posix

#: Every key, with a value.
SAMPLE = """\
contact = "#aws-help"
audit = "/var/log/ipy_awsprofile/{user}.jsonl"
protected = ["prod", "*-live"]
read_only = ["prod"]
session_name = "jupyter-{user}"
stale = "refuse"
duration = "1h"

[allow]
accounts = ["1234*", "999999999999"]
share = false
window = "10m"
write = false
save = false
console = false
long_term_keys = false
as = false
"""


def test_a_checked_file(tmp_path: Path) -> None:
    """The command prints what a file sets, and says so if it protects nothing from its user."""
    path = tmp_path / "policy.toml"
    path.write_text(SAMPLE)
    checked = check(path)
    assert checked.returncode == 0
    printed = dict(line.split(None, 1) for line in checked.stdout.splitlines())
    assert list(printed) == keys_of_policy()
    assert printed["allow.accounts"] == "1234*, 999999999999"
    assert printed["allow.window"] == "0:10:00"
    assert "{user}" not in checked.stdout
    assert checked.stderr == "You can change this file, so it doesn't restrict you.\n"
    path.write_text("")
    assert check(path).stdout == "The file doesn't contain any settings.\n"


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("protected = [prod]", 1, "Invalid value."),
        (
            "\nsession_nmae = 'x'",
            2,
            "can't contain the key `session_nmae`. Did you mean `session_name`?",
        ),
        ("zzz = 1", 1, "can't contain the key `zzz`. The valid keys are protected, read_only,"),
        ("share = false", 1, "can't contain the key `share`. Write this key below [allow]."),
        (
            "[allow]\n# why\naudit = '/x'",
            3,
            "can't contain the key `audit`. Write this key above [allow].",
        ),
        ("[alow]\nshare = false", 1, "can't contain the key `alow`. Did you mean `allow`?"),
        (
            "allow = true",
            1,
            "can't contain the key `allow`. Write the table [allow] below the other keys.",
        ),
        ("[allow]\nshare = 'no'", 2, "`share` must be true or false."),
        ("[allow]\nwindow = '0m'", 2, "`window` must be false, or the longest time"),
        ("[allow]\naccounts = ['prod']", 2, "`accounts` must be a list of account IDs"),
        ("stale = 'deny'", 1, "`stale` must be one of allow, warn, refuse."),
        ("protected = 'prod'", 1, "`protected` must be a list of strings"),
        ("duration = '5m'", 1, "`duration` must be at least 15m."),
        ("duration = true", 1, "`duration` must be a number of seconds"),
        ("session_name = ''", 1, "`session_name` must be a string."),
        ("audit = 'events.jsonl'", 1, "`audit` must be an absolute path."),
        ("audit = '/{username}.jsonl'", 1, "`audit` must be a string without {username}, because"),
        ("session_name = '{name}'", 1, "because the only placeholder is {user}."),
        ("session_name = 'ann smith'", 1, "letters, digits and characters of `_+=,.@-`, unlike"),
        (
            "[allow]\naccounts = ['12*', '12345678901']",
            2,
            "which have 12 digits, unlike 12345678901.",
        ),
        (
            "quiet = true",
            1,
            "can't contain the key `quiet`. The valid keys are protected, read_only,",
        ),
    ],
)
def test_a_wrong_file(tmp_path: Path, text: str, line: int, problem: str) -> None:
    """An error names the line, and what is right."""
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(ConfigFileError, match="line") as raised:
        read_policy_file(path)
    assert raised.value.line == line
    assert problem in str(raised.value)
    assert "You can't open a session until the file is corrected" in raised.value.hint


def test_the_command_for_a_wrong_file(tmp_path: Path) -> None:
    """The command prints the error without a traceback, and its exit status is 1."""
    path = tmp_path / "policy.toml"
    path.write_bytes(b"contact = '\xff'")
    checked = check(path)
    assert (checked.returncode, checked.stdout) == (1, "")
    assert checked.stderr == f"{path}: Save the file as UTF-8.\n"
    checked = check(tmp_path / "other.toml")
    assert (
        checked.stderr
        == f"{tmp_path / 'other.toml'}: The file can't be read: No such file or directory.\n"
    )


def test_a_user_with_a_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the name of a role session, AWS accepts the name of any user of the system."""
    monkeypatch.setattr("ipy_awsprofile.config.organization_keys.os_user", lambda: "CORP\\ann é")
    path = tmp_path / "policy.toml"
    path.write_text("session_name = 'jupyter-{user}'\naudit = '/logs/{user}.jsonl'")
    policy = read_policy_file(path)
    assert policy.session_name == "jupyter-CORP-ann--"
    assert policy.audit == Path("/logs/CORP\\ann é.jsonl")


def test_several_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several files, the strictest value of each key applies."""
    paths = [tmp_path / name for name in ("a.toml", "b.toml", "missing.toml")]
    monkeypatch.setattr("ipy_awsprofile.config.organization.policy_files", lambda: paths)
    paths[0].write_text(
        "protected = ['prod']\nstale = 'warn'\nduration = '1h'\nsession_name = 'first'\n"
        "[allow]\nwindow = '10m'\nshare = false\naccounts = ['12*']"
    )
    paths[1].write_text(
        "protected = ['live']\nstale = 'refuse'\nduration = '30m'\nsession_name = 'second'\n"
        "[allow]\nwindow = false\nsave = false\naccounts = ['*3']"
    )
    policy = read_policy()
    assert policy.patterns("protected") == ("prod", "live")
    assert policy.stale("allow") == "refuse"
    assert policy.at_most("duration", 7200) == 1800
    assert policy.session_name == "first"
    assert [policy.allows(name) for name in ("share", "save", "window", "console")] == [
        False,
        False,
        False,
        True,
    ]
    policy.require_account("123", "x")
    for account in ("124", "223", ""):
        with pytest.raises(Exception, match="policy allows only accounts"):
            policy.require_account(account, "x")


@posix
def test_the_variable_counts_as_inherited(tmp_path: Path) -> None:
    """A process can't remove or set the variable for itself, and its file must exist."""
    path = tmp_path / "policy.toml"
    path.write_text("stale = 'refuse'")
    code = (
        "import os, sys; os.environ['IPY_AWSPROFILE_POLICY'] = sys.argv[1]\n"
        "from ipy_awsprofile.config.organization import read_policy\n"
        "print(read_policy().stale('allow'))"
    )

    def stale(inherited: str, changed: str) -> str:
        environment = {**os.environ, "IPY_AWSPROFILE_POLICY": inherited}
        command = [sys.executable, "-c", code, changed]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return ran.stdout.strip() or ran.stderr.splitlines()[-1]

    assert stale(str(path), "") == "refuse"
    assert stale("", str(path)) == "allow"
    assert "missing.toml: The file can't be read" in stale(f"{tmp_path}/missing.toml", "")


def check(path: Path) -> subprocess.CompletedProcess[str]:
    """Check a file with the command."""
    command = [sys.executable, "-m", "ipy_awsprofile", "policy", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
