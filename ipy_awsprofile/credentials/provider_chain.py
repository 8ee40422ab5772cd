"""Create botocore's provider chain for a profile, with our caches, prompter and time limits.

The providers and their order are the same as in ``botocore.credentials.create_credential_resolver``
for a session with a profile. That function also creates two HTTP sessions for container and
metadata services, which takes longer than reading a cached role. Here, only profiles that use such
a service create its HTTP session.

https://docs.aws.amazon.com/boto3/latest/guide/credentials.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import botocore.session
from botocore.credentials import (
    AssumeRoleProvider,
    BotoProvider,
    CanonicalNameCredentialSourcer,
    ContainerProvider,
    CredentialResolver,
    EnvProvider,
    InstanceMetadataProvider,
    OriginalEC2Provider,
)
from botocore.httpsession import URLLib3Session
from botocore.utils import (
    ContainerMetadataFetcher,
    InstanceMetadataFetcher,
    resolve_imds_endpoint_mode,
)

from ipy_awsprofile.config.private import replace_file
from ipy_awsprofile.config.target import Target
from ipy_awsprofile.config.user_environment import user_environment
from ipy_awsprofile.credentials.cli_caches import (
    RequiredLoginFiles,
    RoleCache,
    WriteFile,
    token_files,
)
from ipy_awsprofile.credentials.person import CodePrompter
from ipy_awsprofile.credentials.process import CheckedProfileProviders, CredentialProcess
from ipy_awsprofile.credentials.response_checks import TextHttp


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Everything outside this process that retrieving credentials uses, except the user.

    A rehearsal replaces all of it. ``prepare`` receives each botocore session before it is used.
    ``role_cache`` creates the cache of assumed roles, and ``write`` writes the files of caches.
    ``start`` starts a credential_process. ``http`` returns the HTTP session for a container's or an
    instance's metadata service, from botocore's HTTP session.
    """

    prepare: Callable[[botocore.session.Session], None] | None = None
    role_cache: Callable[..., RoleCache] = RoleCache
    write: WriteFile = replace_file
    start: Callable[..., Any] = CredentialProcess
    http: Callable[[Any], Any] = TextHttp


#: AWS, the user's files and processes.
REAL = Outside()


def create_provider_chain(
    session: botocore.session.Session,
    target: Target,
    cache: RoleCache,
    codes: CodePrompter,
    *,
    only: str | None = None,
    outside: Outside = REAL,
) -> CredentialResolver:
    """Return the providers for a target's profile, in botocore's order.

    The ``session`` creates the clients for STS and IAM Identity Center. With ``only``, which is a
    credential_source such as ``EcsContainer``, return only the provider of this source, because
    these credentials don't come from a profile. Raises botocore's exceptions for invalid settings.
    """
    environment: Any = _OnDemand(_environment_provider)
    container: Any = _OnDemand(partial(_container_provider, outside.http))
    instance = _instance_provider(session, outside.http)
    sources = [environment, container, instance]  # for a role's credential_source
    if only:
        return CredentialResolver([each for each in sources if only == each.CANONICAL_NAME])
    shared: Any = cache  # botocore needs only parts of a dict
    tokens: Any = token_files(outside.write)
    logins: Any = RequiredLoginFiles(outside.write)
    profiles = CheckedProfileProviders(
        session,
        cache=shared,
        region_name=target.region,
        sso_token_cache=tokens,
        login_token_cache=logins,
    )
    profiles.waiting, profiles.start = codes.waiting, outside.start
    assume_role = AssumeRoleProvider(
        load_config=lambda: session.full_config,
        client_creator=partial(session.create_client, region_name=target.region),
        cache=shared,
        profile_name=target.name,
        prompter=codes,
        credential_sourcer=CanonicalNameCredentialSourcer(sources),
        profile_provider_builder=profiles,
    )
    of_profile = profiles.providers(target.name, disable_env_vars=True)
    return CredentialResolver(
        [assume_role, *of_profile, OriginalEC2Provider(), BotoProvider(), container, instance]
    )


def _environment_provider() -> EnvProvider:
    """Return a provider that reads the environment as the user set it."""
    return EnvProvider(user_environment())


def _container_provider(http: Callable[[Any], Any]) -> ContainerProvider:
    """Return a provider that limits how long to wait for a container's credential service."""
    session = http(URLLib3Session(timeout=ContainerMetadataFetcher.TIMEOUT_SECONDS))
    fetcher: Any = ContainerMetadataFetcher(session=session)
    return ContainerProvider(user_environment(), fetcher)


def _instance_provider(session: botocore.session.Session, http: Callable[[Any], Any]) -> Any:
    """Return a provider that limits how long to wait for an instance's metadata service.

    Raises botocore's exceptions for invalid settings.
    """
    setting = session.get_config_variable
    endpoint = setting("ec2_metadata_service_endpoint")
    create = partial(
        InstanceMetadataFetcher,
        timeout=setting("metadata_service_timeout"),
        num_attempts=setting("metadata_service_num_attempts"),
        config={
            "ec2_metadata_service_endpoint": endpoint,
            "ec2_metadata_service_endpoint_mode": resolve_imds_endpoint_mode(session),
            "ec2_credential_refresh_window": _REFRESH_WINDOW,
            "ec2_metadata_v1_disabled": setting("ec2_metadata_v1_disabled"),
        },
    )

    def provider() -> InstanceMetadataProvider:
        fetcher: Any = create(user_agent=session.user_agent())
        fetcher._session = http(fetcher._session)  # noqa: SLF001  # not public
        return InstanceMetadataProvider(fetcher)

    return provider() if endpoint else _OnDemand(provider)  # botocore checks the endpoint


#: Seconds before expiry when botocore renews an instance's credentials.
_REFRESH_WINDOW = 15 * 60


class _OnDemand:
    """A provider that is created when it is first used."""

    def __init__(self, create: Callable[[], Any]) -> None:
        self._create = create

    @cached_property
    def _provider(self) -> Any:
        return self._create()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # such as `__deepcopy__`, which `copy` looks for
            raise AttributeError(name)
        return getattr(self._provider, name)
