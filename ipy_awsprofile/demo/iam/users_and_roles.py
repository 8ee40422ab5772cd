"""Users and roles, created directly in moto's memory, without a signed request."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moto.iam.models import iam_backends
from moto.iam.utils import generate_access_key_id_from_account_id

from ipy_awsprofile.demo.iam.policy import parse_policy
from ipy_awsprofile.demo.iam.trust import parse_trust

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipy_awsprofile.demo.mfa import MfaDevices

_LEAST_MAXIMUM, _GREATEST_MAXIMUM = 3600, 43200  # seconds; AWS's limits for MaxSessionDuration


@dataclass(frozen=True, slots=True)
class IamUser:
    """An IAM user with one access key; `mfa_serial` is the ARN of its MFA device or None."""

    name: str
    arn: str
    id: str
    account: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    mfa_serial: str | None = None


def create_user(
    name: str, account: str, policy: Mapping[str, Any] | None, mfa: MfaDevices | None
) -> IamUser:
    """Create a user with an access key, and with an MFA device if `mfa` is given."""
    document = _identity_document(policy)
    backend = iam_backends[checked_account(account)]["aws"]
    user = backend.create_user("us-east-1", name)
    user.id = generate_access_key_id_from_account_id(account, "AIDA", 21)
    if document is not None:
        backend.put_user_policy(name, "policy", document)
    key = backend.create_access_key(name)
    return IamUser(
        name=name,
        arn=user.arn,
        id=user.id,
        account=account,
        access_key_id=key.access_key_id,
        secret_access_key=key.secret_access_key,
        mfa_serial=mfa.add(user.arn) if mfa else None,
    )


def create_role(
    name: str,
    account: str,
    trust: Mapping[str, Any],
    policy: Mapping[str, Any] | None,
    max_session_duration: int,
    *,
    path: str = "/",
) -> str:
    """Create a role; return its ARN."""
    if not _LEAST_MAXIMUM <= max_session_duration <= _GREATEST_MAXIMUM:
        raise ValueError("max_session_duration must be 3600 to 43200 seconds.")
    parse_trust(trust)
    document = _identity_document(policy)
    backend = iam_backends[checked_account(account)]["aws"]
    role = backend.create_role(
        role_name=name,
        assume_role_policy_document=json.dumps(trust),
        path=path,
        permissions_boundary=None,
        description="",
        tags=[],
        max_session_duration=str(max_session_duration),
    )
    if document is not None:
        backend.put_role_policy(name, "policy", document)
    arn: str = role.arn
    return arn


def secret_keys() -> set[str]:
    """Return the secret keys of all users in all accounts."""
    return {
        key.secret_access_key
        for account in list(iam_backends)
        for key in list(iam_backends[account]["aws"].access_keys.values())
    }


def _identity_document(policy: Mapping[str, Any] | None) -> str | None:
    if policy is None:
        return None
    document = json.dumps(policy)
    parse_policy(document)  # fail now, not at the first request
    return document


def checked_account(account: str) -> str:
    """Return an account ID. Raises ValueError unless it has twelve digits."""
    if not re.fullmatch(r"\d{12}", account):
        raise ValueError(f"An account ID has twelve digits, unlike {account!r}.")
    return account
