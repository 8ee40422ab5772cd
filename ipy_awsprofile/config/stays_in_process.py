"""Keep objects that hold a secret, or belong to their process, from being pickled or stored.

``%store`` writes pickles to files, and Dask, Ray and other libraries send them to other machines.
`PortableSession` pickles what workers are allowed to have.
"""

from __future__ import annotations

from typing import NoReturn, SupportsIndex


class StaysInProcess:
    """A mixin for objects that can't be pickled or copied."""

    __slots__ = ()

    def __reduce_ex__(self, _protocol: SupportsIndex) -> NoReturn:
        """Raise TypeError."""
        raise TypeError(f"{self!r} can't be pickled: it stays in its process")
