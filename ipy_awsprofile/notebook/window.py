"""Let programs with the profile `notebook-agent` write for a limited time (`--share write`)."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from ipy_awsprofile.cards import cards
from ipy_awsprofile.config.parameters import seconds
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.config.shared import AGENT
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.notebook.prompts import confirm_at_cell
from ipy_awsprofile.switch.opening import is_protected
from ipy_awsprofile.text import quoted

if TYPE_CHECKING:
    from ipy_awsprofile.kernel.sharing import Grant, Window
    from ipy_awsprofile.switch.switcher import Switcher

#: How long `notebook-agent` can write, at most.
_LONGEST = timedelta(minutes=60)


def open_window(switcher: Switcher, asked: SwitchRequest, words: str) -> None:
    """Let programs with the profile `notebook-agent` write for a limited time if the user agrees.

    ``asked`` contains the line's options, and ``words`` are the words after ``--share write``.
    Raise `InvalidOption` if the line is invalid. Raise `AwsProfileError` if the user doesn't agree
    or if AWS can't limit the duration of the credentials. If an error is raised, the programs'
    permissions are unchanged.
    """
    policy = os.fspath(asked.policy) if asked.policy else None
    example = _example(policy)
    if asked != SwitchRequest(words or None, policy=policy):
        raise InvalidOption(
            "`--share write` accepts only a time and `--policy FILE`, and always prompts you.",
            example,
        )
    length = _length_of_window(words, example)
    sharing = switcher.recipients.require_sharing()
    # What the user agrees to is complete before the question, and can't change meanwhile.
    grant = sharing.prepare_window(length, policy)
    if grant.window is None:
        raise InvalidOption("The write window has already ended.", example)
    needs_name = is_protected(switcher.active, switcher.protection)
    question, answer = _question_about(grant, grant.window, length, needs_name=needs_name)
    confirm_at_cell(question, answer)
    grant.note("confirmed", question)
    sharing.open_window(grant)


def _question_about(
    grant: Grant, window: Window, length: timedelta, *, needs_name: bool
) -> tuple[str, str]:
    """Return the question that asks the user to let programs write, and the required answer."""
    name = grant.session.profile_name
    limit = f", limited by {window.policy}" if window.policy else ""
    now = window.ends - length
    lasts = cards.time_left(window.ends, now).removesuffix(" left")
    until = f"{lasts}, until {window.ends:%H:%M:%S} UTC{limit}"
    question = f"Programs with the profile {AGENT} can write as {name} for {until}."
    if not window.limits.denies_other_roles:
        question += " The programs can also assume other roles, whose keys can outlast the window."
    answer = "yes"
    if needs_name:
        question += f" {name} is protected."
        answer = name
    return question, answer


def _example(policy: str | None) -> str:
    """Return a hint with a line that opens a window with the same policy."""
    line = "%aws_profile --share write 10m"
    if policy:
        line += f" --policy {quoted(policy)}"
    return f"Write `{line}`."


def _length_of_window(words: str, example: str) -> timedelta:
    """Return the length of time that the user typed after ``--share write``.

    Raise `InvalidOption`, with ``example`` as its hint, if the length is missing or isn't allowed.
    """
    from ipy_awsprofile.notebook.typed_words import word_of_share

    with suppress(ValueError):
        length = timedelta(seconds=seconds(words.replace(" ", "")))
        if timedelta(0) < length <= _LONGEST:
            return length
    problem = "The length of the write window is missing or isn't between 1 second and 60 minutes."
    if word_of_share(words) == "off":
        example = (
            "To end a window early, run `%aws_profile --refresh` or `%aws_profile --share off`."
        )
    raise InvalidOption(problem, example)
