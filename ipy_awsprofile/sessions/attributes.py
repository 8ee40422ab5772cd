"""Describe what to write instead of an attribute that a boto3 session doesn't have."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ipy_awsprofile.call_stack import library_of
from ipy_awsprofile.config.request import SESSION, arguments
from ipy_awsprofile.text import letters_of

if TYPE_CHECKING:
    from types import FrameType

    import boto3

    from ipy_awsprofile.config.target import Target

_IDENTITY = "Run `from ipy_awsprofile import who_am_i`, then write `who_am_i(session)"

#: What code expects of a session, and what to write instead.
_INSTEAD = {
    "account": f"{_IDENTITY}.account`.",
    "Bucket": 'Write `session.resource("s3").Bucket(…)`.',
    "account_id": f"{_IDENTITY}.account`.",
    "identity": f"{_IDENTITY}`.",
    "create_client": "Write `session.client(…)` instead of `session.create_client(…)`.",
    "credentials": "Write `session.get_credentials()`.",
    "get_caller_identity": 'Write `session.client("sts").get_caller_identity()`.',
    "list_buckets": 'Write `session.client("s3").list_buckets()`.',
    "profile": "Write `session.profile_name`.",
    "refresh": "Sessions renew themselves. To renew the active session now, run "
    "`%aws_profile --refresh`.",
    "region": "Write `session.region_name`.",
}

#: The beginnings of the names that a client's methods have, and where such a method is.
_VERBS = ("create_", "delete_", "describe_", "get_", "head_", "list_", "put_", "upload_")
_OF_S3 = ("download_file", "generate_presigned_", "upload_file")
_OF_CLIENT = (
    'The methods that call AWS belong to the client of a service, such as `session.client("s3")`.'
)

#: boto3's own attributes, which have no setter.
_REGION = ("region", "region_name")


def problem_of_attribute(session: boto3.Session, name: str, frame: FrameType) -> str:
    """Return the error message for an attribute that a session doesn't have.

    ``frame`` is the frame of the code that uses the attribute.
    """
    if library_of(frame):  # its code can't be changed
        return f"A boto3 session has no attribute `{name}`."
    instead = _INSTEAD.get(name)
    if name == "get_execution_role":  # a function of the SageMaker SDK
        instead = _role_of(session)
    if instead is None and name.startswith(_OF_S3):
        instead = f'Write `session.client("s3").{name}(…)`.'
    if instead is None and name.startswith(_VERBS):
        instead = _OF_CLIENT
    if instead is None:
        instead = _code_of_client(session, name)
    if instead is None:
        return f"{type(session).__name__!r} object has no attribute {name!r}"
    variable = _variable_of(session, frame)
    instead = re.sub(r"(?<=[`(])session\b", variable, instead)
    return f"A boto3 session has no attribute `{name}`. {instead}"


def _role_of(session: boto3.Session) -> str:
    """Return a sentence with the ARN of a session's role, or how to see its identity's ARN."""
    target: Target | None = session.__dict__.get("base")
    role_arn = target.profile.role_arn if target else None
    if role_arn:
        return f"The ARN of its role is `{role_arn}`."
    return f"{_IDENTITY}.arn`."


def _code_of_client(session: boto3.Session, name: str) -> str | None:
    """Return the code of a client if an attribute is the name of an AWS service, or None."""
    if name.startswith("_"):
        return None
    for service in session.get_available_services():
        if letters_of(service) == letters_of(name):
            return f'For the service `{service}`, write `session.client("{service}")`.'
    return None


def problem_of_assignment(target: Target | None, name: str, value: object) -> str:
    """Return the error message for an assignment to an attribute of a session, or "".

    The result is an empty string if the assignment can have an effect. ``target`` is the session's
    target, or None if another library opened the session.
    """
    if name not in (*_INSTEAD, *_REGION):
        return ""
    problem = f"The `{name}` of a session can't be changed."
    if name not in _REGION:
        return (
            f"{problem} To open another session, write `open_session(NAME)`. To switch the "
            "notebook, run `%aws_profile NAME`."
        )
    steps = f"To use another Region for a single client, pass `region_name={value!r}`."
    if target:
        line = arguments(replace(target.request, region=str(value)))
        steps = f"To use another Region in the notebook, run `%aws_profile {line}`. {steps}"
    return f"{problem} {steps}"


def _variable_of(session: object, frame: FrameType) -> str:
    """Return the name of a global variable that contains a session, in the code of a frame.

    The name is ``session`` if none of the variables contains the session.
    """
    names = [name for name, value in frame.f_globals.items() if value is session]
    return next((name for name in names if not name.startswith("_")), SESSION)
