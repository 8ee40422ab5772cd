"""Session policies: a session may do only what both its role and these policies allow.

https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import iam_backends

from ipy_awsprofile.demo.iam.policy import parse_policy
from ipy_awsprofile.demo.iam.unsupported import UnsupportedPolicyError
from ipy_awsprofile.demo.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

_AWS_ARN = "arn:aws:iam::aws:policy"


def session_policies(params: Mapping[str, Any], account: str) -> tuple[str, ...]:
    """Return the JSON strings of the policies in the parameters Policy and PolicyArns.

    As on AWS, both parameters together are one set of policies. Raises Refusal.
    """
    inline = [params["Policy"]] if "Policy" in params else []
    managed = [_managed(item["arn"], account) for item in params.get("PolicyArns", [])]
    documents = (*inline, *managed)
    for document in documents:
        _check(document)
    return documents


def _check(document: str) -> None:
    try:
        parse_policy(document)
    except UnsupportedPolicyError as error:
        raise Refusal("NotImplemented", str(error), status=501) from error
    except (ValueError, TypeError, AttributeError) as error:
        message = "This policy contains invalid Json"
        raise Refusal("MalformedPolicyDocument", message, status=400) from error


def _managed(arn: str, account: str) -> str:
    if (policy := iam_backends[account]["aws"].managed_policies.get(arn)) is not None:
        return default_document(policy)
    if (document := _managed_by_aws().get(arn)) is not None:
        return json.dumps(document)
    raise Refusal("InvalidParameterValue", f"The policy {arn} does not exist.", status=400)


def default_document(policy: Any) -> str:
    """Return the JSON string of a managed policy's default version."""
    document: str = next(v.document for v in policy.versions if v.is_default)
    return document


@cache
def _managed_by_aws() -> dict[str, Any]:
    """Return AWS managed policies, such as ReadOnlyAccess, by ARN; moto has a copy of them."""
    policies = json.loads(aws_managed_policies_data)
    return {
        f"{_AWS_ARN}{record['Path']}{name}": record["Document"] for name, record in policies.items()
    }
