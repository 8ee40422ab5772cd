"""ProfilePicker: the widget that exchanges messages with its views in cells through anywidget."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from ipy_awsprofile.config.request import require_name
from ipy_awsprofile.picker.card_messages import error_message
from ipy_awsprofile.picker.conversation import Conversation
from ipy_awsprofile.picker.profile_value import ProfileValue, failed_callback
from ipy_awsprofile.picker.view_script import VIEW, view_script, view_style
from ipy_awsprofile.switch.using_profile import running_switcher
from ipy_awsprofile.text import chain_line, one_line

if TYPE_CHECKING:
    import boto3
    import ipywidgets

    from ipy_awsprofile.sessions.session import Identity
    from ipy_awsprofile.switch.switcher import Switcher


class ProfilePicker(anywidget.AnyWidget, ProfileValue):  # type: ignore[misc]
    """A searchable dropdown of the AWS profiles; choosing a profile switches the notebook to it.

    It switches like ``%aws_profile``, and both show each other's switches. If you pass ``profile``,
    the notebook switches to it immediately, unless it is active; ``layout`` works as for any
    widget. Without a ``switcher``, the picker uses the running shell's Switcher, and loads the
    extension if it isn't loaded yet. Outside IPython, as in marimo, it creates a Switcher that
    doesn't set a variable.

    https://ipywidgets.readthedocs.io/en/stable/
    """

    _esm = view_script(VIEW / "picker.js")
    _css = view_style(VIEW / "picker.css", VIEW / "list.css")

    # Traits, so that a picker has them when it is deleted, even if its arguments were refused.
    _subscriptions = traitlets.Instance(ExitStack, ())
    _has_own_layout = traitlets.Bool(default_value=False)

    def __init__(
        self,
        profile: str | None = None,
        *,
        layout: ipywidgets.Layout | dict[str, str | None] | None = None,
        switcher: Switcher | None = None,
    ) -> None:
        require_name(profile or "")
        super().__init__(**({} if layout is None else {"layout": layout}))
        self._has_own_layout = layout is None or isinstance(layout, dict)
        self._switcher = switcher or running_switcher()
        self._conversation = Conversation(self._switcher, self._tell_views)
        self._subscriptions.callback(self._conversation.close)
        self._subscriptions.callback(self._switcher.subscribe(self._follow_in_value))
        self.on_msg(self._receive)
        self.value = self._active_profile
        if profile and profile != self.value:
            try:
                self.switch(profile)
            except BaseException:
                self.close()
                raise

    @property
    def session(self) -> boto3.Session | None:
        """The active boto3 session, or None."""
        return self._switcher.session

    def on_switch(self, callback: Callable[[Identity | None], object]) -> Callable[[], None]:
        """Call a function with the new identity after each switch, or with None after ``--off``.

        It is called for every switch of the notebook, even if the picker didn't make it.
        If it raises, the picker shows the error, and the switch isn't undone. Returns a function
        that ends the subscription.
        """

        def notify(identity: Identity | None) -> None:
            try:
                callback(identity)
            except Exception as error:  # noqa: BLE001  # the user's function may raise anything
                self.send(error_message(failed_callback("A callback of `on_switch`", error)))

        unsubscribe = self._switcher.subscribe(notify)
        self._subscriptions.callback(unsubscribe)
        return unsubscribe

    def close(self) -> None:
        """Remove the picker from the page, end its subscriptions, and drop a waiting switch."""
        self._subscriptions.close()
        super().close()
        if self._has_own_layout:  # ipywidgets keeps each layout until it is closed
            self.layout.close()

    def __repr__(self) -> str:
        """Describe the active profile and how to switch."""
        active = f"{self._active or 'no profile'} is active"
        return f"ProfilePicker: {active}. `%aws_profile NAME` switches the notebook."

    @property
    def _active(self) -> str | None:
        identity = self._conversation.identity
        if identity and identity.profile == self._active_profile:
            return f"{chain_line(identity.chain)} ({one_line(identity.arn)})"
        return self._active_profile and one_line(self._active_profile)

    def _receive(self, _picker: object, content: Any, _buffers: object) -> None:
        """Carry out a view's command."""
        self._conversation.receive(content)

    def _tell_views(self, message: dict[str, Any], buffers: list[bytes] | None) -> None:
        self.send(message, buffers)
