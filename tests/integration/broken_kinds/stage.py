"""The environment in which a row is tested, and how to restore it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.credentials.mfa_prompt import ask_on_input_channel
from ipy_awsprofile.demo.aws import EmbeddedAws
from tests.servers import Answers, odd_server

if TYPE_CHECKING:
    from ipy_awsprofile.demo.iam.users_and_roles import IamUser

#: A secret that AWS doesn't know, and that no output may contain.
HUSH = "hush-hush"


@dataclass
class Stage:
    """The environment of a row, and the user who answers its prompts."""

    aws: EmbeddedAws
    ann: IamUser
    values: dict[str, str]
    patch: pytest.MonkeyPatch
    until_the_end: ExitStack
    person: Callable[[str], str] = ask_on_input_channel

    def answer_with(self, *answers: tuple[int, str]) -> Answers:
        """Move the profiles' endpoint to a server that gives these answers."""
        given = Answers(*answers)
        self.move_endpoint(self.until_the_end.enter_context(odd_server(given)))
        return given

    def move_endpoint(self, url: str) -> None:
        """Replace the endpoint in the profiles."""
        text = self.aws.config_file.read_text()
        self.aws.config_file.write_text(text.replace(self.aws.endpoint_url, url))


Break = Callable[[Stage], object]
