"""Ways to switch, each of which runs a cell as an identity and returns the card."""

from __future__ import annotations

import getpass
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ipy_awsprofile import using_profile
from ipy_awsprofile.picker.conversation import Conversation
from ipy_awsprofile.switch.using_profile import running_switcher
from tests.shells import Shell


@dataclass(frozen=True)
class Asked:
    """The request of a switch; ``lent`` if a profile's name isn't enough for child processes."""

    line: str
    options: Mapping[str, Any]
    lent: bool = False


def profile(name: str, *, lent: bool = False) -> Asked:
    """Return a request for a profile."""
    return Asked(name, {"profile": name}, lent)


def read_only(name: str) -> Asked:
    """Return a request for a profile with read-only access."""
    return Asked(f"{name} --read-only", {"profile": name, "read_only": True}, lent=True)


def by_arn(role_arn: str, source: str) -> Asked:
    """Return a request for a role without a profile."""
    options = {"role_arn": role_arn, "source_profile": source}
    return Asked(f"--role-arn {role_arn} --source-profile {source}", options, lent=True)


Way = Callable[[Shell, Asked, str], str]


def by_magic(shell: Shell, asked: Asked, cell: str) -> str:
    """Switch with the line magic, and run the cell."""
    card = shell.good(f"%aws_profile {asked.line}").text
    shell.good(cell)
    return card


def by_cell_magic(shell: Shell, asked: Asked, cell: str) -> str:
    """Run the cell under the cell magic."""
    return shell.good(f"%%aws_profile {asked.line}\n{cell}").text


def by_context_manager(shell: Shell, asked: Asked, cell: str) -> str:
    """Run the cell's code in a `using_profile` block, after the magic has shown the card there."""
    shell.names.update(using_profile=using_profile, options=asked.options)
    inner = f"%aws_profile\n{cell}"
    block = f"with using_profile(**options):\n{textwrap.indent(inner, '    ')}"
    return shell.good(block).text


def by_picker(shell: Shell, asked: Asked, cell: str) -> str:
    """Choose the profile in the picker, enter a code if it prompts, and run the cell."""
    heard: list[dict[str, Any]] = []
    views = Conversation(running_switcher(), lambda message, _buffers: heard.append(message))
    views.receive({"do": "switch", "profile": asked.line})
    if heard[-1]["ask"]:
        views.receive({"do": "answer", "code": getpass.getpass("MFA code")})
    card = str(heard[-1]["html"])
    assert heard[-1]["identity"], card
    shell.good(cell)
    views.close()
    return card


def shown_arn(card: str) -> str:
    """Return the ARN on a card, from HTML or text."""
    found = re.search(r"arn:aws:(sts|iam)::\d+:(assumed-role|user)/[\w/+=,.@-]+", card)
    assert found, card
    return found.group()
