"""Sessions of other libraries get botocore's config without parsing the files again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiobotocore.session
import botocore.session
import fsspec
import pytest
from botocore.exceptions import ConfigParseError, ProfileNotFound

from ipy_awsprofile.bindings.parsed_files import parsed_files

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

KINDS = pytest.mark.parametrize(
    "session_of", [botocore.session.Session, aiobotocore.session.AioSession]
)


def refuse_to_parse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make botocore fail if it parses a config file."""

    def parse(path: str) -> Any:
        raise AssertionError(f"{path} was parsed")

    monkeypatch.setattr("botocore.configloader.load_config", parse)


@KINDS
def test_the_same_config(
    session_of: Any, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session gets the same config that botocore parses from its files."""
    expected = session_of().full_config
    refuse_to_parse(monkeypatch)
    with parsed_files():
        assert session_of().full_config == expected
        elsewhere = session_of()
        elsewhere.set_config_variable("config_file", "~/missing")
        elsewhere.set_config_variable("credentials_file", "~/missing")
        assert not elsewhere.full_config["profiles"]


@KINDS
def test_sessions_of_the_user_are_independent(
    session_of: Any, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session keeps the settings that the user changes, and a new session doesn't have them."""
    with parsed_files():
        session = session_of(profile="RoleBeta")
        session.full_config["profiles"]["RoleBeta"]["region"] = "eu-west-3"
        assert session.get_config_variable("region") == "eu-west-3"
        assert session_of(profile="RoleBeta").get_config_variable("region") == "us-west-2"


def test_a_changed_file(aws: EmbeddedAws) -> None:
    """A session that is created after the file has changed knows the new profile."""
    with parsed_files():
        with pytest.raises(ProfileNotFound):
            botocore.session.Session(profile="new").get_scoped_config()
        with aws.config_file.open("a") as config:
            config.write("\n[profile new]\nregion = eu-west-3\n")
        session = botocore.session.Session(profile="new")
        assert session.get_scoped_config() == {"region": "eu-west-3"}


def test_a_malformed_file(shared_files: tuple[Path, Path]) -> None:
    """Botocore raises its own error, which the user's code can expect."""
    shared_files[0].write_text("region = one\n")
    with parsed_files(), pytest.raises(ConfigParseError):
        botocore.session.Session().full_config  # noqa: B018  # this property reads the files


def test_s3_paths(shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a switch, `s3://` paths open without parsing; `--off` restores botocore's property."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    before = vars(botocore.session.Session)["full_config"]
    shell.good("import s3fs\n%aws_profile RoleBeta")
    with monkeypatch.context() as patch:
        refuse_to_parse(patch)
        for region in ("us-west-2", "eu-west-1"):
            shell.good(f"%aws_profile RoleBeta --region {region}")
            assert fsspec.filesystem("s3").ls("my-first-bucket") == []
    shell.good("%aws_profile --off")
    assert vars(botocore.session.Session)["full_config"] is before
