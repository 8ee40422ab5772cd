"""Profiles in the shared files, as botocore reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import botocore.session
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws


def botocore_profiles(config_file: Path) -> dict[str, Any]:
    """Return the profiles as botocore reads them."""
    session = botocore.session.Session()
    session.set_config_variable("config_file", str(config_file))
    profiles: dict[str, Any] = session.full_config["profiles"]
    return profiles


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("default", "[default]"),
        ("Plain", "[profile Plain]"),
        ("two words", '[profile "two words"]'),
    ],
)
def test_profiles_of_the_config_file(aws: EmbeddedAws, name: str, header: str) -> None:
    """Each profile of the config file reaches botocore with its settings and the endpoint."""
    aws.write_profile("Other", region="eu-west-1")
    aws.write_profile(name, region="us-west-2", cli_pager="", s3={"addressing_style": "path"})
    assert header in aws.config_file.read_text().splitlines()
    assert botocore_profiles(aws.config_file)[name] == {
        "region": "us-west-2",
        "cli_pager": "",
        "s3": {"addressing_style": "path"},
        "endpoint_url": aws.endpoint_url,
    }


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"endpoint_url": None}, {}),
        ({"endpoint_url": "http://127.0.0.1:1"}, {"endpoint_url": "http://127.0.0.1:1"}),
        (
            {"endpoint_url": None, "sso_registration_scopes": True, "duration_seconds": 900},
            {"sso_registration_scopes": "true", "duration_seconds": "900"},
        ),
    ],
)
def test_a_profile_may_have_another_endpoint_or_none(
    aws: EmbeddedAws, settings: dict[str, Any], expected: dict[str, str]
) -> None:
    """`write_profile` adds the endpoint unless the settings contain one."""
    aws.write_profile("P", **settings)
    assert botocore_profiles(aws.config_file)["P"] == expected


def test_profiles_of_the_credentials_file(aws: EmbeddedAws) -> None:
    """A section of the credentials file has the profile's name and no endpoint."""
    aws.write_profile("two words", file="credentials", aws_access_key_id="AKIA")
    assert aws.credentials_file.read_text() == "[two words]\naws_access_key_id = AKIA\n"


@pytest.mark.parametrize("settings", [{"region": "a\n[profile evil]"}, {"output\r": "json"}])
def test_a_setting_is_one_line(aws: EmbeddedAws, settings: dict[str, Any]) -> None:
    """A setting with a line break is refused, and nothing is written."""
    with pytest.raises(ValueError, match="one line"):
        aws.write_profile("P", **settings)
    assert aws.config_file.read_text() == ""
