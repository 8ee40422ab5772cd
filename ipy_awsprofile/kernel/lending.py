"""Lend sessions to child processes and to libraries in other languages.

A server in the kernel, on loopback, responds in the container credentials format. Each session has
an address and a token, so a child process keeps the identity that it was started with. Environment
variables contain the address and the path of the token's file, and no secret.

If renewing a session can prompt the user, SDKs would give up after seconds. So the config file for
child processes names a ``credential_process``, which waits for the answer. Libraries that don't run
one use the address.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
"""

from __future__ import annotations

import atexit
import hmac
import json
import re
import secrets
import shlex
import sys
import tempfile
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from itertools import count
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from ipy_awsprofile.config.files import (
    ENCODING,
    FileVersion,
    profile_in,
    read_credentials,
    version_of,
)
from ipy_awsprofile.config.names import Arn
from ipy_awsprofile.config.private import (
    StaysInProcess,
    read_file,
    remove_folder,
    replace_file,
    require_private,
)
from ipy_awsprofile.config.settings import CREDENTIALS, KEYS
from ipy_awsprofile.config.user_environment import user_environment
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.sessions.loopback import LoopbackServer
from ipy_awsprofile.sessions.portable import lent_document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ipy_awsprofile.config.target import Target
    from ipy_awsprofile.gate import Label
    from ipy_awsprofile.sessions.session import ProfileSession

#: The largest config file to copy, in bytes: about 50,000 profiles.
_LARGEST = 5_000_000

#: How many sessions stay lent when their profiles aren't active. The oldest is dropped first.
_MOST = 64

_SECRET = re.compile(rf"^\s*({'|'.join(map(re.escape, sorted(KEYS)))})\s*[=:]", re.M | re.I)


class _Lent(NamedTuple):
    label: Label
    session: ProfileSession
    token: str

    def __repr__(self) -> str:
        return f"<{self.label.name}>"


class Lending(StaysInProcess):
    """A server that lends sessions to this user's processes until the kernel ends.

    ``shown`` returns the labels of the profiles that are active now or after a block, whose
    sessions are never dropped. Raises OSError if it can't create a folder or use the loopback
    address.
    """

    def __init__(self, shown: Callable[[], Iterable[Label]]) -> None:
        self._shown = shown
        self._lock = Lock()
        self._numbers = count(1)
        self._lent: dict[str, _Lent] = {}  # by path
        self._copied: dict[str, FileVersion | None] = {}  # the config file, by path
        self._folder = _new_folder()
        self._server = LoopbackServer(LendingRequest, self)
        atexit.register(self.close)

    def close(self) -> None:
        """Stop lending and remove all files. A forked child of the kernel doesn't."""
        atexit.unregister(self.close)
        if self._server.end():
            remove_folder(self._folder)

    def variables(self, session: ProfileSession, label: Label) -> dict[str, str | None]:
        """Lend a session, and return the variables with which child processes use it.

        A lent identity keeps its address. Raises OSError.
        """
        with self._lock:
            path = self._path_of(label) or f"/{next(self._numbers)}"
            before = self._lent.pop(path, None)
            token = before.token if before else secrets.token_hex(32)
            self._lent[path] = _Lent(label, session, token)
            shown = [label, *self._shown()]
            others = [path for path in self._lent if self._lent[path].label not in shown]
            for former in others[:-_MOST]:
                del self._lent[former]
                remove_folder(self._folder / former[1:])
            try:
                require_private(self._folder)
            except OSError:  # a cleanup has removed it, and another user can have its name now
                self._folder = _new_folder()
        folder = self._folder / path[1:]
        if not (folder / "token").exists():  # it is new, or a cleanup has removed it
            replace_file(folder / "token", token.encode())
        target = session.target
        lent: dict[str, str | None] = {
            "AWS_CONFIG_FILE": user_environment().get("AWS_CONFIG_FILE"),
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{self._server.port}{path}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(folder / "token"),
            "AWS_REGION": session.region_name,
            "AWS_DEFAULT_REGION": None,
            "AWS_PROFILE": target.name,
        }
        copied = _text_to_copy(target.config.paths.config)
        if target.resolves_by_name and not (target.may_prompt and copied is not None):
            # A Region of the profile needs no variable, which would hide other profiles' Regions.
            if target.profile.region != session.region_name:
                lent["AWS_DEFAULT_REGION"] = session.region_name
            return lent
        name = self._write_config(session, path, copied or "")
        return lent | {"AWS_CONFIG_FILE": str(folder / "config"), "AWS_PROFILE": name}

    def _write_config(self, session: ProfileSession, path: str, copied: str) -> str:
        """Write the config file for child processes. Return the name of the session's profile."""
        target = session.target
        self._copied[path] = version_of(target.config.paths.config)
        name = _name_for(target)
        settings = _settings_for(session)
        if target.may_prompt:
            settings["credential_process"] = self._process_for(path)
        text = _without_profile(copied, name) + _section(name, settings)
        file = self._folder / path[1:] / "config"
        replace_file(file, text.encode(ENCODING))
        file.chmod(0o400)  # `aws configure` would change a copy that isn't kept
        return name

    def copy_again(self, session: ProfileSession, label: Label) -> bool:
        """Copy the config file again for a lent session if it has changed.

        Return whether child processes have a copy. Raises OSError.
        """
        path = self._path_of(label)
        if path is None or path not in self._copied:
            return False
        file = session.target.config.paths.config
        if self._copied[path] != version_of(file):
            self._write_config(session, path, _text_to_copy(file) or "")
        return True

    def _path_of(self, label: Label) -> str | None:
        paths = (path for path, lent in self._lent.items() if lent.label == label)
        return next(paths, None)

    def _process_for(self, path: str) -> str:
        """Return the command that waits for a session's credentials, as SDKs split it."""
        program = Path(__file__).with_name("lent_credentials.py")
        token = self._folder / path[1:] / "token"
        # Isolated from the user's variables and packages, Python starts in half the time. SDKs read
        # its messages as UTF-8.
        return f'"{sys.executable}" -I -S -X utf8 "{program}" {self._server.port} {path} "{token}"'

    def session_at(self, path: str, token: str) -> ProfileSession | None:
        """Return the session that is lent at a path, or None if the path or the token is wrong."""
        with self._lock:
            lent = self._lent.get(path)
            if not lent or not hmac.compare_digest(token.encode(), lent.token.encode()):
                return None
            self._lent[path] = self._lent.pop(path)  # the most recently used one is last
        return lent.session

    def answer(self, session: ProfileSession) -> tuple[HTTPStatus, dict[str, str]]:
        """Return the status and the document for a request."""
        try:
            return HTTPStatus.OK, lent_document(session)
        except AwsProfileError as error:
            message = f"{error} {error.hint}".strip()
            return HTTPStatus.BAD_REQUEST, {"Code": type(error).__name__, "Message": message}


def _new_folder() -> Path:
    """Return a new folder for the files of child processes, which other users can't open."""
    return Path(tempfile.mkdtemp(prefix="ipy-awsprofile-"))


class LendingRequest(BaseHTTPRequestHandler):
    """A request for credentials, which the server's owner answers."""

    timeout = 10
    server: LoopbackServer

    def do_GET(self) -> None:  # the base class requires this name
        """Send the session's credentials, or an error message."""
        token = self.headers.get("Authorization") or ""
        status = HTTPStatus.UNAUTHORIZED
        document: dict[str, Any] = {"Message": "The address or its token is wrong."}
        session = self.server.owner.session_at(self.path, token)
        if session:
            self.server.prove(self.connection)
            status, document = self.server.owner.answer(session)
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Do nothing, because standard error appears in the notebook's output."""


def _name_for(target: Target) -> str:
    """Return the name of a lent session's profile in the config file for child processes.

    It is the profile's own name if that means the same, unless the profile has another section in
    the credentials file. Otherwise, it is a new one, such as ``RoleBeta-in-kernel``, that all SDKs
    read as it is.
    """
    if target.resolves_by_name and target.name not in read_credentials(
        target.config.paths.credentials
    ):
        return target.name
    label = Arn.parse(target.name).role.rpartition("/")[2] or target.name
    name = f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', label).strip('-') or 'profile'}-in-kernel"
    while name in target.config.profiles:
        name += "-2"
    return name


def _text_to_copy(path: Path) -> str | None:
    """Return the text of the user's config file; None if it is very large or contains keys."""
    if not path.exists():
        return ""
    if path.stat().st_size >= _LARGEST:
        return None
    text = read_file(path).decode(ENCODING).replace("\r\n", "\n")
    return None if _SECRET.search(text) else text


def _without_profile(text: str, name: str) -> str:
    """Return the text of a config file without the section of a profile."""
    lines = []
    is_kept = True
    for line in text.splitlines(keepends=True):
        header = re.match(r"\[(.+)\]", line)
        if header:
            is_kept = profile_in(header[1]) != name
        if is_kept:
            lines.append(line)
    return "".join(lines)


def _settings_for(session: ProfileSession) -> dict[str, Any]:
    """Return a profile's settings without its credentials, and the session's Region.

    Without a ``credential_process``, SDKs go on to the container's credentials.
    """
    settings = {
        setting: value
        for setting, value in session.target.profile.settings.items()
        if setting not in CREDENTIALS and not setting.startswith("sso_")
    }
    if session.region_name:
        settings["region"] = session.region_name
    return settings


def _section(name: str, settings: Mapping[str, Any]) -> str:
    """Return a profile's section of a config file."""
    header = f"profile {shlex.quote(name)}"
    if name == "default":
        header = name
    lines = [f"\n[{header}]\n"]
    for setting, value in settings.items():
        if isinstance(value, dict) and value:
            lines.append(f"{setting} =\n")
            lines += (f"  {key} = {nested}\n" for key, nested in value.items())
        else:
            lines.append(f"{setting} = {value}\n")
    return "".join(lines)
