"""Rehearse a switch: run its own code, and report what it would call and which error would end it.

At botocore's ``before-send`` event, each request gets a made-up response with made-up credentials,
so the run continues to the end of the role chain. It reads the files and the AWS CLI's caches. It
opens no connection, starts no process, prompts no one and writes nothing. Therefore, it can't find
what only AWS or a process knows, such as a role that doesn't exist, or a missing program.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from shlex import quote
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.configprovider import SmartDefaultsConfigStoreFactory
from botocore.utils import IMDSRegionProvider, JSONFileCache
from dateutil.parser import parse
from urllib3 import HTTPResponse

from ipy_awsprofile.config.target import Target
from ipy_awsprofile.credentials.person import Person, device_of
from ipy_awsprofile.credentials.providers import Outside
from ipy_awsprofile.credentials.sts import EXPIRED_SESSION, RoleCache
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.sessions.session import fetch_identity, open_target
from ipy_awsprofile.text import program


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a switch would call, in order, and the error that would end it, if any.

    ``calls`` has operations such as ``sts:AssumeRole``, cached sessions, prompts and commands.
    """

    calls: tuple[str, ...]
    error: AwsProfileError | None = None


def rehearse(target: Target) -> Rehearsal:
    """Rehearse an unattended switch to a target, and the creation of a client for Amazon S3."""
    simulation = _Simulation()
    error = None
    try:
        with translated(target.names):
            person = Person(
                mfa_prompter=simulation.code,
                run_command=simulation.printed_code,
                warn=lambda _text: None,  # the explanation has its own
            )
            session = open_target(target, person=person, outside=simulation)
            fetch_identity(session)
            session.client("s3", region_name=target.region or "us-east-1")
    except AwsProfileError as raised:
        error = raised.with_traceback(None)  # its frames contain the session
    return Rehearsal(tuple(simulation.calls), error)


#: Credentials that don't exist.
_KEYS = {"AccessKeyId": "ASIAREHEARSAL", "SecretAccessKey": "none", "SessionToken": "none"}

_CALLER = (
    "<Arn>arn:aws:sts::123456789012:assumed-role/none/none</Arn>"
    "<UserId>none</UserId><Account>123456789012</Account>"
)


class _FilesToRead(JSONFileCache):
    """A folder with sign-ins that aren't changed."""

    def __setitem__(self, _key: str, _document: Any) -> None:
        """Write nothing."""


class _Simulation(Outside):
    """Responds in place of AWS, processes and the user, and records what is called."""

    sign_in_files = _FilesToRead

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._expiry = datetime.now(UTC) + timedelta(hours=1)
        self._keys = _KEYS | {"Expiration": f"{self._expiry:%Y-%m-%dT%H:%M:%SZ}"}

    def code(self, question: str) -> str:
        """Return an MFA code that doesn't exist."""
        self.calls.append(f"MFA code for {device_of(question)}")
        return "000000"

    def printed_code(self, _command: str, question: str) -> str:
        """Return an MFA code that doesn't exist."""
        self.calls.append(f"mfa_process for {device_of(question)}")
        return "000000"

    def role_cache(self, *args: Any, **options: Any) -> RoleCache:
        """Return the AWS CLI's cache of role sessions, which reports the sessions it returns."""
        return _ReportedRoles(self.calls, *args, **options)

    def prepare(self, session: Any) -> None:
        """Make a botocore session's clients use the simulation, and no other service."""
        session.get_component("event_emitter").register_first("before-send", self._respond)
        # botocore has no public API for this. `defaults_mode = auto` reads the instance's Region,
        # and AWS_CSM_ENABLED sends a datagram for each call.
        internal = session._internal_components  # noqa: SLF001
        internal.lazy_register_component(
            "smart_defaults_factory",
            lambda: SmartDefaultsConfigStoreFactory(
                internal.get_component("default_config_resolver"),
                IMDSRegionProvider(session, environ={"AWS_EC2_METADATA_DISABLED": "true"}),
            ),
        )
        create_monitor = session._create_csm_monitor  # noqa: SLF001
        internal.lazy_register_component("monitor", lambda: create_monitor() and None)

    def _respond(self, request: Any, event_name: str, **_: Any) -> AWSResponse:
        service, operation = event_name.split(".")[1:]
        self.calls.append(f"{service}:{operation}")
        if service == "sts":
            return _response(request, self._xml(operation))
        return _response(request, self._json(operation))

    def _xml(self, operation: str) -> str:
        """Return the result of an operation of STS, with the members of all its results."""
        keys = "".join(f"<{name}>{value}</{name}>" for name, value in self._keys.items())
        return (
            f"<{operation}Response><{operation}Result><Credentials>{keys}</Credentials>{_CALLER}"
            f"<AssumedRoleUser><AssumedRoleId>none</AssumedRoleId>{_CALLER}</AssumedRoleUser>"
            f"</{operation}Result></{operation}Response>"
        )

    def _json(self, operation: str = "") -> str:
        keys = {f"{name[0].lower()}{name[1:]}": value for name, value in _KEYS.items()}
        sso = {"roleCredentials": {**keys, "expiration": int(self._expiry.timestamp() * 1000)}}
        token: dict[str, Any] = {"accessToken": "none"}
        if operation == "CreateOAuth2Token":
            token = {"accessToken": keys}
        renewal = {"expiresIn": 3600, "refreshToken": "none"}
        metadata = {"Version": 1, "Code": "Success", "Token": "none"}  # or a process
        return json.dumps(self._keys | sso | token | renewal | metadata)

    def metadata_http(self, _session: Any) -> SimpleNamespace:
        """Return an HTTP session that responds as a metadata service."""
        return SimpleNamespace(send=self._metadata)

    def _metadata(self, request: Any) -> AWSResponse:
        url = urlsplit(request.url)
        # An instance's service returns a token and the role's name before the credentials.
        if url.path.endswith(("/api/token", "/security-credentials/")):
            return _response(request, "rehearsal")
        self.calls.append(f"GET {url.scheme}://{url.hostname}")
        return _response(request, self._json())

    def process(self, command: list[str], **_: Any) -> SimpleNamespace:
        """Return a process that prints credentials. Raises IndexError for an empty command."""
        self.calls.append(f"credential_process: {program(quote(command[0]))}")
        printed = self._json().encode()
        return SimpleNamespace(returncode=0, communicate=lambda: (printed, b""))


class _ReportedRoles(RoleCache):
    """The AWS CLI's cache of assumed roles, which reports the sessions that are used from it."""

    def __init__(self, calls: list[str], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._calls = calls
        self._reports: dict[str, str] = {}

    def __getitem__(self, key: str) -> Any:
        document = super().__getitem__(key)
        if document is not EXPIRED_SESSION and key not in self.written and key not in self._reports:
            expiry = parse(document["Credentials"]["Expiration"]).astimezone(UTC)
            self._reports[key] = f"cached session until {expiry:%H:%M} UTC"
            self._calls.append(self._reports[key])
        return document

    def save(self, key: str, _document: Any) -> None:
        """Write nothing. If the cache has the session, it ends too soon to be used."""
        report = self._reports.pop(key, None)
        if report:
            self._calls.remove(report)


def _response(request: Any, body: str) -> AWSResponse:
    raw: Any = HTTPResponse(BytesIO(body.encode()), preload_content=False)
    return AWSResponse(request.url, 200, HTTPHeaders(), raw)
