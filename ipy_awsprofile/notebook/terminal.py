"""Let the user search a list of profiles in a terminal.

https://python-prompt-toolkit.readthedocs.io/en/stable/pages/asking_for_input.html
"""

from __future__ import annotations

import sys

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, WordCompleter
from prompt_toolkit.document import Document

from ipy_awsprofile.config.listing import list_profiles
from ipy_awsprofile.credentials.person import somebody_is_there
from ipy_awsprofile.errors import AwsProfileError


def pick_in_terminal() -> str | None:
    """Let the user search the profiles by name, and return the name of the chosen profile.

    The Enter key chooses the first profile whose name contains the typed string. Return None after
    Ctrl-C, Ctrl-D or an empty line. Raise `AwsProfileError` if no terminal is available, and
    `ConfigFileError` if a config file is malformed.
    """
    if not (somebody_is_there() and sys.stdout.isatty()):
        raise AwsProfileError(
            "The list of profiles can be shown only in a notebook or a terminal.",
            "Run `%aws_profile NAME`. `%aws_profiles` lists the names.",
        )
    names = list(map(str, list_profiles()))
    search = WordCompleter(names, ignore_case=True, match_middle=True, sentence=True)
    session: PromptSession[str] = PromptSession("Profile: ", completer=search)
    try:
        typed = session.prompt(
            pre_run=session.default_buffer.start_completion,
            in_thread=True,  # a cell with `await` has an event loop in this one
        )
    except (KeyboardInterrupt, EOFError):
        return None
    if not typed:
        return None
    if typed in names:
        return typed
    for completion in search.get_completions(Document(typed), CompleteEvent()):
        return completion.text
    return typed
