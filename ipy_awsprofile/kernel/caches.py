"""Clear the clients and credentials that libraries cache for objects that you create later.

If a library's cache can't be cleared because the installed version has different internals, the
card names the library.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from operator import attrgetter
from types import ModuleType

from ipy_awsprofile.errors import log_stack
from ipy_awsprofile.follower import Cache, Follower


def clear_caches(followers: Iterable[Follower]) -> set[str]:
    """Clear the libraries' caches.

    Return the names of the packages that may still use the former identity.
    """
    not_cleared = set()
    for follower in followers:
        for each in follower.caches:
            module = sys.modules.get(each.module)
            if module is None:
                continue
            try:
                _clear(each, module)
            except Exception as error:  # noqa: BLE001  # another version can raise anything
                tested = f"the tested version, {follower.tried}"
                log_stack(error, f"The module {each.module} differs from {tested}.")
                not_cleared.add(follower.package)
    return not_cleared


def _clear(cache: Cache, module: ModuleType) -> None:
    if isinstance(cache.clear, str):
        attrgetter(cache.clear)(module)()
    else:
        cache.clear(module)


def reset(owner: object, name: str, value: object = None) -> None:
    """Replace an attribute. Raise AttributeError if the object doesn't have the attribute."""
    getattr(owner, name)
    setattr(owner, name, value)
