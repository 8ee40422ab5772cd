"""The shared files are read as botocore reads them; a profile has its settings and their lines."""

from __future__ import annotations

import copy
import os
import pickle
import re
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from ipy_awsprofile.config.files import SharedFiles, locations_of, read_config
from ipy_awsprofile.config.listing import list_profiles
from ipy_awsprofile.config.profiles import (
    ProfileKind,
    chain_of,
    find_profile,
    profiles_by_name,
)
from ipy_awsprofile.errors import ConfigFileError, ProfileNotFound
from tests.processes import OTHER_ENCODING, posix

Files = tuple[Path, Path]


def written(folder: Path, config: str, credentials: str = "") -> SharedFiles:
    """Write the two files."""
    files = SharedFiles(folder / "config", folder / "credentials")
    files.config.write_text(config, encoding="utf-8")
    files.credentials.write_text(credentials, encoding="utf-8")
    return files


CONFIG = """
[DEFAULT]
output = json
[default]
region = one
[profile p]
sso_session = corp
s3 =
  addressing_style = path
[profile 'my dev']
[profile größe/δ]
[profile b]
[other]
region = x
[sso-session corp]
sso_region = one
[services local]
s3 =
  endpoint_url = http://127.0.0.1
"""
CREDENTIALS = (
    "[p]\nregion = two\ns3 =\n  c = d\n[profile q]\n[r]\naws_access_key_id = k\n[default]\n"
)


def test_same_content_as_in_botocore(shared_files: Files) -> None:
    """The profiles, sign-ins and services are the same as in a plain botocore session."""
    files = written(shared_files[0].parent, CONFIG, CREDENTIALS)
    expected = {"sso_sessions": {}, "services": {}} | botocore.session.Session().full_config
    ours = read_config(files)
    assert {**ours.sections, "profiles": dict(ours.profiles)} == expected
    assert list(profiles_by_name(read_config(files))) == list(expected["profiles"])


PLACES = """\
# a comment
[default]
region = x

[profile 'my dev']
role_arn = r
s3 =
  region = nested
Region: y
; region = z
[profile both]
output = json
region = one
[sso-session corp]
sso_region = z
[DEFAULT]
"""


@pytest.mark.parametrize(
    ("header", "setting", "expected"),
    [
        ("profile default", "", ["config:2", "credentials:3"]),
        ("profile my dev", "", ["config:5"]),
        ("profile my dev", "s3", ["config:7"]),
        ("profile my dev", "region", ["config:9"]),
        ("profile both", "region", ["config:13", "credentials:2"]),
        ("sso-session corp", "sso_region", ["config:15"]),
        ("profile both", "missing", []),
    ],
)
def test_locations_of(tmp_path: Path, header: str, setting: str, expected: list[str]) -> None:
    """A setting or header has its line in each file; the last one is what botocore reads."""
    files = written(tmp_path, PLACES, "[both]\nregion = two\n[default]\n")
    assert list(map(str, locations_of(files, header, setting))) == expected


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (
            "[a]\nregion = x\n[a]\naws_secret_access_key = hush\n",
            3,
            "exists twice. Merge the two sections.",
        ),
        ("[a]\nregion = x\noutput = y\nregion = hush\n", 4, "`region` is in its section twice."),
        (
            "[a]\nregion = x\naws_secret_access_key = hush[profile b]\nregion = y\n",
            *(3, "Write the header [profile b] on its own line."),
        ),
        (
            "[a]\nregion = x\n> [profile b]\n> aws_secret_access_key = hush\n",
            *(3, "Remove the `>` at the beginning of the line, and of the lines below it."),
        ),
        ("aws_secret_access_key = hush\n", 1, "Write a header such as [default] or [profile NA"),
        ("[a]\naws_secret_access_key\nhush\n", 2, "The line needs an equals sign, as in `region ="),
        ("[a]\n\n[b\naws_secret_access_key = hush\n", 3, "The header needs a closing bracket."),
        ("[b\naws_secret_access_key = hush\n[a]", 1, "The header needs a closing bracket."),
        (
            "[a]\nregion = x\ncredential_process =\n\n  hush --key\n",
            *(3, "The value of `credential_process` must be on the same line as the equals sign."),
        ),
        (
            "[a]\ns3 =\n  addressing_style = path\nrole_arn =\n  # mine\n  arn:hush\n",
            *(4, "The value of `role_arn` must be on the same line as the equals sign."),
        ),
    ],
)
@pytest.mark.parametrize("which", [0, 1])
def test_malformed_files(shared_files: Files, which: int, text: str, line: int, says: str) -> None:
    """The error names the file, the line and what to write there, but shows no value."""
    path = shared_files[which]
    path.write_text(text if which else text.replace("[a]", "[profile a]"))
    with pytest.raises(ConfigFileError) as caught:
        list_profiles()
    assert (caught.value.path, caught.value.line) == (path, line)
    assert f"{path}, line {line}: " in str(caught.value)
    assert says in str(caught.value)
    assert "hush" not in "".join(traceback.format_exception(caught.value)) + caught.value.hint


def test_file_that_is_not_utf_8(shared_files: Files) -> None:
    """The error has the line of the first character in another encoding."""
    shared_files[0].write_bytes(b"# comment\n" * 2000 + "# café\n[a]\n# é\n".encode("latin-1"))
    with pytest.raises(ConfigFileError, match="line 2001: Save the file as UTF-8") as caught:
        list_profiles()
    assert "Unicode" not in "".join(traceback.format_exception(caught.value))


def test_file_that_is_utf_8(shared_files: Files) -> None:
    """If botocore reads files with another encoding, as on Windows, the error says which."""
    shared_files[0].write_text("[profile a]\n# Águila\n", encoding="utf-8")
    code = "from ipy_awsprofile import list_profiles; list_profiles()"
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, env=os.environ | OTHER_ENCODING, capture_output=True, check=False)
    said = ran.stderr.decode(errors="replace")
    assert re.search(r"line 2: Save the file as (?!UTF)", said), said


def test_file_with_a_byte_order_mark(shared_files: Files) -> None:
    """The error names the encoding, because line 1 looks correct in an editor."""
    text = "[profile a]\nregion = x\n"
    for encoding in ("utf-8-sig", "utf-16"):
        shared_files[0].write_text(text, encoding=encoding)
        with pytest.raises(ConfigFileError, match="Save the file as UTF-8 without"):
            list_profiles()
    shared_files[0].write_text(text, encoding="utf-8")
    assert list_profiles() == ["a"]


@posix
def test_unreadable_file(shared_files: Files) -> None:
    """A file that can't be read is an error and not an empty file."""
    shared_files[0].symlink_to(shared_files[0])  # root can read everything else
    with pytest.raises(ConfigFileError, match="The file can't be read"):
        list_profiles()


# --- Profiles ---

ROLE = "arn:aws:iam::123456789012:role/team/Reader"
KEYS = "aws_access_key_id = a\naws_secret_access_key = b"
SSO = "sso_account_id = 123456789012\nsso_role_name = Admin"


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
    assert str(p.location()) == "config:2"
    assert (s.account, s.role, s.sso_role_name) == ("123456789012", "Admin", "Admin")
    assert (s.source, s.region, s.mfa_serial) == (None, None, None)
    assert (e.account, e.role, e.source) == ("1", None, "Environment")
    shared_files[0].write_text("a malformed file")
    assert p.location() is None


def test_a_profile_is_its_name(shared_files: Files) -> None:
    """A profile can be used wherever a name can, such as in f-strings and as a key."""
    shared_files[0].write_text("[profile a-prod]\nregion = eu-central-1\n[profile b]\n")
    first, second = list_profiles()
    assert (f"{first}", str(second), first.name) == ("a-prod", "b", "a-prod")
    assert type(first.name) is str
    assert first == "a-prod" != second
    assert first.endswith("-prod")
    assert {"a-prod": 1}[first] == 1
    assert repr(first) == "<Profile 'a-prod': no credentials>"


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


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("RoleBet", "Did you mean `RoleBeta`?"),
        ("rolebeta", "Did you mean `RoleBeta`?"),
        ("gamma", "Write [profile gamma] instead of [gamma] in {config}."),
        ("delta", "Write [profile delta] instead of [Profile delta] in {config}."),
        ("my team", "Write [profile 'my team'] instead of [profile my team] in {config}."),
    ],
)
def test_missing_profiles(shared_files: Files, name: str, hint: str) -> None:
    """The error for a missing profile suggests similar names, or the right header."""
    config = "[profile RoleBeta]\n[gamma]\nregion = x\n[Profile delta]\n[profile my team]\n"
    shared_files[0].write_text(config)
    with pytest.raises(ProfileNotFound, match=f"There is no profile `{name}`") as caught:
        find_profile(name)
    assert hint.format(config=shared_files[0]) in caught.value.hint
    if header := re.search(r"Write \[(.+)\] instead of \[(.+)\] in", caught.value.hint):
        shared_files[0].write_text(config.replace(f"[{header[2]}]", f"[{header[1]}]"))
        assert find_profile(name) == name


def test_no_config_file(shared_files: Files) -> None:
    """If only the credentials file exists, the error for a missing profile says so."""
    shared_files[1].write_text("[keys]\nregion = x\n")
    with pytest.raises(ProfileNotFound) as caught:
        find_profile("RoleBeta")
    assert caught.value.hint == f"{shared_files[0]} doesn't exist."


@pytest.mark.parametrize(
    ("a", "b", "names"),
    [
        ("source_profile = b", KEYS, "ab"),
        ("source_profile = b", "source_profile = c", "abc"),
        ("source_profile = b", f"source_profile = c\n{KEYS}", "ab"),
        (f"source_profile = a\n{KEYS}", "", "a"),
        ("source_profile = b", "credential_source = Environment", "ab"),
        ("source_profile = a", "", "a"),
        ("source_profile = b", "source_profile = a", "ab"),
        ("source_profile = nobody", "", "a"),
    ],
)
def test_chains(shared_files: Files, a: str, b: str, names: str) -> None:
    """A chain has the roles and the keys that botocore uses, and it ends where botocore fails."""
    role = "role_arn = arn:aws:iam::123456789012:role/R\n"
    sections = (role + a, role + b if "source" in b else b, KEYS)
    shared_files[0].write_text(
        "".join(
            f"[profile {name}]\n{settings}\n"
            for name, settings in zip("abc", sections, strict=True)
        )
    )
    assert "".join(chain_of(find_profile("a"), read_config())) == names
