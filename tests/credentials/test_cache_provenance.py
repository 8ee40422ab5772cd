"""A session in the AWS CLI's cache is used if it can be the profile's, with its true chain.

Each test fills the cache, opens a session, and checks the calls that AWS received.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from ipy_awsprofile import across_profiles, open_session, who_am_i
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.credentials.cache_provenance import Provenance
from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.shared_files import write_private
from ipy_awsprofile.demo.stages.scenario import (
    ROLE_ACCOUNT,
    USER_ACCOUNT,
    Scenario,
    allow,
    seed,
    trusting,
)
from tests.identity_center import organisation
from tests.sessions.traces import note_endpoint
from tests.shells import Shell, aws_cli_2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ipy_awsprofile.demo.oidc import OidcProvider
    from ipy_awsprofile.sessions.identity import Identity

ASSUMED = ["sts:AssumeRole"]
ASKED = ["sts:GetCallerIdentity"]
WEB = ["sts:AssumeRoleWithWebIdentity"]
POD = f"arn:aws:iam::{USER_ACCOUNT}:role/Pod"


#: Newer versions of AWS CLI 1 have a separate cache entry for each web identity token.
HAS_ONE_FOR_EACH_TOKEN = int(version("awscli").split(".")[1]) >= 46


def seen(aws: EmbeddedAws) -> list[str]:
    """Return the actions of the calls that AWS has received since the last time."""
    actions = [call.action for call in aws.calls]
    aws.calls.clear()
    return actions


def opened(name: str, **options: Any) -> Identity:
    """Open a session, and return its identity."""
    return who_am_i(open_session(name, **options))


@pytest.fixture
def bob(aws: EmbeddedAws, scenario: Scenario) -> str:
    """Create profiles of RoleBeta for a user Bob, and for UserAlpha under another name.

    Return the name of Bob's profile.
    """
    bob = aws.create_user("Bob", account=USER_ACCOUNT, policy=allow("sts:AssumeRole"))
    role: dict[str, Any] = {"role_arn": scenario.role_arn, "region": "us-west-2"}
    for name, user, profile in (("Bob", bob, "BetaOfBob"), ("Alias", scenario.user, "BetaAgain")):
        keys: dict[str, Any] = {
            "aws_access_key_id": user.access_key_id,
            "aws_secret_access_key": user.secret_access_key,
        }
        aws.write_profile(name, file="credentials", **keys)
        aws.write_profile(profile, source_profile=name, **role)
    return "BetaOfBob"


def test_the_same_chain(aws: EmbeddedAws) -> None:
    """A session that the same profile has cached is shown with its chain, without a call."""
    first = opened("RoleBeta")
    assert (first.chain, first.source) == (("RoleBeta", "UserAlpha"), "chain")
    assert seen(aws) == ASSUMED
    assert opened("RoleBeta") == first
    assert seen(aws) == []


def test_another_source(aws: EmbeddedAws, bob: str, shell: Shell) -> None:
    """A session from another user's keys is used, and the card says so until a refresh."""
    opened("RoleBeta")
    seen(aws)
    card = shell.good(f"%aws_profile {bob}").text
    assert seen(aws) == []
    assert "BetaOfBob ← Bob" not in card
    assert "not this profile's: other credentials assumed the role" in card
    card = shell.good("%aws_profile --refresh").text
    assert "BetaOfBob ← Bob" in card
    assert "assumed the role" not in card
    assert [call.arn for call in aws.calls if call.action == "sts:AssumeRole"] == [
        f"arn:aws:iam::{USER_ACCOUNT}:user/Bob"
    ]
    assert opened("RoleBeta").source == "other"  # now Bob's session is in the cache


def test_the_same_source_by_another_name(aws: EmbeddedAws, bob: str) -> None:
    """If a source has the same keys under another name, its profile has the same chain."""
    assert bob
    opened("RoleBeta")
    seen(aws)
    again = opened("BetaAgain")
    assert (again.chain, again.source) == (("BetaAgain", "Alias"), "chain")
    assert seen(aws) == []


def test_keys_that_were_replaced(aws: EmbeddedAws, scenario: Scenario) -> None:
    """After the source's keys change, the cached session counts as another source's."""
    opened("RoleBeta")
    text = aws.credentials_file.read_text() + aws.config_file.read_text()
    assert scenario.user.access_key_id in text
    for file in (aws.credentials_file, aws.config_file):
        file.write_text(
            file.read_text().replace(scenario.user.access_key_id, "AKIAIOSFODNN7OTHERS")
        )
    assert opened("RoleBeta").source == "other"


def test_another_program(aws: EmbeddedAws, shell: Shell) -> None:
    """A session that another program has cached is used after one STS call, without a chain."""
    opened("RoleBeta")
    note_endpoint(None)
    seen(aws)
    card = shell.good("%aws_profile RoleBeta").text
    assert seen(aws) == ASKED
    assert "RoleBeta ← UserAlpha" not in card
    assert "unknown: another program assumed the role" in card
    assert "not checked with AWS" not in card
    shell.good("%aws_profile")
    assert seen(aws) == []
    assert "RoleBeta ← UserAlpha" in shell.good("%aws_profile --refresh").text


def cli(major: int) -> str:
    """Return the path of this version of the AWS CLI."""
    return aws_cli_2() if major == 2 else str(Path(sys.executable).with_name("aws"))


def ask_by(command: str, profile: str) -> None:
    """Run `sts get-caller-identity` for a profile with an AWS CLI."""
    asks = [command, "sts", "get-caller-identity", "--profile", profile]
    subprocess.run(asks, capture_output=True, check=True)


@pytest.mark.slow
@pytest.mark.nightly(keep=1)
@pytest.mark.parametrize("major", [1, 2])
def test_the_aws_cli(aws: EmbeddedAws, major: int) -> None:
    """The notebook uses sessions that either AWS CLI has cached, and vice versa."""
    command = cli(major)
    ask_by(command, "RoleBeta")
    assert seen(aws) == ASSUMED + ASKED
    assert opened("RoleBeta").source == "unknown"
    assert seen(aws) == ASKED
    assert opened("RoleBeta", fresh=True).source == "chain"
    assert seen(aws) == ASSUMED
    ask_by(command, "RoleBeta")
    assert seen(aws) == ASKED
    assert opened("RoleBeta").source == "chain"
    assert seen(aws) == []


@pytest.mark.slow
@pytest.mark.nightly(keep=2)
@pytest.mark.parametrize(
    ("kind", "major", "shared"),
    [
        ("Pod", 1, not HAS_ONE_FOR_EACH_TOKEN),
        ("Pod", 2, True),
        ("prod-reader", 1, False),
        ("prod-reader", 2, True),
    ],
)
@pytest.mark.parametrize("first", ["CLI", "notebook"])
def test_what_is_shared(
    aws: EmbeddedAws, provider: OidcProvider, *, kind: str, major: int, shared: bool, first: str
) -> None:
    """The AWS CLIs share the kinds of sessions that the page about credentials lists."""
    write_private(aws.home / "token", provider.token("ann"))
    organisation(aws)
    aws.sso.sign_in("corp")
    new = {"Pod": WEB, "prod-reader": ["sso:GetRoleCredentials"]}[kind]
    both: list[Callable[[], object]] = [partial(ask_by, cli(major), kind), partial(opened, kind)]
    for number, ask in enumerate(both if first == "CLI" else reversed(both)):
        ask()
        got = [action for action in seen(aws) if action in new]
        assert got == ([] if shared and number else new)


@pytest.mark.parametrize("noted", [True, False])
def test_another_endpoint(monkeypatch: pytest.MonkeyPatch, *, noted: bool) -> None:
    """A session from another endpoint isn't used, even without a note, and is replaced."""

    @contextmanager
    def server() -> Iterator[EmbeddedAws]:
        with EmbeddedAws() as aws:
            seed(aws)
            monkeypatch.setenv("AWS_CONFIG_FILE", str(aws.config_file))
            monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(aws.credentials_file))
            yield aws

    with server():
        opened("RoleBeta")
    if not noted:
        note_endpoint(None)
    with server() as aws:
        identity = opened("RoleBeta")
        assert identity.source == "chain"
        # STS is called with a session that has no note, and this server doesn't know the session.
        assert seen(aws) == ([] if noted else ASKED) + ASSUMED
        assert opened("RoleBeta") == identity
        assert seen(aws) == []


def test_aws_itself(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """At AWS's own endpoint, a session that another program has cached doesn't need a call."""
    opened("RoleBeta")
    note_endpoint(None)
    seen(aws)
    target = target_of(SessionRequest(profile="RoleBeta"))
    file = next(Path("~/.aws/cli/cache").expanduser().glob("*.json"))
    document = json.loads(file.read_text())
    asked: list[Any] = []

    def refuse(session: Any) -> bool:
        asked.append(session)
        return False

    assert not Provenance(target, refuse).takes(document)
    assert len(asked) == 1
    text = aws.config_file.read_text()
    for url in ("https://sts.us-west-2.amazonaws.com", ""):
        aws.config_file.write_text(text.replace(aws.endpoint_url, url))
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        provenance = Provenance(target_of(SessionRequest(profile="RoleBeta")), refuse)
        assert provenance.takes(document)
        assert (provenance.chain, provenance.source) == (("RoleBeta",), "unknown")
    assert len(asked) == 1


@pytest.fixture
def gamma(aws: EmbeddedAws, scenario: Scenario) -> str:
    """Create a role that UserAlpha assumes through a second role, and return its profile."""
    middle = aws.create_role(
        "Middle",
        account=ROLE_ACCOUNT,
        trust=trusting(scenario.user.arn),
        policy=allow("sts:AssumeRole"),
    )
    last = aws.create_role("Last", account=ROLE_ACCOUNT, trust=trusting(middle))
    aws.write_profile("Middle", role_arn=middle, source_profile="UserAlpha", region="us-west-2")
    aws.write_profile("Last", role_arn=last, source_profile="Middle", region="us-west-2")
    return "Last"


def rename_in_cache(role: str, account: str) -> None:
    """Change the only session in the cache to a session of another role."""
    (file,) = Path("~/.aws/cli/cache").expanduser().glob("*.json")
    document = json.loads(file.read_text())
    document["AssumedRoleUser"]["Arn"] = f"arn:aws:sts::{account}:assumed-role/{role}/me"
    file.write_text(json.dumps(document))


@pytest.mark.parametrize("noted", [True, False])
@pytest.mark.parametrize(("role", "account"), [("RoleBeta", USER_ACCOUNT), ("Gamma", ROLE_ACCOUNT)])
def test_a_session_of_another_role(
    aws: EmbeddedAws, shell: Shell, *, role: str, account: str, noted: bool
) -> None:
    """A session of another role or account isn't used, and the role is assumed again."""
    identity = opened("RoleBeta")
    rename_in_cache(role, account)
    if not noted:
        note_endpoint(None)
    seen(aws)
    explained = shell.good("%aws_profile --explain RoleBeta").text
    assert f"isn't used: it is for the role {role} in account {account}" in explained
    assert opened("RoleBeta").account == identity.account
    assert seen(aws) == ASSUMED
    assert opened("RoleBeta").account == identity.account
    assert seen(aws) == []


def test_a_session_of_another_role_of_the_chain(aws: EmbeddedAws, gamma: str) -> None:
    """A cached session of the middle role isn't used for the last role."""
    opened(gamma)
    middle, last = (
        next(
            file
            for file in Path("~/.aws/cli/cache").expanduser().glob("*.json")
            if f"assumed-role/{role}/" in file.read_text()
        )
        for role in ("Middle", "Last")
    )
    last.write_text(middle.read_text())
    seen(aws)
    assert "assumed-role/Last/" in opened(gamma).arn
    assert seen(aws) == ASSUMED


@pytest.mark.parametrize("way", ["session", "across"])
def test_a_role_in_the_middle(aws: EmbeddedAws, gamma: str, way: str) -> None:
    """The chain ends at the role whose session another program has cached."""
    opened("Middle")
    note_endpoint(None)
    seen(aws)
    if way == "session":
        identity = opened(gamma)
    else:
        frame = across_profiles(gamma, who_am_i, progress=False)
        identity = frame["value"].iloc[0]
    assert seen(aws) == ASKED + ASSUMED
    assert (identity.chain, identity.source) == (("Last", "Middle"), "unknown")
    cached = opened(gamma)
    assert (cached.chain, cached.source) == (("Last",), "unknown")
    assert seen(aws) == []
    assert opened(gamma, fresh=True).chain == ("Last", "Middle", "UserAlpha")
    assert opened(gamma).chain == ("Last", "Middle", "UserAlpha")


def test_after_a_renewal(aws: EmbeddedAws, shell: Shell) -> None:
    """After the session renews itself with the profile's source, the card shows the chain."""
    with time_machine.travel(datetime.now(UTC), tick=True) as traveller:
        opened("RoleBeta")
        note_endpoint(None)
        shell.good("%aws_profile RoleBeta")
        seen(aws)
        traveller.shift(timedelta(minutes=50))
        shell.good("session.client('sts').get_caller_identity()")
        assert seen(aws) == ASSUMED + ASKED
        assert "RoleBeta ← UserAlpha" in shell.good("%aws_profile").text


def test_a_variable_as_the_source(
    aws: EmbeddedAws, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the keys in the environment change, the cached session counts as another source's."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", scenario.user.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", scenario.user.secret_access_key)
    settings: dict[str, Any] = {"role_arn": scenario.role_arn, "credential_source": "Environment"}
    aws.write_profile("Beta", region="us-west-2", **settings)
    assert opened("Beta").source == "chain"
    assert opened("Beta").source == "chain"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7OTHERS")
    assert opened("Beta").source == "other"


@pytest.fixture
def provider(aws: EmbeddedAws) -> OidcProvider:
    """Create a role for pods with its profiles, and return the provider that signs tokens."""
    provider = aws.create_oidc_provider("https://oidc.example.com/c", account=USER_ACCOUNT)
    trust = trusting("*")
    federated = {
        "Principal": {"Federated": provider.arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
    }
    trust["Statement"][0] |= federated
    user = trusting(f"arn:aws:iam::{USER_ACCOUNT}:root")["Statement"]
    trust["Statement"] += user
    aws.create_role("Pod", account=USER_ACCOUNT, trust=trust, policy=allow("sts:AssumeRole"))
    token_file = str(aws.home / "token")
    role: dict[str, Any] = {"role_arn": POD, "role_session_name": "me", "region": "us-west-2"}
    aws.write_profile("Pod", web_identity_token_file=token_file, **role)
    aws.write_profile("PodByKeys", source_profile="UserAlpha", **role)
    return provider


def test_a_web_identity(aws: EmbeddedAws, provider: OidcProvider) -> None:
    """A cached session is used with a new token only if the token has the same subject."""
    token = aws.home / "token"
    write_private(token, provider.token("ann"))
    assert opened("Pod").chain == ("Pod",)
    assert seen(aws) == WEB
    write_private(token, provider.token("ann", nonce="2"))
    assert opened("Pod").source == "chain"
    assert seen(aws) == []
    note_endpoint(None)
    assert opened("Pod").source == "chain"
    assert seen(aws) == ASKED
    write_private(token, provider.token("ben"))
    assert opened("Pod").source == "chain"
    assert seen(aws) == WEB


@pytest.mark.parametrize("text", ["", "opaque", "a.b.c", "e30.e30.e30", "e30.bnVsbA.e30"])
def test_a_token_that_names_nobody(aws: EmbeddedAws, provider: OidcProvider, text: str) -> None:
    """If a token doesn't name its subject, the cached session isn't used."""
    write_private(aws.home / "token", provider.token("ann"))
    opened("Pod")
    write_private(aws.home / "token", text)
    seen(aws)
    with pytest.raises(Exception, match="Pod"):
        opened("Pod")
    assert seen(aws) == (WEB if text else [])


def test_a_web_identity_and_keys(aws: EmbeddedAws, provider: OidcProvider) -> None:
    """For one role, a session from a token and a session from keys share a cache entry."""
    write_private(aws.home / "token", provider.token("ann"))
    opened("PodByKeys")
    assert seen(aws) == ASSUMED
    assert opened("Pod").source == "chain"
    assert seen(aws) == WEB
    assert opened("PodByKeys").source == "other"
    assert seen(aws) == []


def test_no_secret_in_the_note(aws: EmbeddedAws, scenario: Scenario) -> None:
    """The note contains neither the secret key nor the access key ID."""
    opened("RoleBeta")
    assert aws.calls
    (file,) = Path("~/.aws/cli/cache").expanduser().glob("*.json")
    note = json.loads(file.read_text())["IpyAwsProfile"]
    assert note.keys() == {"Endpoint", "Source"}
    assert scenario.user.secret_access_key not in str(note)
    assert scenario.user.access_key_id not in str(note)
    assert file.stat().st_mode & 0o777 == 0o600
