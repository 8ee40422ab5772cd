"""The picker's trait `value`: the active profile's name, which widgets and Python read and set."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import ipywidgets
import traitlets

from ipy_awsprofile.config.request import SwitchRequest, require_name
from ipy_awsprofile.errors import AwsProfileError, ProtectedProfile
from ipy_awsprofile.picker.card_messages import error_message

if TYPE_CHECKING:
    from ipy_awsprofile.sessions.session import Identity
    from ipy_awsprofile.switch.switcher import Switcher


class ProfileName(traitlets.TraitType):  # type: ignore[misc]
    """A trait for a profile's name or None. Its validators are called for None, too.

    https://traitlets.readthedocs.io/en/stable/defining_traits.html
    """

    info_text = "the name of a profile, or None"
    default_value = None

    def validate(self, owner: Any, value: object) -> str | None:
        """Return the value. Raises TraitError if it isn't a string or None."""
        if value is None or isinstance(value, str):
            return value
        self.error(owner, value)
        raise AssertionError  # `error` raises


class ProfileValue(ipywidgets.ValueWidget):  # type: ignore[misc]
    """A widget with the active profile of a Switcher as its value."""

    _switcher: Switcher

    # It isn't synced, because synced traits are saved with the notebook.
    value: Any = ProfileName(
        help="The active profile's name, or None. Setting it switches; None undoes the switch.",
    )

    def switch(
        self, profile: str, *, region: str | None = None, confirmed: bool = False
    ) -> Identity:
        """Switch to a profile, as ``%aws_profile`` does, and return the notebook's new identity.

        ``region`` takes precedence over the profile's. ``confirmed`` allows a protected profile.
        If it raises a subclass of `AwsProfileError`, nothing has changed.
        """
        require_name(profile)
        try:
            return self._switcher.switch(
                SwitchRequest(profile=profile, region=region, confirmed=confirmed)
            )
        except ProtectedProfile as error:
            error.hint = f"Use `picker.switch({str(profile)!r}, confirmed=True)`."
            raise

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """Return the synced state, plus the active profile in marimo.

        marimo reads a widget's value from this state, and doesn't save widgets in its notebooks.
        """
        state: dict[str, Any] = super().get_state(key, drop_defaults)
        return state | {"value": self.value} if key is None and _is_in_marimo() else state

    @traitlets.validate("value")
    def _switch_to_value(self, proposal: Any) -> str | None:
        """Switch to the proposed profile, unless it is active already; return the active one."""
        profile = proposal["value"] or None
        if profile != self._active_profile:
            if profile:
                self.switch(profile)
            else:
                self._switcher.off()
        return self._active_profile

    @property
    def _active_profile(self) -> str | None:
        request = self._switcher.request
        return str(request.profile) if request and request.profile else None

    def _follow_in_value(self, _identity: Identity | None) -> None:
        """Set the value to the active profile, and call its observers.

        An observer can switch to another profile, and this listener isn't called for that switch.
        """
        try:
            while self.value != (active := self._active_profile):
                self.value = active
        except Exception as error:  # noqa: BLE001  # the user's observer may raise anything
            self.send(error_message(failed_callback("An observer of `value`", error)))


def _is_in_marimo() -> bool:
    """Return whether a marimo notebook runs this code.

    https://docs.marimo.io/api/miscellaneous/
    """
    marimo = sys.modules.get("marimo")
    return marimo is not None and bool(marimo.running_in_notebook())


def failed_callback(what: str, error: Exception) -> AwsProfileError:
    """Return an error that reports a failed callback after a switch."""
    return AwsProfileError(
        f"{what} failed: {type(error).__name__}: {error}",
        "The switch itself succeeded.",
    )
