"""Random input, which succeeds, or is refused in two lines and changes nothing."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import boto3
import pytest
from IPython.core.error import UsageError

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from ipy_awsprofile.errors import AwsProfileError
from tests.attack.rounds import Rounds
from tests.shells import Shell

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws

MAGICS = ["%aws_profile", "%%aws_profile", "%aws_profiles", "%%aws_profiles", "%aws_profil"]

OPTIONS = [
    *("--region", "--as", "--duration", "--session-name", "--external-id", "--role-arn"),
    *("--source-profile", "--read-only", "--expect-account", "--yes", "--mfa"),
    *("--refresh", "--login", "--off", "--explain", "--pick", "--into", "--workers"),
    *("--no-progress", "--", "-", "--re", "-x", "--as=", "--region=us-west-2"),
]

WORDS = [
    *("RoleBeta", "UserAlpha", "rolebeta", "Role*", "*", "", '"RoleBeta"', '"', "'", "''", "\\"),
    *("us-east-1", "eu-west-1", "mars", "session", "class", "ä", "1h", "15m", "0", "-1", "9" * 30),
    *("999999999999", ROLE_ACCOUNT, "arn:aws:iam::1:role/x", "arn:aws:iam::123456789012:role/R"),
    *("\0", "\x1b[31m", "{names}", "{1/0}", "$x", "#", "a=b", "💥", "../..", "%d", "x" * 3000),
    *("\N{RIGHT-TO-LEFT OVERRIDE}x", "a\N{NO-BREAK SPACE}b", "--", "None", "True"),
]

#: Errors of a line or cell that aren't ours. IPython raises UsageError for an unknown magic.
OF_THE_CELL = (ZeroDivisionError, SyntaxError, UsageError)

CELLS = [
    "",
    "1",
    "\n1 + 1",
    "\n1/0",
    "\n%%time\n1",
    "\n%aws_profile",
    "\n%%aws_profile RoleBeta\n1",
]


def typed(random: Random) -> str:
    """Return a random line, with or without a cell below it."""
    few = random.choices([*OPTIONS, *WORDS], k=random.randrange(4))
    words = [random.choice(MAGICS), random.choice(WORDS), *few]
    line = random.choice([" ", " ", "  ", "\t"]).join(words)
    return line + random.choice(CELLS)


def title(shell: Shell) -> str:
    """Return the title of the active identity's card, without the time left."""
    return shell.good("%aws_profile").text.partition("(")[0]


@pytest.mark.slow
def test_lines(rounds: Rounds, shell: Shell, aws: EmbeddedAws) -> None:
    """A random line raises only our errors or the cell's, and a wrong line changes nothing."""
    for random in rounds(25):
        shell.good("%aws_profile RoleBeta")
        shown, session = title(shell), shell.names["session"]
        ran = shell.run(line := typed(random))
        if ran.error is None:
            assert "Traceback" not in ran.text, line
            continue
        assert isinstance(ran.error, (AwsProfileError, *OF_THE_CELL)), line
        if isinstance(ran.error, AwsProfileError):  # otherwise only the cell failed
            lines = [one for one in ran.text.splitlines() if "profiles/s]" not in one]
            assert len(list(filter(None, lines))) <= 2, line
            assert boto3.DEFAULT_SESSION is session, line
            assert title(shell) == shown, line
    shell.good("%aws_profile --off")


@pytest.mark.slow
def test_completions(rounds: Rounds, shell: Shell, aws: EmbeddedAws) -> None:
    """Tab at any position in a random line returns strings, and doesn't call AWS."""
    shell.good("%aws_profile RoleBeta")
    aws.calls.clear()
    for random in rounds(10):
        line = typed(random)
        for text in shell.completions(line, at=random.randrange(len(line) + 1)):
            assert isinstance(text, str)
        assert not aws.calls
