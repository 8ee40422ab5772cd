"""`organization_roles` and ``--organization`` use one role in all accounts of an organization."""

from __future__ import annotations

import json
import re
import signal
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import time_machine
from moto.organizations.utils import PAGINATION_MODEL

from ipy_awsprofile import across_profiles, open_session, organization_roles, scoped
from ipy_awsprofile.across.organization import OrganizationRole
from ipy_awsprofile.demo.stages import USER_ACCOUNT, allow, trusting
from ipy_awsprofile.errors import InvalidOption, NoProfileAnswered
from tests.across.runs import ASSUME, Flaky, account_of, actions, bucket_count, errors_of
from tests.aws import EmbeddedAws
from tests.integration.test_hints import code_in
from tests.shells import Shell

LIST = "organizations:ListAccounts"
NAMES = ("Atlas dev", "Atlas prod", "Borealis", "sandbox-ann")
LIMITED = "lambda session: session.target.request.read_only"
RUN = "%%aws_profiles --organization --role Audit --no-progress"


@pytest.fixture
def lead(aws: EmbeddedAws) -> str:
    """Create the role profile Lead, which may list the organization's accounts; return its ARN."""
    trust = trusting(f"arn:aws:iam::{USER_ACCOUNT}:root")
    policy = allow("organizations:*", "sts:AssumeRole", "sts:GetScopedCredentials")
    arn = aws.iam.create_role("Lead", account=USER_ACCOUNT, trust=trust, policy=policy)
    aws.write_profile("Lead", source_profile="UserAlpha", role_arn=arn, region="us-west-2")
    return arn


@pytest.fixture
def accounts(aws: EmbeddedAws, lead: str) -> dict[str, str]:
    """Create an organization whose accounts have a role Audit; return the IDs by account name.

    The management account doesn't have the role.
    """
    accounts = aws.create_organization(NAMES, manager=USER_ACCOUNT)
    for account in accounts.values():
        add_role(aws, account, "Audit", lead)
    return accounts


def add_role(aws: EmbeddedAws, account: str, name: str, trusted: str) -> str:
    """Create a role that may use S3."""
    return aws.iam.create_role(name, account=account, trust=trusting(trusted), policy=allow("s3:*"))


@pytest.fixture
def notebook(shell: Shell, aws: EmbeddedAws, accounts: dict[str, str]) -> Shell:
    """Return a shell in which Lead is active."""
    shell.good("%aws_profile Lead")
    aws.calls.clear()
    return shell


def test_whole_organization(
    notebook: Shell, aws: EmbeddedAws, accounts: dict[str, str], lead: str
) -> None:
    """A cell runs in each account as the active identity's role, and a missing role is an error.

    Each role is assumed once, with the credentials that the notebook already has, or is cached.
    """
    del aws.iam.roles[f"arn:aws:iam::{accounts.pop('Borealis')}:role/Audit"]
    ran = notebook.good(f"{RUN} --into frame\nsession.client('sts').get_caller_identity()['Arn']")
    frame = notebook.names["frame"]
    assert list(frame) == ["profile", "account", "account_name", "region", "value"]
    assert dict(zip(frame["account_name"], frame["account"], strict=True)) == accounts
    assert list(frame["profile"]) == [
        f"arn:aws:iam::{account}:role/Audit" for account in frame["account"]
    ]
    assert [arn.split(":")[4] for arn in frame["value"]] == list(frame["account"])
    assert set(frame["region"]) == {"us-west-2"}
    errors = frame.attrs["errors"].frame()
    assert list(errors)[:3] == ["profile", "account", "account_name"]
    assert list(errors["account_name"]) == ["Borealis", "master"]
    assert set(errors["error"]) == {"AccessDenied"}
    assert "3 of 5 profiles succeeded" in ran.text
    assert "2 profiles: AccessDenied: AWS denied AssumeRole" in ran.text
    assert actions(aws) == {LIST: 1, ASSUME: 5, "sts:GetCallerIdentity": 3}
    signers = {str(call.arn) for call in aws.calls if call.action in (LIST, ASSUME)}
    (signer,) = {arn.rpartition("/")[0] for arn in signers}
    assert signer == f"arn:aws:sts::{USER_ACCOUNT}:assumed-role/Lead"
    aws.calls.clear()
    notebook.good(f"{RUN} --exclude master --exclude borealis\nprofile.account")
    assert actions(aws) == {LIST: 1}
    ran = notebook.good(f"{RUN} --exclude master\nprofile.account")
    assert "`Borealis`: AccessDenied: AWS denied AssumeRole" in ran.text


def test_accounts(
    aws: EmbeddedAws, accounts: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only active accounts are listed, and patterns select or leave out accounts by name or ID."""
    monkeypatch.setitem(PAGINATION_MODEL["list_accounts"], "limit_default", 2)
    session = open_session("Lead")

    def names(*pattern: str, **options: Any) -> list[str]:
        roles = organization_roles("Audit", *pattern, session=session, **options)
        return [role.account.name for role in roles]

    assert names() == ["Atlas dev", "Atlas prod", "Borealis", "master", "sandbox-ann"]
    assert actions(aws)[LIST] == 3  # pages
    assert names("atlas*") == names("ATLAS") == ["Atlas dev", "Atlas prod"]
    assert names(accounts["Borealis"]) == ["Borealis"]
    assert names(exclude="SANDBOX-*") == ["Atlas dev", "Atlas prod", "Borealis", "master"]
    assert names("atlas", exclude=["atlas", "*prod", USER_ACCOUNT]) == ["Atlas dev"]
    session.client("organizations").close_account(AccountId=accounts["Borealis"])
    assert names("borealis") == []


def test_path_and_partition(aws: EmbeddedAws, accounts: dict[str, str], lead: str) -> None:
    """A role can have a path, and the roles' ARNs have the organization's partition."""
    add_role(aws, accounts["Borealis"], "audit/Reader", lead)
    roles = organization_roles("/audit/Reader", "borealis", session=open_session("Lead"))
    assert list(across_profiles(roles, account_of)["value"]) == [accounts["Borealis"]]
    in_gov_cloud = open_session("Lead", region="us-gov-west-1")
    in_gov_cloud.client("organizations").create_organization(FeatureSet="ALL")
    (role,) = organization_roles("audit/Reader", session=in_gov_cloud)
    assert str(role) == f"arn:aws-us-gov:iam::{USER_ACCOUNT}:role/audit/Reader"


def test_given_session(aws: EmbeddedAws, accounts: dict[str, str]) -> None:
    """Any boto3 session can list the accounts and assume the roles, even without a switch."""
    with pytest.raises(InvalidOption, match="No profile is active") as raised:
        organization_roles("Audit")
    assert "pass a `session`" in raised.value.hint
    aws.calls.clear()
    session = boto3.Session(profile_name="Lead")
    roles = organization_roles("Audit", exclude="master", session=session)
    frame = across_profiles(roles, account_of, regions="eu-west-1", progress=False)
    assert list(frame)[2:4] == ["account_name", "region"]
    assert list(frame["value"]) == list(accounts.values())
    assert actions(aws) == {LIST: 1, ASSUME: 5, "sts:GetCallerIdentity": 4}
    with scoped(open_session("Lead"), read_only=True) as limited:
        roles = [OrganizationRole(role.account, role.arn, limited) for role in roles]
        assert {row["error"] for row in errors_of(roles, account_of)} == {"AccessDenied"}


def test_explained_roles(notebook: Shell) -> None:
    """A hint's line explains a role with the session that assumed it, or is left out."""
    notebook.good("from ipy_awsprofile import across_profiles, organization_roles")
    call = "across_profiles(organization_roles('audit'{}), str, progress=False)"
    hint = notebook.refused(call.format("")).hint
    line = next(code for code in code_in(hint) if "--explain" in code)
    assert "no problems found" in notebook.good(line).text
    notebook.good("import boto3")
    hint = notebook.refused(call.format(", session=boto3.Session(profile_name='Lead')")).hint
    assert "trust policy" in hint
    assert "--explain" not in hint


def test_roles_in_a_frame(notebook: Shell, accounts: dict[str, str]) -> None:
    """A DataFrame of roles has their accounts and ARNs, and copied roles can still be used."""
    frame = notebook.good(
        "import copy, pickle, pandas as pd\n"
        "from ipy_awsprofile import across_profiles, organization_roles\n"
        "roles = organization_roles('Audit', exclude='master')\npd.DataFrame(roles)"
    ).result
    assert [account.id for account in frame.account] == list(accounts.values())
    assert all(frame.arn.str.endswith(":role/Audit"))
    copies = "across_profiles(copy.deepcopy(roles), str, progress=False)"
    assert list(notebook.good(copies).result.account) == list(accounts.values())
    for code, text in (
        ("pickle.dumps(roles)", "its session stays in its process"),
        ("copy.copy(session)", "can't be copied or pickled"),
    ):
        error = notebook.run(code).error
        assert isinstance(error, TypeError)
        assert text in str(error)


def test_refused(notebook: Shell) -> None:
    """Incomplete options, and a pattern that no account matches, are refused with the next step."""
    notebook.good("from ipy_awsprofile import organization_roles")
    for options, message in (
        ("--organization", "--organization and --role require each other"),
        ("--role Audit", "--organization and --role require each other"),
    ):
        error = notebook.refused(f"%%aws_profiles {options}\n1")
        assert message in str(error)
        (code,) = re.findall("Add `(.*)` to the line", error.hint)
        line = f"%%aws_profiles {options} {code.replace('NAME', 'Audit')} --no-progress\n1"
        assert len(notebook.good(line).result) in {4, 5}
    error = notebook.refused("%%aws_profiles --organization --role Audit --sso\n1")
    assert "can't be combined with --sso" in str(error)
    assert error.hint.endswith("leave out `--sso`.")
    error = notebook.refused("%%aws_profiles --sso corp --role Audit\n1")
    assert error.hint.endswith("leave out `--role`, and write `--sso corp Audit`.")
    error = notebook.refused("%%aws_profiles --organization --role Audit unknown\n1")
    assert "No account or role matches" in str(error)
    (code,) = re.findall("`(.*)`", error.hint)
    assert len(notebook.good(code).result) in {4, 5}
    notebook.good("%aws_profile UserAlpha")
    error = notebook.refused(f"{RUN}\n1")
    assert "isn't allowed to call ListAccounts" in str(error)
    assert "management account" in error.hint


# Limits -------------------------------------------------------------------------------------------


def test_protected_accounts(notebook: Shell, accounts: dict[str, str]) -> None:
    """The patterns of protected and read-only profiles match the names of the accounts."""
    write = """
place = {"LocationConstraint": session.region_name}
bucket = f"{start}-{profile.account}"
created = session.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
created["ResponseMetadata"]["HTTPStatusCode"]"""
    notebook.names["start"] = "first"
    notebook.good("%config AwsProfileMagics.protected = ['*prod']")
    notebook.good("%config AwsProfileMagics.read_only = ['borealis']")
    frame = notebook.good(f"{RUN} --exclude master\n{write}").result
    errors = {row["account_name"]: row["error"] for row in frame.attrs["errors"]}
    assert errors == {"Atlas prod": "ProtectedProfile", "Borealis": "AccessDenied"}
    notebook.names["start"] = "second"
    frame = notebook.good(f"{RUN} --exclude master --yes --write\n{write}").result
    assert list(frame["account"]) == list(accounts.values())


def test_read_only_identity(notebook: Shell) -> None:
    """A read-only identity can't assume roles, even if the cache has them."""
    notebook.good(f"{RUN} --exclude master\n1")
    notebook.good("%aws_profile Lead --read-only")
    error = notebook.refused(f"{RUN} --exclude master\n1")
    assert isinstance(error, NoProfileAnswered)
    assert {row["error"] for row in error.errors} == {"AccessDenied"}


def test_the_limits_of_a_user(notebook: Shell, aws: EmbeddedAws, accounts: dict[str, str]) -> None:
    """If only the limits deny ListAccounts, the hint moves them to the sessions in the accounts."""
    policy = allow("organizations:*", "sts:*")
    user = aws.iam.create_user("Max", account=USER_ACCOUNT, policy=policy)
    aws.write_profile(
        "Max",
        aws_access_key_id=user.access_key_id,
        aws_secret_access_key=user.secret_access_key,
        region="us-west-2",
    )
    for account in accounts.values():
        add_role(aws, account, "Review", user.arn)
    run = RUN.replace("Audit", "Review") + " --exclude master"
    notebook.good("%aws_profile Max --read-only --region us-west-1")
    error = notebook.refused(f"{run}\n1")
    assert "The limits of this session of `Max` don't allow ListAccounts" in str(error)
    line, option, _, argument, _ = code_in(error.hint)
    notebook.good(line)
    reads = "session.client('s3').list_buckets()['Buckets']; session.region_name"
    assert set(notebook.good(f"{run} {option}\n{reads}").result["value"]) == {"us-west-1"}
    writes = "session.client('s3').put_object(Bucket='b', Key='k', Body=b'')"
    denied = notebook.refused(f"{run} {option}\n{writes}")
    assert isinstance(denied, NoProfileAnswered)
    assert {row["error"] for row in denied.errors} == {"AccessDenied"}
    notebook.good("from ipy_awsprofile import *\nroles = organization_roles('Review', 'borealis')")
    frame = notebook.good(f"across_profiles(roles, {LIMITED}, {argument}, progress=False)").result
    assert list(frame["value"]) == [True]
    given = "organization_roles('Review', session=open_session('Max', read_only=True))"
    assert "Use a session without these limits." in notebook.refused(given).hint


# A long run ---------------------------------------------------------------------------------------


def test_renewal(aws: EmbeddedAws, accounts: dict[str, str]) -> None:
    """A role that expires during its function renews itself, and the session that assumes it."""
    with time_machine.travel(datetime.now(UTC), tick=True) as traveller:
        (role,) = organization_roles("Audit", "borealis", session=open_session("Lead"))

        def function(session: Any) -> int:
            before = bucket_count(session)
            traveller.shift(timedelta(hours=2))
            return before + bucket_count(session)

        frame = across_profiles([role], function, progress=False)
    assert list(frame["value"]) == [0]
    assert actions(aws) == {LIST: 1, ASSUME: 4, "s3:ListAllMyBuckets": 2}


def test_ctrl_c_and_retry(aws: EmbeddedAws, accounts: dict[str, str], lead: str) -> None:
    """A retry runs the accounts that failed or that Ctrl-C left out, and returns all of them."""
    roles = organization_roles("Audit", session=open_session("Lead"))
    ends, flaky = threading.Event(), Flaky(str(roles[0]))

    def function(session: Any) -> str:
        if session.profile_name == str(roles[2]) and not ends.is_set():
            signal.raise_signal(signal.SIGINT)
            ends.wait(60)
        return flaky(session)

    try:
        frame = across_profiles(roles, function, max_workers=1, progress=False)
    finally:
        ends.set()
    assert list(frame["account_name"]) == ["Atlas prod"]
    assert frame.attrs["interrupted"]
    flaky.heal()
    add_role(aws, USER_ACCOUNT, "Audit", lead)  # the management account lacked it
    whole = frame.attrs["errors"].retry()
    assert list(whole["account_name"]) == [role.account.name for role in roles]
    assert whole.attrs == {"errors": [], "interrupted": False}
    assert actions(aws)[LIST] == 1


def test_a_role_instead_of_a_name(notebook: Shell) -> None:
    """A role instead of a profile's name gets the call that assumes the role with its options."""
    notebook.good("from ipy_awsprofile import *\nrole = organization_roles('Audit', 'Borealis')[0]")
    (call,) = code_in(notebook.refused("open_session(role, read_only=True)").hint)
    notebook.good(f"opened = {call}")
    assert notebook.names["opened"].target.request.read_only
    assert notebook.names["opened"].target.request.role_arn == notebook.names["role"].arn
    (statement,) = code_in(notebook.refused("with using_profile(role):\n    1").hint)
    notebook.good(f"{statement}\n    assert who_am_i(session).account == role.account.id")
    for attribute in ("name", "id", "profile"):
        (meant,) = code_in(notebook.run(f"role.{attribute}").text.splitlines()[0])
        notebook.good(f"role.{meant}")


def test_arns_instead_of_names(notebook: Shell, accounts: dict[str, str]) -> None:
    """ARNs from a result get the code that runs for the same accounts, and for no others."""
    notebook.good(f"{RUN} --exclude master --into frame\n1")
    notebook.good("from ipy_awsprofile import *\nsome = frame.profile[1:3]")
    names = list(notebook.names["some"])
    for profiles in ("some", "','.join(some)", "[*some, 'UserAlpha']"):
        error = notebook.refused(f"across_profiles({profiles}, repr, progress=False)")
        assert isinstance(error, InvalidOption)
        code, line = code_in(error.hint)
        run = f"across_profiles({code}, {LIMITED}, read_only=True, progress=False)"
        frame = notebook.good(run).result
        assert list(frame["profile"]) == names
        assert list(frame["value"]) == [True, True]
        assert list(notebook.good(f"{line} --no-progress\n1").result["profile"]) == names


@pytest.mark.parametrize("options", ["", "--read-only --region us-west-1"])
def test_an_arn_instead_of_a_name(notebook: Shell, accounts: dict[str, str], options: str) -> None:
    """An ARN for one session gets the call with the active profile, its limits and its Region."""
    arn = f"arn:aws:iam::{accounts['Borealis']}:role/Audit"
    notebook.good(f"from ipy_awsprofile import *\n%aws_profile Lead {options}")
    (call,) = code_in(notebook.refused(f"open_session('{arn}', duration='20m')").hint)[1:]
    request = notebook.good(f"opened = {call}\nopened.target.request").result
    assert (request.role_arn, request.duration) == (arn, "20m")
    assert (request.read_only, request.region) == (bool(options), options[-9:] or None)
    (block,) = code_in(notebook.refused(f"with using_profile('{arn}'): 1").hint)[1:]
    notebook.good(f"{block} used = session.target.request")
    assert notebook.names["used"].role_arn == arn
    assert notebook.names["used"].read_only == bool(options)
    notebook.good("%aws_profile --off")
    call, _ = code_in(notebook.refused(f"open_session('{arn}')").hint)
    notebook.good(f"opened = {call.replace('NAME', 'Lead')}")
    assert notebook.names["opened"].target.request.role_arn == arn


def test_a_role_of_a_limited_session(notebook: Shell, tmp_path: Path) -> None:
    """The role of a session with a policy isn't opened without that policy."""
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(allow("organizations:*", "sts:AssumeRole")))
    notebook.good(f'%aws_profile Lead --policy "{policy}"\nfrom ipy_awsprofile import *')
    notebook.good("role = organization_roles('Audit', 'Borealis')[0]")
    function, roles = code_in(notebook.refused("open_session(role)").hint)
    notebook.good(f"{function}({roles.replace('ROLE', 'role')}, who_am_i)")


def test_the_organization_as_a_pattern(notebook: Shell) -> None:
    """The word `organization` instead of a pattern gets the option and the function."""
    notebook.good("from ipy_awsprofile import *")
    for cell in ("across_profiles('organization', who_am_i)", "%%aws_profiles organization\n1"):
        magic, call = code_in(notebook.refused(cell).hint)
        call = call.replace("NAME", "Audit")
        magic = magic.replace("NAME", "Audit")
        for right in (f"across_profiles({call}, who_am_i)", f"{magic}\n1"):
            assert len(notebook.good(right).result) == len(NAMES)
