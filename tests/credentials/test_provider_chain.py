"""A profile's credentials come from the providers of botocore, in botocore's order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.credentials import create_credential_resolver
from botocore.exceptions import InvalidIMDSEndpointError, InvalidIMDSEndpointModeError

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.credentials.botocore_session import ProfileBotocoreSession
from ipy_awsprofile.credentials.cli_caches import RoleCache
from ipy_awsprofile.credentials.person import CodePrompter, Person
from ipy_awsprofile.credentials.provider_chain import create_provider_chain

if TYPE_CHECKING:
    from pathlib import Path

    from botocore.credentials import CredentialResolver

ENDPOINT = "ec2_metadata_service_endpoint"


def chain_of_profile(files: tuple[Path, Path], only: str | None = None) -> CredentialResolver:
    """Return the provider chain of the profile `p`."""
    target = target_of(SessionRequest(profile="p"))
    session = ProfileBotocoreSession(target)
    codes = CodePrompter(Person, target)
    return create_provider_chain(session, target, RoleCache(files[0].parent), codes, only=only)


def test_same_providers_as_botocore(shared_files: tuple[Path, Path]) -> None:
    """A profile has all providers of botocore's own chain, with the same names and in its order."""
    shared_files[0].write_text("[profile p]\nregion = us-east-1\n")
    ours = chain_of_profile(shared_files).providers
    session = ProfileBotocoreSession(target_of(SessionRequest(profile="p")))
    botocores = create_credential_resolver(session).providers
    names = [(each.METHOD, each.CANONICAL_NAME) for each in ours]
    assert names == [(each.METHOD, each.CANONICAL_NAME) for each in botocores]


@pytest.mark.parametrize("source", ["Environment", "EcsContainer", "Ec2InstanceMetadata"])
def test_one_source(source: str, shared_files: tuple[Path, Path]) -> None:
    """With a credential_source, the chain has only the provider of this source."""
    shared_files[0].write_text("[profile p]\nregion = us-east-1\n")
    (provider,) = chain_of_profile(shared_files, source).providers
    assert source == provider.CANONICAL_NAME


@pytest.mark.parametrize(
    ("setting", "error"),
    [
        (f"{ENDPOINT} = no endpoint", InvalidIMDSEndpointError),
        (f"{ENDPOINT}_mode = x", InvalidIMDSEndpointModeError),
        ("metadata_service_timeout = x", ValueError),
        ("metadata_service_num_attempts = x", ValueError),
    ],
)
def test_invalid_settings_of_the_metadata_service(
    setting: str, error: type[Exception], shared_files: tuple[Path, Path]
) -> None:
    """As in botocore, an invalid setting is an error even if no one asks the metadata service."""
    shared_files[0].write_text(f"[profile p]\nregion = us-east-1\n{setting}\n")
    session = ProfileBotocoreSession(target_of(SessionRequest(profile="p")))
    with pytest.raises(error):
        create_credential_resolver(session)
    with pytest.raises(error):
        chain_of_profile(shared_files)
