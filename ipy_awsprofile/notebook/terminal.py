"""The picker of a terminal: a list of the profiles that the user searches.

https://python-prompt-toolkit.readthedocs.io/en/stable/pages/asking_for_input.html
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import Completer, Completion

from ipy_awsprofile.config.names import matches
from ipy_awsprofile.config.profiles import Profile, list_profiles
from ipy_awsprofile.credentials.person import somebody_is_there
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prompt_toolkit.document import Document


def pick_in_terminal(active: str | None) -> str | None:
    """Let the user search the profiles, and return the name of the chosen one.

    Enter chooses the first profile that matches all words. The active profile is first in the list.
    Return None after Ctrl-C, Ctrl-D or an empty line. Raises AwsProfileError without a terminal,
    and ConfigFileError.
    """
    if not (somebody_is_there() and sys.stdout.isatty()):
        raise AwsProfileError(
            "The list of profiles needs a notebook or a terminal.",
            "Run `%aws_profile NAME`; `%aws_profiles` lists the names.",
        )
    profiles = sorted(list_profiles(), key=lambda profile: profile.name != active)
    about = {
        profile.name: one_line(
            "  ".join(filter(None, (profile.account, profile.role, profile.region)))
        )
        for profile in profiles
    }

    def matching(text: str) -> list[Profile]:
        """Return the profiles that contain every word, as the picker's list does."""
        fitting = [
            profile
            for profile in profiles
            if matches(text, (profile, profile.account, profile.role, profile.region))
        ]
        first = "".join(text.split()[:1])
        return sorted(fitting, key=lambda profile: not matches(first, [profile]))

    class Search(Completer):
        def get_completions(self, document: Document, _event: object) -> Iterator[Completion]:
            text = document.text
            for profile in matching(text):
                yield Completion(profile.name, -len(text), display_meta=about[profile.name])

    session: PromptSession[str] = PromptSession("Profile: ", completer=Search())
    try:
        typed = session.prompt(
            pre_run=session.default_buffer.start_completion,
            in_thread=True,  # a cell with `await` has an event loop in this one
        )
    except (KeyboardInterrupt, EOFError):
        return None
    if not typed or typed in about:
        return typed or None
    return next(map(str, matching(typed)), typed)
