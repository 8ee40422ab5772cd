"""The view's command that lists the roles of a sign-in; opening the list alone calls nobody.

The kernel stays free meanwhile.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.errors import AwsProfileError, SignInRequired
from ipy_awsprofile.picker.person_at_view import Answer, errors_shown, show_sign_in

if TYPE_CHECKING:
    from ipy_awsprofile.picker.messages import RolesCommand

#: Seconds between two messages about the progress.
_PAUSE = 0.1


def list_roles(answer: Answer, view: Any, command: RolesCommand) -> threading.Thread:
    """List the roles in a thread; show the progress, an error, or where to sign in first."""
    # The thread isn't waited for at the kernel's end.
    arguments = (answer, view, command)
    thread = threading.Thread(target=_list, args=arguments, name="list-roles", daemon=True)
    thread.start()
    return thread


def _list(answer: Answer, view: Any, command: RolesCommand) -> None:
    from ipy_awsprofile.config.target import sign_in_target
    from ipy_awsprofile.sessions.assigned_roles import list_assigned_roles

    sso, shown = command["sso"], 0.0

    def done(listed: int, count: int) -> None:
        nonlocal shown
        if listed == count or time.monotonic() - shown > _PAUSE:
            shown = time.monotonic()
            answer(view, {"type": "progress", "listed": listed, "accounts": count})

    with errors_shown(answer, view):
        try:
            roles = list_assigned_roles(sso, done=done)
        except SignInRequired:
            device_code = command.get("device_code") is True
            show_sign_in(answer, view, sign_in_target(sso), device_code=device_code)
            return
        if all(role.profile for role in roles):
            raise AwsProfileError(
                f"The sign-in of `{sso}` has no role that isn't a profile already.",
                f"`%aws_profiles --sso {sso}` lists its roles.",
            )
        answer(view, {"type": "listed", "sso": sso})
