"""A role chain contains the profiles that botocore would use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import botocore.session
import pytest
from botocore.exceptions import (
    BotoCoreError,
    InfiniteLoopConfigError,
    InvalidConfigError,
    PartialCredentialsError,
)

from ipy_awsprofile.config.chain import Chain, resolve
from ipy_awsprofile.config.config import read_config
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.errors import InvalidProfile, InvalidSource, ProfileNotFound, SourceLoop

if TYPE_CHECKING:
    Files = tuple[Path, Path]


def resolved(name: str) -> Chain:
    """Return the role chain of a profile."""
    return resolve(SessionRequest(profile=name), read_config())


KEYS = "aws_access_key_id = k\naws_secret_access_key = s"

CHAINS = [
    pytest.param(f"[profile a]\n{KEYS}", ["a"], id="keys"),
    pytest.param("[profile a]", ["a"], id="nothing"),
    pytest.param(
        f"[profile a]\nrole_arn = r\nsource_profile = b\n[profile b]\n{KEYS}",
        ["a", "b"],
        id="one role",
    ),
    pytest.param(
        "[profile a]\nrole_arn = r\nsource_profile = b\n"
        f"[profile b]\nrole_arn = r\nsource_profile = c\n[profile c]\n{KEYS}",
        ["a", "b", "c"],
        id="two roles",
    ),
    pytest.param(
        f"[profile a]\nrole_arn = r\nsource_profile = a\n{KEYS}", ["a"], id="itself, with keys"
    ),
    pytest.param(
        "[profile a]\nrole_arn = r\nsource_profile = b\n"
        f"[profile b]\nrole_arn = r\nsource_profile = c\n{KEYS}\n[profile c]\n{KEYS}",
        ["a", "b"],
        id="a source's own keys go before its role",
    ),
    pytest.param(
        "[profile a]\nrole_arn = r\nsource_profile = b\n"
        f"[profile b]\nrole_arn = r\nsource_profile = b\n{KEYS}",
        ["a", "b"],
        id="a source that names itself, with keys",
    ),
    pytest.param(
        "[profile a]\nrole_arn = r\ncredential_source = Environment", ["a"], id="environment"
    ),
    pytest.param(
        "[profile a]\nrole_arn = r\nsource_profile = b\n"
        "[profile b]\nrole_arn = r\ncredential_source = Environment",
        ["a", "b"],
        id="a role of the environment",
    ),
    pytest.param(
        "[profile a]\nrole_arn = r\nsource_profile = b\n[profile b]\ncredential_process = p",
        ["a", "b"],
        id="a process",
    ),
    pytest.param(
        "[profile a]\nrole_arn = r\nweb_identity_token_file = f\nsource_profile = nowhere",
        ["a"],
        id="web identity looks at no source",
    ),
]


@pytest.mark.parametrize(("config", "names"), CHAINS)
def test_chain(shared_files: Files, config: str, names: list[str]) -> None:
    """A role chain ends with the profile that provides the first credentials."""
    shared_files[0].write_text(config)
    assert [step.profile.name for step in resolved("a").steps] == names


@pytest.mark.parametrize(
    ("config", "names"), [case for case in CHAINS if case.id not in {"nothing", "a process"}]
)
def test_chain_is_followed_by_botocore_too(
    shared_files: Files, config: str, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain botocore resolves each of these chains."""
    shared_files[0].write_text(config)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    assert botocore.session.Session(profile="a").get_credentials() is not None


LOOP = "The source profiles form a loop: "
REFUSED = [
    pytest.param(
        "[profile a]\nrole_arn = r\nsource_profile = b\n[profile b]\nrole_arn = r\n"
        "source_profile = a",
        SourceLoop,
        LOOP + "a ← b ← a.",
        InfiniteLoopConfigError,
        id="loop of two",
    ),
    pytest.param(
        "[profile a]\nrole_arn = r\nsource_profile = b\n[profile b]\nrole_arn = r\n"
        "source_profile = c\n[profile c]\nrole_arn = r\nsource_profile = b",
        SourceLoop,
        LOOP + "a ← b ← c ← b.",
        InfiniteLoopConfigError,
        id="loop further down",
    ),
    pytest.param(
        "[profile a]\nrole_arn = r\nsource_profile = a",
        SourceLoop,
        LOOP + "a ← a.",
        InfiniteLoopConfigError,
        id="itself, without keys",
    ),
    pytest.param(
        "[profile a]\nrole_arn = r\nsource_profile = b",
        InvalidSource,
        "The source_profile `b` of the profile `a` doesn't exist.",
        InvalidConfigError,
        id="missing",
    ),
    pytest.param(
        "[profile a]\nrole_arn = r\nsource_profile = b\ncredential_source = Environment\n"
        f"[profile b]\n{KEYS}",
        InvalidSource,
        "The profile `a` contains both source_profile and credential_source.",
        InvalidConfigError,
        id="both",
    ),
    pytest.param(
        "[profile a]\nrole_arn = r",
        InvalidSource,
        "The role profile `a` has neither source_profile nor credential_source.",
        PartialCredentialsError,
        id="neither",
    ),
    pytest.param(
        "[profile a]\nrole_arn = r\ncredential_source = environment",
        InvalidSource,
        "The credential_source `environment` of the profile `a` doesn't exist.",
        InvalidConfigError,
        id="no such credential source",
    ),
    pytest.param(
        "[profile a]\nrole_arn = r\nsource_profile =",
        InvalidSource,
        "The role profile `a` has neither source_profile nor credential_source.",
        InvalidConfigError,
        id="empty",
    ),
    pytest.param(
        "[profile a]\nrole_arn = r\nsource_profile = b\ncredential_source =\n[profile b]\n" + KEYS,
        InvalidSource,
        "The profile `a` contains both source_profile and credential_source.",
        InvalidConfigError,
        id="both, one of them empty",
    ),
    pytest.param(
        "[profile a]\nrole_arn = r\nsource_profile = a\naws_access_key_id = k",
        InvalidSource,
        "The source profile `a` has no credentials.",
        PartialCredentialsError,
        id="itself, with half of the keys",
    ),
    pytest.param(
        "[profile a]\nrole_arn = r\nsource_profile = b\n[profile b]\nrole_arn = r",
        InvalidSource,
        "The role profile `b` has neither source_profile nor credential_source.",
        PartialCredentialsError,
        id="neither, further down",
    ),
    pytest.param(
        "[profile a]\nrole_arn = r\nsource_profile = b\n[profile b]\nregion = x",
        InvalidSource,
        "The source profile `b` has no credentials.",
        InvalidConfigError,
        id="a source without credentials",
    ),
]


@pytest.mark.parametrize(("config", "error", "message", "theirs"), REFUSED)
def test_broken_chain(
    shared_files: Files,
    config: str,
    error: type[InvalidProfile],
    message: str,
    theirs: type[BotoCoreError],
) -> None:
    """An invalid chain raises an error that names the file and line; botocore rejects it, too."""
    shared_files[0].write_text(config)
    problem = resolved("a").problem
    assert type(problem) is error
    assert str(problem) == message
    assert f"{shared_files[0]}, line " in problem.hint
    with pytest.raises(theirs):
        botocore.session.Session(profile="a").get_credentials()


def test_missing_source_suggests_the_nearest(shared_files: Files) -> None:
    """The error for a misspelled source profile suggests the right name."""
    shared_files[0].write_text(
        "[profile a]\nrole_arn = r\nsource_profile = usralpha\n[profile UserAlpha]\n" + KEYS,
    )
    problem = resolved("a").problem
    assert isinstance(problem, InvalidSource)
    assert problem.hint == "Did you mean `UserAlpha`?"


def test_missing_profile(shared_files: Files) -> None:
    """A missing profile has no chain."""
    with pytest.raises(ProfileNotFound, match="There is no profile `a`"):
        resolved("a")
