"""Random pairs of settings in every kind of profile, which work or cause one of our errors."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from IPython.utils.capture import capture_output

from ipy_awsprofile.config.settings import known_settings
from ipy_awsprofile.errors import EndpointUnreachable, MfaUnavailable
from tests.attack.test_config_files import SECRET, looked_at
from tests.kinds import KINDS, Kind, create_ann, in_its_place, prepared, sign_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from random import Random

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.attack.rounds import Rounds
    from tests.shells import Ran, Shell

#: Profiles without credentials, or with unusable credentials.
BROKEN = {
    "no credentials": Kind("[profile P]\n{here}\n", ""),
    "a role without a source": Kind("[profile P]\nrole_arn = {hop1}\n{here}\n", ""),
    "a role of itself": Kind("[profile P]\nrole_arn = {hop1}\nsource_profile = P\n{here}\n", ""),
    "half a key": Kind("[profile P]\naws_access_key_id = {key}\n{here}\n", ""),
}

#: Instance profiles are omitted because botocore waits for instance metadata, and other settings
#: redirect it.
ALL_KINDS = {name: kind for name, kind in (KINDS | BROKEN).items() if kind.place != "instance"}

#: Wrong values that any setting can have by mistake.
ODD = [
    *("", " ", "x", "true", "maybe", "0", "-1", "1.5", "9" * 30, "inf", "1e9", "None", "null"),
    *("/nowhere", "/", "/dev/null", "~", "~nobody/x", "$HOME", "{folder}/binary", "{folder}/text"),
    *("\x1b[31m", "ä 💥", "%(x)s", "a # b", "{{}}", "a\N{NULL}b", "[", "'", '"', "=", "a=b", "\\"),
    *("x" * 5_000, "a b" * 50_000, "\N{RIGHT-TO-LEFT OVERRIDE}x", "P", "Ann", "default", "corp"),
    *("\n  a = b", "\n  a = b\n  c = ", "\n  x", "\n  = y", "\n  endpoint_url = x", "\n"),
    *("arn:aws:iam::1:role/x", "arn:::::", "arn:aws:iam::123456789012:role/", "http://[", "://"),
]

#: Valid values of a setting, and similar values that are invalid.
FITTING = {
    "services": ["local", "nowhere"],
    "sso_session": ["corp", "nowhere"],
    "source_profile": ["Ann", "P", "nobody"],
    "credential_source": ["Environment", "EcsContainer", "Nowhere"],
    "region": ["eu-west-1", "mars", "us east"],
    "sso_region": ["us-east-1", "mars-1"],
    "credential_process": ["false", "echo {{}}", "echo {{", "/nowhere"],
    "mfa_process": ["echo 123456", "false", "/nowhere"],
    "endpoint_url": [
        "{endpoint}",
        "http://127.0.0.1:1",
        "ftp://127.0.0.1",
        "http://127.0.0.1:99999",
    ],
    "duration_seconds": ["900", "43201"],
    "retry_mode": ["standard", "adaptive", "legacy"],
    "max_attempts": ["1", "2"],
    "defaults_mode": ["auto", "mobile"],
    "s3": ["\n  addressing_style = path", "\n  use_accelerate_endpoint = maybe", "\n  x = \n  = "],
    "api_versions": ["\n  sts = 2011-06-15", "\n  sts = 1999-01-01", "\n  s3 = x"],
    "proxies_config": ["\n  proxy_ca_bundle = /nowhere"],
    "csm_host": ["127.0.0.1"],
    "csm_port": ["31000", "99999"],
}

#: Sections that a profile can refer to, and settings of those sections.
OTHER_SECTIONS = ["sso-session corp", "services local", "profile Ann"]
OF_SECTIONS = ["sts", "s3", "endpoint_url", "x", "sso_start_url", "sso_region", "region"]


class Blocked(OSError):
    """A call to another machine, which was blocked."""


@pytest.fixture
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Block each call to another machine before it leaves this machine."""

    def guard(name: str, owner: Any, host_of: Callable[..., Any]) -> None:
        call = getattr(owner, name)

        def checked(*args: Any, **kwargs: Any) -> Any:
            host = host_of(*args)
            if host not in {"127.0.0.1", "localhost", "::1", None, ""}:
                raise Blocked(f"{name}: {host}")
            return call(*args, **kwargs)

        monkeypatch.setattr(owner, name, checked)

    def of_address(_socket: Any, *args: Any) -> Any:
        return args[-1][0] if isinstance(args[-1], tuple) else None

    for name in ("connect", "connect_ex", "sendto"):
        guard(name, socket.socket, of_address)
    for name in ("getaddrinfo", "gethostbyname"):
        guard(name, socket, lambda host, *_: host)


def a_value(random: Random, setting: str) -> str:
    """Return a value for a setting, with placeholders in braces that the test fills in."""
    if setting in FITTING and random.random() < 0.5:
        return random.choice(FITTING[setting])
    if "secret" in setting or ("token" in setting and "file" not in setting):
        return random.choice([SECRET, f"\n  a = {SECRET}", ""])
    if setting in {"s3", "services", "api_versions"} and random.random() < 0.5:
        return f"\n  {random.choice(['x', 'addressing_style', 'sts'])} = {random.choice(ODD[:20])}"
    return random.choice(ODD)


def with_setting(text: str, header: str, setting: str, value: str) -> str:
    """Return the text of a file with this setting once in the section, which can be new."""
    lines, here, done = [], False, False
    for line in text.splitlines():
        if line.startswith("["):
            here = line == f"[{header}]"
            lines.append(line)
            if here:
                lines.append(f"{setting} = {value}")
                done = True
        elif not (here and line.partition(" =")[0] == setting):
            lines.append(line)
    return "\n".join([*lines, *([] if done else [f"[{header}]", f"{setting} = {value}"]), ""])


def changed(random: Random, kind: Kind) -> Kind:
    """Return a copy of a kind with two or more added or changed settings."""
    config, credentials = kind.config, kind.credentials
    headers = [line[1:-1] for line in config.splitlines() if line.startswith("[")]
    profile = kind.profile if kind.profile == "default" else f"profile {kind.profile}"
    for setting in random.sample(sorted(known_settings()), random.choice([2, 2, 2, 3, 6])):
        place = random.random()
        header = random.choice([*headers, *OTHER_SECTIONS]) if place < 0.2 else profile
        name = setting if header.startswith(("profile", "default")) else random.choice(OF_SECTIONS)
        value = a_value(random, name)
        if place > 0.9:
            credentials = with_setting(credentials, kind.profile, name, value)
        else:
            config = with_setting(config, header, name, value)
    return Kind(config, kind.arn, credentials, kind.profile, kind.environment, kind.place)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Create the files that settings refer to, and return the values of placeholders."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe\0")
    (tmp_path / "text").write_text("x\n")
    return {"folder": str(tmp_path)}


def is_shown_as_problem(shell: Shell, profile: str) -> bool:
    """Return whether the explanation shows a fatal problem or fails."""
    ran = shell.run(f"%aws_profile --explain {profile}")
    return bool(ran.error) or "✗" in ran.text


def is_beyond_explanation(error: BaseException | None, aws: EmbeddedAws) -> bool:
    """Return whether only a server, a user's process or a missing prompt can explain the error."""
    of_process = "Run its command in a terminal" in getattr(error, "hint", "")
    return bool(aws.calls or of_process or isinstance(error, EndpointUnreachable | MfaUnavailable))


def run_commands(shell: Shell, kind: Kind, aws: EmbeddedAws) -> Iterator[Ran]:
    """Run the table, the explanations and Tab, which only read, and then switch."""
    yield shell.run("%aws_profiles")
    yield shell.run(f"%aws_profile --explain {kind.profile}")
    yield shell.run("%aws_profile --explain")
    with capture_output() as captured:
        shell.completions(f"%aws_profile {kind.profile[:1]}")
    assert captured.stdout + captured.stderr == ""
    aws.calls.clear()
    yield shell.run(f"%aws_profile {kind.profile}")


@pytest.mark.slow
@pytest.mark.usefixtures("loopback_only")
def test_pairs(
    rounds: Rounds,
    shell: Shell,
    aws: EmbeddedAws,
    files: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A failure is one of our errors, without a secret, and the explanation shows the problem."""
    ann = create_ann(aws)
    sign_in(aws, ann)
    values = prepared(aws, ann) | files
    secrets = [secret for secret in aws.secrets() if len(secret) > 8]
    shell.good("%xmode Verbose")
    for random in rounds(24):
        name = random.choice(list(ALL_KINDS))
        kind = changed(random, ALL_KINDS[name])
        with monkeypatch.context() as patch, in_its_place(aws, values, patch, kind):
            what = f"{name}\n{kind.config}\n--\n{kind.credentials}"
            session = boto3.DEFAULT_SESSION
            for ran in run_commands(shell, kind, aws):
                looked_at(ran, what)
                assert not [each for each in secrets if each in ran.text + ran.html], what
            if ran.error:
                assert boto3.DEFAULT_SESSION is session, what
                if not is_beyond_explanation(ran.error, aws):
                    assert is_shown_as_problem(shell, kind.profile), f"{ran.text}\n{what}"
            shell.good("%aws_profile --off")
