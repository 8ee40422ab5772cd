"""Run the code of a switch without calling AWS, to find the error that the switch would raise.

At botocore's ``before-send`` event, each request gets a made-up response with made-up credentials,
so the rehearsal continues to the end of the role chain. A rehearsal reads the AWS files and the AWS
CLI's caches. A rehearsal doesn't open connections, start programs, prompt the user or write files.
Therefore, a rehearsal can't find problems that only AWS or a program would report, such as a role
that doesn't exist.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.configprovider import SmartDefaultsConfigStoreFactory
from botocore.utils import IMDSRegionProvider
from urllib3 import HTTPResponse

from ipy_awsprofile.config.target import Target
from ipy_awsprofile.config.values import is_program
from ipy_awsprofile.credentials.outside import Outside
from ipy_awsprofile.credentials.person import Person, Prompter
from ipy_awsprofile.credentials.sts import CliFiles, RoleCache
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.sessions.session import fetch_identity, open_target


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The result of rehearsing a switch to a target.

    ``error`` is the error that would end the switch, or None. ``needs_instance`` is True if the
    role chain starts with the role of an EC2 instance. ``uses_cache`` is True if the switch would
    use a cached session instead of calling AWS.
    """

    error: AwsProfileError | None
    needs_instance: bool
    uses_cache: bool


def rehearse(target: Target, *, fresh: bool = False) -> Rehearsal:
    """Rehearse an unattended switch to a target. If ``fresh`` is True, ignore cached sessions."""
    simulation = _Simulation()
    error = None
    try:
        with translated(target):
            session = open_target(target, fresh=fresh, outside=simulation)
            fetch_identity(session)
    except AwsProfileError as raised:
        error = raised.with_traceback(None)  # its frames contain the session
    return Rehearsal(error, simulation.was_instance, simulation.used_cache)


#: Made-up credentials.
_KEYS = {"AccessKeyId": "ASIAREHEARSAL", "SecretAccessKey": "none", "SessionToken": "none"}

_CALLER = (
    "<Arn>arn:aws:sts::123456789012:assumed-role/none/none</Arn>"
    "<UserId>none</UserId><Account>123456789012</Account>"
)


class _ReadOnlyFiles(CliFiles):
    """A folder of cached sign-ins that a rehearsal can read but not change."""

    def __setitem__(self, key: str, document: object) -> None:
        """Do nothing, so that the cache isn't changed."""


class _ReadOnlyRoles(RoleCache):
    """A cache of role sessions that a rehearsal can read but not change."""

    def __setitem__(self, key: str, document: object) -> None:
        """Do nothing, so that the cache isn't changed."""


class _MadeUpCodes(Prompter):
    """Answers prompts for MFA codes with a made-up code."""

    def __call__(self, question: str) -> str:  # noqa: ARG002
        """Return a made-up code without prompting the user or running a command."""
        return "000000"


class _Simulation(Outside):
    """Simulates AWS, metadata services, credential programs and the user."""

    open_sign_ins = _ReadOnlyFiles

    def __init__(self) -> None:
        self._role_caches: list[RoleCache] = []
        #: Whether the metadata service of an EC2 instance was called.
        self.was_instance = False
        self._expires_at = datetime.now(UTC) + timedelta(hours=1)
        self._keys = _KEYS | {"Expiration": f"{self._expires_at:%Y-%m-%dT%H:%M:%SZ}"}

    @property
    def used_cache(self) -> bool:
        """Whether the rehearsal used a cached session."""
        return any(cache.has_read for cache in self._role_caches)

    def open_role_cache(self, *args: Any, **options: Any) -> RoleCache:
        """Return a cache of role sessions that can't be changed."""
        cache = _ReadOnlyRoles(*args, **options)
        self._role_caches.append(cache)
        return cache

    def create_prompter(self, person: Person, target: Target) -> Prompter:
        """Return a prompter that answers with a made-up MFA code."""
        return _MadeUpCodes(person, target)

    def prepare(self, session: Any) -> None:
        """Make all clients of a session use this simulation instead of the network.

        Without this method, botocore reads the Region of the EC2 instance if `defaults_mode` is
        `auto`, and sends a datagram for each call if AWS_CSM_ENABLED is set. The method sets
        private attributes of botocore to prevent reading the Region and sending datagrams, because
        botocore doesn't have a public API for this purpose.
        """
        session.get_component("event_emitter").register_first("before-send", self._respond)
        internal = session._internal_components  # noqa: SLF001

        def smart_defaults() -> SmartDefaultsConfigStoreFactory:
            no_metadata: Any = {"AWS_EC2_METADATA_DISABLED": "true"}
            return SmartDefaultsConfigStoreFactory(
                internal.get_component("default_config_resolver"),
                IMDSRegionProvider(session, environ=no_metadata),
            )

        internal.lazy_register_component("smart_defaults_factory", smart_defaults)
        create_monitor: Callable[[], object] = session._create_csm_monitor  # noqa: SLF001

        def no_monitor() -> None:
            create_monitor()  # for its errors

        internal.lazy_register_component("monitor", no_monitor)

    def _respond(self, request: Any, event_name: str, **_: object) -> AWSResponse:
        service, operation = event_name.split(".")[1:]
        if service == "sts":
            return _response(request, self._xml(operation))
        return _response(request, self._json(operation))

    def _xml(self, operation: str) -> str:
        """Return an XML response that contains the elements of every STS operation's response."""
        keys = "".join(f"<{name}>{value}</{name}>" for name, value in self._keys.items())
        return (
            f"<{operation}Response><{operation}Result><Credentials>{keys}</Credentials>{_CALLER}"
            f"<AssumedRoleUser><AssumedRoleId>none</AssumedRoleId>{_CALLER}</AssumedRoleUser>"
            f"</{operation}Result></{operation}Response>"
        )

    def _json(self, operation: str) -> str:
        """Return a JSON response that contains the members of all services' responses."""
        keys = {f"{name[0].lower()}{name[1:]}": value for name, value in _KEYS.items()}
        document: dict[str, object] = {
            **self._keys,
            "Token": "none",
            "Version": 1,
            "Code": "Success",
            "accessToken": "none",
            "expiresIn": 3600,
            "refreshToken": "none",
            "roleCredentials": {**keys, "expiration": int(self._expires_at.timestamp() * 1000)},
        }
        if operation == "CreateOAuth2Token":
            document["accessToken"] = keys
        return json.dumps(document)

    def metadata_session(self, session: Any) -> Any:  # noqa: ARG002
        """Return an HTTP session that simulates a metadata service."""
        return SimpleNamespace(send=self._respond_as_metadata)

    def _respond_as_metadata(self, request: Any) -> AWSResponse:
        path = urlsplit(request.url).path
        if path.endswith("/api/token"):
            self.was_instance = True
            return _response(request, "rehearsal")
        if path.endswith("/security-credentials/"):
            return _response(request, "rehearsal")
        return _response(request, self._json(""))

    def start_process(self, command: list[str], **_: object) -> SimpleNamespace:
        """Return a process that prints made-up credentials.

        Raise FileNotFoundError or PermissionError if the program in `command` can't be started.
        """
        require_program(command[0])
        printed = self._json("").encode()
        return SimpleNamespace(returncode=0, communicate=lambda: (printed, b""))


def require_program(name: str) -> None:
    """Raise FileNotFoundError or PermissionError if a program with this name can't be started."""
    if is_program(name):
        return
    code = errno.EACCES if os.path.exists(name) else errno.ENOENT
    raise OSError(code, os.strerror(code))


def _response(request: Any, body: str) -> AWSResponse:
    raw: Any = HTTPResponse(BytesIO(body.encode()), preload_content=False)
    return AWSResponse(request.url, 200, HTTPHeaders(), raw)
