"""The botocore session that resolves a profile's credentials.

botocore resolves the credentials. This module provides it with the parsed files, in which options
replace some settings, with shared event hooks and service models, and with timeouts.
"""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Callable
from functools import cache, cached_property, partial
from threading import RLock
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.session
from botocore import UNSIGNED, handlers
from botocore.config import Config
from botocore.configprovider import ConstantProvider
from botocore.credentials import CredentialProvider, DeferredRefreshableCredentials
from botocore.exceptions import LoginTokenLoadError
from botocore.hooks import HierarchicalEmitter
from botocore.loaders import Loader, create_loader

from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.config.profiles import ProfileKind
from ipy_awsprofile.config.target import Target
from ipy_awsprofile.credentials.answers import own_client
from ipy_awsprofile.credentials.person import CodePrompter
from ipy_awsprofile.credentials.providers import Renewing, create_provider_chain
from ipy_awsprofile.credentials.sts import (
    CallerIdentity,
    MfaSessionFetcher,
    RedactedCredentials,
    RoleCache,
    ScopedSessionFetcher,
    ask_caller,
    renew_with_base,
    sts_client,
)
from ipy_awsprofile.credentials.translation import no_credentials, translated, typed
from ipy_awsprofile.errors import CredentialsRejected, IdentityChanged

_log = logging.getLogger(__name__)

#: The model of STS's GetScopedCredentials, which older versions of botocore don't have. botocore
#: merges ``…-extras.json`` into its own model.
_MODELS = os.path.join(os.path.dirname(__file__), "models")


def give_up_soon(timeout: float = 10, *, attempts: int = 3) -> Config:
    """Return the config of our own clients, because the user is waiting.

    An attempt waits ``timeout`` seconds for a response, and half of that for a connection.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
    """
    retries: Any = {"mode": "standard", "total_max_attempts": attempts}
    return Config(connect_timeout=timeout / 2, read_timeout=timeout, retries=retries)


class _SharedLoader(Loader):
    """Loads each service model once for all sessions, which takes up to a second otherwise."""

    #: botocore merges additional files into a loaded model, so one thread loads at a time.
    loading = RLock()

    @property
    def search_paths(self) -> list[str]:
        """The folders with models, as a copy, because each boto3 session adds boto3's folder."""
        return list(self._search_paths)  # type: ignore[attr-defined]

    def load_service_model(self, *args: Any, **kwargs: Any) -> Any:
        """Return a model, which all sessions share."""
        with self.loading:
            return super().load_service_model(*args, **kwargs)


if hasattr(os, "register_at_fork"):  # otherwise, a process forked meanwhile would deadlock
    os.register_at_fork(after_in_child=lambda: setattr(_SharedLoader, "loading", RLock()))


@cache
def _loader(data_path: str | None) -> Loader:
    boto3_models = os.path.join(os.path.dirname(boto3.__file__), "data")
    paths = [*create_loader(data_path).search_paths, _MODELS, boto3_models]
    return _SharedLoader(paths, include_default_search_paths=False)


@cache
def _built_in_hooks(_count: int) -> HierarchicalEmitter:
    """Return hooks with all handlers of botocore and boto3. They take most of a session's time."""
    hooks = HierarchicalEmitter()
    session = botocore.session.Session(event_hooks=hooks)
    session.register_component("data_loader", Loader())  # otherwise, it would read the files
    boto3.Session(botocore_session=session)
    return hooks


class SharedBotocoreSession(StaysInProcess, botocore.session.Session):
    """A botocore session that shares its event handlers and service models with others.

    Its Region is fixed when it is created, because a switch sets environment variables for child
    processes, and these variables must not affect older sessions.
    """

    def __init__(self, profile: str, region: str | None) -> None:
        hooks = copy.copy(_built_in_hooks(len(handlers.BUILTIN_HANDLERS)))  # moto adds handlers
        super().__init__(profile=profile, event_hooks=hooks, include_builtin_handlers=False)
        store: Any = self.get_component("config_store")
        store.set_config_provider("region", ConstantProvider(region))
        self.lazy_register_component(
            "data_loader", lambda: _loader(self.get_config_variable("data_path"))
        )

    def load_with(self, load: Callable[[], Any]) -> None:
        """Get the credentials from a function."""
        provider = SimpleNamespace(load_credentials=load)
        self.register_component("credential_provider", provider)


class ProfileBotocoreSession(SharedBotocoreSession):
    """The botocore session of a target, which is a profile with some settings overridden.

    ``callers`` has the identities that STS has returned so far, by access key ID.
    """

    def __init__(self, target: Target) -> None:
        super().__init__(target.name, target.region)
        self.callers: dict[str, CallerIdentity] = {}
        self.target = target
        self.set_config_variable("config_file", str(target.config.paths.config))
        self.set_config_variable("credentials_file", str(target.config.paths.credentials))

    @cached_property
    def full_config(self) -> dict[str, Any]:
        """The parsed shared files, with the target's settings in the profile."""
        return self.target.full_config()

    def resolve_credentials(
        self,
        *,
        codes: CodePrompter,
        sign_in: Callable[[], None],
        config: Config,
        fresh: bool = False,
        provider: Callable[..., CredentialProvider] | None = None,
    ) -> None:
        """Retrieve the session's credentials now, and enable their automatic renewal.

        Read an assumed role from the AWS CLI's cache unless ``fresh`` is set. If AWS rejects a
        cached session, assume its role again. ``config`` is that of the clients that retrieve
        credentials. ``provider`` creates a provider to use instead of botocore's provider chain,
        from this session, the cache and the prompter. Raises botocore's exceptions and subclasses
        of AwsProfileError.
        """
        cache = RoleCache(self.callers, fresh=fresh, variant=self.target.cache_variant)
        renewing = partial(Renewing, self.target, sign_in=sign_in, check=self._check_identity)

        def retrieve() -> None:
            self._credentials = None
            if provider:
                load: Any = partial(
                    renewing(codes=None).load, provider(self, cache, codes).load, "assume-role"
                )
            else:
                load = self._loading(cache, codes, renewing(codes=codes), config)
            self.load_with(load)
            try:
                credentials = self.get_credentials()
            except LoginTokenLoadError:  # botocore reads the file of `aws login` immediately
                sign_in()
                credentials = self.get_credentials()
            if credentials is None:
                raise no_credentials(self.target.name)
            credentials.get_frozen_credentials()

        try:
            retrieve()
        except CredentialsRejected:
            if not cache.has_read:
                raise
            cache.fresh = True
            retrieve()
        _log.debug(
            "%s: found by %s, cached: %s.",
            self.target.name,
            getattr(self._credentials, "method", ""),
            cache.has_read and not cache.written,
        )

    def _loading(
        self, cache: RoleCache, codes: CodePrompter, renewing: Renewing, config: Config
    ) -> Callable[[], Any]:
        """Return a function that loads the credentials, or the MFA session or limits for them."""
        target = self.target
        calls = _Calls(self, config)

        def load() -> Any:
            chain = create_provider_chain(calls, target, cache, renewing)
            credentials: Any = chain.load_credentials()
            if credentials and target.mfa:
                fetcher = MfaSessionFetcher(
                    credentials, calls.create_client, target.mfa, codes, cache
                )
                deferred = DeferredRefreshableCredentials(fetcher.fetch_credentials, "mfa-session")
                credentials = renewing.of(deferred)
            if credentials and target.scope:
                # The global endpoint doesn't have all operations.
                regional = ProfileBotocoreSession(target)
                regional.set_config_variable("sts_regional_endpoints", "regional")
                region = target.region
                if region in {None, "aws-global"}:
                    region = "us-east-1"
                create = partial(_Calls(regional, config).create_client, region_name=region)
                narrower = ScopedSessionFetcher(credentials, create, target.scope)
                deferred = DeferredRefreshableCredentials(narrower.fetch_credentials, "scoped")
                credentials = renewing.of(renew_with_base(deferred, credentials))
            return credentials

        return load

    def _check_identity(self, before: str, now: RedactedCredentials) -> None:
        """Raise IdentityChanged if new credentials have a different identity than a former key.

        With IAM Identity Center, the session name is the name of the user who has signed in. Raises
        another subclass of `AwsProfileError` if STS doesn't accept the new credentials.

        https://docs.aws.amazon.com/singlesignon/latest/userguide/howtogetcredentials.html
        """
        former = self.callers.get(before)
        if former is None and self.target.scope:  # a narrower session has the same identity
            former = next(iter(self.callers.values()), None)
        if former is None or not former.arn:
            return  # STS hasn't reported an identity yet
        with translated(self.target.names):
            create_client = partial(self.create_client, config=give_up_soon())
            sts = own_client(sts_client(create_client, now))
            caller = self.callers[str(now.access_key)] = ask_caller(sts)
        is_sso = self.target.profile.kind is ProfileKind.SSO
        if caller.principal != former.principal or (is_sso and caller.arn != former.arn):
            raise IdentityChanged(
                f"The credentials of `{self.target.name}` belong to {caller.arn} now, not to "
                f"{former.arn}.",
                f"Run `%aws_profile {typed(self.target.names)}` to switch to them, and create "
                "older clients again.",
            )


def unsigned_session(target: Target) -> ProfileBotocoreSession:
    """Return a session of a target for our own calls without credentials."""
    session = ProfileBotocoreSession(target)
    unsigned = Config(signature_version=UNSIGNED)
    session.set_default_client_config(give_up_soon().merge(unsigned))
    return session


class _Calls:
    """A target's session for the calls that retrieve its credentials, with their own config."""

    def __init__(self, session: ProfileBotocoreSession, config: Config) -> None:
        self._session = session
        self._config = config

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def create_client(self, *args: Any, config: Config | None = None, **kwargs: Any) -> Any:
        """Return a client that adds AssumeRole's parameters that botocore has no settings for."""
        kwargs["config"] = self._config.merge(config or Config())
        client = own_client(self._session.create_client(*args, **kwargs))
        client.meta.events.register("provide-client-params.sts.AssumeRole", self._with_parameters)
        return client

    def _with_parameters(self, params: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**params, **self._session.target.parameters.get(params["RoleArn"], {})}
