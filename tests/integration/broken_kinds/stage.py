"""A mistake of a user, and the environment in which it is tested."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.credentials.person import ask_on_input_channel
from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.errors import AwsProfileError

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

    def move_endpoint(self, url: str) -> None:
        """Replace the endpoint in the profiles."""
        text = self.aws.config_file.read_text()
        self.aws.config_file.write_text(text.replace(self.aws.endpoint_url, url))


Break = Callable[[Stage], object]


@dataclass(frozen=True)
class Broken:
    """A way to break a kind of profile, and the resulting messages.

    ``instead`` maps parts of the profile's text to their replacements; ``by`` breaks anything else.
    ``says`` and ``hint`` are in the error and its hint.
    """

    kind: str
    error: type[AwsProfileError]
    says: str
    hint: str = ""
    instead: Mapping[str, str] = field(default_factory=dict)
    by: Break | None = None
