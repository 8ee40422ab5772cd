"""What a switch checks first: the account, protected and read-only patterns, cached sessions."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from botocore.exceptions import ClientError

from ipy_awsprofile import across_profiles, open_session, using_profile
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, USER_ACCOUNT, allow
from ipy_awsprofile.errors import (
    InvalidOption,
    NoProfileAnswered,
    ProtectedProfile,
    SignInRequired,
    UnexpectedAccount,
)
from ipy_awsprofile.sessions.protection import Protection
from tests.aws import EmbeddedAws
from tests.identity_center import PROD, organisation
from tests.sessions.traces import actions
from tests.shells import Shell

PUT = "session.client('s3').put_object(Bucket='my-first-bucket', Key='k')"
LISTED = "len(session.client('s3').list_buckets()['Buckets'])"
POLICY = """{"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}}"""


def put(session: Any) -> str:
    """Write an object."""
    session.client("s3").put_object(Bucket="my-first-bucket", Key="k")
    return "written"


def setting(shell: Shell, name: str, *patterns: str) -> None:
    """Set the patterns of protected or read-only profiles."""
    shell.good(f"%config AwsProfileMagics.{name} = {list(patterns)}")


@pytest.fixture
def signed_in(aws: EmbeddedAws) -> None:
    """Sign in to an organisation; the name of its profile `payroll` doesn't contain `prod`."""
    organisation(aws)
    payroll(aws)
    aws.sso.sign_in("corp")


def payroll(aws: EmbeddedAws) -> None:
    """Write a profile for an account with the name Acme Prod."""
    role: dict[str, Any] = {"sso_account_id": PROD, "sso_role_name": "Reader"}
    aws.write_profile("payroll", sso_session="corp", region="us-west-2", **role)


# Protected profiles ---


@pytest.mark.parametrize(
    ("pattern", "profile", "fits"),
    [
        ("role*", "RoleBeta", True),
        ("role", "RoleBeta", True),
        ("Beta role", "RoleBeta", True),
        ("role gamma", "RoleBeta", False),
        ("*-gamma,*beta", "RoleBeta", True),
        ("ole*", "RoleBeta", False),
        ("1234*", "RoleBeta", True),
        (USER_ACCOUNT, "RoleBeta", False),
        (ROLE_ACCOUNT, "arn:aws:iam::123456789012:role/Other", True),
        ("lead*", "arn:aws:iam::123456789012:role/team/Lead", True),
        ("Adm*", f"corp:{PROD}/Admin", True),
        (PROD, f"corp:{PROD}/Admin", True),
    ],
)
def test_patterns(aws: EmbeddedAws, pattern: str, profile: str, fits: bool) -> None:
    """Words match parts of the name or account ID, and wildcards all of it, ignoring case."""
    organisation(aws)
    request = SwitchRequest(profile)
    if profile.startswith("arn:"):
        request = SwitchRequest(role_arn=profile, source_profile="UserAlpha")
    found = Protection(protected=("no-other", pattern)).pattern_for(target_of(request))
    assert found == (pattern if fits else None)


def test_an_account_that_only_sts_knows(shell: Shell, aws: EmbeddedAws) -> None:
    """For a profile with keys, a switch gets the account from STS before it changes anything."""
    setting(shell, "protected", USER_ACCOUNT)
    error = shell.refused("%aws_profile UserAlpha")
    assert str(error) == (
        f"The pattern `{USER_ACCOUNT}` protects the profile `UserAlpha` in the account "
        f"{USER_ACCOUNT}."
    )
    assert "session" not in shell.names
    shell.good("%aws_profile RoleBeta")
    assert "protected" in shell.good("%aws_profile UserAlpha --yes").text
    with pytest.raises(ProtectedProfile), using_profile("UserAlpha"):
        pass
    assert isinstance(shell.refused("%%aws_profile UserAlpha\n1"), ProtectedProfile)
    with pytest.raises(NoProfileAnswered, match="protects the profile `UserAlpha` in the account"):
        across_profiles("UserAlpha", lambda _: 1, progress=False)
    assert len(across_profiles("UserAlpha", lambda _: 1, progress=False, confirmed=True)) == 1


def test_a_summary_with_protected_profiles(
    shell: Shell, aws: EmbeddedAws, capsys: pytest.CaptureFixture[str]
) -> None:
    """The summary of a run names the account of protected profiles, and how to include them."""
    role: dict[str, Any] = {"source_profile": "UserAlpha", "region": "us-west-2"}
    for name in ("prod-1", "prod-2"):
        aws.write_profile(name, role_arn=f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleBeta", **role)
    setting(shell, "protected", "prod")
    shown = shell.good("%%aws_profiles * --no-progress\n1").text
    assert f"protects the profile `…` in the account {ROLE_ACCOUNT}." in shown
    assert "run the cell again with `--yes`, or pass `confirmed=True` in Python." in shown
    assert "retry" not in shown
    assert len(shell.good("%%aws_profiles * --no-progress --yes\n1").result) == 4
    shown = shell.good("%%aws_profiles * --no-progress\nassert profile != 'UserAlpha'\n1").text
    assert "--yes" in shown
    assert "retry()" in shown


def test_a_typo_in_the_configuration(bare_shell: Shell, aws: EmbeddedAws) -> None:
    """After the first switch, one line names a pattern that is nearly a profile's name.

    A team's pattern for profiles that the user doesn't have isn't mentioned.
    """
    aws.write_profile("acme-prod", region="us-west-2")
    bare_shell.ip.config.AwsProfileMagics.protected = ["*-prdo", "*-admin", "billing"]
    bare_shell.good("%load_ext ipy_awsprofile")
    lines = bare_shell.good("%aws_profile RoleBeta").text.splitlines()
    says = "`AwsProfileMagics.protected`: No known profile or account matches `*-prdo`."
    assert [line for line in lines if "AwsProfileMagics" in line] == [
        f"{says} Did you mean `prod`?"
    ]
    assert "AwsProfileMagics" not in bare_shell.good("%aws_profile UserAlpha").text


@pytest.mark.usefixtures("signed_in")
def test_patterns_before_accounts_are_known(shell: Shell, aws: EmbeddedAws) -> None:
    """A pattern can be the name of an account that no sign-in has listed: the line says where."""
    line = "%config AwsProfileMagics.protected = ['{}']"
    shown = shell.good(line.format("Acme Prod")).text
    assert "No known profile or account matches `Acme Prod`." in shown
    *_, list_more = re.findall("`(.+?)`", shown)
    assert "Acme Prod" in shell.good(list_more).text
    assert shell.good(line.format("Acme P*")).text == ""
    assert "No known profile or account matches `Biling`" in shell.good(line.format("Biling")).text


@pytest.mark.usefixtures("signed_in")
def test_the_name_of_an_account(shell: Shell, aws: EmbeddedAws) -> None:
    """A pattern protects a profile by its account's name, which the card shows."""
    setting(shell, "protected", "*prod*")
    role = f"corp:{PROD}/Reader"
    for line in ("payroll", f"{role} --save harmless"):
        assert isinstance(shell.refused(f"%aws_profile {line}"), ProtectedProfile)
    shell.good("%aws_profiles --sso")
    assert shell.good("%config AwsProfileMagics.protected = ['Acme']").text == ""
    card = shell.good("%aws_profile payroll --yes").text
    assert f"{PROD} (Acme Prod)" in card
    assert "payroll  (protected, " in card.splitlines()[0]


@pytest.mark.usefixtures("signed_in")
def test_a_name_that_was_listed_once(shell: Shell, aws: EmbeddedAws) -> None:
    """An account's name protects its roles for good: after a day, and after a sign-out."""
    role_arn = f"arn:aws:iam::{PROD}:role/Payroll"
    aws.write_profile("payroll-role", source_profile="UserAlpha", role_arn=role_arn)
    shell.good("%aws_profiles --sso")
    for setting_name in ("protected", "read_only"):
        setting(shell, setting_name, "Acme")
    tomorrow = datetime.now(UTC) + timedelta(days=2)
    with time_machine.travel(tomorrow, tick=True):
        assert isinstance(shell.refused("%aws_profile payroll-role"), ProtectedProfile)
        shell.good("%aws_profile --logout")
        assert isinstance(shell.refused("%aws_profile payroll-role"), ProtectedProfile)


def test_without_a_sign_in(shell: Shell, aws: EmbeddedAws) -> None:
    """If the account's name can't be looked up, the switch fails because it needs a sign-in."""
    organisation(aws)
    payroll(aws)
    setting(shell, "protected", "*prod*")
    assert isinstance(shell.refused("%aws_profile payroll"), SignInRequired)


# Read-only sessions ---


@pytest.mark.usefixtures("aws")
def test_read_only_by_pattern(shell: Shell) -> None:
    """A matching profile is read-only however it is opened, unless `--write` allows writes."""
    setting(shell, "read_only", ROLE_ACCOUNT)
    assert "read-only" in shell.good("%aws_profile RoleBeta").text
    assert shell.good(LISTED).result == 3
    assert "AccessDenied" in str(shell.run(PUT).error)
    assert "read-only" in shell.good("%aws_profile --refresh").text
    assert "read-only" not in shell.good("%aws_profile RoleBeta --write").text
    shell.good(PUT)
    assert "read-only" not in shell.good("%aws_profile --refresh").text
    shell.good("%aws_profile UserAlpha")
    assert "AccessDenied" in str(shell.run(f"%%aws_profile RoleBeta\n{PUT}").error)
    shell.good(f"%%aws_profile RoleBeta --write\n{PUT}")
    with pytest.raises(ClientError, match="AccessDenied"), using_profile("RoleBeta") as session:
        put(session)
    with using_profile("RoleBeta", write=True) as session:
        put(session)
    setting(shell, "read_only")
    assert "read-only" not in shell.good("%aws_profile RoleBeta").text


@pytest.mark.usefixtures("signed_in")
def test_everything_read_only(
    shell: Shell, aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the pattern `*`, only `--write` opens a profile, role or the default for writing."""
    user = aws.iam.create_user("Ann", account=ROLE_ACCOUNT, policy=allow("*"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", user.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", user.secret_access_key)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    setting(shell, "read_only", "*")
    role = f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleBeta"
    for line in ("RoleBeta", f"--role-arn {role} --source-profile UserAlpha", "--default"):
        shell.good(f"%aws_profile {line}")
        for cell in (PUT, f"%%aws_profile {line}\n{PUT}"):
            assert "AccessDenied" in str(shell.run(cell).error)
        shell.good(f"%aws_profile {line} --write\n{PUT}")
    assert "read-only" in shell.good(f"%aws_profile corp:{PROD}/Admin").text
    (file := tmp_path / "policy.json").write_text(POLICY)
    assert "add `--write`" in shell.refused(f'%aws_profile RoleBeta --policy "{file}"').hint
    shell.good(f'%aws_profile RoleBeta --policy "{file}" --write')


@pytest.mark.usefixtures("aws")
def test_a_user_that_cannot_be_limited(shell: Shell) -> None:
    """If AWS doesn't let keys be limited, a switch to a read-only account fails."""
    setting(shell, "read_only", USER_ACCOUNT)
    error = shell.refused("%aws_profile UserAlpha")  # its policy doesn't allow GetScopedCredentials
    assert "sts:GetScopedCredentials" in str(error)
    assert shell.good("%aws_profile").text.startswith("No profile is active")
    shell.good("%aws_profile UserAlpha --write")


@pytest.mark.usefixtures("aws")
def test_many_profiles(shell: Shell, tmp_path: Path) -> None:
    """Runs over many profiles apply read-only patterns, `--read-only`, `--policy` and `--write`."""
    (file := tmp_path / "policy.json").write_text(POLICY)
    limits: list[dict[str, Any]] = [{"read_only": True}, {"policy": file}]
    for limit in (*limits, {}):
        setting(shell, "read_only", *([] if limit else ["Role*"]))
        with pytest.raises(NoProfileAnswered, match="AccessDenied"):
            across_profiles("RoleBeta", put, progress=False, **limit)
    assert len(across_profiles("RoleBeta", put, progress=False, write=True)) == 1
    setting(shell, "read_only")
    for options in ("--read-only", f'--policy "{file}"'):
        magic = f"%%aws_profiles RoleBeta --no-progress {options}"
        assert "AccessDenied" in str(shell.run(f"{magic}\n{PUT}").error)
        shell.good(f"{magic}\n{LISTED}")


@pytest.mark.usefixtures("signed_in")
def test_the_card(shell: Shell, tmp_path: Path) -> None:
    """The card says what limits the session, and shows the same ARN as without limits."""
    arn = shell.good("%aws_profile prod-reader").text
    base = next(line for line in arn.splitlines() if "arn:aws:sts" in line)
    (file := tmp_path / "policy.json").write_text(POLICY)
    for option, says in (
        ("--read-only", "read-only in 33 services; all others are denied"),
        (f'--policy "{file}"', f"limited by the session policy {file}"),
    ):
        card = shell.good(f"%aws_profile prod-reader {option}").text
        assert says in card
        assert base in card.splitlines()


# Expected accounts and cached sessions ---


@pytest.fixture
def cached(aws: EmbeddedAws) -> None:
    """Put RoleBeta's session into the cache that is shared with the AWS CLI."""
    open_session("RoleBeta")
    aws.calls.clear()


@pytest.mark.usefixtures("cached")
@pytest.mark.parametrize("how", [f"--expect-account {ROLE_ACCOUNT}", "--yes"])
def test_a_cached_role_is_checked(shell: Shell, aws: EmbeddedAws, how: str) -> None:
    """STS confirms a cached role of an expected account or a protected profile, or replaces it."""
    setting(shell, "protected", "Role*" if how == "--yes" else "other")
    assert "cached" not in shell.good(f"%aws_profile RoleBeta {how}").text
    assert actions(aws) == ["sts:GetCallerIdentity"]
    aws.iam.expire_sessions()
    shell.good(f"%aws_profile RoleBeta {how}")
    assert actions(aws) == ["sts:GetCallerIdentity", "sts:AssumeRole"]
    shell.good(LISTED)


@pytest.mark.usefixtures("aws")
def test_expected_account(shell: Shell) -> None:
    """An expected account can be a number without leading zeros."""
    shell.good("%aws_profile RoleBeta --expect-account 1234-5678-9012\n%aws_profile --off")
    with using_profile("RoleBeta", expect_account=int(ROLE_ACCOUNT)):
        pass
    with pytest.raises(UnexpectedAccount, match="not in 000000000012"):
        using_profile("RoleBeta", expect_account=12).__enter__()


@pytest.mark.parametrize("typed", ["atlas-dev", "12345678901", "1234567890123", ""])
def test_an_expected_account_without_an_id(shell: Shell, aws: EmbeddedAws, typed: str) -> None:
    """An expected account that isn't an ID is refused before any call, and the hint lists IDs."""
    error = shell.refused(f'%aws_profile RoleBeta --expect-account "{typed}"')
    assert isinstance(error, InvalidOption)
    says = "account is empty." if not typed else f"`{typed}` isn't an account ID, which has 12 dig"
    assert says in str(error)
    assert aws.calls == []
    assert ROLE_ACCOUNT in shell.good(error.hint.split("`")[1]).text
