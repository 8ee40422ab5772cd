"""The shared files are read as botocore reads them, and each setting records its line."""

from __future__ import annotations

import os
import tempfile
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.exceptions import ConfigParseError
from hypothesis import example, given
from hypothesis import strategies as st

from ipy_awsprofile.config.config import read_config
from ipy_awsprofile.config.profiles import profiles_by_name
from ipy_awsprofile.config.shared_files import Section, SharedFiles
from ipy_awsprofile.errors import ConfigFileError

if TYPE_CHECKING:
    from collections.abc import Iterator


def read(config: str = "", credentials: str = "", *, folder: Path) -> Any:
    """Write two files and read them."""
    files = SharedFiles(folder / "config", folder / "credentials")
    files.config.write_text(config)
    files.credentials.write_text(credentials)
    return read_config(files)


@pytest.mark.parametrize(
    ("environment", "config", "credentials"),
    [
        ({}, "{home}/.aws/config", "{home}/.aws/credentials"),
        ({"AWS_CONFIG_FILE": "/a/b"}, "/a/b", "{home}/.aws/credentials"),
        ({"AWS_CONFIG_FILE": ""}, "{home}/.aws/config", "{home}/.aws/credentials"),
        ({"AWS_CONFIG_FILE": "~/c"}, "{home}/c", "{home}/.aws/credentials"),
        ({"AWS_CONFIG_FILE": "$HOME/c"}, "{home}/c", "{home}/.aws/credentials"),
        ({"AWS_SHARED_CREDENTIALS_FILE": "/k"}, "{home}/.aws/config", "/k"),
        ({"AWS_CONFIG_FILE": "c"}, "{here}/c", "{home}/.aws/credentials"),
        (
            {"AWS_CONFIG_FILE": "~nobody-at-all/c"},
            "{here}/~nobody-at-all/c",
            "{home}/.aws/credentials",
        ),
    ],
)
def test_places(environment: dict[str, str], config: str, credentials: str, tmp_path: Path) -> None:
    """The two variables name the files; ``~`` and ``$`` are expanded in them as in botocore."""
    files = SharedFiles.from_environment(environment)
    assert str(files.config) == config.format(home=tmp_path, here=Path.cwd())
    assert str(files.credentials) == credentials.format(home=tmp_path)


def test_places_from_the_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default, the environment of this process names the files."""
    monkeypatch.setenv("AWS_CONFIG_FILE", "/somewhere/else")
    assert SharedFiles.from_environment().config == Path("/somewhere/else")


def test_missing_files(tmp_path: Path) -> None:
    """Missing files aren't an error, and contain no profiles."""
    sections = read_config(SharedFiles(tmp_path / "none", tmp_path / "nothing"))
    assert sections.profiles == {}


def test_folder_instead_of_a_file(tmp_path: Path) -> None:
    """A folder instead of a file is treated as missing, as in botocore."""
    assert read_config(SharedFiles(tmp_path, tmp_path)).profiles == {}


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("profile dev", "dev"),
        ("profile 'my dev'", "my dev"),
        ('profile "it\'s"', "it's"),
        ("default", "default"),
        ("profile default", "default"),
        ("profile größe/δ", "größe/δ"),
        ("profile    dev", "dev"),
        ("profile two words", None),
        ("profile", None),
        ('profile "unclosed', None),
        ("dev", None),
    ],
)
def test_headers_of_the_config_file(header: str, name: str | None, tmp_path: Path) -> None:
    """Each section of the config file has the same profile name as in botocore, or none."""
    sections = read(f"[{header}]\nregion = x\n", folder=tmp_path)
    assert list(sections.profiles) == ([name] if name else [])


def test_other_sections_are_kept_apart(tmp_path: Path) -> None:
    """Sections such as sso-session and services aren't profiles."""
    text = "[sso-session corp]\na = 1\n[services local]\nb = 2\n[plugins]\nc = 3\n"
    sections = read(text, folder=tmp_path)
    assert sections.profiles == {}
    assert sections.sso_sessions["corp"] == {"a": "1"}
    assert sections.services["local"] == {"b": "2"}
    assert sections.others["plugins"] == {"c": "3"}


def test_credentials_file_takes_precedence(tmp_path: Path) -> None:
    """A setting in both files has the value and line of the credentials file."""
    sections = read(
        "[profile dev]\nregion = one\noutput = json\n", "\n[dev]\nregion = two\n", folder=tmp_path
    )
    section = sections.profiles["dev"]
    assert section == {"region": "two", "output": "json"}
    assert section.origins["region"] == (tmp_path / "credentials", 3)
    assert section.origins["output"] == (tmp_path / "config", 3)
    assert (section.file, section.line) == (tmp_path / "config", 1)


def test_lines_with_comments_and_blocks(tmp_path: Path) -> None:
    """Lines are counted from 1, including comments, blank lines and indented blocks."""
    text = "# hello\n\n[profile dev]\n; note\ns3 =\n  addressing_style = path\nregion = x\n"
    section = read(text, folder=tmp_path).profiles["dev"]
    assert section["s3"] == {"addressing_style": "path"}
    assert section.line == 3
    assert section.origins["s3"][1] == 5
    assert section.origins["region"][1] == 7


def test_default_section_belongs_to_all(tmp_path: Path) -> None:
    """Every section includes the settings of [DEFAULT], as in botocore."""
    text = "[DEFAULT]\nregion = everywhere\n[profile dev]\noutput = json\n"
    section = read(text, folder=tmp_path).profiles["dev"]
    assert section == {"region": "everywhere", "output": "json"}
    assert section.origins["region"][1] == 3


@pytest.mark.parametrize(("value", "text"), [("plain", "plain"), ("", None), ({"a": "b"}, None)])
def test_text_of_a_setting(value: Any, text: str | None) -> None:
    """Empty and nested settings have no text."""
    section = Section(Path("config"), 1)
    section["name"] = value
    assert section.text("name") == text
    assert section.text("other") is None


def test_repr_shows_no_value(tmp_path: Path) -> None:
    """A section's repr contains the names of its settings, and not their values."""
    sections = read("", "[dev]\naws_secret_access_key = hush\n", folder=tmp_path)
    assert "aws_secret_access_key" in repr(sections.profiles["dev"])
    assert "hush" not in repr(sections.profiles["dev"])
    assert "hush" not in repr(sections)


@pytest.mark.parametrize(
    ("config", "line", "problem"),
    [
        ("[profile a]\nregion = x\n[profile a]\n", 3, "twice"),
        ("[profile a]\nregion = x\nregion = y\n", 3, "twice"),
        ("region = x\n", 1, "before the first [section]"),
        ("\ufeff[default]\nregion = x\n", 1, "save it as UTF-8 without BOM"),
        ("[profile a]\nregion = x\nnonsense\n", 3, "neither a [section] nor"),
        ("[profile a]\ns3 =\n  nonsense\n", 2, "no `=`"),
        ("[profile a\nregion = x\n", 1, "has no closing `]`"),
        ("[profile a]\nregion = x\n[profile b\nregion = y\n", 3, "has no closing `]`"),
        ("[profile a]\nregion = x\n[profile b\n", 3, "has no closing `]`"),
        ("[profile a]\nregion = x\n [profile b]\nregion = y\n", 3, "This header is indented"),
        ("[profile a]\ns3 =\n  a = b\n [profile b]\n", 2, "A [section] below is indented"),
    ],
)
def test_malformed(config: str, line: int, problem: str, tmp_path: Path) -> None:
    """The error for a malformed file gives the line and the problem."""
    with pytest.raises(ConfigFileError) as caught:
        read(config, folder=tmp_path)
    assert caught.value.path == tmp_path / "config"
    assert caught.value.line == line
    assert problem in str(caught.value)


def test_file_that_is_not_text(tmp_path: Path) -> None:
    """The error for a file that isn't text gives no line."""
    (tmp_path / "config").write_bytes(b"[profile a]\nregion = \xff\xfe\n")
    with pytest.raises(ConfigFileError, match="isn't utf-8 text") as caught:
        read_config(SharedFiles(tmp_path / "config", tmp_path / "credentials"))
    assert caught.value.line is None


@contextmanager
def powerless() -> Iterator[None]:
    """Remove root's permission to read everything, if the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Yield a folder that every user of the machine can read."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_unreadable_file(open_folder: Path) -> None:
    """The error for an unreadable file gives the operating system's reason."""
    config = open_folder / "config"
    config.write_text("[profile a]\n")
    config.chmod(0)
    with powerless(), pytest.raises(ConfigFileError, match="Permission denied") as caught:
        read_config(SharedFiles(config, open_folder / "credentials"))
    assert isinstance(caught.value.__cause__, PermissionError)


def test_unreadable_folder(open_folder: Path) -> None:
    """The error for an unreadable folder gives the same reason."""
    config = open_folder / "shut" / "config"
    config.parent.mkdir()
    config.write_text("[profile a]\n")
    config.parent.chmod(0)
    with powerless(), pytest.raises(ConfigFileError, match="Permission denied"):
        read_config(SharedFiles(config, open_folder / "credentials"))


def test_one_reading_until_a_file_changes(tmp_path: Path) -> None:
    """The files are parsed again only if they have changed."""
    files = SharedFiles(tmp_path / "config", tmp_path / "credentials")
    files.config.write_text("[profile a]\n")
    first = read_config(files)
    assert read_config(files) is first
    files.config.write_text("[profile a]\n[profile bb]\n")
    assert list(read_config(files).profiles) == ["a", "bb"]
    assert list(first.profiles) == ["a"]


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="[]"), max_size=8)
LINES = st.one_of(
    st.builds("[profile {}]".format, NAMES),
    st.builds('[profile "{}"]'.format, NAMES),
    st.builds("[{}]".format, NAMES),
    st.builds("{} = {}".format, NAMES, NAMES),
    st.builds("  {} = {}".format, NAMES, NAMES),
    st.builds("{} =".format, NAMES),
    st.builds("# {}".format, NAMES),
    st.sampled_from(["region = x", "[default]", "[DEFAULT]", "[sso-session a]", "s3 =", ""]),
    NAMES,
)
FILES = st.one_of(
    st.lists(LINES, max_size=12).map("\n".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
)


@pytest.mark.slow
@given(config=FILES, credentials=FILES)
@example(config="[profile a]\nregion = x\n", credentials="[a]\nregion = y\n")
@example(config="[profile a]\nx\x85y = z\n", credentials="")
@example(config="[profile a]\ns3 =\n  a\n", credentials="")
def test_same_profiles_as_botocore(config: str, credentials: str) -> None:
    """For any content, we read the same profiles and settings as botocore, or raise an error."""
    with tempfile.TemporaryDirectory() as folder:
        paths = SharedFiles(Path(folder) / "config", Path(folder) / "credentials")
        paths.config.write_text(config, encoding="utf-8", newline="")
        paths.credentials.write_text(credentials, encoding="utf-8", newline="")
        session = botocore.session.Session()
        session.set_config_variable("config_file", str(paths.config))
        session.set_config_variable("credentials_file", str(paths.credentials))
        try:
            expected = session.full_config["profiles"]
        except ConfigParseError:
            with pytest.raises(ConfigFileError):
                read_config(paths)
            return
        assert read_config(paths).profiles == expected
        assert set(profiles_by_name(read_config(paths))) == set(expected)


SECRET = "hush-this-is-not-for-eyes"


@given(
    before=st.lists(LINES, max_size=4),
    secret=st.sampled_from(
        [
            f"aws_secret_access_key = {SECRET}",
            f"aws_secret_access_key {SECRET}",
            f"aws_secret_access_key\n{SECRET}",
            f"s3 =\n  {SECRET}",
            f"aws_session_token = a\n  {SECRET}\nb",
        ]
    ),
    after=st.lists(LINES, max_size=4),
)
def test_errors_never_quote_values(before: list[str], secret: str, after: list[str]) -> None:
    """Errors and records never quote a secret from a malformed file."""
    with tempfile.TemporaryDirectory() as folder:
        paths = SharedFiles(Path(folder) / "config", Path(folder) / "credentials")
        paths.credentials.write_text("\n".join(["[dev]", *before, secret, *after]), "utf-8")
        try:
            shown = repr(profiles_by_name(read_config(paths)))
        except ConfigFileError as error:
            shown = "".join(traceback.format_exception(error)) + repr(error) + error.hint
        assert SECRET not in shown
