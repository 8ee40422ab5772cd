"""Run ``%aws_profiles``: list profiles and roles, save roles, or run a cell for each profile."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from IPython.display import display
from tqdm.auto import tqdm

from ipy_awsprofile.across.across import prepare_run
from ipy_awsprofile.across.organization import OrganizationRole, organization_roles
from ipy_awsprofile.across.selection import advice_for_pattern
from ipy_awsprofile.cards import cards, tables
from ipy_awsprofile.cards.card import Card
from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.listing import list_profiles
from ipy_awsprofile.config.request import Form, SwitchRequest, require_variable
from ipy_awsprofile.config.saved import ConfigFile, block_of_roles, profiles_in_block
from ipy_awsprofile.config.sign_ins import (
    SignIn,
    find_sign_in,
    sign_in_of,
    sign_in_of_pattern,
    sign_ins,
)
from ipy_awsprofile.errors import InvalidOption, faults_as_errors
from ipy_awsprofile.gate import require_no_run
from ipy_awsprofile.notebook.cells import cell_function, warn_about_totals
from ipy_awsprofile.notebook.commands import interruption_as_error
from ipy_awsprofile.notebook.options import (
    OF_EACH_PROFILE,
    CellOptions,
    chosen,
    joined,
)
from ipy_awsprofile.sessions.assigned_roles import AssignedRole, complete_list, list_assigned_roles
from ipy_awsprofile.switch.saving import text_with_roles
from ipy_awsprofile.text import misspelled, quoted

if TYPE_CHECKING:
    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell

    from ipy_awsprofile.switch.switcher import Switcher


#: How similar a word after ``--sso`` must be to a sign-in to be a misspelling of its name.
_LIKE_SIGN_IN = 0.7


def run_aws_profiles(
    options: argparse.Namespace,
    cell: str | None,
    shell: InteractiveShell,
    switcher: Switcher,
) -> pd.DataFrame | None:
    """Show the profiles, or run a cell for each profile.

    Return the cell's results as a DataFrame, or store the DataFrame in the variable that ``--into``
    names. Raise a subclass of `AwsProfileError` if the line is invalid or AWS can't be called.
    """
    require_no_run("`%aws_profiles`")
    with interruption_as_error("The cell", switcher):
        options.pattern = joined(options.pattern)
        if cell is None:
            with faults_as_errors():
                display(_card(options, switcher))
            return None
        frame = _frame_of_cell(options, cell, shell, switcher)
    is_empty = len(frame) == 0 and not frame.attrs["errors"]
    if is_empty:
        display(Card("No profile returned a row"))
    if options.into is not None:
        shell.push({options.into: frame})
        return None
    return None if is_empty else frame


def _card(options: argparse.Namespace, switcher: Switcher) -> Card:
    """Return a table of profiles, a table of a sign-in's roles, or a card of the saved roles.

    Raise `AwsProfileError` if the line is invalid or AWS can't list the roles.
    """
    has_limits = options.read_only or options.write or options.policy is not None
    if has_limits or chosen(options, CellOptions):
        search = "" if has_limits else _advice_to_search(options)
        raise InvalidOption(
            "The line has an option that requires a cell.",
            f"{search}To run code for each profile, begin the first line of "
            "the cell with two percent signs: `%%aws_profiles`.",
        )
    if options.sso is not None:
        sign_in, pattern = _sign_in_and_pattern(options)
        return _card_of_roles(sign_in, pattern, options, switcher)
    if options.save or options.refresh:
        raise InvalidOption(
            "--save and --refresh require --sso.",
            "Run `%aws_profiles --sso --refresh`, or `%aws_profiles --sso --save NAMES`.",
        )
    config = read_config()
    if not config.profiles:
        return cards.no_profiles_card(config.paths)
    profiles = list_profiles(options.pattern)
    name = sign_in_of_pattern(options.pattern or "", config)
    if name and not profiles:
        return _card_of_roles(find_sign_in(name, config), options.pattern, options, switcher)
    advice = ""
    if options.pattern and not profiles:
        advice = advice_for_pattern(options.pattern)
    return tables.profile_table(profiles, options.pattern, advice)


def _advice_to_search(options: argparse.Namespace) -> str:
    """Return advice to write a role or a Region as a word of the pattern, or an empty string."""
    if not chosen(options, CellOptions).keys() <= {"role", "regions"}:  # they need the cell
        return ""
    words = list(filter(None, [options.pattern, options.role, ",".join(options.regions)]))
    is_unclear = len(words) > 1 and "," in "".join(words)  # commas separate whole patterns
    if not words or is_unclear:
        return ""
    return f"To search for profiles, write `%aws_profiles {' '.join(map(quoted, words))}`. "


def _sign_in_and_pattern(options: argparse.Namespace) -> tuple[SignIn, str | None]:
    """Return the sign-in that ``--sso`` names, and the pattern for the roles of the sign-in.

    If the word after ``--sso`` neither is nor resembles the name of a sign-in, the word is part of
    the pattern. Raise `AwsProfileError` if it isn't clear which sign-in to use.
    """
    config = read_config()
    word, pattern = options.sso, options.pattern
    by_name = sign_ins(config)
    if not word:
        return find_sign_in(None, config), pattern
    is_misspelled = word not in config.profiles and misspelled(word, by_name, _LIKE_SIGN_IN)
    if word in by_name or is_misspelled:
        return find_sign_in(word, config), pattern
    sign_in = sign_in_of(config.profiles.get(word, {}), config) or find_sign_in(None, config)
    return sign_in, " ".join(filter(None, (word, pattern)))


def _card_of_roles(
    sign_in: SignIn, pattern: str | None, options: argparse.Namespace, switcher: Switcher
) -> Card:
    """Return a table of a sign-in's roles or, for ``--save``, a card of the changes."""
    listed_at = None  # now
    cached = complete_list(sign_in)
    if cached and not options.refresh:
        listed_at = cached.listed_at
    roles = _list_roles(sign_in, pattern, options, switcher)
    if not options.save:
        return tables.role_table(roles, pattern, listed_at)
    if not roles:
        raise InvalidOption(
            f"No roles of the sign-in `{sign_in.name}` match, so nothing has changed.",
            "If no roles are assigned to you anymore, delete the profiles from the config file.",
        )
    file = ConfigFile.read()
    text = text_with_roles(file, sign_in, roles, options.save)
    saved = profiles_in_block(text, block_of_roles(sign_in.name))
    lines = file.change(text, is_confirmed=options.confirmed)
    others = len(roles) - len(saved)
    return tables.saved_card(file, lines, is_written=options.confirmed, others=others)


def _list_roles(
    sign_in: SignIn, pattern: str | None, options: argparse.Namespace, switcher: Switcher
) -> list[AssignedRole]:
    """Return the roles that match the pattern, and show a progress bar while AWS lists the roles.

    Raise `AwsProfileError` if AWS can't list the roles.
    """
    with tqdm(unit=" accounts", delay=2, leave=False, disable=options.no_progress) as bar:

        def report(number: int, count: int) -> None:
            bar.total = count
            bar.update(number - bar.n)

        # Before roles are saved, they may have been assigned or revoked.
        fresh = bool(options.refresh or options.save)
        return list_assigned_roles(
            sign_in.name, pattern, fresh=fresh, person=switcher.person, report=report
        )


def _frame_of_cell(
    options: argparse.Namespace, cell: str, shell: InteractiveShell, switcher: Switcher
) -> pd.DataFrame:
    """Run a cell for each profile, and return the cell's values as a DataFrame.

    Raise `AwsProfileError` if the line or the cell is invalid.
    """
    if options.save:
        problem = "--save can't be combined with a cell."
        raise InvalidOption(problem, "Run `%aws_profiles` with --save on a line by itself.")
    if options.workers < 1:
        raise InvalidOption("--workers must be 1 or more.")
    if options.into is not None:
        require_variable(options.into)
    regions = None
    if options.regions:
        regions = ",".join(options.regions)
    run = prepare_run(
        _profiles_of_cell(options, switcher),
        cell_function(shell, cell),
        SwitchRequest(**{name: getattr(options, name) for name in OF_EACH_PROFILE}),
        exclude=() if options.organization else options.exclude,  # the roles are without them
        regions=regions,
        workers=options.workers,
        progress=not options.no_progress,
        variable=options.into or "_",  # IPython's name for the value of the last cell
        form=Form.CELL_FOR_MANY,
    )
    warn_about_totals(shell, cell)
    return run.make()


def _beside_role(options: argparse.Namespace) -> str:
    """Return a hint that adds or replaces ``--organization`` or ``--role`` in a line."""
    if options.sso is not None and options.organization:
        return "To run the cell in the organization's accounts, leave out `--sso`."
    if options.sso is not None:
        words = " ".join(map(quoted, filter(None, [options.sso, options.role])))
        return f"To select roles of a sign-in, leave out `--role`, and write `--sso {words}`."
    if options.organization:
        return "Add `--role NAME` to the line."
    return "Add `--organization` to the line."


def _profiles_of_cell(
    options: argparse.Namespace, switcher: Switcher
) -> str | Sequence[AssignedRole | OrganizationRole]:
    """Return the roles that a cell runs for, or the pattern that selects the cell's profiles.

    Raise `AwsProfileError` if the line is invalid or no role matches the pattern.
    """
    roles: Sequence[AssignedRole | OrganizationRole]
    if options.organization or options.role:
        if not (options.organization and options.role) or options.sso is not None:
            raise InvalidOption(
                "--organization and --role require each other, and can't be combined with --sso.",
                _beside_role(options),
            )
        roles = organization_roles(options.role, options.pattern, exclude=options.exclude)
        hint = f"In Python, `organization_roles({options.role!r})` lists the accounts."
    elif options.sso is not None:
        sign_in, pattern = _sign_in_and_pattern(options)
        roles = _list_roles(sign_in, pattern, options, switcher)
        hint = "`%aws_profiles --sso` lists the roles."
    elif options.pattern:
        return str(options.pattern)
    else:
        raise InvalidOption(
            "`%%aws_profiles` requires a pattern.",
            "Write `%%aws_profiles PATTERN`. The pattern `*` matches all profiles.",
        )
    if not roles:
        raise InvalidOption("No account or role matches.", hint)
    return roles
