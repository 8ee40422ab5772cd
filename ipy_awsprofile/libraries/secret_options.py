"""Options that contain secrets."""

from __future__ import annotations

from typing import Any

from ipy_awsprofile.config.stays_in_process import StaysInProcess


class SecretOptions(StaysInProcess, dict[str, Any]):
    """Options some of which are secret: what shows them shows only their names."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(self)}>"

    __str__ = __repr__

    def __or__(self, other: Any) -> SecretOptions:  # type: ignore[override]
        return SecretOptions({**self, **other})

    def __ror__(self, other: Any) -> SecretOptions:  # type: ignore[override]
        return SecretOptions({**other, **self})

    def copy(self) -> SecretOptions:
        """Return a copy that shows only names, too."""
        return SecretOptions(self)

    __copy__ = copy

    def __deepcopy__(self, _memo: object) -> SecretOptions:
        return self.copy()
