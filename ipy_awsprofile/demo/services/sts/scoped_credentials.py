"""GetScopedCredentials: the caller's session, with fewer permissions or a shorter duration.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from moto.core.loaders import create_loader
from moto.core.model import ServiceModel
from moto.core.utils import get_service_model

from ipy_awsprofile.credentials.botocore_session import MODELS
from ipy_awsprofile.demo.iam.policy import Verdict
from ipy_awsprofile.demo.iam.session_policies import session_policies
from ipy_awsprofile.demo.refusals import Refusal, denied, invalid
from ipy_awsprofile.demo.services.sts.constraints import between, length, refuse_malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipy_awsprofile.demo.iam.callers import Caller
    from ipy_awsprofile.demo.sessions import Session
    from ipy_awsprofile.demo.state import State

ACTION = "sts:GetScopedCredentials"

#: The maximum number of policies that can be combined.
_MOST_LAYERS = 3

#: AWS doesn't publish the maximum size of a token. This fits two of the longest policies.
_MOST_CHARACTERS = 4096


@cache
def model_with_scoped_credentials(service: str) -> ServiceModel:
    """Return the model of a service. STS's includes the operation that older botocores don't have.

    moto uses it to read a request's parameters and to write the response.
    """
    if service != "sts":
        model: ServiceModel = get_service_model(service)
        return model
    loader = create_loader()
    loader.search_paths.append(MODELS)
    loader.extras_types.append("sdk")
    return ServiceModel(loader.load_service_model("sts", "service-2"), "sts")


def get_scoped_credentials(state: State, caller: Caller, params: Mapping[str, Any]) -> Session:
    """Return the caller's session, limited by the parameters. Raises Refusal."""
    session = caller.session
    if session is None:
        raise Refusal("AccessDenied", "Cannot call GetScopedCredentials with long-term credentials")
    policy, duration = params.get("Policy"), params.get("DurationSeconds")
    description = params.get("ScopedSessionDescription")
    refuse_malformed(
        [
            *(length(policy, "policy", 1, 2048) if policy is not None else []),
            *(between(duration, "durationSeconds", 1, 129600) if duration is not None else []),
            *(length(description, "scopedSessionDescription", 2, 256) if description else []),
        ]
    )
    if policy is None and duration is None:
        raise invalid("At least one of Policy or DurationSeconds must be specified.")
    decision = caller.may(ACTION, "*", state.clock())
    if decision.verdict is not Verdict.ALLOWED:
        raise denied(caller.arn, ACTION, reason=decision.reason(ACTION))
    added = session_policies({"Policy": policy}, caller.principal.account) if policy else ()
    _refuse_too_much(session, added)
    left = int((session.expiration - state.clock()).total_seconds())
    if duration is not None and duration > left:
        raise Refusal(
            "InsufficientSessionLifetime",
            f"The requested DurationSeconds exceeds the remaining session lifetime of {left} "
            "seconds.",
            status=400,
        )
    return state.sessions.narrow(session, added, left if duration is None else duration)


def _refuse_too_much(session: Session, added: tuple[str, ...]) -> None:
    """Raise Refusal if the session would have too many policies, or if they are too long."""
    layers = (*session.scopes, *added)
    if added and len(layers) > _MOST_LAYERS:
        raise Refusal("AccessDenied", "The session already has 3 scope down policies.")
    characters = sum(map(len, (*session.policies, *layers)))
    if characters > _MOST_CHARACTERS:
        raise Refusal(
            "PackedPolicyTooLarge",
            f"The session token size of {characters} bytes exceeds {_MOST_CHARACTERS}.",
            status=400,
        )


def scoped_response(session: Session) -> dict[str, Any]:
    """Return the response with a limited session."""
    about: dict[str, Any] = {
        "Credentials": session.credentials(),
        "SessionInfo": {"ScopedSessionId": session.principal.user_id, "Arn": session.principal.arn},
        "SessionTokenSize": len(session.session_token),
        "ScopedPoliciesCount": len(session.scopes),
    }
    if session.attributes.source_identity is not None:
        about["SourceIdentity"] = session.attributes.source_identity
    return about
