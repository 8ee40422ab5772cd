"""botocore's provider chain for one profile, with what botocore lets one hand in.

botocore resolves, we don't: what stands here are its seams. A session is given a parsed config in
which some settings are replaced, shared hooks and data, a cache of assumed roles, a way to ask for
an MFA code, and limits for how long a call may take.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.configprovider import ConstantProvider
from botocore.credentials import (
    CredentialProvider,
    CredentialResolver,
    create_credential_resolver,
)

from ipy_awsprofile.config.full_config import full_config
from ipy_awsprofile.config.target import Target
from ipy_awsprofile.credentials.botocore_errors import no_credentials
from ipy_awsprofile.credentials.data_loader import SessionLoader
from ipy_awsprofile.credentials.event_hooks import built_in_hooks
from ipy_awsprofile.credentials.mfa import MfaPrompter
from ipy_awsprofile.credentials.process import LimitedProfileProviders
from ipy_awsprofile.credentials.renewal import let_renew
from ipy_awsprofile.credentials.retries import give_up_soon, retry_throttled
from ipy_awsprofile.credentials.role_cache import CallerIdentity, RoleCache
from ipy_awsprofile.credentials.token_cache import login_files, token_files
from ipy_awsprofile.credentials.validation import require_usable


class SharedBotocoreSession(botocore.session.Session):
    """A botocore session that shares its hooks and service data with others.

    Its Region is fixed when it is made: a switch sets variables for child processes, and an older
    session must not follow them.
    """

    def __init__(self, profile: str, region: str | None) -> None:
        super().__init__(
            profile=profile, event_hooks=built_in_hooks(), include_builtin_handlers=False
        )
        fix_region(self, region)
        self.lazy_register_component(
            "data_loader", lambda: SessionLoader(self.get_config_variable("data_path"))
        )


def fix_region(core: Any, region: str | None) -> None:
    """Give a botocore session a Region that neither files nor environment change."""
    store = core.get_component("config_store")
    store.set_config_provider("region", ConstantProvider(region))


#: Makes a provider for botocore's chain, with this cache and this way to ask for a code.
MakeProvider = Callable[["ProfileBotocoreSession", RoleCache, MfaPrompter], CredentialProvider]


class ProfileBotocoreSession(SharedBotocoreSession):
    """The botocore session of a target: a profile, some of whose settings are replaced.

    ``callers`` holds what STS has said so far about credentials, by access key ID.
    """

    def __init__(self, target: Target, client_config: Config | None = None) -> None:
        super().__init__(target.name, target.region)
        self.callers: dict[str, CallerIdentity] = {}
        self._target = target
        self.set_config_variable("config_file", str(target.files.config))
        self.set_config_variable("credentials_file", str(target.files.credentials))
        if client_config:
            self.set_default_client_config(client_config)

    @cached_property
    def full_config(self) -> dict[str, Any]:
        """The parsed files, as in the base class, with the replaced settings laid over them."""
        return full_config(self._target.files, self._target.name, self._target.settings)

    def resolve_credentials(
        self,
        *,
        ask_for_code: MfaPrompter,
        sign_in: Callable[[], None],
        timeout: float,
        fresh: bool = False,
        provider: MakeProvider | None = None,
    ) -> None:
        """Get the credentials now, and let them renew themselves.

        An assumed role comes from the AWS CLI's cache unless ``fresh`` is set. ``timeout`` is in
        seconds, for each attempt of a call to STS. ``provider`` makes what replaces botocore's
        chain. Raises botocore's errors.
        """
        directory = Path("~/.aws/cli/cache").expanduser()
        cache = RoleCache(directory, self.callers, fresh=fresh, variant=self._target.cache_variant)
        chain = (
            CredentialResolver([provider(self, cache, ask_for_code)])
            if provider
            else self._botocores_chain(cache, ask_for_code, timeout)
        )
        self.register_component("credential_provider", chain)
        credentials = self.get_credentials()
        if credentials is None:
            raise no_credentials(self._target.name)
        # The credentials of a credential_source come before those of the last profile.
        steps = 1 if provider else len(self._target.chain) + 1
        let_renew(credentials, self._target.chain, sign_in, steps=steps)
        require_usable(credentials.get_frozen_credentials()._asdict())

    def _botocores_chain(
        self, cache: RoleCache, ask_for_code: MfaPrompter, timeout: float
    ) -> CredentialResolver:
        """Return botocore's chain, with this cache and this way to ask.

        It works in a botocore session of its own: its calls to STS wait for ``timeout`` seconds,
        while those of the user keep botocore's defaults.
        """
        inner = _ResolvingSession(self._target)
        inner.register_component("data_loader", self.get_component("data_loader"))
        inner.set_default_client_config(give_up_soon(timeout))
        if self._target.policy_arns:
            add_policies: Any = self._add_policies  # unlike most handlers, it answers
            inner.register("provide-client-params.sts.AssumeRole", add_policies)
        chain = create_credential_resolver(
            inner,
            cache=cache,  # type: ignore[arg-type]  # botocore asks for less than a whole dict
            region_name=self._target.region,
        )
        profiles = LimitedProfileProviders(
            inner,
            cache=cache,  # type: ignore[arg-type]  # as above
            region_name=self._target.region,
            sso_token_cache=token_files(),  # type: ignore[arg-type]
            login_token_cache=login_files(),
        )
        assume_role: Any = chain.get_provider("assume-role")
        # They have no other way in; botocore binds getpass.getpass when it is imported.
        assume_role._prompter = ask_for_code  # noqa: SLF001
        assume_role._profile_provider_builder = profiles  # noqa: SLF001
        for provider in profiles.providers(self._target.name, disable_env_vars=True):
            method = str(provider.METHOD)
            chain.insert_after(method, provider)
            chain.remove(method)  # the first of its name, which is botocore's own
        return chain

    def _add_policies(self, params: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Put the session policies, which config files can't say, on the call for the last role."""
        if params["RoleArn"] != self._target.role_arn:
            return params
        return params | {"PolicyArns": [{"arn": arn} for arn in self._target.policy_arns]}


class _ResolvingSession(ProfileBotocoreSession):
    """The session in which the chain works: a throttled call is made again."""

    def create_client(self, *args: Any, **kwargs: Any) -> Any:
        """Make a client as the base class does."""
        return retry_throttled(super().create_client(*args, **kwargs))
