"""The user sees a message about a slow process, but not about a fast one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.credentials import process_wait
from ipy_awsprofile.credentials.mfa_prompt import code_from
from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.credentials.process_wait import ends_within
from ipy_awsprofile.errors import CredentialsUnavailable
from ipy_awsprofile.sessions.session import open_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipy_awsprofile.demo.aws import EmbeddedAws


class Told:
    """The messages that the user has seen, and whether the wait is over."""

    def __init__(self) -> None:
        self.events: list[str] = []

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Record a message, and the end of the wait."""
        self.events.append(what)
        try:
            yield
        finally:
            self.events.append("over")


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.mark.parametrize(
    ("ends", "waits", "events"),
    [
        ([True], [2.0], []),
        ([False, True], [2.0, 3.0], ["it", "over"]),
        ([False, False], [2.0, 3.0], ["it", "over"]),
    ],
)
def test_told_if_it_is_not_soon(
    told: Told, ends: list[bool], waits: list[float], events: list[str]
) -> None:
    """A message appears after two seconds, and the wait goes on until the timeout."""
    asked: list[float] = []

    def has_ended(seconds: float) -> bool:
        asked.append(seconds)
        return ends[len(asked) - 1]

    assert ends_within(5.0, has_ended, "it", told.waiting) is ends[-1]
    assert (asked, told.events) == (waits, events)


def test_interrupted(told: Told) -> None:
    """Ctrl-C also ends the message."""

    def has_ended(seconds: float) -> bool:
        if told.events:
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        ends_within(5.0, has_ended, "it", told.waiting)
    assert told.events == ["it", "over"]


@pytest.mark.parametrize("quiet", [0.0, 60.0])
def test_processes(
    aws: EmbeddedAws, told: Told, quiet: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For both kinds of processes, the message names the purpose, but not the arguments."""
    monkeypatch.setattr(process_wait, "QUIET", quiet)
    aws.write_profile("Slow", credential_process='sh -c "sleep 1; echo hush"')
    target = target_of(SessionRequest(profile="Slow"))
    with pytest.raises(CredentialsUnavailable):
        open_target(target, person=Person(waiting=told.waiting))
    code = code_from("sleep 1; echo 123456", "Enter MFA code for arn:mfa: ", told.waiting)
    assert code == "123456"
    events = ["the credential_process of `Slow`", "over", "the mfa_process for arn:mfa", "over"]
    assert told.events == ([] if quiet else events)
