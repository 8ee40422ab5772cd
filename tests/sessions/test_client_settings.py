"""A role without a profile uses the client settings of the profile that it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.configprovider import (
    BOTOCORE_DEFAUT_SESSION_VARIABLES,
    DEFAULT_PROXIES_CONFIG_VARS,
    DEFAULT_S3_CONFIG_VARS,
)

from ipy_awsprofile.config.profiles import find_profile
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.credentials.botocore_session import ProfileBotocoreSession
from ipy_awsprofile.sessions.session import open_session
from tests.servers import echoing_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ARN = "arn:aws:iam::123456789012:role/Other"
ASSIGNED = "corp:123456789012/Admin"
WAYS: dict[str, dict[str, Any]] = {
    "a profile": {"profile": "keys"},
    "a role by ARN": {"role_arn": ARN, "source_profile": "keys"},
    "a role of Identity Center": {"profile": ASSIGNED},
}
KEYS = "aws_access_key_id = AKIAHUSH\naws_secret_access_key = hush\n"
TABLES: tuple[dict[str, Any], ...] = (
    BOTOCORE_DEFAUT_SESSION_VARIABLES,
    DEFAULT_S3_CONFIG_VARS,
    DEFAULT_PROXIES_CONFIG_VARS,
)
CONFIG = """
[profile keys]
{settings}
[profile signed-in]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Reader
{settings}
[sso-session corp]
sso_start_url = https://x
sso_region = us-east-1
[services local]
sts =
  endpoint_url = {sts}
s3 =
  endpoint_url = http://s3.local
"""


def names() -> Iterator[str]:
    """Yield the names of botocore's client settings."""
    for table in TABLES:
        for name, *_ in table.values():
            yield from (
                one for one in (name if isinstance(name, list) else [name]) if isinstance(one, str)
            )


def write(
    files: tuple[Path, Path], settings: dict[str, str], sts: str = "http://sts.local"
) -> None:
    """Write a profile with keys and an IAM Identity Center profile, with the same settings."""
    text = "".join(f"{name} = {value}\n" for name, value in settings.items())
    files[0].write_text(CONFIG.format(settings=text, sts=sts))
    files[1].write_text(f"[keys]\n{KEYS}")


@pytest.mark.parametrize("way", WAYS)
def test_every_setting_of_botocore(shared_files: tuple[Path, Path], way: str) -> None:
    """A session has every botocore setting of the profile."""
    settings = dict.fromkeys(names(), "true")
    settings |= {
        "region": "us-west-2",
        "s3": "\n  addressing_style = path",
        "proxies_config": "\n  proxy_ca_bundle = /ca",
    }
    write(shared_files, settings)
    plain = botocore.session.Session(profile="keys")
    session = ProfileBotocoreSession(target_of(SessionRequest(**WAYS[way])))
    ours, theirs = session.get_scoped_config(), plain.get_scoped_config()
    assert {name: ours.get(name) for name in settings} == {name: theirs[name] for name in settings}


def seen(session: Any, service: str) -> tuple[object, ...]:
    """Return the endpoint, application ID and TLS verification of a service's client."""
    client = session.create_client(service, aws_access_key_id="k", aws_secret_access_key="s")
    http = client._endpoint.http_session
    verify = getattr(http, "_session", http)._verify  # our session wraps it
    return client.meta.endpoint_url, client.meta.config.user_agent_appid, verify


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("settings", "sts", "s3"),
    [
        ({}, "https://sts.us-west-2.amazonaws.com", "https://s3.us-west-2.amazonaws.com"),
        (
            {"use_fips_endpoint": "true", "use_dualstack_endpoint": "true"},
            "https://sts-fips.us-west-2.api.aws",
            "https://s3-fips.dualstack.us-west-2.amazonaws.com",
        ),
        ({"endpoint_url": "http://aws.local"}, "http://aws.local", "http://aws.local"),
        ({"services": "local"}, "http://sts.local", "http://s3.local"),
        (
            {"services": "local", "ignore_configured_endpoint_urls": "true"},
            "https://sts.us-west-2.amazonaws.com",
            "https://s3.us-west-2.amazonaws.com",
        ),
        (
            {"sts_regional_endpoints": "legacy", "ca_bundle": "/ca.pem", "sdk_ua_app_id": "lab"},
            "https://sts.amazonaws.com",
            "https://s3.us-west-2.amazonaws.com",
        ),
    ],
)
def test_clients(
    shared_files: tuple[Path, Path],
    *,
    way: str,
    settings: dict[str, str],
    sts: str,
    s3: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every client uses the profile's endpoints, certificates and application ID."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    write(shared_files, {"region": "us-west-2"} | settings)
    session = ProfileBotocoreSession(target_of(SessionRequest(**WAYS[way])))
    app, certificates = settings.get("sdk_ua_app_id"), settings.get("ca_bundle", True)
    assert seen(session, "sts") == (sts, app, certificates)
    assert seen(session, "s3") == (s3, app, certificates)


ANSWER = """<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAHUSH</AccessKeyId>
<SecretAccessKey>hush</SecretAccessKey><SessionToken>hush</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>
"""


def test_calls_of_a_role_by_its_arn(shared_files: tuple[Path, Path]) -> None:
    """AssumeRole goes to the source profile's STS endpoint, and clients use its settings."""
    asked: list[str] = []

    def answer(sent: str) -> str:
        asked.append(sent)
        return ANSWER

    with echoing_server(200, answer) as sts:
        settings = {"region": "us-west-2", "sdk_ua_app_id": "lab", "services": "local"}
        write(shared_files, settings, sts)
        session = open_session(role_arn=ARN, source_profile=find_profile("keys"))
    assert ["app/lab" in sent and "Action=AssumeRole&" in sent for sent in asked] == [True]
    assert session.client("s3").meta.endpoint_url == "http://s3.local"
    assert session.client("s3").meta.config.user_agent_appid == "lab"
