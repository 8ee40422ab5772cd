"""Whatever the shared files contain, reading them returns records or raises one clear error."""

from __future__ import annotations

import os
import tempfile
import traceback
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import botocore.session
import pytest
from botocore.exceptions import BotoCoreError, ConfigParseError
from hypothesis import example, given
from hypothesis import strategies as st

from ipy_awsprofile.cards.explanation import explanation_card
from ipy_awsprofile.config.chain import resolve
from ipy_awsprofile.config.config import read_config
from ipy_awsprofile.config.profiles import find_profile, list_profiles
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.shared_files import SharedFiles
from ipy_awsprofile.config.target import Target, target_of
from ipy_awsprofile.errors import AwsProfileError, ConfigFileError
from ipy_awsprofile.explain.explain import explain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The value of every secret setting in these files, which nothing may show.
MARKER = "hushMARKERhush"
ROLE = "arn:aws:iam::123456789012:role/R"


NAMES = st.sampled_from(
    ["a", "b", "c", "default", "größe/δ", '"my dev"', "it's", "my dev", "%(x)s"]
)
SECTIONS = st.one_of(
    st.builds("[profile {}]".format, NAMES),
    st.builds("[{}]".format, NAMES),
    st.sampled_from(
        [
            "[DEFAULT]",
            "[default]",
            "[profile]",
            "[profiles a]",
            "[sso-session corp]",
            "[services local]",
            "[plugins]",
            "[profile a",
            "  [profile b]",
            "[]",
            '[profile "a]',
            "[profile a] # note",
        ]
    ),
)
SECRETS = st.sampled_from(
    [
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "aws_security_token",
        "aws_secret_acess_key",
        "external_id",
    ]
)
SETTINGS = st.sampled_from(
    [
        "region",
        "role_arn",
        "rolearn",
        "source_profile",
        "source-profile",
        "credential_source",
        "mfa_serial",
        "duration_seconds",
        "role_session_name",
        "web_identity_token_file",
        "credential_process",
        "login_session",
        "sso_session",
        "sso_account_id",
        "sso_role_name",
        "sso_start_url",
        "sso_start_ur",
        "sso_region",
        "services",
        "s3",
        "endpoint_url",
        "REGION",
        "größe",
        "",
    ]
)
VALUES = st.sampled_from(
    [
        "",
        "a",
        "b",
        "c",
        "corp",
        "local",
        "us-west-2",
        "Environment",
        "EcsContainer",
        "environment",
        "3600",
        "-1",
        "1h",
        "٣",
        "9" * 5000,
        ROLE,
        "arn:aws:iam::::::",
        "%(region)s",
        "${HOME}",
        "%",
        '"quoted',
        "'",
        "x ; y # z",
        "a = b = c",
        "http://[::1",
        "http://127.0.0.1:1/",
        "~/file",
        "~nobody-at-all/file",
        "\0",
        "a\0b",
        "\ufeff",
        "\x85",
        "\u2028",
        "😀",
        "\n  nested = 1\n  other = 2",
        "\n  nested",
        "\n  [profile b]",
        "continued\n  here",
        "/" * 5000,
    ]
)
EQUALS = st.sampled_from([" = ", "=", ": ", "\t=\t"])
INDENTS = st.sampled_from(["", "", "", "  ", "\t"])
LINES = st.one_of(
    SECTIONS,
    st.builds("{}{}{}{}".format, INDENTS, SETTINGS, EQUALS, VALUES),
    st.builds("{}{}{}{}".format, INDENTS, SECRETS, EQUALS, st.just(MARKER)),
    st.builds("{}{} {}".format, INDENTS, SECRETS, st.just(MARKER)),
    st.sampled_from(["", "# note", "; note", "  # note", "=", "[", "\0", "words"]),
)


def text_of(lines: list[str], newline: str, mark: str) -> bytes:
    """Return lines as the content of a file, which `mark` can begin with a byte order mark."""
    return (mark + newline.join(lines).replace("\n", newline)).encode()


NEAR = st.builds(
    text_of,
    st.lists(LINES, max_size=14),
    st.sampled_from(["\n", "\n", "\n", "\r\n", "\r"]),
    st.sampled_from(["", "", "", "\ufeff"]),
)
RAW = st.one_of(
    st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=60),
)
FILES = st.one_of(NEAR, NEAR, NEAR, RAW)


def well_formed(names: tuple[str, ...]) -> st.SearchStrategy[bytes]:
    """Return a strategy for readable files, in which no section or setting is repeated."""
    value = st.builds(
        "{} = {}".format, SETTINGS.filter(bool), VALUES.filter(lambda v: "\n" not in v)
    )
    secret = st.builds("{} = {}".format, SECRETS, st.just(MARKER))
    body = st.lists(st.one_of(value, secret), max_size=5, unique_by=lambda s: s.split()[0].lower())
    section = st.tuples(st.sampled_from(names), body)
    sections = st.lists(section, max_size=4, unique_by=lambda pair: pair[0])
    return sections.map(
        lambda found: "\n".join("\n".join([f"[{name}]", *lines]) for name, lines in found).encode()
    )


CONFIG = well_formed(("profile a", "profile b", "profile c", "default", "sso-session corp", "b"))
CREDENTIALS = well_formed(("a", "b", "default"))


@contextmanager
def written(config: bytes, credentials: bytes) -> Iterator[SharedFiles]:
    """Write the two files, and set the environment variables to their paths."""
    with tempfile.TemporaryDirectory() as folder:
        files = SharedFiles(Path(folder, "config"), Path(folder, "credentials"))
        files.config.write_bytes(config)
        files.credentials.write_bytes(credentials)
        named = {
            "AWS_CONFIG_FILE": str(files.config),
            "AWS_SHARED_CREDENTIALS_FILE": str(files.credentials),
        }
        with patch.dict(os.environ, named):
            yield files


def outcome(call: Callable[[], object]) -> str:
    """Return everything that a call or its error shows; only our errors are allowed."""
    try:
        return repr(call())
    except AwsProfileError as caught:
        error = caught
    assert "\n" not in str(error) + error.hint
    return "".join(traceback.format_exception(error)) + repr(error) + error.hint


def named_target(name: str) -> object:
    return target_of(SessionRequest(profile=name))


def read_only_target(name: str) -> Target:
    """Return the target of a profile with options that depend on its settings."""
    return target_of(SessionRequest(profile=name, duration=900, read_only=True))


def explained(name: str | None) -> str:
    """Return the explanation of a profile in every form that users can see."""
    explanation = explain(SessionRequest(profile=name) if name is not None else None)
    card = explanation_card(explanation)
    return f"{explanation!r}{card}{card._repr_html_()}"


@pytest.mark.slow
@given(config=st.one_of(FILES, CONFIG), credentials=st.one_of(FILES, CREDENTIALS))
@example(config=b"[profile a]\nrole_arn = r\nsource_profile = x\n  y\n", credentials=b"")
def test_any_file_ends_in_records_or_one_error(config: bytes, credentials: bytes) -> None:
    """Every file leads to records or to one of our one-line errors, and neither has a secret."""
    with written(config, credentials):
        shown = outcome(list_profiles)
        try:
            names = [profile.name for profile in list_profiles()]
        except ConfigFileError:
            shown += outcome(lambda: explain(SessionRequest(profile="a")))
            names = []
        else:
            shown += "".join(map(explained, [*names, "a", "nobody", None]))
        for name in [*names, "a", "nobody"]:
            for call in (find_profile, named_target, read_only_target):
                shown += outcome(partial(call, name))
        shown += outcome(lambda: target_of(SessionRequest(role_arn=ROLE, source_profile="a")))
        assert MARKER not in shown


@pytest.mark.slow
@given(config=st.one_of(FILES, CONFIG), credentials=st.one_of(FILES, CREDENTIALS))
def test_files_are_read_as_botocore_reads_them(config: bytes, credentials: bytes) -> None:
    """Plain botocore rejects the same files, and reads the same profiles and settings."""
    with written(config, credentials) as files:
        session = botocore.session.Session()
        try:
            theirs = session.full_config
        except ConfigParseError:
            with pytest.raises(ConfigFileError):
                list_profiles()
            return
        ours = read_config(files)
        assert ours.profiles == theirs["profiles"]
        assert ours.sso_sessions == theirs.get("sso_sessions", {})
        assert ours.services == theirs.get("services", {})
        assert [one.name for one in list_profiles()] == session.available_profiles


@st.composite
def chains(draw: st.DrawFn) -> bytes:
    """Return a config file with source profiles, which can be valid or invalid."""
    names = ["a", "b", "c"]
    sources = st.sampled_from([*names, "d", ""])
    lines = []
    for name in names:
        lines.append(f"[profile {name}]")
        if draw(st.booleans()):
            lines.append(f"role_arn = {ROLE}")
        if draw(st.integers(0, 3)):
            lines.append(f"source_profile = {draw(sources)}")
        else:
            lines += draw(
                st.sampled_from(
                    [
                        [],
                        ["credential_source = Environment"],
                        ["credential_source = environment"],
                        ["credential_source ="],
                        [f"source_profile = {name}", "credential_source = Environment"],
                        [f"source_profile = {name}", "credential_source ="],
                    ]
                )
            )
        lines += draw(
            st.sampled_from(
                [
                    [],
                    [],
                    ["aws_access_key_id = k", "aws_secret_access_key = s"],
                    ["aws_access_key_id = k"],
                    ["aws_secret_access_key = s"],
                    ["web_identity_token_file = f"],
                    ["region = us-west-2"],
                ]
            )
        )
    return "\n".join(lines).encode()


@pytest.mark.slow
@given(
    config=chains(),
    credentials=st.sampled_from(
        [
            b"",
            b"[c]\naws_access_key_id = k\naws_secret_access_key = s",
            b"[b]\naws_session_token = t",
        ]
    ),
)
def test_botocore_refuses_the_same_chains(config: bytes, credentials: bytes) -> None:
    """We refuse exactly the role chains that botocore refuses."""
    keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    with written(config, credentials), patch.dict(os.environ, keys):
        for name in "abc":
            if not find_profile(name).role_arn:
                continue
            try:
                theirs = botocore.session.Session(profile=name).get_credentials() is not None
            except BotoCoreError:
                theirs = False
            chain = resolve(SessionRequest(profile=name), read_config())
            assert (chain.problem is None) == theirs, name
