"""Patterns protect accounts by ID and by name, and open profiles read-only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from ipy_awsprofile import across_profiles, using_profile
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT
from ipy_awsprofile.errors import (
    AwsProfileError,
    NoProfileAnswered,
    ProtectedProfile,
    ReadOnlyIdentity,
    SignInRequired,
)
from ipy_awsprofile.switch.protection import Protection
from tests.identity_center import PROD, organisation
from tests.sessions.traces import actions

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

PUT = "session.client('s3').put_object(Bucket='my-first-bucket', Key='k')"
LISTED = "len(session.client('s3').list_buckets()['Buckets'])"


def protect(shell: Shell, *patterns: str) -> None:
    """Protect the profiles that match the patterns."""
    shell.good(f"%config AwsProfileMagics.protected = {list(patterns)}")


def read_only(shell: Shell, *patterns: str) -> None:
    """Make the profiles that match the patterns read-only."""
    shell.good(f"%config AwsProfileMagics.read_only = {list(patterns)}")


def payroll(aws: EmbeddedAws, name: str = "payroll") -> None:
    """Write a profile in the account Acme Prod whose name doesn't contain `prod`."""
    aws.write_profile(
        name,
        sso_session="corp",
        sso_account_id=PROD,
        sso_role_name="Reader",
        region="us-west-2",
    )


@pytest.fixture
def signed_in(aws: EmbeddedAws) -> None:
    """Create an organisation, and sign in to it."""
    organisation(aws)
    aws.sso.sign_in("corp")


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("pattern", "profile", "fits"),
    [
        (ROLE_ACCOUNT, "RoleBeta", True),
        ("1234*", "RoleBeta", True),
        (USER_ACCOUNT, "RoleBeta", False),
        (ROLE_ACCOUNT, "arn:aws:iam::123456789012:role/Other", True),
        (PROD, f"corp:{PROD}/Admin", True),
    ],
)
def test_accounts_in_the_files(pattern: str, profile: str, fits: bool) -> None:
    """A pattern matches the account ID in the files, in an ARN and in an assigned role's name."""
    assert Protection(protected=(pattern,)).is_protected(profile) is fits


def test_an_account_that_only_sts_knows(shell: Shell, aws: EmbeddedAws) -> None:
    """For a profile with keys, a switch gets the account from STS before it changes anything."""
    protect(shell, USER_ACCOUNT)
    error = shell.refused("%aws_profile UserAlpha")
    assert isinstance(error, ProtectedProfile)
    assert str(error) == f"The profile `UserAlpha` is protected: its account is {USER_ACCOUNT}."
    assert "session" not in shell.names
    shell.good("%aws_profile RoleBeta")
    assert "protected" in shell.good("%aws_profile UserAlpha --yes").text
    with pytest.raises(ProtectedProfile), using_profile("UserAlpha"):
        pass
    assert isinstance(shell.refused("%%aws_profile UserAlpha\n1"), ProtectedProfile)
    with pytest.raises(NoProfileAnswered, match="is protected: its account"):
        across_profiles("UserAlpha", lambda _: 1, progress=False)
    assert len(across_profiles("UserAlpha", lambda _: 1, progress=False, confirmed=True)) == 1


@pytest.mark.usefixtures("signed_in")
def test_the_name_of_an_account(shell: Shell, aws: EmbeddedAws) -> None:
    """A pattern protects a profile by its account's name, which the card shows."""
    payroll(aws)
    protect(shell, "*prod*")
    assert isinstance(shell.refused("%aws_profile payroll"), ProtectedProfile)
    card = shell.good("%aws_profile payroll --yes").text
    assert f"{PROD} (Acme Prod)" in card
    assert "payroll  (protected, " in card.splitlines()[0]
    aws.calls.clear()
    shell.good("%aws_profile payroll --yes")
    assert "sso:ListAccounts" not in actions(aws)  # the name is cached


@pytest.mark.usefixtures("signed_in")
def test_another_name_keeps_the_protection(shell: Shell, aws: EmbeddedAws) -> None:
    """A role that is saved under a harmless name stays protected, even without the cached list."""
    protect(shell, "*prod*")
    role = f"corp:{PROD}/Reader"
    assert isinstance(shell.refused(f"%aws_profile {role} --save payroll"), ProtectedProfile)
    shell.good(f"%aws_profile {role} --save payroll --yes")
    shell.good("%aws_profile --off")
    next((aws.home / ".cache/ipy_awsprofile").iterdir()).unlink()  # the cached list
    assert isinstance(shell.refused("%aws_profile payroll"), ProtectedProfile)


def test_without_a_sign_in(shell: Shell, aws: EmbeddedAws) -> None:
    """If the account's name can't be looked up, the switch fails because it needs a sign-in."""
    organisation(aws)
    payroll(aws)
    protect(shell, "*prod*")
    assert isinstance(shell.refused("%aws_profile payroll"), SignInRequired)


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("pattern", ["Role*", ROLE_ACCOUNT])
def test_read_only_by_pattern(shell: Shell, pattern: str) -> None:
    """A matching profile is read-only however it is opened, unless `--write` allows writes."""
    read_only(shell, pattern)
    assert "read-only" in shell.good("%aws_profile RoleBeta").text
    assert shell.good(LISTED).result == 3
    assert isinstance(shell.refused(PUT), ReadOnlyIdentity)
    assert "read-only" in shell.good("%aws_profile --refresh").text
    assert "read-only" not in shell.good("%aws_profile RoleBeta --write").text
    shell.good(PUT)
    assert "read-only" not in shell.good("%aws_profile --refresh").text
    shell.good("%aws_profile UserAlpha")
    assert isinstance(shell.run(f"%%aws_profile RoleBeta\n{PUT}").error, ReadOnlyIdentity)
    shell.good(f"%%aws_profile RoleBeta --write\n{PUT}")
    with pytest.raises(ReadOnlyIdentity), using_profile("RoleBeta") as session:
        put(session)
    with using_profile("RoleBeta", write=True) as session:
        put(session)
    read_only(shell)
    assert "read-only" not in shell.good("%aws_profile RoleBeta").text


def put(session: Any) -> str:
    """Write an object."""
    session.client("s3").put_object(Bucket="my-first-bucket", Key="k")
    return "written"


@pytest.mark.usefixtures("aws")
def test_an_account_of_keys_that_is_read_only(shell: Shell) -> None:
    """For a profile with keys in a matching account, a switch needs GetScopedCredentials."""
    read_only(shell, USER_ACCOUNT)
    error = shell.refused("%aws_profile UserAlpha")  # its policy doesn't allow GetScopedCredentials
    assert "sts:GetScopedCredentials" in str(error)
    assert shell.good("%aws_profile").text.startswith("No profile is active")
    shell.good("%aws_profile UserAlpha --write")


@pytest.mark.usefixtures("aws")
def test_many_profiles(shell: Shell, tmp_path: Any) -> None:
    """Runs over many profiles apply read-only patterns, `--read-only`, `--policy` and `--write`."""
    limits: list[dict[str, Any]] = [{"read_only": True}, {"policy": policy_file(tmp_path)}]
    for limit, says in zip(limits, ("ReadOnlyIdentity", "AccessDenied"), strict=True):
        frame = across_profiles("RoleBeta", count, progress=False, **limit)
        assert frame["value"].tolist() == [3]
        with pytest.raises(NoProfileAnswered, match=says):
            across_profiles("RoleBeta", put, progress=False, **limit)
    assert across_profiles("RoleBeta", put, progress=False)["value"].tolist() == ["written"]
    read_only(shell, "Role*")
    with pytest.raises(NoProfileAnswered, match="ReadOnlyIdentity"):
        across_profiles("RoleBeta", put, progress=False)
    assert len(across_profiles("RoleBeta", put, progress=False, write=True)) == 1
    ran = shell.run(f"%%aws_profiles RoleBeta --no-progress\n{PUT}")
    assert "ReadOnlyIdentity" in str(ran.error)
    for options in ("--write", ""):
        cell = LISTED if not options else f"{PUT}\n{LISTED}"
        assert shell.good(f"%%aws_profiles RoleBeta --no-progress {options}\n{cell}")
    read_only(shell)
    for option in ("--read-only", f"--policy {policy_file(tmp_path)}"):
        ran = shell.run(f"%%aws_profiles RoleBeta --no-progress {option}\n{PUT}")
        assert isinstance(ran.error, AwsProfileError)
        assert shell.good(f"%%aws_profiles RoleBeta --no-progress {option}\n{LISTED}")


def policy_file(folder: Any) -> str:
    """Write a policy that only allows listing buckets, and return its path."""
    file = folder / "policy.json"
    file.write_text(
        '{"Version": "2012-10-17", "Statement": '
        '{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}}'
    )
    return str(file)


def count(session: Any) -> int:
    """Return the number of buckets."""
    return len(session.client("s3").list_buckets()["Buckets"])


@pytest.mark.usefixtures("signed_in")
def test_a_server_without_the_call(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If STS lacks GetScopedCredentials, a read-only switch fails and changes nothing."""
    from ipy_awsprofile.demo.refusals import Refusal
    from ipy_awsprofile.demo.services.sts.responses import StsResponse

    def refuse(_response: object) -> None:
        raise Refusal("InvalidAction", "Could not find operation", 400)

    monkeypatch.setattr(StsResponse, "get_scoped_credentials", refuse)
    shell.good("%aws_profile RoleBeta")
    error = shell.refused("%aws_profile prod-reader --read-only")
    assert "doesn't know GetScopedCredentials" in str(error)
    assert shell.good("%aws_profile").text.startswith("RoleBeta")
    shell.good("%aws_profile prod-reader")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        shell.names["session"].client("s3").put_object(Bucket="x", Key="k")


@pytest.mark.usefixtures("signed_in")
def test_the_card(shell: Shell, tmp_path: Any) -> None:
    """The card says what limits the session, and shows the same ARN as without limits."""
    arn = shell.good("%aws_profile prod-reader\nsession").text
    card = shell.good("%aws_profile prod-reader --read-only").text
    assert "limited to read-only in 33 services; all others are denied" in card
    base = next(line for line in arn.splitlines() if "arn:aws:sts" in line)
    assert base in card.splitlines()
    file = policy_file(tmp_path)
    card = shell.good(f"%aws_profile prod-reader --policy {file}").text
    assert f"limited by the session policy {file}" in card
    assert base in card.splitlines()
