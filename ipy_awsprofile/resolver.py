"""botocore's provider chain for one profile, with what botocore lets one hand in.

Each thing here stands at a seam of botocore: a session whose profile has some settings replaced, a
cache of assumed roles, the way to ask for an MFA code, and bounds for how long a call may take.
"""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.configprovider import ConstantProvider
from botocore.credentials import (
    ProcessProvider,
    ProfileProviderBuilder,
    create_credential_resolver,
)
from botocore.exceptions import CredentialRetrievalError
from botocore.utils import JSONFileCache

from ipy_awsprofile.errors import CredentialsUnavailable
from ipy_awsprofile.event_hooks import built_in_hooks
from ipy_awsprofile.foreign_text import program
from ipy_awsprofile.given import UnusableCredentialsError, moment, require_usable
from ipy_awsprofile.mfa import MfaPrompter
from ipy_awsprofile.service_data import SessionLoader
from ipy_awsprofile.shared_config import full_config
from ipy_awsprofile.sso_tokens import login_files, token_files
from ipy_awsprofile.targets import Target
from ipy_awsprofile.translation import THROTTLED

#: Seconds that a credential_process gets, as in AWS's SDK for Go.
PROCESS_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Caller:
    """Who STS says the holder of some credentials is."""

    arn: str
    user_id: str


class ProfileCore(botocore.session.Session):
    """The botocore session of a target: a profile, some of whose settings are replaced.

    Files and region are those of the target, whatever the environment says by now: a switch sets
    variables for subprocesses, and an older session must not follow them halfway.
    """

    def __init__(self, target: Target) -> None:
        super().__init__(
            profile=target.name, event_hooks=built_in_hooks(), include_builtin_handlers=False
        )
        self._target = target
        self.set_config_variable("config_file", str(target.files.config))
        self.set_config_variable("credentials_file", str(target.files.credentials))
        config_store = self.get_component("config_store")
        config_store.set_config_provider("region", ConstantProvider(target.region))
        self.lazy_register_component(
            "data_loader", lambda: SessionLoader(self.get_config_variable("data_path"))
        )

    @cached_property
    def full_config(self) -> dict[str, Any]:
        """The parsed files, as in the base class, with the replaced settings laid over them."""
        return full_config(self._target.files, self._target.name, self._target.settings)

    def resolve_credentials(
        self, cache: RoleCache, mfa_prompter: MfaPrompter, *, timeout: float
    ) -> None:
        """Take the credentials from botocore's chain, with this cache and this way to ask.

        The chain works in a botocore session of its own: its calls to STS wait for ``timeout``
        seconds, while those of the user keep botocore's defaults.
        """
        inner = _ResolvingCore(self._target)
        inner.register_component("data_loader", self.get_component("data_loader"))
        inner.set_default_client_config(bounded(timeout))
        if self._target.policy_arns:
            add_policies: Any = self._add_policies  # unlike most handlers, it answers
            inner.register("provide-client-params.sts.AssumeRole", add_policies)
        chain = create_credential_resolver(
            inner,
            cache=cache,  # type: ignore[arg-type]  # botocore asks for less than a whole dict
            region_name=self._target.region,
        )
        profiles = _ProfileProviders(
            inner,
            cache=cache,  # type: ignore[arg-type]  # as above
            region_name=self._target.region,
            sso_token_cache=token_files(),  # type: ignore[arg-type]
            login_token_cache=login_files(),
        )
        assume_role: Any = chain.get_provider("assume-role")
        # They have no other way in; botocore binds getpass.getpass when it is imported.
        assume_role._prompter = mfa_prompter  # noqa: SLF001
        assume_role._profile_provider_builder = profiles  # noqa: SLF001
        for provider in profiles.providers(self._target.name, disable_env_vars=True):
            method = str(provider.METHOD)
            chain.insert_after(method, provider)
            chain.remove(method)  # the first of its name, which is botocore's own
        self.register_component("credential_provider", chain)

    def _add_policies(self, params: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Put the session policies, which config files can't say, on the call for the last role."""
        if params["RoleArn"] != self._target.role_arn:
            return params
        return params | {"PolicyArns": [{"arn": arn} for arn in self._target.policy_arns]}


class _ResolvingCore(ProfileCore):
    """The session in which the chain works: its calls are patient where AWS asks for that."""

    def create_client(self, *args: Any, **kwargs: Any) -> Any:
        """Make a client as the base class does."""
        return be_patient(super().create_client(*args, **kwargs))


class _ProfileProviders(ProfileProviderBuilder):
    """botocore's providers for a profile, with a credential_process that is kept within bounds."""

    _session: botocore.session.Session

    def _create_process_provider(self, profile_name: str) -> ProcessProvider:
        return _BoundedProcess(profile_name, lambda: self._session.full_config, popen=_Impatient)


class _Impatient(subprocess.Popen[bytes]):
    """A process that is ended if it takes too long, and that has to succeed."""

    def communicate(self, input: Any = None, timeout: float | None = None) -> Any:  # noqa: A002
        try:
            printed = super().communicate(input, timeout or PROCESS_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()
            self.wait()  # not for its output: what it has started may hold that open
            raise
        if self.returncode:
            raise subprocess.CalledProcessError(self.returncode, "credential_process")
        return printed


#: What a credential_process can end in, and what that means. Its own words are never told.
_PROCESS_PROBLEMS: tuple[tuple[type[Exception], str], ...] = (
    (OSError, "can't be run: {0.strerror} (`{program}`)"),
    (json.JSONDecodeError, "printed no JSON"),
    (UnicodeDecodeError, "printed no JSON"),
    (ValueError, "is no command: {0}"),  # a quotation mark without its partner
    (IndexError, "is no command: it is empty"),
    (AttributeError, "printed JSON, but no object"),
    (TypeError, "printed JSON, but no object"),
    (CredentialRetrievalError, "printed no credentials: Version isn't 1, or a key is missing"),
    (UnusableCredentialsError, "gave credentials that can't be used: {0}"),
)


class _BoundedProcess(ProcessProvider):
    """A credential_process that ends in time, and whose rubbish is an error like any other.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
    """

    def _retrieve_credentials_using(self, credential_process: str) -> Any:
        try:
            given = super()._retrieve_credentials_using(credential_process)  # type: ignore[misc]
            require_usable(given)
        except subprocess.TimeoutExpired:
            problem = f"didn't end within {PROCESS_TIMEOUT:.0f} seconds"
        except subprocess.CalledProcessError as error:
            problem = f"failed with status {error.returncode}"
        except tuple(kind for kind, _ in _PROCESS_PROBLEMS) as error:
            problem = next(says for kind, says in _PROCESS_PROBLEMS if isinstance(error, kind))
            problem = problem.format(error, program=program(credential_process) or "its first word")
        else:
            return given
        raise CredentialsUnavailable(
            f"The credential_process of `{self._profile_name}` {problem}.",  # type: ignore[attr-defined]
            "Run its command in a terminal to see what it says or waits for.",
        )


def bounded(timeout: float) -> Config:
    """Bound a client's calls: two attempts of this many seconds each; see `be_patient`."""
    return Config(
        connect_timeout=timeout,
        read_timeout=timeout,
        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
    )


_ATTEMPTS = 2


#: Seconds before each further attempt where AWS asks to be called less often.
PATIENCE = (1.0, 2.0, 4.0)


def be_patient(client: Any) -> Any:
    """Let a `bounded` client try more often where it is throttled; return it.

    It gives up early since nobody may be there, and who throttles is there.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
    """
    client.meta.events.register("needs-retry", _wait_if_throttled)
    return client


def _wait_if_throttled(response: Any, attempts: int, **_: Any) -> float | None:
    """Tell botocore how many seconds to wait before it asks again; None leaves it to botocore."""
    if response is None:
        return None
    http, parsed = response
    waits = dict(enumerate(PATIENCE, start=_ATTEMPTS))
    if http.status_code == HTTPStatus.TOO_MANY_REQUESTS or _code(parsed) in THROTTLED:
        return waits.get(attempts)
    return None


def _code(answer: Any) -> str:
    return str((answer.get("Error") or {}).get("Code", ""))


class RoleCache:
    """The AWS CLI's cache of assumed roles; notes what STS said about each set of credentials.

    botocore asks for ``in``, reading and writing. ``fresh`` makes it see only what it wrote.
    ``variant`` keeps apart what botocore's key doesn't tell apart, such as session policies. A
    file that can't be read or written is no error: the role is then assumed again.

    https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html
    """

    def __init__(self, directory: Path, *, fresh: bool, variant: str = "") -> None:
        self.callers: dict[str, Caller] = {}
        self._directory = directory
        self._files = JSONFileCache(str(directory))
        self._fresh = fresh
        self._suffix = f"-{variant}" if variant else ""
        self._own: set[str] = set()
        self._unwritten: dict[str, Any] = {}

    def __contains__(self, key: str) -> bool:
        try:
            self[key]
        except KeyError:
            return False
        return True

    def __getitem__(self, key: str) -> Any:
        if key in self._unwritten:
            return self._unwritten[key]
        if self._fresh and key not in self._own:
            raise KeyError(key)
        document = self._files[key + self._suffix]
        try:
            _require_complete(document["Credentials"])
            self._note(document)
        except (TypeError, KeyError, ValueError):
            raise KeyError(key) from None  # not a document of the CLI's: as good as none
        return document

    def __setitem__(self, key: str, document: Any) -> None:
        with suppress(KeyError):  # AWS-compatible servers answer less: STS is asked who it is
            self._note(document)
        self._own.add(key)
        self._unwritten[key] = document
        with suppress(OSError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._files[key + self._suffix] = document
            del self._unwritten[key]

    def _note(self, document: Any) -> None:
        access_key = document["Credentials"]["AccessKeyId"]
        role = document.get("AssumedRoleUser")
        if role and role["Arn"] and role["AssumedRoleId"]:
            self.callers[access_key] = Caller(role["Arn"], role["AssumedRoleId"])


def _require_complete(credentials: Any) -> None:
    """Raise for credentials in which botocore would stumble: KeyError, TypeError or ValueError."""
    for name in ("SecretAccessKey", "SessionToken", "Expiration"):
        if not isinstance(credentials[name], str):
            raise TypeError(name)
    if moment(credentials["Expiration"]) is None:
        raise ValueError("Expiration")


#: What botocore logs, with a traceback, of an error that it raises as well.
_LOGGED = {
    "botocore.credentials": ("Refreshing temporary credentials failed",),
    "botocore.tokens": ("Refreshing token failed", "SSO token refresh attempt failed"),
}


@contextmanager
def quiet_refresh() -> Iterator[None]:
    """Keep botocore from printing the traceback of an error that we are about to tell."""

    def is_other(record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith(_LOGGED[record.name])

    for name in _LOGGED:
        logging.getLogger(name).addFilter(is_other)
    try:
        yield
    finally:
        for name in _LOGGED:
            logging.getLogger(name).removeFilter(is_other)
