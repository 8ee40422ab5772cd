"""The names of the settings that AWS's tools read, grouped by purpose and secrecy.

https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.text import misspelled

if TYPE_CHECKING:
    from ipy_awsprofile.config.files import Section


def words(text: str) -> frozenset[str]:
    """Return the whitespace-separated words in a string."""
    return frozenset(text.split())


#: Access keys and session tokens.
KEYS = words("aws_access_key_id aws_secret_access_key aws_security_token aws_session_token")

#: The role that is assumed. The last four settings are aws-vault's.
ROLE = words(
    "duration_seconds external_id mfa_serial role_arn role_session_name mfa_process "
    "session_tags source_identity transitive_session_tags"
)

#: Where the credentials come from.
_SOURCE = words(
    "credential_process credential_source login_session source_profile web_identity_token_file"
)

#: IAM Identity Center.
SSO = words(
    "sso_account_id sso_region sso_registration_scopes sso_role_name sso_session sso_start_url"
)

#: Settings that determine a profile's credentials.
CREDENTIALS = KEYS | ROLE | _SOURCE | SSO

#: Settings with values that are never displayed. An external ID isn't a credential, but AWS
#: advises to treat it like one:
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
SECRETS = KEYS | {"external_id"}

#: Settings with a command as their value. Its arguments can be secrets.
COMMANDS = frozenset({"credential_process", "mfa_process"})

#: Settings that only the AWS CLI reads.
SETTINGS_OF_CLI = words(
    "cli_auto_prompt cli_binary_format cli_history cli_pager cli_timestamp_format output"
)

#: Other settings of the AWS CLI, and of botocore's clients, that aren't in botocore's own table.
_OTHERS = SETTINGS_OF_CLI | words(
    "aws_account_id endpoint_url ignore_configured_endpoint_urls "
    "inject_host_prefix proxies_config proxy_ca_bundle proxy_client_cert "
    "proxy_use_forwarding_for_https s3 s3_disable_multiregion_access_points "
    "s3_us_east_1_regional_endpoint s3_use_arn_region s3api s3control services"
)


#: Names of environment variables, of aws-vault and of Granted, and the settings in their place.
_MEANT = {
    "aws_region": "region",
    "aws_default_region": "region",
    "include_profile": "source_profile",
    "granted_sso_account_id": "sso_account_id",
    "granted_sso_region": "sso_region",
    "granted_sso_role_name": "sso_role_name",
    "granted_sso_start_url": "sso_start_url",
    "mfa_arn": "mfa_serial",
    "mfa_device": "mfa_serial",
    "mfa_serial_number": "mfa_serial",
    "serial_number": "mfa_serial",
    "parent_profile": "source_profile",
    "sso_role": "sso_role_name",
}


@cache
def known_settings() -> frozenset[str]:
    """Return the names of all settings that botocore and the AWS CLI read."""
    from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES as VARIABLES

    of_botocore = (name for name, *_ in VARIABLES.values() if isinstance(name, str))
    return CREDENTIALS.union(_OTHERS, of_botocore)


@cache
def number_settings() -> dict[str, str]:
    """Return the settings that botocore converts to numbers, with their environment variables."""
    from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES as VARIABLES

    return {name: variable for name, variable, _, convert in VARIABLES.values() if convert is int}


def client_settings(settings: Section) -> dict[str, Any]:
    """Return a profile's known settings that clients read, except for its credentials."""
    names = known_settings() - CREDENTIALS
    return {name: settings[name] for name in settings if name in names}


def similar_setting(name: str) -> str | None:
    """Return the setting that a misspelled name resembles, or None for any other name."""
    if name in known_settings():
        return None
    meant = _MEANT.get(name) or name.removeprefix("export ")
    if meant in known_settings():
        return meant
    near = misspelled(name, sorted(known_settings()), 0.85)
    return near[0] if near else None
