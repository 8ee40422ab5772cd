"""What ``%aws_profiles`` shows, and what ``%%aws_profiles`` collects."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ipy_awsprofile.cards import cards, tables
from ipy_awsprofile.cards.rendering import Card, Table
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.notebook.options import require_no_cell_options
from ipy_awsprofile.notebook.saving import saved_roles
from ipy_awsprofile.notebook.sso_listing import listed_roles

if TYPE_CHECKING:
    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell

    from ipy_awsprofile.sessions.assigned_roles import AssignedRole
    from ipy_awsprofile.switch.switcher import Switcher


def profile_list(options: argparse.Namespace, switcher: Switcher) -> Card | Table:
    """Return a table of the profiles, or of a sign-in's roles, or a card if there is no profile.

    Raises AwsProfileError.
    """
    from ipy_awsprofile.config.profiles import list_profiles
    from ipy_awsprofile.config.shared_files import SharedFiles

    require_no_cell_options(options)
    if options.sso is not None:
        listed = listed_roles(options.sso, options.pattern, switcher.person, progress=True)
        if options.save:
            return saved_roles(listed[0], options.save, confirmed=options.yes)
        return tables.role_table(*listed)
    if options.save:
        raise InvalidOption(
            "--save is for the roles of a sign-in.", "Run `%aws_profiles --sso --save PATTERN`."
        )
    profiles = list_profiles(options.pattern)
    if not profiles and not list_profiles():
        files = SharedFiles.from_environment()
        return cards.no_profiles_card(files, "run the cell again")
    return tables.profile_table(profiles, options.pattern)


def frame_of_cell(
    options: argparse.Namespace, cell: str, shell: InteractiveShell, switcher: Switcher
) -> pd.DataFrame:
    """Run the cell for each profile, and return the frame of the values. Raises AwsProfileError."""
    from ipy_awsprofile.across.across import run_across
    from ipy_awsprofile.notebook.cell_function import cell_function

    if options.save:
        raise InvalidOption("--save can't be combined with a cell.", "Run it in a line alone.")
    profiles: str | list[AssignedRole] = options.pattern
    if options.sso is not None:
        show = not options.no_progress
        profiles, _ = listed_roles(options.sso, options.pattern, switcher.person, progress=show)
        if not profiles:
            raise InvalidOption("No role matches.", "`%aws_profiles --sso` lists the roles.")
    elif not options.pattern:
        raise InvalidOption(
            "`%%aws_profiles` needs a pattern.",
            "Write `%%aws_profiles PATTERN`; `*` matches all profiles.",
        )
    return run_across(
        profiles,
        cell_function(shell, cell),
        max_workers=options.workers,
        progress=not options.no_progress,
        confirmed=options.yes,
        variable=options.into or "_",  # IPython's name for the value of the last cell
    )
