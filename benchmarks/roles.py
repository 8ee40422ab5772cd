"""Time IAM Identity Center roles without a profile, in listings and the picker."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.stage import Stage
from benchmarks.timing import Measured, by_turns, fresh, repeated, timed

ACCOUNTS, ROLES = 300, ("Admin", "Developer", "Reader")

#: The latency of AWS in milliseconds.
_LATENCY = 50

#: A listing doesn't depend on the number of profiles, so it is measured only once.
_MOST_PROFILES = 10

_SETUP = "import boto3\nfrom ipy_awsprofile import list_assigned_roles"

_BOTO3 = """
import json
from pathlib import Path
(file,) = Path("~/.aws/sso/cache").expanduser().glob("*.json")
token = json.loads(file.read_text())["accessToken"]
portal = boto3.client("sso", region_name="us-east-1", endpoint_url="{endpoint}")
found = []
for page in portal.get_paginator("list_accounts").paginate(accessToken=token):
    for account in page["accountList"]:
        for roles in portal.get_paginator("list_account_roles").paginate(
            accessToken=token, accountId=account["accountId"]
        ):
            found += roles["roleList"]
assert len(found) == {count}
"""

_LISTED = """
import boto3
from ipy_awsprofile import list_assigned_roles
from ipy_awsprofile.picker.conversation import Conversation
from ipy_awsprofile.switch.switcher import Switcher
roles = list_assigned_roles()
assert len(roles) == {count}
sent = []
views = Conversation(Switcher(None), lambda message, _buffers: sent.append(message))
def opened():
    views.receive({{"do": "list"}})
    assert sent.pop()["profiles"] >= {count}
"""


def measure(stage: Stage) -> Iterator[Measured]:
    """Time listings and the picker's list, with all roles of an organisation."""
    count = ACCOUNTS * len(ROLES)
    with stage.sign_in(ACCOUNTS, ROLES):
        if stage.profiles <= _MOST_PROFILES:
            loop = _BOTO3.format(endpoint=stage.aws.endpoint_url, count=count)
            with stage.latency(_LATENCY):
                # The second kernel uses the list that the first one cached.
                for what, argument in (("first", "fresh=True"), ("in the next kernel", "")):
                    ours = f"assert len(list_assigned_roles({argument})) == {count}"
                    yield Measured(
                        f"`list_assigned_roles()` of {count} roles, {what}, {_LATENCY} ms latency",
                        "boto3: a loop over accounts",
                        *by_turns(
                            lambda ours=ours: fresh(stage, timed(ours, setup=_SETUP)),  # type: ignore[misc]
                            lambda: fresh(stage, timed(loop, setup="import boto3")),
                            times=1,
                        ),
                    )
        ours_and_theirs = repeated(
            stage,
            "opened()",
            "boto3.Session().available_profiles",
            setup=_LISTED.format(count=count),
            times=7,
        )
        yield Measured(
            f"the picker's list, with {count} roles besides the profiles",
            "`boto3.Session().available_profiles`",
            *ours_and_theirs,
        )
