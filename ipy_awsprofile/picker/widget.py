"""Define the ProfilePicker widget, which shows the picker in a cell through anywidget."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import anywidget
import ipywidgets
import traitlets

from ipy_awsprofile.config.python_interface import checks_arguments
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.picker.conversation import Conversation
from ipy_awsprofile.picker.toolbar import view_script
from ipy_awsprofile.switch.using_profile import running_switcher
from ipy_awsprofile.text import one_line

if TYPE_CHECKING:
    import boto3

    from ipy_awsprofile.switch.switcher import Switcher


class ProfilePicker(anywidget.AnyWidget, ipywidgets.ValueWidget):  # type: ignore[misc]
    """A searchable list of AWS profiles. Choosing a profile switches the notebook to that profile.

    The picker switches in the same way as ``%aws_profile`` and also shows the switches that
    ``%aws_profile`` makes. If you pass ``profile``, the notebook switches to this profile
    immediately, unless the profile is already active. ``layout`` works in the same way as in other
    widgets. If you don't pass a ``switcher``, the picker uses the running shell's Switcher and
    loads the extension if necessary. Outside IPython, the picker creates a Switcher that doesn't
    set a variable.

    https://ipywidgets.readthedocs.io/en/stable/
    """

    _esm = view_script()

    # Neither is synced, because synced traits are saved with the notebook.
    value = traitlets.Unicode(
        None,
        allow_none=True,
        help="The active profile's name, or None. Set a profile's name to switch, or None to undo "
        "the switch.",
    )
    _ending = traitlets.Instance(ExitStack, ())

    @checks_arguments
    def __init__(
        self,
        profile: str | None = None,
        *,
        layout: ipywidgets.Layout | dict[str, str | None] | None = None,
        switcher: Switcher | None = None,
    ) -> None:
        given = {} if layout is None else {"layout": layout}
        super().__init__(**given)
        # Otherwise, a running cell can delay clicks: see `Toolbar`.
        self.comm._reply_subshell_for = None  # noqa: SLF001  # ipykernel has no setting for it
        self._switcher = switcher or running_switcher()
        self._conversation = Conversation(self._switcher, self.send)
        self._ending.callback(self._conversation.close)
        if not isinstance(layout, ipywidgets.Layout):  # ipywidgets keeps it until it is closed
            self._ending.callback(self.layout.close)
        self.on_msg(lambda _picker, command, _buffers: self._conversation.receive(command))
        self.value = self._active
        self._ending.callback(self._switcher.subscribe(self._show_in_value))
        try:
            if profile is not None:
                self.value = profile
        except BaseException:
            self.close()
            raise

    @property
    def session(self) -> boto3.Session | None:
        """The active boto3 session, or None."""
        return self._switcher.session

    def close(self) -> None:
        """Remove the picker from the page, end its subscriptions, and cancel a waiting switch."""
        super().close()
        self._ending.close()

    def __repr__(self) -> str:
        """Return a string that names the active profile and says how to switch."""
        active = one_line(self.value or "no profile")
        return (
            f"ProfilePicker: {active} is active.\n"
            "Run this cell again to see the list, or switch with `%aws_profile NAME`.\n"
            "In VS Code, the list requires the Jupyter Notebook Renderers extension."
        )

    @traitlets.validate("value")
    def _switch_to_value(self, proposal: traitlets.Bunch) -> str | None:
        """Switch to the profile in ``value``. traitlets doesn't call this method for None."""
        if proposal["value"] != self._active:
            self._switcher.switch(SwitchRequest(profile=proposal["value"]))
        return self._active

    @traitlets.observe("value")
    def _undo_switch(self, change: traitlets.Bunch) -> None:
        if change["new"] is None and self._active:
            try:
                self._switcher.off()
            finally:
                self.value = self._active

    @property
    def _active(self) -> str | None:
        request = self._switcher.request
        if request and request.profile:
            return str(request.profile)
        return None

    def _show_in_value(self, _identity: object) -> None:
        self.value = self._active
