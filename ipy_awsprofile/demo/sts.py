"""Emulate GetCallerIdentity and the STS operations that return credentials.

https://docs.aws.amazon.com/STS/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from moto.iam.aws_managed_policies import aws_managed_policies_data
from werkzeug.wrappers import Response

from ipy_awsprofile.demo.policies import checked, trusted_as
from ipy_awsprofile.demo.refusals import Refused, denied, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipy_awsprofile.demo.iam import Iam, Role, Signer
    from ipy_awsprofile.demo.policies import Policy

_HOUR = 3600
_MOST_SCOPES = 3
_LONGEST_POLICY = 2048


def answer(iam: Iam, signer: Signer, params: Mapping[str, str]) -> Response:
    """Return the response to a signed request to STS. Raise Refused if the request isn't allowed.

    `params` contains the parameters in the request's body.
    """
    action = params.get("Action", "")
    if action == "GetCallerIdentity":
        return xml(action, {"UserId": signer.id, "Account": signer.account, "Arn": signer.arn})
    if signer.is_user_session and action not in {"AssumeRole", "GetScopedCredentials"}:
        raise Refused("AccessDenied", f"Cannot call {action} with session credentials")
    match action:
        case "AssumeRole":
            session = _assume_role(iam, signer, params)
        case "GetSessionToken":
            session = _user_session(iam, signer, params)
        case "GetScopedCredentials":
            session = _scoped(iam, signer, params)
        case _:
            raise Refused("NotImplemented", f"The embedded AWS doesn't emulate {action}.", 501)
    return issued(action, session)


def issued(action: str, session: Signer, **about: str) -> Response:
    """Return the response to an operation that issued a session, with the session's credentials.

    `about` contains additional elements of the response.
    """
    result: dict[str, Any] = {"Credentials": session.credentials(), **about}
    if action == "GetScopedCredentials":
        result["SessionInfo"] = {"ScopedSessionId": session.id, "Arn": session.arn}
    elif action.startswith("AssumeRole"):
        result["AssumedRoleUser"] = {"AssumedRoleId": session.id, "Arn": session.arn}
    return xml(action, result)


def _assume_role(iam: Iam, signer: Signer, params: Mapping[str, str]) -> Signer:
    """Return a session for an AssumeRole request. Raise Refused if the request isn't allowed.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    """
    if not re.fullmatch(r"arn:aws:iam::\d{12}:role/.+", params["RoleArn"]):
        raise invalid(f"{params['RoleArn']} is invalid")
    context = iam.context_of(signer) | request_context(params)
    if iam.check_mfa(signer, params.get("SerialNumber"), params.get("TokenCode")):
        context |= {"aws:multifactorauthpresent": "true", "aws:multifactorauthage": "0"}
    keys = _members(params, "Tags", ".Key")
    values = _members(params, "Tags", ".Value")
    tags = dict(zip(keys, values, strict=True))
    context |= {f"aws:requesttag/{key.lower()}": value for key, value in tags.items()}
    source = params.get("SourceIdentity") or signer.context.get("aws:sourceidentity")
    if source:
        context["sts:sourceidentity"] = source
    # Each of these needs its own permission, in the signer's policies and in the trust policy.
    role = _trusting_role(iam, signer, params["RoleArn"], "sts:AssumeRole", context)
    if tags:
        _trusting_role(iam, signer, params["RoleArn"], "sts:TagSession", context)
    if source:
        _trusting_role(iam, signer, params["RoleArn"], "sts:SetSourceIdentity", context)
    tags = {**signer.tags, **tags}
    transitive = {*signer.tags, *_members(params, "TransitiveTagKeys")}
    own = {f"aws:principaltag/{key.lower()}": value for key, value in tags.items()}
    if source:
        own["aws:sourceidentity"] = source
    return role_session(
        iam,
        role,
        params,
        is_chained=signer.role_arn is not None,
        tags={key: value for key, value in tags.items() if key in transitive},
        context=own,
    )


def _trusting_role(
    iam: Iam, signer: Signer, role_arn: str, action: str, context: Mapping[str, str]
) -> Role:
    """Return a role if the signer's policies and the role's trust policy allow an action.

    If the role is in the signer's account and trusts the signer's ARN, the signer doesn't need an
    identity policy. As on AWS, the error is the same for a role that doesn't exist and for a role
    that doesn't trust the signer.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
    """
    own_arns = [signer.arn]
    if signer.role_arn:
        own_arns.append(signer.role_arn)
    role = iam.roles.get(role_arn)
    name = None
    if role:
        name = trusted_as(role.trust, [*own_arns, signer.account, "*"], action, context)
    is_in_account = f"::{signer.account}:" in role_arn
    trusts_signer = is_in_account and name in own_arns
    try:
        iam.require(signer, action, role_arn, by_identity=not trusts_signer)
    except Refused:
        if is_in_account:
            raise
        raise denied(signer.arn, action, role_arn) from None  # no reason for another account
    if role is None or name is None:
        raise denied(signer.arn, action, role_arn)
    return role


def request_context(params: Mapping[str, str]) -> dict[str, str]:
    """Return the condition keys and values that STS derives from a request's parameters."""
    keys = {"sts:rolesessionname": params.get("RoleSessionName", "")}
    if "ExternalId" in params:
        keys["sts:externalid"] = params["ExternalId"]
    return keys


def role_session(
    iam: Iam, role: Role, params: Mapping[str, str], *, is_chained: bool = False, **parts: Any
) -> Signer:
    """Return a session of a role with the name, duration and session policies in a request.

    Raise Refused if the duration is longer than the role allows or, if `is_chained` is true, longer
    than one hour. `parts` contains additional fields of the Signer that is returned.
    """
    seconds = int(params.get("DurationSeconds", _HOUR))
    longest = role.longest
    limit = "MaxSessionDuration set for this role."
    if is_chained:
        longest = _HOUR
        limit = "1 hour session limit for roles assumed by role chaining."
    if seconds > longest:
        raise invalid(f"The requested DurationSeconds exceeds the {limit}")
    parts["session_policies"] = _session_policies(params)
    name = params["RoleSessionName"]
    if not re.fullmatch(r"[\w+=,.@-]*", name, re.ASCII):
        raise invalid(
            f"1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"
        )
    return iam.create_role_session(role.arn, name, seconds, **parts)


def _user_session(iam: Iam, signer: Signer, params: Mapping[str, str]) -> Signer:
    """Return a session for a GetSessionToken request. Raise Refused if the request isn't allowed.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
    """
    if signer.role_arn:
        raise Refused("AccessDenied", "Cannot call GetSessionToken with session credentials")
    seconds = int(params.get("DurationSeconds", 12 * _HOUR))
    longest = 36 * _HOUR
    if seconds > longest:
        raise invalid(
            f"1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to "
            f"satisfy constraint: Member must have value less than or equal to {longest}"
        )
    mfa_at = None
    if iam.check_mfa(signer, params.get("SerialNumber"), params.get("TokenCode")):
        mfa_at = iam.clock()
    return iam.create_session(signer, seconds, mfa_at=mfa_at)


def _scoped(iam: Iam, signer: Signer, params: Mapping[str, str]) -> Signer:
    """Return a session for a GetScopedCredentials request.

    Raise Refused if the request isn't allowed.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
    """
    if signer.expiration is None:
        raise Refused("AccessDenied", "Cannot call GetScopedCredentials with long-term credentials")
    iam.require(signer, "sts:GetScopedCredentials")
    seconds_left = int((signer.expiration - iam.clock()).total_seconds())
    seconds = int(params.get("DurationSeconds", seconds_left))
    if seconds > seconds_left:
        exceeded = f"exceeds the remaining session lifetime of {seconds_left} seconds."
        message = f"The requested DurationSeconds {exceeded}"
        raise invalid(message, "InsufficientSessionLifetime")
    scopes = (*signer.scopes, *_session_policies(params))
    if len(scopes) > _MOST_SCOPES:
        raise Refused("AccessDenied", "The session already has 3 scope down policies.")
    return iam.create_session(signer, seconds, scopes=scopes)


def _session_policies(params: Mapping[str, str]) -> tuple[Policy, ...]:
    """Return the session policies in a request's parameters.

    Raise Refused if a session policy isn't valid.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session
    """
    if len(params.get("Policy", "")) > _LONGEST_POLICY:
        longest = f"Member must have length less than or equal to {_LONGEST_POLICY}"
        raise invalid(f"Value at 'policy' failed to satisfy constraint: {longest}")
    policies: list[Policy] = []
    if "Policy" in params:
        try:
            policies.append(checked(json.loads(params["Policy"])))
        except (ValueError, TypeError, KeyError) as error:
            problem = f"This policy contains invalid Json: {error}"
            raise invalid(problem, "MalformedPolicyDocument") from error
    for arn in _members(params, "PolicyArns", ".arn"):
        name = arn.rpartition("/")[2]
        if name not in _managed_policies():
            raise invalid(f"The managed policy {name} doesn't exist.", "MalformedPolicyDocument")
        policies.append(checked(_managed_policies()[name]["Document"]))
    return tuple(policies)


@cache
def _managed_policies() -> Any:
    """Return moto's copy of AWS's managed policies, such as ReadOnlyAccess, by name."""
    return json.loads(aws_managed_policies_data)


def _members(params: Mapping[str, str], name: str, part: str = "") -> list[str]:
    """Return the values of a list parameter, such as `PolicyArns.member.1.arn`.

    `name` is the part of the key before `.member`, and `part` is the part after the number.
    """
    keys = (f"{name}.member.{number}{part}" for number in range(1, 51))
    return [params[key] for key in keys if key in params]


def xml(action: str, result: Mapping[str, Any]) -> Response:
    """Return the response to an action of the query protocol, with `result` as XML."""
    body = f"<{action}Response><{action}Result>{_xml(result)}</{action}Result></{action}Response>"
    return Response(body, content_type="text/xml")


def _xml(value: Any) -> str:
    if not isinstance(value, dict):
        return escape(str(value))
    return "".join(f"<{name}>{_xml(part)}</{name}>" for name, part in value.items())
