"""The settings of AWS's tools: their topics, and which of them are secret.

https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from enum import Enum, auto
from functools import cache
from typing import TypeVar

from ipy_awsprofile.text import as_seen

_T = TypeVar("_T")


class About(Enum):
    """The topic of a setting."""

    KEYS = auto()  #: access keys and session tokens
    ROLE = auto()  #: the role that is assumed
    SOURCE = auto()  #: where the credentials come from
    SSO = auto()  #: IAM Identity Center
    CLIENTS = auto()  #: how and where clients call AWS, on any machine
    MACHINE = auto()  #: how clients call AWS from this machine
    TOOLS = auto()  #: the AWS CLI and other programs


SETTINGS: dict[str, About] = {
    **dict.fromkeys(
        (
            "aws_access_key_id",
            "aws_secret_access_key",
            "aws_security_token",
            "aws_session_token",
        ),
        About.KEYS,
    ),
    **dict.fromkeys(
        (
            "duration_seconds",
            "external_id",
            "mfa_serial",
            "role_arn",
            "role_session_name",
            "session_tags",  # this setting and the next two are aws-vault's
            "source_identity",
            "transitive_session_tags",
        ),
        About.ROLE,
    ),
    **dict.fromkeys(
        (
            "credential_process",
            "credential_source",
            "login_session",
            "source_profile",
            "web_identity_token_file",
        ),
        About.SOURCE,
    ),
    **dict.fromkeys(
        (
            "sso_account_id",
            "sso_region",
            "sso_registration_scopes",
            "sso_role_name",
            "sso_session",
            "sso_start_url",
        ),
        About.SSO,
    ),
    **dict.fromkeys(
        (
            "account_id_endpoint_mode",
            "api_versions",
            "auth_scheme_preference",
            "defaults_mode",
            "disable_host_prefix_injection",
            "disable_request_compression",
            "endpoint_discovery_enabled",
            "endpoint_url",
            "ignore_configured_endpoint_urls",
            "inject_host_prefix",
            "max_attempts",
            "parameter_validation",
            "request_checksum_calculation",
            "request_min_compression_size_bytes",
            "response_checksum_validation",
            "retry_mode",
            "s3",
            "s3_disable_express_session_auth",
            "s3_disable_multiregion_access_points",
            "s3_us_east_1_regional_endpoint",
            "s3_use_arn_region",
            "s3control",
            "sdk_ua_app_id",
            "services",
            "sigv4a_signing_region_set",
            "sts_regional_endpoints",
            "tcp_keepalive",
            "use_dualstack_endpoint",
            "use_fips_endpoint",
        ),
        About.CLIENTS,
    ),
    **dict.fromkeys(
        (
            "ca_bundle",
            "csm_client_id",
            "csm_enabled",
            "csm_host",
            "csm_port",
            "data_path",
            "ec2_metadata_service_endpoint",
            "ec2_metadata_service_endpoint_mode",
            "ec2_metadata_v1_disabled",
            "imds_use_ipv6",
            "metadata_service_num_attempts",
            "metadata_service_timeout",
            "proxies_config",
            "proxy_ca_bundle",
            "proxy_client_cert",
            "proxy_use_forwarding_for_https",
        ),
        About.MACHINE,
    ),
    **dict.fromkeys(
        (
            "aws_account_id",
            "cli_auto_prompt",
            "cli_binary_format",
            "cli_pager",
            "cli_timestamp_format",
            "include_profile",
            "mfa_process",
            "output",
            "parent_profile",
            "region",
            "s3api",
        ),
        About.TOOLS,
    ),
}


#: Settings with an indented block of settings as their value.
BLOCKS = frozenset({"api_versions", "proxies_config", "s3", "s3api", "s3control"})


def settings_about(*topics: About) -> tuple[str, ...]:
    """Return the names of the settings about any of these topics, in the table's order."""
    return tuple(name for name, about in SETTINGS.items() if about in topics)


def select_about(settings: Mapping[str, _T], *topics: About) -> dict[str, _T]:
    """Return the settings that are about any of these topics, in the table's order."""
    return {name: settings[name] for name in settings_about(*topics) if name in settings}


#: Settings that determine a profile's credentials.
CREDENTIAL_SETTINGS = frozenset(settings_about(About.KEYS, About.ROLE, About.SOURCE, About.SSO))

#: Settings with values that are never displayed. An external ID isn't a credential, but AWS
#: advises to treat it like one:
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
SECRET_SETTINGS = frozenset({*settings_about(About.KEYS), "external_id"})

#: Settings with a command as their value.
COMMANDS = frozenset({"credential_process", "mfa_process"})

#: Settings that can have several lines because they are lists.
_LISTS = {
    "auth_scheme_preference",
    "session_tags",
    "sigv4a_signing_region_set",
    "sso_registration_scopes",
    "transitive_session_tags",
}

#: One-line settings that determine a session's identity or how it calls AWS.
ONE_LINE = (
    CREDENTIAL_SETTINGS.union(settings_about(About.CLIENTS, About.MACHINE), {"region"})
    - COMMANDS
    - BLOCKS
    - _LISTS
)


@cache
def known_settings() -> frozenset[str]:
    """Return the names of the settings of botocore and the AWS CLI."""
    from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES as VARIABLES

    general = frozenset(name for name, *_ in VARIABLES.values() if isinstance(name, str))
    return general.union(SETTINGS)


def similar_setting(name: str) -> str | None:
    """Return the setting that a misspelled name resembles, or None for any other name."""
    if name in known_settings():
        return None
    plain = re.sub(r"[-_. \"'`‘’“”]", "", as_seen(name))
    for known in sorted(known_settings()):
        if known.replace("_", "") == plain:
            return known
    near = difflib.get_close_matches(name, sorted(known_settings()), n=1, cutoff=0.85)
    return near[0] if near else None
