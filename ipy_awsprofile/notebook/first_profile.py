"""Switch to the profile in ``c.AwsProfileMagics.profile`` before the first cell.

Loading the extension doesn't switch, so a kernel that never runs a cell never prompts. If the
switch fails, the cell doesn't run, because it would use a different identity.

https://ipython.readthedocs.io/en/stable/config/intro.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

from IPython.core.error import InputRejected
from IPython.display import display

from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.notebook.active_identity import active_identity_card
from ipy_awsprofile.notebook.interruption import interruption_as_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from ipy_awsprofile.switch.switcher import Switcher

#: Cells that begin like this, after comments, choose a profile or load an extension themselves.
_OTHER = re.compile(r"(?:\s|#.*\n)*%{1,2}(?:aws_profile\s+\S|(?:un|re)?load_ext\s)")


class CellRefused(InputRejected):  # type: ignore[misc]  # IPython has no types
    """The cell wasn't run, because the switch to the first profile failed."""

    def _render_traceback_(self) -> list[str]:
        return [str(line) for line in self.args]


class FirstProfile:
    """Switches to a profile before the first cell, and retries before each cell until it succeeds.

    A switch by the user, or ``--off``, replaces it.

    https://ipython.readthedocs.io/en/stable/config/callbacks.html
    """

    def __init__(
        self,
        shell: InteractiveShell,
        switcher: Switcher,
        profile: str,
        card_shown: Callable[[], None],
    ) -> None:
        self._shell = shell
        self._switcher = switcher
        self._profile = profile
        self._card_shown = card_shown
        self._error: AwsProfileError | None = None
        shell.events.register("pre_run_cell", self._cell_begins)
        # IPython lets an AST transformer reject a cell.
        shell.ast_transformers.append(self)

    def drop(self) -> None:
        """Cancel the switch. Further calls do nothing."""
        if self in self._shell.ast_transformers:
            self._shell.ast_transformers.remove(self)
            self._shell.events.unregister("pre_run_cell", self._cell_begins)

    def visit(self, node: Any) -> Any:
        """Return a cell's code unchanged. Raises CellRefused if the switch failed."""
        if self._error:
            self._refuse(self._error)
        return node

    def _cell_begins(self, info: Any) -> None:
        self._error = None
        if self._switcher.request is not None:
            self.drop()
        elif not _OTHER.match(info.raw_cell or ""):
            self._switch()

    def _switch(self) -> None:
        try:
            with interruption_as_error("The switch", self._switcher):
                self._switcher.switch(SwitchRequest(profile=self._profile))
                display(active_identity_card(self._shell, self._switcher))
                self._card_shown()
        except AwsProfileError as error:
            self._error = error
        else:
            self.drop()

    def _refuse(self, error: AwsProfileError) -> NoReturn:
        raise CellRefused(
            *error._render_traceback_(),
            f"The cell wasn't run. Run it again, or `%aws_profile --off` to work without "
            f"`{self._profile}`, the first profile of your configuration.",
        ) from error
