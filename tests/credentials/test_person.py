"""MFA codes and sign-ins come from the user, or fail if no user is available."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import Target, target_of
from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from ipy_awsprofile.errors import MfaRejected, MfaUnavailable, SignInRequired
from ipy_awsprofile.sessions.identity import who_am_i
from ipy_awsprofile.sessions.session import open_session

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws

QUESTION = "Enter MFA code for arn:phone: "


def target(config: Path, mfa_process: str = "") -> Target:
    """Return the target of a role profile with an MFA device, and optionally a command for it."""
    config.write_text(
        "[profile role]\nrole_arn = r\nsource_profile = keys\nmfa_serial = arn:phone\n"
        f"{mfa_process}\n[profile keys]\naws_access_key_id = k\naws_secret_access_key = s\n"
    )
    return target_of(SessionRequest(profile="role"))


def test_the_profiles_command_takes_precedence(shared_files: tuple[Path, Path]) -> None:
    """The profile's mfa_process comes first, then the one in the settings, then the prompt."""
    person = Person(mfa_prompter=lambda _: "000003", mfa_process=lambda _: "000002")
    with_command = target(shared_files[0], "mfa_process = echo 000001")
    assert person.code(QUESTION, with_command) == "000001"
    without_command = target(shared_files[0])
    assert person.code(QUESTION, without_command) == "000002"
    assert Person(mfa_prompter=lambda _: "000003").code(QUESTION, without_command) == "000003"


def test_sign_in(shared_files: tuple[Path, Path]) -> None:
    """The user signs in for the target, and if no user is available, an error says so."""
    signed_in: list[str] = []
    asked_for = target(shared_files[0])
    Person(sign_in=lambda target: signed_in.append(target.name)).sign_in_for(asked_for)
    assert signed_in == ["role"]
    with pytest.raises(SignInRequired, match="The sign-in of `keys`"):
        Person().sign_in_for(asked_for)


def test_mfa_code_is_asked_for_once(aws: EmbeddedAws, auditor: str) -> None:
    """The prompter gets the question once, and then the cached role doesn't need a code."""
    questions: list[str] = []

    def prompter(question: str) -> str:
        questions.append(question)
        return aws.mfa_code(auditor)

    identity = who_am_i(open_session("Auditor", mfa_prompter=prompter))
    assert identity.account == ROLE_ACCOUNT
    assert who_am_i(open_session("Auditor", mfa_prompter=prompter)) == identity
    assert questions == [f"Enter MFA code for {auditor}: "]


def test_wrong_mfa_code(aws: EmbeddedAws, auditor: str) -> None:
    """If AWS refuses a code, the error doesn't quote the code."""
    wrong = "000000" if aws.mfa_code(auditor) != "000000" else "000001"
    with pytest.raises(MfaRejected, match="AWS refused the MFA code for `Auditor`") as caught:
        open_session("Auditor", mfa_prompter=lambda _: wrong)
    assert wrong not in str(caught.value)


def test_mfa_where_nobody_can_answer(aws: EmbeddedAws, auditor: str) -> None:
    """Without a terminal or a front end, a profile with MFA raises an error instead of a prompt."""
    with pytest.raises(MfaUnavailable) as caught:
        open_session("Auditor")
    assert auditor in str(caught.value)
    assert caught.value.hint
