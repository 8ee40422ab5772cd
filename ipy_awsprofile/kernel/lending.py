"""Serve the kernel's credentials to child processes and to libraries in other languages.

A server in the kernel listens on the loopback address and responds in the container credentials
format. Each session has an address and a token, so a child process keeps the identity that it was
started with. Environment variables contain the address and the path of the token's file, but not
the token.

SDKs wait only a few seconds for the server, which isn't enough if the renewal of a session prompts
the user. Therefore, the config file for child processes contains a ``credential_process`` that
waits for the user's answer. Libraries that don't support ``credential_process`` use the server's
address.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
"""

from __future__ import annotations

import atexit
import hmac
import json
import re
import secrets
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.config.files import (
    ENCODING,
    FileVersion,
    profile_in,
    read_credentials,
    version_of,
)
from ipy_awsprofile.config.names import IN_KERNEL
from ipy_awsprofile.config.private import (
    read_file,
    remove_folder,
    replace_file,
    require_private,
)
from ipy_awsprofile.config.saved import section_text
from ipy_awsprofile.config.settings import CREDENTIALS, KEYS
from ipy_awsprofile.config.user_environment import LENT, user_variable
from ipy_awsprofile.gate import PROCESS
from ipy_awsprofile.sessions.issuing import lent_document
from ipy_awsprofile.sessions.loopback import LoopbackServer

if TYPE_CHECKING:
    from ipy_awsprofile.config.target import Target
    from ipy_awsprofile.label import Label
    from ipy_awsprofile.sessions.session import ProfileSession

_SECRET = re.compile(rf"^\s*({'|'.join(map(re.escape, sorted(KEYS)))})\s*[=:]", re.M | re.I)


class CredentialServer(LoopbackServer):
    """A server that gives credentials to this user's processes until the kernel ends.

    Each path has a token, which a program reads from a file. The constructor raises OSError if the
    loopback address can't be used or a folder can't be created.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._fetchers: dict[str, Callable[[], Mapping[str, object]]] = {}  # by path
        self._folder = _new_folder()
        try:
            super().__init__(_CredentialRequest)
        except BaseException:
            remove_folder(self._folder)
            raise
        atexit.register(self.end)

    def lend(self, path: str, fetch: Callable[[], Mapping[str, object]]) -> dict[str, str]:
        """Return the environment variables that make SDKs use the credentials from ``fetch``.

        ``fetch`` returns credentials, or a ``Message`` that says why credentials aren't available.
        Raise OSError if a file can't be written.
        """
        self._fetchers[path] = fetch
        try:
            require_private(self._folder)
        except OSError:  # a cleanup has removed it, and another user can have its name now
            self._folder = _new_folder()
        token_file = self.folder_of(path) / "token"
        if not token_file.exists():  # it is new, or a cleanup has removed it
            replace_file(token_file, self._token_of(path).encode())
        url = f"http://127.0.0.1:{self.port}{path}"
        return dict(zip(LENT, (url, str(token_file)), strict=True))

    def folder_of(self, path: str) -> Path:
        """Return the folder that contains the files for a path on the server."""
        return self._folder / path[1:]

    def fetcher_at(self, path: str, token: str) -> Callable[[], Mapping[str, object]] | None:
        """Return the function that gets a path's credentials, or None for a wrong path or token."""
        is_right = hmac.compare_digest(token.encode(), self._token_of(path).encode())
        return self._fetchers.get(path) if is_right else None

    def _token_of(self, path: str) -> str:
        return hmac.digest(self._key, path.encode(), "sha256").hex()

    def end(self) -> bool:
        """Stop the server and remove all files.

        In a forked child of the kernel, do nothing and return False.
        """
        atexit.unregister(self.end)
        is_own = super().end()
        if is_own:
            remove_folder(self._folder)
        return is_own


def _new_folder() -> Path:
    """Create a private folder for the files of child processes, and return its path."""
    return Path(tempfile.mkdtemp(prefix="ipy-awsprofile-"))


class _CredentialRequest(BaseHTTPRequestHandler):
    timeout = 10
    server: CredentialServer

    def do_GET(self) -> None:  # the base class requires this name
        """Send credentials or an error message."""
        status = HTTPStatus.UNAUTHORIZED
        document: Mapping[str, object] = {"Message": "The address or its token is wrong."}
        fetch = self.server.fetcher_at(self.path, self.headers.get("Authorization") or "")
        if fetch:
            self.server.prove(self.connection)
            document = fetch()
            status = HTTPStatus.BAD_REQUEST if "Message" in document else HTTPStatus.OK
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Do nothing. Standard error, to which Python would write, is the notebook's output."""


class Lending(CredentialServer):
    """Serves the credentials of sessions to child processes.

    Each identity keeps its address on the server.
    """

    def __init__(self) -> None:
        super().__init__()
        self._paths: dict[Label, str] = {}
        #: The versions of the config file and of its copy.
        self._copied: dict[Label, tuple[FileVersion | None, FileVersion | None]] = {}

    def variables(self, session: ProfileSession, label: Label) -> dict[str, str | None]:
        """Return the environment variables with which child processes use a session's credentials.

        Raise OSError if a file can't be written.
        """
        path = self._paths.setdefault(label, f"/{len(self._paths) + 1}")
        target = session.target
        lent: dict[str, str | None] = {
            **self.lend(path, partial(_lent_document, session, label)),
            "AWS_CONFIG_FILE": user_variable("AWS_CONFIG_FILE"),
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
        name = self._write_config(session, label, copied or "")
        config = str(self.folder_of(path) / "config")
        return lent | {"AWS_CONFIG_FILE": config, "AWS_PROFILE": name}

    def _write_config(self, session: ProfileSession, label: Label, copied: str) -> str:
        """Write the config file for child processes. Return the name of the session's profile."""
        target = session.target
        path = self._paths[label]
        version = version_of(target.config.paths.config)
        name = _name_for(target)
        settings = _settings_for(session)
        if target.may_prompt:
            settings["credential_process"] = self._process_for(path)
        text = f"{_without_profile(copied, name)}\n{section_text(name, settings)}"
        file = self.folder_of(path) / "config"
        replace_file(file, text.encode(ENCODING))
        file.chmod(0o400)  # `aws configure` would change a copy that isn't kept
        self._copied[label] = version, version_of(file)
        return name

    def copy_again(self, session: ProfileSession, label: Label) -> bool:
        """Copy the user's config file for a session again if the file or its copy has changed.

        The superuser can change the copy, although it is read-only.

        Return whether the session's child processes use a copy. Raise OSError if a file can't be
        written.
        """
        if label not in self._copied:
            return False
        file = session.target.config.paths.config
        copy = self.folder_of(self._paths[label]) / "config"
        if self._copied[label] != (version_of(file), version_of(copy)):
            self._write_config(session, label, _text_to_copy(file) or "")
        return True

    def _process_for(self, path: str) -> str:
        """Return the command that waits for a session's credentials, quoted for SDKs."""
        program = Path(__file__).with_name("lent_credentials.py")
        token = self.folder_of(path) / "token"
        # Isolated from the user's variables and packages, Python starts in half the time. SDKs read
        # its messages as UTF-8.
        return f'"{sys.executable}" -I -S -X utf8 "{program}" {self.port} {path} "{token}"'


def _lent_document(session: ProfileSession, label: Label) -> dict[str, object]:
    PROCESS.note_lent(label)
    return lent_document(session)


def _name_for(target: Target) -> str:
    """Return the name of a session's profile in the config file for child processes.

    The result is the profile's own name if this name is enough to get the session's credentials and
    the credentials file doesn't contain a section for the profile. In all other cases, the result
    is a new name with characters that all SDKs accept, such as ``RoleBeta-in-kernel``.
    """
    others = read_credentials(target.config.paths.credentials)
    if target.resolves_by_name and target.name not in others:
        return target.name
    return f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', target.name)}{IN_KERNEL}"


def _text_to_copy(path: Path) -> str | None:
    """Return the text of the user's config file, or None if the file contains keys."""
    if not path.exists():
        return ""
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
    """Return a profile's settings, without credentials but with the session's Region.

    If the settings don't contain a ``credential_process``, SDKs use the container credentials.
    """
    settings = {
        setting: value
        for setting, value in session.target.profile.settings.items()
        if setting not in CREDENTIALS and not setting.startswith("sso_")
    }
    if session.region_name:
        settings["region"] = session.region_name
    return settings
