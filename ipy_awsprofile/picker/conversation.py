"""What the picker's views show and do, through anywidget in a cell or a comm in the toolbar.

After each change, every view gets the whole state (``view/dom.js`` has the messages' types)::

    {"identity": null | {"profile", "name", "account", "region", "chosen_region", "seconds_left",
                         "renews", "signs_in", "protected", "read_only", "notes",
                         "code": the line that switches to it},
     "html": the identity's card,
     "busy": null | {"doing": "Switching to NAME", "waits": for the running cell?},
     "ask": null | {"kind": "confirm", "question": its number, "profile", "pattern", "account"}
                 | {"kind": "code", "question", "profile", "device", "again": was a code refused?}
                 | {"kind": "sign_in", "question", "profile", "url", "code"},
     "error": a card, or empty}

A view sends ``{"do": NAME}``: ready, list, switch (with profile and read_only), region (region),
refresh, off, console, answer (question, and confirmed, code, entered or device_code) or cancel. Any
other message does nothing, and neither does an answer to a former question. *list* is answered with
``{"profiles": COUNT, "recent": [NAME, …], "regions": [NAME, …], "html": a card if there are none}``
and a buffer with the rows as JSON, which front ends don't copy, and *console* with ``{"console":
URL}``. Messages aren't saved with a notebook.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.cards import cards
from ipy_awsprofile.cards.card import Card
from ipy_awsprofile.config.files import SharedFiles, read_config
from ipy_awsprofile.config.profiles import ProfileKind, list_profiles
from ipy_awsprofile.config.regions import known_regions
from ipy_awsprofile.config.request import SESSION, SwitchRequest, arguments
from ipy_awsprofile.config.sign_ins import sign_ins
from ipy_awsprofile.credentials.person import device_of
from ipy_awsprofile.errors import (
    AwsProfileError,
    MfaRejected,
    MfaUnavailable,
    ProtectedProfile,
    SignInRequired,
    SwitchInterrupted,
    UnexpectedError,
)

if TYPE_CHECKING:
    from ipy_awsprofile.config.target import Target
    from ipy_awsprofile.sessions.session import Identity
    from ipy_awsprofile.sessions.sign_in import Attempt
    from ipy_awsprofile.switch.switcher import Switcher

#: Sends a message and its buffers to all views.
Send = Callable[[dict[str, Any], list[bytes]], object]

#: The number of recently used profiles, which come first in the list.
_RECENT = 8


class Conversation:
    """Carries out what the user does in the views, and shows every switch of the notebook there.

    A running cell keeps its identity: the newest command is carried out after the cell.
    """

    def __init__(self, switcher: Switcher, send: Send) -> None:
        self._switcher = switcher
        self._send = send
        self._lock = threading.RLock()  # each page can have a thread
        self._state: dict[str, Any] = {"busy": None, "ask": None, "error": ""}
        self._recent: list[str] = []
        self._cell_failed = False
        self._asked: tuple[SwitchRequest, bool] | None = None  # the switch that waits for an answer
        self._question = 0  # its number, because a page can answer a former question
        self._attempt: Attempt | None = None
        self._given_up = threading.Event()  # the attempt to sign in
        self._drop: Callable[[], object] = lambda: None  # the command that waits for the cell
        self._unsubscribe = switcher.subscribe(self._follow)

    def close(self) -> None:
        """End the conversation, and drop a command that waits."""
        self._unsubscribe()
        self._given_up.set()
        self._drop()

    def receive(self, command: Any) -> None:
        """Carry out a view's command."""
        active = self._switcher.request
        match command:
            case {"do": "ready"}:
                self.show()
            case {"do": "list"}:
                with self._errors_shown():
                    self._list()
            case {"do": "switch", "profile": str(name)}:
                request = SwitchRequest(profile=name, read_only=command.get("read_only") is True)
                self._begin(f"Switching to {name}", partial(self._switch, request))
            case {"do": "region", "region": str() | None as region} if active:
                request = replace(active, region=region)
                self._begin("Changing the Region", partial(self._switch, request))
            case {"do": "refresh"} if active:
                self._begin("Getting new credentials", partial(self._switch, active, fresh=True))
            case {"do": "answer", "question": self._question} if self._asked:
                request, fresh = self._asked
                again = partial(self._switch, request, fresh=fresh, answer=command)
                self._begin(f"Switching to {request.name}", again)
            case {"do": "off"}:
                self._begin("Switching off", self._switcher.off)
            case {"do": "console"}:
                self._run("Opening the console", self._open_console)
            case {"do": "cancel"}:
                self._give_up()
                self.show(busy=None, ask=None, error="")

    def show(self, **changes: Any) -> None:
        """Send the state with these changes."""
        with self._lock:
            self._state |= changes
            self._send(self._state | self._about_identity(), [])

    def show_error(self, error: AwsProfileError) -> None:
        """Show an error in the views."""
        self.show(busy=None, error=_html(cards.error_card(error)))

    def cell_ended(self, result: Any = None) -> None:
        """Show what a cell has changed without a switch, such as renewed credentials."""
        self._cell_failed = bool(result and not result.success)
        self.show()

    def _follow(self, identity: Identity | None) -> None:
        """Show a switch, whether by a magic, Python code or a view."""
        self._cell_failed = False
        if identity and identity.profile:
            others = (name for name in self._recent if name != identity.profile)
            self._recent = [identity.profile, *others][:_RECENT]
        self.show(error="")

    # ---- commands

    def _begin(self, doing: str, action: Callable[[], object]) -> None:
        """Carry out an action after the running cell, instead of what the user chose before."""
        self._give_up()
        if self._switcher.cell.is_running:
            self.show(busy={"doing": doing, "waits": True}, ask=None, error="")
        self._drop = self._switcher.cell.when_ended(
            partial(self._run, doing, action), dropped=partial(self.show, busy=None)
        )

    def _run(self, doing: str, action: Callable[[], object]) -> None:
        now = {"doing": doing, "waits": False}
        self.show(busy=now, ask=None, error="")
        with self._errors_shown():
            action()
            if self._state["busy"] is now:
                self.show(busy=None)

    def _give_up(self) -> None:
        """Drop what waits for the running cell or for a sign-in."""
        self._given_up.set()
        self._switcher.cell.drop()

    def _switch(
        self,
        request: SwitchRequest,
        *,
        fresh: bool = False,
        answer: Mapping[str, Any] | None = None,
    ) -> None:
        """Switch, or ask for what is missing. The views ask, because a callback can't wait."""
        answer = answer or {}
        if answer.get("confirmed") is True:
            request = replace(request, confirmed=True)
        self._asked = request, fresh
        self._question += 1
        codes = [str(answer["code"])] if "code" in answer else []
        devices: list[str] = []
        warnings: list[str] = []

        def take_code(question: str) -> str:  # the AWS CLI's cache may have a session instead
            devices.append(device_of(question))
            if codes:
                return codes.pop()
            raise MfaUnavailable("An MFA code is required.", "Refresh in the picker.")

        person = replace(
            self._switcher.person,
            mfa_prompter=take_code,
            attempts=1,
            sign_in=None,
            warn=warnings.append,
        )
        try:
            if self._attempt and "entered" in answer:
                self._attempt.enter(str(answer["entered"]))
            layer = self._switcher.prepare(request, fresh=fresh, again=fresh, person=person)
        except ProtectedProfile as error:
            self._ask("confirm", request, pattern=error.pattern, account=error.account)
        except SignInRequired:
            self._ask_to_sign_in(request, device_code=answer.get("device_code") is True)
        except (MfaUnavailable, MfaRejected) as error:
            if not devices:  # a program has printed the code
                raise
            if warnings:
                self._state["error"] = _html(cards.warning_card(warnings[0]))
            self._ask_for_code(request, devices[-1], error)
        else:
            # Another cell may have begun during the calls to AWS.
            move = partial(self._switcher.move, layer, again=fresh)
            self._begin(f"Switching to {request.name}", move)

    def _ask_for_code(self, request: SwitchRequest, device: str, error: AwsProfileError) -> None:
        """Ask for an MFA code, or for another one if ``error`` is about a rejected code."""
        is_rejected = isinstance(error, MfaRejected)
        if is_rejected:
            error.hint = "Each code works once. Wait for the device's next code."
            self._state["error"] = _html(cards.error_card(error))
        self._ask("code", request, device=device, again=is_rejected)

    def _ask(self, kind: str, request: SwitchRequest, **about: Any) -> None:
        question = {"kind": kind, "question": self._question, "profile": request.name}
        self._state["ask"] = {**question, **about}

    def _ask_to_sign_in(self, request: SwitchRequest, *, device_code: bool) -> None:
        from ipy_awsprofile.config.target import login_target
        from ipy_awsprofile.sessions.sign_in import begin_sign_in

        attempt = begin_sign_in(login_target(request), device_code=device_code)
        self._attempt = attempt
        self._given_up = threading.Event()
        self._ask("sign_in", request, url=attempt.url, code=attempt.code)
        # The kernel stays free. The thread ends when the attempt expires, or earlier.
        threading.Thread(
            target=self._wait,
            args=(attempt, self._given_up, self._question),
            name="sign-in",
            daemon=True,
        ).start()

    def _wait(self, attempt: Attempt, given_up: threading.Event, question: int) -> None:
        """Switch as soon as the user has signed in."""
        try:
            for _ in attempt.waiting(given_up.wait):
                if given_up.is_set():
                    return
        except AwsProfileError as error:
            if not given_up.is_set():
                self._state["ask"] = None
                self.show_error(error)
        else:
            self.receive({"do": "answer", "question": question})

    def _open_console(self) -> None:
        """Send a link, which contains a token, so it isn't a part of the state."""
        from ipy_awsprofile.sessions.console import console_link

        session = self._switcher.session
        if session:
            self._send({"console": console_link(session)}, [])

    @contextmanager
    def _errors_shown(self) -> Iterator[None]:
        """Show errors in the views, and raise unexpected ones for the kernel's log."""
        try:
            yield
        except AwsProfileError as error:
            self.show_error(error)
        except KeyboardInterrupt:
            self.show_error(SwitchInterrupted())
        except Exception as error:
            self.show_error(UnexpectedError(error))
            raise

    # ---- what the views show

    def _list(self) -> None:
        """Send the profiles, and the roles that ``%aws_profiles --sso`` has listed."""
        protects = self._switcher.protection.protects
        rows = [
            (
                profile.name,
                profile.account or "",
                profile.role or "",
                profile.region or "",
                protects(profile.name, profile.account or ""),
                f"{profile.kind}, MFA" if profile.mfa_serial else profile.kind,
            )
            for profile in list_profiles()
        ]
        if sign_ins(read_config()):
            from ipy_awsprofile.sessions.assigned_roles import known_roles_without_profile

            for role in known_roles_without_profile():
                account = f"{role.account.name} {role.account.id}"  # the user can search for both
                is_protected = protects(role.name, role.account.id)
                rows.append((role.name, account, role.role, "", is_protected, ProfileKind.SSO))
        message = {
            "profiles": len(rows),
            "recent": self._recent,
            "regions": known_regions(),
            "html": "",
        }
        if not rows:
            files = SharedFiles.from_environment()
            message["html"] = _html(cards.no_profiles_card(files, "open the list"))
        table = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
        self._send(message, [table.encode()])
        if "boto3" not in sys.modules:  # so that the first switch is faster
            threading.Thread(
                target=import_module,
                args=("ipy_awsprofile.sessions.session",),
                name="warm-up",
                daemon=True,
            ).start()

    def _about_identity(self) -> dict[str, Any]:
        """Return the part of the state that describes the identity, without calling AWS."""
        active = self._switcher.active
        if active is None:
            card = Card("No profile is active", notes=("Choose a profile for this notebook.",))
            return {"identity": None, "html": _html(card)}
        from ipy_awsprofile.sessions.assigned_roles import known_account_name  # imports boto3

        identity = active.current_identity()
        request = active.request
        target = active.session.target
        variable = ""
        if request.variable != SESSION:
            variable = request.variable
        seconds_left = None
        problem = ""
        if identity.expiry:
            seconds_left = (identity.expiry - datetime.now(UTC)).total_seconds()
            if seconds_left <= 0 and target.renews_unattended:
                problem = self._renewal_problem(target)
        card = cards.session_card(
            self._switcher,
            active.session,
            identity,
            variable=variable,
            problem=problem,
        )
        about = {
            "profile": identity.profile,
            "name": card.title,
            "account": known_account_name(identity.account) or identity.account,
            "region": identity.region or "",
            "chosen_region": request.region,
            "seconds_left": seconds_left,
            "renews": target.renews_unattended and not problem,
            "signs_in": target.signs_in,
            "protected": bool(card.mark),
            "read_only": request.read_only,
            "notes": len(card.notes),
            "code": f"%aws_profile {arguments(request)}",
        }
        return {"identity": about, "html": _html(card)}

    def _renewal_problem(self, target: Target) -> str:
        """Return why expired credentials haven't been renewed, if anything prevents it."""
        if target.signs_in:
            return "The next call renews the credentials if you are still signed in."
        if self._cell_failed:
            return "The credentials have expired and weren't renewed. Refresh to see why."
        return ""


def _html(card: Card) -> str:
    """Return a card's HTML."""
    return card._repr_html_()
