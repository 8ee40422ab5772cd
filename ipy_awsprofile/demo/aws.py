"""The embedded AWS: moto in this process, which enforces IAM and STS as AWS does."""

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
from ipy_awsprofile.demo.iam import accounts, trust
from ipy_awsprofile.demo.iam.callers import find_role
from ipy_awsprofile.demo.oidc import AUDIENCE, OidcProvider
from ipy_awsprofile.demo.principals import Principal
from ipy_awsprofile.demo.refusals import denied
from ipy_awsprofile.demo.server import serving
from ipy_awsprofile.demo.services import metadata, web_identity
from ipy_awsprofile.demo.services.assume_role import ACTION
from ipy_awsprofile.demo.services.signin import SignIn
from ipy_awsprofile.demo.services.sso import IdentityCenter
from ipy_awsprofile.demo.services.sso_endpoints import sso_endpoints
from ipy_awsprofile.demo.shared_files import Setting, append_section, config_header
from ipy_awsprofile.demo.state import Call, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipy_awsprofile.demo.iam.accounts import IamUser
    from ipy_awsprofile.demo.sessions import Clock

_running = threading.Lock()  # moto's state is one for the whole process


def _now() -> datetime:
    return datetime.now(UTC)


class EmbeddedAws:
    """A small AWS on a loopback port, with its own home folder; a context manager.

    ```python
    with EmbeddedAws() as aws:
        user = aws.create_user("UserAlpha", account="231179739868")
        aws.write_profile("UserAlpha", region="us-west-2")
    ```

    What it enforces: signatures, identity policies, session policies, role trust policies, MFA
    codes, the limits of session durations, and that sessions and tokens expire. What it leaves as
    moto has it: everything else. `clock` returns the aware time that all of these go by.

    `sso` is IAM Identity Center, `signin` is what `aws login` asks; both are at the same port, so
    a profile's `endpoint_url` leads to them as well.

    It touches neither `os.environ` nor the user's own files. Only one can run at a time in a
    process: starting a second raises RuntimeError.
    """

    def __init__(self, clock: Clock = _now) -> None:
        self._state = State(clock)
        self._open = ExitStack()
        self._endpoint_url: str | None = None
        self.sso = IdentityCenter(self._state)
        self.signin = SignIn(self._state)
        self._state.endpoints |= sso_endpoints(self.sso) | self.signin.endpoints()

    def __repr__(self) -> str:
        return f"<EmbeddedAws {self._endpoint_url or 'not running'}>"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Start serving. RuntimeError if an embedded AWS runs in this process already."""
        if not _running.acquire(blocking=False):
            raise RuntimeError("an EmbeddedAws is running in this process already; stop it first")
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
        """Stop serving, and leave nothing behind. Stopping twice is nothing more."""
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
            raise RuntimeError("this EmbeddedAws is not running")
        return self._endpoint_url

    @property
    def home(self) -> Path:
        """The folder that stands in for the user's home; only the user can read it."""
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
        """What the server saw, in order; `calls.clear()` begins anew."""
        return self._state.calls

    @property
    def latency(self) -> float:
        """Seconds that each answer takes longer; 0 at first."""
        return self._state.latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        self._state.latency = seconds

    def environment(self) -> dict[str, str]:
        """Return what another process needs in its environment; nothing in it is secret.

        There is no endpoint in it: the profiles have it.
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
        """Make an IAM user with an access key, and with a virtual MFA device if `mfa`.

        `policy` is its identity policy as a dict. Raises UnsupportedPolicyError (a ValueError) if
        the policy uses what is not evaluated here.
        """
        return accounts.create_user(name, account, policy, self._state.mfa if mfa else None)

    def create_role(
        self,
        name: str,
        *,
        account: str,
        trust: Mapping[str, Any],
        policy: Mapping[str, Any] | None = None,
        max_session_duration: int = 3600,
    ) -> str:
        """Make a role; return its ARN.

        `trust` is its trust policy and `policy` its identity policy, as dicts;
        `max_session_duration` is in seconds, 3600 to 43200. Raises UnsupportedPolicyError (a
        ValueError) if one of them uses what is not evaluated here.
        https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
        """
        return accounts.create_role(name, account, trust, policy, max_session_duration)

    def create_bucket(
        self,
        name: str,
        *,
        account: str,
        region: str = "us-east-1",
        creation_date: datetime | None = None,
    ) -> None:
        """Make an S3 bucket; `creation_date` is now unless given, UTC if it is naive."""
        accounts.create_bucket(name, account, region, creation_date)

    def write_profile(
        self,
        name: str,
        *,
        file: Literal["config", "credentials"] = "config",
        **settings: Setting,
    ) -> None:
        """Append a profile to one of the shared files.

        In the config file it gets `endpoint_url` after its settings, unless that is among them
        (None leaves it out). A mapping, such as `s3={"addressing_style": "path"}`, becomes a
        nested block.
        """
        if file == "credentials":
            append_section(self.credentials_file, name, settings)
        else:
            with_endpoint = settings | {
                "endpoint_url": settings.get("endpoint_url", self.endpoint_url)
            }
            append_section(self.config_file, config_header(name), with_endpoint)

    def mfa_code(self, serial: str) -> str:
        """Return the six digits that an MFA device shows now; AWS takes each code once."""
        return self._state.mfa.code(serial)

    def mfa_seed(self, serial: str) -> str:
        """Return what makes another program show the codes of an MFA device, in base 32."""
        return self._state.mfa.seed(serial)

    def expire_sessions(self, access_key_id: str | None = None) -> int:
        """End all sessions, or one, on the server's side; return how many were still good."""
        return self._state.sessions.expire(access_key_id)

    def service_session(
        self, service: str, role_arn: str, session_name: str, duration: int = 3600
    ) -> dict[str, str | datetime]:
        """Return the Credentials that an AWS service, such as `ec2.amazonaws.com`, gets for a role.

        `duration` is in seconds. Raises PermissionError if the role's trust policy does not name
        the service.
        https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_switch-role-ec2.html
        """
        role, caller = find_role(role_arn), Principal.service(service)
        context = caller.context() | {"sts:RoleSessionName": session_name}
        statements = trust.parse_trust_text(role.assume_role_policy_document) if role else ()
        ground = trust.evaluate_parsed(statements, caller, ACTION, context)
        if role is None or ground is not trust.Trust.NAMED:
            raise PermissionError(str(denied(service, ACTION, role_arn)))
        principal = Principal.session(role_arn, session_name, role.id)
        return self._state.sessions.issue(principal, duration).credentials()

    def on_instance(
        self, role_arn: str, duration: int = 3600
    ) -> AbstractContextManager[dict[str, str]]:
        """Have an EC2 instance's metadata service while the context lasts.

        It gives the variables that a client on the instance needs. `duration` is in seconds. The
        role has to trust `ec2.amazonaws.com`, else asking fails. One at a time.
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
        """Have a container's credential service while the context lasts.

        It gives the variables that a client in the container needs; with `token_file` the token
        is there and not among them. The role has to trust `service`, else asking fails.
        """
        issue = partial(self.service_session, service, role_arn, "container", duration)
        return metadata.container(self._state, self.endpoint_url, issue, token_file)

    def create_oidc_provider(
        self, issuer: str, *, account: str, audiences: tuple[str, ...] = (AUDIENCE,)
    ) -> OidcProvider:
        """Make an IAM OpenID Connect provider; its `token` is what roles are assumed with.

        `issuer` is an https URL, such as that of an EKS cluster. Nothing is asked there.
        """
        return web_identity.create_oidc_provider(self._state, issuer, account, audiences)

    def secrets(self) -> frozenset[str]:
        """Return every secret that it has given out so far.

        Those are secret keys, session tokens, MFA seeds, and the tokens, client secrets and
        private keys of sign-ins and metadata services.
        """
        state = self._state
        given = state.sessions.secrets() | state.mfa.seeds() | state.secrets
        return frozenset(given | accounts.secret_keys())
