"""ProfilePicker: commands arrive from its view as messages, and what happened is sent back."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from ipy_awsprofile.config.regions import known_regions
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.picker.account_alias import AccountAliases
from ipy_awsprofile.picker.listing import Listing, no_profiles_card
from ipy_awsprofile.picker.memory import Memory
from ipy_awsprofile.picker.messages import (
    Message,
    ProfilesMessage,
    error_message,
    html_of,
    identity_message,
)
from ipy_awsprofile.picker.profile_value import ProfileValue, failed_callback, require_name
from ipy_awsprofile.picker.switch_commands import SwitchCommands, errors_shown
from ipy_awsprofile.picker.view_script import view_script, view_style
from ipy_awsprofile.switch.using_profile import running_switcher

if TYPE_CHECKING:
    import boto3
    import ipywidgets

    from ipy_awsprofile.sessions.identity import Identity
    from ipy_awsprofile.switch.switcher import Switcher

_VIEW = Path(__file__).with_name("view")


class ProfilePicker(anywidget.AnyWidget, ProfileValue):  # type: ignore[misc]
    """A searchable dropdown of the AWS profiles; choosing a profile switches the notebook to it.

    It does what ``%aws_profile`` does, and each shows the other's switches. ``profile`` is switched
    to at once, unless it is active; ``layout`` is that of any widget. Without a ``switcher`` it
    uses that of the running shell, and loads the extension if it isn't loaded yet. Outside IPython,
    as in marimo, it makes a new one, which sets no variable.

    https://ipywidgets.readthedocs.io/en/stable/
    """

    _esm = view_script(_VIEW / "picker.js")
    _css = view_style(_VIEW / "picker.css", _VIEW / "list.css")

    # Traits, so that a picker whose arguments are refused has them as well when it is deleted.
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
        self._memory = Memory()
        self._subscriptions.callback(self._switcher.subscribe(self._follow))
        self._subscriptions.callback(self._switcher.subscribe(self._follow_in_value))
        self._listing = Listing(self._switcher)
        self._identity: Identity | None = None
        self._has_view = False
        self._commands = SwitchCommands(self._switcher, self._answer)
        self._subscriptions.callback(self._commands.close)
        self._aliases = AccountAliases()
        self._identity_message = partial(
            identity_message, None, None, has_notebook=self._switcher.has_notebook
        )
        # An alias arrives in another thread, and mustn't show the identity before a switch again.
        self._identity_lock = threading.Lock()
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

        It is called for every switch of the notebook, also for those that the picker didn't make.
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
        """Remove the picker from the page, and end its subscriptions and a switch that waits."""
        self._subscriptions.close()
        super().close()
        if self._has_own_layout:  # ipywidgets keeps each layout until it is closed
            self.layout.close()

    def __repr__(self) -> str:
        """Return as text which profile is active, and how to switch."""
        active = f"{self._active or 'no profile'} is active"
        return f"ProfilePicker: {active}. `%aws_profile NAME` switches the notebook."

    @property
    def _active(self) -> str | None:
        identity = self._identity
        if identity and identity.profile == self._active_profile:
            return f"{' ← '.join(identity.chain)} ({identity.arn})"
        return self._active_profile

    def _follow(self, identity: Identity | None) -> None:
        """Show the identity after a switch, whether this picker made it or not."""
        if identity and identity.profile:
            self._memory.use(identity.profile)
        self._show(identity, switched=True)

    def _show(self, identity: Identity | None, view: Any = None, *, switched: bool = False) -> None:
        leftovers = []
        with suppress(AwsProfileError):  # the notes aren't worth an error
            leftovers = self._switcher.leftovers()
        request = self._switcher.request
        protected = bool(request and self._switcher.is_protected(request.name))
        with self._identity_lock:
            self._identity = identity
            self._identity_message = partial(
                identity_message,
                identity,
                request,
                protected=protected,
                leftovers=leftovers,
                has_notebook=self._switcher.has_notebook,
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
                case {"type": "switch"}:
                    self._require_same_list(view, content["list"])
                    self._commands.carry_out(view, content)
                case {"type": "region" | "refresh"}:
                    self._commands.carry_out(view, content)
                case {"type": "off"}:
                    self._commands.off(view)
                case {"type": "ready"}:
                    self._has_view = True
                    self._show(self._switcher.identity(), view)
                case {"type": "list", "have": have}:
                    self._list(view, have)
                case {"type": "pin", "profile": str(profile), "pinned": bool(pinned)}:
                    self._memory.pin(profile, pinned=pinned)
                    # A list that the view asked for before has the old pins.
                    self._list(view, self._listing.version)

    def _answer(self, view: Any, message: Message, buffers: list[bytes] | None = None) -> None:
        self.send({**message, "view": view}, buffers)

    def _require_same_list(self, view: Any, seen: int) -> None:
        """Raise AwsProfileError if the person has chosen from another list than the files'."""
        if seen != self._listing.read():
            self._list(view, seen)
            raise AwsProfileError(
                "The profiles have changed since the list was shown. Nothing was switched.",
                "Choose the profile again.",
            )

    def _list(self, view: Any, have: int) -> None:
        """Send the order of the profiles, and the profiles if the view doesn't have them."""
        version = self._listing.read()
        known = self._memory.read()
        message: ProfilesMessage = {
            "type": "profiles",
            "version": version,
            "pins": known.pins,
            "recent": known.recent,
        }
        buffers = None
        if have != version:
            message["regions"] = known_regions()
            if self._listing.is_empty:
                message["html"] = html_of(no_profiles_card())
            buffers = [self._listing.rows]
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
