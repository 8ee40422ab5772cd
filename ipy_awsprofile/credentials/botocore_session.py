"""The botocore session that resolves a profile's credentials.

This module gives botocore the parsed shared files with the target's options applied, event hooks
and service models that all sessions share, and short timeouts.
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
from botocore.credentials import DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.hooks import HierarchicalEmitter
from botocore.loaders import Loader, create_loader

from ipy_awsprofile.config.files import ParsedFiles, Section
from ipy_awsprofile.config.private import StaysInProcess, of_process
from ipy_awsprofile.config.profiles import ProfileKind
from ipy_awsprofile.config.request import arguments
from ipy_awsprofile.config.target import Target
from ipy_awsprofile.credentials.caller import CallerIdentity
from ipy_awsprofile.credentials.error_table import ENDED, EXPIRED
from ipy_awsprofile.credentials.outside import OUTSIDE, Outside
from ipy_awsprofile.credentials.person import Prompter
from ipy_awsprofile.credentials.providers import (
    ProviderClients,
    Renewing,
    RoleProvider,
    create_provider_chain,
    renewing_of,
)
from ipy_awsprofile.credentials.sts import (
    Keys,
    MfaSessionFetcher,
    RoleCache,
    ScopedSessionFetcher,
    ask_caller,
    renew_with_base,
    sts_client,
    use_regional_sts,
)
from ipy_awsprofile.credentials.translation import code_of, no_credentials, translated
from ipy_awsprofile.errors import CredentialsRejected, IdentityChanged

_log = logging.getLogger(__name__)

#: The model of STS's GetScopedCredentials, which older versions of botocore don't have. botocore
#: merges ``…-extras.json`` into its own model.
_MODELS = os.path.join(os.path.dirname(__file__), "models")


def give_up_soon(timeout: float = 10, *, attempts: int = 3) -> Config:
    """Return a client config with short timeouts and few attempts, because the user is waiting.

    Each attempt waits up to ``timeout`` seconds for a response, and half as long for a connection.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
    """
    return Config(
        connect_timeout=timeout / 2,
        read_timeout=timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )


class _SharedLoader(Loader):
    """A loader that loads each service model once for all sessions, because loading can be slow."""

    #: botocore merges additional files into a loaded model, so one thread loads at a time.
    loading: RLock

    @property
    def search_paths(self) -> list[str]:
        """A copy of the list of model folders, to which each boto3 session adds folders."""
        return list(self._search_paths)  # type: ignore[attr-defined]

    def load_service_model(self, *args: Any, **kwargs: Any) -> Any:
        """Return the service model that all sessions share."""
        with self.loading:
            return super().load_service_model(*args, **kwargs)


_SharedLoader.loading = of_process(_SharedLoader, name="loading", create=RLock)


@cache
def _loader(data_path: str | None) -> Loader:
    boto3_models = os.path.join(os.path.dirname(boto3.__file__), "data")
    paths = [*create_loader(data_path).search_paths, _MODELS, boto3_models]
    return _SharedLoader(paths, include_default_search_paths=False)


@cache
def _built_in_hooks(_count: int) -> HierarchicalEmitter:
    """Return event hooks with all handlers of botocore and boto3, created once for all sessions."""
    hooks = HierarchicalEmitter()
    session = botocore.session.Session(event_hooks=hooks)
    session.register_component("data_loader", Loader())  # otherwise, it would read the files
    boto3.Session(botocore_session=session)
    return hooks


class SharedBotocoreSession(StaysInProcess, botocore.session.Session):
    """A botocore session that shares its event handlers and service models with other sessions.

    The session's Region is set when the session is created, because a switch sets environment
    variables for child processes, and these variables must not affect older sessions.
    """

    def __init__(self, profile: str, region: str | None) -> None:
        hooks = copy.copy(_built_in_hooks(len(handlers.BUILTIN_HANDLERS)))  # moto adds handlers
        super().__init__(profile=profile, event_hooks=hooks, include_builtin_handlers=False)
        store: Any = self.get_component("config_store")
        store.set_config_provider("region", ConstantProvider(region))
        self.lazy_register_component(
            "data_loader", lambda: _loader(self.get_config_variable("data_path"))
        )

    def load_with(self, load: Callable[[], object]) -> None:
        """Set the function that returns the session's credentials."""
        provider = SimpleNamespace(load_credentials=load)
        self.register_component("credential_provider", provider)


def separate_session(
    name: str, region: str | None, settings: Section, services: Section
) -> SharedBotocoreSession:
    """Return a session that uses these settings and doesn't read the shared files.

    ``settings`` are the client settings of the profile ``name``, and ``services`` are the
    [services] sections that these settings refer to.
    """
    session = SharedBotocoreSession(name, region)
    # botocore has no public API for settings that don't come from a file.
    files = {"profiles": {name: settings}, "services": services}
    session._config = files  # type: ignore[attr-defined]  # noqa: SLF001
    return session


class ProfileBotocoreSession(SharedBotocoreSession):
    """The botocore session of a target, which is a profile with the options of a request applied.

    ``outside`` gives access to the services, programs and files that the session uses.
    """

    def __init__(self, target: Target, outside: Outside = OUTSIDE) -> None:
        super().__init__(target.name, target.region)
        self.outside = outside
        outside.prepare(self)
        self.target = target
        self.set_config_variable("config_file", str(target.config.paths.config))
        self.set_config_variable("credentials_file", str(target.config.paths.credentials))

    def __repr__(self) -> str:
        return repr(self.target)

    @property
    def step_instead(self) -> str:
        """What to do instead of pickling a client, which contains its botocore session."""
        return self.target.step_instead

    @cached_property
    def full_config(self) -> ParsedFiles:
        """The contents of the shared files, with the target's options applied to its profile."""
        return self.target.full_config()

    def resolve_credentials(
        self,
        *,
        prompter: Prompter,
        config: Config,
        fresh: bool = False,
        role_provider: RoleProvider | None = None,
    ) -> None:
        """Retrieve the session's credentials now, and enable their automatic renewal.

        Look for role sessions in the AWS CLI's cache unless ``fresh`` is True. If AWS rejects a
        cached session, assume the session's role again. ``config`` is the config of the clients
        that retrieve credentials, and ``role_provider`` is passed to `create_provider_chain`. Raise
        one of botocore's exceptions or a subclass of AwsProfileError if the credentials can't be
        retrieved.
        """
        open_cache = self.outside.open_role_cache
        cache = open_cache(fresh=fresh, variant=self.target.cache_variant)
        retrieve = partial(self._retrieve, cache, prompter, config, role_provider)
        try:
            retrieve()
        except CredentialsRejected:
            if not cache.has_read:
                raise
            # AWS can end a session before it expires, and the AWS CLI's cache doesn't notice.
            _log.debug("%s: AWS rejected the cached session.", self.target.name)
            cache.fresh = True
            retrieve()

    def _retrieve(
        self,
        cache: RoleCache,
        prompter: Prompter,
        config: Config,
        role_provider: RoleProvider | None,
    ) -> None:
        """Retrieve and store the target's credentials, or its MFA session or scoped session."""
        target = self.target
        clients = provider_clients(target, config, self.outside)
        # Credentials that many roles share must not keep the session of the first of them.
        check = partial(_check_identity, target)
        renewing = Renewing(target, prompter, check, cache)
        chain = create_provider_chain(clients, target, renewing, role_provider)
        credentials: Any = chain.load_credentials()
        if credentials and target.mfa:
            _log.debug("%s: the keys get an MFA session.", target.name)
            mfa = MfaSessionFetcher(credentials, clients.create_client, target.mfa, prompter, cache)
            credentials = DeferredRefreshableCredentials(mfa.fetch_credentials, "mfa-session")
            renewing.renew(credentials)
        if credentials and target.scope:
            _log.debug("%s: the credentials get a narrower session.", target.name)
            create_session = partial(_regional_session, target, self.outside)
            regional = ProviderClients(target, config, create_session, self.outside)
            narrower = ScopedSessionFetcher(
                credentials, regional.create_client, target.region, target.scope
            )
            session = DeferredRefreshableCredentials(narrower.fetch_credentials, "scoped")
            credentials = renew_with_base(session, credentials)
            renewing.renew(credentials)
        if credentials is None:
            raise no_credentials(target.name, target)
        self._credentials = credentials  # which has no public setter for credentials like these
        credentials.get_frozen_credentials()
        _log.debug("%s: found by %s.", target.name, credentials.method)


def provider_clients(target: Target, config: Config, outside: Outside = OUTSIDE) -> ProviderClients:
    """Return the object that creates the clients for retrieving a target's credentials."""
    create_session = partial(ProfileBotocoreSession, target, outside)
    return ProviderClients(target, config, create_session, outside)


def rejection_of(credentials: object) -> str:
    """Return the error code with which STS rejects a session's credentials, or an empty string.

    This function doesn't renew the credentials. The result is also an empty string if this package
    doesn't renew the credentials, or if STS can't be reached.
    """
    renewing = renewing_of(credentials)
    if renewing is None or renewing.target.store:
        return ""
    keys = Keys(*credentials._frozen_credentials)  # type: ignore[attr-defined]  # noqa: SLF001  # not public
    clients = provider_clients(renewing.target, give_up_soon(4, attempts=1))
    try:
        ask_caller(sts_client(clients.create_client, keys))
    except ClientError as error:
        code = code_of(error)
        return code if code in EXPIRED | ENDED else ""
    except BotoCoreError:
        return ""
    return ""


def _regional_session(target: Target, outside: Outside) -> ProfileBotocoreSession:
    """Return a session for a target that calls a Regional STS endpoint."""
    session = ProfileBotocoreSession(target, outside)
    use_regional_sts(session)
    return session


def unsigned_session(target: Target) -> ProfileBotocoreSession:
    """Return a session with a target's settings for calls that don't need credentials."""
    session = ProfileBotocoreSession(target)
    unsigned = Config(signature_version=UNSIGNED)
    session.set_default_client_config(give_up_soon().merge(unsigned))
    return session


def _check_identity(
    target: Target, former: CallerIdentity | None, now: Keys
) -> CallerIdentity | None:
    """Return the identity that STS reports for the new keys.

    Raise IdentityChanged if this identity differs from ``former``. If ``former`` is unknown, return
    None without calling STS. With IAM Identity Center, the role session name must also be the same,
    because this name identifies the user who has signed in. Raise another subclass of
    AwsProfileError if STS doesn't accept the new keys.

    https://docs.aws.amazon.com/singlesignon/latest/userguide/howtogetcredentials.html
    """
    if former is None or not former.arn:
        return None
    with translated(target):
        clients = provider_clients(target, give_up_soon())
        caller = ask_caller(sts_client(clients.create_client, now))
    is_same = caller.principal == former.principal
    if target.profile.kind is ProfileKind.SSO:
        is_same = caller.arn == former.arn
    if not is_same:
        line = arguments(target.request)
        raise IdentityChanged(
            f"The credentials of `{target.name}` belong to {caller.arn} now, not to {former.arn}.",
            f"Run `%aws_profile {line}` to switch to {caller.arn}, and recreate any older clients.",
        )
    return caller
