"""Find the profile or role that the user meant by an ARN, an account or a sign-in in a line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.listing import list_profiles
from ipy_awsprofile.config.names import RoleName, account_text, is_account_id
from ipy_awsprofile.config.profiles import profiles_with_role
from ipy_awsprofile.config.sign_ins import names_of_role, role_named, sign_ins
from ipy_awsprofile.sessions.assigned_roles import (
    known_account_names,
    known_roles_without_profile,
)
from ipy_awsprofile.text import choice_of, letters_of, listed, misspelled, quoted

#: How similar a name must be to the name of a sign-in.
_LIKE_SIGN_IN = 0.7


@dataclass(frozen=True, slots=True)
class RoleReader:
    """Reads names that contain a role, an account or a sign-in, in a line of ``%aws_profile``.

    ``options`` contains the other words of the line. ``good_line`` returns a line with some words,
    or an empty string if the magic would reject that line.
    """

    options: Sequence[str]
    good_line: Callable[[Iterable[str]], str]

    def advice(self, name: str) -> str:
        """Return advice about the name of a profile that doesn't exist, or an empty string."""
        if name.startswith("arn:"):
            return self._advice_for_arn(name)
        account = account_text(name)
        if account.isdigit():
            return _advice_for_account(account)
        advice = self._advice_for_sign_in(name.rstrip(":"))
        if advice:
            return advice
        lines = self._lines(_names_in_account(name))
        if lines:
            return f"`{name}` is the name of an account. Write {choice_of(lines[:3])}."
        beginning, *rest = re.split(r"[:/]", name, maxsplit=1)
        role = "".join(rest)
        for sign_in in sign_ins(read_config()):
            is_meant = letters_of(sign_in) == letters_of(beginning)
            if is_meant and "/" in role:  # as in `Corp:Analytics/Analyst`
                return self._named(f"{sign_in}:{role}")
        account, _, role = name.partition("/")
        return self._advice_for_role(account, role) if role else ""

    def advice_for_words(self, names: Sequence[str]) -> str:
        """Return advice for a role with a space after its account instead of a slash, or ""."""
        *account, role = names
        text = " ".join(account)
        sign_in = text.partition(":")[0]
        if sign_in != text and sign_in in sign_ins(read_config()):
            return self._named(f"{text}/{role}")
        return self._advice_for_role(text, role) if is_account_id(text) else ""

    def _advice_for_arn(self, arn: str) -> str:
        """Return advice for the ARN of a role or of a role's session, or an empty string."""
        named = RoleName.parse(arn)
        if named is None:
            return ""
        lines = self._lines(names_of_role(named, read_config()))
        if lines:
            return f"Write {choice_of(lines)}."
        if named.is_assigned:
            return ""  # the error has the role's account and name
        role_arn = re.sub(":sts:(.*:)assumed-role/(.*)/.*", r":iam:\1role/\2", arn)
        line = self.good_line(["--role-arn", role_arn, *self.options])
        if not line or "--source-profile" in self.options:
            return f"Write `{line}`." if line else ""
        return (
            f"To assume the role with the default credentials, write `{line}`. To use a profile's "
            "credentials, add `--source-profile NAME`."
        )

    def _advice_for_role(self, account: str, role: str) -> str:
        """Return advice for an account's ID or name and a role's name, or an empty string."""
        account = account_text(account)
        profiles: list[str] = []
        for account_id in _ids_of(account):
            profiles += profiles_with_role(RoleName(account_id, role), read_config())
        lines = self._lines(profiles)
        if lines:
            return f"Write {choice_of(lines[:3])}."
        config = read_config()
        names = [f"{sign_in}:{account}/{role}" for sign_in in sign_ins(config)]
        lines = self._lines(name for name in names if role_named(name, config))
        if not lines:
            return ""
        if is_account_id(account):
            condition = f"the role `{role}` is assigned to you in IAM Identity Center"
        else:
            condition = f"`{account}` is an AWS account"
        return f"If {condition}, write {choice_of(lines)}."

    def _advice_for_sign_in(self, name: str) -> str:
        """Return advice for the name of a sign-in, which can be misspelled, or an empty string."""
        config = read_config()
        is_of_sign_in = "--login" in self.options or "--logout" in self.options
        if name in sign_ins(config):
            if is_of_sign_in:
                line = self.good_line([*self.options, "--sso", name])
                return f"Write `{line}`." if line else ""
            return f"`%aws_profiles --sso {quoted(name)}` lists the roles of this sign-in."
        similar = misspelled(name, [*sign_ins(config), *config.profiles], _LIKE_SIGN_IN)
        if not is_of_sign_in or sign_ins(config).keys().isdisjoint(similar):
            return ""
        lines: list[str] = []
        for each in similar[:3]:
            words = [each] if each in config.profiles else ["--sso", each]
            lines.append(self.good_line([*self.options, *words]))
        return f"Did you mean {choice_of(filter(None, lines))}?"

    def _lines(self, names: Iterable[str]) -> list[str]:
        """Return the lines with these names, except for lines that the magic would reject."""
        return list(filter(None, (self.good_line([name, *self.options]) for name in names)))

    def _named(self, name: str) -> str:
        """Return advice to write a line with this name, or "" if that line would be invalid."""
        lines = self._lines([name])
        return f"Write `{lines[0]}`." if lines else ""


def _ids_of(account: str) -> list[str]:
    """Return an account's ID or, for a name, the IDs of the accounts that a sign-in has listed."""
    if is_account_id(account):
        return [account]
    names = known_account_names()
    return [each for each, name in names.items() if name.casefold() == account.casefold()]


def _advice_for_account(account: str) -> str:
    """Return advice that names an account's profiles, or an empty string if no profile matches."""
    profiles = [profile for profile in list_profiles() if profile.account == account]
    if not profiles:
        return ""
    if len(profiles) == 1:
        return f"Did you mean {listed(profiles)}, which is in this account?"
    return f"`%aws_profiles {account}` lists the {len(profiles)} profiles of this account."


def _names_in_account(account_name: str) -> list[str]:
    """Return the names of the profiles and roles in the account that a sign-in lists as this name.

    The list is empty if no sign-in has listed an account with this name.
    """
    names: list[str] = []
    for account in _ids_of(account_name):
        names += [each for each in list_profiles() if each.account == account]
        names += [each.name for each in known_roles_without_profile() if each.account.id == account]
    return names
