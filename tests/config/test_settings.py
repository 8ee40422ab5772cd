"""One table lists the settings of a profile, the topic of each, and which are secret."""

from __future__ import annotations

import pytest

from ipy_awsprofile.config.settings import (
    CREDENTIAL_SETTINGS,
    SECRET_SETTINGS,
    SETTINGS,
    About,
    settings_about,
    similar_setting,
)

#: Settings whose value is a local path.
PATHS = {"ca_bundle", "data_path", "credentials_file", "config_file", "web_identity_token_file"}


def test_secrets() -> None:
    """Keys, tokens and external IDs are secret, and count as credential settings."""
    assert {
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_security_token",
        "aws_session_token",
        "external_id",
    } == SECRET_SETTINGS
    assert SECRET_SETTINGS < CREDENTIAL_SETTINGS


def test_client_settings() -> None:
    """No client setting leads to credentials, is secret, or contains a path."""
    clients = set(settings_about(About.CLIENTS))
    assert not clients & (CREDENTIAL_SETTINGS | PATHS | {"region"})
    assert {"endpoint_url", "s3", "services", "retry_mode"} < clients


def test_each_setting_has_one_topic() -> None:
    """Each setting has exactly one topic, and all topics together are the table, in its order."""
    by_topic = [name for topic in About for name in settings_about(topic)]
    assert len(by_topic) == len(set(by_topic))
    assert settings_about(*About) == tuple(SETTINGS)
    assert set(by_topic) == set(SETTINGS)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("role_arn", None),
        ("rolearn", "role_arn"),
        ("role-arn", "role_arn"),
        ("sso_start_ur", "sso_start_url"),
        ("source_profil", "source_profile"),
        ("granted_sso_start_url", None),
        ("azure_tenant_id", None),
        ("", None),
    ],
)
def test_misspelled_settings(name: str, known: str | None) -> None:
    """A name similar to an AWS setting is misspelled; another tool's setting isn't."""
    assert similar_setting(name) == known
