"""Packages that some tests need, but that have no wheels for the newest Python yet."""

from __future__ import annotations

from importlib.util import find_spec

import pytest


def has(package: str) -> bool:
    """Return whether a package is installed. It isn't imported, because a switch would see it."""
    return find_spec(package) is not None


def needs(*packages: str) -> pytest.MarkDecorator:
    """Skip a test if one of these packages isn't installed."""
    missing = [package for package in packages if not has(package)]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")
