"""An explanation reports the credentials and tokens in the AWS CLI's caches."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from hashlib import sha1, sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.credentials.cli_caches import RoleCache
from ipy_awsprofile.explain.explain import explain
from tests.explain.profiles import LEGACY, MODERN, NOW, ROLE, USER, P, write

if TYPE_CHECKING:
    from tests.explain.profiles import Files

ROLES = [
    (f"role_arn = {ROLE}\nsource_profile = u", {"RoleArn": ROLE}),
    (
        f"role_arn = {ROLE}\nsource_profile = u\nduration_seconds = 900",
        {"RoleArn": ROLE, "DurationSeconds": 900},
    ),
    (
        f"role_arn = {ROLE}\nsource_profile = u\nexternal_id = hush\nrole_session_name = s\n"
        "mfa_serial = arn:aws:iam::123456789012:mfa/me\nduration_seconds = 7200",
        {
            "RoleArn": ROLE,
            "ExternalId": "hush",
            "RoleSessionName": "s",
            "SerialNumber": "arn:aws:iam::123456789012:mfa/me",
            "DurationSeconds": 7200,
        },
    ),
]


@pytest.mark.parametrize(("settings", "arguments"), ROLES)
@pytest.mark.parametrize("minutes", [59, 14, 3, 0])
def test_cached_role(
    shared_files: Files,
    *,
    tmp_path: Path,
    settings: str,
    arguments: dict[str, object],
    minutes: int,
) -> None:
    """A session in the AWS CLI's cache is reported if its settings match exactly.

    A session that needed an MFA code is used until it expires. Other sessions are replaced 15
    minutes earlier, or when a quarter of a shorter duration is left.
    """
    write(shared_files, f"{P}{settings}", USER)
    store(tmp_path, json.dumps(arguments, sort_keys=True), NOW + timedelta(minutes=minutes))
    (fact,) = cached_session()
    least = 1 if "SerialNumber" in arguments else 4 if "DurationSeconds" in arguments else 15
    is_used = minutes >= least
    assert (f"valid until 2026-01-01 12:{minutes:02}:00" if is_used else "replaces it") in fact
    write(shared_files, f"{P}{settings}".replace("role/RoleBeta", "role/Other"), USER)
    assert cached_session() == []


@pytest.mark.parametrize(
    ("settings", "arguments"),
    [
        (
            "sso_account_id = 1\nsso_role_name = R\nsso_start_url = u\nsso_region = us-east-1",
            '{"accountId":"1","roleName":"R","startUrl":"u"}',
        ),
        (
            "sso_account_id = 1\nsso_role_name = R\nsso_session = corp\n"
            "[sso-session corp]\nsso_start_url = u\nsso_region = us-east-1",
            '{"accountId":"1","roleName":"R","sessionName":"corp"}',
        ),
    ],
)
def test_cached_session_of_other_kinds(
    shared_files: Files, tmp_path: Path, settings: str, arguments: str
) -> None:
    """A cached SSO session is found under botocore's cache key."""
    write(shared_files, f"{P}{settings}\n")
    store(tmp_path, arguments, NOW + timedelta(hours=1))
    (fact,) = cached_session()
    assert "valid until" in fact


@pytest.mark.parametrize(("subject", "says"), [("ann", "valid until"), ("ben", "isn't used")])
def test_cached_session_of_a_web_identity(
    shared_files: Files, tmp_path: Path, subject: str, says: str
) -> None:
    """A cached web identity session is used only if the token has the same subject."""
    claims = json.dumps({"iss": "https://oidc.example.com/c", "sub": "ann"})
    token = tmp_path / "token"
    token.write_text(f"e30.{urlsafe_b64encode(claims.encode()).decode().rstrip('=')}.e30")
    write(shared_files, f"{P}role_arn = {ROLE}\nweb_identity_token_file = {token}\n")
    provider = "arn:aws:iam::123456789012:oidc-provider/oidc.example.com/c"
    answer = {"SubjectFromWebIdentityToken": subject, "Provider": provider}
    store(tmp_path, f'{{"RoleArn": "{ROLE}"}}', NOW + timedelta(hours=1), **answer)
    (fact,) = cached_session()
    assert says in fact


@pytest.mark.parametrize(
    ("endpoint", "note", "says"),
    [
        ("http://127.0.0.1:1/", "http://127.0.0.1:1", "valid until"),
        ("http://127.0.0.1:1", "http://127.0.0.1:2", "isn't used: it is from http://127.0.0.1:2."),
        ("http://127.0.0.1:1", "", "isn't used: it is from AWS."),
        ("http://127.0.0.1:1", None, "valid until"),  # a switch checks with STS
        ("https://sts.eu-west-1.amazonaws.com", "", "valid until"),
        ("", "http://127.0.0.1:2", "isn't used: it is from http://127.0.0.1:2."),
        ("", None, "valid until"),
    ],
)
def test_cached_session_of_an_endpoint(
    shared_files: Files, tmp_path: Path, endpoint: str, note: str | None, says: str
) -> None:
    """A cached session isn't used if its note names another endpoint."""
    config = f"{P}role_arn = {ROLE}\nsource_profile = u\nendpoint_url = {endpoint}\n"
    write(shared_files, config, USER)
    noted = {} if note is None else {"IpyAwsProfile": {"Endpoint": note}}
    store(tmp_path, f'{{"RoleArn": "{ROLE}"}}', NOW + timedelta(hours=1), **noted)
    (fact,) = cached_session()
    assert says in fact


def store(home: Path, arguments: str, expiry: datetime, **more: object) -> None:
    """Write a session for these arguments to the AWS CLI's cache, with more fields."""
    keys = {
        "AccessKeyId": "AKIAHUSH",
        "SecretAccessKey": "hush",
        "SessionToken": "hush",
        "Expiration": expiry.isoformat(),
    }
    cache = RoleCache(home / ".aws/cli/cache", fresh=False)
    cache[sha1(arguments.encode()).hexdigest()] = {"Credentials": keys, **more}


def cached_session() -> list[str]:
    """Return the facts about the cache in the explanation of `p`."""
    return [
        fact
        for fact in explain(SessionRequest(profile="p"), now=NOW).steps[-1].facts
        if "cache" in fact
    ]


RENEWAL = {
    "refreshToken": "hush",
    "clientId": "hush",
    "clientSecret": "hush",
    "registrationExpiresAt": "2026-02-01T00:00:00Z",
}


@pytest.mark.parametrize(
    ("config", "stored_under", "token", "hours", "says"),
    [
        (MODERN, "corp", {}, 1, "The SSO token is valid until 2026-01-01 13:00:00 UTC."),
        (MODERN, "corp", RENEWAL, 1, "UTC and is renewed automatically."),
        (MODERN, "corp", RENEWAL, -1, "it is renewed with its refresh token."),
        (MODERN, "corp", {}, -1, "!The SSO token expired at 2026-01-01 11:00:00 UTC."),
        (
            MODERN,
            "corp",
            RENEWAL | {"registrationExpiresAt": "2025-01-01T00:00:00Z"},
            -1,
            "!The SSO token expired",
        ),
        (MODERN, "other", {}, 1, "!You aren't signed in: no SSO token"),
        (LEGACY, "https://x", {}, 1, "The SSO token is valid until"),
        (LEGACY, "https://x", RENEWAL, -1, "!The SSO token expired"),
    ],
)
def test_sso_token(
    shared_files: Files,
    *,
    tmp_path: Path,
    config: str,
    stored_under: str,
    token: dict[str, str],
    hours: int,
    says: str,
) -> None:
    """The explanation says whether an SSO token is missing, valid, expired or renewable."""
    write(shared_files, config)
    file = tmp_path / ".aws/sso/cache" / f"{sha1(stored_under.encode()).hexdigest()}.json"
    file.parent.mkdir(parents=True)
    expiry = f"{NOW + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"
    file.write_text(json.dumps(token | {"accessToken": "hush", "expiresAt": expiry}))
    explained = explain(SessionRequest(profile="p"), now=NOW)
    found = [
        *explained.steps[-1].facts,
        *(f"!{problem.says}" for problem in explained.problems),
    ]
    assert any(says in one and one.startswith("!") == says.startswith("!") for one in found)
    assert len(found) == 1
    assert "hush" not in repr(explained)


KEPT = {"refreshToken": "t", "dpopKey": "k", "clientId": "c"}
ACCESS = {"accessKeyId": "A", "secretAccessKey": "s", "sessionToken": "t", "accountId": "1"}


def login(hour: int, **more: object) -> dict[str, object]:
    """Return the content of an `aws login` token file, with credentials that expire at this hour.

    The keywords in `more` replace parts of the content.
    """
    access = ACCESS | {"expiresAt": f"2026-01-01T{hour}:00:00Z"}
    return KEPT | {"accessToken": access} | more


@pytest.mark.parametrize(
    ("token", "says"),
    [
        (login(13), "are valid until"),
        (login(11), "they are renewed."),
        ({"accessToken": login(13)["accessToken"]}, "!You aren't signed in: no login session"),
        (
            login(13, accessToken={"expiresAt": "2026-01-01T13:00:00Z"}),
            "!You aren't signed in: no login",
        ),
        ({"accessToken": "hush"}, "!You aren't signed in: no login session"),
        ([], "!You aren't signed in: no login session"),
    ],
)
def test_login_token(
    shared_files: Files,
    tmp_path: Path,
    token: object,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The explanation says whether an `aws login` session is missing, valid or renewable."""
    session = "arn:aws:iam::123456789012:user/u"
    write(shared_files, f"{P}login_session = {session}\n")
    monkeypatch.setenv("AWS_LOGIN_CACHE_DIRECTORY", str(tmp_path))
    (tmp_path / f"{sha256(session.encode()).hexdigest()}.json").write_text(json.dumps(token))
    explained = explain(SessionRequest(profile="p"), now=NOW)
    (found,) = [
        *explained.steps[-1].facts,
        *(f"!{problem.says}" for problem in explained.problems),
    ]
    assert says in found
    assert "hush" not in repr(explained)
