"""Tab after ``--account``, ``--role`` and ``--sso``: what the sign-in's access portal lists.

Where that isn't known yet, it is asked for, but nobody is asked to sign in. Only the accounts, or
the roles of the account that is typed, are needed.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future

from ipy_awsprofile.errors import AwsProfileError

#: Seconds that Tab waits for AWS; later answers are available to the next Tab.
_PATIENCE = 2.0


def role_values(option: str, options: dict[str, str]) -> list[str]:
    """Return the values of an option, of which some others are typed already."""
    values: Future[list[str]] = Future()

    def ask() -> None:
        try:
            values.set_result(_values(option, options))
        except AwsProfileError:  # running the cell shows the error
            values.set_result([])

    threading.Thread(target=ask, name="Tab", daemon=True).start()
    try:
        return values.result(_PATIENCE)
    except TimeoutError:
        return []


def _values(option: str, options: dict[str, str]) -> list[str]:
    from ipy_awsprofile.config.config import read_config
    from ipy_awsprofile.config.sign_ins import find_sign_in, sign_ins
    from ipy_awsprofile.sessions.access_portal import AccessPortal
    from ipy_awsprofile.sessions.assigned_roles import account_id

    config = read_config()
    if option == "--sso":
        return list(sign_ins(config))
    portal = AccessPortal(find_sign_in(options.get("--sso"), config).name)
    if option == "--role":
        account = options.get("--account")
        return list(portal.roles(account_id(account, portal))) if account else []
    accounts = portal.accounts()
    return list(dict.fromkeys([*(one.name for one in accounts), *(one.id for one in accounts)]))
