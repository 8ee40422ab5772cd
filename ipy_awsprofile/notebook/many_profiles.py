"""Run ``%aws_profiles``: list profiles and roles, save roles, run a cell for each profile."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from IPython.display import display

from ipy_awsprofile.cards import cards, tables
from ipy_awsprofile.cards.card import Card
from ipy_awsprofile.errors import AwsProfileError, InvalidOption
from ipy_awsprofile.notebook.cell_function import cell_function
from ipy_awsprofile.notebook.options import require_no_cell_options

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell

    from ipy_awsprofile.credentials.person import Person
    from ipy_awsprofile.sessions.assigned_roles import AssignedRole
    from ipy_awsprofile.switch.switcher import Switcher


def profile_list(options: argparse.Namespace, switcher: Switcher) -> Card:
    """Return a table of the profiles or of a sign-in's roles, or a card if there are no profiles.

    Raises AwsProfileError.
    """
    from ipy_awsprofile.config.files import SharedFiles, read_config
    from ipy_awsprofile.config.profiles import list_profiles
    from ipy_awsprofile.config.sign_ins import sign_in_of_pattern

    require_no_cell_options(options)
    profiles = list_profiles(options.pattern) if options.sso is None else []
    if options.sso is None and not profiles:
        options.sso = sign_in_of_pattern(options.pattern or "", read_config())
    if options.sso is not None and options.save:
        return save_roles(options, switcher)
    if options.sso is not None:
        listed_at = None if options.refresh else _listing_time(options)
        roles, pattern = list_roles(options, switcher.person, progress=True)
        return tables.role_table(roles, pattern, listed_at)
    if options.save or options.refresh:
        option, rest = ("--save", " NAMES") if options.save else ("--refresh", "")
        raise InvalidOption(
            f"{option} requires --sso.", f"Run `%aws_profiles --sso {option}{rest}`."
        )
    if not profiles and not list_profiles():
        files = SharedFiles.from_environment()
        return cards.no_profiles_card(files, "run the cell again")
    return tables.profile_table(profiles, options.pattern)


def frame_of_cell(
    options: argparse.Namespace, cell: str, shell: InteractiveShell, switcher: Switcher
) -> pd.DataFrame:
    """Run the cell for each profile; return the values as a DataFrame. Raises AwsProfileError."""
    from ipy_awsprofile.across.across import across_profiles

    if options.save:
        raise InvalidOption("--save can't be combined with a cell.", "Run it on a line by itself.")
    profiles: str | list[AssignedRole] = options.pattern
    if options.sso is not None:
        show = not options.no_progress
        profiles, _ = list_roles(options, switcher.person, progress=show)
        if not profiles:
            raise InvalidOption("No role matches.", "`%aws_profiles --sso` lists the roles.")
    elif not options.pattern:
        raise InvalidOption(
            "`%%aws_profiles` needs a pattern.",
            "Write `%%aws_profiles PATTERN`; `*` matches all profiles.",
        )
    function = cell_function(shell, cell)
    frame = across_profiles(
        profiles,
        function,
        regions=options.regions,
        max_workers=options.workers or 32,
        progress=not options.no_progress,
        confirmed=options.yes,
        read_only=options.read_only,
        policy=options.policy,
        write=options.write,
        _variable=options.into or "_",  # IPython's name for the value of the last cell
    )
    if function.lost_names:
        display(_lost_names_card(function.lost_names))
    return frame


def _lost_names_card(names: Sequence[str]) -> Card:
    """Return a card about variables that a cell for many profiles defines but doesn't keep."""
    shown = [f"`{name}`" for name in names[:5]]
    if others := len(names) - len(shown):
        shown.append(f"{others} more")
    verb = "aren't" if shown[1:] else "isn't"
    listed = " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))
    return Card(
        f"The cell's {listed} {verb} kept. To get a value for each profile, end "
        f"the cell with an expression, such as `{names[-1]}`."
    )


def list_roles(
    options: argparse.Namespace, person: Person, *, progress: bool, fresh: bool = False
) -> tuple[list[AssignedRole], str | None]:
    """Return the roles that match the pattern, and the pattern; show a progress bar if asked to.

    A word after ``--sso`` that isn't the name of a sign-in belongs to the pattern. Raises
    AwsProfileError.
    """
    from tqdm.std import tqdm

    from ipy_awsprofile.sessions.assigned_roles import list_assigned_roles

    name, pattern = _sign_in(options.sso, options.pattern)
    with tqdm(unit=" accounts", delay=2, leave=False, disable=not progress) as bar:

        def report(number: int, count: int) -> None:
            bar.total = count
            bar.update(number - bar.n)

        roles = list_assigned_roles(
            name,
            pattern,
            fresh=fresh or options.refresh,
            person=person,
            report=report,
        )
    return roles, pattern


def _listing_time(options: argparse.Namespace) -> datetime | None:
    """Return when the roles were last listed (UTC), or None if AWS has to list them now."""
    from ipy_awsprofile.config.files import read_config
    from ipy_awsprofile.config.sign_ins import find_sign_in
    from ipy_awsprofile.sessions.assigned_roles import complete_list

    name, _ = _sign_in(options.sso, options.pattern)
    listed = complete_list(find_sign_in(name, read_config()))
    return listed.listed_at if listed else None


def _sign_in(word: str, pattern: str | None) -> tuple[str | None, str | None]:
    """Return the name of the sign-in, if one is given, and the pattern."""
    from ipy_awsprofile.config.files import read_config
    from ipy_awsprofile.config.sign_ins import find_sign_in

    if not word:
        return None, pattern
    config = read_config()
    try:
        return find_sign_in(word, config).name, pattern
    except AwsProfileError:
        find_sign_in(None, config)  # raises an error if there isn't exactly one
        return None, " ".join(filter(None, (word, pattern)))


def save_roles(options: argparse.Namespace, switcher: Switcher) -> Card:
    """Return a card of the changes to the sign-in's block; make them if confirmed.

    Raises InvalidOption for names that exist or that several roles would share, and if AWS lists no
    roles. Raises ConfigFileError.
    """
    from ipy_awsprofile.config.saved import ConfigFile, difference, profiles_in_block
    from ipy_awsprofile.config.sign_ins import find_sign_in
    from ipy_awsprofile.switch.saving import text_with_roles

    # Roles may have been assigned or revoked since they were listed.
    roles, words = list_roles(options, switcher.person, progress=True, fresh=True)
    file = ConfigFile.read()
    sign_in = find_sign_in(_sign_in(options.sso, None)[0], file.config)
    if not roles:
        fits = f" for “{words}”" if words else ""
        raise InvalidOption(
            f"The sign-in `{sign_in.name}` lists no roles{fits}, so nothing was compared.",
            "If you no longer have any roles there, delete the profiles from the config file.",
        )
    text = text_with_roles(file, sign_in, roles, options.save)
    lines = difference(file.text, text)
    if lines and options.yes:
        file.write(text)
    saved = profiles_in_block(text, sign_in.name)
    removed = profiles_in_block(file.text, sign_in.name) - saved
    active = switcher.request.profile if switcher.request else None
    return tables.saved_card(
        file.config.paths.config,
        lines,
        is_written=options.yes,
        others=len(roles) - len(saved),
        active=active if active in removed else None,
    )
