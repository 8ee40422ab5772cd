"""Session policies: the user's own, and those of ``--read-only``.

A role's read-only session is limited by AWS's ReadOnlyAccess, and a second policy denies what isn't
reading. GetScopedCredentials, for all other sessions, doesn't accept managed policies. An inline
policy has at most 2,048 characters, and each of its actions must name a service. So it allows
reading in the services that notebooks use most, and denies every other service.

https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session
https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
https://docs.aws.amazon.com/aws-managed-policy/latest/reference/ReadOnlyAccess.html
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from ipy_awsprofile.config.parameters import StsParameters
from ipy_awsprofile.config.profiles import Profile
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.errors import InvalidOption

#: Services, and their actions that a read-only session may use.
_READS = {
    "batch ecs eks elasticmapreduce events kms rds redshift": "Describe* List*",
    "secretsmanager states": "Describe* List*",
    "bedrock iam lambda s3tables sns sqs": "Get* List*",
    "ce cloudformation cloudwatch kinesis ssm": "Describe* Get* List*",
    "athena": "BatchGet* Get* List*",
    "cloudtrail": "Describe* Get* List* LookupEvents",
    "dynamodb": "BatchGet* Describe* Get* List* PartiQLSelect Query Scan",
    "ec2": "Describe* Get* List* Search*",
    "ecr": "BatchGet* Describe* Get* List*",
    "es": "Describe* ESHttpGet ESHttpHead List*",
    "glue": "BatchGetPartition GetCatalog* GetColumn* GetCrawler* GetDatabase* GetJob* "
    "GetPartition* GetSchema* GetTable* SearchTables",
    "logs": "Describe* FilterLogEvents Get* List* StartQuery StopQuery",
    "s3": "DescribeJob Get* List*",
    "sagemaker": "BatchGet* Describe* Get* List* Search",
    "sts": "GetScopedCredentials",  # GetCallerIdentity needs no permission
    "tag": "Get*",
}
READS = {service: tuple(_READS[names].split()) for names in _READS for service in names.split()}

#: Actions that the patterns above would allow, but that return credentials that can write.
NOT_READS = (
    *("athena:GetSessionEndpoint", "cloudwatch:GetSpaceCredentials", "s3:GetDataAccess"),
    "ssm:GetAccessToken",
)

#: ReadOnlyAccess allows more. Receiving a message hides it from other consumers.
NOT_READS_OF_ROLES = (
    *NOT_READS,
    *("cognito-identity:GetCredentialsForIdentity", "cognito-idp:GetTokensFromRefreshToken"),
    *("cognito-identity:GetOpenIdTokenForDeveloperIdentity", "connect:GetFederationToken"),
    *("gamelift:GetComputeAccess", "gamelift:GetComputeAuthToken", "gamelift:GetInstanceAccess"),
    *("iot:GetConnection", "sqs:ReceiveMessage", "sts:GetSessionToken"),
)


def read_only_policy() -> str:
    """Return the policy for read-only sessions of identities other than roles, as compact JSON."""
    allowed = [f"{service}:{name}" for service, names in READS.items() for name in names]
    # These services call KMS to decrypt the data that a session reads.
    via = {"StringLike": {"kms:ViaService": ["dynamodb.*", "kinesis.*", "s3.*"]}}
    statements = [
        {"Effect": "Allow", "Action": allowed, "Resource": "*"},
        {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*", "Condition": via},
        {"Effect": "Deny", "Action": NOT_READS, "Resource": "*"},
    ]
    return policy_text({"Version": "2012-10-17", "Statement": statements})


def session_policy(request: SessionRequest, role: Profile | None) -> StsParameters:
    """Return the policy of a request as parameters of STS; ``role`` is None without a role.

    Raises InvalidOption.
    """
    if request.read_only and request.policy:
        raise InvalidOption(
            "--read-only and --policy can't be combined: a role could do what either of them "
            "allows.",
            "Use one of them. For a profile that is always opened read-only, add `--write`.",
        )
    if request.read_only:
        if role is None:
            return {"Policy": read_only_policy()}
        partition = role.arn.partition or "aws"  # STS refuses a text that isn't an ARN
        denied = {"Effect": "Deny", "Action": NOT_READS_OF_ROLES, "Resource": "*"}
        return {
            "PolicyArns": [{"arn": f"arn:{partition}:iam::aws:policy/ReadOnlyAccess"}],
            "Policy": policy_text({"Version": "2012-10-17", "Statement": [denied]}),
        }
    if request.policy is None:
        return {}
    policy = os.fspath(request.policy)
    if not policy.startswith("arn:"):
        return {"Policy": policy_in(policy)}
    if role is None:
        raise InvalidOption(
            "A managed policy can limit only the session of a role.",
            "Save the policy in a file, and run `--policy FILE`.",
        )
    return {"PolicyArns": [{"arn": policy}]}


def ending_at(end: datetime, limits: StsParameters) -> StsParameters:
    """Return the parameters of a role session that AWS refuses from a time (UTC) on.

    ``limits`` are its parameters without that. A role's own session lasts at least 15 minutes.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-currenttime
    """
    is_over = {"DateGreaterThanEquals": {"aws:CurrentTime": f"{end:%Y-%m-%dT%H:%M:%SZ}"}}
    denied = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": is_over}
    statements: list[object] = [denied]
    if "Policy" in limits:
        own = json.loads(limits["Policy"])["Statement"]
        statements += own if isinstance(own, list) else [own]
    elif "PolicyArns" not in limits:  # without a session policy, everything is allowed
        statements.append({"Effect": "Allow", "Action": "*", "Resource": "*"})
    policy = {"Version": "2012-10-17", "Statement": statements}
    return {**limits, "Policy": policy_text(policy)}


def policy_in(file: str | Path) -> str:
    """Return the policy in a file as compact JSON. Raises InvalidOption."""
    try:
        return policy_text(json.loads(Path(file).expanduser().read_bytes()))
    except (OSError, ValueError) as error:
        hint = "Use a JSON file. `--policy` also takes a managed policy's ARN, and `scoped` a dict."
        raise InvalidOption(f"The policy `{file}` can't be read: {error}.", hint) from None


def policy_text(policy: object) -> str:
    """Return a policy as compact JSON. Raises ValueError if it isn't a policy."""
    if not isinstance(policy, Mapping) or "Statement" not in policy:
        raise ValueError('a policy is an object with "Version" and "Statement"')
    return json.dumps(policy, separators=(",", ":"), ensure_ascii=False)
