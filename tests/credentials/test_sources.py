"""Where a profile's credentials come from: botocore's providers, processes, and keys in files.

If another program replaces the keys in a file, the next call uses the new keys.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
import time_machine
from botocore.credentials import create_credential_resolver

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.credentials import outside
from ipy_awsprofile.credentials.botocore_session import (
    ProfileBotocoreSession,
    give_up_soon,
    provider_clients,
)
from ipy_awsprofile.credentials.person import Person, Prompter
from ipy_awsprofile.credentials.providers import Renewing, create_provider_chain
from ipy_awsprofile.credentials.sts import RoleCache
from ipy_awsprofile.demo.iam import Signer
from ipy_awsprofile.demo.stages import USER_ACCOUNT, allow, trusting
from ipy_awsprofile.errors import CredentialsRejected, CredentialsUnavailable
from ipy_awsprofile.sessions.issuing import issue_keys
from ipy_awsprofile.sessions.session import ProfileSession, open_session, who_am_i
from tests.aws import EmbeddedAws
from tests.rotation import (
    replaced_keys,
    role_keys,
    session_keys,
    write_keys,
)


def test_same_providers_as_botocore(shared_files: tuple[Path, Path]) -> None:
    """A profile has all providers of botocore's own chain, with the same names and in its order."""
    shared_files[0].write_text("[profile p]\nregion = us-east-1\n")
    target = target_of(SessionRequest(profile="p"))
    session, codes = ProfileBotocoreSession(target), Prompter(Person(), target)
    clients = provider_clients(target, give_up_soon())
    renewing = Renewing(target, codes, lambda *_: None, RoleCache())
    ours = create_provider_chain(clients, target, renewing).providers
    botocores = create_credential_resolver(session).providers
    names = [(each.METHOD, each.CANONICAL_NAME) for each in ours]
    assert names == [(each.METHOD, each.CANONICAL_NAME) for each in botocores]


def test_credential_process_that_hangs(
    aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that exceeds its timeout is ended, and the error names the profile."""
    monkeypatch.setattr(outside, "PROCESS_TIMEOUT", 0.1)
    program = tmp_path / "process.py"
    program.write_text("import time\ntime.sleep(600)")
    aws.write_profile("Process", credential_process=f"{sys.executable} {program}")
    with pytest.raises(CredentialsUnavailable, match="process of `Process` took more than"):
        open_session("Process")
    assert not is_running(program)


def is_running(program: Path) -> bool:
    """Return whether a process has this program as an argument."""
    processes = psutil.process_iter(["cmdline"])
    return any(str(program) in (process.info["cmdline"] or []) for process in processes)


# --- Keys in files ---


@pytest.fixture
def user(aws: EmbeddedAws) -> Signer:
    """Create a user with the profile `P`, whose keys are in the credentials file."""
    user = aws.iam.create_user("Worker", account=USER_ACCOUNT, policy=allow("*"))
    aws.write_profile("P", region="us-west-2")
    write_keys(aws, "P", user.settings())
    return user


def seen(aws: EmbeddedAws) -> list[tuple[str, str | None]]:
    """Return the calls since the last time, with their access keys."""
    calls = [(call.action, call.access_key_id) for call in aws.calls]
    aws.calls.clear()
    return calls


def shown(session: ProfileSession) -> str:
    """Return the ARN that the card shows after a switch."""
    return who_am_i(session).arn


def test_source_of_a_role(aws: EmbeddedAws, user: Signer) -> None:
    """After the source's keys change, the role is renewed with the new keys."""
    role_arn = aws.iam.create_role("R", account=USER_ACCOUNT, trust=trusting(user.arn))
    aws.write_profile("R", source_profile="P", role_arn=role_arn, region="us-west-2")
    session = open_session("R")
    new = replaced_keys(aws, user)
    write_keys(aws, "P", new)
    aws.calls.clear()
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=2)):
        session.client("sts").get_caller_identity()
    assert seen(aws)[0] == ("sts:AssumeRole", new["aws_access_key_id"])


def test_other_sessions_of_the_same_role(aws: EmbeddedAws, user: Signer) -> None:
    """Keys from a new session of the same role are used, and the ARN shows its session name."""
    role_arn = aws.iam.create_role(
        "R", account=USER_ACCOUNT, trust=trusting(user.arn), policy=allow("s3:*")
    )
    write_keys(aws, "P", role_keys(aws, user, role_arn, "monday"))
    session = open_session("P")
    assert shown(session).endswith("/R/monday")
    write_keys(aws, "P", role_keys(aws, user, role_arn, "tuesday"))
    session.client("s3").list_buckets()
    assert shown(session).endswith("/R/tuesday")


@pytest.mark.parametrize("text", [None, "[P]\naws_access_key_id = {key}\naws_secret_acc"])
def test_half_a_file(aws: EmbeddedAws, user: Signer, text: str | None) -> None:
    """While another program writes the file, the session uses the previous keys, without a call."""
    session = open_session("P")
    shown(session)
    aws.calls.clear()
    new = session_keys(aws, user)
    key = new["aws_access_key_id"]
    if text is None:
        aws.credentials_file.unlink()
    else:
        aws.credentials_file.write_text(text.format(key=key))
    s3 = session.client("s3")
    s3.list_buckets()
    assert seen(aws) == [("s3:ListAllMyBuckets", user.access_key_id)]
    write_keys(aws, "P", new)
    s3.list_buckets()
    assert seen(aws)[-1] == ("s3:ListAllMyBuckets", key)


def test_keys_that_aws_rejects(aws: EmbeddedAws, user: Signer) -> None:
    """Keys that AWS rejects are an error until the file has the right ones."""
    session = open_session("P")
    s3 = session.client("s3")
    shown(session)
    write_keys(aws, "P", user.settings() | {"aws_secret_access_key": "x" * 40})
    with pytest.raises(CredentialsRejected, match="the keys of `P`"):
        s3.list_buckets()
    write_keys(aws, "P", session_keys(aws, user))
    s3.list_buckets()
    assert shown(session) == user.arn


def test_what_is_lent(aws: EmbeddedAws, user: Signer) -> None:
    """After the keys change, the credentials to lend come from the new keys."""
    session = open_session("P")
    first = issue_keys(session)
    assert issue_keys(session) == first
    aws.calls.clear()
    new = replaced_keys(aws, user)
    key = write_keys(aws, "P", new)
    second = issue_keys(session)
    assert second != first
    assert issue_keys(session) == second
    assert seen(aws) == [("sts:GetSessionToken", key)]
