"""MFA: whose device, which code, how often, and what it opens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.demo.policies import AWAY, HOME, allows, policy, trusts

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.iam.accounts import IamUser
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
    """Make a role that wants MFA."""
    return aws.create_role(
        "Guarded", account=AWAY, trust=trusts(HOME, Condition={"Bool": {PRESENT: "true"}})
    )


def refusal(clients: Clients, user: Any, role: str, **more: str) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as caught:
        clients.assume(user, role, **more)
    error, meta = caught.value.response["Error"], caught.value.response["ResponseMetadata"]
    return error["Code"], error["Message"], meta["HTTPStatusCode"]


def code_of(aws: EmbeddedAws, user: IamUser) -> dict[str, str]:
    """Return the parameters that a person adds who looks at the device now."""
    assert user.mfa_serial is not None
    return {"SerialNumber": user.mfa_serial, "TokenCode": aws.mfa_code(user.mfa_serial)}


def test_a_code_opens_the_role(
    aws: EmbeddedAws, clients: Clients, user: IamUser, role: str
) -> None:
    """With the device's serial number and its code, a role that wants MFA lets its user in."""
    assert user.mfa_serial == f"arn:aws:iam::{HOME}:mfa/Ann"
    session = clients.assume(user, role, **code_of(aws, user))
    assert session["AccessKeyId"].startswith("ASIA")


def test_without_a_code_it_stays_shut(clients: Clients, user: IamUser, role: str) -> None:
    """A role that wants MFA denies a call without it, as it denies a stranger."""
    assert refusal(clients, user, role) == (
        "AccessDenied",
        f"User: {user.arn} is not authorized to perform: sts:AssumeRole on resource: {role}",
        403,
    )


def test_each_code_is_good_once(
    aws: EmbeddedAws, clients: Clients, clock: Clock, user: IamUser, role: str
) -> None:
    """A code that was used is refused; the next one, half a minute later, is good."""
    used = code_of(aws, user)
    clients.assume(user, role, **used)
    assert refusal(clients, user, role, **used) == ("AccessDenied", WRONG_CODE, 403)
    clock.advance(seconds=30)
    assert clients.assume(user, role, **code_of(aws, user))["AccessKeyId"].startswith("ASIA")


@pytest.mark.parametrize("steps", [-1, 1])
def test_a_clock_may_be_one_step_off(
    aws: EmbeddedAws, clients: Clients, clock: Clock, steps: int
) -> None:
    """A code of the step before or after is taken."""
    user = aws.create_user("Ann", account=HOME, mfa=True)
    role = aws.create_role("Role", account=HOME, trust=trusts(user.arn))
    code = code_of(aws, user)
    clock.advance(seconds=30 * steps)
    assert clients.assume(user, role, **code)["AccessKeyId"].startswith("ASIA")


@pytest.mark.parametrize("steps", [-2, 2])
def test_a_clock_may_not_be_two_steps_off(
    aws: EmbeddedAws, clients: Clients, clock: Clock, steps: int
) -> None:
    """A code that is a minute off is refused."""
    user = aws.create_user("Ann", account=HOME, mfa=True)
    role = aws.create_role("Role", account=HOME, trust=trusts(user.arn))
    code = code_of(aws, user)
    clock.advance(seconds=30 * steps)
    assert refusal(clients, user, role, **code) == ("AccessDenied", WRONG_CODE, 403)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"SerialNumber": f"arn:aws:iam::{HOME}:mfa/Nobody"}, UNKNOWN_DEVICE),
        ({"SerialNumber": f"arn:aws:iam::{HOME}:mfa/Bob"}, UNKNOWN_DEVICE),
        ({"SerialNumber": None}, ONE_OF_TWO),
        ({"TokenCode": None}, ONE_OF_TWO),
    ],
)
def test_the_device_must_be_the_users_own(
    aws: EmbeddedAws, clients: Clients, change: dict[str, str | None], message: str
) -> None:
    """Another user's device, an unknown one, or half of the two parameters is AccessDenied."""
    user = aws.create_user("Ann", account=HOME, mfa=True)
    aws.create_user("Bob", account=HOME, mfa=True)
    role = aws.create_role("Role", account=HOME, trust=trusts(user.arn))
    parameters = {k: v for k, v in (code_of(aws, user) | change).items() if v is not None}
    assert refusal(clients, user, role, **parameters) == ("AccessDenied", message, 403)


def test_a_wrong_code_is_refused(
    aws: EmbeddedAws, clients: Clients, user: IamUser, role: str
) -> None:
    """Six digits that the device does not show are AccessDenied."""
    right = code_of(aws, user)
    wrong = right | {"TokenCode": f"{(int(right['TokenCode']) + 1) % 1_000_000:06}"}
    assert refusal(clients, user, role, **wrong) == ("AccessDenied", WRONG_CODE, 403)


@pytest.mark.parametrize("code", ["12345a", "abcdef"])
def test_a_code_is_six_digits(
    aws: EmbeddedAws, clients: Clients, user: IamUser, role: str, code: str
) -> None:
    """Letters in a code are a ValidationError, before any device is asked."""
    error, message, status = refusal(
        clients, user, role, **code_of(aws, user) | {"TokenCode": code}
    )
    assert (error, status) == ("ValidationError", 400)
    assert f"Value '{code}' at 'tokenCode' failed to satisfy constraint" in message


def test_a_code_is_refused_also_where_none_is_wanted(
    aws: EmbeddedAws, clients: Clients, user: IamUser
) -> None:
    """A wrong code fails the call although the role would do without."""
    role = aws.create_role("Open", account=AWAY, trust=trusts(HOME))
    wrong = code_of(aws, user) | {"SerialNumber": "arn:aws:iam::111111111111:mfa/Nobody"}
    assert refusal(clients, user, role, **wrong) == ("AccessDenied", UNKNOWN_DEVICE, 403)


def test_get_session_token_carries_the_mfa(
    aws: EmbeddedAws, clients: Clients, user: IamUser, role: str
) -> None:
    """One code given to GetSessionToken opens guarded roles without a further one."""
    session = clients.of("sts", user).get_session_token(**code_of(aws, user))["Credentials"]
    assert clients.of("sts", session).get_caller_identity()["Arn"] == user.arn
    assert clients.assume(session, role)["AccessKeyId"].startswith("ASIA")


def test_get_session_token_without_mfa_opens_nothing_more(
    clients: Clients, user: IamUser, role: str
) -> None:
    """Credentials of GetSessionToken without a code are the user's, and have no MFA."""
    session = clients.of("sts", user).get_session_token()["Credentials"]
    assert clients.of("sts", session).get_caller_identity()["Arn"] == user.arn
    assert refusal(clients, session, role)[0] == "AccessDenied"


def test_the_age_of_mfa_grows(
    aws: EmbeddedAws, clients: Clients, clock: Clock, user: IamUser
) -> None:
    """A role that wants recent MFA lets a session in at first, and no more after a while."""
    condition = {"NumericLessThan": {"aws:MultiFactorAuthAge": "300"}}
    role = aws.create_role("Recent", account=AWAY, trust=trusts(HOME, Condition=condition))
    session = clients.of("sts", user).get_session_token(**code_of(aws, user))["Credentials"]
    clock.advance(seconds=299)
    assert clients.assume(session, role)["AccessKeyId"].startswith("ASIA")
    clock.advance(seconds=1)
    assert refusal(clients, session, role)[0] == "AccessDenied"


def test_a_roles_session_has_no_mfa(
    aws: EmbeddedAws, clients: Clients, user: IamUser, role: str
) -> None:
    """The MFA of an AssumeRole call is for that call: the next hop does not see it."""
    first = aws.create_role(
        "First", account=HOME, trust=trusts(user.arn), policy=policy(allows("sts:AssumeRole"))
    )
    session = clients.assume(user, first, **code_of(aws, user))
    assert refusal(clients, session, role)[0] == "AccessDenied"


def test_if_exists_spares_long_term_keys_only(
    aws: EmbeddedAws, clients: Clients, user: IamUser
) -> None:
    """Long-term keys have no MFA key in their context, temporary ones have it as false."""
    condition = {"BoolIfExists": {PRESENT: "true"}}
    role = aws.create_role("Lenient", account=AWAY, trust=trusts(HOME, Condition=condition))
    assert clients.assume(user, role)["AccessKeyId"].startswith("ASIA")
    session = clients.of("sts", user).get_session_token()["Credentials"]
    assert refusal(clients, session, role)[0] == "AccessDenied"


def test_get_session_token_is_for_users(aws: EmbeddedAws, clients: Clients, user: IamUser) -> None:
    """Temporary credentials cannot ask for more of them."""
    session = clients.of("sts", user).get_session_token()["Credentials"]
    with pytest.raises(ClientError, match="Cannot call GetSessionToken with session credentials"):
        clients.of("sts", session).get_session_token()


@pytest.mark.parametrize("seconds", [900, 129600])
def test_how_long_get_session_token_lasts(
    clients: Clients, clock: Clock, user: IamUser, seconds: int
) -> None:
    """A session token lasts as long as asked, 15 minutes to 36 hours."""
    sts = clients.of("sts", user)
    expiration = sts.get_session_token(DurationSeconds=seconds)["Credentials"]["Expiration"]
    assert (expiration - clock.now).total_seconds() == seconds
    with pytest.raises(ClientError, match="durationSeconds"):
        sts.get_session_token(DurationSeconds=129601)
