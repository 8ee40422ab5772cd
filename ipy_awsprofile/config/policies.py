"""Session policies: the policies that users pass, and the policies for ``--read-only``.

AWS's managed policy ReadOnlyAccess limits the read-only session of a role. A second policy denies
the actions in ReadOnlyAccess that do more than read. The read-only sessions of all other identities
use GetScopedCredentials, which doesn't accept managed policies. An inline policy can have at most
2,048 characters, and each of its actions must name a service. The inline policy therefore allows
only read actions of the services that notebooks use most.

https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session
https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
https://docs.aws.amazon.com/aws-managed-policy/latest/reference/ReadOnlyAccess.html
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ipy_awsprofile.config.organization import advice_to_write
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

#: The longest inline policy that STS accepts, in characters.
_LONGEST = 2048

#: Actions of STS that return keys for another role, or for more time. A window denies them.
OUTLASTING = ("sts:Assume*", "sts:GetFederationToken")

#: Actions that the patterns above would allow, but that return credentials that can write.
NOT_READS = (
    "athena:GetSessionEndpoint",
    "cloudwatch:GetSpaceCredentials",
    "s3:GetDataAccess",
    "ssm:GetAccessToken",
)

#: ReadOnlyAccess allows more. Receiving a message hides it from other consumers.
NOT_READS_OF_ROLES = (
    *NOT_READS,
    "cognito-identity:GetCredentialsForIdentity",
    "cognito-idp:GetTokensFromRefreshToken",
    "cognito-identity:GetOpenIdTokenForDeveloperIdentity",
    "connect:GetFederationToken",
    "gamelift:GetComputeAccess",
    "gamelift:GetComputeAuthToken",
    "gamelift:GetInstanceAccess",
    "iot:GetConnection",
    "sqs:ReceiveMessage",
    "sts:GetSessionToken",
    *(
        "appsync:ListApiKeys",
        "cognito-idp:DescribeUserPoolClient",
        "license-manager:GetAccessToken",
    ),
    "codepipeline:GetJobDetails",
    "codepipeline:GetThirdPartyJobDetails",
)

#: The API keys of API Gateway, whose only action for reading is ``apigateway:GET``.
_API_KEYS = ("/apikeys", "/apikeys/*", "/usageplans/*/keys", "/usageplans/*/keys/*")


def read_only_policy() -> str:
    """Return the policy for read-only sessions that aren't role sessions, as compact JSON."""
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
    """Return a request's session policy as parameters for STS.

    Raise InvalidOption if the policy is invalid or can't be combined with the request's options.
    ``role`` is the role to assume, or None if the session doesn't assume a role.
    """
    if request.read_only and request.policy:
        raise InvalidOption(
            "--read-only and --policy can't be combined, because a role could do everything that "
            "either of them allows.",
            advice_to_write(
                "Use one of these options. For a profile that is always opened read-only, add "
                "`--write`."
            ),
        )
    if request.read_only:
        if role is None:
            return {"Policy": read_only_policy()}
        partition = role.arn.partition or "aws"  # STS refuses a text that isn't an ARN
        api_keys = [f"arn:{partition}:apigateway:*::{path}" for path in _API_KEYS]
        statements = [
            {"Effect": "Deny", "Action": NOT_READS_OF_ROLES, "Resource": "*"},
            {"Effect": "Deny", "Action": "apigateway:GET", "Resource": api_keys},
        ]
        return {
            "PolicyArns": [{"arn": f"arn:{partition}:iam::aws:policy/ReadOnlyAccess"}],
            "Policy": policy_text({"Version": "2012-10-17", "Statement": statements}),
        }
    if request.policy is None:
        return {}
    policy = os.fspath(request.policy)
    if not policy.startswith("arn:"):
        if role:
            _require_no_policy_name(policy, role)
        return {"Policy": policy_in(policy)}
    if role is None:
        raise InvalidOption(
            "A managed policy can limit only the session of a role.",
            "Save the policy in a file, and pass the file with `--policy FILE`.",
        )
    return {"PolicyArns": [{"arn": policy}]}


def _require_no_policy_name(file: str, role: Profile) -> None:
    """Raise InvalidOption if a file doesn't exist and its name can be a managed policy's name."""
    path = Path(file)
    can_be_name = re.fullmatch(r"[\w+=,@-]+", path.name) and path.parent == Path.cwd()
    if not can_be_name or path.exists():
        return
    arn = f"arn:{role.arn.partition or 'aws'}:iam::aws:policy/{path.name}"
    raise InvalidOption(
        f"The policy `{path.name}` isn't a file in the notebook's folder.",
        f"If you mean the policy of this name that AWS manages, write its ARN, `{arn}`.",
    )


def ending_at(end: datetime, limits: StsParameters) -> StsParameters:
    """Return parameters for a role session in which AWS denies all requests after ``end`` (UTC).

    ``limits`` are the parameters without the denial. The denial can end access before 15 minutes
    have passed, although a role session lasts at least 15 minutes. Raise InvalidOption if the
    policy is too long.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-currenttime
    """
    is_over = {"DateGreaterThanEquals": {"aws:CurrentTime": f"{end:%Y-%m-%dT%H:%M:%SZ}"}}
    denied = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": is_over}
    return _with_statements(limits, denied)


def not_outlasting(limits: StsParameters) -> StsParameters:
    """Return a session's parameters with a policy that denies the actions in `OUTLASTING`.

    Actions that are named in the session's own policy remain allowed. The session must be a role
    session, or ``limits`` must contain a policy. Raise InvalidOption if the policy is too long.
    """
    named = tuple(_allowed_actions(limits.get("Policy")))
    denied = []
    for pattern in OUTLASTING:
        begin = pattern.rstrip("*").lower()
        if not any(action.startswith(begin) for action in named):
            denied.append(pattern)
    if not denied:
        return limits
    return _with_statements(limits, {"Effect": "Deny", "Action": denied, "Resource": "*"})


def _with_statements(limits: StsParameters, *statements: object) -> StsParameters:
    """Return a session's parameters with statements added to the policy.

    Raise InvalidOption if the new policy is too long.
    """
    every: list[object] = [*statements]
    if "Policy" in limits:
        every += _statements_in(limits["Policy"])
    elif "PolicyArns" not in limits:  # without a session policy, everything is allowed
        every.append({"Effect": "Allow", "Action": "*", "Resource": "*"})
    policy = policy_text({"Version": "2012-10-17", "Statement": every})
    if len(policy) > _LONGEST:
        raise InvalidOption(
            f"With the limits of a write window, the policy has {len(policy):,} characters, but "
            f"AWS accepts at most {_LONGEST:,}.",
            "Shorten the policy, for example with wildcards in the names of the actions.",
        )
    return {**limits, "Policy": policy}


def _statements_in(policy: str) -> list[Any]:
    """Return a policy's statements as a list, even if the policy has a single statement."""
    statements = json.loads(policy)["Statement"]
    return statements if isinstance(statements, list) else [statements]


def _allowed_actions(policy: str | None) -> Iterator[str]:
    """Yield, in lower case, the actions that a policy's Allow statements name."""
    if policy is None:
        return
    for statement in _statements_in(policy):
        if not isinstance(statement, Mapping) or statement.get("Effect") != "Allow":
            continue  # AWS refuses a policy with other statements
        actions = statement.get("Action", [])
        if isinstance(actions, str):
            actions = [actions]
        if isinstance(actions, Iterable):
            yield from (str(action).lower() for action in actions)


def policy_in(file: str | Path) -> str:
    """Return the policy from a file as compact JSON. Raise InvalidOption if the file is invalid."""
    scheme, is_url, path = str(file).partition("file://")  # as the AWS CLI's options
    if is_url and not scheme:
        raise InvalidOption(
            f"The policy `{file}` isn't a path.", f"Leave out `file://`: write `{path}`."
        )
    try:
        return policy_text(json.loads(Path(file).expanduser().read_bytes()))
    except (OSError, ValueError) as error:
        hint = (
            "Use a JSON file. `--policy` also accepts a managed policy's ARN, and `scoped` accepts "
            "a dict."
        )
        raise InvalidOption(f"The policy `{file}` can't be read: {error}.", hint) from None


def policy_text(policy: object) -> str:
    """Return a policy as compact JSON. Raise ValueError if the object isn't a policy."""
    if not isinstance(policy, Mapping) or "Statement" not in policy:
        raise ValueError('a policy is an object with "Version" and "Statement"')
    return json.dumps(policy, separators=(",", ":"), ensure_ascii=False)
