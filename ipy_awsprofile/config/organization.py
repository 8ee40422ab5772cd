"""Read the organization's policy, TOML files with limits that notebooks can only make stricter.

The policy prevents accidents. The policy isn't a security boundary, because code in a kernel can do
everything that the user can do. Use IAM permissions as the security boundary.

If several policy files exist, every file must allow an action, and the strictest value of a setting
applies. A policy file is read again after a change. While a policy file is invalid, no session can
be opened.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from ipy_awsprofile.config.files import FileVersion, version_of
from ipy_awsprofile.config.names import alternatives, fits
from ipy_awsprofile.config.organization_keys import ALLOW, KEYS, STALE, all_keys
from ipy_awsprofile.config.private import read_file
from ipy_awsprofile.errors import ConfigFileError, NotAllowed
from ipy_awsprofile.text import choice_of, listed, misspelled, one_line

#: The variable with the path of one more file, for containers.
VARIABLE = "IPY_AWSPROFILE_POLICY"

#: How similar a key must be to a known key to be a misspelling of its name.
_LIKE_KEY = 0.7

_NAME = Path("ipy_awsprofile", "policy.toml")

#: The environment's folder when the package is imported.
_PREFIX = Path(sys.prefix)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFile:
    """The values in one file of the organization's policy.

    If a key isn't in the file, its attribute is None. ``duration`` and ``window`` are in seconds. A
    ``window`` of 0 means that the user can't open write windows.
    """

    path: Path
    protected: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()
    session_name: str | None = None
    stale: str | None = None
    duration: int | None = None
    share: bool = True
    window: int | None = None
    write: bool = True
    save: bool = True
    console: bool = True
    long_term_keys: bool = True
    variable: bool = True
    accounts: tuple[str, ...] | None = None
    audit: Path | None = None
    contact: str | None = None

    @property
    def origin(self) -> str:
        """The sentences that name the policy file and the person to ask for a change."""
        whom = self.contact or "the administrator of this machine"
        return f"This limit is set in `{self.path}`. To change the limit, ask {whom}."

    def refusal(self, problem: str) -> NotAllowed:
        """Return the exception for an action that this policy file doesn't allow."""
        return NotAllowed(problem, self.origin)

    @property
    def is_changeable(self) -> bool:
        """Whether the kernel's user can change the file and so bypass its limits."""
        if sys.platform == "win32":  # whose `access` doesn't look at permissions
            try:
                with self.path.open("r+b"):
                    return True
            except OSError:
                return False
        if any(os.access(path, os.W_OK) for path in (self.path, self.path.parent)):
            return True
        is_own = self.path.stat().st_uid == os.geteuid()
        # The owner could allow writing, unless nobody can write there.
        return is_own and not os.statvfs(self.path).f_flag & os.ST_RDONLY

    def rows(self) -> list[tuple[str, str]]:
        """Return the keys that the policy file sets, with their values as strings for display."""
        rows: list[tuple[str, str]] = []
        for name, key in all_keys():
            value = getattr(self, key.field)
            if value != key.default:
                rows.append((name, _shown(value)))
        return rows


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return "none" if value == 0 else str(timedelta(seconds=value))
    return one_line(value, 200)


@dataclass(frozen=True, slots=True)
class OrganizationPolicy:
    """The files of the organization's policy. If no file exists, the policy sets no limits."""

    files: tuple[PolicyFile, ...] = ()

    def patterns(self, name: str) -> tuple[str, ...]:
        """Return the patterns for ``protected`` or ``read_only`` from all policy files."""
        return tuple(pattern for file in self.files for pattern in getattr(file, name))

    def require(self, allowance: str, what: str) -> None:
        """Raise NotAllowed if a policy file doesn't allow an action, such as ``share``."""
        for file in self.files:
            if getattr(file, allowance) in (False, 0):
                raise file.refusal(f"The organization's policy doesn't allow {what}.")

    def allows(self, allowance: str) -> bool:
        """Return whether every policy file allows an action, such as ``write``."""
        return all(getattr(file, allowance) not in (False, 0) for file in self.files)

    def require_account(self, account: str, name: str) -> None:
        """Raise NotAllowed if a policy file doesn't allow the account of a profile or role.

        A file that sets ``accounts`` doesn't allow an unknown account, for which ``account`` is an
        empty string.
        """
        for file in self.files:
            if file.accounts is None:
                continue
            patterns = [part for pattern in file.accounts for part in alternatives(pattern)]
            if not account or not fits(patterns, account):
                where = f"in the account {account}" if account else "in an unknown account"
                raise file.refusal(
                    f"`{name}` is {where}, and the organization's policy allows only accounts "
                    f"that match {listed(file.accounts)}."
                )

    @property
    def limits_accounts(self) -> bool:
        """Whether the policy's limits depend on the account."""
        return any(file.accounts is not None or file.read_only for file in self.files)

    @property
    def session_name(self) -> str | None:
        """The required role session name from the first policy file that sets it, or None."""
        file = self.file_with("session_name")
        return file.session_name if file else None

    def require_session_name(self, asked: str | None) -> None:
        """Raise NotAllowed if ``asked`` isn't the role session name that the policy requires."""
        file = self.file_with("session_name")
        if file and asked not in (None, file.session_name):
            raise file.refusal(
                "The organization's policy allows only the role session name "
                f"`{file.session_name}`."
            )

    def strictest(self, name: str) -> PolicyFile | None:
        """Return the policy file with the shortest ``duration`` or ``window``, or None."""
        having = [file for file in self.files if getattr(file, name) is not None]
        return min(having, key=lambda file: getattr(file, name), default=None)

    def require_at_most(self, name: str, seconds: int, what: str) -> None:
        """Raise NotAllowed if a time is longer than the policy's ``duration`` or ``window``."""
        file = self.strictest(name)
        if file is None:
            return
        longest = getattr(file, name)
        if seconds > longest:
            raise file.refusal(
                f"The organization's policy allows {what} for at most {_shown(longest)}, not for "
                f"{_shown(seconds)}."
            )

    def at_most(self, name: str, seconds: int) -> int:
        """Return ``seconds``, limited to the policy's shortest ``duration`` or ``window``."""
        file = self.strictest(name)
        return min(seconds, getattr(file, name)) if file else seconds

    def stale(self, asked: str) -> str:
        """Return the strictest of ``asked`` and the policy files' values for ``stale``."""
        return max([asked, *(file.stale or "allow" for file in self.files)], key=STALE.index)

    def file_with(self, name: str) -> PolicyFile | None:
        """Return the first policy file that sets a key, or None."""
        return next((file for file in self.files if getattr(file, name)), None)

    @property
    def audits(self) -> tuple[Path, ...]:
        """The audit files to which the package writes every event."""
        paths = (file.audit for file in self.files if file.audit)
        return tuple(dict.fromkeys(paths))


def advice_to_write(instead: str) -> str:
    """Return ``instead``, or a sentence about the policy if it doesn't allow ``--write``."""
    return why_not_to_write() or instead


def why_not_to_write() -> str:
    """Return a sentence that says that the policy doesn't allow ``--write``, or an empty string."""
    try:
        files = read_policy().files
    except ConfigFileError:  # which every switch raises
        return ""
    for file in files:
        if not file.write:
            return f"The organization's policy doesn't allow `--write`. {file.origin}"
    return ""


def about_policy() -> str:
    """Return text for a magic's help that lists the keys in the policy, or an empty string."""
    try:
        files = read_policy().files
    except ConfigFileError as error:
        return str(error)
    sets = []
    for file in files:
        names = ", ".join(name for name, _ in file.rows())
        sets.append(f"The organization's policy in {file.path} sets {names or 'no limits'}. ")
    if not sets:
        return ""
    return f"{''.join(sets)}`%aws_profile --explain` shows the values."


# The files ----------------------------------------------------------------------------------------


def policy_files() -> list[Path]:
    """Return the paths of the policy's files, whether or not they exist.

    The package uses the value that the environment variable had at the start of the process, so a
    notebook can't choose a different file. If the environment variable is set, the file that it
    names must exist. Tests replace this function.
    """
    return [_system_folder() / _NAME, _PREFIX / "etc" / _NAME, *_inherited()]


@cache
def _system_folder() -> Path:
    """Return the system's folder for settings, independently of environment variables."""
    if sys.platform == "win32":
        import ctypes

        common_appdata = 0x23  # https://learn.microsoft.com/en-us/windows/win32/shell/csidl
        buffer = ctypes.create_unicode_buffer(260)
        ctypes.windll.shell32.SHGetFolderPathW(None, common_appdata, None, 0, buffer)
        return Path(buffer.value)
    return Path("/etc")


@cache
def _inherited() -> tuple[Path, ...]:
    """Return the path that the environment variable contained when the process started.

    On Windows, return the value at the first call, because Windows doesn't keep the initial value.
    """
    value = os.environ.get(VARIABLE, "")
    if sys.platform != "win32":
        with suppress(OSError):
            value = _variable_at_start()
    return (Path(value).absolute(),) if value else ()


def has_variable_of_notebook() -> bool:
    """Return whether code has set the variable to a path that the process hasn't inherited."""
    value = os.environ.get(VARIABLE)
    return bool(value) and (Path(str(value)).absolute(),) != _inherited()


def _variable_at_start() -> str:
    environ = Path("/proc/self/environ")
    if environ.exists():
        begin = os.fsencode(f"{VARIABLE}=")
        for entry in environ.read_bytes().split(b"\0"):
            if entry.startswith(begin):
                return os.fsdecode(entry.removeprefix(begin))
        return ""
    import psutil  # macOS has no folder /proc

    try:
        return str(psutil.Process().environ().get(VARIABLE, ""))
    except psutil.Error as error:
        raise OSError(str(error)) from error


def read_policy() -> OrganizationPolicy:
    """Return the organization's current policy.

    Raise ConfigFileError if a policy file is invalid.
    """
    inherited = _inherited()
    files: list[PolicyFile] = []
    for path in dict.fromkeys(policy_files()):
        version = version_of(path)
        if version or path in inherited:
            files.append(_read(path, version))
    return OrganizationPolicy(tuple(files))


def strictest_patterns(name: str) -> tuple[str, ...]:
    """Return the policy's patterns for ``protected`` or ``read_only``, for display.

    If a policy file is invalid, return a pattern that matches all profiles.
    """
    try:
        return read_policy().patterns(name)
    except ConfigFileError:
        return ("*",)


def strictest_stale(asked: str) -> str:
    """Return the stricter of ``asked`` and the policy's value for the setting ``stale``."""
    try:
        return read_policy().stale(asked)
    except ConfigFileError:
        return STALE[-1]


#: The settings of a notebook that the policy can tighten.
SETTINGS = ("protected", "read_only", "session_name", "stale", "share")


def setting_with_policy(name: str, asked: Any) -> tuple[Any, str]:
    """Return the value of a setting: the notebook's value, or a stricter value from the policy.

    The second result is a sentence that says which value the policy enforces, or an empty string.
    """
    try:
        policy = read_policy()
    except ConfigFileError:  # which every switch raises
        return asked, ""
    kept, file = _kept(policy, name, asked)
    if file is None:
        return asked, ""
    shown = kept
    if isinstance(kept, list):
        shown = ", ".join(pattern for pattern in kept if pattern not in asked)
    return kept, f"The organization's policy keeps `{name}` at `{shown}`. {file.origin}"


def _kept(policy: OrganizationPolicy, name: str, asked: Any) -> tuple[Any, PolicyFile | None]:
    """Return the allowed value, and the policy file that changes the notebook's value (or None)."""
    match name:
        case "protected" | "read_only":
            missing = [pattern for pattern in policy.patterns(name) if pattern not in asked]
            file = next(
                (each for each in policy.files if {*getattr(each, name)} & {*missing}), None
            )
            return [*missing, *asked], file
        case "share":
            refusing = next((each for each in policy.files if not each.share), None)
            return (False, refusing) if asked and refusing else (asked, None)
        case "session_name":
            file = policy.file_with(name)
            if file and asked != file.session_name:
                return file.session_name, file
        case _:
            kept = policy.stale(asked)
            if kept != asked:
                return kept, next(each for each in policy.files if each.stale == kept)
    return asked, None


def warnings_about_policy() -> list[str]:
    """Return a warning for each policy file that the kernel's user can change."""
    try:
        files = read_policy().files
    except ConfigFileError:  # which every switch raises
        return []
    return [
        f"You can change the organization's policy `{file.path}`, so it doesn't restrict you."
        for file in files
        if file.is_changeable
    ]


@lru_cache(maxsize=8)
def _read(path: Path, _version: FileVersion | None) -> PolicyFile:
    return read_policy_file(path)


def read_policy_file(path: Path) -> PolicyFile:
    """Return the values in a policy file. Raise ConfigFileError if the file is invalid."""
    import tomllib  # loading the extension needs it only if there is a policy

    try:
        content = read_file(path)
    except OSError as error:
        raise _wrong(path, f"The file can't be read: {error.strerror}.") from None
    try:
        text = content.decode()
        document = tomllib.loads(text)
    except UnicodeDecodeError:
        raise _wrong(path, "Save the file as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        problem, _, where = str(error).partition(" (at ")
        line = re.match(r"line (\d+)", where)
        raise _wrong(path, f"{problem}.", int(line[1]) if line else None) from None
    values: dict[str, Any] = {}
    for table, written in _tables(document):
        keys = KEYS[table]
        for name, value in written.items():
            if name not in keys:
                raise _unknown(path, text, table, name)
            key = keys[name]
            try:
                values[key.field] = key.parse(value)
            except ValueError as error:
                problem = f"`{name}` must be {error}."
                raise _wrong(path, problem, _line_of(text, table, name)) from None
    return PolicyFile(path=path, **values)


def _tables(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield a policy file's top-level keys, and the keys of its table ``allow``."""
    allow = document.get(ALLOW)
    if isinstance(allow, dict):
        yield "", {name: value for name, value in document.items() if name != ALLOW}
        yield ALLOW, allow
    else:
        yield "", document


def _unknown(path: Path, text: str, table: str, name: str) -> ConfigFileError:
    """Return an error about an unknown key that suggests a similar key or the right table."""
    hint = ""
    close = misspelled(name, [*KEYS[table], *filter(None, KEYS)], _LIKE_KEY)
    if close:
        hint = f"Did you mean {choice_of(close)}?"
    if name == ALLOW:
        hint = f"Write the table [{ALLOW}] below the other keys."
    for other, keys in KEYS.items():
        if name in keys:
            hint = f"Write this key above [{ALLOW}]."
            if other:
                hint = f"Write this key below [{other}]."
    known = f"The valid keys are {', '.join(KEYS[table])}."
    shown = one_line(name, 40)
    problem = f"The organization's policy can't contain the key `{shown}`. {hint or known}"
    return _wrong(path, problem, _line_of(text, table, name))


def _line_of(text: str, table: str, name: str) -> int | None:
    """Return the line number of a key in a table or of a table's header, or None."""
    current = ""
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line)
        if header and "=" not in line.partition("#")[0].partition("]")[0]:
            current = header[1].strip("\"'")
            if not table and current.partition(".")[0] == name:
                return number
        elif current == table and re.match(rf"""\s*["']?{re.escape(name)}["']?\s*[.=]""", line):
            return number
    return None


def _wrong(path: Path, problem: str, line: int | None = None) -> ConfigFileError:
    """Return the exception to raise when a session is opened while a policy file is invalid."""
    hint = (
        "Ask the administrator of this machine to correct this file of the organization's policy. "
        "You can't open a session until the file is corrected. `ipy-awsprofile policy FILE` "
        "checks a policy file."
    )
    return ConfigFileError(path, problem, line, hint=hint)
