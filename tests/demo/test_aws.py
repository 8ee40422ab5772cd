"""The embedded AWS as a whole: it starts clean, stops clean, and keeps its secrets."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

import botocore.session
import moto.iam.access_control
import moto.s3.responses
import moto.sts.urls
import pytest
from botocore.exceptions import ClientError
from moto import settings
from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.responses import BaseResponse
from moto.iam.models import iam_backends

from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.stages.scenario import seed
from tests.demo.clients import Clients
from tests.demo.policies import AWAY, HOME, allows, denies, policy, trusts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.demo.clients import Clock


def traces() -> dict[str, Any]:
    """Return all that an embedded AWS changes in the process while it runs."""
    return {
        "requests": moto.iam.access_control.IAMRequest,
        "S3 requests": moto.iam.access_control.S3IAMRequest,
        "ListBuckets": moto.s3.responses.S3Response.all_buckets,
        "account": BaseResponse.get_current_account,
        "STS": dict(moto.sts.urls.url_paths),
        "authentication": settings.INITIAL_NO_AUTH_ACTION_COUNT,
        "requests counted": ActionAuthenticatorMixin.request_count,
        "accounts": {account for account in iam_backends if iam_backends[account]["aws"].users},
        "environment": dict(os.environ),
    }


def test_nothing_is_left_behind() -> None:
    """After the exit the server, the folder, the layer on moto and moto's state are gone."""
    before = traces()
    with EmbeddedAws() as aws:
        home, url = aws.home, aws.endpoint_url
        seed(aws)
        assert {name for name, value in traces().items() if value != before[name]} == {
            "requests",
            "S3 requests",
            "ListBuckets",
            "account",
            "STS",
            "authentication",
            "accounts",
        }
    assert traces() == before
    assert not home.exists()
    with pytest.raises(URLError):
        urllib.request.urlopen(url)
    assert repr(aws) == "<EmbeddedAws not running>"


def test_an_error_inside_leaves_nothing_behind() -> None:
    """A body that raises is cleaned up after, too."""
    before = traces()
    homes = []

    def fail() -> None:
        with EmbeddedAws() as aws:
            homes.append(aws.home)
            seed(aws)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert traces() == before
    assert not homes[0].exists()


def test_one_at_a_time() -> None:
    """A second embedded AWS is refused while one runs, and harms it not."""
    with EmbeddedAws() as aws:
        user = aws.create_user("Ann", account=HOME)
        with pytest.raises(RuntimeError, match="running in this process already"):
            EmbeddedAws().start()
        assert Clients(aws).of("sts", user).get_caller_identity()["Arn"] == user.arn


def test_the_next_one_is_fresh() -> None:
    """A second embedded AWS after the first knows nothing of it."""
    with EmbeddedAws() as first:
        old = first.create_user("Ann", account=HOME)
        first.create_bucket("the-bucket", account=HOME)
    with EmbeddedAws() as second:
        new = second.create_user("Ann", account=HOME, policy=policy(allows("s3:*")))
        clients = Clients(second)
        assert clients.of("s3", new).list_buckets()["Buckets"] == []
        with pytest.raises(ClientError, match="InvalidClientTokenId"):
            clients.of("sts", old).get_caller_identity()
        assert [call.access_key_id for call in second.calls] == [
            new.access_key_id,
            old.access_key_id,
        ]


def test_start_and_stop_do_without_a_with() -> None:
    """`start` and `stop` are there for those who cannot use `with`; stopping twice is harmless."""
    aws = EmbeddedAws().start()
    home = aws.home
    aws.stop()
    aws.stop()
    assert not home.exists()
    with pytest.raises(RuntimeError, match="not running"):
        aws.endpoint_url  # noqa: B018 — reading it is the test
    with pytest.raises(RuntimeError, match="not running"):
        aws.environment()


def test_it_stops_with_the_interpreter() -> None:
    """A forgotten embedded AWS removes its folder when Python ends."""
    script = (
        "from ipy_awsprofile.demo.aws import EmbeddedAws; print(EmbeddedAws().start().home, end='')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stderr == ""
    assert "embedded-aws-" in ended.stdout
    assert not os.path.exists(ended.stdout)


def test_it_is_silent(
    aws: EmbeddedAws, clients: Clients, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither starting nor a request prints anything."""
    clients.of("sts", aws.create_user("Ann", account=HOME)).get_caller_identity()
    assert tuple(capfd.readouterr()) == ("", "")


def test_it_listens_on_loopback_only(aws: EmbeddedAws) -> None:
    """The endpoint is a port of 127.0.0.1."""
    assert aws.endpoint_url.startswith("http://127.0.0.1:")


def test_only_the_user_can_read_the_files(aws: EmbeddedAws) -> None:
    """The folder is 0700 and the shared files are 0600, before and after writing."""
    seed(aws)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in aws.home.rglob("*")}
    assert stat.S_IMODE(aws.home.stat().st_mode) == 0o700
    assert modes == {
        aws.home / ".aws": 0o700,
        aws.config_file: 0o600,
        aws.credentials_file: 0o600,
    }


def test_the_environment_has_no_secret_and_no_endpoint(aws: EmbeddedAws) -> None:
    """Another process gets the files' places, and nothing else."""
    seed(aws)
    assert aws.environment() == {
        "HOME": str(aws.home),
        "AWS_CONFIG_FILE": str(aws.home / ".aws" / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(aws.home / ".aws" / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def test_secrets_are_all_that_was_given_out(aws: EmbeddedAws, clients: Clients) -> None:
    """`secrets` has keys, tokens and seeds, also of keys that were made over the wire."""
    user = aws.create_user("Ann", account=HOME, policy=policy(allows("*")), mfa=True)
    role = aws.create_role("Role", account=HOME, trust=trusts(user.arn))
    session = clients.assume(user, role)
    made = clients.of("iam", user).create_access_key(UserName="Ann")["AccessKey"]
    secrets = aws.secrets()
    assert {
        user.secret_access_key,
        session["SecretAccessKey"],
        session["SessionToken"],
        made["SecretAccessKey"],
    } < secrets
    assert len(secrets) == 5  # and the device's seed
    assert user.access_key_id not in secrets


def test_no_secret_is_in_a_repr(aws: EmbeddedAws, clients: Clients) -> None:
    """Neither the records nor the embedded AWS itself show a secret."""
    scenario = seed(aws)
    user = aws.create_user("Ann", account=HOME, mfa=True)
    clients.assume(scenario.user, scenario.role_arn)
    state = aws._state
    callers = [state.sessions.find(call.access_key_id or "") for call in aws.calls]
    sessions = list(state.sessions._sessions.values())
    shown = repr([aws, scenario, user, aws.calls, callers, sessions, state.mfa, state.sessions])
    assert not [secret for secret in aws.secrets() if secret in shown]


def test_the_latency_is_added_to_each_answer(
    aws: EmbeddedAws, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request waits as long as `latency` says."""
    waits: list[float] = []
    monkeypatch.setattr("ipy_awsprofile.demo.server.time.sleep", waits.append)
    sts = clients.of("sts", aws.create_user("Ann", account=HOME))
    assert aws.latency == 0
    sts.get_caller_identity()
    aws.latency = 0.25
    sts.get_caller_identity()
    assert waits == [0, 0.25]


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("default", "[default]"),
        ("Plain", "[profile Plain]"),
        ("two words", '[profile "two words"]'),
    ],
)
def test_profiles_of_the_config_file(aws: EmbeddedAws, name: str, header: str) -> None:
    """A profile is read back by botocore, with the endpoint, whatever its name."""
    aws.write_profile("Other", region="eu-west-1")
    aws.write_profile(name, region="us-west-2", cli_pager="", s3={"addressing_style": "path"})
    assert header in aws.config_file.read_text().splitlines()
    assert botocore_profiles(aws.config_file)[name] == {
        "region": "us-west-2",
        "cli_pager": "",
        "s3": {"addressing_style": "path"},
        "endpoint_url": aws.endpoint_url,
    }


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"endpoint_url": None}, {}),
        ({"endpoint_url": "http://127.0.0.1:1"}, {"endpoint_url": "http://127.0.0.1:1"}),
        (
            {"endpoint_url": None, "sso_registration_scopes": True, "duration_seconds": 900},
            {"sso_registration_scopes": "true", "duration_seconds": "900"},
        ),
    ],
)
def test_a_profile_may_have_another_endpoint_or_none(
    aws: EmbeddedAws, settings: dict[str, Any], expected: dict[str, str]
) -> None:
    """The endpoint is written unless the profile says otherwise."""
    aws.write_profile("P", **settings)
    assert botocore_profiles(aws.config_file)["P"] == expected


def test_profiles_of_the_credentials_file(aws: EmbeddedAws) -> None:
    """In the credentials file a section is the bare name, without an endpoint."""
    aws.write_profile("two words", file="credentials", aws_access_key_id="AKIA")
    assert aws.credentials_file.read_text() == "[two words]\naws_access_key_id = AKIA\n"


@pytest.mark.parametrize("settings", [{"region": "a\n[profile evil]"}, {"output\r": "json"}])
def test_a_setting_is_one_line(aws: EmbeddedAws, settings: dict[str, Any]) -> None:
    """A setting with a line break is refused, and nothing is written."""
    with pytest.raises(ValueError, match="one line"):
        aws.write_profile("P", **settings)
    assert aws.config_file.read_text() == ""


def botocore_profiles(config_file: Path) -> dict[str, Any]:
    """Return the profiles as botocore reads them."""
    session = botocore.session.Session()
    session.set_config_variable("config_file", str(config_file))
    profiles: dict[str, Any] = session.full_config["profiles"]
    return profiles


@pytest.mark.parametrize(
    ("service", "principal"),
    [
        ("ec2.amazonaws.com", {"Service": "ec2.amazonaws.com"}),
        ("ecs-tasks.amazonaws.com", {"Service": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]}),
    ],
)
def test_a_service_gets_a_session(
    aws: EmbeddedAws, clients: Clients, clock: Clock, service: str, principal: Any
) -> None:
    """A service that the trust policy names gets credentials that authenticate as the role."""
    role = aws.create_role("App", account=AWAY, trust=trusts(principal))
    credentials = aws.service_session(service, role, "i-0123", duration=900)
    assert set(credentials) == {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"}
    assert isinstance(credentials["Expiration"], datetime)
    assert (credentials["Expiration"] - clock.now).total_seconds() == 900
    assert credentials["Expiration"].tzinfo is UTC
    arn = clients.of("sts", credentials).get_caller_identity()["Arn"]
    assert arn == f"arn:aws:sts::{AWAY}:assumed-role/App/i-0123"


@pytest.mark.parametrize(
    "principal", [{"Service": "lambda.amazonaws.com"}, {"AWS": AWAY}, "*"], ids=str
)
def test_a_service_that_is_not_trusted_gets_none(aws: EmbeddedAws, principal: Any) -> None:
    """A trust policy that does not name the service is refused, and so is an unknown role."""
    role = aws.create_role("App", account=AWAY, trust=trusts(principal))
    for arn in (role, role.replace("App", "Gone")):
        with pytest.raises(PermissionError, match=r"ec2\.amazonaws\.com is not authorized"):
            aws.service_session("ec2.amazonaws.com", arn, "i-0123")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"account": "12345"}, "twelve digits"),
        ({"max_session_duration": 3599}, "3600 to 43200"),
        ({"max_session_duration": 43201}, "3600 to 43200"),
        ({"trust": trusts(HOME, Condition={"DateLessThan": {"aws:userid": "x"}})}, "DateLessThan"),
        ({"policy": {"Statement": [{"Effect": "Allow", "Action": "*"}]}}, "Resource"),
        ({"policy": policy(allows("s3:*", Condition={"Bool": {"aws:Via": "x"}}))}, "aws:Via"),
        ({"policy": policy(allows("s3:*", Resource="${aws:username}"))}, "variable"),
        ({"policy": policy(allows("s3:*", Principal="*"))}, "Principal"),
    ],
)
def test_a_role_that_would_not_be_enforced_is_refused(
    aws: EmbeddedAws, arguments: dict[str, Any], complaint: str
) -> None:
    """Making a role fails at once if one of its policies says what is not evaluated here."""
    with pytest.raises(ValueError, match=complaint):
        aws.create_role("R", **{"account": HOME, "trust": trusts(HOME)} | arguments)


def test_policies_made_over_the_wire_hold_too(aws: EmbeddedAws, clients: Clients) -> None:
    """Inline, attached and group policies that a client makes are evaluated together."""
    admin = aws.create_user("Admin", account=HOME, policy=policy(allows("*")))
    iam, s3 = clients.of("iam", admin), clients.of("s3", aws.create_user("Ann", account=HOME))
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.list_buckets()
    allow, deny = json.dumps(policy(allows("s3:*"))), json.dumps(policy(denies("s3:*")))
    made = iam.create_policy(PolicyName="S3", PolicyDocument=allow)["Policy"]
    iam.attach_user_policy(UserName="Ann", PolicyArn=made["Arn"])
    assert s3.list_buckets()["Buckets"] == []
    iam.create_group(GroupName="Shut")
    iam.put_group_policy(GroupName="Shut", PolicyName="No", PolicyDocument=deny)
    iam.add_user_to_group(GroupName="Shut", UserName="Ann")
    with pytest.raises(ClientError, match="explicit deny"):
        s3.list_buckets()


def test_a_policy_made_over_the_wire_that_is_not_evaluated(
    aws: EmbeddedAws, clients: Clients
) -> None:
    """Such a policy makes its user's requests fail with a clear error, not pass."""
    admin = aws.create_user("Admin", account=HOME, policy=policy(allows("*")))
    document = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": '
        '"*", "Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.1/32"}}}]}'
    )
    user = aws.create_user("Ann", account=HOME)
    role = aws.create_role("Role", account=HOME, trust=trusts(user.arn))
    clients.of("iam", admin).put_user_policy(
        UserName="Ann", PolicyName="p", PolicyDocument=document
    )
    for call in (
        clients.of("iam", user).list_users,
        clients.of("s3", user).list_buckets,
        lambda: clients.assume(user, role),
    ):
        with pytest.raises(ClientError, match="does not evaluate") as caught:
            call()
        assert caught.value.response["Error"]["Code"] == "NotImplemented"


def test_a_deleted_role_leaves_its_sessions_powerless(aws: EmbeddedAws, clients: Clients) -> None:
    """A session whose role is gone may do nothing more."""
    admin = aws.create_user("Admin", account=HOME, policy=policy(allows("*")))
    role = aws.create_role("Role", account=HOME, trust=trusts(HOME))
    session = clients.of("iam", clients.assume(admin, role))
    clients.of("iam", admin).delete_role(RoleName="Role")
    with pytest.raises(ClientError, match="AccessDenied"):
        session.list_users()
