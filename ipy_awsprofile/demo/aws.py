"""Run the embedded AWS, and provide a home folder with AWS config files for its clients."""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
import threading
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from werkzeug.test import Client

from ipy_awsprofile.demo.front import Front, create_server, moto, serving
from ipy_awsprofile.demo.iam import Iam, checked_account
from ipy_awsprofile.demo.identity_center import IdentityCenter
from ipy_awsprofile.demo.s3 import Bucket

if TYPE_CHECKING:
    from ipy_awsprofile.demo.iam import Clock

SettingValue = str | int | float | bool | Mapping[str, str | int] | None

_running = threading.Lock()  # the whole process shares moto's state


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


class EmbeddedAws(Front):
    """A context manager that runs an embedded AWS on a loopback port and creates its home folder.

    ```python
    with EmbeddedAws() as aws:
        user = aws.iam.create_user("UserAlpha", account="231179739868")
        aws.write_profile("UserAlpha", region="us-west-2")
    ```

    The server enforces signatures, identity policies, session policies, role trust policies, MFA
    codes, the limits of session durations, and the expiration of sessions and tokens. For services
    other than S3, the server checks the action but not the resource. If an operation can be
    identified only by the path of its URL, the request requires all actions of the service, such as
    `lambda:*`. Everything else works in the same way as in moto. The argument `clock` is a function
    that returns the current time as a timezone-aware datetime.

    The attribute `iam` contains the users, roles and sessions, `sso` emulates IAM Identity Center,
    and `calls` lists all requests so far. All services use the same port, so a single
    `endpoint_url` in a profile works for every service.

    The class doesn't change `os.environ` or the user's own files. Only one EmbeddedAws can run at a
    time in a process. Starting a second EmbeddedAws raises RuntimeError.
    """

    def __init__(self, clock: Clock = now) -> None:
        super().__init__(Iam(clock))
        self.home = Path()
        self.endpoint_url = ""
        self.sso = IdentityCenter(self, lambda: self.home)
        self._open = ExitStack()

    def __repr__(self) -> str:
        return f"<EmbeddedAws {self.endpoint_url or 'not running'}>"

    def __enter__(self) -> Self:
        """Start the server.

        Raise RuntimeError if an EmbeddedAws is already running in this process.
        """
        if not _running.acquire(blocking=False):
            raise RuntimeError("An EmbeddedAws is already running in this process; stop it first.")
        with ExitStack() as opening:
            opening.callback(_running.release)
            opening.callback(Client(moto()).post, "/moto-api/reset")
            self.home = Path(tempfile.mkdtemp(prefix="embedded-aws-"))
            opening.callback(shutil.rmtree, self.home, ignore_errors=True)
            self.config_file.parent.mkdir(mode=0o700)
            for file in (self.config_file, self.credentials_file):
                file.touch(mode=0o600)
            self.endpoint_url = opening.enter_context(serving(create_server(self)))
            atexit.register(self.stop)
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop the server and delete its home folder. Further calls have no effect."""
        atexit.unregister(self.stop)
        self._open.close()
        self.endpoint_url = ""

    @property
    def config_file(self) -> Path:
        """The path of the shared config file."""
        return self.home / ".aws" / "config"

    @property
    def credentials_file(self) -> Path:
        """The path of the shared credentials file."""
        return self.home / ".aws" / "credentials"

    def environment(self) -> dict[str, str]:
        """Return the environment variables, without secrets, that a client process needs.

        The variables don't include an endpoint, because each profile sets `endpoint_url`.

        https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html
        """
        return {
            "HOME": str(self.home),
            "USERPROFILE": str(self.home),  # the home folder on Windows
            "AWS_CONFIG_FILE": str(self.config_file),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.credentials_file),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def create_bucket(
        self,
        name: str,
        *,
        account: str,
        region: str = "us-east-1",
        creation_date: datetime | None = None,
    ) -> None:
        """Create an S3 bucket. `creation_date` defaults to the current time."""
        body = ""
        if region != "us-east-1":
            constraint = f"<LocationConstraint>{region}</LocationConstraint>"
            body = f"<CreateBucketConfiguration>{constraint}</CreateBucketConfiguration>"
        Client(moto()).put(
            f"/{name}",
            headers={"X-Moto-Account-Id": checked_account(account)},
            data=body,
        )
        self.buckets[name] = Bucket(name, account, region, creation_date or self.iam.clock())

    def create_organization(self, accounts: Iterable[str], *, manager: str) -> dict[str, str]:
        """Create an organization in AWS Organizations, and return its account IDs by account name.

        `accounts` contains the names of the accounts to create. `manager` is the ID of the
        management account, which gets the name `master`.
        """
        scope = "Credential=-/-/us-east-1/organizations/aws4_request"
        headers = {"Authorization": f"AWS4-HMAC-SHA256 {scope}", "X-Moto-Account-Id": manager}

        def call(operation: str, **parameters: str) -> Any:
            target = {"X-Amz-Target": f"AWSOrganizationsV20161128.{operation}"}
            response = Client(moto()).post("/", headers=headers | target, json=parameters)
            return response.get_json(force=True)

        call("CreateOrganization", FeatureSet="ALL")
        created = (
            call("CreateAccount", AccountName=name, Email=f"{name}@corp.example")
            for name in accounts
        )
        return {
            name: answer["CreateAccountStatus"]["AccountId"]
            for name, answer in zip(accounts, created, strict=True)
        }

    def write_profile(
        self, name: str, *, file: Path | None = None, **settings: SettingValue
    ) -> None:
        """Append a profile to `file`, which is the shared config file by default.

        If `settings` doesn't contain an `endpoint_url`, the profile gets the server's URL, except
        in the shared credentials file. Settings with the value None are omitted, and a mapping is
        written as a nested section.
        """
        header = name
        if file != self.credentials_file:
            header = _header_in_config(name)
            settings.setdefault("endpoint_url", self.endpoint_url)
        append_section(file or self.config_file, header, settings)


def append_section(path: Path, header: str, settings: Mapping[str, SettingValue]) -> None:
    """Append a section with settings to a shared config or credentials file.

    https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html
    """
    path.touch(mode=0o600)
    lines = [f"[{header}]"]
    if path.stat().st_size:
        lines.insert(0, "")  # between two sections
    for key, value in settings.items():
        lines += _lines(key, value)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def _header_in_config(name: str) -> str:
    """Return the section header of a profile in a config file, such as `profile RoleBeta`."""
    if name == "default":
        return name
    if re.search(r"\s", name):
        return f'profile "{name}"'
    return f"profile {name}"


def _lines(key: str, value: SettingValue) -> list[str]:
    """Return the lines for one setting in a config file, or an empty list if the value is None."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [f"{key} =", *(f"  {name} = {nested}" for name, nested in value.items())]
    if isinstance(value, bool):
        value = str(value).lower()
    return [f"{key} = {value}"]
