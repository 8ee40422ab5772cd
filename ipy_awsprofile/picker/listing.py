"""The profiles that the views list, and the version of the list that the user saw."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from operator import is_
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.profiles import list_profiles
from ipy_awsprofile.config.sign_ins import sign_ins
from ipy_awsprofile.errors import AwsProfileError, ConfigFileError, SignInRequired
from ipy_awsprofile.picker.person_at_view import Answer, SignInsAtViews, errors_shown
from ipy_awsprofile.text import quoted

if TYPE_CHECKING:
    from ipy_awsprofile.config.profiles import Profile
    from ipy_awsprofile.picker.messages import RolesCommand
    from ipy_awsprofile.sessions.assigned_roles import AssignedRole
    from ipy_awsprofile.switch.switcher import Switcher


class Listing:
    """The profiles in the shared files, read again when a view opens its list or sends a choice."""

    def __init__(self, switcher: Switcher) -> None:
        self._switcher = switcher
        self._profiles: list[Profile] = []
        self._protected: tuple[str, ...] = ()
        self._roles: list[AssignedRole] = []
        #: The number of times the list has changed; 0 before the first read.
        self.version = 0
        #: The profiles as JSON, for a message's buffer.
        self.rows = b""
        #: The sign-ins with roles that haven't been listed yet; see `config.sign_ins`.
        self.sign_ins: list[str] = []
        #: When the roles of the other sign-ins were listed, in ISO 8601.
        self.listed_at: dict[str, str] = {}

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to choose."""
        return not self._profiles and not self._roles

    def read(self) -> int:
        """Read the files, and return the version. Raises ConfigFileError."""
        try:
            profiles = list_profiles()
            times = _listing_times()
        except ConfigFileError as error:
            # The view has no cell to run again.
            error.hint = f"Correct the file (`{error.path.name}`), then open the list again."
            raise
        self.sign_ins = [name for name, time in times.items() if not time]
        self.listed_at = {name: time for name, time in times.items() if time}
        protected = self._switcher.protection.protected
        # Profiles are strings and equal if their names are, so compare the objects. Unchanged files
        # have the same objects.
        roles = _roles_without_profile() if self.listed_at else []
        same = (
            roles == self._roles
            and len(profiles) == len(self._profiles)
            and all(map(is_, profiles, self._profiles))
        )
        if self.version and same and protected == self._protected:
            return self.version
        self._profiles, self._protected, self._roles = profiles, protected, roles
        table = rows(profiles, self._switcher.protection.is_protected, roles)
        if not self.version or table != self.rows:
            self.version += 1
            self.rows = table
        return self.version


def _roles_without_profile() -> list[AssignedRole]:
    """Return the listed roles of IAM Identity Center that don't have a profile."""
    from ipy_awsprofile.sessions.assigned_roles import known_roles_without_profile  # slow to import

    return known_roles_without_profile()


def _listing_times() -> dict[str, str]:
    """Return when the roles of each sign-in were listed, in ISO 8601; "" if they aren't cached."""
    by_name = sign_ins(read_config())
    if not by_name:
        return {}
    from ipy_awsprofile.sessions.assigned_roles import complete_list  # slow to import

    lists = {name: complete_list(sign_in) for name, sign_in in by_name.items()}
    return {name: roles.listed_at.isoformat() if roles else "" for name, roles in lists.items()}


#: Marks a role of IAM Identity Center that has no profile.
NOT_A_PROFILE = "no profile yet"


def rows(
    profiles: Iterable[Profile],
    is_protected: Callable[[str], bool],
    roles: Iterable[AssignedRole] = (),
) -> bytes:
    """Return the profiles as JSON, each an array with the columns of ``view/messages.js``.

    ``roles``, from IAM Identity Center, come last, with the account's name as their source. The
    JSON is sent in a buffer, so that front ends don't parse or copy it.
    """
    table = [
        [
            profile.name,
            profile.kind,
            profile.account or "",
            profile.role or "",
            profile.source or "",
            profile.region or "",
            int(profile.mfa_serial is not None),
            int(is_protected(profile.name)),
        ]
        for profile in profiles
    ]
    table += [
        [
            *(role.name, NOT_A_PROFILE, role.account.id, role.role, role.account.name, "", 0),
            int(is_protected(role.name)),
        ]
        for role in roles
    ]
    return json.dumps(table, ensure_ascii=False, separators=(",", ":")).encode()


#: The minimum number of seconds between two progress messages.
_PAUSE = 0.1


def list_roles(
    answer: Answer, sign_ins: SignInsAtViews, view: Any, command: RolesCommand
) -> threading.Thread:
    """List the roles in a thread; show the progress, an error, or where to sign in first."""
    # The kernel doesn't wait for the thread when it exits.
    arguments = (answer, sign_ins, view, command)
    thread = threading.Thread(target=_list, args=arguments, name="list-roles", daemon=True)
    thread.start()
    return thread


def _list(answer: Answer, sign_ins: SignInsAtViews, view: Any, command: RolesCommand) -> None:
    from ipy_awsprofile.config.target import sign_in_target
    from ipy_awsprofile.sessions.assigned_roles import list_assigned_roles

    sso, shown = command["sso"], 0.0

    def report(listed: int, accounts: int) -> None:
        nonlocal shown
        if listed == accounts or time.monotonic() - shown > _PAUSE:
            shown = time.monotonic()
            answer(view, {"type": "progress", "listed": listed, "accounts": accounts})

    with errors_shown(answer, view):
        try:
            roles = list_assigned_roles(sso, fresh=command.get("fresh", False), report=report)
        except SignInRequired:
            device_code = command.get("device_code") is True
            sign_ins.show(view, sign_in_target(sso), device_code=device_code)
            return
        if all(role.profile for role in roles):
            raise AwsProfileError(
                f"The sign-in `{sso}` has no roles without a profile.",
                f"`%aws_profiles --sso {quoted(sso)}` lists its roles.",
            )
        answer(view, {"type": "listed", "sso": sso})
