"""Assume a role as an AWS service, as EC2 and ECS do for an instance or a container.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-service.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipy_awsprofile.demo.iam.callers import find_role
from ipy_awsprofile.demo.iam.trust import Trust, evaluate_role
from ipy_awsprofile.demo.principals import Principal
from ipy_awsprofile.demo.refusals import denied
from ipy_awsprofile.demo.services.sts.assume_role import ACTION

if TYPE_CHECKING:
    from ipy_awsprofile.demo.sessions import Session
    from ipy_awsprofile.demo.state import State


def assume_role_as_service(
    state: State, service: str, role_arn: str, session_name: str, duration: int
) -> Session:
    """Return credentials of a role for a service such as `ec2.amazonaws.com`.

    `duration` is in seconds. Raises PermissionError unless the role's trust policy names the
    service.
    """
    role, caller = find_role(role_arn), Principal.service(service)
    context = {"sts:RoleSessionName": session_name}
    if role is None or evaluate_role(role, caller, ACTION, context) is not Trust.NAMED:
        raise PermissionError(str(denied(service, ACTION, role_arn)))
    principal = Principal.session(role_arn, session_name, role.id)
    return state.sessions.issue(principal, duration)
