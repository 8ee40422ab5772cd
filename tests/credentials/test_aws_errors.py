"""AWS error responses, complete or incomplete, are translated to our errors."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from ipy_awsprofile import errors as ours
from tests.credentials.foreign_errors import response, translate

ROLE = "arn:aws:iam::123456789012:role/RoleBeta"
USER = "arn:aws:iam::231179739868:user/UserAlpha"
UUID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            response("ExpiredToken", "x"),
            ours.CredentialsExpired,
            "The credentials of `RoleBeta` have expired.",
        ),
        (
            response("ExpiredTokenException", "x", "AssumeRole"),
            ours.CredentialsExpired,
            "The credentials of `UserAlpha` have expired.",
        ),
        (
            response("InvalidClientTokenId", "x", "AssumeRole"),
            ours.CredentialsRejected,
            "AWS doesn't accept the keys of `UserAlpha` (InvalidClientTokenId).",
        ),
        (
            response("SignatureDoesNotMatch", "x"),
            ours.CredentialsRejected,
            "AWS doesn't accept the keys of `RoleBeta` (SignatureDoesNotMatch).",
        ),
        (
            response("AccessDenied", "Access Denied"),
            ours.AccessDenied,
            "`RoleBeta` isn't allowed to call ListBuckets: Access Denied",
        ),
        (
            response("AccessDenied", None),
            ours.AccessDenied,
            "`RoleBeta` isn't allowed to call ListBuckets: denied",
        ),
        (
            response("403", ""),
            ours.AccessDenied,
            "`RoleBeta` isn't allowed to call ListBuckets: denied",
        ),
        (
            response(
                "AccessDenied",
                f"User: {USER} is not authorized to perform: sts:AssumeRole on resource: {ROLE}",
                "AssumeRole",
            ),
            ours.AccessDenied,
            f"AWS doesn't let {USER} assume {ROLE}.",
        ),
        (
            response("AccessDenied", None, "AssumeRole"),
            ours.AccessDenied,
            "AWS doesn't let `UserAlpha` assume the role of `RoleBeta`.",
        ),
        (
            response(
                "AccessDenied",
                "MultiFactorAuthentication failed with invalid MFA one time pass code.",
                "AssumeRole",
            ),
            ours.MfaRejected,
            "AWS refused the MFA code for `RoleBeta`: "
            "MultiFactorAuthentication failed with invalid MFA one time pass code.",
        ),
        (
            response("ForbiddenException", "No access", "GetRoleCredentials"),
            ours.RoleNotAssigned,
            "`RoleBeta` isn't allowed to call GetRoleCredentials: No access",
        ),
        (
            response("InvalidIdentityToken", "No provider.", "AssumeRoleWithWebIdentity"),
            ours.CredentialsRejected,
            "AWS doesn't accept the web identity token of `RoleBeta`: No provider.",
        ),
        (
            response("ExpiredTokenException", "Over.", "AssumeRoleWithWebIdentity"),
            ours.CredentialsExpired,
            "AWS doesn't accept the web identity token of `RoleBeta`: Over.",
        ),
        (
            response("AccessDenied", "No", "AssumeRoleWithWebIdentity"),
            ours.AccessDenied,
            "AWS doesn't let the web identity of `RoleBeta` assume its role.",
        ),
        (
            response("SignatureDoesNotMatch", "Signature expired: 20261125T is now earlier than"),
            ours.ServiceError,
            "AWS refused ListBuckets because this machine's clock is wrong.",
        ),
        (
            response("RequestTimeTooSkewed", None),
            ours.ServiceError,
            "AWS refused ListBuckets because this machine's clock is wrong.",
        ),
        (
            response("Throttling", "Rate exceeded"),
            ours.ServiceError,
            "ListBuckets failed for `RoleBeta`: Rate exceeded",
        ),
        (
            response("SlowDown", None),
            ours.ServiceError,
            "ListBuckets failed for `RoleBeta`: SlowDown",
        ),
        (
            response("InvalidInput", 17),
            ours.ServiceError,
            "ListBuckets failed for `RoleBeta`: InvalidInput",
        ),
        (
            response(UUID, "The bucket is gone."),
            ours.ServiceError,
            "ListBuckets failed for `RoleBeta`: The bucket is gone.",
        ),
        (
            response(UUID, UUID),
            ours.ServiceError,
            "ListBuckets failed for `RoleBeta`: HTTP 400, without a reason",
        ),
        (
            response(403, UUID),
            ours.AccessDenied,
            "`RoleBeta` isn't allowed to call ListBuckets: denied",
        ),
        (
            response(None, None),
            ours.ServiceError,
            "ListBuckets failed for `RoleBeta`: HTTP 400, without a reason",
        ),
        (
            ClientError({}, "GetCallerIdentity"),
            ours.ServiceError,
            "GetCallerIdentity failed for `RoleBeta`: HTTP 0, without a reason",
        ),
        (
            ClientError({"ResponseMetadata": {"HTTPStatusCode": 405}}, "GetCallerIdentity"),  # type: ignore[typeddict-item]
            ours.ServiceError,
            "GetCallerIdentity failed for `RoleBeta`: HTTP 405, without a reason",
        ),
    ],
)
def test_from_response(error: ClientError, kind: type[Exception], message: str) -> None:
    """Each error response becomes one of our errors, in one line that names the profile."""
    translation = translate(error)
    assert type(translation) is kind
    assert str(translation) == message


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("because no identity-based policy allows", "The caller's policy doesn't allow"),
        ("with an explicit deny in an identity-based policy", "The caller's policy denies"),
        ("because no role trust policy allows", "The role's trust policy doesn't name the caller"),
        ("because no resource-based policy allows", "The role's trust policy doesn't name the"),
        ("with an explicit deny in a service control policy", "A service control policy of your"),
        ("because no permissions boundary allows", "The caller's permissions boundary"),
        ("because no session policy allows", "A session policy, such as the policy of"),
        ("", "Check that the role exists, that its trust policy names the caller"),
    ],
)
def test_policy_that_denies_assume_role(reason: str, hint: str) -> None:
    """The hint explains the policy that AWS's message names, or both policies if it names none."""
    error = translate(response("AccessDenied", f"User: {USER} … {reason}", "AssumeRole"))
    assert error.hint.startswith(hint)


def test_session_without_a_profile() -> None:
    """Without a profile, the message is about `this session`."""
    assert str(translate(response("AccessDenied", "No"), ())) == (
        "`this session` isn't allowed to call ListBuckets: No"
    )
    assert "`this session`" in str(translate(response("ExpiredToken"), ()))
    assert "`this session`" in str(translate(response("ExpiredToken", None, "AssumeRole"), ()))
    denied = translate(response("AccessDenied", None, "AssumeRole"), ())
    assert isinstance(denied, ours.AccessDenied)


def test_messages_are_one_line() -> None:
    """A message with several lines is shown as one line."""
    error = translate(response("Odd", "one\n  two"))
    assert str(error) == "ListBuckets failed for `RoleBeta`: one two"


@pytest.mark.parametrize(
    "page", ["<html>Sign in</html>", '{"secret": 1}', " \n<a>", "[1]", '\ufeff{"secret": 1}']
)
def test_page_instead_of_a_message(page: str) -> None:
    """Our error doesn't quote a page or document, which botocore can mistake for the message."""
    error = translate(response("403", page))
    assert str(error) == "`RoleBeta` isn't allowed to call ListBuckets: denied"


def test_code_at_the_top_level() -> None:
    """If a response has no "Error", our error uses the code and message at its top level."""
    answer = {"Code": "InvalidAccessKeyId", "Message": "x", "ResponseMetadata": {}}
    error = translate(ClientError(answer, "AssumeRole"))  # type: ignore[arg-type]
    assert str(error) == "AWS doesn't accept the keys of `UserAlpha` (InvalidAccessKeyId)."


def test_wrong_external_id() -> None:
    """If AWS's message is about the external ID, so is the hint."""
    error = translate(response("AccessDenied", "the externalId does not match", "AssumeRole"))
    assert error.hint.startswith("The role's trust policy requires a different external ID")
