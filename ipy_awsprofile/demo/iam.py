"""Emulate IAM: users, roles, sessions, MFA devices, and the permissions of each signer.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id.html
"""

from __future__ import annotations

import re
import secrets
import threading
from base64 import b32encode
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyotp

from ipy_awsprofile.demo.policies import checked, effect_of
from ipy_awsprofile.demo.refusals import Refused, denied

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from ipy_awsprofile.demo.policies import Policy

    Clock = Callable[[], datetime]

_STEP = 30  # how many seconds an MFA device shows each code


@dataclass(frozen=True, slots=True)
class Signer:
    """The owner of an access key: a user, a session of a user, or a session of a role.

    `arn` is the ARN that GetCallerIdentity returns. Only a session has a token and an expiration.
    `scopes` contains the policies that were passed to GetScopedCredentials, `tags` contains the
    session's transitive tags, and `mfa_at` is the time at which the owner entered a valid MFA code.
    `context` contains the condition keys for the owner's requests, with lowercase names.
    """

    arn: str
    id: str
    account: str
    policies: tuple[Policy, ...] = ()
    context: Mapping[str, str] = field(default_factory=dict)
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    mfa_serial: str | None = None
    role_arn: str | None = None
    session_token: str | None = field(default=None, repr=False)
    expiration: datetime | None = None
    session_policies: tuple[Policy, ...] = ()
    scopes: tuple[Policy, ...] = ()
    mfa_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_user_session(self) -> bool:
        """Whether the signer is a user's session, which GetSessionToken creates."""
        return self.session_token is not None and self.role_arn is None

    def settings(self) -> dict[str, Any]:
        """Return the access key and, for a session, its token as settings for a profile."""
        settings = {
            "aws_access_key_id": self.access_key_id,
            "aws_secret_access_key": self.secret_access_key,
        }
        if self.session_token:
            settings["aws_session_token"] = self.session_token
        return settings

    def credentials(self) -> dict[str, str]:
        """Return the session's credentials in the format of a response from STS."""
        return {
            "AccessKeyId": self.access_key_id,
            "SecretAccessKey": self.secret_access_key,
            "SessionToken": self.session_token or "",
            "Expiration": f"{self.expiration:%Y-%m-%dT%H:%M:%SZ}",
        }


@dataclass(frozen=True, slots=True)
class Role:
    """An IAM role. `longest` is the role's maximum session duration in seconds."""

    arn: str
    id: str
    trust: Policy
    policies: tuple[Policy, ...]
    longest: int


class Iam:
    """The users, roles, sessions and MFA devices of all accounts.

    `secrets` contains every secret that was issued. `clock` is a function that returns the current
    time.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.roles: dict[str, Role] = {}
        self.secrets: set[str] = set()
        self._signers: dict[str, Signer] = {}
        self._devices: dict[str, tuple[str, str]] = {}
        self._used: set[tuple[str, int]] = set()
        self._lock = threading.Lock()  # requests come in many threads

    def create_user(
        self, name: str, *, account: str, policy: Policy | None = None, mfa: bool = False
    ) -> Signer:
        """Create a user with an access key, and with a virtual MFA device if `mfa` is true.

        Raise UnsupportedPolicyError if the policy has an unsupported element.
        """
        user = Signer(
            arn=f"arn:aws:iam::{checked_account(account)}:user/{name}",
            id=_id("AIDA"),
            account=account,
            policies=_checked(policy),
            context={"aws:username": name, "aws:principaltype": "User"},
        )
        if mfa:
            serial = f"arn:aws:iam::{account}:mfa/{name}"
            user = replace(user, mfa_serial=serial)
            self._devices[serial] = user.arn, self.keep_secret(pyotp.random_base32())
        return self._with_key(user, "AKIA")

    def create_role(
        self,
        name: str,
        *,
        account: str,
        trust: Policy,
        policy: Policy | None = None,
        max_session_duration: int = 3600,
    ) -> str:
        """Create a role, and return its ARN. The name can begin with a path.

        Raise UnsupportedPolicyError if a policy has an unsupported element.
        """
        arn = f"arn:aws:iam::{checked_account(account)}:role/{name}"
        self.roles[arn] = Role(
            arn, _id("AROA"), checked(trust), _checked(policy), max_session_duration
        )
        return arn

    def create_role_session(
        self, role_arn: str, name: str, seconds: int = 3600, **parts: Any
    ) -> Signer:
        """Create a session of a role without checking the role's trust policy.

        `parts` contains additional fields of the Signer that is returned.
        """
        role = self.roles[role_arn]
        account = role_arn.split(":")[4]
        owner = Signer(
            arn=f"arn:aws:sts::{account}:assumed-role/{role_arn.rpartition('/')[2]}/{name}",
            id=f"{role.id}:{name}",
            account=account,
            policies=role.policies,
            context={"aws:principaltype": "AssumedRole", **parts.pop("context", {})},
            role_arn=role_arn,
        )
        return self.create_session(owner, seconds, **parts)

    def create_session(self, owner: Signer, seconds: int, **parts: Any) -> Signer:
        """Create a session of a user or role with a new access key, and return the session.

        `parts` contains the fields in which the session differs from its owner.
        """
        expiration = self.clock().replace(microsecond=0) + timedelta(seconds=seconds)
        token = self.keep_secret(secrets.token_urlsafe(192))
        changed = replace(owner, session_token=token, expiration=expiration, **parts)
        return self._with_key(changed, "ASIA")

    def _with_key(self, owner: Signer, kind: str) -> Signer:
        secret = self.keep_secret(secrets.token_urlsafe(30))
        signer = replace(owner, access_key_id=_id(kind), secret_access_key=secret)
        with self._lock:
            self._signers[signer.access_key_id] = signer
        return signer

    def replace_key(self, user: Signer) -> Signer:
        """Return the user with a new access key, and invalidate the old access key."""
        del self._signers[user.access_key_id]
        return self._with_key(user, "AKIA")

    def keep_secret(self, secret: str) -> str:
        """Add a secret to the set of issued secrets, and return the secret."""
        self.secrets.add(secret)
        return secret

    def find_signer(self, access_key_id: str, token: str | None) -> Signer:
        """Return the owner of an access key. Raise Refused if the key or the token isn't valid."""
        signer = self._signers.get(access_key_id)
        if signer is None or signer.session_token != token:
            message = "The security token included in the request is invalid."
            raise Refused("InvalidClientTokenId", message)
        if signer.expiration and self.clock() >= signer.expiration:
            raise Refused("ExpiredToken", "The security token included in the request is expired")
        return signer

    def expire_sessions(self, access_key_id: str | None = None) -> int:
        """Expire all sessions or, if `access_key_id` is given, the session with this access key.

        Return the number of sessions that this call has expired.
        """
        now = self.clock()
        expired = 0
        with self._lock:
            for key, signer in self._signers.items():
                if access_key_id not in {None, key}:
                    continue
                if signer.expiration and signer.expiration > now:
                    self._signers[key] = replace(signer, expiration=now)
                    expired += 1
        return expired

    def context_of(self, signer: Signer) -> dict[str, str]:
        """Return the condition keys and values for a signer's requests.

        Only requests from sessions have condition keys about MFA.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
        """
        keys = {
            "aws:principalaccount": signer.account,
            "aws:principalarn": signer.role_arn or signer.arn,
            "aws:currenttime": self.clock().isoformat(),
            **signer.context,
        }
        if signer.session_token:
            keys["aws:multifactorauthpresent"] = str(signer.mfa_at is not None).lower()
        if signer.mfa_at:
            age = (self.clock() - signer.mfa_at).total_seconds()
            keys["aws:multifactorauthage"] = str(int(age))
        return keys

    def require(
        self,
        signer: Signer,
        action: str,
        resource: str | None = None,
        *,
        by_identity: bool = True,
    ) -> None:
        """Raise AccessDenied unless the signer's policies allow an action on a resource.

        The session policies, and each policy that was passed to GetScopedCredentials, must allow
        the action. Unless `by_identity` is false, the identity policies must also allow the action.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
        """
        context = self.context_of(signer)
        layers: list[tuple[str, tuple[Policy, ...]]] = []
        if by_identity:
            layers.append(("an identity-based policy", signer.policies))
        if signer.session_policies:
            layers.append(("a session policy", signer.session_policies))
        for scope in signer.scopes:
            layers.append(("a session policy", (scope,)))
        for kind, policies in layers:
            effect = effect_of(policies, action, resource, context)
            if effect == "Deny":
                reason = f" with an explicit deny in {kind}"
                raise denied(signer.arn, action, resource, reason)
            if effect is None:
                reason = f" because no {kind.partition(' ')[2]} allows the {action} action"
                raise denied(signer.arn, action, resource, reason)

    def mfa_seed(self, serial: str) -> str:
        """Return an MFA device's secret in base32, for programs that generate MFA codes."""
        return self._devices[serial][1]

    def mfa_code(self, serial: str, steps: int = 0) -> str:
        """Return the six-digit code that an MFA device shows now, or `steps` × 30 seconds later."""
        step = int(self.clock().timestamp()) // _STEP + steps
        code: str = pyotp.TOTP(self.mfa_seed(serial)).generate_otp(step)
        return code

    def check_mfa(self, signer: Signer, serial: str | None, code: str | None) -> bool:
        """Return True if an MFA code is valid, or False if the request doesn't contain a code.

        Each code works only once. Raise Refused with the error code AccessDenied if the MFA code
        isn't valid for the signer's device.
        """
        if serial is None or code is None:
            return False
        with self._lock:
            if self._devices.get(serial, ("", ""))[0] != signer.arn:
                raise Refused(
                    "AccessDenied",
                    "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify "
                    "your MFA serial number is valid and associated with this user.",
                )
            now = int(self.clock().timestamp()) // _STEP
            shown: set[tuple[str, int]] = set()
            for steps in (-1, 0, 1):
                if self.mfa_code(serial, steps) == code:
                    shown.add((serial, now + steps))
            if not shown - self._used:
                message = "MultiFactorAuthentication failed with invalid MFA one time pass code. "
                raise Refused("AccessDenied", message)
            self._used |= shown
        return True


def checked_account(account: str) -> str:
    """Return an account ID unchanged. Raise ValueError unless the ID consists of twelve digits."""
    if not re.fullmatch(r"\d{12}", account):
        raise ValueError(f"An account ID has twelve digits, unlike {account!r}.")
    return account


def _checked(policy: Policy | None) -> tuple[Policy, ...]:
    """Return a tuple that contains the policy, or an empty tuple if the policy is None.

    Raise UnsupportedPolicyError if the policy has an unsupported element.
    """
    if policy is None:
        return ()
    return (checked(policy),)


def _id(kind: str) -> str:
    return kind + b32encode(secrets.token_bytes(10)).decode()
