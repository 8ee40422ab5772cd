"""The card and the gate name an identity by its difference from the active one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.errors import StaleIdentity
from tests.roles import add_role

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell


@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        ("--session-name one", "--session-name two", "RoleBeta with the session name one"),
        ("--session-name one", "", "RoleBeta with the session name one"),
        ("", "--session-name two", "RoleBeta without a session name"),
        ("--session-name one", "--session-name one --region eu-west-1", ""),
        ("", "--refresh", ""),
    ],
)
def test_session_name(aws: EmbeddedAws, shell: Shell, first: str, second: str, named: str) -> None:
    """The card and the gate name a client's role session name if it isn't the active one."""
    shell.good(f"%aws_profile RoleBeta {first}")
    shell.good("s3 = session.client('s3')")
    card = shell.good(f"%aws_profile {'' if second == '--refresh' else 'RoleBeta'} {second}").text
    used = shell.good("s3.list_buckets()").text
    if named:
        assert f"`s3` still signs as {named}" in card
        assert f"signs ListBuckets as {named}, but `RoleBeta` is active" in used
        names = [str(call.arn).rpartition("/")[2] for call in aws.calls]
        assert (names[-1] == "one") is ("one" in named)
    else:
        assert "still signs" not in card
        assert "signs ListBuckets" not in used


@pytest.fixture
def notebook(aws: EmbeddedAws, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Return a shell with boto3, the role RoleGamma, and UserAlpha as the default profile."""
    add_role(aws, "RoleGamma", "s3:*")
    monkeypatch.setenv("AWS_PROFILE", "UserAlpha")
    shell.good("import boto3")
    return shell


CREATE = "s3.create_bucket(Bucket='not-created')"


def refuse_to_write(aws: EmbeddedAws, notebook: Shell) -> str:
    """Check that `CREATE` is refused and that AWS gets no request, and return the error."""
    aws.calls.clear()
    error = notebook.refused(CREATE)
    assert isinstance(error, StaleIdentity)
    assert [call for call in aws.calls if call.action.startswith("s3:")] == []
    return str(error)


@pytest.mark.parametrize("again", ["%reload_ext", "%unload_ext ipy_awsprofile\n%load_ext"])
def test_loaded_again(aws: EmbeddedAws, notebook: Shell, again: str) -> None:
    """After the extension is loaded again, a read-only notebook still refuses older clients."""
    notebook.good("%aws_profile RoleBeta\ns3 = boto3.client('s3')")
    notebook.good(f"{again} ipy_awsprofile\n%aws_profile RoleGamma --read-only")
    assert "CreateBucket as RoleBeta, but `RoleGamma` is" in refuse_to_write(aws, notebook)
    assert "`s3` still signs as RoleBeta" in notebook.good("%aws_profile").text


def test_a_read_only_session_of_an_earlier_load(aws: EmbeddedAws, notebook: Shell) -> None:
    """After the extension is loaded again, a read-only session still can't write."""
    notebook.good("%aws_profile RoleGamma --read-only\ns3 = session.client('s3')")
    notebook.good("%reload_ext ipy_awsprofile")
    aws.calls.clear()
    assert "CreateBucket would write" in str(notebook.refused(CREATE))
    assert [call for call in aws.calls if call.action.startswith("s3:")] == []


@pytest.mark.parametrize("client", ["boto3.client('s3')", "boto3.Session().client('s3')"])
def test_default_clients_beside_a_profile(aws: EmbeddedAws, notebook: Shell, client: str) -> None:
    """A default client from `--only-session` isn't stale until everything follows a profile."""
    notebook.good(f"%aws_profile RoleBeta --only-session\ns3 = {client}")
    use = "try: s3.list_buckets()\nexcept Exception as error: assert 'Denied' in str(error)"
    for line in ("", "%aws_profile --refresh", "%aws_profile RoleGamma --only-session"):
        shown = notebook.good(f"{line}\n{use}").text
        assert "signs ListBuckets" not in shown
        assert "still signs" not in shown
        assert "user/UserAlpha" in str(aws.calls[-1].arn)
    notebook.good("%aws_profile RoleBeta --read-only")
    assert "CreateBucket as UserAlpha, but `RoleBeta` is" in refuse_to_write(aws, notebook)
    assert "`s3` still signs as UserAlpha" in notebook.good("%aws_profile").text
