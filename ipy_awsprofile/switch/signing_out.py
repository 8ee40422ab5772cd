"""End a sign-in, and the kernel's identity if its credentials come from that sign-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ipy_awsprofile.switch.opening import login_target

if TYPE_CHECKING:
    from ipy_awsprofile.config.request import SwitchRequest
    from ipy_awsprofile.config.target import Target
    from ipy_awsprofile.sessions.sign_in import SignedOut
    from ipy_awsprofile.switch.layers import Layer
    from ipy_awsprofile.switch.switcher import Switcher


class Ended(NamedTuple):
    """The ended sign-ins, and the profiles that they deactivated."""

    signed_out: SignedOut
    profiles: tuple[str, ...]


def sign_out_and_off(switcher: Switcher, request: SwitchRequest | None) -> Ended:
    """End the sign-in of a request, or all sign-ins, and leave the identities that depend on them.

    A scope that ends later, such as a cell's, doesn't restore these identities.

    Raises the errors of `sign_out`, `login_target` and `Switcher.require_changeable`.
    """
    from ipy_awsprofile.sessions.sign_in import sign_out

    switcher.require_changeable()
    target = login_target(request) if request else None
    signed_out = sign_out(target)
    ended: list[str] = []

    def is_over(layer: Layer) -> bool:
        sessions = filter(None, (layer.session, layer.rest))
        over = any(_begins_with(session.target, target) for session in sessions)
        ended.extend([layer.request.name] if over else [])
        return over

    switcher.off(is_over)
    return Ended(signed_out, tuple(dict.fromkeys(ended)))


def _begins_with(active: Target, ended: Target | None) -> bool:
    """Return whether a role chain begins with the ended sign-in; None means any sign-in."""
    from ipy_awsprofile.config.profiles import SIGNS_IN
    from ipy_awsprofile.sessions.sign_in import sign_in_file

    if active.chain[-1].kind not in SIGNS_IN:
        return False
    return ended is None or sign_in_file(active) == sign_in_file(ended)
