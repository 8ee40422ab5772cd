"""The inline policy of a read-only session that doesn't assume a role.

GetScopedCredentials doesn't accept managed policies, so AWS's ReadOnlyAccess can't be used. An
inline policy has at most 2,048 characters, and each of its actions must name a service. This policy
allows reading in the services that notebooks use most, and denies every other service.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
https://docs.aws.amazon.com/aws-managed-policy/latest/reference/ReadOnlyAccess.html
"""

from __future__ import annotations

import json
from functools import cache

#: The allowed actions, by service.
READS = {
    "athena": ("BatchGet*", "Get*", "List*"),
    "batch": ("Describe*", "List*"),
    "bedrock": ("Get*", "List*"),
    "ce": ("Describe*", "Get*", "List*"),
    "cloudformation": ("Describe*", "Get*", "List*"),
    "cloudtrail": ("Describe*", "Get*", "List*", "LookupEvents"),
    "cloudwatch": ("Describe*", "Get*", "List*"),
    "dynamodb": ("BatchGet*", "Describe*", "Get*", "List*", "PartiQLSelect", "Query", "Scan"),
    "ec2": ("Describe*", "Get*", "List*", "Search*"),
    "ecr": ("BatchGet*", "Describe*", "Get*", "List*"),
    "ecs": ("Describe*", "List*"),
    "eks": ("Describe*", "List*"),
    "elasticmapreduce": ("Describe*", "List*"),
    "es": ("Describe*", "ESHttpGet", "ESHttpHead", "List*"),
    "events": ("Describe*", "List*"),
    "glue": (
        *("BatchGetPartition", "GetCatalog*", "GetColumn*", "GetCrawler*", "GetDatabase*"),
        *("GetJob*", "GetPartition*", "GetSchema*", "GetTable*", "SearchTables"),
    ),
    "iam": ("Get*", "List*"),
    "kinesis": ("Describe*", "Get*", "List*"),
    "kms": ("Describe*", "List*"),
    "lambda": ("Get*", "List*"),
    "logs": ("Describe*", "FilterLogEvents", "Get*", "List*", "StartQuery", "StopQuery"),
    "rds": ("Describe*", "List*"),
    "redshift": ("Describe*", "List*"),
    "s3": ("DescribeJob", "Get*", "List*"),
    "s3tables": ("Get*", "List*"),
    "sagemaker": ("BatchGet*", "Describe*", "Get*", "List*", "Search"),
    "secretsmanager": ("Describe*", "List*"),
    "sns": ("Get*", "List*"),
    "sqs": ("Get*", "List*"),
    "ssm": ("Describe*", "Get*", "List*"),
    "states": ("Describe*", "List*"),
    "sts": ("GetCallerIdentity", "GetScopedCredentials"),
    "tag": ("Get*",),
}

#: Actions that the patterns above would allow, although they write, or return credentials that
#: can write.
NOT_READS = (
    "athena:GetSessionEndpoint",
    "s3:GetDataAccess",
)

#: Services that can call KMS to decrypt the data that a session reads.
_DECRYPTED_IN = ("dynamodb", "kinesis", "s3")


@cache
def read_only_policy() -> str:
    """Return the policy as compact JSON."""
    allowed = [f"{service}:{name}" for service, names in READS.items() for name in names]
    via = {"StringLike": {"kms:ViaService": [f"{service}.*" for service in _DECRYPTED_IN]}}
    statements = [
        {"Effect": "Allow", "Action": allowed, "Resource": "*"},
        {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*", "Condition": via},
        {"Effect": "Deny", "Action": NOT_READS, "Resource": "*"},
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
