"""An explanation shows each setting's place, and marks the value that botocore uses."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import botocore.session
import pytest
from botocore.exceptions import PartialCredentialsError
from hypothesis import given
from hypothesis import strategies as st

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.explain.explain import explain
from tests.explain.profiles import KEYS, P, settings_of, write

if TYPE_CHECKING:
    from tests.explain.profiles import Files


@dataclass(frozen=True)
class Case:
    """A setting in several places, with the place that botocore uses and its value."""

    config: str
    credentials: str
    setting: str
    winner: str
    variable: str
    value: str
    environ: dict[str, str] = field(default_factory=dict)


BOTH = f"[profile p]\nregion = config\n{KEYS}\n"
CASES = {
    "credentials file over config file": Case(
        BOTH, "[p]\nregion = credentials\n", "region", "credentials:2", "region", "credentials"
    ),
    "config file alone": Case(BOTH, "", "region", "config:2", "region", "config"),
    "environment over both": Case(
        BOTH,
        "[p]\nregion = credentials\n",
        "region",
        "AWS_DEFAULT_REGION",
        "region",
        "environment",
        {"AWS_DEFAULT_REGION": "environment"},
    ),
    "AWS_REGION isn't read": Case(
        BOTH, "", "region", "config:2", "region", "config", {"AWS_REGION": "environment"}
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_used_place(shared_files: Files, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a setting is in several places, the explanation uses the same place as botocore."""
    case = CASES[name]
    write(shared_files, case.config, case.credentials)
    for variable, value in case.environ.items():
        monkeypatch.setenv(variable, value)
    used = [one for one in settings_of("p") if one.name == case.setting and not one.note]
    assert [(one.where, one.value) for one in used] == [(case.winner, case.value)]
    assert botocore.session.Session(profile="p").get_config_variable(case.variable) == case.value


ENDPOINT = f"{P}{KEYS}\nendpoint_url = http://file:1\n"
SERVICES = (
    f"{ENDPOINT}services = local\n[services local]\nsts =\n  endpoint_url = http://services:1\n"
)


@pytest.mark.parametrize(
    ("config", "environ", "winner", "endpoint"),
    [
        (ENDPOINT, {}, "config:5", "http://file:1"),
        (SERVICES, {}, "config:8", "http://services:1"),
        (SERVICES, {"AWS_ENDPOINT_URL": "http://env:1"}, "AWS_ENDPOINT_URL", "http://env:1"),
        (
            SERVICES,
            {"AWS_ENDPOINT_URL": "http://env:1", "AWS_ENDPOINT_URL_STS": "http://sts:1"},
            "AWS_ENDPOINT_URL_STS",
            "http://sts:1",
        ),
        (
            SERVICES,
            {
                "AWS_ENDPOINT_URL": "http://env:1",
                "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
            },
            None,
            "https://sts.us-west-2.amazonaws.com",
        ),
        (
            f"{P}{KEYS}\nendpoint_url = x\nignore_configured_endpoint_urls = true\n",
            {},
            None,
            "https://sts.us-west-2.amazonaws.com",
        ),
    ],
)
def test_endpoint(
    shared_files: Files,
    *,
    config: str,
    environ: dict[str, str],
    winner: str | None,
    endpoint: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The explanation shows the STS endpoint that botocore uses."""
    write(shared_files, config)
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    used = {one.name: one for one in settings_of("p") if not one.note}
    first = used.get("endpoint_url (sts)") or used.get("endpoint_url")
    assert (first.where if first else None) == winner
    assert first is None or first.value == endpoint
    client = botocore.session.Session(profile="p").create_client("sts")
    assert client.meta.endpoint_url == endpoint


def test_token_in_the_other_file(shared_files: Files) -> None:
    """A session token isn't used if the keys are in the other file, as in botocore."""
    write(shared_files, "[profile p]\naws_session_token = hush\n", f"[p]\n{KEYS}\n")
    (token,) = (one for one in settings_of("p") if one.name == "aws_session_token")
    assert token.note == "not used: the keys are in the credentials file"
    credentials = botocore.session.Session(profile="p").get_credentials()
    assert credentials
    assert credentials.token is None


def test_blocks_and_empty_settings(shared_files: Files) -> None:
    """An indented block shows the names in it, and an empty setting shows `empty`."""
    write(shared_files, f"{P}{KEYS}\ns3 =\n  a = hush\n  b = c\noutput =\n")
    shown = {one.name: one.value for one in settings_of("p")}
    assert shown["s3"] == "a, b"
    assert shown["output"] == "empty"


NAMES = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_security_token")
IN_A_FILE = st.lists(st.sampled_from(NAMES), unique=True)


@pytest.mark.slow
@given(IN_A_FILE, IN_A_FILE)
def test_keys_in_both_files(config: list[str], credentials: list[str]) -> None:
    """If both files have keys and tokens, the explanation uses the same ones as botocore."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        files = (Path(folder, "config"), Path(folder, "credentials"))
        patch.setenv("AWS_CONFIG_FILE", str(files[0]))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(files[1]))
        texts = (
            "".join(f"{name} = {file}:{line}\n" for line, name in enumerate(names, start=2))
            for file, names in (("config", config), ("credentials", credentials))
        )
        write(
            files,
            *(
                f"[{header}]\n{text}"
                for header, text in zip(("profile p", "p"), texts, strict=True)
            ),
        )
        try:
            keys = botocore.session.Session(profile="p").get_credentials()
        except PartialCredentialsError:
            keys = None
        explanation = explain(SessionRequest(profile="p"))
        assert explanation.works == (keys is not None)
        if keys is not None:
            frozen = keys.get_frozen_credentials()
            used = {one.where for one in settings_of("p") if not one.note}
            assert used == {frozen.access_key, frozen.secret_key, frozen.token} - {None}
