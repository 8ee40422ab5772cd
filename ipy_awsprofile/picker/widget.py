"""ProfilePicker: what the person does arrives as messages, what happened goes back as messages."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget

from ipy_awsprofile.config.profiles import Profile, list_profiles
from ipy_awsprofile.config.regions import known_regions
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.errors import (
    AwsProfileError,
    MfaRejected,
    MfaUnavailable,
    ProtectedProfile,
    SignInRequired,
    SwitchInterrupted,
)
from ipy_awsprofile.picker.account_alias import alias_lookup
from ipy_awsprofile.picker.code_field import CodeField
from ipy_awsprofile.picker.memory import Memory
from ipy_awsprofile.picker.messages import Message, error_message, identity_message, rows
from ipy_awsprofile.switch.using_profile import running_switcher

if TYPE_CHECKING:
    import boto3

    from ipy_awsprofile.sessions.identity import Identity
    from ipy_awsprofile.switch.switcher import Switcher


class ProfilePicker(anywidget.AnyWidget):  # type: ignore[misc]
    """A searchable dropdown of the AWS profiles, which switches the notebook to the chosen one.

    It does what ``%aws_profile`` does, and both follow one another. ``switcher`` is the one of
    the running shell if none is given; the extension is loaded for that if it isn't yet. Outside of
    IPython, as in marimo, it is one of its own, without a notebook's variable to follow.

    https://ipywidgets.readthedocs.io/en/stable/
    """

    _esm = Path(__file__).with_name("picker.js")
    _css = Path(__file__).with_name("picker.css")

    def __init__(self, switcher: Switcher | None = None) -> None:
        super().__init__()
        self._switcher = switcher or running_switcher()
        self._memory = Memory()
        self._subscriptions = ExitStack()
        self._subscriptions.callback(self._switcher.subscribe(self._follow))
        self._listed: tuple[list[Profile], tuple[str, ...]] = ([], ())
        self._version = 0
        self._identity: Identity | None = None
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
        """Call back with the new identity after each switch, or with None after ``--off``.

        It is called for every switch of the notebook, whichever way it was made. What it raises
        is shown in the picker; the switch stands. Returns what ends the subscription.
        """

        def told(identity: Identity | None) -> None:
            try:
                callback(identity)
            except Exception as error:  # noqa: BLE001  # it is the user's, and may raise anything
                self.send(error_message(_failed_callback(error)))

        unsubscribe = self._switcher.subscribe(told)
        self._subscriptions.callback(unsubscribe)
        return unsubscribe

    def close(self) -> None:
        """Take the picker off the screen, and let it follow no more."""
        self._subscriptions.close()
        super().close()

    def __repr__(self) -> str:
        """Say in text what the picker shows: who is active, and how to switch."""
        active = f"{self._active or 'no profile'} is active"
        return f"ProfilePicker: {active}. `%aws_profile NAME` switches the notebook."

    @property
    def _active(self) -> str | None:
        identity = self._identity
        if identity and identity.profile == self.value:
            return f"{' ← '.join(identity.chain)} ({identity.arn})"
        return self.value

    def _follow(self, identity: Identity | None) -> None:
        """Show whoever the notebook was just switched to, by this picker or otherwise."""
        if identity and identity.profile:
            self._memory.use(identity.profile)
        self._show(identity)

    def _show(self, identity: Identity | None, view: Any = None) -> None:
        self._identity = identity
        leftovers = []
        with suppress(AwsProfileError):  # the notes are not worth an error
            leftovers = self._switcher.leftovers()
        protected = bool(self.value and self._switcher.is_protected(self.value))
        request = self._switcher.request
        if request and not self._switcher.has_notebook:
            request = replace(request, variable="")
        message = identity_message(identity, request, protected=protected, leftovers=leftovers)
        self._answer(view, message)

    def _receive(self, _picker: object, content: Any, _buffers: object) -> None:
        """Do what the person wants; the view it was said in gets the answer."""
        view = content.get("view")
        code_field = CodeField(content.get("code") or None)
        # The picker's own field asks, and the sign-in is shown in it: neither waits for an answer.
        person = replace(self._switcher.person, mfa_prompter=code_field, sign_in=None)
        with self._failures_told(view, content, code_field):
            match content:
                case {"type": "ready"}:
                    self._show(self._switcher.identity(), view)
                case {"type": "list", "have": have}:
                    self._list(view, have)
                case {"type": "switch" | "region"}:
                    self._switcher.switch(self._request(content), person=person)
                    self._answer(view, {"type": "done"})
                case {"type": "refresh"}:
                    self._switcher.refresh(person=person)
                    self._answer(view, {"type": "done"})
                case {"type": "pin", "profile": str(profile), "pinned": bool(pinned)}:
                    self._memory.pin(profile, pinned=pinned)
                case {"type": "alias", "account": str(account)}:
                    self._look_alias_up(account)

    def _answer(self, view: Any, message: Message, buffers: list[bytes] | None = None) -> None:
        self.send({**message, "view": view}, buffers)

    @contextmanager
    def _failures_told(self, view: Any, content: Any, code_field: CodeField) -> Iterator[None]:
        """Answer with what is missing or went wrong."""
        try:
            yield
        except ProtectedProfile:
            self._answer(view, {"type": "confirm"})
        except SignInRequired:
            self._sign_in(view, content)
        except MfaUnavailable as error:
            question = {"type": "code", "device": code_field.device, "html": ""}
            self._answer(view, question if code_field.device else error_message(error))
        except MfaRejected as error:
            # Here there is no cell to run again; the field for the next code is in place.
            error.hint = "Each code works once. Wait for the device's next one."
            again = {"type": "code", "device": code_field.device}
            self._answer(view, error_message(error) | again)
        except AwsProfileError as error:
            self._answer(view, error_message(error))
        except KeyboardInterrupt:
            self._answer(view, error_message(SwitchInterrupted()))
        except Exception as error:
            self._answer(view, error_message(_surprise(error)))
            raise  # ipywidgets logs it where the kernel logs

    def _sign_in(self, view: Any, wanted: Message) -> threading.Thread | None:
        """Show where to sign in, and tell the view when that is done: it then asks again."""
        try:
            attempt = self._switcher.begin_sign_in(self._request(wanted))
        except AwsProfileError as error:
            self._answer(view, error_message(error))
            return None
        self._answer(view, {"type": "sign_in", "url": attempt.url, "code": attempt.code})

        def wait() -> None:
            try:
                for _ in attempt.waiting():
                    pass
            except AwsProfileError as error:
                self._answer(view, error_message(error))
            except Exception as error:
                self._answer(view, error_message(_surprise(error)))
                raise
            else:
                self._answer(view, {"type": "signed_in"})

        # The kernel works on meanwhile; the thread ends with the attempt's time at the latest.
        thread = threading.Thread(target=wait, name="sign-in", daemon=True)
        thread.start()
        return thread

    def _request(self, wanted: Message) -> SwitchRequest:
        """Make the request for a chosen profile, or the active one's, perhaps in another Region."""
        region, active = wanted.get("region") or None, self._switcher.request
        confirmed = wanted.get("confirmed") is True
        if wanted["type"] == "refresh" and active:
            return active
        if wanted["type"] == "region" and active:
            return replace(active, region=region, confirmed=active.confirmed or confirmed)
        return SwitchRequest(profile=str(wanted.get("profile")), region=region, confirmed=confirmed)

    def _list(self, view: Any, have: int) -> None:
        """Send what is recent and pinned, and the profiles unless the view has them already."""
        listed = (list_profiles(), self._switcher.protected)
        if listed != self._listed:
            self._listed = listed
            self._version += 1
        known = self._memory.read()
        message: Message = {"recent": known.recent, "pins": known.pins, "version": self._version}
        buffers = None
        if have != self._version:
            message["regions"] = known_regions()
            buffers = [rows(listed[0], self._switcher.is_protected)]
        self._answer(view, {"type": "profiles", **message}, buffers)
        _warm_up()

    def _look_alias_up(self, account: str) -> threading.Thread | None:
        session, identity = self._switcher.session, self._identity
        if session is None or identity is None or identity.account != account:
            return None
        lookup = alias_lookup(session)

        def tell() -> None:
            self.send({"type": "alias", "account": account, "alias": lookup()})

        # Whoever works on must not wait for it, and whoever ends the kernel neither.
        thread = threading.Thread(target=tell, name="account alias", daemon=True)
        thread.start()
        return thread


def _warm_up() -> None:
    """Import boto3 while the person looks for a profile: it is what a first switch waits for."""
    if "boto3" not in sys.modules:
        arguments = ("ipy_awsprofile.sessions.identity",)
        threading.Thread(target=import_module, args=arguments, name="warm-up", daemon=True).start()


def _failed_callback(error: Exception) -> AwsProfileError:
    return AwsProfileError(
        f"A callback of `on_switch` failed: {type(error).__name__}: {error}",
        "The switch itself is done.",
    )


def _surprise(error: Exception) -> AwsProfileError:
    return AwsProfileError(
        f"Something unexpected happened: {type(error).__name__}.", "The kernel's log has more."
    )
