"""List the role with a given name in each account of an organization, for `across_profiles`.

https://docs.aws.amazon.com/organizations/latest/userguide/orgs_introduction.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import InitVar, dataclass, replace
from typing import TYPE_CHECKING, NoReturn, Self

from ipy_awsprofile.config.names import Arn, alternatives, fits, has_wildcard, matches
from ipy_awsprofile.config.profiles import Profile, ProfileKind
from ipy_awsprofile.config.python_interface import checks_arguments
from ipy_awsprofile.config.request import Source, SwitchRequest
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import AccessDenied, InvalidOption
from ipy_awsprofile.gate import PROCESS, require_no_run
from ipy_awsprofile.sessions.assigned_roles import Account, account_of, by_name
from ipy_awsprofile.sessions.session import (
    ProfileSession,
    check_session,
    credentials_of,
    own_client_of,
    settings_of,
    target_in,
)
from ipy_awsprofile.switch.using_profile import running_switcher
from ipy_awsprofile.switch.writing import advice_for_writing
from ipy_awsprofile.text import did_you_mean

if TYPE_CHECKING:
    import boto3


class _OfSession:
    """A base class for the session, which isn't a field.

    `asdict`, and therefore pandas, copies fields, but a session can't be copied.
    """

    __slots__ = ("session",)
    session: boto3.Session


@dataclass(frozen=True, slots=True)
class OrganizationRole(_OfSession):
    """A role in an account of an organization, and the session that assumes the role."""

    account: Account
    arn: str
    assuming: InitVar[boto3.Session]

    def __post_init__(self, assuming: boto3.Session) -> None:
        """Store the session."""
        object.__setattr__(self, "session", assuming)

    def __copy__(self) -> Self:
        """Return this role, which can't be changed."""
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        """Return this role, because its session can't be copied."""
        return self

    def __reduce__(self) -> NoReturn:
        """Raise TypeError, because the session stays in its process."""
        raise TypeError(
            "A role of an organization can't be pickled, because its session stays in its "
            "process. Pass the role's `arn`, and call `open_session` with `role_arn` and "
            "`source_profile` in the other process"
        )

    def __str__(self) -> str:
        return self.arn

    def request(self, options: SwitchRequest) -> SwitchRequest:
        """Return the request that opens a session of this role with the given options."""
        session = self.session
        is_limited = True
        if isinstance(session, ProfileSession):
            chain = session.target.chain
            own = session.target.request
            is_limited = bool(own.read_only or own.policy)
        else:
            chain = (Profile(session.profile_name, settings_of(session)[0], ProfileKind.AMBIENT),)
        source = Source(chain, credentials_of(session), self.account.name, is_limited)
        return replace(options, role_arn=self.arn, region=session.region_name, source=source)


@checks_arguments
def organization_roles(
    role: str,
    pattern: str | None = None,
    *,
    exclude: str | Iterable[str] = (),
    session: boto3.Session | None = None,
) -> list[OrganizationRole]:
    """Return the role named ``role`` in each active account of the organization.

    The roles are sorted by account name. Pass the roles to `across_profiles`, which reports an
    error for each account that doesn't have the role. ``role`` is the role's name, including any
    path, such as ``audit/Reader``. ``pattern`` selects accounts by words in the account's name, ID
    or email domain, as in `list_profiles`. ``exclude`` omits accounts by name or ID, or by patterns
    for the whole name or ID, such as ``sandbox-*``. Case doesn't matter.

    By default, the active identity lists the accounts now and assumes the roles later. To use a
    different identity, pass a boto3 ``session``. The identity that lists the accounts must belong
    to the organization's management account or to a delegated administrator. Suspended and closed
    accounts are omitted. The roles' ARNs contain the organization's partition, such as
    ``aws-us-gov``.

    Role credentials are read from the AWS CLI's cache if possible. Role credentials are always
    requested from STS if the session is limited by ``read_only`` or ``policy``, or if the session
    wasn't created by `open_session` or a switch.

    Raise InvalidOption if no profile is active and you don't pass a session. Raise AccessDenied if
    the identity isn't allowed to list the accounts. Raise another subclass of `AwsProfileError` for
    other failures.

    https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAccounts.html
    """
    require_no_run("`organization_roles`")
    if role.startswith("arn:"):
        name = Arn.parse(role).role or "NAME"
        raise InvalidOption(
            f"`{role}` is the ARN of a role in a single account.",
            f"Write the name that the role has in each account: `{name}`.",
        )
    session = session or running_switcher().session
    if session is None:
        raise InvalidOption(
            "No profile is active, so no identity can list the organization's accounts.",
            "Run `%aws_profile NAME` first, or pass a `session`.",
        )
    check_session(session, "ListAccounts")
    if not isinstance(exclude, str):
        exclude = list(exclude or ())
    excluded = patterns_of(exclude)
    candidates: list[str] = []
    arns: dict[Account, str] = {}
    for item in _list_accounts(session):
        account = account_of(item["Id"], item.get("Name", ""), item.get("Email", ""))
        if item.get("State", item.get("Status")) != "ACTIVE":  # AWS retires Status
            continue
        if not (matches(pattern, (account.name, *account)) or matches(pattern, account)):
            continue
        candidates += [account.name, account.id]
        if fits(excluded, account.name, account.id):
            continue
        partition = item["Arn"].split(":")[1]
        arns[account] = f"arn:{partition}:iam::{account.id}:role/{role.lstrip('/')}"
    warn_about_excluding_nothing(exclude, candidates, "account")
    accounts = sorted(arns, key=by_name)
    return [OrganizationRole(account, arns[account], session) for account in accounts]


def patterns_of(exclude: str | Iterable[str]) -> list[str]:
    """Return the patterns in ``exclude``: one comma-separated string, or several such strings."""
    texts = [exclude] if isinstance(exclude, str) else list(exclude)
    patterns: list[str] = []
    for text in texts:
        patterns += [text, *alternatives(text)]  # an account's own name can have a comma
    return patterns


def warn_about_excluding_nothing(
    exclude: str | Iterable[str], candidates: Collection[str], what: str
) -> None:
    """Warn about each pattern in ``exclude`` that doesn't match any candidate.

    ``candidates`` are the names and IDs that could be excluded, and ``what`` is the word for the
    candidates in the warning, such as ``account``.
    """
    for text in [exclude] if isinstance(exclude, str) else exclude:
        patterns = alternatives(text)
        if fits([text], *candidates):  # a name with a comma
            patterns = []
        for pattern in patterns:
            if fits([pattern], *candidates):
                continue
            PROCESS.warn(
                f"`exclude` leaves out no {what}, because `{pattern}` doesn't match a whole name "
                f"or account ID. {_similar_pattern(pattern, candidates)}".strip()
            )


def _similar_pattern(text: str, names: Collection[str]) -> str:
    """Return a question that suggests a pattern or names if ``text`` doesn't match any name.

    The suggested pattern matches the names that contain ``text``. If no pattern or name is similar,
    return an empty string.
    """
    if has_wildcard(text):
        return ""
    word = text.casefold()
    inside = [name for name in names if word in name.casefold()]
    if not inside:
        return did_you_mean(text, filter(None, names))
    if not all(name.casefold().startswith(word) for name in inside):
        return f"Did you mean `*{text}*`?"
    following = {name[len(text) :][:1] for name in inside}
    separator = following.pop()
    if following or separator.isalnum() or separator.isspace():
        separator = ""
    return f"Did you mean `{text}{separator}*`?"


def _list_accounts(session: boto3.Session) -> list[dict[str, str]]:
    """Return the accounts in the session's organization, as AWS Organizations describes them.

    Raise AccessDenied if the session isn't allowed to list the accounts.
    """
    try:
        with translated(target_in(session)):
            client = own_client_of(session, "organizations")
            pages = client.get_paginator("list_accounts").paginate()
            return [account for page in pages for account in page["Accounts"]]
    except AccessDenied as error:
        error.hint = _advice_for_limits(session, str(error)) or (
            "Use an identity that belongs to the organization's management account or to a "
            "delegated administrator, and that is allowed to call organizations:ListAccounts."
        )
        raise


def _advice_for_limits(session: boto3.Session, message: str) -> str:
    """Return a hint if the limits of a session don't let it list the accounts, or "".

    ``message`` is AWS's message. A limited session can't assume the roles either, so the hint says
    how to limit the roles' sessions instead.
    """
    if "session policy" not in message:
        return ""
    step = "Use a session without these limits."
    switcher = running_switcher()
    active = switcher.active
    if active and active.session is session and active.label.origin and not active.request.policy:
        account = Arn.parse(active.label.principal).account
        advice = advice_for_writing(
            active.label.origin,
            account,
            switcher.protection,
            operation="ListAccounts",
            message=message,
        )
        step = advice or step
    return (
        f"{step} To limit the code in the accounts, write `--read-only` in the first line of the "
        "`%%aws_profiles` cell, or pass `read_only=True` to `across_profiles`."
    )
