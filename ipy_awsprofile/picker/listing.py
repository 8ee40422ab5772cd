"""The profiles as the views show them, and the version that says which list a person saw."""

from __future__ import annotations

from operator import is_
from typing import TYPE_CHECKING

from ipy_awsprofile.config.profiles import list_profiles
from ipy_awsprofile.errors import ConfigFileError
from ipy_awsprofile.picker.messages import rows

if TYPE_CHECKING:
    from ipy_awsprofile.config.profiles import Profile
    from ipy_awsprofile.switch.switcher import Switcher


class Listing:
    """The profiles of the shared files, read again whenever a view opens its list or chooses."""

    def __init__(self, switcher: Switcher) -> None:
        self._switcher = switcher
        self._profiles: list[Profile] = []
        self._protected: tuple[str, ...] = ()
        #: Counts the changes of what the list shows; 0 before it was read.
        self.version = 0
        #: The profiles as JSON, for a message's buffer.
        self.rows = b""

    @property
    def is_empty(self) -> bool:
        """Whether the files have no profiles."""
        return not self._profiles

    def read(self) -> int:
        """Read the files, and return the version. Raises ConfigFileError."""
        try:
            profiles = list_profiles()
        except ConfigFileError as error:
            # The view has no cell to run again.
            error.hint = f"Correct the file (`{error.path.name}`), then open the list again."
            raise
        protected = self._switcher.protected
        # As strings, records are equal if their names are. Unchanged files have the same records.
        same = len(profiles) == len(self._profiles) and all(map(is_, profiles, self._profiles))
        if self.version and same and protected == self._protected:
            return self.version
        self._profiles, self._protected = profiles, protected
        table = rows(profiles, self._switcher.is_protected)
        if not self.version or table != self.rows:
            self.version += 1
            self.rows = table
        return self.version
