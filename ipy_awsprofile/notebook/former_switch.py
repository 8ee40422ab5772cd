"""Say on the card what an earlier switch had and the new switch lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ipy_awsprofile.config.request import (
    SessionRequest,
    SwitchRequest,
    arguments,
    python_arguments,
)
from ipy_awsprofile.follower import Leftover


def about_former_variable(former: SwitchRequest, namespace: Mapping[str, object]) -> Leftover:
    """Return a note about the session's previous variable after ``--as`` names a new variable."""
    name = former.variable
    says = "was removed"
    if name in namespace:
        says = "has its value from before the first switch again"
    opened = python_arguments(SessionRequest(**former.session_options()))
    code = f"from ipy_awsprofile import open_session; {name} = open_session({opened})"
    return Leftover(name, f"{says}, because a switch sets one variable. For both, run `{code}`")


def about_former_limits(former: SwitchRequest, active: SwitchRequest) -> list[Leftover]:
    """Return notes about the limits that the previous switch to the same profile had.

    The list is empty if the active session has limits, or if the line asks for writing.
    """
    if not _has_lost_limits(former, active):
        return []
    says = "was in the former switch but isn't in this line, so the session isn't limited"
    return [Leftover(_option_of(former), f"{says}. {_step_to_limit(former, active)}")]


def about_earlier_limits(earlier: SwitchRequest | None, active: SwitchRequest) -> list[Leftover]:
    """Return notes about the limits of an earlier switch, if another profile was active since then.

    The list is empty if the earlier switch was to another profile, if the active session has
    limits, or if the line asks for writing.
    """
    if earlier is None or earlier.name != active.name or not _has_lost_limits(earlier, active):
        return []
    says = "isn't in this line, so the session isn't limited"
    last = f"Your last session of `{active.name}` was"
    return [Leftover(_option_of(earlier), f"{says}. {last}. {_step_to_limit(earlier, active)}")]


def _has_lost_limits(earlier: SwitchRequest, active: SwitchRequest) -> bool:
    """Return whether only the earlier switch had limits, and the line doesn't ask for writing."""
    had_limits = earlier.read_only or earlier.policy is not None
    has_limits = active.read_only or active.policy is not None
    return had_limits and not has_limits and not active.write


def _option_of(limited: SwitchRequest) -> str:
    return "--read-only" if limited.read_only else "--policy"


def _step_to_limit(limited: SwitchRequest, active: SwitchRequest) -> str:
    """Return a sentence with a line that gives the active session the limits of another switch."""
    kept = replace(active, read_only=limited.read_only, policy=limited.policy)
    return f"To limit it again, run `%aws_profile {arguments(kept)}`"
