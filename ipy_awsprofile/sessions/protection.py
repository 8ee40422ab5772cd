"""Apply the notebook's patterns and the organization's policy to requests for sessions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.listing import list_profiles
from ipy_awsprofile.config.names import alternatives, fits, has_wildcard, matches
from ipy_awsprofile.config.organization import read_policy, strictest_patterns
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.sign_ins import sign_ins
from ipy_awsprofile.config.target import Target, has_long_term_keys, target_of
from ipy_awsprofile.errors import ProtectedProfile
from ipy_awsprofile.sessions.assigned_roles import (
    cached_list,
    known_account_name,
    known_account_names,
    known_roles_without_profile,
)
from ipy_awsprofile.text import misspelled, quoted


@dataclass(slots=True)
class Protection:
    """Case-insensitive patterns for profile names, account IDs and account names.

    A pattern with wildcards, such as ``*-prod``, matches a whole name or ID. A pattern without
    wildcards matches if its words are anywhere in a name or ID, as in ``%aws_profiles``. For
    example, ``prod`` also matches ``nonprod``.

    Switching to a profile that matches ``protected`` requires confirmation. A profile that matches
    ``read_only`` is opened read-only unless the request contains ``write``. The patterns of the
    organization's policy also apply.
    """

    protected: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()

    def protects(self, name: str, account: str = "") -> bool:
        """Return whether a switch to the profile with this name requires confirmation."""
        return _fitting_pattern(self._all("protected"), name, account) is not None

    def pattern_for(self, target: Target, account: str = "") -> str | None:
        """Return the pattern that makes a switch to a target require confirmation, or None.

        ``account`` is the account ID that STS has reported, if STS was called.
        """
        return _pattern_for(self._all("protected"), target, account)

    @property
    def has_patterns(self) -> bool:
        """Whether any patterns are set in the notebook or the organization's policy."""
        return bool(self._all("protected") or self._all("read_only"))

    def _all(self, name: str) -> tuple[str, ...]:
        """Return the policy's patterns, then the notebook's patterns, without duplicates."""
        return tuple(dict.fromkeys((*strictest_patterns(name), *getattr(self, name))))

    def require_confirmed(
        self, request: SessionRequest, target: Target, account: str | None = None
    ) -> None:
        """Raise ProtectedProfile if a target is protected and the request isn't confirmed.

        ``account`` is the account ID that STS has reported, if STS was called.
        """
        pattern = self.pattern_for(target, account or "")
        if pattern is not None and not getattr(request, "confirmed", False):
            raise ProtectedProfile(target.name, pattern, account or target.account)

    def limited(
        self, request: SessionRequest, target: Target, account: str | None = None
    ) -> Target:
        """Return a request's target, or a read-only target if a pattern requires read-only access.

        ``account`` is the account ID that STS has reported, if STS was called. Raise NotAllowed if
        the organization's policy doesn't allow the target.
        """
        policy = read_policy()
        if account is not None or target.account:
            policy.require_account(account or target.account, target.name)
        if request.write:
            policy.require("write", "`--write`")
        if has_long_term_keys(target):
            policy.require("long_term_keys", f"long-term keys, such as those of `{target.start}`")
        if target.request.read_only or request.write:
            return target
        if _pattern_for(self._all("read_only"), target, account or "") is None:
            return target
        return target_of(replace(target.request, read_only=True), target.config)


def _pattern_for(patterns: Iterable[str], target: Target, account: str) -> str | None:
    """Return the first pattern that matches a target (see `_fitting_pattern`), or None."""
    account_name = target.request.account_name or ""
    return _fitting_pattern(patterns, target.name, account or target.account, account_name)


def _fitting_pattern(
    patterns: Iterable[str], name: str, account: str = "", account_name: str = ""
) -> str | None:
    """Return the first pattern that matches a profile's name, account ID or account name, or None.

    The name of a role without a profile contains a slash. Patterns can also match the part after
    the last slash, which is the role's own name. A pattern can match either ``account_name`` or the
    name that a sign-in has listed for the account. This function doesn't call AWS.
    """
    if not patterns:
        return None
    own_name = name.rpartition("/")[2]
    listed_name = known_account_name(account)
    names = list(filter(None, (name, own_name, account, account_name, listed_name)))
    for pattern in patterns:
        for written in alternatives(pattern) or [pattern]:
            part = _without_notation(written)
            if not has_wildcard(part) and matches(part, names):
                return pattern
            if fits([part], *names):
                return pattern
    return None


def _without_notation(pattern: str) -> str:
    """Return a pattern without the notation of a config file's header or of AWS's console.

    AWS's console shows an account ID with hyphens.
    """
    name = re.sub(r"^\[?(?:profile\s+)?|\]$", "", pattern.strip())
    return name.replace("-", "") if re.fullmatch(r"\d{4}-\d{4}-\d{4}", name) else name


def problem_of_pattern(pattern: str, *, typos_only: bool) -> str:
    """Return a sentence about a pattern that doesn't match anything, or an empty string.

    The sentence suggests a similar name or says how to list the names. If ``typos_only`` is true,
    the result is empty for a pattern without a similar name. For example, a team's settings can
    contain patterns for profiles that the user doesn't have. Raise ConfigFileError if the config
    file is malformed.
    """
    names = _names_and_accounts()
    if any(_fitting_pattern([pattern], *name) for name in names):
        return ""
    says = f"No known profile or account matches `{pattern}`."
    meant = _pattern_for_expression(pattern)
    if meant != pattern and any(_fitting_pattern([meant], *name) for name in names):
        return f"{says} Patterns aren't regular expressions. Did you mean `{meant}`?"
    close = misspelled(pattern.strip("*?"), _parts_of(names), _LIKE_PATTERN)
    if close:
        return f"{says} Did you mean `{close[0]}`?"
    if typos_only:
        return ""
    for sign_in in sign_ins(read_config()).values():
        if cached_list(sign_in) is None:
            return f"{says} `%aws_profiles --sso {quoted(sign_in.name)}` lists more accounts."
    return f"{says} `%aws_profiles` lists all profiles and their accounts."


def _pattern_for_expression(expression: str) -> str:
    """Return the pattern that matches the same names as a simple regular expression."""
    pattern = expression.removeprefix("^").removesuffix("$")
    return re.sub(r"\.[*+]", "*", pattern).replace("\\", "")


#: How similar a pattern must be to a name that it is a typo for, such as `prdo` for `prod`.
_LIKE_PATTERN = 0.75


def _names_and_accounts() -> list[tuple[str, str]]:
    """Return the names and account IDs of all profiles and of the listed roles and accounts.

    For an account without a known role, the name is an empty string.
    """
    names = [(profile.name, profile.account or "") for profile in list_profiles()]
    for role in known_roles_without_profile():
        names.append((role.name, role.account.id))
    names += [("", account) for account in known_account_names()]
    return names


def _parts_of(names: Iterable[tuple[str, str]]) -> list[str]:
    """Return the strings that patterns usually match: names, words in names, and account names."""
    parts: list[str] = []
    for name, account in names:
        parts += [name, *re.findall(r"[^\W_]+", name), known_account_name(account) or ""]
    return list(filter(None, dict.fromkeys(parts)))
