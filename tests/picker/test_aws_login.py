"""Signing in to an `aws login` profile from the picker, in the browser or with a code."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, allow
from tests.local_browser import Browser, browser
from tests.picker.person import waited_for

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.picker.person import Person

pytest.importorskip("awscrt", reason="needs botocore[crt]")

__all__ = ["browser"]


@pytest.fixture(autouse=True)
def _ann(aws: EmbeddedAws, person: Person) -> None:
    user = aws.create_user("Ann", account=ROLE_ACCOUNT, policy=allow("s3:*"))
    aws.write_profile("Ann", login_session=user.arn, region="us-west-2")
    aws.signin.codes.user = user


def shown_code(url: str) -> str:
    """Allow a sign-in in a browser on another machine, and return the code from its page."""
    with urllib.request.urlopen(url, urlencode({"answer": "allow"}).encode()) as response:
        page: str = response.read().decode()
    return page.partition("<code>")[2].partition("</code>")[0]


@pytest.mark.slow
def test_in_the_browser(aws: EmbeddedAws, person: Person, browser: Browser) -> None:
    """The kernel's machine opens its browser; after the sign-in, the switch succeeds."""
    assert person.switches("Ann")["code"] == ""
    waited_for(person, "signed_in")
    assert person.switches("Ann")["type"] == "done"
    assert person.picker.value == "Ann"


@pytest.mark.slow
def test_another_program_logs_in(aws: EmbeddedAws, person: Person) -> None:
    """If another program logs in while the view asks for a code, the switch needs no code."""
    assert person.switches("Ann")["code"] is None
    user = aws.signin.codes.user
    assert user
    aws.signin.login(user)
    waited_for(person, "signed_in")
    assert person.switches("Ann")["type"] == "done"


def test_by_a_code(aws: EmbeddedAws, person: Person) -> None:
    """On another machine, the user enters the code from the page; a wrong code is an error."""
    asked = person.switches("Ann")
    assert asked["code"] is None
    assert "the code for the sign-in of" in person.switches("Ann", entered="x")["html"]
    code = shown_code(person.switches("Ann")["url"])
    answers = person.chooses("Ann", entered=code)
    assert answers[-1]["type"] == "done"
    conversation = person.picker._conversation
    seen = json.dumps(answers) + repr(vars(conversation._commands) | vars(conversation._sign_ins))
    assert [secret for secret in aws.secrets() if secret in seen] == []
    assert person.picker.value == "Ann"
