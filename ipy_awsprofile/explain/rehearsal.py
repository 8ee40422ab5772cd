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
from functools import partial
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
from ipy_awsprofile.credentials.cli_caches import RoleCache
from ipy_awsprofile.credentials.mfa_prompt import device_of
from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.credentials.provider_chain import Outside
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.credentials.validation import parse_time
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.sessions.identity import who_am_i
from ipy_awsprofile.sessions.session import open_target


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a switch would call, in order, and the error that would end it, if any.

    ``calls`` has operations such as ``sts:AssumeRole``, cached sessions, prompts and commands.
    """

    calls: tuple[str, ...]
    error: AwsProfileError | None = None


def rehearse(target: Target) -> Rehearsal:
    """Rehearse an unattended switch to a target, and the creation of a client for Amazon S3."""
    simulation, error = _Simulation(), None
    try:
        with translated(target.names):
            person, outside = _Absent(calls=simulation.calls), simulation.outside()
            session = open_target(target, person=person, outside=outside)
            who_am_i(session)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Absent(Person):
    """A user who isn't there, with an MFA code that doesn't exist. No command runs."""

    calls: list[str]

    def code(self, question: str, target: Target, **_: Any) -> str:
        """Return a code, and record the command or the prompt."""
        device = device_of(question)
        prompt = "mfa_process" if target.mfa_process(device) else "MFA code"
        self.calls.append(f"{prompt} for {device}")
        return "000000"


class _Simulation:
    """Responds in place of AWS, processes and the user, and records what is called."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._expiry = datetime.now(UTC) + timedelta(hours=1)
        self._keys = _KEYS | {"Expiration": f"{self._expiry:%Y-%m-%dT%H:%M:%SZ}"}

    def outside(self) -> Outside:
        """Return the functions that provide the simulation to a session."""
        return Outside(
            prepare=self._prepare,
            role_cache=partial(_ReportedRoles, self.calls),
            write=lambda _path, _content: None,
            start=self._start,
            http=lambda _session: SimpleNamespace(send=self._metadata),
        )

    def _prepare(self, session: Any) -> None:
        """Make a botocore session's clients use the simulation, and no other service."""
        session.get_component("event_emitter").register_first("before-send", self._respond)
        # botocore has no public API for this. `defaults_mode = auto` reads the instance's Region,
        # and AWS_CSM_ENABLED sends a datagram for each call.
        internal, disabled = session._internal_components, {"AWS_EC2_METADATA_DISABLED": "true"}  # noqa: SLF001
        internal.lazy_register_component(
            "smart_defaults_factory",
            lambda: SmartDefaultsConfigStoreFactory(
                internal.get_component("default_config_resolver"),
                IMDSRegionProvider(session, environ=disabled),
            ),
        )
        create_monitor = session._create_csm_monitor  # noqa: SLF001
        internal.lazy_register_component("monitor", lambda: create_monitor() and None)

    def _respond(self, request: Any, event_name: str, **_: Any) -> AWSResponse:
        service, operation = event_name.split(".")[1:]
        self.calls.append(f"{service}:{operation}")
        is_sts = service == "sts"
        return _response(request, self._xml(operation) if is_sts else self._json(operation))

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
        token = {"accessToken": keys if operation == "CreateOAuth2Token" else "none"}
        renewal = {"expiresIn": 3600, "refreshToken": "none"}
        metadata = {"Version": 1, "Code": "Success", "Token": "none"}  # or a process
        return json.dumps(self._keys | sso | token | renewal | metadata)

    def _metadata(self, request: Any) -> AWSResponse:
        url = urlsplit(request.url)
        # An instance's service returns a token and the role's name before the credentials.
        if url.path.endswith(("/api/token", "/security-credentials/")):
            return _response(request, "rehearsal")
        self.calls.append(f"GET {url.scheme}://{url.hostname}")
        return _response(request, self._json())

    def _start(self, profile: str, _waiting: Any, command: list[str], **_: Any) -> SimpleNamespace:
        """Return a process that prints credentials. Raises IndexError for an empty command."""
        _program = command[0]
        self.calls.append(f"credential_process of `{profile}`")
        printed = self._json().encode()
        return SimpleNamespace(returncode=0, communicate=lambda: (printed, b""))


class _ReportedRoles(RoleCache):
    """The AWS CLI's cache of assumed roles, which reports the sessions that are used from it."""

    def __init__(self, calls: list[str], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._calls = calls
        self._reports: dict[str, str] = {}

    def _read(self, key: str) -> Any:
        document = super()._read(key)
        if key not in self._written:
            expiry = parse_time(document["Credentials"]["Expiration"])
            self._reports[key] = f"cached session until {expiry:%H:%M} UTC"
            self._calls.append(self._reports[key])
        return document

    def __setitem__(self, key: str, document: Any) -> None:
        if key in self._reports:  # the cached session ends too soon to be used
            self._calls.remove(self._reports.pop(key))
        super().__setitem__(key, document)


def _response(request: Any, body: str) -> AWSResponse:
    raw: Any = HTTPResponse(BytesIO(body.encode()), preload_content=False)
    return AWSResponse(request.url, 200, HTTPHeaders(), raw)
