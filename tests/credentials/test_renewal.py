"""Expired credentials are renewed at each step of the role chain, with a prompt if needed.

The embedded AWS and botocore run in this process, so that the tests can move its clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, allow, trusting
from ipy_awsprofile.errors import MfaRejected, MfaUnavailable
from ipy_awsprofile.sessions.session import open_session, who_am_i
from ipy_awsprofile.switch.using_profile import using_profile
from tests.sessions.traces import actions

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario
    from tests.shells import Shell


class Clock:
    """The clock of this process, which keeps running and can be moved."""

    def __init__(self, traveller: Any) -> None:
        self._traveller = traveller

    def passes(self, **time: float) -> None:
        """Move the clock, for example ``passes(hours=2)``."""
        self._traveller.shift(timedelta(**time))


@pytest.fixture
def clock() -> Iterator[Clock]:
    """Yield a clock that can be moved."""
    with time_machine.travel(datetime.now(UTC), tick=True) as traveller:
        yield Clock(traveller)


class Phone:
    """A user's MFA device, which records the prompts."""

    def __init__(self, aws: EmbeddedAws, serial: str) -> None:
        self._aws = aws
        self.serial = serial
        self.questions: list[str] = []

    def __call__(self, question: str) -> str:
        """Return the code that the device shows."""
        self.questions.append(question)
        return self._aws.mfa_code(self.serial)


@pytest.fixture
def phone(aws: EmbeddedAws, auditor: str) -> Phone:
    """Return the MFA device of the profile Auditor."""
    return Phone(aws, auditor)


def test_mfa_is_asked_for_at_each_renewal(aws: EmbeddedAws, clock: Clock, phone: Phone) -> None:
    """The same session and client work after each expiry, with a new code each time."""
    session = open_session("Auditor", mfa_prompter=phone)
    s3 = session.client("s3")
    for asked in (1, 2, 3):
        assert s3.list_buckets()["Buckets"]
        assert phone.questions == [f"Enter MFA code for {phone.serial}: "] * asked
        assert actions(aws) == ["sts:AssumeRole", "s3:ListAllMyBuckets"]
        clock.passes(hours=2)


def add_role_behind(aws: EmbeddedAws, **settings: Any) -> None:
    """Create a role that Auditor assumes, and its profile with these settings."""
    role_arn = aws.create_role(
        "Behind",
        account=ROLE_ACCOUNT,
        trust=trusting(f"arn:aws:iam::{ROLE_ACCOUNT}:role/Auditor"),
        policy=allow("s3:*"),
    )
    aws.write_profile("Behind", source_profile="Auditor", role_arn=role_arn, **settings)


def test_mfa_in_the_middle_of_a_chain(
    aws: EmbeddedAws, clock: Clock, phone: Phone, scenario: Scenario
) -> None:
    """If a role's source requires MFA, the role renews itself with one code for that step."""
    add_role_behind(aws)
    session = open_session("Behind", mfa_prompter=phone, region="us-west-2")
    clock.passes(hours=2)
    aws.calls.clear()
    session.client("s3").list_buckets()
    assert len(phone.questions) == 2
    assert actions(aws) == ["sts:AssumeRole", "sts:AssumeRole", "s3:ListAllMyBuckets"]
    clock.passes(minutes=30)
    session.client("s3").list_buckets()
    assert len(phone.questions) == 2


def test_wrong_code_at_a_renewal(aws: EmbeddedAws, clock: Clock, phone: Phone) -> None:
    """A wrong code raises our error in the user's own call, and the next call prompts again."""
    session = open_session("Auditor", mfa_prompter=phone)
    s3 = session.client("s3")
    clock.passes(hours=2)
    wrong = "000000" if aws.mfa_code(phone.serial) != "000000" else "1" * 6
    session.person = Person(mfa_prompter=lambda _: wrong)
    with pytest.raises(MfaRejected, match="AWS refused the MFA code for `Auditor`"):
        s3.list_buckets()
    session.person = Person(mfa_prompter=phone)
    assert s3.list_buckets()["Buckets"]


def test_in_a_cell_it_is_asked_again(
    aws: EmbeddedAws,
    clock: Clock,
    phone: Phone,
    shell: Shell,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A cell that uses the session two hours later prompts for a code, and continues."""
    as_front_end(monkeypatch, phone)
    shell.good("%aws_profile Auditor")
    shell.good("s3 = session.client('s3')")
    clock.passes(hours=2)
    shell.good("assert s3.list_buckets()['Buckets']")
    assert len(phone.questions) == 2
    clock.passes(hours=2)
    shell.good("%aws_profile")
    assert len(phone.questions) == 3


def as_front_end(monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], str]) -> None:
    """Answer prompts with a function, as a front end would."""

    def getpass(question: str) -> str:
        return answer(question)

    monkeypatch.setattr("getpass.getpass", getpass)


def test_error_in_a_later_cell_is_one_of_ours(
    clock: Clock,
    phone: Phone,
    shell: Shell,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """If no one can answer later, the user's own call raises our error, and nothing is logged."""
    with monkeypatch.context() as attended:
        as_front_end(attended, phone)
        shell.good("%aws_profile Auditor")
    clock.passes(hours=2)
    error = shell.refused("session.client('s3').list_buckets()")
    assert isinstance(error, MfaUnavailable)
    assert caplog.records == []


def test_leaving_a_scope_asks_nobody(
    aws: EmbeddedAws, clock: Clock, phone: Phone, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of a scope doesn't prompt, even if the earlier identity has expired meanwhile."""
    with monkeypatch.context() as attended:
        as_front_end(attended, phone)
        shell.good("%aws_profile Auditor")
    with using_profile("RoleBeta"):
        clock.passes(hours=2)
        aws.calls.clear()
    assert aws.calls == []
    assert len(phone.questions) == 1
    assert shell.names["session"].chain[0] == "Auditor"


def test_plain_role_renews_itself(aws: EmbeddedAws, clock: Clock, scenario: Scenario) -> None:
    """A role without MFA renews itself with one AssumeRole, and its identity has the new expiry."""
    session = open_session("RoleBeta")
    s3 = session.client("s3")
    before = who_am_i(session).expiry
    clock.passes(hours=2)
    aws.calls.clear()
    assert s3.list_buckets()["Buckets"]
    after = who_am_i(session).expiry
    assert before
    assert after
    assert after - before >= timedelta(hours=2)
    assert [call.action for call in aws.calls] == ["sts:AssumeRole", "s3:ListAllMyBuckets"]


def test_short_session_asks_once(
    aws: EmbeddedAws,
    clock: Clock,
    phone: Phone,
    shell: Shell,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A 15-minute session needs one code and one call, across switches, until it ends."""
    as_front_end(monkeypatch, phone)
    shell.good("%aws_profile Auditor --duration 15m")
    shell.good("s3 = session.client('s3')")
    clock.passes(minutes=13)
    shell.good("assert s3.list_buckets()['Buckets']")
    shell.good("%aws_profile RoleBeta")
    shell.good("%aws_profile Auditor --duration 15m")
    assert len(phone.questions) == 1
    clock.passes(minutes=3)
    shell.good("assert s3.list_buckets()['Buckets']")
    assert len(phone.questions) == 2


@pytest.mark.parametrize(
    ("minutes", "left", "is_used"), [(15, 4, True), (15, 3, False), (60, 16, True), (60, 14, False)]
)
def test_time_before_the_end(
    aws: EmbeddedAws, clock: Clock, *, minutes: int, left: int, is_used: bool
) -> None:
    """Clients and the cache use a session for three quarters of its time."""
    duration = f"{minutes}m"
    s3 = open_session("RoleBeta", duration=duration).client("s3")
    clock.passes(minutes=minutes - left)
    aws.calls.clear()
    open_session("RoleBeta", duration=duration)
    s3.list_buckets()
    s3.list_buckets()
    assert [call.action for call in aws.calls].count("sts:AssumeRole") == (not is_used)


def test_nobody_answers_before_the_end(aws: EmbeddedAws, clock: Clock, phone: Phone) -> None:
    """If no one can answer, a session is used until it ends."""
    session = open_session("Auditor", mfa_prompter=phone)
    session.person = Person()
    clock.passes(minutes=59, seconds=45)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(session.client("s3").list_buckets).result()["Buckets"]


def test_wrong_code_is_asked_again(
    aws: EmbeddedAws,
    phone: Phone,
    shell: Shell,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If a code is invalid or AWS refuses it, the cell prompts again, up to three times in all."""
    right = phone("")
    wrong = "000000" if right != "000000" else "1" * 6
    answers = iter([wrong, "12345", right])
    as_front_end(monkeypatch, lambda _: next(answers))
    printed = shell.good("%aws_profile Auditor").text
    assert "profile  Auditor" in printed
    assert "AWS refused the MFA code for `Auditor`" in printed
    assert "An MFA code has exactly six digits." in printed
    assert wrong not in printed
    answers = iter([wrong] * 4)
    assert isinstance(shell.run("%aws_profile --refresh").error, MfaRejected)
    assert next(answers) == wrong  # the fourth code wasn't used
    assert "Auditor" in shell.good("%aws_profile").text


def test_one_code_for_a_chain(
    aws: EmbeddedAws, clock: Clock, phone: Phone, scenario: Scenario
) -> None:
    """If all roles of a chain name the same device, one code is enough, even for a renewal."""
    add_role_behind(aws, mfa_serial=phone.serial)
    session = open_session("Behind", mfa_prompter=phone, region="us-west-2")
    clock.passes(hours=2)
    session.client("s3").list_buckets()
    assert len(phone.questions) == 2
