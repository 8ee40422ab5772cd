"""ProfilePicker: commands arrive from its view as messages, and what happened is sent back."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget

from ipy_awsprofile.config.profiles import Profile, list_profiles
from ipy_awsprofile.config.regions import known_regions
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.picker.account_alias import AccountAliases
from ipy_awsprofile.picker.memory import Memory
from ipy_awsprofile.picker.messages import (
    Message,
    ProfilesMessage,
    error_message,
    identity_message,
    rows,
)
from ipy_awsprofile.picker.switch_commands import SwitchCommands, errors_shown
from ipy_awsprofile.picker.view_script import view_script
from ipy_awsprofile.switch.using_profile import running_switcher

if TYPE_CHECKING:
    import boto3

    from ipy_awsprofile.sessions.identity import Identity
    from ipy_awsprofile.switch.switcher import Switcher

_VIEW = Path(__file__).with_name("view")


class ProfilePicker(anywidget.AnyWidget):  # type: ignore[misc]
    """A searchable dropdown of the AWS profiles; choosing a profile switches the notebook to it.

    It does what ``%aws_profile`` does, and each shows the other's switches. Without a ``switcher``
    it uses that of the running shell, and loads the extension if it isn't loaded yet. Outside
    IPython, as in marimo, it makes a new one, which sets no variable.

    https://ipywidgets.readthedocs.io/en/stable/
    """

    _esm = view_script(_VIEW / "picker.js")
    _css = _VIEW / "picker.css"

    def __init__(self, switcher: Switcher | None = None) -> None:
        super().__init__()
        self._switcher = switcher or running_switcher()
        self._memory = Memory()
        self._subscriptions = ExitStack()
        self._subscriptions.callback(self._switcher.subscribe(self._follow))
        self._listed: tuple[list[Profile], tuple[str, ...]] = ([], ())
        self._version = 0
        self._identity: Identity | None = None
        self._has_view = False
        self._commands = SwitchCommands(self._switcher, self._answer)
        self._aliases = AccountAliases()
        self._identity_message = partial(identity_message, None, None)
        # An alias arrives in another thread, and mustn't show the identity before a switch again.
        self._identity_lock = threading.Lock()
        self.on_msg(self._receive)

    @property
    def value(self) -> str | None:
        """Name of the active profile, or None."""
        request = self._switcher.request
        return request.profile if request else None

    @property
    def session(self) -> boto3.Session | None:
        """The active boto3 session, or None."""
        return self._switcher.session

    def on_switch(self, callback: Callable[[Identity | None], object]) -> Callable[[], None]:
        """Call a function with the new identity after each switch, or with None after ``--off``.

        It is called for every switch of the notebook, also for those that the picker didn't make.
        If it raises, the picker shows the error, and the switch isn't undone. Returns a function
        that ends the subscription.
        """

        def notify(identity: Identity | None) -> None:
            try:
                callback(identity)
            except Exception as error:  # noqa: BLE001  # the user's function may raise anything
                self.send(error_message(_failed_callback(error)))

        unsubscribe = self._switcher.subscribe(notify)
        self._subscriptions.callback(unsubscribe)
        return unsubscribe

    def close(self) -> None:
        """Remove the picker from the page, and end its subscriptions and a switch that waits."""
        self._commands.close()
        self._subscriptions.close()
        super().close()

    def __repr__(self) -> str:
        """Return as text which profile is active, and how to switch."""
        active = f"{self._active or 'no profile'} is active"
        return f"ProfilePicker: {active}. `%aws_profile NAME` switches the notebook."

    @property
    def _active(self) -> str | None:
        identity = self._identity
        if identity and identity.profile == self.value:
            return f"{' ← '.join(identity.chain)} ({identity.arn})"
        return self.value

    def _follow(self, identity: Identity | None) -> None:
        """Show the identity after a switch, whether this picker made it or not."""
        if identity and identity.profile:
            self._memory.use(identity.profile)
        self._show(identity, switched=True)

    def _show(self, identity: Identity | None, view: Any = None, *, switched: bool = False) -> None:
        leftovers = []
        with suppress(AwsProfileError):  # the notes aren't worth an error
            leftovers = self._switcher.leftovers()
        protected = bool(self.value and self._switcher.is_protected(self.value))
        request = self._switcher.request
        if request and not self._switcher.has_notebook:
            request = replace(request, variable="")
        with self._identity_lock:
            self._identity = identity
            self._identity_message = partial(
                identity_message, identity, request, protected=protected, leftovers=leftovers
            )
        self._send_identity(view, switched=switched)
        if self._has_view:
            self._look_up_alias()

    def _send_identity(self, view: Any = None, *, switched: bool = False) -> None:
        with self._identity_lock:
            alias = self._aliases.get(self._identity.account) if self._identity else None
            self._answer(view, self._identity_message(switched=switched, alias=alias))

    def _receive(self, _picker: object, content: Any, _buffers: object) -> None:
        """Carry out a command, and answer the view that sent it."""
        view = content.get("view")
        with errors_shown(self._answer, view):
            match content:
                case {"type": "switch" | "region" | "refresh"}:
                    self._commands.carry_out(view, content)
                case {"type": "ready"}:
                    self._has_view = True
                    self._show(self._switcher.identity(), view)
                case {"type": "list", "have": have}:
                    self._list(view, have)
                case {"type": "pin", "profile": str(profile), "pinned": bool(pinned)}:
                    self._memory.pin(profile, pinned=pinned)
                    # A list that the view asked for before has the old pins.
                    self._list(view, self._version)

    def _answer(self, view: Any, message: Message, buffers: list[bytes] | None = None) -> None:
        self.send({**message, "view": view}, buffers)

    def _list(self, view: Any, have: int) -> None:
        """Send the order of the profiles, and the profiles if the view doesn't have them."""
        listed = (list_profiles(), self._switcher.protected)
        if listed != self._listed:
            self._listed = listed
            self._version += 1
        known = self._memory.read()
        message: ProfilesMessage = {
            "type": "profiles",
            "version": self._version,
            "pins": known.pins,
            "recent": known.recent,
        }
        buffers = None
        if have != self._version:
            message["regions"] = known_regions()
            buffers = [rows(listed[0], self._switcher.is_protected)]
        self._answer(view, message, buffers)
        _warm_up()

    def _look_up_alias(self) -> threading.Thread | None:
        session, identity = self._switcher.session, self._identity
        if session is None or identity is None:
            return None
        return self._aliases.look_up(session, identity, self._send_identity)


def _warm_up() -> None:
    """Import boto3 while the person looks for a profile, so that the first switch is faster."""
    if "boto3" not in sys.modules:
        arguments = ("ipy_awsprofile.sessions.identity",)
        threading.Thread(target=import_module, args=arguments, name="warm-up", daemon=True).start()


def _failed_callback(error: Exception) -> AwsProfileError:
    return AwsProfileError(
        f"A callback of `on_switch` failed: {type(error).__name__}: {error}",
        "The switch itself is done.",
    )
