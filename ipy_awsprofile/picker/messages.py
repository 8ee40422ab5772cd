"""What the picker tells its JavaScript, as plain values for JSON.

Profiles, identities and errors travel as messages and never as synced traits: those would be saved
with the notebook.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.cards import cards

if TYPE_CHECKING:
    from ipy_awsprofile.bindings.leftovers import Leftover
    from ipy_awsprofile.config.profiles import Profile
    from ipy_awsprofile.config.request import SwitchRequest
    from ipy_awsprofile.errors import AwsProfileError
    from ipy_awsprofile.sessions.identity import Identity

Message = dict[str, Any]


def rows(profiles: Iterable[Profile], is_protected: Callable[[str], bool]) -> bytes:
    """Return the list as JSON, each profile an array in the order of the columns in picker.js.

    It goes beside the message as a buffer, which no front end looks into or copies.
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
    return json.dumps(table, ensure_ascii=False, separators=(",", ":")).encode()


def identity_message(
    identity: Identity | None,
    request: SwitchRequest | None,
    *,
    protected: bool = False,
    leftovers: Iterable[Leftover] = (),
    now: datetime | None = None,
) -> Message:
    """Say who the notebook works as, or that no profile is active.

    The browser counts down from ``left`` (seconds), since its clock may be another one.
    """
    if identity is None or request is None:
        return {"type": "identity", "identity": None}
    left = (identity.expiry - (now or datetime.now(UTC))) if identity.expiry else None
    return {
        "type": "identity",
        "identity": {
            "profile": identity.profile,
            "chain": list(identity.chain),
            "account": identity.account,
            "arn": identity.arn,
            "region": identity.region,
            "expires": f"{identity.expiry:%Y-%m-%d %H:%M:%S} UTC" if identity.expiry else None,
            "left": left.total_seconds() if left is not None else None,
            "variable": request.variable or None,
            "chosen_region": request.region,
            "protected": protected,
            "notes": [
                *([f"Access is {cards.READ_ONLY}."] if request.read_only else []),
                *map(cards.leftover_note, leftovers),
            ],
        },
    }


def error_message(error: AwsProfileError) -> Message:
    """Show an error with the card that the magic shows, in which every name is escaped."""
    return {"type": "error", "html": cards.error_card(error)._repr_html_()}
