"""Profiles are strings with the settings of the shared files, and chains are botocore's."""

from __future__ import annotations

import copy
import pickle
import re
from io import BytesIO
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import BotoCoreError
from urllib3 import HTTPResponse

from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.profiles import (
    ProfileKind,
    chain_of,
    find_profile,
    list_profiles,
    matching,
)
from ipy_awsprofile.errors import ProfileNotFound

if TYPE_CHECKING:
    from pathlib import Path

    Files = tuple[Path, Path]

ROLE = "arn:aws:iam::123456789012:role/team/Reader"
KEYS = "aws_access_key_id = a\naws_secret_access_key = b"
SSO = "sso_account_id = 123456789012\nsso_role_name = Admin"


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (KEYS, ProfileKind.STATIC_KEYS),
        ("role_arn = r\nsource_profile = s", ProfileKind.ASSUME_ROLE),
        ("role_arn = r\ncredential_source = Environment", ProfileKind.CREDENTIAL_SOURCE),
        ("role_arn = r\nweb_identity_token_file = f", ProfileKind.WEB_IDENTITY),
        (SSO, ProfileKind.SSO),
        ("login_session = arn", ProfileKind.LOGIN_SESSION),
        ("credential_process = p", ProfileKind.CREDENTIAL_PROCESS),
        ("role_arn = r", ProfileKind.INCOMPLETE),
        ("aws_access_key_id = a", ProfileKind.INCOMPLETE),
    ],
)
def test_kind(shared_files: Files, settings: str, kind: ProfileKind) -> None:
    """A profile's kind is the source of its credentials."""
    shared_files[0].write_text(f"[profile p]\n{settings}")
    assert find_profile("p").kind is kind


def test_attributes(shared_files: Files) -> None:
    """A profile has the first line of each setting, and where its section begins."""
    shared_files[0].write_text(
        f"[profile base]\n[profile p]\nrole_arn = {ROLE}\nsource_profile = base\n"
        "region = eu-west-1\nmfa_serial = arn:aws:iam::1:mfa/me\nduration_seconds = 7200\n"
        f"s3 =\n  a = b\n[profile s]\n{SSO}\nregion =\n"
        "[profile e]\nrole_arn = odd\ncredential_source = Environment\naws_account_id = 1\n"
    )
    p, s, e = map(find_profile, "pse")
    assert (p.account, p.role, p.role_arn) == ("123456789012", "team/Reader", ROLE)
    assert (p.source, p.source_profile, p.credential_source) == ("base", "base", None)
    assert (p.region, p.mfa_serial) == ("eu-west-1", "arn:aws:iam::1:mfa/me")
    assert (p.text("duration_seconds"), p.text("s3")) == ("7200", None)
    assert str(p.place()) == "config:2"
    assert (s.account, s.role, s.sso_role_name) == ("123456789012", "Admin", "Admin")
    assert (s.source, s.region, s.mfa_serial) == (None, None, None)
    assert (e.account, e.role, e.source) == ("1", None, "Environment")
    shared_files[0].write_text("a malformed file")
    assert p.place() is None


def test_a_profile_is_its_name(shared_files: Files) -> None:
    """A profile can be used wherever a name can, such as in f-strings and as a key."""
    shared_files[0].write_text("[profile a-prod]\nregion = eu-central-1\n[profile b]\n")
    first, second = list_profiles()
    assert (f"{first}", str(second), first.name) == ("a-prod", "b", "a-prod")
    assert type(first.name) is str
    assert first == "a-prod" != second
    assert first.endswith("-prod")
    assert {"a-prod": 1}[first] == 1
    assert repr(first) == "<Profile 'a-prod': incomplete>"


@pytest.mark.parametrize("take", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_copies_have_no_secrets(shared_files: Files, take: Any) -> None:
    """Neither a profile nor its copy for a worker contains keys, and the copy has no commands."""
    shared_files[0].write_text(
        f"[profile p]\nrole_arn = {ROLE}\nsource_profile = p\nexternal_id = hush-1\nregion = r\n"
        "mfa_process = hush-2\ncredential_process = hush-3\naws_access_key_id = hush-4\n"
        "aws_secret_access_key = hush-5\naws_session_token = hush-6\n"
    )
    profile = find_profile("p")
    assert not re.search("hush-[456]", str(profile.settings))
    assert "hush" not in repr(profile)
    twin = take(profile)
    assert (twin, twin.name, twin.kind) == ("p", "p", ProfileKind.ASSUME_ROLE)
    assert dict(twin.settings) == {"role_arn": ROLE, "source_profile": "p", "region": "r"}


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        (None, ["team-dev", "team-prod", "base", "signed-in"]),
        ("TEAM Dev", ["team-dev"]),
        ("123456789012", ["team-prod", "signed-in"]),
        ("reader", ["team-prod"]),
        ("*prod", ["team-prod"]),
        ("team-???", ["team-dev"]),
        ("team nothing", []),
    ],
)
def test_pattern(shared_files: Files, pattern: str | None, names: list[str]) -> None:
    """A profile must contain every word of a pattern; a wildcard must match the whole name."""
    shared_files[0].write_text(
        f"[profile team-dev]\nregion = eu-west-1\n[profile team-prod]\nrole_arn = {ROLE}\n"
        f"source_profile = base\n[profile base]\n[profile signed-in]\n{SSO}\n"
    )
    assert list_profiles(pattern) == names
    assert matching(list_profiles(), pattern) == names


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("RoleBet", "Did you mean `RoleBeta`?"),
        ("rolebeta", "Did you mean `RoleBeta`?"),
        ("gamma", "Write [profile gamma] instead of [gamma] in {config}."),
    ],
)
def test_missing_profiles(shared_files: Files, name: str, hint: str) -> None:
    """The error for a missing profile suggests similar names, or the right header."""
    shared_files[0].write_text("[profile RoleBeta]\n[gamma]\nregion = x\n")
    with pytest.raises(ProfileNotFound, match=f"There is no profile `{name}`") as caught:
        find_profile(name)
    assert hint.format(config=shared_files[0]) in caught.value.hint


KEYS_OF = "aws_access_key_id = AKIA{0}\naws_secret_access_key = x"
ENVIRONMENT = "credential_source = Environment"


@pytest.mark.parametrize(
    ("a", "b", "c", "names"),
    [
        ("source_profile = b", KEYS_OF, "", "ab"),
        ("source_profile = b", "source_profile = c", KEYS_OF, "abc"),
        ("source_profile = b", f"source_profile = c\n{KEYS_OF}", KEYS_OF, "ab"),
        (f"source_profile = a\n{KEYS_OF}", "", "", "a"),
        (ENVIRONMENT, "", "", "a"),
        ("source_profile = b", ENVIRONMENT, "", "ab"),
        ("source_profile = a", "", "", "error"),
        ("source_profile = b", "source_profile = c", "source_profile = b", "error"),
        ("source_profile = nobody", "", "", "error"),
        ("source_profile = b", "", "", "error"),
    ],
)
def test_chains(shared_files: Files, a: str, b: str, c: str, names: str) -> None:
    """A chain has the roles and the keys that botocore uses, and it ends where botocore fails."""
    text = ""
    for name, settings in zip("abc", (a, b, c), strict=True):
        role = f"role_arn = arn:aws:iam::123456789012:role/{name}\n" if "source" in settings else ""
        text += f"[profile {name}]\n{role}{settings.format(name)}\n"
    shared_files[0].write_text(text)
    ours = "".join(chain_of(find_profile("a"), read_config()))
    if names == "error":
        assert ours in {"a", "ab", "abc"}
        with pytest.raises(BotoCoreError):
            names_in_botocore("a")
    else:
        assert ours == names_in_botocore("a") == names


def names_in_botocore(profile: str) -> str:
    """Return the names of the chain that botocore follows, from the calls that it would send."""
    calls: list[tuple[str, str]] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        (role,) = re.findall(r"role%2F(\w)", str(request.body))
        (key,) = re.findall(r"Credential=(\w+)/", str(request.headers["Authorization"]))
        calls.append((role, key))
        words = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        keys = "".join(f"<{word}>{role}</{word}>" for word in words)
        text = f"<Credentials>{keys}<Expiration>2999-01-01T00:00:00Z</Expiration></Credentials>"
        body = BytesIO(f"<R><AssumeRoleResult>{text}</AssumeRoleResult></R>".encode())
        return AWSResponse(
            request.url, 200, HTTPHeaders(), HTTPResponse(body, preload_content=False)
        )

    session: Any = botocore.session.Session(profile=profile)
    session.set_config_variable("region", "us-west-2")
    session.register("before-send.sts.AssumeRole", answer)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIAenvironment")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        key = session.get_credentials().get_frozen_credentials().access_key
    names = "".join(role for role, _ in reversed(calls))
    source = (calls[0][1] if calls else key).removeprefix("AKIA")
    return names if source in {"environment", *names} else names + source
