"""A switch changes the whole notebook or nothing, and can be undone."""

from __future__ import annotations

import atexit
import os
import sys
import types
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import FrameType

import boto3
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, Scenario, add_role, allow
from ipy_awsprofile.errors import AwsProfileError, ProtectedProfile
from ipy_awsprofile.place import Variables
from ipy_awsprofile.sessions.session import Identity
from ipy_awsprofile.switch.using_profile import running_switcher
from tests.aws import EmbeddedAws
from tests.identity_center import PROD, organisation
from tests.sessions.traces import actions
from tests.shells import Shell


def signer(shell: Shell) -> str:
    """Return the name of the user or role as which boto3 signs in the notebook."""
    code = "import boto3; boto3.client('sts').get_caller_identity()['Arn']"
    return str(shell.good(code).result).split("/")[1]


def state(shell: Shell) -> tuple[dict[str, str], object, dict[str, int]]:
    """Return the environment, boto3's default session and the notebook's variables."""
    names = {name: id(value) for name, value in shell.names.items() if name[0] != "_"}
    return dict(os.environ), boto3.DEFAULT_SESSION, names


def test_second_switch(shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """One `--off` undoes several switches, and restores each variable that they have used.

    It leaves alone what the user has changed since, and names it.
    """
    shell.good("session, beta = 'mine', 'also mine'")
    before = state(shell)
    shell.good("%aws_profile RoleBeta\n%aws_profile UserAlpha")
    assert signer(shell) == "UserAlpha"
    shell.good("%aws_profile RoleBeta --as beta")
    assert shell.names["session"] == "mine"
    assert signer(shell) == "RoleBeta"
    shell.good("del boto3\n%aws_profile --off")
    assert state(shell) == before
    assert "There is no switch to undo" in shell.good("%aws_profile --off").text
    shell.good("%aws_profile RoleBeta\nsession = 'newer'\ndel beta")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    card = shell.good("%aws_profile --off").text
    assert card.endswith("except for what you have changed since: `AWS_REGION`, `session`.")
    assert (shell.names["session"], os.environ["AWS_REGION"]) == ("newer", "eu-west-1")


def test_again(shell: Shell, aws: EmbeddedAws) -> None:
    """A switch to the active profile makes no calls, and a refresh gets new credentials once.

    `NAME --refresh` gets them, too, even if cached ones are valid.
    """
    shell.good("%aws_profile RoleBeta --region eu-west-1 --as s")
    old = shell.names["s"].get_credentials().access_key
    actions(aws)
    shell.good("%aws_profile RoleBeta --region eu-west-1 --as s")
    assert actions(aws) == []
    shell.good("%aws_profile --refresh")
    assert actions(aws) == ["sts:AssumeRole"]
    assert shell.names["s"].region_name == "eu-west-1"
    assert shell.names["s"].get_credentials().access_key != old
    shell.good("%aws_profile RoleBeta --refresh")
    assert actions(aws) == ["sts:AssumeRole"]


#: Switches that fail, and cells that prepare them.
FAIL = {
    "unknown profile": ("%aws_profile Nobody --as other", ""),
    "refused by AWS": ("%aws_profile Closed", ""),
    "unexpected account": ("%aws_profile UserAlpha --expect-account 999999999999", ""),
    "needs confirmation": (
        "%aws_profile UserAlpha",
        "%config AwsProfileMagics.protected = ['User*']",
    ),
    "a library that refuses its setting": (
        "%aws_profile UserAlpha",
        "import polars as pl\n"
        "set_provider = pl.Config.set_default_credential_provider\n"
        "def refuse(provider):\n"
        "    if not hasattr(provider, 'is_of_switch'):\n"
        "        return set_provider(provider)\n"
        "    pl.Config.set_default_credential_provider = set_provider\n"
        "    raise OSError('The disk is full.')\n"
        "pl.Config.set_default_credential_provider = refuse\n",
    ),
}


@pytest.mark.parametrize(("line", "prepare"), FAIL.values(), ids=FAIL)
def test_a_failed_switch_changes_nothing(
    shell: Shell, aws: EmbeddedAws, line: str, prepare: str
) -> None:
    """After a failed switch, everything is as before, and listeners haven't heard of it."""
    closed = f"arn:aws:iam::{ROLE_ACCOUNT}:role/Closed"
    aws.write_profile("Closed", source_profile="UserAlpha", role_arn=closed)
    shell.good(f"%aws_profile RoleBeta\n{prepare}")
    heard: list[Identity | None] = []
    running_switcher().subscribe(heard.append)
    before = state(shell)
    assert shell.run(line).error
    assert state(shell) == before
    assert heard == []
    assert signer(shell) == "RoleBeta"


def test_keys_that_a_switch_has_removed(
    shell: Shell, aws: EmbeddedAws, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Roles with `credential_source = Environment` use the keys that a switch removed there."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", scenario.user.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", scenario.user.secret_access_key)
    aws.write_profile("FromKeys", role_arn=scenario.role_arn, credential_source="Environment")
    shell.good("%aws_profile RoleBeta")
    assert "AWS_ACCESS_KEY_ID" not in os.environ
    shell.good("%aws_profile FromKeys --region us-west-2")
    assert signer(shell) == "RoleBeta"
    shell.good("%aws_profile --off")
    assert os.environ["AWS_ACCESS_KEY_ID"] == scenario.user.access_key_id


def test_unloading(shell: Shell, aws: EmbeddedAws) -> None:
    """Unloading restores everything, even inside a block, and a picker can't switch anymore."""
    shell.good("from ipy_awsprofile import ProfilePicker, using_profile")
    shell.good("picker, block = ProfilePicker(), using_profile('RoleBeta')")
    before, switcher = state(shell), running_switcher()
    shell.good("%aws_profile UserAlpha\nblock.__enter__()\n%unload_ext ipy_awsprofile")
    assert state(shell) == before
    shell.good("block.__exit__(None, None, None)")
    assert state(shell) == before
    with pytest.raises(AwsProfileError, match="has been unloaded"):
        switcher.switch(SwitchRequest(profile="RoleBeta"))


def test_sign_out_is_for_good(shell: Shell, aws: EmbeddedAws) -> None:
    """After a sign-out in a block, the end of the block doesn't bring the identity back."""
    organisation(aws)
    aws.sso.sign_in("corp")
    shell.good("%aws_profile prod-reader")
    shell.good("%%aws_profile RoleBeta\n%aws_profile --logout")
    assert running_switcher().session is None
    assert PROD not in shell.good("%aws_profile").text
    assert "AWS_PROFILE" not in os.environ


def test_the_default_profile(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--default` switches to the profile in AWS_PROFILE, from before any switch."""
    monkeypatch.setenv("AWS_PROFILE", "RoleBeta")
    shell.good("%aws_profile UserAlpha\n%aws_profile --default")
    request = running_switcher().request
    assert request
    assert request.profile == signer(shell) == "RoleBeta"
    shell.good("%config AwsProfileMagics.protected = ['Role*']")
    assert isinstance(shell.refused("%aws_profile --default --region eu-west-1"), ProtectedProfile)


def test_names_that_lead_elsewhere_by_now(shell: Shell, aws: EmbeddedAws) -> None:
    """A refresh asks for `--yes` if the edited files lead the name to a protected account."""
    add_role(aws, "RoleGamma", "s3:*")
    shell.good("%config AwsProfileMagics.protected = ['UserAlpha', '222222222222']")
    shell.good("%aws_profile RoleBeta\n%aws_profile --refresh")
    prod = aws.iam.create_user("Eve", account="222222222222", policy=allow("s3:*"))
    text = aws.config_file.read_text()
    aws.config_file.write_text(text.replace("[profile RoleBeta]", "[profile former]"))
    aws.write_profile("RoleBeta", region="us-west-2")
    aws.write_profile("RoleBeta", file=aws.credentials_file, **prod.settings())
    assert isinstance(shell.refused("%aws_profile --refresh"), ProtectedProfile)
    assert signer(shell) == "RoleBeta"
    shell.good("%aws_profile RoleBeta --yes\n%aws_profile --refresh")
    assert signer(shell) == "Eve"


@pytest.fixture
def other_shell(shell: Shell, tmp_path: Path) -> Iterator[Shell]:
    """Return another shell of the same process, like an embedded one, with the extension."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    module = types.ModuleType("embedded")
    ip = InteractiveShell(config=config, ipython_dir=str(tmp_path / "b"), user_module=module)
    other = Shell(ip)
    other.good("%load_ext ipy_awsprofile")
    yield other
    if "ipy_awsprofile" in ip.extension_manager.loaded:
        ip.extension_manager.unload_extension("ipy_awsprofile")
    ip.restore_sys_module_state()
    atexit.unregister(ip.atexit_operations)


def test_two_shells(shell: Shell, other_shell: Shell, aws: EmbeddedAws) -> None:
    """Shells of one process have one active identity, and `--off` in any of them undoes it."""
    add_role(aws, "RoleGamma", "s3:*")
    before = dict(os.environ)
    shell.good("session = 'mine'\n%aws_profile RoleBeta\ns3 = session.client('s3')")
    other_shell.good("%aws_profile RoleGamma")
    for each in (shell, other_shell):
        assert each.good("%aws_profile").text.startswith("RoleGamma")
        assert signer(each) == "RoleGamma"
    assert shell.names["session"] == "mine"
    assert "as RoleBeta, but `RoleGamma` is active" in shell.good("s3.list_buckets()").text
    shell.good("%aws_profile RoleBeta")
    assert "session" not in other_shell.names
    assert other_shell.good("%aws_profile").text.startswith("RoleBeta")
    other_shell.good("%unload_ext ipy_awsprofile")  # it hasn't switched last
    assert signer(shell) == "RoleBeta"
    other_shell.good("%load_ext ipy_awsprofile\n%aws_profile --off")
    assert dict(os.environ) == before
    assert shell.names["session"] == "mine"
    assert shell.good("%aws_profile").text.startswith("No profile is active")


def test_threads_in_the_middle_of_a_switch(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that creates a client in the middle of a switch gets one of the two identities."""
    monkeypatch.setenv("AWS_PROFILE", "UserAlpha")
    add_role(aws, "RoleGamma", "s3:*")
    seen: list[Future[str]] = []

    def use() -> str:
        arn: str = boto3.Session().client("sts", "us-west-2").get_caller_identity()["Arn"]
        return arn.split("/")[1]

    before = sys.gettrace()
    with ThreadPoolExecutor(4) as pool:

        def trace(frame: FrameType, _event: str, _: object) -> None:
            """Let a thread begin just before the change of AWS_PROFILE, after other variables."""
            owner = frame.f_locals.get("self")
            is_set = frame.f_code is Variables.set.__code__
            if is_set and getattr(owner, "name", "") == "AWS_PROFILE":
                seen.append(pool.submit(use))
                wait(seen, timeout=0.5)  # the end of the switch, if the thread waits for that

        for line in ("RoleBeta --read-only", "RoleGamma --read-only", "RoleBeta", "--off"):
            sys.settrace(trace)
            try:
                shell.good(f"%aws_profile {line}")
            finally:
                sys.settrace(before)
    signers = [future.exception() or future.result() for future in seen]
    assert len(signers) >= 4
    assert set(signers) <= {"UserAlpha", "RoleBeta", "RoleGamma"}
