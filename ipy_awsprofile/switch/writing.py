"""Advise users how to get write access after AWS refuses a request from a read-only session.

The advice changes only the line, cell or Python call that opened the read-only session. The session
keeps all its other limits.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ipy_awsprofile.calls.actions import action_named, action_of
from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.organization import advice_to_write, why_not_to_write
from ipy_awsprofile.config.request import Form, Origin, SessionRequest, arguments, python_arguments
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.sessions.protection import Protection

#: The pattern for the missing permission and its resource in AWS's error messages.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
MISSING = re.compile(r'not authorized to perform: ([\w-]+:\w+)(?: on resource: "?([^\s"]+)"?)?')

#: The pattern for the policy that denied a request in AWS's error messages. AWS names one policy.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
_POLICY = re.compile(
    r"(because no|with an explicit deny in an?) ([\w-]+ )*(policy|permissions boundary)"
)

#: The HTTP methods of requests that change something. Some refusals name the method only.
_WRITING = {"DELETE", "PATCH", "POST", "PUT"}

#: The access levels of actions that change nothing.
_READING = {"read", "list"}


def writes(operation: str, message: str) -> bool:
    """Return whether a refused request probably tried to change something in AWS."""
    missing = MISSING.search(message)
    if missing:
        return action_named(missing[1]).access not in _READING
    if operation.isupper():
        return operation in _WRITING
    return action_of("s3", operation).access not in _READING


def needs_more_than_reading(operation: str, message: str) -> bool:
    """Return whether AWS refused a request because the session is read-only."""
    if "session policy" in message:
        return True
    if names_other_policy(message):
        return False
    if operation == "AssumeRole":  # for a role in another account, AWS doesn't name the policy
        return False
    return writes(operation, message)


def names_other_policy(message: str) -> bool:
    """Return whether AWS names a policy that also applies to a session without limits."""
    policy = _POLICY.search(message)
    return policy is not None and "session policy" not in policy[0]


def advice_for_writing(
    origin: Origin, account: str, protection: Protection, *, operation: str, message: str
) -> str:
    """Return advice on how to get a session that can make a refused request, or an empty string.

    The advice is about the line or code that opened the read-only session. For a protected profile,
    the result is an empty string. ``account`` is the account ID that STS reported, or an empty
    string.
    """
    purpose = "To do this"  # read-only sessions can't read from all services
    if writes(operation, message):
        purpose = "To write"
    request, form = origin
    bare = replace(request, read_only=False, write=False)
    try:
        target = target_of(bare, read_config())
        is_limited = protection.limited(bare, target, account or None).request.read_only
    except AwsProfileError:  # the files have changed, or the policy doesn't allow it
        return ""
    if protection.pattern_for(target, account):
        return ""
    if is_limited:
        return advice_to_write(f"{purpose}, {_step(origin, replace(bare, write=True))}.")
    if form is Form.LINE and not why_not_to_write():
        bare = replace(bare, write=True)
    return f"{purpose}, {_step(Origin(request, form), bare)}."


def _step(origin: Origin, writing: SessionRequest) -> str:
    """Return an instruction for changing the line or code that opened a session."""
    request, form = origin
    if form is Form.LINE:
        return f"run `%aws_profile {arguments(writing)}`"
    read_only, write, where = "--read-only", "--write", "the first line of the cell"
    if form.is_python:
        read_only, write, where = "read_only=True", "write=True", f"the call of `{form.value}`"
    if not writing.write:
        step = f"leave out `{read_only}` in {where}"
    elif request.read_only:
        step = f"write `{write}` instead of `{read_only}` in {where}"
    else:
        step = f"add `{write}` to {where}"
    if form.is_for_many:
        return step
    if form.is_python:
        return f"{step}: `{form.value}({python_arguments(writing)})`"
    return f"{step}: `{form.value} {arguments(writing)}`"
