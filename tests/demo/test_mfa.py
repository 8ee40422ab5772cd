"""MFA: accepted devices and codes, and the condition keys that they set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.demo.clients import not_authorized
from tests.demo.policies import AWAY, HOME, allows, policy, trusts

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.iam.users_and_roles import IamUser
    from tests.demo.clients import Clients, Clock

WRONG_CODE = "MultiFactorAuthentication failed with invalid MFA one time pass code. "
UNKNOWN_DEVICE = (
    "MultiFactorAuthentication failed, unable to validate MFA code.  "
    "Please verify your MFA serial number is valid and associated with this user."
)
ONE_OF_TWO = (
    "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code. "
)
PRESENT = "aws:MultiFactorAuthPresent"


@pytest.fixture
def user(aws: EmbeddedAws) -> IamUser:
    return aws.create_user("Ann", account=HOME, policy=policy(allows("sts:AssumeRole")), mfa=True)


@pytest.fixture
def role(aws: EmbeddedAws) -> str:
    """Create a role that requires MFA, and return its ARN."""
    return aws.create_role(
        "Guarded", account=AWAY, trust=trusts(HOME, Condition={"Bool": {PRESENT: "true"}})
    )


def code_of(aws: EmbeddedAws, user: IamUser) -> dict[str, str]:
    """Return the MFA parameters with the device's current code."""
    assert user.mfa_serial is not None
    return {"SerialNumber": user.mfa_serial, "TokenCode": aws.mfa_code(user.mfa_serial)}


def test_with_a_code(aws: EmbeddedAws, clients: Clients, user: IamUser, role: str) -> None:
    """A role that requires MFA can be assumed with the device's serial number and code."""
    assert user.mfa_serial == f"arn:aws:iam::{HOME}:mfa/Ann"
    session = clients.assume(user, role, **code_of(aws, user))
    assert session["AccessKeyId"].startswith("ASIA")


def test_without_a_code(clients: Clients, user: IamUser, role: str) -> None:
    """A call without MFA gets the same error as a call by an untrusted user."""
    assert clients.assume_error(user, role) == not_authorized(user.arn, role)


def test_each_code_is_valid_once(
    aws: EmbeddedAws, clients: Clients, clock: Clock, user: IamUser, role: str
) -> None:
    """A used code is refused; the next code, 30 seconds later, is accepted."""
    used = code_of(aws, user)
    clients.assume(user, role, **used)
    assert clients.assume_error(user, role, **used) == ("AccessDenied", WRONG_CODE, 403)
    clock.advance(seconds=30)
    assert clients.assume(user, role, **code_of(aws, user))["AccessKeyId"].startswith("ASIA")


@pytest.mark.parametrize("direction", [-1, 1])
def test_an_early_or_late_code(
    clients: Clients, clock: Clock, user: IamUser, role: str, direction: int
) -> None:
    """A code is accepted 30 seconds early or late, and refused 60 seconds early or late."""
    code = code_of(clients.aws, user)
    clock.advance(seconds=60 * direction)
    assert clients.assume_error(user, role, **code) == ("AccessDenied", WRONG_CODE, 403)
    clock.advance(seconds=-30 * direction)
    assert clients.assume(user, role, **code)["AccessKeyId"].startswith("ASIA")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"SerialNumber": f"arn:aws:iam::{HOME}:mfa/Nobody"}, UNKNOWN_DEVICE),
        ({"SerialNumber": f"arn:aws:iam::{HOME}:mfa/Bob"}, UNKNOWN_DEVICE),
        ({"SerialNumber": None}, ONE_OF_TWO),
        ({"TokenCode": None}, ONE_OF_TWO),
    ],
)
def test_a_wrong_device(
    aws: EmbeddedAws, clients: Clients, change: dict[str, str | None], message: str
) -> None:
    """AWS denies access for an unknown device, another user's device, or a missing parameter."""
    user = aws.create_user("Ann", account=HOME, mfa=True)
    aws.create_user("Bob", account=HOME, mfa=True)
    role = aws.create_role("Role", account=HOME, trust=trusts(user.arn))
    parameters = {k: v for k, v in (code_of(aws, user) | change).items() if v is not None}
    assert clients.assume_error(user, role, **parameters) == ("AccessDenied", message, 403)


def test_a_wrong_code_is_refused(
    aws: EmbeddedAws, clients: Clients, user: IamUser, role: str
) -> None:
    """A wrong six-digit code causes AccessDenied."""
    right = code_of(aws, user)
    wrong = right | {"TokenCode": f"{(int(right['TokenCode']) + 1) % 1_000_000:06}"}
    assert clients.assume_error(user, role, **wrong) == ("AccessDenied", WRONG_CODE, 403)


@pytest.mark.parametrize("code", ["12345a", "abcdef"])
def test_a_code_is_six_digits(
    aws: EmbeddedAws, clients: Clients, user: IamUser, role: str, code: str
) -> None:
    """A code with letters causes a ValidationError."""
    error, message, status = clients.assume_error(
        user, role, **code_of(aws, user) | {"TokenCode": code}
    )
    assert (error, status) == ("ValidationError", 400)
    assert f"Value '{code}' at 'tokenCode' failed to satisfy constraint" in message


def test_a_wrong_code_for_a_role_without_mfa(
    aws: EmbeddedAws, clients: Clients, user: IamUser
) -> None:
    """With a wrong device, the call fails even if the role doesn't require MFA."""
    role = aws.create_role("Open", account=AWAY, trust=trusts(HOME))
    wrong = code_of(aws, user) | {"SerialNumber": "arn:aws:iam::111111111111:mfa/Nobody"}
    assert clients.assume_error(user, role, **wrong) == ("AccessDenied", UNKNOWN_DEVICE, 403)


def test_get_session_token_with_mfa(
    aws: EmbeddedAws, clients: Clients, user: IamUser, role: str
) -> None:
    """After GetSessionToken with a code, roles that require MFA don't require another code."""
    session = clients.of("sts", user).get_session_token(**code_of(aws, user))["Credentials"]
    assert clients.of("sts", session).get_caller_identity()["Arn"] == user.arn
    assert clients.assume(session, role)["AccessKeyId"].startswith("ASIA")


def test_get_session_token_without_mfa(clients: Clients, user: IamUser, role: str) -> None:
    """GetSessionToken without a code returns credentials of the user without MFA."""
    session = clients.of("sts", user).get_session_token()["Credentials"]
    assert clients.of("sts", session).get_caller_identity()["Arn"] == user.arn
    assert clients.assume_error(session, role).code == "AccessDenied"


def test_the_age_of_mfa_grows(
    aws: EmbeddedAws, clients: Clients, clock: Clock, user: IamUser
) -> None:
    """A role that requires recent MFA can't be assumed once the session's MFA is too old."""
    condition = {"NumericLessThan": {"aws:MultiFactorAuthAge": "300"}}
    role = aws.create_role("Recent", account=AWAY, trust=trusts(HOME, Condition=condition))
    session = clients.of("sts", user).get_session_token(**code_of(aws, user))["Credentials"]
    clock.advance(seconds=299)
    assert clients.assume(session, role)["AccessKeyId"].startswith("ASIA")
    clock.advance(seconds=1)
    assert clients.assume_error(session, role).code == "AccessDenied"


def test_a_roles_session_has_no_mfa(
    aws: EmbeddedAws, clients: Clients, user: IamUser, role: str
) -> None:
    """The MFA of an AssumeRole call doesn't count for the next role in a chain."""
    first = aws.create_role(
        "First", account=HOME, trust=trusts(user.arn), policy=policy(allows("sts:AssumeRole"))
    )
    session = clients.assume(user, first, **code_of(aws, user))
    assert clients.assume_error(session, role).code == "AccessDenied"


def test_if_exists(aws: EmbeddedAws, clients: Clients, user: IamUser) -> None:
    """BoolIfExists matches long-term access keys, which have no MFA condition key."""
    condition = {"BoolIfExists": {PRESENT: "true"}}
    role = aws.create_role("Lenient", account=AWAY, trust=trusts(HOME, Condition=condition))
    assert clients.assume(user, role)["AccessKeyId"].startswith("ASIA")
    session = clients.of("sts", user).get_session_token()["Credentials"]
    assert clients.assume_error(session, role).code == "AccessDenied"
