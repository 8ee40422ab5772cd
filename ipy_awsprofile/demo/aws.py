"""The embedded AWS: moto in this process, with IAM and STS enforced as on AWS."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import threading
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from moto.moto_api._internal import moto_api_backend

from ipy_awsprofile.demo.enforcement import enforcing
from ipy_awsprofile.demo.iam import users_and_roles
from ipy_awsprofile.demo.oidc import AUDIENCE, OidcProvider
from ipy_awsprofile.demo.server import serving
from ipy_awsprofile.demo.services import metadata, s3
from ipy_awsprofile.demo.services.federation import FederationEndpoint
from ipy_awsprofile.demo.services.signin import SignInService
from ipy_awsprofile.demo.services.sso.endpoints import sso_endpoints
from ipy_awsprofile.demo.services.sso.identity_center import IdentityCenter
from ipy_awsprofile.demo.services.sts.service_role import assume_role_as_service
from ipy_awsprofile.demo.services.sts.web_identity import create_oidc_provider
from ipy_awsprofile.demo.shared_files import Setting, append_section, config_header
from ipy_awsprofile.demo.state import Call, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipy_awsprofile.demo.iam.users_and_roles import IamUser
    from ipy_awsprofile.demo.sessions import Clock

_running = threading.Lock()  # the whole process shares moto's state


def _now() -> datetime:
    return datetime.now(UTC)


class EmbeddedAws:
    """A small AWS on a loopback port, with a home folder for its clients; a context manager.

    ```python
    with EmbeddedAws() as aws:
        user = aws.create_user("UserAlpha", account="231179739868")
        aws.write_profile("UserAlpha", region="us-west-2")
    ```

    It enforces signatures, identity policies, session policies, role trust policies, MFA codes,
    the limits of session durations, and the expiration of sessions and tokens. For most services
    other than S3, policies are enforced by the action alone. Everything else works as in moto.
    `clock` returns the current time, with a time zone; all of the above use it.

    `sso` is IAM Identity Center, and `signin` is AWS Sign-In, the service behind `aws login`. Both
    have the same port as the other services, so a profile's `endpoint_url` works for them too.

    It changes neither `os.environ` nor the user's own files. Only one can run in a process at a
    time: starting another one raises RuntimeError.
    """

    def __init__(self, clock: Clock = _now) -> None:
        self._state = State(clock)
        self._open = ExitStack()
        self._endpoint_url: str | None = None
        self.sso = IdentityCenter(self._state)
        self.signin = SignInService(self._state)
        console = FederationEndpoint(self._state)
        self._state.endpoints |= sso_endpoints(self.sso) | self.signin.endpoints()
        self._state.endpoints |= console.endpoints()

    def __repr__(self) -> str:
        return f"<EmbeddedAws {self._endpoint_url or 'not running'}>"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Start serving. Raises RuntimeError if one is already running in this process."""
        if not _running.acquire(blocking=False):
            raise RuntimeError("An EmbeddedAws is already running in this process; stop it first.")
        with ExitStack() as opening:
            opening.callback(_running.release)
            moto_api_backend.reset()
            opening.callback(moto_api_backend.reset)
            opening.enter_context(enforcing(self._state))
            home = self._state.home_folder = Path(tempfile.mkdtemp(prefix="embedded-aws-"))
            opening.callback(shutil.rmtree, home, ignore_errors=True)
            self._make_files()
            self._endpoint_url = opening.enter_context(serving(self._state))
            atexit.register(self.stop)
            self._open = opening.pop_all()
        return self

    def stop(self) -> None:
        """Stop serving, and remove everything it has created. Calling it again does nothing."""
        atexit.unregister(self.stop)
        self._open.close()
        self._endpoint_url = self._state.home_folder = None

    def _make_files(self) -> None:
        self.config_file.parent.mkdir(mode=0o700)
        for file in (self.config_file, self.credentials_file):
            file.touch(mode=0o600)

    @property
    def endpoint_url(self) -> str:
        """The URL of every service, such as `http://127.0.0.1:41234`."""
        if self._endpoint_url is None:
            raise RuntimeError("This EmbeddedAws isn't running.")
        return self._endpoint_url

    @property
    def home(self) -> Path:
        """The folder that its clients use as their home folder; only the user can read it."""
        return self._state.home

    @property
    def config_file(self) -> Path:
        """The shared config file."""
        return self.home / ".aws" / "config"

    @property
    def credentials_file(self) -> Path:
        """The shared credentials file."""
        return self.home / ".aws" / "credentials"

    @property
    def calls(self) -> list[Call]:
        """All requests so far, in order; `calls.clear()` empties the list."""
        return self._state.calls

    @property
    def latency(self) -> float:
        """Delay of each response in seconds; 0 by default."""
        return self._state.latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        self._state.latency = seconds

    def environment(self) -> dict[str, str]:
        """Return the environment variables that another process needs. They contain no secrets.

        They don't include an endpoint, because the profiles have it.
        https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html
        """
        return {
            "HOME": str(self.home),
            "AWS_CONFIG_FILE": str(self.config_file),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.credentials_file),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def create_user(
        self,
        name: str,
        *,
        account: str,
        policy: Mapping[str, Any] | None = None,
        mfa: bool = False,
    ) -> IamUser:
        """Create an IAM user with an access key, and with a virtual MFA device if `mfa`.

        `policy` is its identity policy as a dict. Raises UnsupportedPolicyError (a ValueError) for
        a policy element that the embedded AWS doesn't evaluate.
        """
        return users_and_roles.create_user(name, account, policy, self._state.mfa if mfa else None)

    def create_role(
        self,
        name: str,
        *,
        account: str,
        trust: Mapping[str, Any],
        policy: Mapping[str, Any] | None = None,
        max_session_duration: int = 3600,
    ) -> str:
        """Create a role; return its ARN.

        `trust` is its trust policy and `policy` its identity policy, as dicts;
        `max_session_duration` is in seconds, 3600 to 43200. Raises UnsupportedPolicyError (a
        ValueError) for a policy element that the embedded AWS doesn't evaluate.
        https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
        """
        return users_and_roles.create_role(name, account, trust, policy, max_session_duration)

    def create_bucket(
        self,
        name: str,
        *,
        account: str,
        region: str = "us-east-1",
        creation_date: datetime | None = None,
    ) -> None:
        """Create an S3 bucket; `creation_date` defaults to now, and is in UTC if it is naive."""
        s3.create_bucket(name, account, region, creation_date)

    def write_profile(
        self,
        name: str,
        *,
        file: Literal["config", "credentials"] = "config",
        **settings: Setting,
    ) -> None:
        """Append a profile to one of the shared files.

        In the config file, `endpoint_url` is added unless it is among the settings; a setting that
        is None is left out. A mapping, such as `s3={"addressing_style": "path"}`, becomes a nested
        block.
        """
        if file == "credentials":
            append_section(self.credentials_file, name, settings)
        else:
            with_endpoint = settings | {
                "endpoint_url": settings.get("endpoint_url", self.endpoint_url)
            }
            append_section(self.config_file, config_header(name), with_endpoint)

    def mfa_code(self, serial: str) -> str:
        """Return the six digits that an MFA device shows now; AWS accepts each code once."""
        return self._state.mfa.code(serial)

    def mfa_seed(self, serial: str) -> str:
        """Return an MFA device's secret in base32, from which other programs generate its codes."""
        return self._state.mfa.seed(serial)

    def expire_sessions(self, access_key_id: str | None = None) -> int:
        """Expire one session or all on the server; return how many were still valid."""
        return self._state.sessions.expire(access_key_id)

    def service_session(
        self, service: str, role_arn: str, session_name: str, duration: int = 3600
    ) -> dict[str, str | datetime]:
        """Return the Credentials that an AWS service, such as `ec2.amazonaws.com`, gets for a role.

        `duration` is in seconds. Raises PermissionError if the role's trust policy doesn't name
        the service.
        https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_switch-role-ec2.html
        """
        session = assume_role_as_service(self._state, service, role_arn, session_name, duration)
        return session.credentials()

    def on_instance(
        self, role_arn: str, duration: int = 3600
    ) -> AbstractContextManager[dict[str, str]]:
        """Serve the metadata of an EC2 instance with a role until the context ends.

        The context's value is the environment variables that a client on the instance needs.
        `duration` is in seconds. The role has to trust `ec2.amazonaws.com`, otherwise the service
        returns an error. Only one instance can exist at a time.
        """
        issue = partial(
            self.service_session, "ec2.amazonaws.com", role_arn, "i-0abcdef1234567890", duration
        )
        role_name = role_arn.rpartition("/")[2]
        return metadata.instance(self._state, self.endpoint_url, role_name, issue)

    def in_container(
        self,
        role_arn: str,
        *,
        service: str = "ecs-tasks.amazonaws.com",
        token_file: Path | None = None,
        duration: int = 3600,
    ) -> AbstractContextManager[dict[str, str]]:
        """Serve the credentials of a container with a role until the context ends.

        The context's value is the environment variables that a client in the container needs. With
        `token_file`, the token is in that file and not in a variable. The role has to trust
        `service`, otherwise the service returns an error.
        """
        issue = partial(self.service_session, service, role_arn, "container", duration)
        return metadata.container(self._state, self.endpoint_url, issue, token_file)

    def create_oidc_provider(
        self, issuer: str, *, account: str, audiences: tuple[str, ...] = (AUDIENCE,)
    ) -> OidcProvider:
        """Create an IAM OpenID Connect provider; its method `token` returns tokens to assume roles.

        `issuer` is an https URL, such as an EKS cluster's issuer URL. Nothing connects to it.
        """
        return create_oidc_provider(self._state, issuer, account, audiences)

    def secrets(self) -> frozenset[str]:
        """Return every secret that it has issued so far.

        These are secret keys, session tokens, the secrets of MFA devices, and the tokens, client
        secrets and private keys of sign-ins and metadata services.
        """
        state = self._state
        issued = state.sessions.secrets() | state.mfa.seeds() | state.secrets
        return frozenset(issued | users_and_roles.secret_keys())
