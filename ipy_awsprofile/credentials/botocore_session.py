"""The botocore session that resolves a profile's credentials.

botocore resolves the credentials. This module provides it with a parsed config that overrides some
settings, shared event hooks and service data, the AWS CLI's cache of assumed roles, a prompter for
MFA codes, and timeouts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.configprovider import ConstantProvider
from botocore.credentials import CredentialProvider, CredentialResolver
from botocore.exceptions import LoginTokenLoadError

from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.config.profiles import ProfileKind
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import Target
from ipy_awsprofile.credentials.botocore_errors import no_credentials
from ipy_awsprofile.credentials.caller import CallerIdentity, caller_identity
from ipy_awsprofile.credentials.chain_names import ChainNames
from ipy_awsprofile.credentials.cli_caches import RoleCache, role_cache
from ipy_awsprofile.credentials.data_loader import SessionLoader
from ipy_awsprofile.credentials.deadline import ATTEMPT
from ipy_awsprofile.credentials.event_hooks import built_in_hooks
from ipy_awsprofile.credentials.file_keys import FileCredentials
from ipy_awsprofile.credentials.mfa_prompt import MfaPrompter
from ipy_awsprofile.credentials.pace import Pace
from ipy_awsprofile.credentials.person import CodePrompter
from ipy_awsprofile.credentials.provider_chain import REAL, Outside, create_provider_chain
from ipy_awsprofile.credentials.renewal import chain_of_sources, install_renewals
from ipy_awsprofile.credentials.response_checks import guarded
from ipy_awsprofile.credentials.retries import give_up_soon, retry_throttled
from ipy_awsprofile.credentials.scoped_session import ScopedSessionProvider
from ipy_awsprofile.credentials.secret_redaction import RedactedCredentials
from ipy_awsprofile.credentials.session_token import MfaSessionProvider
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.credentials.validation import require_usable
from ipy_awsprofile.errors import CredentialsRejected, IdentityChanged


class SharedBotocoreSession(StaysInProcess, botocore.session.Session):
    """A botocore session that shares its event hooks and service data with others.

    Its Region is fixed when it is created, because a switch sets environment variables for child
    processes, and these variables must not affect older sessions.
    """

    def __init__(self, profile: str, region: str | None) -> None:
        super().__init__(
            profile=profile, event_hooks=built_in_hooks(), include_builtin_handlers=False
        )
        fix_region(self, region)
        self.lazy_register_component(
            "data_loader", lambda: SessionLoader(self.get_config_variable("data_path"))
        )


def fix_region(session: Any, region: str | None) -> None:
    """Set a botocore session's Region, which files and variables can't change afterwards."""
    store = session.get_component("config_store")
    store.set_config_provider("region", ConstantProvider(region))


#: Creates a credential provider from a session, a cache of assumed roles and an MFA prompter.
MakeProvider = Callable[["ProfileBotocoreSession", RoleCache, MfaPrompter], CredentialProvider]


class ProfileBotocoreSession(SharedBotocoreSession):
    """The botocore session of a target, which is a profile with some settings overridden.

    ``callers`` has the identities that STS has returned so far, by access key ID. ``pace`` limits
    the rate of calls that retrieve credentials. ``outside`` is what these calls use.
    """

    def __init__(
        self,
        target: Target,
        client_config: Config | None = None,
        pace: Pace | None = None,
        outside: Outside = REAL,
    ) -> None:
        super().__init__(target.name, target.region)
        self._outside = outside
        if outside.prepare:
            outside.prepare(self)
        self._pace = pace
        self.callers: dict[str, CallerIdentity] = {}
        self._target = target
        self._timeout = ATTEMPT
        self.set_config_variable("config_file", str(target.config.paths.config))
        self.set_config_variable("credentials_file", str(target.config.paths.credentials))
        if client_config:
            self.set_default_client_config(client_config)

    @cached_property
    def full_config(self) -> dict[str, Any]:
        """The parsed shared files, with the target's settings in the profile."""
        return self._target.full_config()

    @property
    def is_read_only(self) -> bool:
        """Whether the session is read-only."""
        return self._target.request.read_only

    @property
    def request(self) -> SessionRequest:
        """The request that the session was opened for."""
        return self._target.request

    def resolve_credentials(
        self,
        *,
        codes: CodePrompter,
        sign_in: Callable[[], None],
        timeout: float,
        fresh: bool = False,
        provider: MakeProvider | None = None,
    ) -> None:
        """Retrieve the session's credentials now, and enable their automatic renewal.

        Read an assumed role from the AWS CLI's cache unless ``fresh`` is set. If AWS rejects a
        cached session, assume its role again. ``timeout`` applies to each attempt of a call to STS,
        in seconds. ``provider`` creates a provider to use instead of botocore's provider chain.
        Raises botocore's exceptions, InvalidProfile and UnusableCredentialsError.
        """
        self._timeout = timeout
        cache = self._outside.role_cache(
            role_cache(self._target.foreign_sts),
            self.callers,
            fresh=fresh,
            variant=self._target.cache_variant,
            write=self._outside.write,
        )
        try:
            self._retrieve(cache, codes, sign_in, provider)
        except CredentialsRejected:
            if not cache.has_read:
                raise
            cache.ignore_other_entries()
            self._credentials = None
            self._retrieve(cache, codes, sign_in, provider)

    def _retrieve(
        self,
        cache: RoleCache,
        codes: CodePrompter,
        sign_in: Callable[[], None],
        provider: MakeProvider | None,
    ) -> None:
        def load() -> Any:
            provider_chain = (
                CredentialResolver([provider(self, cache, codes)])
                if provider
                else self._provider_chain(cache, codes, self._timeout)
            )
            self.register_component("credential_provider", provider_chain)
            return self.get_credentials()

        try:
            credentials = load()
        except LoginTokenLoadError:  # botocore reads the file of `aws login` immediately
            sign_in()
            credentials = load()
        if credentials is None:
            raise no_credentials(self._target.name)
        for each, _ in chain_of_sources(credentials):
            if isinstance(each, FileCredentials):
                each.check = self._require_same_identity
        # A credential_source of the last profile adds one step.
        count = 1 if provider else len(self._target.names) + 1
        install_renewals(
            credentials,
            self._target.names,
            sign_in,
            count=count,
            codes=None if provider else codes,
            check=self._require_same_identity,
        )
        require_usable(credentials.get_frozen_credentials()._asdict())

    def _require_same_identity(self, before: RedactedCredentials, now: RedactedCredentials) -> None:
        """Raise IdentityChanged if new credentials have a different identity than the old ones.

        Raises another subclass of `AwsProfileError` if STS doesn't accept the new credentials.
        """
        known = self.callers.get(str(before.access_key))
        if known is None and self._target.scope:  # a narrower session has the same identity
            known = next(iter(self.callers.values()), None)
        if known is None or not known.arn:
            return  # STS hasn't reported an identity yet
        with translated(self._target.names):
            caller = self._ask(str(now.access_key), str(now.secret_key), now.token)
        if self._identifying(caller) != self._identifying(known):
            name, command = self._target.name, ChainNames(self._target.names).typed()
            raise IdentityChanged(
                f"The credentials of `{name}` belong to {caller.arn} now, not to {known.arn}.",
                f"Run `%aws_profile {command}` to switch to them, and create older clients again.",
            )

    def _identifying(self, caller: CallerIdentity) -> str:
        """Return the part of an ARN that can't differ between sessions of one identity.

        With IAM Identity Center, the session name is the name of the user who has signed in.

        https://docs.aws.amazon.com/singlesignon/latest/userguide/howtogetcredentials.html
        """
        is_sso = self._target.chain[0].kind is ProfileKind.SSO
        return caller.arn if is_sso else caller.principal

    def _ask(self, access_key: str, secret_key: str, token: str | None) -> CallerIdentity:
        """Get the caller identity of these keys, and store it. Raises botocore's errors."""
        sts = self.create_client(
            "sts",
            config=give_up_soon(self._timeout),
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            aws_session_token=token,
        )
        self.callers[access_key] = caller_identity(guarded(sts))
        return self.callers[access_key]

    def _provider_chain(
        self, cache: RoleCache, codes: CodePrompter, timeout: float
    ) -> CredentialResolver:
        """Return botocore's provider chain, which uses this cache and this prompter."""
        session, target = self._resolving_session(timeout), self._target
        if target.parameters:
            add: Any = self._add_parameters  # unlike most handlers, it returns a value
            session.register("provide-client-params.sts.AssumeRole", add)
        first = target.chain[0]
        ambient = first.credential_source if first.kind is ProfileKind.AMBIENT else None
        provider_chain = create_provider_chain(
            session, target, cache, codes, only=ambient, outside=self._outside
        )
        if mfa := target.mfa:
            client = session.create_client
            with_mfa = MfaSessionProvider(provider_chain, client, mfa, codes, cache)
            provider_chain = CredentialResolver([with_mfa])
        if scope := target.scope:
            narrowed = ScopedSessionProvider(provider_chain, self._regional_client(timeout), scope)
            provider_chain = CredentialResolver([narrowed])
        return provider_chain

    def _resolving_session(self, timeout: float) -> ResolvingSession:
        """Return a session for retrieving credentials, with ``timeout`` seconds per attempt.

        The user's clients keep botocore's defaults.
        """
        session = ResolvingSession(self._target, give_up_soon(timeout), self._pace, self._outside)
        session.register_component("data_loader", self.get_component("data_loader"))
        return session

    def _regional_client(self, timeout: float) -> Callable[..., Any]:
        """Return a function that creates regional STS clients: some calls need these endpoints."""
        session = self._resolving_session(timeout)
        session.set_config_variable("sts_regional_endpoints", "regional")
        region = self._target.region
        if not region or region == "aws-global":
            region = "us-east-1"
        return partial(session.create_client, region_name=region)

    def _add_parameters(self, params: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the parameters of AssumeRole, including those that botocore has no setting for."""
        return {**params, **self._target.parameters.get(params["RoleArn"], {})}


class ResolvingSession(ProfileBotocoreSession):
    """The botocore session of the provider chain, with retries and time limits for its calls."""

    def create_client(self, *args: Any, **kwargs: Any) -> Any:
        """Return a client that retries throttled calls and has a time limit for each call."""
        retrying = self._pace.keep if self._pace else retry_throttled
        return guarded(retrying(super().create_client(*args, **kwargs)))
