"""Exchange messages between a picker and its views, over any transport.

A picker in a cell uses anywidget, and the picker in JupyterLab's toolbar uses a comm.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.cards import cards
from ipy_awsprofile.config.files import SharedFiles
from ipy_awsprofile.config.regions import known_regions
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.picker.account_alias import AccountAliases
from ipy_awsprofile.picker.card_messages import html_of, identity_message
from ipy_awsprofile.picker.listing import Listing, list_roles
from ipy_awsprofile.picker.memory import Memory
from ipy_awsprofile.picker.messages import Message, ProfilesMessage
from ipy_awsprofile.picker.person_at_view import SignInsAtViews, errors_shown
from ipy_awsprofile.picker.switch_commands import SwitchCommands
from ipy_awsprofile.picker.well_formed import require_well_formed, view_of
from ipy_awsprofile.switch.saving import suggested_name

if TYPE_CHECKING:
    from ipy_awsprofile.config.request import SwitchRequest
    from ipy_awsprofile.kernel.leftovers import Leftover
    from ipy_awsprofile.sessions.session import Identity
    from ipy_awsprofile.switch.switcher import Switcher

#: Sends a message to the views, with its buffers.
Send = Callable[[dict[str, Any], list[bytes] | None], object]


@dataclass(frozen=True, slots=True)
class _Shown:
    """The identity and its details that the views show."""

    identity: Identity | None = None
    request: SwitchRequest | None = None
    protected: bool = False
    leftovers: tuple[Leftover, ...] = ()
    save_as: str = ""
    account_name: str | None = None
    about: tuple[tuple[str, str], ...] = ()
    renews: bool = True


class Conversation:
    """Carries out commands from a picker's views, and notifies the views of every switch.

    ``sends_links`` is False if no token may be sent, because a console link contains a token.
    """

    def __init__(self, switcher: Switcher, send: Send, *, sends_links: bool = True) -> None:
        self._sends_links = sends_links
        self._switcher = switcher
        self._send = send
        self._ending = ExitStack()
        self._memory = Memory()
        self._ending.callback(switcher.subscribe(self._follow))
        #: The profiles that the views show.
        self.listing = Listing(switcher)
        self._has_view = False
        self._sign_ins = SignInsAtViews(self._answer)
        self._ending.callback(self._sign_ins.close)
        self._commands = SwitchCommands(switcher, self._answer, self._sign_ins)
        self._ending.callback(self._commands.close)
        self._aliases = AccountAliases()
        self._shown = _Shown()
        # An alias arrives in another thread, and must not show the identity from before a switch.
        self._identity_lock = threading.Lock()

    @property
    def identity(self) -> Identity | None:
        """The identity that the views show."""
        return self._shown.identity

    def close(self) -> None:
        """End the subscription, and drop a waiting command or sign-in."""
        self._ending.close()

    def receive(self, content: Any) -> None:
        """Carry out a command, and answer the view that sent it."""
        view = view_of(content)
        if view is None:
            return
        with errors_shown(self._answer, view):
            command: Any = require_well_formed(content)
            match command:
                case {"type": "switch"}:
                    self._require_same_list(view, command["list"])
                    self._commands.carry_out(view, command)
                case {"type": "region" | "refresh" | "save"}:
                    self._commands.carry_out(view, command)
                case {"type": "roles"}:
                    self._switcher.cell.drop()  # the user chose something else
                    self._sign_ins.give_up()
                    list_roles(self._answer, self._sign_ins, view, command)
                case {"type": "off"}:
                    self._commands.off(view)
                case {"type": "console"}:
                    self._open_console(view)
                case {"type": "ready"}:
                    self._has_view = True
                    before = self._shown
                    self._show(self._switcher.identity(), view)
                    if before not in (_Shown(), self._shown):  # such as renewed credentials
                        self._send_identity()
                case {"type": "status"}:
                    self._show(self._switcher.known_identity(), view)
                case {"type": "list", "have": have}:
                    self._list(view, have)
                case {"type": "pin", "profile": str(profile), "pinned": bool(pinned)}:
                    self._memory.pin(profile, pinned=pinned)
                    # A list that the view requested earlier has the old pins.
                    self._list(view, self.listing.version)

    def _follow(self, identity: Identity | None) -> None:
        """Show the identity after a switch, whether by a magic, a picker or Python code."""
        if identity and identity.profile:
            self._memory.use(identity.profile)
        self._show(identity, switched=True)

    def catch_up(self) -> None:
        """Show changes without a switch, such as renewed credentials and other leftovers."""
        if self._state(identity := self._switcher.known_identity()) != self._shown:
            self._show(identity)

    def _state(self, identity: Identity | None) -> _Shown:
        leftovers: list[Leftover] = []
        with suppress(AwsProfileError):  # the notes are optional
            leftovers = self._switcher.leftovers()
        request, save_as, protected, account = self._switcher.request, "", False, None
        if identity:
            from ipy_awsprofile.sessions.assigned_roles import known_account_name  # imports boto3

            account = known_account_name(identity.account)
        with suppress(AwsProfileError):  # files that can't be read just now
            if request and identity:
                save_as = suggested_name(request)
                protected = self._switcher.protection.is_protected(request.name, identity.account)
        session = self._switcher.session
        about = tuple(cards.session_rows(session.target)) if session else ()
        notes, renews = tuple(leftovers), not session or session.target.renews_unattended
        return _Shown(identity, request, protected, notes, save_as, account, about, renews)

    def _show(self, identity: Identity | None, view: Any = None, *, switched: bool = False) -> None:
        state = self._state(identity)
        with self._identity_lock:
            self._shown = state
        self._send_identity(view, switched=switched)
        if self._has_view:
            self._look_up_alias()

    def _send_identity(self, view: Any = None, *, switched: bool = False) -> None:
        with self._identity_lock:
            shown = self._shown
            message = identity_message(
                shown.identity,
                shown.request,
                switched=switched,
                protected=shown.protected,
                alias=shown.account_name or self._alias(shown.identity),
                about=shown.about,
                leftovers=shown.leftovers,
                has_notebook=self._switcher.has_notebook,
                save_as=shown.save_as,
                renews=shown.renews,
            )
            self._answer(view, message)

    def _answer(self, view: Any, message: Message, buffers: list[bytes] | None = None) -> None:
        self._send({**message, "view": view}, buffers)

    def _open_console(self, view: Any) -> None:
        """Send the view a link to the AWS console, which isn't in a trait and isn't saved."""
        if not self._sends_links:
            raise AwsProfileError(
                "The toolbar can't open the AWS console, because the link contains a token.",
                "Run `%aws_profile --console`, or use the picker of `%aws_profile --pick`.",
            )
        session = self._switcher.session
        if session is None:  # it ended after the user's click
            raise AwsProfileError("No profile is active.", "Choose a profile in the picker.")
        from ipy_awsprofile.sessions.console import console_link

        self._answer(view, {"type": "console", "url": console_link(session)})

    def _require_same_list(self, view: Any, seen: int) -> None:
        """Raise AwsProfileError if the files have changed since the user saw the list."""
        if seen != self.listing.read():
            self._list(view, seen)
            raise AwsProfileError(
                "The profiles have changed since the list was shown. Nothing was switched.",
                "Choose the profile again.",
            )

    def _list(self, view: Any, have: int) -> None:
        """Send the order of the profiles, and the profiles if the view doesn't have them."""
        version = self.listing.read()
        known = self._memory.read()
        message: ProfilesMessage = {
            "type": "profiles",
            "version": version,
            "pins": known.pins,
            "recent": known.recent,
            "sign_ins": self.listing.sign_ins,
            "listed_at": self.listing.listed_at,
        }
        buffers = None
        if have != version:
            message["regions"] = known_regions()
            if self.listing.is_empty:
                files = SharedFiles.from_environment()
                message["html"] = html_of(cards.no_profiles_card(files, "open the list"))
            buffers = [self.listing.rows]
        self._answer(view, message, buffers)
        _warm_up()

    def _alias(self, identity: Identity | None) -> str | None:
        return self._aliases.get(identity.account) if identity else None

    def _look_up_alias(self) -> threading.Thread | None:
        session, identity = self._switcher.session, self.identity
        if session is None or identity is None:
            return None
        return self._aliases.look_up(session, identity, self._send_identity)


def _warm_up() -> None:
    """Import boto3 while the user looks for a profile, so that the first switch is faster."""
    if "boto3" not in sys.modules:
        arguments = ("ipy_awsprofile.sessions.session",)
        threading.Thread(target=import_module, args=arguments, name="warm-up", daemon=True).start()
