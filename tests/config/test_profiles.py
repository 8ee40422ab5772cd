"""Profiles are read from the shared files as botocore reads them."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import botocore.session
import pytest

from ipy_awsprofile.config.profiles import (
    Profile,
    ProfileKind,
    find_profile,
    list_profiles,
    matching,
)
from ipy_awsprofile.errors import (
    ProfileNotFound,
)

if TYPE_CHECKING:
    Files = tuple[Path, Path]

ROLE = "arn:aws:iam::123456789012:role/team/Reader"


def write(files: Files, config: str = "", credentials: str = "") -> None:
    """Write the shared files; the texts can be indented."""
    for path, text in zip(files, (config, credentials), strict=True):
        path.write_text("\n".join(line.strip() for line in text.splitlines()) + "\n")


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ("aws_access_key_id = a\naws_secret_access_key = b", ProfileKind.STATIC_KEYS),
        ("role_arn = r\nsource_profile = s", ProfileKind.ASSUME_ROLE),
        ("role_arn = r\ncredential_source = Environment", ProfileKind.CREDENTIAL_SOURCE),
        ("role_arn = r\nweb_identity_token_file = f", ProfileKind.WEB_IDENTITY),
        ("sso_account_id = 1\nsso_role_name = n", ProfileKind.SSO),
        ("login_session = arn", ProfileKind.LOGIN_SESSION),
        ("credential_process = p", ProfileKind.CREDENTIAL_PROCESS),
        ("region = r", ProfileKind.INCOMPLETE),
        ("", ProfileKind.INCOMPLETE),
        ("role_arn = r", ProfileKind.INCOMPLETE),
        ("role_arn = r\nsource_profile = s\ncredential_source = e", ProfileKind.INCOMPLETE),
        ("aws_access_key_id = a", ProfileKind.INCOMPLETE),
        ("sso_account_id = 1", ProfileKind.INCOMPLETE),
        (
            "role_arn = r\nsource_profile = s\naws_access_key_id = a\naws_secret_access_key = b",
            ProfileKind.ASSUME_ROLE,
        ),
        (
            "sso_account_id = 1\nsso_role_name = n\ncredential_process = p",
            ProfileKind.SSO,
        ),
        (
            "aws_access_key_id = a\naws_secret_access_key = b\ncredential_process = p",
            ProfileKind.CREDENTIAL_PROCESS,
        ),
        ("aws_secret_access_key = b\ncredential_process = p", ProfileKind.CREDENTIAL_PROCESS),
        ("web_identity_token_file = f", ProfileKind.INCOMPLETE),
    ],
)
def test_kind(shared_files: Files, settings: str, kind: ProfileKind) -> None:
    """A profile's kind matches the provider in botocore's chain that resolves it."""
    write(shared_files, f"[profile p]\n{settings}")
    assert find_profile("p").kind is kind


def test_precedence_of_keys(shared_files: Files) -> None:
    """Keys take precedence over a process only in the credentials file."""
    keys = "aws_access_key_id = a\naws_secret_access_key = b"
    write(shared_files, "[profile p]\ncredential_process = c", f"[p]\n{keys}")
    assert find_profile("p").kind is ProfileKind.STATIC_KEYS
    credentials = botocore.session.Session(profile="p").get_credentials()
    assert credentials
    assert credentials.method == "shared-credentials-file"


def test_every_field(shared_files: Files) -> None:
    """A record contains the settings, file and line of its section."""
    write(
        shared_files,
        f"""
        [profile base]
        [profile p]
        role_arn = {ROLE}
        source_profile = base
        region = eu-west-1
        mfa_serial = arn:aws:iam::1:mfa/me
        duration_seconds = 7200
        endpoint_url = http://localhost:1
        """,
    )
    assert find_profile("p") == Profile(
        name="p",
        kind=ProfileKind.ASSUME_ROLE,
        role_arn=ROLE,
        account="123456789012",
        source_profile="base",
        credential_source=None,
        region="eu-west-1",
        mfa_serial="arn:aws:iam::1:mfa/me",
        duration=7200,
        endpoint="http://localhost:1",
        file=shared_files[0],
        line=3,
    )


def test_records_are_frozen(shared_files: Files) -> None:
    """A record can't be changed."""
    write(shared_files, "[profile p]")
    with pytest.raises(dataclasses.FrozenInstanceError):
        find_profile("p").name = "q"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("settings", "account"),
    [
        (f"role_arn = {ROLE}", "123456789012"),
        ("role_arn = odd", None),
        ("role_arn = odd\naws_account_id = 2", "2"),
        ("sso_account_id = 1\naws_account_id = 2", "1"),
        ("aws_account_id = 2", "2"),
        ("role_arn = arn:aws:iam:::role/x", None),
    ],
)
def test_account(shared_files: Files, settings: str, account: str | None) -> None:
    """The account ID comes from the profile's settings, and is never a guess."""
    write(shared_files, f"[profile p]\n{settings}")
    assert find_profile("p").account == account


@pytest.mark.parametrize(
    ("arn", "role"),
    [(ROLE, "team/Reader"), ("odd", None), ("arn:aws:iam::1:role/", None), (None, None)],
)
def test_role_name(shared_files: Files, arn: str | None, role: str | None) -> None:
    """The name of a role is the part of its ARN after `role/`."""
    write(shared_files, "[profile p]\n" + (f"role_arn = {arn}" if arn else ""))
    assert find_profile("p").role == role


@pytest.mark.parametrize(
    ("text", "seconds"), [("900", 900), ("", None), ("1h", None), (" 60 ", 60)]
)
def test_duration(shared_files: Files, text: str, seconds: int | None) -> None:
    """A duration that isn't a whole number is ignored, as in botocore."""
    write(shared_files, f"[profile p]\nduration_seconds = {text}")
    assert find_profile("p").duration == seconds


def test_source(shared_files: Files) -> None:
    """A profile's source is the name of a profile, a credential source, or None."""
    write(
        shared_files,
        """
        [profile a]
        source_profile = b
        [profile c]
        credential_source = Environment
        [profile d]
        """,
    )
    assert [profile.source for profile in list_profiles()] == ["b", "Environment", None]


def test_order_is_that_of_the_files(shared_files: Files) -> None:
    """Profiles in the config file come first, then profiles only in the credentials file."""
    write(shared_files, "[profile z]\n[profile a]\n[default]", "[m]\n[a]")
    assert [profile.name for profile in list_profiles()] == ["z", "a", "default", "m"]


def test_no_secret_in_a_record(shared_files: Files) -> None:
    """A record's repr doesn't contain a key or token."""
    write(
        shared_files,
        "",
        "[p]\naws_access_key_id = AKIAX\naws_secret_access_key = hush\naws_session_token = shh",
    )
    shown = repr(find_profile("p"))
    assert not any(secret in shown for secret in ("AKIAX", "hush", "shh"))


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        (None, ["team-dev", "team-prod", "base", "signed-in"]),
        ("", ["team-dev", "team-prod", "base", "signed-in"]),
        ("team", ["team-dev", "team-prod"]),
        ("TEAM Dev", ["team-dev"]),
        ("123456789012", ["team-prod"]),
        ("reader", ["team-prod"]),
        ("eu-", ["team-dev"]),
        ("administrator", ["signed-in"]),
        ("base", ["team-prod", "base"]),
        ("*prod", ["team-prod"]),
        ("team-???", ["team-dev"]),
        ("[bt]*e", ["base"]),
        ("dev*", []),
        ("nothing", []),
        ("team nothing", []),
    ],
)
def test_pattern(shared_files: Files, pattern: str | None, names: list[str]) -> None:
    """A profile must contain every word of a pattern; a wildcard must match the whole name."""
    write(
        shared_files,
        f"""
        [profile team-dev]
        region = eu-west-1
        [profile team-prod]
        role_arn = {ROLE}
        source_profile = base
        [profile base]
        [profile signed-in]
        sso_account_id = 444455556666
        sso_role_name = AdministratorAccess
        """,
    )
    assert [profile.name for profile in list_profiles(pattern)] == names
    assert [profile.name for profile in matching(list_profiles(), pattern or "")] == names


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("RoleBet", ("RoleBeta",)),
        ("rolebeta", ("RoleBeta",)),
        ("UserAlph", ("UserAlpha",)),
        ("qqqqq", ()),
        ("", ()),
    ],
)
def test_not_found_names_the_nearest(
    shared_files: Files, name: str, nearest: tuple[str, ...]
) -> None:
    """The error for a missing profile lists similar names, ignoring case."""
    write(shared_files, "[profile RoleBeta]\n[profile UserAlpha]")
    with pytest.raises(ProfileNotFound) as caught:
        find_profile(name)
    assert caught.value.nearest == nearest


def test_record_is_its_name(shared_files: tuple[Path, Path]) -> None:
    """A record equals its profile's name, even as a dictionary key or after copying or pickling."""
    shared_files[0].write_text("[profile a-prod]\nregion = eu-central-1\n[profile b]\n")
    first, second = list_profiles()
    assert (f"{first}", str(second), first == "a-prod", first == second) == (
        "a-prod",
        "b",
        True,
        False,
    )
    assert {"a-prod": 1}[first] == 1
    for twin in (copy.deepcopy(first), pickle.loads(pickle.dumps(first))):
        assert twin == "a-prod"
        assert (twin.name, twin.region, twin.line) == ("a-prod", "eu-central-1", 1)
