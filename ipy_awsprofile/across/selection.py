"""Select the profiles and roles for `across_profiles` by name, by pattern or from a list."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from itertools import chain, product
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.across.organization import (
    OrganizationRole,
    patterns_of,
    warn_about_excluding_nothing,
)
from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.listing import list_profiles
from ipy_awsprofile.config.names import (
    Arn,
    AssignedName,
    RoleName,
    alternatives,
    fits,
    has_wildcard,
)
from ipy_awsprofile.config.profiles import profiles_by_name, profiles_with_role
from ipy_awsprofile.config.request import require_name
from ipy_awsprofile.config.shared import SHARED_PROFILES
from ipy_awsprofile.config.sign_ins import role_named, sign_in_of_pattern, sign_ins
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.gate import PROCESS
from ipy_awsprofile.sessions.assigned_roles import (
    AssignedRole,
    known_account_name,
    known_roles_without_profile,
    list_assigned_roles,
)
from ipy_awsprofile.switch.using_profile import running_switcher
from ipy_awsprofile.text import (
    choice_of,
    did_you_mean,
    letters_of,
    misspelled,
    number_of,
    variable_of,
)

if TYPE_CHECKING:
    from ipy_awsprofile.credentials.person import Person

#: Words that people write before what a pattern is to leave out.
_EXCLUDING = {"not", "except", "but", "without", "minus", "exclude", "excluding"}

#: A selected profile or role: its name, or a role from `organization_roles` with its session.
Selected = str | OrganizationRole


def select_profiles(
    profiles: str | Iterable[object], exclude: str | Iterable[str], person: Person
) -> list[Selected]:
    """Return the selected profiles and roles without duplicates.

    If listing roles in IAM Identity Center requires a sign-in, ``person`` is prompted. Raise
    InvalidOption if a pattern doesn't match anything, if ``exclude`` omits everything, or if an
    object in ``profiles`` is neither a profile nor a role.
    """
    if not isinstance(exclude, str):
        exclude = list(exclude or ())
    candidates: dict[Selected, tuple[str, ...]] = {}
    for each in _candidates(profiles, person):
        candidates[each] = _names_for_exclude(each)
    warn_about_excluding_nothing(exclude, list(chain(*candidates.values())), "profile")
    left_out = patterns_of(exclude)
    selected = [each for each, names in candidates.items() if not fits(left_out, *names)]
    if candidates and not selected:
        what = "profiles"
        if isinstance(profiles, str):
            what = f"profiles that match `{profiles}`"
        raise InvalidOption(f"`exclude` leaves out all {what}.", "Leave out fewer profiles.")
    return selected


def _candidates(profiles: str | Iterable[object], person: Person) -> Iterable[Selected]:
    """Yield the profiles and roles that ``profiles`` selects, without applying ``exclude``."""
    if isinstance(profiles, str):
        _require_no_arns(alternatives(profiles))
        for text in _patterns_in(profiles):
            yield from _names_matching(text, person, written=profiles)
        return
    if hasattr(profiles, "columns"):
        raise InvalidOption(
            "`profiles` is a DataFrame, which yields the names of its columns.",
            _advice_for_columns(profiles),
        )
    if not isinstance(profiles, Iterable):  # such as a session
        require_name(profiles)
    profiles = list(profiles)
    _require_no_arns([each for each in profiles if isinstance(each, str)])
    for profile in profiles:
        if isinstance(profile, OrganizationRole):
            yield profile
        elif isinstance(profile, AssignedRole):
            yield str(profile)
        else:
            require_name(profile)
            name = str(profile)
            # Without a wildcard, a text in a list is an exact name.
            if has_wildcard(name):
                yield from _names_matching(name, person, written=name)
            else:
                yield name


def _require_no_arns(names: Iterable[str]) -> None:
    """Raise InvalidOption if names of profiles contain ARNs of roles, as results of a run do.

    The hint selects the same accounts of the organization.
    """
    config = read_config()
    accounts: dict[str, list[str]] = {}  # by the role's name
    for name in names:
        arn = Arn.parse(name)
        named = RoleName.parse(name)
        if named is None or named.is_assigned or not arn.role or name in config.profiles:
            continue
        if len(profiles_with_role(named, config)) == 1:  # the error names the profile
            continue
        accounts.setdefault(arn.role, []).append(arn.account)
    if not accounts:
        return
    steps: list[str] = []
    for role, ids in accounts.items():
        pattern = ",".join(dict.fromkeys(ids))
        steps.append(
            "For accounts in your organization, pass "
            f"`organization_roles({role!r}, {pattern!r})` in Python, or begin a cell with "
            f"`%%aws_profiles {pattern} --organization --role {role}`."
        )
    raise InvalidOption("The ARN of a role isn't the name of a profile.", " ".join(steps))


def _advice_for_columns(frame: Any) -> str:
    """Return a hint to pass the column of a DataFrame that contains the names of profiles."""
    variable = variable_of(frame, running_switcher().namespace, "DATAFRAME")
    for column in frame.columns:
        values = list(map(str, frame[column]))
        if values and all(map(is_name, values)):
            return f"Pass the column with the profiles' names: `{variable}[{column!r}]`."
    return "Pass a column that contains the names of profiles."


def _names_for_exclude(selected: Selected) -> tuple[str, ...]:
    """Return the names and IDs by which ``exclude`` can omit a profile or role."""
    if isinstance(selected, OrganizationRole):
        return str(selected), selected.account.id, selected.account.name
    config = read_config()
    role = role_named(selected, config)
    if role is None:
        profile = profiles_by_name(config).get(selected)
        account = profile.account if profile else None
        return selected, account or ""
    account_name = known_account_name(role.account) or ""
    named = AssignedName(role.sign_in, account_name, role.role)
    return selected, role.account, account_name, str(named)


def _patterns_in(text: str) -> list[str]:
    """Return the names and patterns in a string that separates them with commas.

    If the whole string is the name of a profile or role, return only this name, even if the name
    contains commas. Raise InvalidOption if a pattern contains braces or the list is in brackets.
    """
    text = str(text)  # it can be a Profile
    if is_name(text):
        return [text]
    if re.search(r"\{[^{}]*,[^{}]*\}", text):
        raise InvalidOption("Patterns can't contain braces.", f"Write `{_without_braces(text)}`.")
    in_brackets = re.fullmatch(r"\[(.*,.*)\]|\((.*[,|].*)\)", text.strip())  # as in Python's lists
    if in_brackets:
        written = re.split(r"[,|]", in_brackets[1] or in_brackets[2])
        names = ",".join(name.strip(" '\"") for name in written)
        raise InvalidOption("A list of patterns can't contain brackets.", f"Write `{names}`.")
    patterns = alternatives(text)
    if not patterns:
        raise InvalidOption("`profiles` is empty.", "For all profiles, pass `'*'`.")
    return patterns


def _names_matching(pattern: str, person: Person, *, written: str) -> list[str]:
    """Return the names of the profiles and roles that match a pattern.

    If the pattern is the exact name of a profile or role, return only this name. Raise
    InvalidOption if no profile or role matches. ``written`` is the string that contains the
    pattern, perhaps with other patterns, as the user wrote it.
    """
    if is_name(pattern):  # without other profiles that match this name as a pattern
        return [pattern]
    names = _profiles_matching(pattern)
    config = read_config()
    sign_in = sign_in_of_pattern(pattern, config)
    if sign_in:
        for role in list_assigned_roles(sign_in, pattern, person=person):
            if role.profile not in names:
                names.append(str(role))
    if not names:
        advice = (
            _advice_for_assigned_roles(pattern)  # before `--sso` is taken for an exclusion
            or _advice_for_exclusion(written)
            or advice_for_pattern(pattern)
        )
        lists = "`%aws_profiles`, or `list_profiles()` in Python, lists the profiles."
        raise InvalidOption(f"No profile matches `{pattern}`.", advice or lists)
    advice = _advice_for_words(pattern, names)
    if advice:
        has_words = "has all of these words" if len(names) == 1 else "have all of these words"
        PROCESS.warn(f"{number_of(len(names), 'profile')} {has_words}: `{pattern}`. {advice}")
    return names


def advice_for_pattern(pattern: str) -> str:
    """Return advice for a pattern that doesn't match anything, or an empty string."""
    if letters_of(pattern) in ("all", "everything"):
        return "The pattern `*` matches all profiles."
    return (
        _advice_for_organization(pattern)
        or _advice_for_assigned_roles(pattern)
        or _advice_for_exclusion(pattern)
        or _advice_for_anchors(pattern)
        or _advice_for_punctuation(pattern)
        or _advice_for_words(pattern, ())
        or _advice_for_syntax(pattern)
        or _advice_with_wildcards(pattern)
        or did_you_mean(pattern, read_config().profiles.keys() - SHARED_PROFILES.keys())
        or _advice_without_words(pattern)
    )


def _advice_for_organization(pattern: str) -> str:
    """Return advice for the word ``organization`` instead of a pattern, or an empty string."""
    if letters_of(pattern) not in ("organization", "organisation", "org"):
        return ""
    return (
        "For the organization's accounts, write `%%aws_profiles --organization --role NAME` above "
        'a cell\'s code. In Python, pass `organization_roles("NAME")`.'
    )


def _advice_for_assigned_roles(pattern: str) -> str:
    """Return advice for the name of a sign-in, or of one of its roles or accounts, or "".

    The option ``--sso`` can come before the name. The names of roles and accounts are known if the
    list of the sign-in's roles is cached.
    """
    words = pattern.replace("--sso=", "--sso ").split()
    selected = list(sign_ins(read_config()))
    is_sign_in = words[:1] == ["--sso"]
    if is_sign_in:
        del words[0]
    if words and words[0] in selected:
        is_sign_in = True
        selected = [words.pop(0)]
    patterns: list[str] = []
    for role in known_roles_without_profile():
        if role.sso_session in selected:
            patterns += _patterns_for_role(role, " ".join(words).casefold())
    if is_sign_in and not patterns:
        patterns = [f"{name}:*" for name in selected]
    usable = [each for each in patterns if not re.search(r"[\s,]", each)]  # they separate patterns
    if not usable:
        return ""
    return f"To select roles in IAM Identity Center, write {choice_of(dict.fromkeys(usable))}."


def _patterns_for_role(role: AssignedRole, name: str) -> list[str]:
    """Return the pattern that selects the role or the account with a name in lower case."""
    if name == role.role.casefold():
        return [f"{role.sso_session}:*/{role.role}"]
    if name in (role.account.id, role.account.name.casefold()):
        return [f"{role.sso_session}:{role.account.id}/*"]
    return []


def split_exclusions(written: str) -> tuple[str, str]:
    """Split a string into the patterns that select profiles and those that leave out profiles.

    For example, ``*-dev, !atlas-dev`` and ``*-dev except atlas-dev`` both result in ``*-dev`` and
    ``atlas-dev``. If no pattern selects profiles, the first string is ``*``. If no pattern leaves
    out profiles, the second string is empty.
    """
    selecting: list[str] = []
    excluding: list[str] = []
    words = re.findall(r"[^\s,]+", written)
    is_after_word = False
    for word in words:
        bare = word.lstrip("!^-–—")
        is_marked = bare != word and not is_name(word)
        if not bare or word.casefold() in _EXCLUDING:  # as in `! NAME` and `not NAME`
            is_after_word = True
        elif is_marked or is_after_word:
            excluding.append(bare)
        else:
            selecting.append(word)
    separator = "," if "," in written else " "
    return separator.join(selecting) or "*", ",".join(excluding)


def _advice_for_exclusion(written: str) -> str:
    """Return advice for patterns that try to leave out profiles, or an empty string."""
    selecting, excluding = split_exclusions(written)
    if not excluding:
        return ""
    if not excludes_some(selecting, excluding):
        return _advice_for_anchors(written) or (
            "To leave out profiles, add `--exclude PATTERN` to the first line of a cell for many "
            "profiles. In Python, pass `exclude=PATTERN`."
        )
    return (
        f"To leave out profiles, write `%%aws_profiles {selecting} --exclude {excluding}` above a "
        f"cell's code. In Python, pass `{selecting!r}, exclude={excluding!r}`."
    )


def _advice_for_anchors(pattern: str) -> str:
    """Return advice for a regular expression such as ``^atlas``, or an empty string."""
    text = pattern.removeprefix("^").removesuffix("$")
    if text == pattern or has_wildcard(text):
        return ""
    meant = f"{'' if pattern.startswith('^') else '*'}{text}{'' if pattern.endswith('$') else '*'}"
    return f"Did you mean `{meant}`?" if _matches_any(meant) else ""


def excludes_some(selecting: str, excluding: str) -> bool:
    """Return whether each of the excluding patterns leaves out some of the selected profiles.

    The result is False if no selected profile remains.
    """
    names = _profiles_matching(selecting)
    patterns = alternatives(excluding)
    remaining = [name for name in names if not fits(patterns, name)]
    return bool(remaining) and all(any(fits([each], name) for name in names) for each in patterns)


def _advice_for_words(pattern: str, names: Collection[str]) -> str:
    """Return advice for a pattern that consists of words, some of which are names of profiles.

    The advice says how to select the named profiles. The result is an empty string if the pattern
    already selects the named profiles, or if no word is the name of a profile.
    """
    words = pattern.split()
    exact = list(filter(is_name, words))
    if set(exact) <= set(names):
        return ""
    unknown = [word for word in words if word not in exact and not _matches_any(word)]
    if not unknown and any(map(has_wildcard, words)):
        return _advice_for_syntax(pattern)
    if not unknown:
        return f"To select profiles by their exact names, write `{','.join(exact)}`."
    profiles = read_config().profiles
    meant = exact + [close for word in unknown for close in misspelled(word, profiles)[:1]]
    problem = f"No profile matches {choice_of(unknown)}."
    if len(meant) == len(words):
        return f"{problem} Did you mean `{','.join(meant)}`?"
    return f"{problem} To select the other profiles by their names, write `{','.join(exact)}`."


def _advice_for_punctuation(pattern: str) -> str:
    """Return advice for a pattern with semicolons or a full stop at its end, or an empty string."""
    patterns = [each.strip() for each in pattern.rstrip(" .").split(";") if each.strip()]
    if ";" not in pattern and not pattern.endswith("."):
        return ""
    return f"Write `{','.join(patterns)}`." if all(map(_matches_any, patterns)) else ""


def _advice_for_syntax(pattern: str) -> str:
    """Return advice for patterns separated by spaces, `or` or `and`, or an empty string."""
    written = pattern.split()
    words = [word for word in written if word.casefold() not in _OPERATORS or is_name(word)]
    if not words[1:] or not all(map(_matches_any, words)):
        return ""
    operators = {word.casefold() for word in written} & _OPERATORS
    if operators and operators <= _AND and _matches_any(" ".join(words)):
        return f"To select profiles that match all of the words, write `{' '.join(words)}`."
    return f"To select profiles that match any of several patterns, write `{','.join(words)}`."


#: Operators of other languages between two patterns, and those that select with both patterns.
_AND = {"and", "&", "&&"}
_OPERATORS = {"or", "|", "||", *_AND}


def _advice_without_words(pattern: str) -> str:
    """Return advice that leaves out the words that no profile matches, or an empty string."""
    words = pattern.split()
    matching = " ".join(filter(_matches_any, words))
    if not _matches_any(matching):
        return ""
    others = [word for word in words if not _matches_any(word)]
    return f"No profile matches {choice_of(others)}. Did you mean `{matching}`?"


def _advice_with_wildcards(pattern: str) -> str:
    """Return advice for a regular expression, or for words such as ``account=123456789012``.

    The result is an empty string if no profile matches the corrected pattern either.
    """
    if "%" in pattern and _matches_any(pattern.replace("%", "*")):  # as in SQL
        return f"Did you mean `{pattern.replace('%', '*')}`?"
    if not has_wildcard(pattern) and "=" not in pattern:
        return ""
    values = [word.rpartition("=")[2] for word in pattern.split()]
    with_wildcards = [re.sub(r"(?:[^\w?\[\]]|_)+", "*", value) for value in values]
    for words in (values, with_wildcards):
        meant = " ".join(words)
        if _matches_any(meant):
            return f"Did you mean `{meant}`?"
    return ""


def _profiles_matching(pattern: str) -> list[str]:
    """Return the names of the user's profiles that match a pattern, without those for sharing."""
    return [str(each) for each in list_profiles(pattern) if each not in SHARED_PROFILES]


def _matches_any(pattern: str) -> bool:
    """Return whether at least one of the user's profiles matches a pattern."""
    if not pattern:
        return False
    return bool(_profiles_matching(pattern))


def _without_braces(text: str) -> str:
    """Convert a pattern with braces, such as `{a,b}-dev`, to patterns separated by commas."""
    patterns: list[str] = []
    for part in re.findall(r"(?:[^,{}]|\{[^{}]*\})+", text):
        pieces = [piece.split(",") for piece in re.split(r"[{}]", part)]
        patterns += map("".join, product(*pieces))
    return ",".join(patterns)


def is_name(text: str) -> bool:
    """Return whether a string is the name of a profile or role rather than a pattern."""
    config = read_config()
    role = role_named(text, config)
    if role:
        return role.has_id or not has_wildcard(text)
    return text in config.profiles
