"""Keep the state of the picker's views, and carry out the actions that the user takes in them.

A view is shown in a cell through anywidget, or in the toolbar through a comm.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from ipy_awsprofile.cards import cards
from ipy_awsprofile.config.files import SharedFiles, read_config
from ipy_awsprofile.config.listing import list_profiles
from ipy_awsprofile.config.private import of_process
from ipy_awsprofile.config.profiles import ProfileKind
from ipy_awsprofile.config.recent import recent_profiles
from ipy_awsprofile.config.regions import known_regions
from ipy_awsprofile.config.request import SESSION, SwitchRequest, arguments
from ipy_awsprofile.config.sign_ins import sign_ins
from ipy_awsprofile.config.target import login_target
from ipy_awsprofile.credentials.inbox import INBOX, Answer, next_number
from ipy_awsprofile.credentials.person import device_of
from ipy_awsprofile.credentials.providers import renewal_has_failed
from ipy_awsprofile.credentials.sts import aws_now
from ipy_awsprofile.errors import (
    AwsProfileError,
    MfaRejected,
    MfaUnavailable,
    ProtectedProfile,
    SignInRequired,
    SwitchInterrupted,
    faults_as_errors,
)
from ipy_awsprofile.picker.messages import (
    Ask,
    Busy,
    ConsoleLink,
    Message,
    Profiles,
    Progress,
    Row,
    ShownIdentity,
    State,
)
from ipy_awsprofile.sessions.assigned_roles import (
    known_account_name,
    known_roles_without_profile,
    named_account,
)
from ipy_awsprofile.sessions.console import console_link
from ipy_awsprofile.sessions.signing_in import begin_sign_in
from ipy_awsprofile.switch.opening import Opening, is_protected

if TYPE_CHECKING:
    from typing import Unpack

    from ipy_awsprofile.sessions.session import Identity
    from ipy_awsprofile.sessions.signing_in import Attempt
    from ipy_awsprofile.switch.switcher import Switcher

#: Sends a message and its buffers to all views.
Send = Callable[[Message, list[bytes]], object]

#: The columns of a row with the name and the kind.
_NAME = 0
_KIND = 5


@dataclass(frozen=True, slots=True)
class _Asked:
    """A switch that waits for the user's answer or for the end of a sign-in attempt."""

    request: SwitchRequest
    opening: Opening
    attempt: Attempt | None = None
    number: int = field(default_factory=next_number)


class _CodePrompter:
    """Answers botocore's first prompt for an MFA code if the user has already entered the code.

    ``device`` is the MFA device of the last prompt, or an empty string if botocore hasn't prompted
    because the AWS CLI's cache contains a session.
    """

    def __init__(self, code: str) -> None:
        self._code = code
        self.device = ""

    def __call__(self, question: str) -> str:
        self.device = device_of(question)
        code = self._code
        self._code = ""
        if not code:
            raise MfaUnavailable("An MFA code is required.", "In the picker, click Refresh.")
        return code


class Conversation:
    """Carries out the user's actions in the views, and shows every switch in the views.

    A running cell keeps its identity. After the running cell ends, only the newest command is
    carried out.
    """

    def __init__(self, switcher: Switcher, send: Send) -> None:
        self._switcher = switcher
        self._send = send
        self._lock = of_process(
            self, name="_lock", create=threading.RLock
        )  # each page can have a thread
        self._progress: Progress = {"busy": None, "ask": None, "error": ""}
        self._asked: _Asked | None = None
        self._unsubscribe = switcher.subscribe(self._follow)
        self._leave_inbox = INBOX.subscribe(self.show)

    def close(self) -> None:
        """End the conversation, and cancel a command that is still waiting."""
        self._unsubscribe()
        self._leave_inbox()
        self._give_up()

    def receive(self, command: object) -> None:
        """Carry out a command that a view has sent."""
        active = self._switcher.request
        match command:
            case {"do": "ready"}:
                self.show()
            case {"do": "list"}:
                with self._errors_shown():
                    self._list()
            case {"do": "switch", "profile": str(name), "read_only": bool(read_only)}:
                request = SwitchRequest(profile=name, read_only=read_only)
                self._begin(f"Switching to {name}", partial(self._switch, request))
            case {"do": "repeat", "request": {**values}}:
                with self._errors_shown():
                    request = SwitchRequest(**cast("Any", values))
                    self._begin(f"Switching to {request.name}", partial(self._switch, request))
            case {"do": "region", "region": str() | None as region} if active:
                request = replace(active, region=region)
                self._begin("Changing the Region", partial(self._switch, request))
            case {"do": "refresh"} if active:
                self._begin(
                    "Getting new credentials", partial(self._switch, active, Opening.REFRESHED)
                )
            case {"do": "answer", "question": int(number), **answer}:
                if not INBOX.take(number, answer):
                    self._take_answer(number, answer)
            case {"do": "off"}:
                self._begin("Switching off", self._switcher.off)
            case {"do": "console"}:
                self._run("Opening the console", self._open_console)
            case {"do": "close_window"}:
                self._switcher.recipients.close_window()
                self.show()
            case {"do": "cancel"}:
                self._give_up()
                self.show(busy=None, ask=None, error="")

    def show(self, **changes: Unpack[Progress]) -> None:
        """Change the state, and send the complete state to the views."""
        with self._lock:
            self._progress |= changes
            self._send(self._state(), [])

    def _show_error(self, error: AwsProfileError) -> None:
        self.show(busy=None, error=cards.error_card(error)._repr_html_())

    def cell_ended(self, _result: object = None) -> None:
        """Show changes that a cell made without a switch, such as renewed credentials."""
        self.show()

    def _follow(self, _identity: Identity | None) -> None:
        """Show a switch in all views, whether a magic, Python code or a view made the switch."""
        self.show(error="")

    # ---- commands

    def _begin(self, doing: str, action: Callable[[], object]) -> None:
        """Carry out an action after the running cell ends, in place of any waiting action."""
        self._give_up()
        if self._switcher.cell.is_running:
            self.show(busy={"doing": doing, "waits": True}, ask=None, error="")
        self._switcher.cell.when_ended(
            partial(self._run, doing, action), dropped=partial(self.show, busy=None)
        )

    def _run(self, doing: str, action: Callable[[], object]) -> None:
        now: Busy = {"doing": doing, "waits": False}
        self.show(busy=now, ask=None, error="")
        with self._errors_shown():
            action()
            if self._progress["busy"] == now:  # the action has neither asked nor begun another
                self.show(busy=None)

    def _give_up(self) -> None:
        """Cancel an action that waits for the running cell or for the user."""
        self._take_question()
        self._switcher.cell.drop()

    def _switch(
        self,
        request: SwitchRequest,
        opening: Opening = Opening.CACHED,
        *,
        code: str = "",
        device_code: bool = False,
    ) -> None:
        """Switch, or ask the user for missing information.

        The views show the questions, because a callback can't wait for an answer.
        """
        prompter = _CodePrompter(code)
        person = replace(
            self._switcher.person, mfa_prompter=prompter, attempts=1, sign_in_prompter=None
        )
        asked = _Asked(request, opening)
        try:
            opened = self._switcher.prepare(request, opening, person=person)
        except ProtectedProfile as error:
            account = named_account(error.account)
            self._ask(asked, kind="confirm", pattern=error.pattern, account=account)
        except SignInRequired:
            self._ask_to_sign_in(request, opening, device_code=device_code)
        except (MfaUnavailable, MfaRejected) as error:
            if not prompter.device:  # a program has printed the code
                raise
            self._ask_for_code(asked, prompter.device, error)
        else:
            # Another cell may have begun during the calls to AWS.
            move = partial(self._switcher.move, opened)
            self._begin(f"Switching to {request.name}", move)

    # ---- questions

    def _ask(self, asked: _Asked, **question: Unpack[Ask]) -> None:
        """Ask the user a question about a switch."""
        common: Ask = {"question": asked.number, "profile": asked.request.name, "error": ""}
        common |= {"of_cell": False, "can_answer": True}
        with self._lock:
            self._asked = asked
            self.show(busy=None, ask={**common, **question}, error="")

    def _take_question(self, number: int | None = None) -> _Asked | None:
        """Close the open question, and return the switch that waits for its answer.

        Return None if no question is open. If a ``number`` is given, close only the question with
        this number.
        """
        with self._lock:
            asked = self._asked
            if asked is None or number not in (None, asked.number):
                return None
            self._asked = None
        return asked

    def _take_answer(self, number: int, answer: Answer) -> None:
        """Continue the switch that waits for this answer, unless its question is closed."""
        asked = self._take_question(number)
        if asked:
            go_on = partial(self._go_on, asked, answer)
            self._begin(f"Switching to {asked.request.name}", go_on)

    def _go_on(self, asked: _Asked, answer: Answer) -> None:
        """Continue a switch with the user's answer."""
        request = asked.request
        if answer.get("confirmed"):
            request = replace(request, confirmed=True)
        if asked.attempt and "entered" in answer:
            asked.attempt.enter(str(answer["entered"]))
        code = str(answer.get("code", ""))
        device_code = bool(answer.get("device_code"))
        self._switch(request, asked.opening, code=code, device_code=device_code)

    def _ask_for_code(self, asked: _Asked, device: str, error: AwsProfileError) -> None:
        """Ask for an MFA code. If ``error`` says that AWS rejected a code, ask for another code."""
        shown = ""
        needs_next_code = False
        if isinstance(error, MfaRejected):
            shown = f"{error} {error.next_answer}"
            needs_next_code = error.was_sent
        self._ask(asked, kind="code", device=device, again=needs_next_code, error=shown)

    def _ask_to_sign_in(
        self, request: SwitchRequest, opening: Opening, *, device_code: bool
    ) -> None:
        attempt = begin_sign_in(
            login_target(request), device_code=device_code, retry="Choose the profile again"
        )
        asked = _Asked(request, opening, attempt)
        self._ask(asked, **attempt.question())
        # The kernel stays free. The thread ends when the attempt expires, or earlier.
        threading.Thread(
            target=self._wait, args=(asked, attempt), name="sign-in", daemon=True
        ).start()

    def _wait(self, asked: _Asked, attempt: Attempt) -> None:
        """Wait until the user has signed in, and then switch."""
        try:
            for _ in attempt.waiting():
                if self._asked != asked:  # the user has answered or given up
                    return
        except AwsProfileError as error:
            if self._take_question(asked.number):
                self.show(ask=None, error=cards.error_card(error)._repr_html_())
        else:
            self._take_answer(asked.number, {})

    def _open_console(self) -> None:
        """Send the views a link to the AWS console.

        The link contains a token, so the link isn't part of the state.
        """
        session = self._switcher.session
        if session:
            link: ConsoleLink = {"console": console_link(session)}
            self._send(link, [])

    @contextmanager
    def _errors_shown(self) -> Iterator[None]:
        """Run a ``with`` block, and show an error from the block in the views."""
        try:
            with faults_as_errors():
                yield
        except AwsProfileError as error:
            self._show_error(error)
        except KeyboardInterrupt:
            self._show_error(SwitchInterrupted())

    # ---- what the views show

    def _list(self) -> None:
        """Send the views the profiles and the roles that ``%aws_profiles --sso`` has listed."""
        protects = self._switcher.protection.protects
        rows: list[Row] = []
        for profile in list_profiles():
            account = profile.account or ""
            is_protected = protects(profile.name, account)
            kind = str(profile.kind)
            if profile.mfa_serial:
                kind += ", MFA"
            region = profile.region or ""
            shown = named_account(account)
            rows.append((profile.name, shown, profile.role or "", region, is_protected, kind))
        if sign_ins(read_config()):
            for role in known_roles_without_profile():
                account = named_account(role.account.id)
                is_protected = protects(role.name, role.account.id)
                rows.append((role.name, account, role.role, "", is_protected, ProfileKind.SSO))
        rows.sort(key=_is_incomplete)  # the others keep their order
        usable = {row[_NAME] for row in rows if not _is_incomplete(row)}
        message: Profiles = {
            "profiles": len(rows),
            "recent": [name for name in recent_profiles() if name in usable],
            "regions": list(known_regions()),
            "html": "",
        }
        if not rows:
            files = SharedFiles.from_environment()
            message["html"] = cards.no_profiles_card(files)._repr_html_()
        table = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
        self._send(message, [table.encode()])

    def _state(self) -> State:
        """Return the state for the views, without calling AWS."""
        active = self._switcher.active
        progress = self._progress.copy()
        if INBOX.ask:  # the running cell waits for it
            progress["ask"] = cast("Ask", INBOX.ask)
        if active is None:
            card = cards.inactive_card("Choose a profile for this notebook.")
            return {**progress, "identity": None, "html": card._repr_html_()}
        identity = active.current_identity()
        variable = ""
        if active.request.variable != SESSION:
            variable = active.request.variable
        seconds_left = _seconds_until(identity.expiry)
        target = active.session.target
        has_failed = renewal_has_failed(active.session.get_credentials())
        problem = ""
        if seconds_left == 0 and target.signs_in:
            problem = "The next call renews the credentials if you are still signed in."
        if seconds_left == 0 and has_failed:
            problem = "The credentials couldn't be renewed. The next call tries again."
        card = cards.active_identity_card(
            self._switcher, active, identity, variable=variable, problem=problem
        )
        window = self._switcher.recipients.window
        window_left = _seconds_until(window.ends, aws_now()) if window else None
        about: ShownIdentity = {
            "profile": identity.profile,
            "name": card.title,
            "account": known_account_name(identity.account) or identity.account,
            "region": identity.region or "",
            "chosen_region": active.request.region,
            "seconds_left": seconds_left,
            "renews": target.renews_unattended and not has_failed,
            "signs_in": target.signs_in,
            "protected": is_protected(self._switcher.active, self._switcher.protection),
            "read_only": active.request.read_only,
            "notes": len(card.notes),
            "code": f"%aws_profile {arguments(active.request)}",
            "request": _values_of(active.request),
            "window_seconds_left": window_left,
        }
        return {**progress, "identity": about, "html": card._repr_html_()}


def _values_of(request: SwitchRequest) -> dict[str, object]:
    """Return the arguments for a `SwitchRequest` that repeats a request.

    The arguments don't include the confirmation, so the user must confirm a protected profile
    again.
    """
    values: dict[str, object] = {}
    for each in fields(request):
        value = getattr(request, each.name)
        if value == each.default or each.name in ("confirmed", "source"):
            continue
        if isinstance(value, timedelta):
            value = value.total_seconds()
        values[each.name] = value
    return values


def _is_incomplete(row: Row) -> bool:
    return row[_KIND] == ProfileKind.INCOMPLETE


def _seconds_until(time: datetime | None, now: datetime | None = None) -> float | None:
    if time is None:
        return None
    return max((time - (now or datetime.now(UTC))).total_seconds(), 0)
