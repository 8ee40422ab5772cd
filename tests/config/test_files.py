"""The shared files are read as botocore reads them, and each setting has its line."""

from __future__ import annotations

import os
import pickle
import tempfile
import traceback
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ConfigParseError
from hypothesis import example, given
from hypothesis import strategies as st

from ipy_awsprofile.config.files import SharedFiles, places, read_config, read_credentials
from ipy_awsprofile.config.profiles import list_profiles, profiles_by_name
from ipy_awsprofile.errors import ConfigFileError

SECRET = "hush-this-is-not-for-eyes"


def written(folder: str | Path, config: str, credentials: str = "") -> SharedFiles:
    """Write the two files as they are, with their own line ends."""
    files = SharedFiles(Path(folder, "config"), Path(folder, "credentials"))
    files.config.write_text(config, encoding="utf-8", newline="")
    files.credentials.write_text(credentials, encoding="utf-8", newline="")
    return files


def by_botocore(files: SharedFiles) -> dict[str, Any]:
    """Return the files as a plain botocore session reads them."""
    session = botocore.session.Session()
    session.set_config_variable("config_file", str(files.config))
    session.set_config_variable("credentials_file", str(files.credentials))
    return {"sso_sessions": {}, "services": {}} | session.full_config


def test_paths(tmp_path: Path) -> None:
    """The two variables name the files; ``~`` and ``$`` are expanded in them as in botocore."""
    home = SharedFiles(tmp_path / ".aws/config", tmp_path / ".aws/credentials")
    for environment, files in (
        ({}, home),
        ({"AWS_CONFIG_FILE": ""}, home),
        ({"AWS_CONFIG_FILE": "$HOME/c"}, SharedFiles(tmp_path / "c", home.credentials)),
        ({"AWS_SHARED_CREDENTIALS_FILE": "k"}, SharedFiles(home.config, Path.cwd() / "k")),
    ):
        assert SharedFiles.from_environment(environment) == files


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="[]"), max_size=8)
LINES = st.one_of(
    *(st.builds(form.format, NAMES) for form in ("[profile {}]", '[profile "{}"]', "[{}]")),
    *(st.builds(form.format, NAMES, NAMES) for form in ("{} = {}", "  {} = {}", "{} =", "# {}")),
    st.sampled_from(["region = x", "[default]", "[DEFAULT]", "[sso-session a]", "s3 =", ""]),
    NAMES,
)
FILES = st.one_of(
    st.lists(LINES, max_size=12).map("\n".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
)


ORDINARY = """
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
[sso-session corp]
sso_region = one
[services local]
s3 =
  endpoint_url = http://127.0.0.1
"""


@given(config=FILES, credentials=FILES)
@example(config=ORDINARY, credentials="[p]\nregion = two\ns3 =\n  c = d\n[profile q]\n[default]\n")
@example(config="[profile a]\ns3 =\n  a\n", credentials="")
def test_any_files(config: str, credentials: str) -> None:
    """Any files have the same content as in botocore, or raise one error where botocore fails."""
    with tempfile.TemporaryDirectory() as folder:
        files = written(folder, config, credentials)
        try:
            expected = by_botocore(files)
        except ConfigParseError:
            with pytest.raises(ConfigFileError):
                read_config(files)
            return
        assert read_config(files).full_config() == expected
        assert list(profiles_by_name(read_config(files))) == list(expected["profiles"])


@given(
    before=st.lists(LINES, max_size=4),
    secret=st.sampled_from(["aws_secret_access_key = ", "aws_secret_access_key\n", "s3 =\n  "]),
    after=st.lists(LINES, max_size=4),
)
def test_nothing_shows_a_secret(before: list[str], secret: str, after: list[str]) -> None:
    """Neither listings, their pickles nor the errors of a malformed file contain a secret."""
    with tempfile.TemporaryDirectory() as folder:
        files = written(folder, "", "\n".join(["[dev]", *before, secret + SECRET, *after]))
        try:
            profiles = list(profiles_by_name(config := read_config(files)).values())
            shown = f"{config!r}{profiles}{pickle.dumps(profiles)!r}"
        except ConfigFileError as error:
            shown = "".join(traceback.format_exception(error)) + repr(error) + error.hint
        assert SECRET not in shown


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
def test_places(tmp_path: Path, header: str, setting: str, expected: list[str]) -> None:
    """A setting or header has its line in each file; the last one is what botocore reads."""
    files = written(tmp_path, PLACES, "[both]\nregion = two\n[default]\n")
    assert list(map(str, places(files, header, setting))) == expected


def test_missing_files(tmp_path: Path) -> None:
    """Files that don't exist, and folders in their place, contain nothing, as in botocore."""
    for files in (SharedFiles(tmp_path / "none", tmp_path / "no"), SharedFiles(tmp_path, tmp_path)):
        assert read_config(files).full_config({"p": {"a": "b"}})["profiles"] == {"p": {"a": "b"}}
        assert places(files, "profile p") == []


@pytest.mark.parametrize(
    ("config", "line"),
    [
        (b"[profile a]\nregion = x\n[profile a]\n", 3),
        (b"region = x\n", 1),
        (b"[profile a]\nregion = x\nnonsense\n", 3),
        (b"[profile a]\ns3 =\n  nonsense\n", None),
        (b"[profile a]\nregion = \xff\xfe\n", None),
    ],
)
def test_malformed_files(shared_files: tuple[Path, Path], config: bytes, line: int | None) -> None:
    """The error for a malformed file has the file, and the line as far as botocore reports it."""
    shared_files[0].write_bytes(config)
    with pytest.raises(ConfigFileError, match=r"botocore can't parse the file") as caught:
        list_profiles()
    assert (caught.value.path, caught.value.line) == (shared_files[0], line)
    assert (f"{shared_files[0]}, line {line}: " in str(caught.value)) == (line is not None)


@pytest.mark.parametrize("denied", ["config", "."])
def test_unreadable_files(denied: str) -> None:
    """A file that the user may not read, or its folder, is an error and not an empty file."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (inner := Path(folder, "aws")).mkdir()
        files, user = written(inner, "[profile a]\n"), os.geteuid()
        (inner / denied).chmod(0)
        os.seteuid(user or 65534)  # root can read everything
        try:
            with pytest.raises(ConfigFileError, match="Permission denied"):
                read_config(files)
        finally:
            os.seteuid(user)
            inner.chmod(0o700)


def test_unchanged_files_are_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are parsed again only if they have changed, and earlier readings stay as they were."""
    files = written(tmp_path, "[profile a]\n", "[a]\nregion = one\noutput = json\n")
    first = read_config(files)
    assert read_config(files) is first
    assert profiles_by_name(read_config(files)) is profiles_by_name(first)
    files.credentials.write_text("[a]\noutput = text\n[bb]\n")
    assert read_config(files).profiles == {"a": {"output": "text"}, "bb": {}}
    assert read_credentials(files.credentials) == {"a": {"output": "text"}, "bb": {}}
    assert first.profiles == {"a": {"region": "one", "output": "json"}}
