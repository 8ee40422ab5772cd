"""List, find and resolve the IAM Identity Center roles that are assigned to the user.

https://docs.aws.amazon.com/singlesignon/latest/userguide/useraccess.html
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from ipy_awsprofile.config.files import Config, read_config
from ipy_awsprofile.config.profiles import (
    ProfileKind,
    did_you_mean,
    kind_of,
    matches,
)
from ipy_awsprofile.config.request import SessionRequest, account_text
from ipy_awsprofile.config.sign_ins import (
    SignIn,
    find_sign_in,
    named_by_account,
    sign_in_of_pattern,
    sign_ins,
)
from ipy_awsprofile.config.target import Target, sign_in_target
from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.errors import AwsProfileError, InvalidOption, SignInRequired
from ipy_awsprofile.sessions.access_portal import AccessPortal, Report
from ipy_awsprofile.sessions.role_list import (
    Account,
    accounts_by_name,
    known_account,
    known_roles,
)
from ipy_awsprofile.text import AssignedName, assigned_name, quoted

Request = TypeVar("Request", bound=SessionRequest)
Result = TypeVar("Result")

#: Account IDs have 12 digits.
_ID_LENGTH = 12

#: The maximum number of roles in an error message.
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class AssignedRole:
    """A role in an account, and the profile for the same role in the shared files, if any.

    ``sso_session`` is the name of the sign-in: an [sso-session], or a profile without one.
    """

    sso_session: str
    account: Account
    role: str
    profile: str | None = None

    @property
    def name(self) -> str:
        """The name of the role, which can be used like a profile name."""
        return str(AssignedName(self.sso_session, self.account.id, self.role))

    @property
    def names(self) -> tuple[str, str]:
        """The names with the account's ID and with its name, such as ``corp:team-dev/Admin``."""
        return self.name, str(AssignedName(self.sso_session, self.account.name, self.role))

    def __str__(self) -> str:
        return self.name


def list_assigned_roles(
    sso: str | None = None,
    pattern: str | None = None,
    *,
    fresh: bool = False,
    person: Person | None = None,
    report: Report = lambda _progress: None,
) -> list[AssignedRole]:
    """Return the roles that are assigned to the signed-in user, sorted by account name.

    ``sso`` is the name of an [sso-session], or of a profile with an sso_session or sso_start_url.
    You can omit it if there is only one. ``pattern`` selects roles as in `list_profiles`, and also
    matches the account's name and email domain. The list is cached for a day and shared by all
    kernels; ``fresh`` calls AWS again. ``person`` signs in if necessary. ``report`` is called with
    a `ListingProgress` after each account. Raises a subclass of `AwsProfileError`.
    """
    words = (pattern or "").casefold().split()
    config = read_config()
    sign_in = find_sign_in(sso, config)
    listed = ask_portal(
        sign_in.name, person or Person(), lambda portal: portal.all_roles(report), fresh=fresh
    )
    named = profiles_by_role(sign_in, config)
    roles = [
        AssignedRole(sign_in.name, account, role, named.get((account.id, role)))
        for account, role in listed
    ]
    return [one for one in roles if all(_matches(one, word) for word in words)]


def list_named_roles(pattern: str, person: Person | None = None) -> list[AssignedRole]:
    """Return the roles that match a pattern like ``corp:1000*/Admin`` or ``corp:team-*/Admin``.

    If the pattern doesn't start with a sign-in, return an empty list without calling AWS.
    ``person`` signs in if necessary. Raises a subclass of `AwsProfileError`.
    """
    sign_in = sign_in_of_pattern(pattern, read_config())
    return list_assigned_roles(sign_in, pattern, person=person) if sign_in else []


def known_roles_without_profile() -> list[AssignedRole]:
    """Return the roles without a profile from complete cached listings, without calling AWS.

    Raises ConfigFileError.
    """
    config = read_config()
    found = []
    for sign_in in sign_ins(config).values():
        known = known_roles(sign_in)
        profiles = profiles_by_role(sign_in, config) if known else {}
        found += [
            AssignedRole(sign_in.name, account, role)
            for account, role in known or ()
            if (account.id, role) not in profiles
        ]
    return found


def ask_portal(
    sign_in: str, person: Person, ask: Callable[[AccessPortal], Result], *, fresh: bool = False
) -> Result:
    """Return the result of ``ask`` for the access portal. The user signs in first if necessary."""
    try:
        return ask(AccessPortal(sign_in, fresh=fresh))
    except SignInRequired:
        if person.sign_in is None:
            raise
    person.sign_in_for(sign_in_target(sign_in))
    return ask(AccessPortal(sign_in, fresh=fresh))


def resolve_sso_name(request: Request, person: Person, *, look_up: bool = False) -> Request:
    """Replace account, role and [sso-session] in a request with the role's name, and return it.

    Look up the ID of an account that is specified by name, as in ``corp:team-dev/Admin``. With
    ``look_up``, also look up the account of any role or profile that uses IAM Identity Center, so
    that `known_account_name` can return its name. Raises InvalidOption and other subclasses of
    `AwsProfileError`.
    """
    config = read_config()
    if request.account or request.role or request.sso:
        request = _name_of_role(request, config, person)
    request = replace(
        request,
        profile=_with_id(request.profile, config, person),
        source_profile=_with_id(request.source_profile, config, person),
    )
    if look_up and (place := _sign_in_and_account(request.profile or "", config)):
        sign_in, account = place
        if known_account(sign_in, account) is None:
            ask_portal(sign_in.name, person, AccessPortal.accounts)
    return request


def _with_id(name: str | None, config: Config, person: Person) -> str | None:
    """Replace an account name in a role's name with the account's ID, and return the name."""
    parts = named_by_account(name, config) if name else None
    if parts is None:
        return name
    account = ask_portal(parts.sign_in, person, partial(account_id, parts.account))
    return str(AssignedName(parts.sign_in, account, parts.role))


def _sign_in_and_account(name: str, config: Config) -> tuple[SignIn, str] | None:
    """Return the sign-in and account of an IAM Identity Center profile or role, else None."""
    section = config.profiles.get(name)
    if section is None:
        parts = assigned_name(name)
        return (find_sign_in(parts.sign_in, config), parts.account) if parts else None
    if kind_of(section) is not ProfileKind.SSO:
        return None
    sign_ins_of = (one for one in sign_ins(config).values() if one.is_of(section))
    sign_in, account = next(sign_ins_of, None), section.get("sso_account_id")
    return (sign_in, account) if sign_in and account else None


def _name_of_role(request: Request, config: Config, person: Person) -> Request:
    if not (request.account and request.role) or request.profile or request.role_arn:
        raise InvalidOption(
            "Use --account and --role together, and without another profile or role.",
            "Run `%aws_profile --account ID --role NAME`; `%aws_profiles --sso` lists them.",
        )
    session, account = find_sign_in(request.sso, config).name, account_text(request.account)
    if not _is_id(account):
        account = ask_portal(session, person, partial(account_id, account))
    name = str(AssignedName(session, account, request.role))
    if assigned_name(name) is None:
        raise InvalidOption(
            f"`{request.role}` can't be the name of a role.",
            f"`%aws_profiles --sso {quoted(session)} {quoted(account)}` lists the roles.",
        )
    return replace(request, profile=name, account=None, role=None, sso=None)


def _is_id(account: str) -> bool:
    return account.isdecimal() and len(account) == _ID_LENGTH


def account_id(name: str, portal: AccessPortal) -> str:
    """Return the ID of the account with this ID or name. The name isn't case-sensitive.

    If no account has the name, refresh the list, because the account can be new. Raises
    InvalidOption if no account, or more than one, has the name.
    """
    if _is_id(name):
        return name
    session, found = portal.sign_in, accounts_by_name(name, portal.accounts())
    if not found and portal.renew_accounts():
        found = accounts_by_name(name, portal.accounts())
    match found:
        case [account]:
            return account.id
        case []:
            raise InvalidOption(
                f"No account `{name}` is assigned to you in the sign-in `{session}`.",
                did_you_mean(name, (one.name for one in portal.accounts()))
                or f"`%aws_profiles --sso {quoted(session)}` lists the accounts.",
            )
        case _:
            ids = " and ".join(f"`{one.id}`" for one in found)
            raise InvalidOption(
                f"{len(found)} accounts have the name `{name}`.", f"Use an account ID: {ids}."
            )


def explain_refused_role(target: Target) -> str:
    """Refresh the account's roles, and suggest roles to use instead of a refused role.

    The cached list can still have the refused role. Return "" if the roles can't be listed.
    """
    source = target.chain[-1]
    account, role = source.account, source.sso_role_name
    place = _sign_in_and_account(source, target.config)
    if place is None or not account or not role:
        return ""
    sign_in = place[0].name
    with suppress(AwsProfileError):  # the user needs to see the refusal instead
        roles = AccessPortal(sign_in).renew_roles(account)
        return did_you_mean(role, roles) or (
            f"Your roles in the account: {', '.join(f'`{one}`' for one in roles[:_MOST_NAMED])}."
            if roles
            else ""
        )
    return ""


def profiles_by_role(sign_in: SignIn, config: Config) -> dict[tuple[str, str], str]:
    """Return the profiles that use roles of this sign-in, by account and role."""
    return {
        (str(section["sso_account_id"]), str(section["sso_role_name"])): name
        for name, section in config.profiles.items()
        if sign_in.is_of(section)
        and section.keys() >= {"sso_account_id", "sso_role_name"}
        and "role_arn" not in section
    }


def _matches(role: AssignedRole, word: str) -> bool:
    """Return whether a word matches the role or one of its names."""
    account = role.account
    more = (account.name, account.domain, role.role, role.profile)
    return any(matches([word], (name, *more)) for name in role.names)
