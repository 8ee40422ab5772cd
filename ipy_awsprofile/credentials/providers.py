"""botocore's credential providers for a profile, with this package's cache, prompts and renewals.

The module uses the same providers in the same order as
``botocore.credentials.create_credential_resolver`` does for a session with a profile.

https://docs.aws.amazon.com/boto3/latest/guide/credentials.html
"""

# ruff: noqa: SLF001  # botocore has no public API to change how its credentials are renewed

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from time import sleep
from typing import Any, Self, TypeVar
from weakref import WeakSet

import botocore.session
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleProvider,
    BotoProvider,
    CanonicalNameCredentialSourcer,
    ConfigProvider,
    ContainerProvider,
    CredentialProvider,
    CredentialResolver,
    Credentials,
    DeferredRefreshableCredentials,
    EnvProvider,
    InstanceMetadataProvider,
    OriginalEC2Provider,
    ProcessProvider,
    ProfileProviderBuilder,
    RefreshableCredentials,
    SharedCredentialProvider,
    create_credential_resolver,
)
from botocore.exceptions import CredentialRetrievalError, InvalidConfigError, LoginTokenLoadError
from botocore.tokens import _sso_json_dumps  # type: ignore[attr-defined]
from botocore.utils import get_login_token_cache_directory

from ipy_awsprofile.config.files import (
    FileVersion,
    Section,
    SharedFiles,
    read_credentials,
    version_of,
)
from ipy_awsprofile.config.parameters import StsParameters
from ipy_awsprofile.config.private import of_process
from ipy_awsprofile.config.profiles import ProfileKind
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.sign_ins import sso_cache, value_in
from ipy_awsprofile.config.target import Target, login_file, sign_in_file
from ipy_awsprofile.config.user_environment import user_environment
from ipy_awsprofile.credentials.caller import CallerIdentity, caller_of, note_caller
from ipy_awsprofile.credentials.file_keys import CheckIdentity, FileCredentials
from ipy_awsprofile.credentials.outside import Outside
from ipy_awsprofile.credentials.person import Prompter
from ipy_awsprofile.credentials.sts import (
    REJECTED_KEYS,
    CliFiles,
    Keys,
    NewKeys,
    RoleCache,
    own_client,
)
from ipy_awsprofile.credentials.translation import reading, translated
from ipy_awsprofile.errors import (
    CredentialsRejected,
    SignInRequired,
    show_briefly,
)

_T = TypeVar("_T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Renewal:
    """Information about how to renew credentials. ``fetch`` returns the new credentials.

    ``source`` contains the credentials that sign the call to STS, ``serial`` identifies the MFA
    device, and ``duration`` is the length of the session in seconds. An unknown source, serial
    number or duration is None. ``is_role`` is True for a role session, whose identity can't change.
    ``fetcher`` is the botocore object to which the method ``fetch`` belongs.
    """

    fetch: Callable[[], NewKeys]
    source: Credentials | None
    serial: str | None
    duration: int | None
    is_role: bool
    fetcher: Any

    @classmethod
    def of(cls, credentials: Any) -> Self:
        """Return how botocore renews ``credentials``, as read from private attributes."""
        refresh = credentials._refresh_using
        # For a role with MFA, botocore wraps the fetcher's method, and would call it only once.
        fetch = getattr(refresh, "_refresh", refresh)
        # Containers, processes and variables have a function, which isn't the method of a fetcher.
        fetcher = getattr(fetch, "__self__", None)
        # Roles, with or without a web identity, have the parameters of the call to STS.
        parameters = getattr(fetcher, "_assume_kwargs", {})
        return cls(
            fetch,
            source=getattr(fetcher, "_source_credentials", None),
            serial=parameters.get("SerialNumber"),
            duration=parameters.get("DurationSeconds"),
            is_role=hasattr(fetcher, "_role_arn"),
            fetcher=fetcher,
        )

    def leave_out_code(self) -> None:
        """Remove the MFA device from the call to STS, so that the call doesn't need a code."""
        del self.fetcher._assume_kwargs["SerialNumber"]

    def set_windows(
        self, credentials: Any, *, advisory: int, mandatory: int, of_cache: int
    ) -> None:
        """Set the seconds before expiry at which to renew credentials and to ignore cached ones."""
        credentials._advisory_refresh_timeout = advisory
        credentials._mandatory_refresh_timeout = mandatory
        self.fetcher._expiry_window_seconds = of_cache


class Renewing:
    """An object that renews credentials, with prompts and a check of the new keys' identity.

    botocore renews credentials automatically, except for roles that need another MFA code and for
    expired sign-ins. ``check`` compares the identity of new keys with the former identity.
    ``check`` isn't called for role sessions, whose ARN can't change. ``cache`` provides the
    identity of each session that came from the cache. If ``keeps_error`` is True, a renewal that
    follows an error raises the same error again.
    """

    def __init__(
        self,
        target: Target,
        prompter: Prompter,
        check: CheckIdentity,
        cache: RoleCache,
        *,
        keeps_error: bool = False,
    ) -> None:
        self.cache = cache
        self._keeps_error = keeps_error
        self._first_error: Exception | None = None
        self.prompter = prompter
        self.check = check
        self.target = target
        #: The MFA devices whose code a source in the chain already includes.
        self.devices: set[str] = set()
        self._prompting: list[object] = []  # credentials whose renewal prompts for a code

    def for_source(self, name: str) -> Renewing:
        """Return a copy of this object for a source profile that several roles use.

        The copy's errors name the source profile. If the copy's first renewal fails, all roles that
        use the source profile fail with the same error.
        """
        target = self.target
        if name in target.names:
            chain = target.chain[target.names.index(name) :]
            # All roles of the source get its errors, so their hints are for the source alone.
            limits = target.request
            request = SessionRequest(name, read_only=limits.read_only, policy=limits.policy)
            target = replace(target, chain=chain, request=request)
        return Renewing(target, self.prompter, self.check, self.cache, keeps_error=True)

    def load(self, load: Callable[[], Credentials | None], method: str) -> Credentials | None:
        """Call a provider's ``load`` and return the credentials, which this object then renews."""
        with reading(method):
            try:
                loaded = load()
            except LoginTokenLoadError:
                # botocore reads the file of `aws login` now. It reads what other sign-ins store
                # when the keys are needed, and then `_signed_in` lets the user in.
                self.prompter.person.prompt_sign_in(self.target)
                loaded = load()
            if isinstance(loaded, RefreshableCredentials):
                loaded.refresh_needed()  # fails if the expiration doesn't have a time zone
                self.renew(loaded)
        if loaded:
            _log.debug("%s: the provider %s has credentials.", self.target.name, method)
        return loaded

    def renew(self, credentials: Any) -> None:
        """Let this object renew credentials, so that renewals include prompts and checks."""
        credentials._refresh_lock = of_process(credentials, name="_refresh_lock", create=Lock)
        renewal = Renewal.of(credentials)
        codes = self._codes_for(renewal)
        if codes or renewal.source in self._prompting:
            self._prompting.append(credentials)
            # botocore would prompt 15 minutes before the session ends.
            renewal.set_windows(credentials, advisory=10, mandatory=0, of_cache=60)
        elif renewal.duration is not None:
            # botocore's 15 minutes are a quarter of the default hour, but all of 15 minutes.
            quarter = min(renewal.duration, 3600) // 4
            renewal.set_windows(
                credentials, advisory=quarter, mandatory=quarter * 2 // 3, of_cache=quarter
            )
        credentials._refresh_using = partial(self._fetch, credentials, renewal, codes)

    def _codes_for(self, renewal: Renewal) -> Prompter | None:
        """Return the prompter if a renewal needs a code from an MFA device, or None.

        Only the first renewal for each device needs a code. An MFA device belongs to a user, so AWS
        rejects the device's code in calls that a role's credentials sign. aws-vault also sends a
        code only for the first role in a chain.

        https://github.com/99designs/aws-vault/blob/master/USAGE.md
        """
        if not renewal.serial:
            return None
        if renewal.serial in self.devices:
            renewal.leave_out_code()
            return None
        self.devices.add(renewal.serial)
        return self.prompter

    def _fetch(self, current: Any, renewal: Renewal, codes: Prompter | None) -> NewKeys:
        """Return new credentials. Raise a subclass of AwsProfileError if the renewal fails."""
        if self._first_error:  # each role would ask the user, or wait for a service, again
            raise self._first_error.with_traceback(None)
        _in_progress.add(current)
        try:
            new = self._fetch_checked(current, renewal, codes)
        except KeyboardInterrupt as error:
            raise show_briefly(error)  # noqa: B904  # it is the same
        except Exception as error:
            _failed.add(current)
            if self._keeps_error:
                self._first_error = error
            raise
        finally:
            _in_progress.discard(current)
        _failed.discard(current)
        return new

    def _fetch_checked(self, current: Any, renewal: Renewal, codes: Prompter | None) -> NewKeys:
        """Return new credentials for the same identity. Raise the same errors as `_fetch`."""
        fetch = partial(self._fetch_new, current, renewal, codes)
        new = fetch()
        if not new:  # an instance's metadata service can have nothing
            return new
        caller = self.cache.take_caller(new["access_key"])
        former = current._access_key
        if former:
            _log.debug("%s: renewed by %s.", self.target.name, current.method)
        if former and not renewal.is_role:
            try:
                caller = self.check(_former_caller(current, renewal), _keys_in(new))
            except CredentialsRejected:
                # Another program has cached this session, which AWS has ended since.
                REJECTED_KEYS.add(new["access_key"])
                new = fetch()
                caller = self.check(_former_caller(current, renewal), _keys_in(new))
        if former in REJECTED_KEYS:
            _replaced_at[new["access_key"]] = datetime.now(UTC)
        if caller and new["access_key"] != former:
            note_caller(current, new["access_key"], caller)
        return new

    def _fetch_new(self, current: Any, renewal: Renewal, codes: Prompter | None) -> NewKeys:
        """Return new credentials without checking their identity."""

        def fetch_once() -> NewKeys:
            with translated(self.target), reading(current.method):
                return renewal.fetch()

        def fetch() -> NewKeys:
            try:
                return fetch_once()
            except CredentialsRejected:
                if not reject(renewal.source, _key_of(renewal.source)):
                    raise
                return fetch_once()  # which renews the source first

        if codes:
            return codes.with_code(fetch)
        if current.method in {"sso", "login"}:
            return self._signed_in(fetch)
        return fetch()

    def _signed_in(self, fetch: Callable[[], NewKeys]) -> NewKeys:
        with suppress(SignInRequired):
            return shared_sign_in(sign_in_file(self.target), fetch)
        self.prompter.person.prompt_sign_in(self.target)
        return fetch()


#: The credentials that are being renewed, in any thread.
_in_progress: set[object] = set()


def is_renewing() -> bool:
    """Return whether a renewal of credentials, which can prompt the user, is in progress."""
    return bool(_in_progress)


#: The credentials whose last renewal has failed.
_failed: WeakSet[object] = WeakSet()


def renewal_has_failed(credentials: object) -> bool:
    """Return whether the last renewal of credentials has failed."""
    return credentials in _failed


#: When a session replaced one that AWS had rejected, by its access key ID.
_replaced_at: dict[str, datetime] = {}

#: How long such a session isn't replaced again. A service can reject every session.
_NOT_AGAIN_FOR = timedelta(minutes=5)


def reject(credentials: Any, key: str) -> bool:
    """Mark credentials as expired because AWS has rejected the session with this access key ID.

    Return whether the next use of the credentials renews them. Long-term keys and keys in a file
    can't be renewed.
    """
    if renewing_of(credentials) is None:
        return False
    if credentials._access_key != key:  # another thread has renewed them
        return True
    now = datetime.now(UTC)
    replaced = _replaced_at.get(key)
    if replaced and now - replaced < _NOT_AGAIN_FOR:
        return False
    REJECTED_KEYS.add(key)
    credentials._expiry_time = now - timedelta(seconds=1)
    return True


def renewing_of(credentials: Any) -> Renewing | None:
    """Return the object that renews credentials, or None if this package doesn't renew them."""
    refresh = getattr(credentials, "_refresh_using", None)
    method = getattr(refresh, "func", None)
    renewing = getattr(method, "__self__", None)
    return renewing if isinstance(renewing, Renewing) else None


def _former_caller(credentials: Any, renewal: Renewal) -> CallerIdentity | None:
    """Return the identity reported for credentials or for a scoped session's base credentials."""
    caller = caller_of(credentials)
    if caller is None and credentials.method == "scoped":
        return caller_of(renewal.source)
    return caller


def is_renewed(credentials: Any) -> bool:
    """Return whether botocore or this package renews the credentials."""
    return hasattr(credentials, "_refresh_using")


def _keys_in(new: NewKeys) -> Keys:
    return Keys(new["access_key"], new["secret_key"], new.get("token"))


def _key_of(credentials: Any) -> str:
    return getattr(credentials, "_access_key", "")


def sso_token_cache(open_sign_ins: Callable[..., CliFiles] = CliFiles) -> Any:
    """Return the AWS CLI's cache of IAM Identity Center tokens in the current home folder."""
    return open_sign_ins(str(sso_cache()), _sso_json_dumps)


#: The versions of sign-ins' files that no other program has renewed within a second.
_not_renewed: dict[Path, FileVersion | None] = {}


def shared_sign_in(file: Path, fetch: Callable[[], _T]) -> _T:
    """Call ``fetch``, which uses the sign-in in ``file`` and can renew it, and return the result.

    Another kernel or the AWS CLI can be renewing the sign-in at the same time. AWS accepts a
    refresh token only once. If another program's renewal was first, ``fetch`` is called again when
    the file has changed. Raise SignInRequired if the file doesn't change within a second.
    """
    pauses = 20
    while True:
        version = version_of(file)
        try:
            return fetch()
        except SignInRequired:
            if _not_renewed.get(file) == version:  # many threads would wait one after the other
                raise
            while version_of(file) in (version, None):  # some programs delete it first
                pauses -= 1
                if pauses < 0 or version is None:
                    _not_renewed[file] = version
                    raise
                sleep(0.05)


class _ProcessProvider(ProcessProvider):
    """A provider for credential_process that raises CredentialRetrievalError for every failure."""

    def _retrieve_credentials_using(self, credential_process: str) -> NewKeys:
        try:
            return super()._retrieve_credentials_using(credential_process)  # type: ignore[misc,no-any-return]
        except (AttributeError, OSError, subprocess.SubprocessError) as error:
            # Its message can have the command's arguments.
            reason = type(error).__name__
            raise CredentialRetrievalError(provider=self.METHOD, error_msg=reason) from None


def create_provider_chain(
    clients: ProviderClients,
    target: Target,
    renewing: Renewing,
    role_provider: RoleProvider | None = None,
) -> CredentialResolver:
    """Return the providers for a target's profile, in botocore's order.

    ``role_provider`` is the class to use instead of `RoleChainProvider`. If the target's
    credentials don't come from a profile, return only the provider for their source. Raise one of
    botocore's exceptions if a setting is invalid.
    """
    variables, *machine = _create_sources(clients, target, renewing)
    first = target.profile
    if first.kind is ProfileKind.AMBIENT:
        names = {source.CANONICAL_NAME: source for source in (variables, *machine)}
        return CredentialResolver([names[first.credential_source]])
    for profile in target.chain:
        if isinstance(profile.settings.get("source_profile"), Mapping):
            # botocore would use the block as the name of a profile, which is a TypeError.
            raise InvalidConfigError(
                error_msg=f"The source_profile of {profile} must be a name, not settings."
            )
    session: Any = clients
    cache: Any = renewing.cache
    profiles = _ProfileProviders(
        session,
        cache=cache,
        region_name=target.region,
        sso_token_cache=sso_token_cache(clients.outside.open_sign_ins),
        login_token_cache=clients.outside.open_sign_ins(get_login_token_cache_directory()),
    )
    profiles.renewing = renewing
    profiles.files = target.config.paths
    prompter: Any = renewing.prompter
    roles = (role_provider or RoleChainProvider)(
        load_config=lambda: clients.full_config,
        client_creator=partial(clients.create_client, region_name=target.region),
        cache=cache,
        profile_name=target.name,
        prompter=prompter,
        credential_sourcer=CanonicalNameCredentialSourcer([variables, *machine]),
        profile_provider_builder=profiles,
    )
    roles.renewing = renewing
    own = profiles.providers(target.name, disable_env_vars=True)
    return CredentialResolver([roles, *own, OriginalEC2Provider(), BotoProvider(), *machine])


def _create_sources(clients: ProviderClients, target: Target, renewing: Renewing) -> list[Any]:
    """Return the providers for environment variables, containers and instances."""
    # A switch sets variables for child processes, which must not affect this identity.
    environ = user_environment()
    cache: Any = renewing.cache

    def load_from(method: str) -> Credentials | None:
        # botocore's own chain has the sources with the user's settings for instance metadata.
        resolver: Any = create_credential_resolver(clients.session, cache, target.region)
        provider = resolver.get_provider(method)
        provider._environ = environ
        fetcher = getattr(provider, "_role_fetcher", None) or provider._fetcher
        fetcher._session = clients.outside.metadata_session(fetcher._session)
        return renewing.load(provider.load, method)

    later: Any = object()  # creating the fetchers takes longer than reading a cached role
    machine: list[Any] = [ContainerProvider(environ, later), InstanceMetadataProvider(later)]
    for source in machine:
        source.load = partial(load_from, source.METHOD)
    return [EnvProvider(environ), *machine]


class ProviderClients:
    """The settings and clients that botocore's credential providers use.

    The session is created with the first client, because creating a session takes longer than all
    other steps of opening a profile. The session doesn't have credentials. Each client receives
    keys or makes unsigned calls. ``config`` is the botocore config of the clients. The clients add
    those parameters of AssumeRole for which botocore doesn't have a setting. A client for ``aws
    login`` uses the Region of the sign-in. ``outside`` gives access to the programs, files and
    metadata services that the providers use.
    """

    def __init__(
        self,
        target: Target,
        config: Config,
        create: Callable[[], botocore.session.Session],
        outside: Outside,
    ) -> None:
        self.outside = outside
        self.full_config = target.full_config()
        self._start = target.start
        self._parameters = target.parameters
        self._config = config
        self._create = create

    @cached_property
    def session(self) -> botocore.session.Session:
        """The session that creates the clients."""
        session = self._create()
        session.set_default_client_config(self._config)
        return session

    def create_client(self, service: str, **kwargs: Any) -> Any:
        """Return a client for an AWS service. botocore's providers call this method."""
        if service == "signin":  # botocore 1.44.0 passes it, too
            file = login_file(str(self._start.settings["login_session"]))
            kwargs.setdefault("region_name", value_in(file, "signInRegion"))
        client = own_client(self.session.create_client(service, **kwargs))
        client.meta.events.register("provide-client-params.sts.AssumeRole", self._add_parameters)
        return client

    def _add_parameters(self, params: StsParameters, **_: object) -> StsParameters:
        role_arn = str(params["RoleArn"])  # a dict if its value is on the lines below the setting
        return {**params, **self._parameters.get(role_arn, {})}


class RoleChainProvider(AssumeRoleProvider):
    """A botocore provider that assumes a chain of roles and renews the session of each role."""

    _profile_name: str
    renewing: Renewing

    def _load_creds_via_assume_role(self, profile_name: str) -> DeferredRefreshableCredentials:
        _log.debug("%s: the role of `%s` is assumed.", self._profile_name, profile_name)
        role: DeferredRefreshableCredentials = super()._load_creds_via_assume_role(profile_name)  # type: ignore[misc]
        self.renewing.renew(role)
        return role


#: Returns a provider with the arguments of botocore's provider.
RoleProvider = Callable[..., RoleChainProvider]


def _parse_credentials_file(name: str) -> Mapping[str, Section]:
    return read_credentials(Path(name))


class _ProfileProviders(ProfileProviderBuilder):
    """A builder of botocore's providers for a profile whose credentials this package renews."""

    _session: ProviderClients
    renewing: Renewing
    files: SharedFiles

    def providers(self, profile_name: str, disable_env_vars: bool = False) -> list[Any]:
        """Return the providers for a profile in botocore's order."""
        providers: list[Any] = super().providers(profile_name, disable_env_vars)
        for provider in providers:
            provider.load = partial(self.renewing.load, provider.load, provider.METHOD)
        return providers

    def _create_shared_credential_provider(self, profile_name: str) -> Any:
        path = self.files.credentials
        # Sessions share the sections. botocore would parse the file for each session.
        provider = SharedCredentialProvider(str(path), profile_name, _parse_credentials_file)
        return self._watching(provider, path)

    def _create_config_provider(self, profile_name: str) -> Any:
        path = self.files.config
        return self._watching(ConfigProvider(str(path), profile_name), path)

    def _watching(self, provider: Any, path: Path) -> Any:
        load = provider.load

        def load_keys() -> FileCredentials | None:
            return FileCredentials(load, path, self.renewing.check).load()

        provider.load = load_keys
        return provider

    def _create_process_provider(self, profile_name: str) -> CredentialProvider:
        return _ProcessProvider(
            profile_name,
            lambda: self._session.full_config,
            popen=self._session.outside.start_process,
        )
