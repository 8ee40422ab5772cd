"""Run the view's commands that switch: wait for a running cell, and prompt if necessary."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.config.target import login_target
from ipy_awsprofile.credentials.person import device_of
from ipy_awsprofile.errors import (
    AwsProfileError,
    MfaRejected,
    MfaUnavailable,
    ProtectedProfile,
    SignInRequired,
)
from ipy_awsprofile.picker.card_messages import error_message
from ipy_awsprofile.picker.messages import Switching
from ipy_awsprofile.picker.person_at_view import Answer, SignInsAtViews, errors_shown
from ipy_awsprofile.switch.saving import save_role

if TYPE_CHECKING:
    from ipy_awsprofile.credentials.person import Person
    from ipy_awsprofile.switch.layers import Layer
    from ipy_awsprofile.switch.switcher import Switcher


class SwitchCommands:
    """Carries out commands from a picker's views, and answers the view that sent the command.

    A command gets credentials immediately, and the view shows errors and prompts immediately. The
    notebook switches between cells, so that a cell keeps the identity it started with. A later
    command replaces a waiting one. A chosen profile takes precedence over a switch in the cell; a
    new Region and new credentials are only for the active identity, and are dropped if it ends.
    """

    def __init__(self, switcher: Switcher, answer: Answer, sign_ins: SignInsAtViews) -> None:
        self._switcher = switcher
        self._answer = answer
        self._drop: Callable[[], object] = lambda: None
        self._sign_ins = sign_ins

    def carry_out(self, view: Any, command: Switching) -> None:
        """Carry out a command. Raises a subclass of `AwsProfileError`, unless the view prompts."""
        self._switcher.cell.drop()  # even if this one fails, because the user chose something else
        self._sign_ins.give_up()
        with self._questions_asked(view, command) as person:
            if command["type"] == "refresh" and self._switcher.request is None:
                self._answer(view, {"type": "done"})
                return
            if "entered" in command and (sign_in := self._sign_ins.entered):
                sign_in.enter(command["entered"])
            active, fresh = self._switcher.request, command["type"] == "refresh"
            request = self._request(command)
            if command["type"] == "save":
                request = save_role(self._switcher, request, command["name"], person=person)
            layer = self._switcher.prepare(request, fresh=fresh, person=person)
            if self._switcher.cell.is_running:
                self._answer(view, {"type": "waiting"})
            self._drop = self._switcher.cell.when_ended(
                partial(self._move, view, _without_code(command), layer, active),
                dropped=partial(self._answer, view, {"type": "dropped"}),
            )

    def off(self, view: Any) -> None:
        """Undo the switch after the running cell ends."""
        self._switcher.cell.drop()
        self._sign_ins.give_up()
        if self._switcher.cell.is_running:
            self._answer(view, {"type": "waiting"})
        self._drop = self._switcher.cell.when_ended(
            partial(self._off, view), dropped=partial(self._answer, view, {"type": "dropped"})
        )

    def close(self) -> None:
        """Drop the waiting command."""
        self._drop()

    def _move(self, view: Any, command: Switching, layer: Layer, active: object) -> None:
        """Switch the notebook to the layer, and answer the view."""
        if command["type"] != "switch" and self._switcher.request is not active:
            self._answer(view, {"type": "dropped"})
            return
        with errors_shown(self._answer, view), self._questions_asked(view, command) as person:
            expiry = layer.identity.expiry
            if expiry and expiry <= datetime.now(UTC):  # it expired while the cell ran
                layer = self._switcher.prepare(layer.request, person=person)
            self._switcher.move(layer)
            self._answer(view, {"type": "done"})

    def _off(self, view: Any) -> None:
        with errors_shown(self._answer, view):
            self._switcher.off()
            self._answer(view, {"type": "done"})

    @contextmanager
    def _questions_asked(self, view: Any, command: Switching) -> Iterator[Person]:
        """Yield the `Person` at the view, and answer with a prompt if input is missing."""
        code_field = CodeField(command.get("code") or None)
        try:
            # The view asks for codes and shows sign-ins. A callback can't wait for the user.
            person = self._switcher.person
            yield replace(person, mfa_prompter=code_field, attempts=1, sign_in=None)
        except ProtectedProfile:
            self._answer(view, {"type": "confirm"})
        except SignInRequired:
            target = login_target(self._request(command))
            device_code = command.get("device_code") is True
            self._sign_ins.show(view, target, device_code=device_code)
        except MfaUnavailable:
            if code_field.device is None:
                raise
            self._answer(view, {"type": "code", "device": code_field.device, "html": ""})
        except MfaRejected as error:
            if code_field.device is None:  # the code came from an `mfa_process`
                raise
            # The error's hint names a cell to run; here the code field asks for the next code.
            error.hint = "Each code works once. Wait for the device's next code."
            html = error_message(error)["html"]
            self._answer(view, {"type": "code", "device": code_field.device, "html": html})

    def _request(self, command: Switching) -> SwitchRequest:
        """Return the request for a chosen profile, or for the active one in a different Region."""
        confirmed = command.get("confirmed") is True
        if command["type"] == "switch":
            return SwitchRequest(
                profile=command["profile"],
                region=command["region"],
                read_only=command.get("read_only") is True,
                confirmed=confirmed,
            )
        active = self._switcher.request
        if active is None:  # it ended after the user's choice
            raise AwsProfileError("No profile is active.", "Choose a profile in the picker.")
        confirmed = active.confirmed or confirmed
        if command["type"] == "save":
            return replace(active, confirmed=confirmed)
        if command["type"] == "refresh":
            return active
        return replace(active, region=command["region"], confirmed=confirmed)


def _without_code(command: Switching) -> Switching:
    """Return the command without its MFA code and sign-in code, which work only once."""
    kept = command.copy()
    kept.pop("code", None)
    kept.pop("entered", None)
    return kept


class CodeField:
    """Returns the typed code once. Without a code, it stores the device's name and raises.

    A widget's callback has no input channel, so it can't wait for an answer. The first attempt to
    switch has no code, because a session in the AWS CLI's cache may not need one. If it raises
    MfaUnavailable, the view asks for the code and tries the switch again.
    """

    def __init__(self, code: str | None) -> None:
        self._code = code
        #: The serial number or ARN of the device that needed a code, or None.
        self.device: str | None = None

    def __call__(self, question: str) -> str:
        """Return the code. Raises MfaUnavailable if no code was typed or it was returned before."""
        self.device = device_of(question)
        code, self._code = self._code, None
        if code is not None:
            return code
        raise MfaUnavailable(
            f"A code from the MFA device {self.device} is needed.",
            "Refresh in the picker, or run `%aws_profile --refresh`.",
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} for {self.device or 'no device yet'}>"
