"""Parse a call's outcome, and AWS's message about a denied call: the identity, action and reason.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ipy_awsprofile.calls.log import Outcome
from ipy_awsprofile.calls.resources import without_key
from ipy_awsprofile.text import one_line


class Denied(NamedTuple):
    """The details in AWS's message about a denied call. The resource can be missing."""

    principal: str
    action: str
    resource: str


_DENIAL = re.compile(
    r"User: (?P<principal>arn:\S+) is not authorized to perform: (?P<action>[\w-]+:\w+)"
    r"(?: on resource: \"?(?P<resource>arn:[^\s\"]+)\"?)?"
    r"(?: (?P<why>(?:because|with) .*))?"
)

#: The maximum length of a reason to keep, in characters.
_LONGEST = 300


def outcome_of(error: BaseException | None) -> tuple[Outcome, str, Denied | None]:
    """Return a call's outcome, its error, and the details of a denial in AWS's message.

    Other messages aren't kept, because they can quote parameter values.
    """
    if error is None:
        return "ok", "", None
    from botocore.exceptions import ClientError

    from ipy_awsprofile.credentials.translation import DENIED, code_of

    if not isinstance(error, ClientError):
        return "failed", type(error).__name__, None
    code = code_of(error)
    if code not in DENIED:
        return "failed", code, None
    if not (found := _DENIAL.search(str(error))):
        return "denied", code, None
    why = one_line(found["why"] or "", _LONGEST)
    text = f"{code}: {why}" if why else code
    resource = without_key(one_line(found["resource"] or "", _LONGEST))
    return "denied", text, Denied(found["principal"], found["action"], resource)
