"""A notebook keeps working if a tool renews the keys in the credentials file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile.demo.shared_files import append_section
from ipy_awsprofile.demo.stages.scenario import USER_ACCOUNT, allow
from ipy_awsprofile.errors import IdentityChanged
from ipy_awsprofile.picker.conversation import Conversation
from ipy_awsprofile.switch.using_profile import running_switcher
from tests.rotation import OF_TOOLS, keys_of, session_keys, write_keys

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.iam.users_and_roles import IamUser
    from tests.shells import Shell

#: Everything that signs in a notebook: old objects, new objects and child processes.
SIGNERS = (
    "s3.list_buckets() and None",
    "session.client('s3').list_buckets() and None",
    "boto3.client('s3').list_buckets() and None",
    "boto3.resource('s3').meta.client.list_buckets() and None",
    "!{sys.executable} -c \"import boto3; boto3.client('s3').list_buckets()\"",
    "!{sys.executable} -m awscli s3api list-buckets --output json > /dev/null",
)

READ = "frame = pd.read_csv('s3://filesystems/a.csv')"


@pytest.fixture
def user(aws: EmbeddedAws) -> IamUser:
    """Create a user with the profile `P`, which has session keys and the settings of tools."""
    user = aws.create_user("Worker", account=USER_ACCOUNT, policy=allow("*"))
    aws.write_profile("P", region="us-west-2")
    write_keys(aws, "P", session_keys(aws, user) | OF_TOOLS)
    return user


@pytest.mark.slow
def test_a_day_with_session_keys(shell: Shell, aws: EmbeddedAws, user: IamUser) -> None:
    """After each renewal, AWS sees the keys in the file, even from clients created before."""
    shell.good("import boto3, sys")
    assert "expires   unknown" in shell.good("%aws_profile P").text
    shell.good("s3 = session.client('s3')")
    for _ in range(2):
        aws.expire_sessions()
        key = write_keys(aws, "P", session_keys(aws, user) | OF_TOOLS)
        for cell in SIGNERS:
            aws.calls.clear()
            shell.good(cell)
            signed = [call for call in aws.calls if call.action == "s3:ListAllMyBuckets"]
            assert [call.access_key_id for call in signed] == [key], cell
            assert {call.arn for call in aws.calls} == {user.arn}
        assert user.arn in shell.good("%aws_profile").text
    shell.good("%aws_profile --off")
    key = write_keys(aws, "P", keys_of(user))
    shell.good("s3.list_buckets() and None")  # the user's own client keeps working
    assert aws.calls[-1].access_key_id == key


@pytest.mark.parametrize(
    "line", ["%aws_profile P", "%aws_profile", "%%aws_profile P\n%aws_profile"]
)
def test_unknown_expiry(shell: Shell, aws: EmbeddedAws, user: IamUser, line: str) -> None:
    """The expiry of session keys in a file is shown as unknown, whatever a tool writes there."""
    shell.good("%aws_profile P")
    ran = shell.good(line)
    for text in (ran.text, ran.html):
        assert "expires: unknown" in text
        assert "no expiry" not in text


def test_known_to_be_none(shell: Shell, aws: EmbeddedAws, user: IamUser) -> None:
    """Long-term keys have no expiry, and after session keys replace them, it is unknown."""
    write_keys(aws, "P", keys_of(user))
    assert "no expiry" in shell.good("%aws_profile P").text
    write_keys(aws, "P", session_keys(aws, user))
    assert "expires: unknown" in shell.good("%aws_profile").text
    write_keys(aws, "P", keys_of(user))
    assert "no expiry" in shell.good("%aws_profile").text


def test_explanation(shell: Shell, aws: EmbeddedAws, user: IamUser) -> None:
    """The explanation doesn't complain about a tool's settings."""
    assert "no problems found" in shell.good("%aws_profile --explain P").text


def test_picker(shell: Shell, aws: EmbeddedAws, user: IamUser) -> None:
    """The picker's card shows the expiry as unknown, without a countdown."""
    shell.good("%aws_profile P")
    heard: list[dict[str, Any]] = []
    Conversation(running_switcher(), lambda state, _buffers: heard.append(state)).show()
    message = heard[0]
    assert message["identity"]["left"] is None
    assert "expires: unknown" in message["html"]


def test_keys_of_another_identity(shell: Shell, aws: EmbeddedAws, user: IamUser) -> None:
    """Keys of another identity are refused in two lines, and the hint's command works."""
    other = aws.create_user("Other", account=USER_ACCOUNT, policy=allow("*"))
    shell.good("%aws_profile P")
    shell.good("s3 = session.client('s3')")
    write_keys(aws, "P", session_keys(aws, other))
    for cell in ("s3.list_buckets()", "%aws_profile"):
        refused = shell.refused(cell)
        assert isinstance(refused, IdentityChanged)
    shown = shell.good(refused.hint.split("`")[1]).text
    assert other.arn in shown
    aws.calls.clear()
    shell.good("session.client('s3').list_buckets() and None")
    assert {call.arn for call in aws.calls} == {other.arn}
    stale = shell.run("s3.list_buckets()")  # it was created for the previous identity
    assert isinstance(stale.error, IdentityChanged)
    assert "signs ListBuckets as P as arn:aws:iam::" in stale.text
    shell.good("%aws_profile --off")


def test_expected_account(shell: Shell, aws: EmbeddedAws, user: IamUser) -> None:
    """A session that must be in one account never signs in another account."""
    shell.good(f"%aws_profile P --expect-account {USER_ACCOUNT}")
    elsewhere = aws.create_user("Elsewhere", account="999988887777", policy=allow("*"))
    write_keys(aws, "P", keys_of(elsewhere))
    aws.calls.clear()
    shell.refused("session.client('s3').list_buckets()")
    shell.refused("%aws_profile --refresh")
    assert {call.action for call in aws.calls} == {"sts:GetCallerIdentity"}


def test_clients_of_one_profile(shell: Shell, aws: EmbeddedAws, user: IamUser) -> None:
    """A client isn't named after a renewal, but is named after a switch to another profile."""
    shell.good("%aws_profile P")
    shell.good("s3 = session.client('s3')")
    write_keys(aws, "P", session_keys(aws, user))
    assert "still signs" not in shell.good("%aws_profile P").text
    aws.write_profile("Q", region="us-west-2")
    append_section(aws.credentials_file, "Q", keys_of(user))
    assert "`s3` still signs as P" in shell.good("%aws_profile Q").text


@pytest.mark.parametrize("older", [session_keys, lambda _, user: keys_of(user)])
def test_keys_in_the_environment(
    shell: Shell, aws: EmbeddedAws, user: IamUser, monkeypatch: pytest.MonkeyPatch, older: Any
) -> None:
    """After a switch, new keys in the environment replace the older ones as a set."""
    other = aws.create_user("Other", account=USER_ACCOUNT, policy=allow("*"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)  # restored at the end
    shell.names["older"] = {name.upper(): value for name, value in older(aws, user).items()}
    shell.names["newer"] = {name.upper(): value for name, value in keys_of(other).items()}
    shell.good("import boto3, os\nfrom ipy_awsprofile import using_profile")
    shell.good("os.environ.update(older)\n%aws_profile P\nos.environ.update(newer)")
    call = "boto3.client('sts').get_caller_identity()"
    for cell in (
        f"with using_profile(default=True): {call}",
        f"with using_profile('P'), using_profile(default=True): {call}",
        f"get_ipython().run_line_magic('aws_profile', '--off')\n{call}",
    ):
        aws.calls.clear()
        shell.good(cell)
        assert aws.calls[-1].arn == other.arn


@pytest.mark.slow
def test_filesystems_after_a_refresh(
    shell: Shell, aws: EmbeddedAws, user: IamUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An s3fs filesystem keeps the keys that it was created with, until a refresh replaces it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    aws.create_bucket("filesystems", account=USER_ACCOUNT, region="us-west-2")
    shell.good("import pandas as pd, s3fs")
    shell.good("%aws_profile P")
    shell.good("session.client('s3').put_object(Bucket='filesystems', Key='a.csv', Body=b'a\\n1')")
    shell.good(READ)
    aws.expire_sessions()
    key = write_keys(aws, "P", session_keys(aws, user))
    shell.good("%aws_profile --refresh")
    aws.calls.clear()
    shell.good(READ)
    assert {call.access_key_id for call in aws.calls} == {key}
