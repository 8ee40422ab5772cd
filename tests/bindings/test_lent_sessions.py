"""Lent sessions stay available to the processes that use them, up to a limit."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile.bindings import lent_sessions
from ipy_awsprofile.bindings.follow import follow
from ipy_awsprofile.bindings.lent_sessions import LentSessions
from ipy_awsprofile.sessions.session import ProfileSession, open_session
from tests.bindings.borrowing import arn_of, lent, run

if TYPE_CHECKING:
    from ipy_awsprofile.bindings.credential_server import CredentialServer
    from ipy_awsprofile.demo.aws import EmbeddedAws


@pytest.fixture(autouse=True)
def most(monkeypatch: pytest.MonkeyPatch) -> int:
    """Limit the sessions that the kernel no longer uses to two, and return the limit."""
    monkeypatch.setattr(lent_sessions, "MOST", 2)
    return 2


def opened(name: str) -> ProfileSession:
    """Open a session of RoleBeta with this session name."""
    return open_session("RoleBeta", session_name=name, read_only=True)


class Lender:
    """Lends sessions as switches do; ``dropped`` has the paths of the dropped sessions."""

    def __init__(self) -> None:
        self.dropped: list[str] = []
        self.sessions = LentSessions(self.dropped.append)

    def switch(self, name: str) -> str:
        """Lend the session until the next switch, and return its path."""
        path = self.sessions.add(opened(name))
        with self.sessions.held(path):
            return path


def test_what_nobody_asks_for_is_dropped_first(aws: EmbeddedAws) -> None:
    """If there are too many sessions, the least recently used session is dropped."""
    lender = Lender()
    one, two = lender.switch("one"), lender.switch("two")
    assert lender.sessions.get(one)
    lender.switch("three")
    assert lender.dropped == [two]
    assert lender.sessions.get(two) is None
    assert lender.sessions.get(one)
    assert lender.switch("two") not in {one, two}  # paths are never reused


@pytest.mark.slow
def test_what_has_ended_is_dropped_before(aws: EmbeddedAws) -> None:
    """A session with expired credentials is dropped before a session that was unused for longer."""
    lender = Lender()
    lender.switch("one")
    two = lender.switch("two")
    session: Any = lender.sessions.get(two)
    session.get_credentials()._expiry_time = datetime.now(UTC)
    lender.switch("three")
    assert lender.dropped == [two]


@pytest.mark.slow
def test_what_the_kernel_follows_stays(aws: EmbeddedAws) -> None:
    """The active identity stays lent, however many scopes there are."""
    lender = Lender()
    outer = lender.sessions.add(opened("outer"))
    with lender.sessions.held(outer):
        for name in ("one", "two", "three", "four"):
            lender.switch(name)
        assert lender.sessions.get(outer)
        assert len(lender.dropped) == 2


def test_an_identity_is_who_signs(aws: EmbeddedAws) -> None:
    """If STS reports another principal, a session with the same settings gets another address."""
    sessions = LentSessions(print)
    first, again, other = opened("one"), opened("one"), opened("one")
    other.principal = "arn:aws:sts::999999999999:assumed-role/RoleBeta"
    assert sessions.add(first) == sessions.add(again)
    assert sessions.add(other) != sessions.add(first)


def test_children_of_former_identities(aws: EmbeddedAws, server: CredentialServer) -> None:
    """After other switches, a child process still gets its own identity, up to the limit."""
    addresses = []
    for name in ("one", "two", "three"):
        session = opened(name)
        with ExitStack() as switch:
            switch.enter_context(
                follow(None, "session", session, ["environment"], server, rest=session)
            )
            addresses.append(server.lend(session))
    assert arn_of(lent(addresses[1]), aws).endswith("/two")
    assert run(addresses[0].command).stderr == "No session is lent at this address.\n"
    assert [address.folder.exists() for address in addresses] == [False, True, True]
