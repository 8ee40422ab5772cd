"""Objects that hold a secret, or that belong to their process: they aren't pickled or stored.

A pickle is written to a file by ``%store``, and sent to other machines by Dask, Ray and others.
What workers may have is pickled on purpose: see `PortableSession`.
"""

from __future__ import annotations

from typing import NoReturn, SupportsIndex


class StaysInProcess:
    """A mixin for objects that can't be pickled, and so can't be copied either."""

    __slots__ = ()

    def __reduce_ex__(self, _protocol: SupportsIndex) -> NoReturn:
        """Raise TypeError."""
        raise TypeError(f"{self!r} can't be pickled: it stays in its process")
