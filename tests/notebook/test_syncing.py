"""Syncing saved profiles with the roles of a sign-in, without changing anything else."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.config.profiles import list_profiles
from ipy_awsprofile.demo.stages.scenario import allow
from ipy_awsprofile.errors import ConfigFileError, InvalidOption, SignInRequired
from tests.identity_center import PROD, TEST, TWIN, organisation, sign_in_by_aws_cli, write_session
from tests.shells import aws_cli_2

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

SAVE = '%aws_profiles --sso corp {} --save "{{account_name}}-{{role}}"'
SYNC = SAVE.format("") + " --sync"


@pytest.fixture(autouse=True)
def _saved(aws: EmbeddedAws, shell: Shell) -> None:
    """Save all roles of the organisation as profiles."""
    organisation(aws)
    aws.sso.sign_in("corp")
    shell.good(f"{SAVE.format('')} --yes")


def unassign(aws: EmbeddedAws, account: str, role: str) -> None:
    """Revoke a role of the user."""
    aws.sso._assigned.discard(("ann", account, role))


def rows(text: str) -> list[list[str]]:
    """Return the cells of a table in terminal output."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.lstrip().startswith("change"))
    return [re.split(r"\s{2,}", line.strip()) for line in lines[start + 1 :] if line.strip()]


def test_in_turn(shell: Shell, aws: EmbeddedAws) -> None:
    """Syncing adds a new role, renames a renamed account's profile, and removes a revoked role."""
    before = aws.config_file.read_text()
    assert "are up to date. There is nothing to write." in shell.good(SYNC).text
    aws.sso.name_account(TEST, "Playground", "t@acme.example")
    aws.sso.assign(TWIN, "Admin", policy=allow("*"))
    unassign(aws, PROD, "Admin")
    shown = shell.good(SYNC).text
    assert "1 to remove, 1 to rename, 1 to add. Add `--yes` to write it." in shown
    assert rows(shown) == [
        ["remove", "Acme-Prod-Admin", PROD, "Admin"],
        ["rename", "Sandbox-Reader", "Playground-Reader", TEST, "Reader"],
        ["add", "sandbox-Admin", TWIN, "Admin"],
    ]
    assert aws.config_file.read_text() == before
    assert "Written to" in shell.good(f"{SYNC} --yes").text
    profiles = {one.name: (one.account, one.role) for one in list_profiles()}
    assert "Acme-Prod-Admin" not in profiles
    assert "Sandbox-Reader" not in profiles
    assert profiles["Playground-Reader"] == (TEST, "Reader")
    assert profiles["sandbox-Admin"] == (TWIN, "Admin")
    assert shell.good("%aws_profile Playground-Reader").text.startswith("Playground-Reader")
    assert "are up to date. There is nothing" in shell.good(SYNC).text


def test_undo(shell: Shell, aws: EmbeddedAws) -> None:
    """The card's command restores the previous file; only the owner can read the backup."""
    aws.config_file.chmod(0o640)
    before = aws.config_file.read_bytes()
    unassign(aws, PROD, "Admin")
    aws.sso.name_account(TEST, "Playground", "t@acme.example")
    ran = shell.good(f"{SYNC} --yes")
    assert aws.config_file.read_bytes() != before
    assert aws.config_file.stat().st_mode & 0o777 == 0o640
    backup = aws.config_file.with_name("config.before-sync")
    assert backup.stat().st_mode & 0o777 == 0o600
    match = re.search(r"To undo it, run `(!cp .*?)`", ran.text)
    assert match
    shell.good(match[1])
    assert aws.config_file.read_bytes() == before
    assert "1 to remove, 1 to rename" in shell.good(SYNC).text


def test_other_sections_stay(shell: Shell, aws: EmbeddedAws) -> None:
    """Sections that aren't ours, or that use another sign-in, stay byte for byte the same."""
    write_session(aws, "other")
    aws.sso.sign_in("other")
    aws.write_profile("of-other", sso_session="other", endpoint_url=aws.endpoint_url)
    mine = (
        f"\n# about the next\n[profile mine] # note\nsso_session = corp\nsso_account_id = {PROD}\n"
        f"sso_role_name = Gone\nendpoint_url = {aws.endpoint_url}\n\n\n; the end\n"
    )
    with aws.config_file.open("a") as file:
        file.write(mine)
    shell.good('%aws_profiles --sso other sandbox --save "{account_name}-{role}-{sso}" --yes')
    text = aws.config_file.read_text()
    section = re.search(r"\n\[profile Acme-Prod-Admin\]\n(?:.+\n)+", text)
    assert section
    unassign(aws, PROD, "Admin")
    unassign(aws, TEST, "Reader")
    unassign(aws, TWIN, "Reader")
    ran = shell.good(f"{SYNC} --yes")
    assert {row[1] for row in rows(ran.text)} == {
        *("Acme-Prod-Admin", "Sandbox-Reader", "sandbox-Reader")
    }
    after = aws.config_file.read_text()
    assert mine in after
    assert after.count("-Reader-other]") == 2
    removed = [line for line in text.splitlines() if line not in after.splitlines()]
    assert all(line.startswith(("[profile", "# Saved by", "sso_")) for line in removed)


def edit(aws: EmbeddedAws, old: str, new: str) -> None:
    """Replace text in the config file."""
    text = aws.config_file.read_text()
    assert old in text
    aws.config_file.write_text(text.replace(old, new))


@pytest.mark.parametrize("line", ["output = json", "# why I have it", "s3 =\n  max_queue_size = 9"])
def test_edited_by_the_user(shell: Shell, aws: EmbeddedAws, line: str) -> None:
    """An edited section keeps its lines when it's renamed, and is never removed."""
    for name in ("Acme-Prod-Admin", "Sandbox-Reader"):
        found = re.search(rf"\[profile {name}\]\n.*\n", aws.config_file.read_text())
        assert found
        edit(aws, found[0], f"{found[0]}{line}\n")
    aws.sso.name_account(TEST, "Playground", "t@acme.example")
    unassign(aws, PROD, "Admin")
    ran = shell.good(f"{SYNC} --yes")
    assert ["keep", "Acme-Prod-Admin", PROD, "Admin", "edited by you"] in rows(ran.text)
    text = aws.config_file.read_text()
    assert "[profile Acme-Prod-Admin]" in text
    assert re.search(rf"\[profile Playground-Reader\]\n# Saved by .*\n{line}\n", text)
    assert "are up to date (1 to keep). There is nothing to write." in shell.good(SYNC).text


def test_edited_around(shell: Shell, aws: EmbeddedAws) -> None:
    """Blank lines, comments between sections and different spacing don't count as edits."""
    edit(aws, "[profile Acme-Prod-Admin]\n", "[profile Acme-Prod-Admin]   # x\n\n")
    edit(aws, "sso_role_name = Admin\n", "sso_role_name=Admin\n\n# about the next one\n")
    unassign(aws, PROD, "Admin")
    ran = shell.good(f"{SYNC} --yes")
    assert rows(ran.text)[0][:2] == ["remove", "Acme-Prod-Admin"]
    text = aws.config_file.read_text()
    assert "Acme-Prod-Admin" not in text
    assert "\n# about the next one\n" in text


def test_a_source_profile_stays(shell: Shell, aws: EmbeddedAws) -> None:
    """A profile that another profile uses keeps its name, and the table names the other profile."""
    role = "arn:aws:iam::111111111111:role/X"
    aws.write_profile("Behind", role_arn=role, source_profile="Acme-Prod-Admin")
    aws.write_profile("Beside", role_arn=role, source_profile="Sandbox-Reader")
    aws.sso.name_account(TEST, "Playground", "t@acme.example")
    unassign(aws, PROD, "Admin")
    before = aws.config_file.read_text()
    ran = shell.good(f"{SYNC} --yes")
    assert [(row[0], row[1], row[-1]) for row in rows(ran.text)] == [
        ("keep", "Acme-Prod-Admin", "Behind uses it"),
        ("keep", "Sandbox-Reader", "Beside uses it"),
    ]
    assert aws.config_file.read_text() == before


def test_words_select(shell: Shell, aws: EmbeddedAws) -> None:
    """With words, only matching profiles change, and other profiles aren't treated as revoked."""
    aws.sso.assign(TWIN, "Admin", policy=allow("*"))
    unassign(aws, TEST, "Reader")
    aws.sso.name_account(PROD, "Acme Live", "p@acme.example")
    ran = shell.good(f"{SAVE.format('admin')} --sync --yes")
    assert [row[:2] for row in rows(ran.text)] == [
        ["rename", "Acme-Prod-Admin"],
        ["add", "sandbox-Admin"],
    ]
    assert "Sandbox-Reader" in list_profiles()
    ran = shell.good(f"{SAVE.format('sandbox')} --sync --yes")
    assert [row[:2] for row in rows(ran.text)] == [["remove", "Sandbox-Reader"]]


def test_the_active_profile(shell: Shell, aws: EmbeddedAws) -> None:
    """The table marks the active profile, and a profile whose new name isn't protected anymore."""
    shell.good("%aws_profile Sandbox-Reader")
    shell.good("%config AwsProfileMagics.protected = ['*prod*']")
    aws.sso.name_account(TEST, "Playground", "t@acme.example")
    aws.sso.name_account(PROD, "Live", "p@acme.example")
    notes = {row[1]: row[-1] for row in rows(shell.good(f"{SYNC} --yes").text)}
    assert notes["Sandbox-Reader"] == "active: run `%aws_profile Playground-Reader` afterwards"
    assert notes["Acme-Prod-Admin"] == "the new name isn't protected"
    shell.good("%aws_profile Playground-Reader")
    unassign(aws, TEST, "Reader")
    (row,) = rows(shell.good(f"{SYNC} --yes").text)
    assert row[-1] == "active: run `%aws_profile --off`, or switch"
    shell.good("%aws_profile --off")


@pytest.mark.parametrize(
    "name", ["Sandbox-Reader", "prod-reader"], ids=["two of the new", "another profile"]
)
def test_names_that_clash(shell: Shell, aws: EmbeddedAws, name: str) -> None:
    """Nothing changes if a name already exists, or if two new profiles would share it."""
    before = aws.config_file.read_text()
    account, role = name.split("-")
    pattern = "{account_name}-{role}"
    if name == "prod-reader":
        pattern = "{account_name}-{role}".lower()
        aws.sso.name_account(TWIN, "prod", "x@acme.example")
        aws.sso.assign(TWIN, "reader", policy=allow("*"))
    else:
        aws.sso.name_account(TWIN, account, "x@acme.example")
    error = shell.refused(f'%aws_profiles --sso corp --save "{pattern}" --sync --yes')
    assert isinstance(error, InvalidOption)
    assert role in str(error)
    assert aws.config_file.read_text() == before


def test_exchanged_names(shell: Shell, aws: EmbeddedAws) -> None:
    """If two accounts exchange their names, their profiles do, too."""
    aws.sso.name_account(TEST, "sandbox", "x@acme.example")
    aws.sso.name_account(TWIN, "Sandbox", "x@acme.example")
    shell.good(f"{SYNC} --yes")
    profiles = {one.name: one.account for one in list_profiles()}
    assert (profiles["sandbox-Reader"], profiles["Sandbox-Reader"]) == (TEST, TWIN)


def test_line_ends_and_links(shell: Shell, aws: EmbeddedAws, tmp_path: Path) -> None:
    """Windows line endings and a symbolic link stay; the backup is next to the link."""
    text = aws.config_file.read_bytes().replace(b"\n", b"\r\n")
    real = tmp_path / "dotfiles" / "aws"
    real.parent.mkdir()
    real.write_bytes(text)
    aws.config_file.unlink()
    aws.config_file.symlink_to(real)
    unassign(aws, PROD, "Admin")
    aws.sso.name_account(TEST, "Playground", "t@acme.example")
    shell.good(f"{SYNC} --yes")
    assert aws.config_file.is_symlink()
    written = real.read_bytes()
    assert b"[profile Playground-Reader]\r\n" in written
    assert written.count(b"\n") == written.count(b"\r\n")
    assert aws.config_file.with_name("config.before-sync").read_bytes() == text
    assert list(real.parent.iterdir()) == [real]


def test_another_program_writes(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If another program changes the file meanwhile, its changes stay."""
    from ipy_awsprofile.switch.syncing import SyncPlan

    write = SyncPlan.write

    def write_later(plan: SyncPlan) -> None:
        edit(aws, "[profile Acme-Prod-Admin]", "[profile renamed]")
        write(plan)

    unassign(aws, PROD, "Admin")
    monkeypatch.setattr(SyncPlan, "write", write_later)
    error = shell.refused(f"{SYNC} --yes")
    assert isinstance(error, ConfigFileError)
    assert "another program has just changed it" in str(error)
    assert "[profile renamed]" in aws.config_file.read_text()


def test_no_role_at_all(shell: Shell, aws: EmbeddedAws) -> None:
    """An empty list of roles removes nothing."""
    aws.sso._assigned.clear()
    before = aws.config_file.read_text()
    error = shell.refused(f"{SYNC} --yes")
    assert "lists no roles" in str(error)
    assert aws.config_file.read_text() == before


@pytest.mark.parametrize(
    "line", ["--sync", "--sso --sync", '--save "{role}" --sync', "--sso corp --sync --yes"]
)
def test_what_is_missing(shell: Shell, line: str) -> None:
    """`--sync` requires the roles of a sign-in and a pattern, and doesn't work in a cell magic."""
    error = shell.refused(f"%aws_profiles {line}")
    assert "--sync requires --sso, and --save with a pattern" in str(error)
    assert isinstance(shell.refused(f"%%aws_profiles {line} x\n1"), InvalidOption)


@pytest.mark.slow
def test_in_turn_with_version_2_of_the_aws_cli(shell: Shell, aws: EmbeddedAws) -> None:
    """The extension and the AWS CLI take turns to sign in, use profiles, edit them and sign out."""
    environment = os.environ | aws.environment() | {"AWS_ENDPOINT_URL_SSO": aws.endpoint_url}

    def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [aws_cli_2(), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def account_of(profile: str) -> str | None:
        said = cli("sts", "get-caller-identity", "--profile", profile, "--output", "json")
        return json.loads(said.stdout)["Account"] if said.returncode == 0 else None

    shell.good("%aws_profile --logout")
    assert account_of("Sandbox-Reader") is None
    sign_in_by_aws_cli(aws)
    assert "4 roles in 3 accounts" in shell.good("%aws_profiles --sso").text
    assert account_of("Sandbox-Reader") == TEST
    for name, profile in (("output", "Sandbox-Reader"), ("region", "Acme-Prod-Admin")):
        assert cli("configure", "set", name, "text", "--profile", profile).returncode == 0
    aws.sso.name_account(TEST, "Playground", "t@acme.example")
    unassign(aws, TWIN, "Reader")
    assert [row[:2] for row in rows(shell.good(SYNC).text)] == [
        ["remove", "sandbox-Reader"],
        ["rename", "Sandbox-Reader"],
    ]
    shell.good(f"{SYNC} --yes")
    assert account_of("Playground-Reader") == TEST
    assert cli("configure", "get", "output", "--profile", "Playground-Reader").stdout == "text\n"
    assert "sandbox-Reader" not in cli("configure", "list-profiles").stdout.splitlines()
    assert shell.good("%aws_profile Playground-Reader").text.startswith("Playground-Reader")
    assert cli("sso", "logout").returncode == 0
    assert isinstance(shell.refused("%aws_profiles --sso --refresh"), SignInRequired)
    aws.sso.sign_in("corp")
    assert account_of("Playground-Reader") == TEST
    assert "is no longer active" in shell.good("%aws_profile --logout --sso corp").text
    assert account_of("Playground-Reader") is None
