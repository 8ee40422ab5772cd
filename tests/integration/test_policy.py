"""What an organization's policy refuses, whichever way a notebook tries."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from ipy_awsprofile import across_profiles, open_session
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, USER_ACCOUNT, add_role
from ipy_awsprofile.errors import (
    ConfigFileError,
    NoProfileAnswered,
    NotAllowed,
    ProtectedProfile,
)
from tests.aws import EmbeddedAws
from tests.shells import Shell
from tests.terminals import Terminal

#: A policy that forbids what can be forbidden.
STRICT = f"""\
contact = "platform@example.com"
protected = ["Gamma"]
read_only = ["Beta"]
session_name = "jupyter"
stale = "refuse"
duration = "30m"

[allow]
accounts = ["{ROLE_ACCOUNT}"]
share = false
window = false
write = false
save = false
console = false
as = false
"""

PUT = "session.client('s3').put_object(Bucket='my-first-bucket', Key='k')"


@pytest.fixture
def strict(aws: EmbeddedAws, policy: Path, bare_shell: Shell) -> Shell:
    """Return a shell of a machine with a strict policy, which its user can change."""
    policy.write_text(STRICT)
    add_role(aws, "RoleGamma", "s3:*")
    bare_shell.good("%load_ext ipy_awsprofile")
    shown = bare_shell.good("%aws_profile").text
    assert (
        f"You can change the organization's policy `{policy}`, so it doesn't restrict you." in shown
    )
    return bare_shell


#: Settings that a notebook tries to loosen, and how the policy keeps them.
SETTINGS = {
    "protected = []": "keeps `protected` at `Gamma`",
    "read_only = ['dev']": "keeps `read_only` at `Beta`",
    "session_name = 'other'": "keeps `session_name` at `jupyter`",
    "stale = 'allow'": "keeps `stale` at `refuse`",
    "share = True": "keeps `share` at `False`",
}


def test_settings_only_tighten(strict: Shell, policy: Path) -> None:
    """A line says what the policy keeps, where, and whom to ask. The notebook's own values stay."""
    for change, kept in SETTINGS.items():
        shown = strict.good(f"%config AwsProfileMagics.{change}").text
        assert f"The organization's policy {kept}. This limit is set in `{policy}`." in shown
        assert "To change the limit, ask platform@example.com." in shown
    assert "['Beta', 'dev']" in strict.good("%config AwsProfileMagics.read_only").text
    assert isinstance(strict.refused("%aws_profile RoleGamma"), ProtectedProfile)
    card = strict.good("%aws_profile RoleBeta").text
    assert "read-only" in card
    assert "assumed-role/RoleBeta/jupyter" in card
    refused = strict.run(PUT).text
    assert "AccessDenied" in refused
    assert "policy doesn't allow `--write`. This limit is set in `" in refused
    strict.good("kept = session.client('s3')")
    strict.good("%aws_profile RoleGamma --yes")
    assert "StaleIdentity" in strict.run("kept.list_buckets()").printed
    stricter = strict.good("%config AwsProfileMagics.protected = ['Gamma', 'Beta']").text
    assert "The organization's policy" not in stricter
    assert isinstance(strict.refused("%aws_profile RoleBeta"), ProtectedProfile)


#: Cells that a notebook tries, and what the policy doesn't allow.
TRIES = {
    "%aws_profile RoleBeta --write": "doesn't allow `--write`",
    "%aws_profile RoleBeta --session-name me": "allows only the role session name",
    "%aws_profile RoleBeta --duration 2h": "allows sessions for at most 0:30:00, not for 2:00:00",
    "%aws_profile RoleBeta --as other": "doesn't allow `--as`",
    "%aws_profile UserAlpha": f"in the account {USER_ACCOUNT}, and the organization's policy",
    "%aws_profile RoleBeta --share": "doesn't allow `--share`",
    "%aws_profile --save mine --role-arn ARN --source-profile UserAlpha": "doesn't allow `--save`",
    "%aws_profile --console": "doesn't allow links to the AWS console",
    "%%aws_profile RoleBeta --write\n1": "doesn't allow `--write`",
    "%%aws_profile UserAlpha\n1": "allows only accounts that match",
    "with using_profile('RoleBeta', write=True): pass": "doesn't allow `--write`",
    "with using_profile('RoleBeta', variable='other'): pass": "doesn't allow `--as`",
    "open_session('RoleBeta', session_name='me')": "allows only the role session name",
    "open_session('UserAlpha')": "allows only accounts that match",
    "with scoped('UserAlpha', read_only=True): pass": "allows only accounts that match",
    "ProfilePicker().value = 'UserAlpha'": "allows only accounts that match",
}


def test_what_a_notebook_tries(strict: Shell, policy: Path, aws: EmbeddedAws) -> None:
    """Each way is refused, the error names the file and whom to ask, and nothing changes."""
    strict.good("from ipy_awsprofile import open_session, scoped, using_profile, ProfilePicker")
    strict.good("%aws_profile RoleBeta")
    before = strict.good("%aws_profile").text.splitlines()[:4]
    config = Path(aws.environment()["AWS_CONFIG_FILE"]).read_text()
    for cell, problem in TRIES.items():
        error = strict.refused(cell.replace("ARN", f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleBeta"))
        assert isinstance(error, NotAllowed), cell
        assert problem in str(error), cell
        assert (
            error.hint
            == f"This limit is set in `{policy}`. To change the limit, ask platform@example.com."
        )
        assert strict.good("%aws_profile").text.splitlines()[:4] == before
    assert Path(aws.environment()["AWS_CONFIG_FILE"]).read_text() == config


def test_runs(strict: Shell) -> None:
    """In a run over many profiles, the policy applies to each of them."""

    def put(session: Any) -> None:
        session.client("s3").put_object(Bucket="my-first-bucket", Key="k")

    with pytest.raises(NoProfileAnswered) as raised:
        across_profiles("*a", put, progress=False)
    messages = {row["profile"]: row["message"] for row in raised.value.errors}
    assert "allows only accounts that match" in messages["UserAlpha"]
    assert "no session policy allows the s3:PutObject action" in messages["RoleBeta"]
    assert "The pattern `Gamma` protects" in messages["RoleGamma"]
    with pytest.raises(NoProfileAnswered, match="doesn't allow `--write`"):
        across_profiles("RoleBeta", put, progress=False, write=True)
    ran = strict.run("%%aws_profiles RoleBeta --write\n1")
    assert "doesn't allow `--write`" in str(ran.error)


def test_a_wrong_file(aws: EmbeddedAws, policy: Path, bare_shell: Shell) -> None:
    """Nothing is opened until the file is correct, but a notebook can still switch off."""
    bare_shell.good("%load_ext ipy_awsprofile")
    bare_shell.good("%aws_profile RoleBeta")
    policy.write_text("contact = 'x'\nprotcted = ['prod']")
    for cell in ("%aws_profile RoleBeta", "%%aws_profile RoleBeta\n1", "%aws_profile --refresh"):
        error = bare_shell.refused(cell)
        assert isinstance(error, ConfigFileError)
        assert (
            f"{policy}, line 2: The organization's policy can't contain the key `protcted`."
            in str(error)
        )
    with pytest.raises(ConfigFileError):
        open_session("RoleBeta")
    with pytest.raises(NoProfileAnswered, match="line 2"):
        across_profiles("RoleBeta", lambda _: 1, progress=False)
    assert "The switch is undone" in bare_shell.good("%aws_profile --off").text
    bare_shell.good("%reload_ext ipy_awsprofile")
    policy.write_text("protected = ['Beta']")
    bare_shell.good("%aws_profile")  # warns that the file protects nothing
    assert isinstance(bare_shell.refused("%aws_profile RoleBeta"), ProtectedProfile)
    policy.unlink()
    bare_shell.good("%aws_profile RoleBeta")


@pytest.mark.parametrize(
    ("window", "problem"),
    [
        ("false", "doesn't allow `--share write`"),
        ("'5m'", "allows `--share write` for at most 0:05:00, not for 0:10:00"),
    ],
)
def test_windows(notebook: Shell, policy: Path, window: str, problem: str) -> None:
    """Programs can't write at all, or not for so long, and the policy asks nothing."""
    policy.write_text(f"[allow]\nwindow = {window}")
    error = notebook.refused("%aws_profile --share write 10m")
    assert isinstance(error, NotAllowed)
    assert problem in str(error)
    assert "ask the administrator of this machine" in error.hint


def test_sharing_ends(notebook: Shell, terminal: Terminal, policy: Path) -> None:
    """Once the policy doesn't allow it, programs get no more keys."""
    assert terminal.python(LIST, AWS_PROFILE="notebook").startswith("[")
    policy.write_text("[allow]\nshare = false")
    assert "doesn't allow `--share`" in terminal.python(LIST, AWS_PROFILE="notebook")


LIST = "import boto3; print(boto3.client('s3').list_buckets()['Buckets'])"


def test_long_term_keys(
    aws: EmbeddedAws,
    policy: Path,
    shell: Shell,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither a session nor a role is opened with an IAM user's keys, wherever they come from."""
    user = aws.iam.create_user("Eve", account=USER_ACCOUNT)
    keys = {"AccessKeyId": user.access_key_id, "SecretAccessKey": user.secret_access_key}
    program = tmp_path / "program.py"
    program.write_text(f"print({json.dumps(json.dumps({'Version': 1, **keys}))})")
    aws.write_profile(
        "Process", credential_process=f"{sys.executable} {program}", region="us-west-2"
    )
    shell.good("%aws_profile Process")
    policy.write_text("[allow]\nlong_term_keys = false")
    for name, start in (("UserAlpha",) * 2, ("RoleBeta", "UserAlpha"), ("Process",) * 2):
        error = shell.refused(f"%aws_profile {name}")
        assert f"doesn't allow long-term keys, such as those of `{start}`." in str(error)
    shell.good("%aws_profile --off")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", user.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", user.secret_access_key)
    error = shell.refused("%aws_profile --default")
    assert "such as those of `environment variables`." in str(error)


def test_help_and_card(strict: Shell, policy: Path) -> None:
    """The help of `%aws_profile` and the card say which keys the policy sets, and where."""
    for cell in ("%aws_profile -h", "%aws_profile?"):
        help_text = " ".join(strict.good(cell).text.split())
        assert f"The organization's policy in {policy} sets protected, read_only," in help_text
    card = strict.good("%aws_profile RoleBeta").text
    assert f"organization  {policy} sets protected, read_only, session_name" in card
    policy.unlink()
    strict.good("%reload_ext ipy_awsprofile")
    assert "The organization's policy" not in strict.good("%aws_profile?").text


def test_explained(strict: Shell, policy: Path, aws: EmbeddedAws) -> None:
    """`--explain` lists what the policy sets, and says what it refuses, or what isn't known yet."""
    shown = strict.good("%aws_profile --explain RoleBeta").text
    for key, value in (("read_only", "Beta"), ("allow.accounts", ROLE_ACCOUNT)):
        assert re.search(rf"{key} +{value} +{re.escape(str(policy))}", shown)
    assert "no problems found" in shown
    shown = strict.good("%aws_profile --explain UserAlpha").text
    assert "whether the organization's policy allows this account" in shown
    aws.write_profile(
        "Other", source_profile="UserAlpha", role_arn="arn:aws:iam::999999999999:role/x"
    )
    shown = strict.good("%aws_profile --explain Other").text
    assert "`Other` is in the account 999999999999, and the organization's policy" in shown
