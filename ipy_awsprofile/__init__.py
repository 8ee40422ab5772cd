"""Switch a notebook to an AWS identity with a magic such as ``%aws_profile RoleBeta``.

``%load_ext ipy_awsprofile`` loads the magics. Python code can use these names:

- `list_profiles` returns the profiles in the shared AWS files, as `Profile` records.

- `list_assigned_roles` returns your roles in IAM Identity Center.

- `organization_roles` returns the roles with a given name in the accounts of your organization.

- `open_session` returns a boto3 session for a profile. The session renews its credentials
automatically.

- `who_am_i` returns the `Identity` of a session, and `list_buckets` returns the S3 buckets in the
session's account.

- `using_profile` activates a profile for the duration of a ``with`` statement.

- `scoped` opens a session with fewer permissions for the duration of a ``with`` statement.

- `across_profiles` calls a function for many profiles and returns all results as one DataFrame.

- `on_switch` registers a function that is called after each switch, and `end_on_switch` removes
  the function.

- `ProfilePicker` is a widget with a searchable list of profiles.

- `recorded_calls` returns the AWS calls that ``%aws_calls on`` has recorded.

- `storage_options` returns the options that make pandas, fsspec and Dask use a profile. The module
  `ipy_awsprofile.libraries` creates options for libraries that have their own S3 client.

- `AwsProfileError` is the base class of all errors.

Large libraries such as pandas are imported only when they are first needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ipy_awsprofile._version import __version__

if TYPE_CHECKING:  # for editors: `as` marks the names as public
    from IPython.core.interactiveshell import InteractiveShell

    from ipy_awsprofile.across.across import across_profiles as across_profiles
    from ipy_awsprofile.across.organization import organization_roles as organization_roles
    from ipy_awsprofile.buckets import list_buckets as list_buckets
    from ipy_awsprofile.config.listing import list_profiles as list_profiles
    from ipy_awsprofile.config.profiles import Profile as Profile
    from ipy_awsprofile.errors import AwsProfileError as AwsProfileError
    from ipy_awsprofile.libraries import storage_options as storage_options
    from ipy_awsprofile.notebook.calls import recorded_calls as recorded_calls
    from ipy_awsprofile.picker.widget import ProfilePicker as ProfilePicker
    from ipy_awsprofile.sessions.assigned_roles import list_assigned_roles as list_assigned_roles
    from ipy_awsprofile.sessions.issuing import scoped as scoped
    from ipy_awsprofile.sessions.session import Identity as Identity
    from ipy_awsprofile.sessions.session import open_session as open_session
    from ipy_awsprofile.sessions.session import who_am_i as who_am_i
    from ipy_awsprofile.switch.switcher import Switcher
    from ipy_awsprofile.switch.using_profile import end_on_switch as end_on_switch
    from ipy_awsprofile.switch.using_profile import on_switch as on_switch
    from ipy_awsprofile.switch.using_profile import using_profile as using_profile

#: The module of each public name.
_HOMES = {
    "AwsProfileError": "errors",
    "Identity": "sessions.session",
    "Profile": "config.profiles",
    "ProfilePicker": "picker.widget",
    "across_profiles": "across.across",
    "end_on_switch": "switch.using_profile",
    "list_assigned_roles": "sessions.assigned_roles",
    "list_buckets": "buckets",
    "list_profiles": "config.listing",
    "on_switch": "switch.using_profile",
    "open_session": "sessions.session",
    "organization_roles": "across.organization",
    "recorded_calls": "notebook.calls",
    "scoped": "sessions.issuing",
    "storage_options": "libraries",
    "using_profile": "switch.using_profile",
    "who_am_i": "sessions.session",
}
__all__ = ["__version__", *_HOMES]  # noqa: PLE0604


if not TYPE_CHECKING:  # otherwise, editors would accept any name

    def __getattr__(name: str) -> object:
        """Import the module that defines the public object ``name``, and return the object."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Load the extension: add the magics, their Tab completion and the toolbar to the shell.

    https://ipython.readthedocs.io/en/stable/config/extensions/
    """
    from ipy_awsprofile.kernel.uninterrupted import Uninterrupted
    from ipy_awsprofile.notebook.magic import AwsProfileMagics, tells_about_settings

    with Uninterrupted():
        unload_ipython_extension(shell)  # if it is loaded
        # Creating the magics also adds them to the shell's configurables.
        with tells_about_settings(shell):
            magics = AwsProfileMagics(shell, _picker)
        shell.register_magics(magics)
        # IPython does this afterwards, unless Ctrl-C comes first.
        shell.extension_manager.loaded.add(__name__)
        if hasattr(shell, "kernel"):
            from ipy_awsprofile.notebook.brief import note_cells
            from ipy_awsprofile.notebook.input_channel import take_turns
            from ipy_awsprofile.picker.toolbar import add_toolbar

            add_toolbar(shell, lambda: magics.switcher, magics.ending)
            note_cells(shell, magics.ending)
            take_turns(shell.kernel, magics.ending)


def _picker(switcher: Switcher) -> ProfilePicker:
    """Return a new picker for a notebook. Only this function imports ipywidgets."""
    from ipy_awsprofile.picker.widget import ProfilePicker

    return ProfilePicker(switcher=switcher)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Undo the switch, and remove the extension from the shell if it is loaded.

    If `across_profiles` is running, or another thread or task is inside a `using_profile`
    statement, raise AwsProfileError and keep the extension loaded.
    """
    from ipy_awsprofile.kernel.uninterrupted import Uninterrupted

    with Uninterrupted():
        magics = shell.magics_manager.registry.get("AwsProfileMagics")
        if magics:
            magics.require_closable()
            # The registry still has them, so that a function of `on_switch` that is called now, and
            # switches, gets an error instead of loading the extension.
            magics.close()
        # IPython does this afterwards, unless Ctrl-C comes first.
        shell.extension_manager.loaded.discard(__name__)
        if magics is None:
            return
        del shell.magics_manager.registry["AwsProfileMagics"]
        for kind, names in magics.magics.items():
            for name in names:
                del shell.magics_manager.magics[kind][name]
        shell.configurables.remove(magics)
