"""Requests for a session and for a switch, and their options.

Each option is declared as a field of a request. The parser of ``%aws_profile``, its help, Tab
completion, the options page, the signatures of `using_profile` and `open_session`, and the commands
in hints all come from the fields of requests.

This module doesn't import botocore, so that the extension loads fast.
"""

from __future__ import annotations

import builtins
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field, fields, replace
from datetime import timedelta
from enum import Enum
from keyword import iskeyword
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ipy_awsprofile.config.names import Arn, account_text, is_account_id
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.text import quoted

if TYPE_CHECKING:
    from botocore.credentials import Credentials

    from ipy_awsprofile.config.profiles import Profile

#: Seconds, a timedelta, or a text such as ``3600``, ``15m`` or ``1h30m``.
Duration = float | timedelta | str


class Option(NamedTuple):
    """An option of a magic. An option without a ``metavar`` doesn't take a value."""

    help: str
    metavar: str
    flag: str
    default: object
    is_repeated: bool


def option(
    help: str,  # noqa: A002  # like argparse's
    metavar: str = "",
    *,
    flag: str = "",
    default: object = None,
    is_repeated: bool = False,
) -> Any:
    """Return a dataclass field that also declares an option.

    The option's name is ``flag`` or, by default, comes from the field's name. ``metavar``
    represents the option's value in the help, in brackets if the value is optional. If
    ``is_repeated`` is True, the option can be given several times.
    """
    if is_repeated:
        default = ()
    elif not metavar:
        default = False
    declared = Option(help, metavar, flag, default, is_repeated)
    return field(default=default, metadata={"option": declared})


def require_name(value: object) -> None:
    """Raise InvalidOption if a value that must be a profile's name isn't a string."""
    if not isinstance(value, str):
        raise InvalidOption(
            f"A profile's name must be a string, not a value of type {type(value).__name__}.",
            "Pass a profile from `list_profiles()`, or the name of a profile.",
        )


def require_variable(name: str) -> None:
    """Raise InvalidOption if a string isn't a valid name for a Python variable."""
    if not name.isidentifier() or iskeyword(name):
        hint = ""
        changed = re.sub(r"\W+", "_", name)
        if changed.isidentifier() and not iskeyword(changed):
            hint = f"Write `{changed}`."
        raise InvalidOption(f"`{name}` isn't a valid variable name.", hint)
    if hasattr(builtins, name):
        raise InvalidOption(
            f"`{name}` is the name of a Python built-in.", "Use a different variable."
        )


#: What a parameter of Python must be, by its annotation: its types, and words for them.
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "bool": ((bool,), "True or False"),
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number of seconds"),
    "str": ((str,), "a string"),
    "str | None": ((str, NoneType), "a string"),
    "str | int | None": ((str, int, NoneType), "an account ID, a string or an integer"),
    "Duration | None": (
        (int, float, timedelta, str, NoneType),
        "a number of seconds, a timedelta, or a string such as `15m`",
    ),
    "str | os.PathLike[str] | None": (
        (str, os.PathLike, NoneType),
        "the path of a JSON file, or a managed policy's ARN",
    ),
    "Mapping[str, Any] | str | os.PathLike[str] | None": (
        (Mapping, str, os.PathLike, NoneType),
        "a dict, or the path of a JSON file",
    ),
}


def require_type(name: str, annotation: object, value: object) -> None:
    """Raise InvalidOption if a parameter's value has the wrong type.

    The function checks only parameters whose annotation is a key of `_TYPES`.
    """
    declared = _TYPES.get(str(annotation))
    if declared is None:
        return
    types, words = declared
    is_flag = isinstance(value, bool) and bool not in types  # Python takes True for 1
    if isinstance(value, types) and not is_flag:
        return
    hint = ""
    if name == "policy":
        hint = _code_of_policy(value, accepts_dict=Mapping in types)
    if name == "pattern" and isinstance(value, Iterable):
        patterns = ",".join(map(str, value))
        hint = f"Write a single string, with commas between patterns: `{patterns!r}`."
    raise InvalidOption(
        f"`{name}` must be {words}, not a value of type {type(value).__name__}.", hint
    )


def _code_of_policy(value: object, *, accepts_dict: bool) -> str:
    """Return a hint for a value that isn't a policy, with the policy as a dict if it is known."""
    if not accepts_dict:
        return "Write the policy to a file. For a dict, use `with scoped(NAME, policy=POLICY):`."
    statements = [*value] if isinstance(value, list | tuple | set) else []
    if statements and all(map(_is_action, statements)):
        statements = [{"Effect": "Allow", "Action": statements, "Resource": "*"}]
    if not statements or not all(isinstance(each, Mapping) for each in statements):
        return "Pass a policy as a dict with `Version` and `Statement`."
    return f"Write `policy={ {'Version': '2012-10-17', 'Statement': statements} }`."


def _is_action(value: object) -> bool:
    """Return whether a value is an action of a policy, such as ``s3:Get*``."""
    return isinstance(value, str) and bool(re.fullmatch(r"\*|[a-z0-9-]+:[\w*?]+", value))


def _require_values(request: Any) -> None:
    """Raise InvalidOption if a field's value has the wrong type or an option is empty."""
    for attribute in fields(request):
        require_type(attribute.name, attribute.type, getattr(request, attribute.name))
    for name in options_of(SessionRequest):
        if getattr(request, name) == "":  # such as a variable of the environment without a value
            raise InvalidOption(f"`{name}` is empty.", f"Pass a value, or leave out `{name}`.")


#: The notebook's default variable for the session.
SESSION = "session"


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Source:
    """An open session that assumes a role, with its role chain and its renewable credentials.

    ``account_name`` is the name of the role's account. If ``is_limited`` is True, the session must
    not use a cached role session, because AWS might not allow the session to assume the role.
    """

    chain: tuple[Profile, ...]
    credentials: Credentials
    account_name: str
    is_limited: bool


def _several(values: Iterable[object] | None) -> tuple[object, ...]:
    """Return values as a tuple, with one item for a single string and no items for None."""
    if not values:
        return ()
    return (values,) if isinstance(values, str) else tuple(values)


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """A profile or a role, and the options that take precedence over the profile's settings.

    ``profile`` is the name of a profile, or of an IAM Identity Center role such as
    ``corp:123456789012/Admin``. Only Python code can pass ``source_identity``, ``tags`` and
    ``transitive_tags`` for a role session. To use these values with ``%aws_profile``, add the
    source identity and the tags to the profile's settings. ``tags`` is a dict, or a list of strings
    such as ``team=red``. ``default_session_name`` is used if neither an option nor the profile
    names the session. In code for many accounts, ``source`` is the session that assumes
    ``role_arn``, instead of a source profile.
    """

    profile: str | None = None
    _: KW_ONLY
    region: str | None = option("Use this AWS Region instead of the profile's Region.", "R")
    duration: Duration | None = option(
        "Set the session's duration, such as 3600 (seconds), 90m or 1h.", "T"
    )
    session_name: str | None = option(
        "Set the name of the role session, which CloudTrail shows.", "S"
    )
    external_id: str | None = option(
        "Pass the external ID that the role's trust policy requires.", "ID"
    )
    source_identity: str | None = None
    tags: Mapping[str, str] | Iterable[str | tuple[str, str]] | None = ()
    transitive_tags: Iterable[str] = ()
    policy: str | os.PathLike[str] | None = option(
        "Limit the session with a policy: a JSON file or, for a role, a managed policy's ARN.",
        "FILE",
    )
    role_arn: str | None = option(
        "Assume this role, which doesn't need a profile, with the credentials of --source-profile "
        "or the default credentials.",
        "ARN",
    )
    source_profile: str | None = option(
        "Use this profile's credentials to assume the role in --role-arn.", "NAME"
    )
    default: bool = option(
        "Use the default credentials, which come from environment variables, the default profile, "
        "a container or an instance."
    )
    account: str | int | None = option(
        "Use the account with this ID or name in IAM Identity Center. --account requires --role.",
        "ID",
    )
    role: str | None = option(
        "Use this role in the account that --account names. The role doesn't need a profile.",
        "NAME",
    )
    sso: str | None = option(
        "Use this [sso-session] for --account if your config file has several.", "NAME"
    )
    read_only: bool = option(
        "Limit the session to reading. The limit is AWS's policy ReadOnlyAccess for a role, and a "
        "list of actions for any other identity."
    )
    write: bool = option("Allow writing even if the setting `read_only` matches the profile.")
    mfa: bool = option(
        "Get an MFA session for access keys, with a code from the MFA device in mfa_serial. The "
        "session lasts 12 hours by default, and up to 36 hours with --duration."
    )
    default_session_name: str | None = None
    source: Source | None = None

    @property
    def account_name(self) -> str | None:
        """The name of the role's account if code runs for many accounts, or None."""
        return self.source.account_name if self.source else None

    def __post_init__(self) -> None:
        """Normalize the fields. Raise InvalidOption if a value has the wrong type or is empty."""
        if self.profile is not None:
            require_name(self.profile)
        _require_values(self)
        if self.read_only and self.write:
            raise InvalidOption("--read-only and --write can't be combined.", "Use only one.")
        if self.region is not None:
            self._set("region", self.region.strip())
            if self.region == str(None):  # as the value of a variable in a line
                raise InvalidOption(
                    "The Region is `None`, as text.", "Write a Region, or leave out the option."
                )
        if self.account is not None:
            self._set("account", account_text(self.account))
        if self.policy is not None:
            policy = os.fspath(self.policy)
            if not policy.startswith(("arn:", "file://")):
                # A refresh reads the file again, when the notebook can be in another folder.
                policy = os.path.abspath(os.path.expanduser(policy))
            self._set("policy", policy)
        tags: Any = self.tags
        if isinstance(tags, Mapping):
            tags = tags.items()
        self._set("tags", _several(tags))
        self._set("transitive_tags", _several(self.transitive_tags))

    def _set(self, name: str, value: object) -> None:
        """Set a field of this frozen dataclass to its normalized value."""
        object.__setattr__(self, name, value)

    @property
    def name(self) -> str:
        """The profile's name, the role's ARN, or a description of another kind of identity."""
        if self.role and self.account:
            return f"{self.role} in {self.account}"
        if self.default:
            return "the default credentials"
        return self.profile or self.role_arn or ""

    def session_options(self) -> dict[str, Any]:
        """Return the values of those fields that `SessionRequest` declares."""
        return {each.name: getattr(self, each.name) for each in fields(SessionRequest)}

    @property
    def has_parts(self) -> bool:
        """Whether the request names an IAM Identity Center role by its account, role or sign-in."""
        return any((self.account, self.role, self.sso))

    @property
    def names_one_identity(self) -> bool:
        """Whether the request names exactly one identity, without missing or conflicting parts."""
        if self.has_parts and not (self.account and self.role):
            return False
        if self.source_profile is not None and self.role_arn is None:
            return False
        ways = [self.profile is not None, self.role_arn is not None, self.default, self.has_parts]
        return ways.count(True) == 1

    def with_one_identity(self, profiles: Mapping[str, Mapping[str, Any]]) -> Self | None:
        """Return a corrected copy of a request that names parts of two identities.

        The result is None if the request is ambiguous. ``profiles`` are the profiles in the shared
        files.
        """
        if self.role_arn is None and str(self.role).startswith("arn:"):
            return self._with_role_arn(profiles)
        meant = self
        has_role_only = self.account is None and self.sso is None
        sign_in = profiles.get(self.profile or "", {})
        if self.profile is None and self.role in profiles and has_role_only:
            meant = replace(self, profile=self.role, role=None)
        elif self.profile is None:
            meant = self._with_one_role()
        elif profiles.get(self.role or "", {}).get("source_profile") == self.profile:
            meant = replace(self, profile=self.role, role=None)
        elif self.role and has_role_only and {"sso_session", "sso_account_id"} <= sign_in.keys():
            # Another role of the same account in IAM Identity Center.
            sso, account = sign_in["sso_session"], sign_in["sso_account_id"]
            region = self.region or sign_in.get("region")
            meant = replace(self, profile=None, sso=sso, account=account, region=region)
        elif self.role_arn and not self.source_profile:
            meant = replace(self, profile=None, source_profile=self.profile)
        elif self.source_profile and not self.role_arn:
            role_arn = profiles.get(self.profile, {}).get("role_arn")
            meant = replace(self, profile=None, role_arn=role_arn)
        elif self.sso and self.profile in profiles:
            meant = replace(self, sso=None)  # the profile has a sign-in
        return meant if meant.names_one_identity else None

    def _with_role_arn(self, profiles: Mapping[str, Mapping[str, Any]]) -> Self | None:
        """Return a corrected copy of a request whose role is an ARN instead of a name."""
        of_role = [name for name in profiles if profiles[name].get("role_arn") == self.role]
        if len(of_role) == 1 and self.source_profile is None:
            source = profiles[of_role[0]].get("source_profile")
            if self.profile in (None, source, of_role[0]):
                return replace(self, profile=of_role[0], role=None)
        named = replace(self, role=None, role_arn=self.role)
        return named if named.names_one_identity else named.with_one_identity(profiles)

    def _with_one_role(self) -> Self:
        """Return a copy that names the role only by its ARN, or this request if that is impossible.

        If the request has both an ARN and parts of a role, the parts must match the ARN. A request
        that doesn't have an ARN must have a source profile, because the account and role otherwise
        name a role in IAM Identity Center.
        """
        role_arn = None
        if self.role_arn is not None:
            named = Arn.parse(self.role_arn)
            is_same_account = self.account in (None, named.account)
            is_same_role = self.role in (None, named.role)
            role_arn = self.role_arn if is_same_account and is_same_role else None
        elif self.source_profile and is_account_id(str(self.account)):
            role_arn = f"arn:aws:iam::{self.account}:role/{self.role}" if self.role else None
        if role_arn is None:
            return self
        return replace(self, role_arn=role_arn, account=None, role=None, sso=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchRequest(SessionRequest):
    """A request for a session that the notebook uses, with options such as a variable's name."""

    variable: str = option(
        "Store the session in this variable (default: session).",
        "VAR",
        flag="--as",
        default=SESSION,
    )
    expect_account: str | int | None = option(
        "Switch only if STS reports that the identity belongs to this account.", "ID"
    )
    confirmed: bool = option(
        "Switch even if the profile is protected. With --save or the first --share, write the "
        "previewed lines to the config file.",
        flag="--yes",
    )

    def __post_init__(self) -> None:
        """Raise InvalidOption if a profile, variable or account is invalid."""
        SessionRequest.__post_init__(self)
        require_variable(self.variable)
        if self.expect_account is not None:
            self._set("expect_account", _expected_account(self.expect_account))

    def with_one_identity(self, profiles: Mapping[str, Mapping[str, Any]]) -> Self | None:
        """Return a corrected copy of a request that names parts of two identities.

        In a request for a profile, an account's ID is the account that STS should report.
        """
        has_part = self.role is not None or self.sso is not None
        is_check = is_account_id(str(self.account)) and not has_part
        if self.profile in profiles and is_check:
            return replace(self, account=None, expect_account=self.account)
        return SessionRequest.with_one_identity(self, profiles)

    def with_changes(self, changes: Mapping[str, Any]) -> Self:
        """Return a copy with changed options. --read-only and --write replace each other."""
        opposites = {"read_only": False, "write": False}
        if changes.keys().isdisjoint(opposites):
            opposites = {}
        return replace(self, **{**opposites, **changes})


def _expected_account(account: str | int) -> str:
    """Return an account ID as a string. Raise InvalidOption if the ID doesn't have 12 digits."""
    account_id = account_text(account)
    if is_account_id(account_id):
        return account_id
    problem = f"The expected account `{account_id}` isn't an account ID, which has 12 digits."
    if not account_id:  # as in `--expect-account $ACCOUNT` without this variable
        problem = "The expected account is empty."
    raise InvalidOption(
        problem, "Write the account's ID. `%aws_profiles` lists the profiles' accounts."
    )


def options_of(request: Any) -> dict[str, Option]:
    """Return a dict of the options that a dataclass declares, by field name."""
    options: dict[str, Option] = {}
    for attribute in fields(request):
        declared = attribute.metadata.get("option")
        if declared:
            flag = declared.flag or f"--{attribute.name.replace('_', '-')}"
            options[attribute.name] = declared._replace(flag=flag)
    return options


def arguments(request: SessionRequest, *more: str) -> str:
    """Return the arguments for ``%aws_profile`` that produce a request, followed by ``more``."""
    words = list[str]()
    if request.profile:
        words.append(quoted(request.profile))
    for field_name, declared in options_of(request).items():
        value = getattr(request, field_name)
        if value != declared.default:
            words.append(declared.flag)
            if value is not True:
                words.append(quoted(str(value)))
    return " ".join([*words, *more])


#: The options that only Python has.
_OF_PYTHON = ("source_identity", "tags", "transitive_tags")


def python_arguments(request: SessionRequest) -> str:
    """Return the arguments for a Python function that produce a request, for use in hints."""
    words = list[str]()
    if request.profile:
        words.append(repr(str(request.profile)))  # a `Profile` has another repr
    for field_name, declared in options_of(request).items():
        value = getattr(request, field_name)
        if value != declared.default:
            words.append(f"{field_name}={value!r}")
    for field_name in _OF_PYTHON:
        value = getattr(request, field_name)
        if value:
            words.append(f"{field_name}={value!r}")
    return ", ".join(words)


def step_instead_of_session(request: SessionRequest) -> str:
    """Return a hint for code that copies or pickles a session, or one of its clients.

    The hint is true for worker processes and for caches, and keeps the session's limits. A worker
    process can't always open the session, because it doesn't always see all profiles.
    """
    written = SessionRequest(**request.session_options())
    return (
        "Instead, create `boto3.Session()` in the function that needs it, and call this function "
        f"in `with using_profile({python_arguments(written)}):`. Worker processes that start in "
        "the block have the same identity. As the key of a cache, pass its `profile_name`."
    )


class Form(Enum):
    """The form of a request: a line magic, a cell magic or a call of a Python function."""

    LINE = "%aws_profile"
    CELL = "%%aws_profile"
    CELL_FOR_MANY = "%%aws_profiles"
    BLOCK = "using_profile"
    SESSION = "open_session"
    FUNCTION_FOR_MANY = "across_profiles"

    @property
    def is_python(self) -> bool:
        """Whether the request is a call of a Python function."""
        return "%" not in self.value

    @property
    def is_for_many(self) -> bool:
        """Whether the request applies to all profiles that a pattern selects."""
        return self in {Form.CELL_FOR_MANY, Form.FUNCTION_FOR_MANY}


class Origin(NamedTuple):
    """The request for a session, with the options that the user wrote, and the request's form."""

    request: SessionRequest
    form: Form


#: What a request must name exactly one of.
IDENTITIES = "a profile's name, a role's ARN, an account with a role, and the default credentials"
