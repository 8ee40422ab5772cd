"""Show the identity in a terminal's prompt: ``RoleBeta In [3]:``, in red if it is protected.

https://ipython.readthedocs.io/en/stable/config/details.html#custom-prompts
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.terminal.prompts import Prompts, Token

from ipy_awsprofile.notebook.identity_line import active_in_sight
from ipy_awsprofile.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipy_awsprofile.switch.switcher import Switcher

#: The maximum number of characters of a name in the prompt.
LONGEST = 32


class ProfilePrompts(Prompts):  # type: ignore[misc]  # IPython has no types
    """The shell's existing prompts, with the active profile before ``In``."""

    def __init__(self, before: Prompts, switcher: Switcher) -> None:
        super().__init__(before.shell)
        self._before = before
        self._switcher = switcher

    def in_prompt_tokens(self) -> list[tuple[Any, str]]:
        """Return the input prompt, with the active profile if there is one."""
        tokens: list[tuple[Any, str]] = self._before.in_prompt_tokens()
        active = active_in_sight(self._switcher)
        if active is None:
            return tokens
        # The output prompt's number is red in IPython's themes.
        token = Token.OutPromptNum if active.is_protected else Token.Prompt
        return [(token, f"{one_line(active.name, LONGEST)} "), *tokens]

    def rewrite_prompt_tokens(self) -> Any:
        """Return the prompt for rewritten code unchanged."""
        return self._before.rewrite_prompt_tokens()

    def out_prompt_tokens(self) -> Any:
        """Return the output prompt unchanged."""
        return self._before.out_prompt_tokens()


def add_profile_to_prompt(shell: Any, switcher: Switcher) -> Callable[[], None]:
    """Show the active profile in the shell's prompt, and return a function that removes it.

    The function keeps prompts that the user has set in the meantime.
    """
    before = shell.prompts
    shell.prompts = prompts = ProfilePrompts(before, switcher)

    def end() -> None:
        if shell.prompts is prompts:
            shell.prompts = before

    return end
