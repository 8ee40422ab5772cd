"""Child processes get the kernel's identity from an overlay of the user's config file."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import pytest
from botocore.exceptions import ConfigParseError
from hypothesis import example, given
from hypothesis import strategies as st

from ipy_awsprofile.bindings import overlay
from ipy_awsprofile.bindings.credential_server import CredentialServer
from ipy_awsprofile.bindings.overlay import overlay_name, write_overlay
from ipy_awsprofile.config.files import SharedFiles, read_config
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, trusting
from ipy_awsprofile.errors import ConfigFileError
from ipy_awsprofile.sessions.session import ProfileSession, open_session
from tests.renewing import renew_at_each_use
from tests.shells import run_aws_cli

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario

ARN = f"arn:aws:sts::{ROLE_ACCOUNT}:assumed-role/RoleBeta/kernel"
NAME = "RoleBeta-in-kernel"


@contextmanager
def lent(
    session: ProfileSession, monkeypatch: pytest.MonkeyPatch, *, of: str, region: str | None = None
) -> Iterator[Path]:
    """Lend the session to child processes of this test, and yield the overlay."""
    server = CredentialServer()
    with closing(server), monkeypatch.context() as environment:
        address = server.lend(session)
        overlay, command = address.folder / "config", address.command
        config = read_config()
        write_overlay(overlay, name=NAME, of=of, command=command, region=region, config=config)
        environment.setenv("AWS_CONFIG_FILE", str(overlay))
        environment.setenv("AWS_PROFILE", NAME)
        yield overlay


@pytest.fixture
def session(aws: EmbeddedAws) -> ProfileSession:
    """Open a session of RoleBeta, and return it."""
    return open_session("RoleBeta", session_name="kernel")


def child(code: str) -> str:
    """Run code with boto3 in a new process, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", f"import boto3\n{code}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


WHO = "print(boto3.client('sts').get_caller_identity()['Arn'])"


def who_is_the_cli(*arguments: str) -> str:
    """Return the ARN that the AWS CLI gets from STS."""
    done = run_aws_cli("sts", "get-caller-identity", *arguments)
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["Arn"])


def give_keys(aws: EmbeddedAws, scenario: Scenario, name: str, *, file: Any) -> None:
    """Write a profile with the user's keys into one of the files."""
    aws.write_profile(
        name,
        file=file,
        aws_access_key_id=scenario.user.access_key_id,
        aws_secret_access_key=scenario.user.secret_access_key,
    )


def test_children_have_the_identity(
    session: ProfileSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python, the AWS CLI, and new sessions in the kernel itself get the session's ARN."""
    with lent(session, monkeypatch, of="RoleBeta"):
        assert child(WHO) == ARN
        assert who_is_the_cli() == ARN
        assert boto3.Session().client("sts").get_caller_identity()["Arn"] == ARN


@pytest.mark.parametrize("name", ["default", "RoleBeta"])
def test_keys_of_the_user_do_not_take_precedence(
    aws: EmbeddedAws,
    scenario: Scenario,
    session: ProfileSession,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """Keys in the credentials file don't take precedence over the lent identity."""
    give_keys(aws, scenario, name, file="credentials")
    with lent(session, monkeypatch, of="RoleBeta"):
        assert child(WHO) == ARN
        assert who_is_the_cli() == ARN


def test_children_have_the_same_permissions(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session policy also limits the child processes."""
    limited = open_session("RoleBeta", read_only=True)
    with lent(limited, monkeypatch, of="RoleBeta"):
        assert child("print(len(boto3.client('s3').list_buckets()['Buckets']))") == "3"
        assert "AccessDenied" in child(
            "try: boto3.client('s3').create_bucket(Bucket='another')\n"
            "except Exception as error: print(error)"
        )


def test_children_get_new_credentials(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child process still works after its first credentials have expired."""
    session = open_session("RoleBeta", session_name="kernel", duration=900)
    renew_at_each_use(session)  # as botocore does in the child, because 15 minutes are left
    ask = (
        "sts = boto3.client('sts')\n"
        "for _ in range(3):\n"
        "    print(sts.get_caller_identity()['Arn'], flush=True)\n"
        "    input()\n"
    )
    with lent(session, monkeypatch, of="RoleBeta"), ExitStack() as processes:
        process = processes.enter_context(
            subprocess.Popen(
                [sys.executable, "-c", f"import boto3\n{ask}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        assert process.stdin
        assert process.stdout
        for _ in range(3):
            assert process.stdout.readline().strip() == ARN
            aws.expire_sessions()
            process.stdin.write("\n")
            process.stdin.flush()
        assert process.wait(timeout=60) == 0


@pytest.mark.slow
def test_settings_of_the_profile(
    aws: EmbeddedAws, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lent profile has the endpoints, nested settings and Region of its profile."""
    with aws.config_file.open("a") as file:
        file.write(f"[services mine]\nsts =\n  endpoint_url = {aws.endpoint_url}\n")
    aws.write_profile(
        "Special",
        role_arn=scenario.role_arn,
        source_profile="UserAlpha",
        endpoint_url=None,
        services="mine",
        region="eu-north-1",
        retry_mode="adaptive",
        s3={"addressing_style": "path", "max_concurrent_requests": 3},
    )
    session = open_session("Special", session_name="kernel")
    show = (
        "session = boto3.Session()\n"
        "print(session.client('sts').get_caller_identity()['Arn'], session.region_name)\n"
        "s3 = session.client('s3').meta\n"
        "print(s3.config.s3['addressing_style'], s3.config.retries['mode'], s3.endpoint_url)\n"
    )
    with lent(session, monkeypatch, of="Special"):
        own = child(show).splitlines()
    with lent(session, monkeypatch, of="Special", region="sa-east-1"):
        chosen = child(show).splitlines()
    assert own == [f"{ARN} eu-north-1", "path adaptive https://s3.eu-north-1.amazonaws.com"]
    assert chosen == [f"{ARN} sa-east-1", "path adaptive https://s3.sa-east-1.amazonaws.com"]


@pytest.mark.slow
def test_other_profiles_work(
    aws: EmbeddedAws,
    scenario: Scenario,
    session: ProfileSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Other profiles work with the overlay, whichever file contains their keys."""
    role = aws.create_role("Other", account=ROLE_ACCOUNT, trust=trusting(scenario.user.arn))
    give_keys(aws, scenario, "default", file="config")
    give_keys(aws, scenario, "it's mine", file="config")
    aws.write_profile("FromConfig", role_arn=role, source_profile="it's mine", region="us-west-2")
    who = "print(boto3.Session(profile_name={!r}, region_name='us-west-2').client('sts')"
    who += ".get_caller_identity()['Arn'])"
    with lent(session, monkeypatch, of="RoleBeta"):
        for user in ("UserAlpha", "default", "it's mine"):
            assert child(who.format(user)) == scenario.user.arn
        assert "assumed-role/RoleBeta/" in child(who.format("RoleBeta"))
        assert "assumed-role/Other/" in child(who.format("FromConfig"))
        assert who_is_the_cli("--profile", "UserAlpha") == scenario.user.arn
        assert who_is_the_cli("--profile", "default", "--region", "us-west-2") == scenario.user.arn


def test_no_secret_in_the_overlay(
    aws: EmbeddedAws,
    scenario: Scenario,
    session: ProfileSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The overlay contains no secret, wherever the secret is in the user's files."""
    give_keys(aws, scenario, "default", file="config")
    give_keys(aws, scenario, "RoleBeta", file="credentials")
    secret = scenario.user.secret_access_key
    with aws.config_file.open("a") as file:
        file.write(
            f"[plugins]\nAWS_Secret_Access_Key: {secret}\naws_session_token=\n  a={secret}\n"
        )
        file.write(f"[profile slip]\nregion = a\n  aws_secret_access_key = {secret}\ns3 =\n")
        file.write(f"  addressing_style = path\n  AWS_SESSION_TOKEN =\n  a = {secret}\n")
        file.write(f"[DEFAULT]\naws_security_token = {secret}\n")
    with lent(session, monkeypatch, of="RoleBeta") as overlay:
        text = overlay.read_text()
        assert not [one for one in aws.secrets() if one in text]
        assert scenario.user.access_key_id not in text
        assert "addressing_style = path" in text
        assert child(WHO) == ARN


def test_only_the_user_can_read_the_overlay(
    session: ProfileSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the user can read the overlay, and no temporary file remains."""
    with lent(session, monkeypatch, of="RoleBeta") as overlay:
        assert overlay.stat().st_mode & 0o777 == 0o600
        assert {file.name for file in overlay.parent.iterdir()} == {"config"}


def overlaid(tmp_path: Path, config: str, credentials: str = "", **options: Any) -> Path:
    """Write an overlay of two files with this content."""
    files = SharedFiles(tmp_path / "config", tmp_path / "credentials")
    files.config.write_text(config)
    files.credentials.write_text(credentials)
    overlay = tmp_path / "overlay"
    defaults = {"name": "lent", "of": "dev", "command": "run me", "region": None}
    write_overlay(overlay, config=read_config(files), **defaults | options)
    return overlay


def profiles_of(config: Path, credentials: Path) -> dict[str, Any]:
    """Return the profiles that botocore reads from two files."""
    read: dict[str, Any] = full_config(config, credentials)["profiles"]
    return read


def full_config(config: Path, credentials: Path) -> Any:
    """Return the config that botocore reads from two files."""
    session = botocore.session.Session()
    session.set_config_variable("config_file", str(config))
    session.set_config_variable("credentials_file", str(credentials))
    return session.full_config


def test_settings_of_both_files_without_sources(tmp_path: Path) -> None:
    """The new profile has the settings of both files, except settings for credentials."""
    sources = (
        "role_arn source_profile credential_source mfa_serial external_id role_session_name "
        "duration_seconds web_identity_token_file sso_session sso_account_id sso_role_name "
        "sso_start_url sso_region login_session credential_process aws_access_key_id "
        "aws_secret_access_key aws_session_token"
    )
    config = "[profile dev]\nregion = a\noutput = json\n"
    config += "".join(f"{name} = x\n" for name in sources.split())
    overlay = overlaid(tmp_path, config, "[dev]\nregion = b\ns3 =\n  a = b\n  c = d\n")
    assert profiles_of(overlay, tmp_path / "credentials")["lent"] == {
        "region": "b",
        "output": "json",
        "s3": {"a": "b", "c": "d"},
        "credential_process": "run me",
    }


@pytest.mark.parametrize("value", ["50%", "%(region)s", "a = b", "# no comment", "ü", "a ; b"])
def test_values_stay_as_they_are(tmp_path: Path, value: str) -> None:
    """The overlay keeps special characters in values."""
    overlay = overlaid(
        tmp_path, f"[profile dev]\na = {value}\nb = {value}\n  {value.strip('# ')}\n"
    )
    read = profiles_of(overlay, tmp_path / "credentials")
    assert read["lent"] == read["dev"] | {"credential_process": "run me"}
    assert read["dev"] == profiles_of(tmp_path / "config", tmp_path / "credentials")["dev"]
    assert read["dev"]["a"] == value


def test_name_that_needs_quotes(tmp_path: Path) -> None:
    """The overlay can contain any profile name and any command."""
    overlay = overlaid(tmp_path, "", name="it's a name", command="'a b' \"c\" 50%", region="r")
    assert profiles_of(overlay, tmp_path / "credentials") == {
        "it's a name": {"credential_process": "'a b' \"c\" 50%", "region": "r"}
    }


def test_no_config_file(tmp_path: Path) -> None:
    """Without a config file, the overlay has only the new profile."""
    overlay = tmp_path / "overlay"
    none = read_config(SharedFiles(tmp_path / "none", tmp_path / "none"))
    write_overlay(overlay, name="lent", of="dev", command="x", region=None, config=none)
    assert profiles_of(overlay, tmp_path / "none") == {"lent": {"credential_process": "x"}}


@pytest.mark.parametrize(
    ("config", "credentials"), [("[profile lent]\n", ""), ("", "[lent]\naws_access_key_id = a\n")]
)
def test_existing_name_is_refused(tmp_path: Path, config: str, credentials: str) -> None:
    """A name that is in one of the files is an error, because its keys could take precedence."""
    with pytest.raises(ValueError, match="'lent'"):
        overlaid(tmp_path, config, credentials)
    assert not (tmp_path / "overlay").exists()


def test_malformed_file(tmp_path: Path) -> None:
    """If the user's file is malformed, the error names the line, and no overlay is written."""
    with pytest.raises(ConfigFileError, match="line 2"):
        overlaid(tmp_path, "[profile dev]\nnonsense\n")
    assert {file.name for file in tmp_path.iterdir()} == {"config", "credentials"}


def test_overlay_that_cannot_be_written(tmp_path: Path) -> None:
    """If the overlay can't be written, no temporary file remains."""
    (tmp_path / "overlay").mkdir()
    with pytest.raises(OSError, match="overlay"):
        overlaid(tmp_path, "")
    assert {file.name for file in tmp_path.iterdir()} == {"config", "credentials", "overlay"}


@pytest.mark.parametrize(
    ("profile", "taken", "name"),
    [
        ("RoleBeta", [], "RoleBeta-in-kernel"),
        ("RoleBeta", ["RoleBeta", "RoleBeta-in-kernel"], "RoleBeta-in-kernel-2"),
        ("a", ["a-in-kernel", "a-in-kernel-2"], "a-in-kernel-3"),
        ("my role/δ", [], "my-role-in-kernel"),
        ("team/dev_1.x", [], "team-dev_1.x-in-kernel"),
        ("arn:aws:iam::123456789012:role/path/RoleBeta", [], "RoleBeta-in-kernel"),
        ("größe", [], "gr-e-in-kernel"),
        ("δ", [], "profile-in-kernel"),
    ],
)
def test_names(profile: str, taken: list[str], name: str) -> None:
    """The overlay's profile name is readable, plain and not taken."""
    assert overlay_name(profile, taken) == name


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="[]"), max_size=8)
SECRET = "hush-this-is-not-for-eyes"
LINES = st.one_of(
    st.builds("[profile {}]".format, NAMES),
    st.builds('[profile "{}"]'.format, NAMES),
    st.builds("[{}]".format, NAMES),
    st.builds("{} = {}".format, NAMES, NAMES),
    st.builds("  {} = {}".format, NAMES, NAMES),
    st.builds("{} =".format, NAMES),
    st.builds("# {}".format, NAMES),
    st.sampled_from(
        [
            "[profile dev]",
            "[dev]",
            "[default]",
            "[DEFAULT]",
            "[sso-session a]",
            "[services a]",
            "region = x",
            "role_arn: x",
            "sso_session = a",
            "s3 =",
            "",
            "aws_access_key_id = AKIA",
            f"aws_secret_access_key = {SECRET}",
            f"AWS_SESSION_TOKEN:{SECRET}",
            f"  aws_secret_access_key = {SECRET}",
            f"\taws_session_token =\n    {SECRET}=",
        ]
    ),
    NAMES,
)
FILES = st.one_of(
    st.lists(LINES, max_size=14).map("\n".join),
    st.lists(LINES, max_size=14).map(lambda lines: "\n".join(["[profile dev]", *lines])),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
)


def public(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings, except secrets and settings that contain a secret by mistake."""
    return {
        name: value
        for name, value in section.items()
        if name not in {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"}
        and "aws_s" not in str(value).lower()
    }


def sections_of(config: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the sections of botocore's config, by kind and name."""
    named = {
        (kind, name): section
        for kind in ("profiles", "sso_sessions", "services")
        for name, section in config.pop(kind, {}).items()
    }
    return named | {("", name): section for name, section in config.items()}


@pytest.mark.slow
@given(config=FILES, credentials=FILES)
@example(config="[DEFAULT]\nx = y\n[profile a]\n[default]\n", credentials="[b]\nregion = z\n")
@example(config="[profile a]\nx = y\n\n  z\n  \n  # no\n  v\n", credentials="")
@example(config="[profile dev]\ns3 =\n\n  a = b\x85c = d\n", credentials="")
@example(config="[profile a]\nx = y\x1cz\n  v\xa0\n", credentials="")
def test_same_settings_as_without(config: str, credentials: str) -> None:
    """Botocore reads the same settings from the overlay as from the user's files, but no secret."""
    with tempfile.TemporaryDirectory() as folder:
        files = SharedFiles(Path(folder) / "config", Path(folder) / "credentials")
        files.config.write_text(config, encoding="utf-8", newline="")
        files.credentials.write_text(credentials, encoding="utf-8", newline="")
        overlay = Path(folder) / "overlay"
        try:
            before = full_config(files.config, files.credentials)
        except ConfigParseError:
            with pytest.raises(ConfigFileError):
                read_config(files)
            return
        ours = read_config(files)
        write_overlay(overlay, name="lent", of="dev", command="run", region=None, config=ours)
        after = full_config(overlay, files.credentials)
        assert SECRET not in overlay.read_text()
    own = {
        name: value
        for name, value in before["profiles"].get("dev", {}).items()
        if name not in {"role_arn", "credential_process"} and not name.startswith("sso_")
    }
    lent_profile = after["profiles"].pop("lent")
    assert lent_profile.pop("credential_process") == "run"
    assert lent_profile.keys() <= own.keys()
    assert public(own).items() <= lent_profile.items()
    expected, found = sections_of(before), sections_of(after)
    assert found.keys() == expected.keys()
    for key, section in expected.items():
        assert found[key].keys() <= section.keys() | {"credential_process"}
        assert public(section).items() <= found[key].items()


@pytest.mark.slow
def test_a_very_large_file_is_not_copied(
    aws: EmbeddedAws, session: ProfileSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a very large config file, the overlay copies only the profile and its services."""
    text = aws.config_file.read_text()
    beta = text.replace("[profile RoleBeta]", "[profile RoleBeta]\nservices = local")
    local = f"[services local]\ns3 =\n  endpoint_url = {aws.endpoint_url}\n"
    aws.config_file.write_text(beta + local)
    monkeypatch.setattr(overlay, "LARGEST", 100)
    with lent(session, monkeypatch, of="RoleBeta") as path:
        assert child(f"{WHO}; boto3.client('s3').list_buckets()") == ARN
        sections = [line for line in path.read_text().splitlines() if line.startswith("[")]
        assert sections == ["[services local]", f"[profile {NAME}]"]
