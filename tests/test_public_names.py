"""The public names, none of which needs a heavy import."""

from __future__ import annotations

import pytest

import ipy_awsprofile

NAMES = {
    "AwsProfileError": "errors",
    "Identity": "sessions.session",
    "Profile": "config.profiles",
    "ProfilePicker": "picker",
    "__version__": "_version",
    "across_profiles": "across.across",
    "list_assigned_roles": "sessions.assigned_roles",
    "list_buckets": "buckets",
    "list_profiles": "config.profiles",
    "open_session": "sessions.session",
    "recorded_calls": "notebook.calls",
    "scoped": "sessions.scoped",
    "storage_options": "libraries",
    "using_profile": "switch.using_profile",
    "who_am_i": "sessions.session",
}


def test_all() -> None:
    """The public names are exactly the names in this list."""
    assert sorted(ipy_awsprofile.__all__) == sorted(NAMES)


@pytest.mark.parametrize(("name", "module"), NAMES.items())
def test_each_is_there(name: str, module: str) -> None:
    """Each name comes from its module, and has a docstring."""
    value = getattr(ipy_awsprofile, name)
    assert name in dir(ipy_awsprofile)
    if name != "__version__":
        assert value.__module__.startswith(f"ipy_awsprofile.{module}")
        assert value.__doc__


def test_other_names_are_missing() -> None:
    """A name that isn't public raises AttributeError, as in any module."""
    with pytest.raises(AttributeError, match="has no attribute 'open_sesame'"):
        ipy_awsprofile.open_sesame  # type: ignore[attr-defined]  # noqa: B018
