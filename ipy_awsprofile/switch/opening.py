"""Open the session of a switch as the user's patterns allow it, before anything changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.names import alternatives, fits, has_wildcard, matches
from ipy_awsprofile.config.profiles import list_profiles
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.config.sign_ins import sign_ins
from ipy_awsprofile.config.target import Target, target_of
from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.errors import CredentialsRejected, ProtectedProfile, UnexpectedAccount
from ipy_awsprofile.kernel.watch import watch_credentials
from ipy_awsprofile.sessions.assigned_roles import (
    cached_list,
    find_target,
    known_account_name,
    known_account_names,
    known_roles_without_profile,
    look_up_account_name,
)
from ipy_awsprofile.sessions.session import (
    Identity,
    ProfileSession,
    credentials_of,
    fetch_identity,
    label_for,
    open_target,
)
from ipy_awsprofile.switch.stack import OpenProfile
from ipy_awsprofile.text import misspelled, quoted


@dataclass(slots=True)
class Protection:
    """Case-insensitive patterns for profile names, account IDs and account names.

    A pattern with wildcards, such as ``*-prod``, matches a whole name or ID. The words of any other
    pattern can be anywhere in them, as in ``%aws_profiles``: ``prod`` also matches ``nonprod``.

    Switching to a profile that matches ``protected`` requires confirmation. A profile that matches
    ``read_only`` is opened read-only unless the request says ``write``.
    """

    protected: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()

    def protects(self, name: str, account: str = "") -> bool:
        """Return whether a switch to the profile with this name requires confirmation."""
        return _fitting_pattern(self.protected, name, account) is not None

    def pattern_for(self, target: Target, account: str = "") -> str | None:
        """Return the pattern because of which a switch to a target requires confirmation, if any.

        ``account`` is the account ID if STS has reported it.
        """
        return _pattern_for(self.protected, target, account)

    def allowed(
        self, request: SwitchRequest, target: Target, account: str = "", *, is_new: bool = True
    ) -> Target:
        """Return a request's target as the patterns allow it, which can make it read-only.

        ``account`` is the account ID if STS has reported it. Raises ProtectedProfile, unless the
        request is confirmed or isn't new.
        """
        pattern = self.pattern_for(target, account)
        is_confirmed = request.confirmed or not is_new
        if pattern is not None and not is_confirmed:
            raise ProtectedProfile(target.name, pattern, account or target.account)
        if target.request.read_only or request.write:
            return target
        if _pattern_for(self.read_only, target, account) is None:
            return target
        return target_of(replace(target.request, read_only=True), target.config)


def _pattern_for(patterns: Iterable[str], target: Target, account: str) -> str | None:
    """Return the first pattern that matches a target, if any; see `_fitting_pattern`."""
    account_name = target.request.account_name or ""
    return _fitting_pattern(patterns, target.name, account or target.account, account_name)


def _fitting_pattern(
    patterns: Iterable[str], name: str, account: str = "", account_name: str = ""
) -> str | None:
    """Return the first pattern that matches a profile's name, account ID or account name, if any.

    A role without a profile has a name with slashes, whose last part, the role's own name, can
    match, too. Without ``account_name``, use the name that a sign-in has listed. This doesn't call
    AWS.
    """
    if not patterns:
        return None
    own_name = name.rpartition("/")[2]
    listed_name = known_account_name(account)
    names = list(filter(None, (name, own_name, account, account_name, listed_name)))
    for pattern in patterns:
        for part in alternatives(pattern) or [pattern]:
            if not has_wildcard(part) and matches(part, names):
                return pattern
            if fits([part], *names):
                return pattern
    return None


def problem_of_pattern(pattern: str, *, typos_only: bool) -> str:
    """Return a sentence about a pattern that matches nothing, or an empty string.

    It suggests a similar name, or says where names are listed. With ``typos_only``, a pattern
    without a similar name isn't mentioned: it can be meant for profiles that the user doesn't have,
    for example in the settings of a team. Raises ConfigFileError.
    """
    names = _names_and_accounts()
    if any(_fitting_pattern([pattern], *name) for name in names):
        return ""
    says = f"No known profile or account matches `{pattern}`."
    close = misspelled(pattern.strip("*?"), _parts_of(names), _LIKE_PATTERN)
    if close:
        return f"{says} Did you mean `{close[0]}`?"
    if typos_only:
        return ""
    for sign_in in sign_ins(read_config()).values():
        if cached_list(sign_in) is None:
            return f"{says} `%aws_profiles --sso {quoted(sign_in.name)}` lists more accounts."
    return f"{says} `%aws_profiles` lists their names and accounts."


#: How similar a pattern must be to a name that it is a typo for, such as `prdo` for `prod`.
_LIKE_PATTERN = 0.75


def _names_and_accounts() -> list[tuple[str, str]]:
    """Return the names and account IDs of the profiles, and of what sign-ins have listed.

    The name of an account without a known role is empty.
    """
    names = [(profile.name, profile.account or "") for profile in list_profiles()]
    for role in known_roles_without_profile():
        names.append((role.name, role.account.id))
    names += [("", account) for account in known_account_names()]
    return names


def _parts_of(names: Iterable[tuple[str, str]]) -> list[str]:
    """Return what patterns are usually for: names, their words, and the names of accounts."""
    parts: list[str] = []
    for name, account in names:
        parts += [name, *re.findall(r"[^\W_]+", name), known_account_name(account) or ""]
    return list(filter(None, dict.fromkeys(parts)))


#: Opens a target, and returns its session and identity.
Opener = Callable[[Target], tuple[ProfileSession, Identity]]


def open_guarded(
    request: SwitchRequest,
    protection: Protection,
    person: Person,
    opener: Opener,
    *,
    active: OpenProfile | None = None,
) -> OpenProfile:
    """Open a request as the user's patterns allow it, for a switch, a block, a picker or a run.

    If the request is the ``active`` profile's, it needs no confirmation, unless its name leads to
    another account by now. Raises ProtectedProfile.
    """
    target = find_target(request, person)
    if protection.protected or protection.read_only:
        look_up_account_name(target, person)  # in IAM Identity Center; it isn't in the files
    allowed = protection.allowed(request, target, is_new=active is None)
    session, identity = opener(allowed)
    # The files don't always contain the account, so the patterns are matched with STS's, too.
    is_new = active is None or active.identity.account != identity.account
    narrower = protection.allowed(request, allowed, identity.account, is_new=is_new)
    if narrower.request.read_only != allowed.request.read_only:
        session, identity = opener(narrower)
    label = label_for(session)
    watch_credentials(credentials_of(session), label)
    resolved = replace(request, **session.target.request.session_options())
    return OpenProfile(resolved, session, identity, label)


def open_identified(
    target: Target, *, expected: str | int | None, fresh: bool, person: Person, ask: bool
) -> tuple[ProfileSession, Identity]:
    """Open a session for a target. Return the session and its identity.

    If the AWS CLI's cache contains a role's session, this makes no call, unless ``ask`` is set or
    an account is ``expected``, or the cache lacks the identity. In these cases, STS is called with
    the cached credentials. If STS rejects credentials, they are requested again, without the cache.
    Raises a subclass of `AwsProfileError`, such as UnexpectedAccount if the account is a different
    one.
    """
    ask = ask or expected is not None
    session = open_target(target, fresh=fresh, person=person)
    try:
        identity = fetch_identity(session, ask=ask)
    except CredentialsRejected:
        if fresh:
            raise
        session = open_target(target, fresh=True, person=person)
        identity = fetch_identity(session, ask=ask)
    if expected is not None and identity.account != expected:
        account = identity.account or "an account that the server doesn't report"
        problem = f"`{target.name}` is in {account}, not in {expected}."
        hint = "Nothing has changed. Use a profile in the expected account."
        raise UnexpectedAccount(problem, hint)
    return session, identity
