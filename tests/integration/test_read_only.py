"""AWS allows a read-only session to read, and denies everything else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ipy_awsprofile import open_session
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, allow, trusting
from tests.aws import EmbeddedAws
from tests.identity_center import PROD, organisation
from tests.shells import Shell

#: For each service, calls that read, and calls that don't, even if their names suggest it.
READS: dict[str, dict[str, dict[str, Any]]] = {
    "s3": {"list_buckets": {}},
    "dynamodb": {"list_tables": {}},
    "glue": {"get_databases": {}},
    "secretsmanager": {"list_secrets": {}},
    "sqs": {"list_queues": {}},
    "ssm": {"get_parameters": {"Names": ["/p"]}},
    "sts": {"get_caller_identity": {}},
}
OTHERS: dict[str, dict[str, dict[str, Any]]] = {
    "s3": {"create_bucket": {"Bucket": "another-bucket"}},
    "dynamodb": {"delete_table": {"TableName": "t"}},
    "glue": {"create_database": {"DatabaseInput": {"Name": "d"}}, "get_connection": {"Name": "c"}},
    "secretsmanager": {"get_secret_value": {"SecretId": "s"}},
    "sqs": {"receive_message": {"QueueUrl": "https://sqs.us-west-2.amazonaws.com/1/q"}},
    "ssm": {
        "put_parameter": {"Name": "p", "Value": "v"},
        "get_access_token": {"AccessRequestId": "oi-0123456789ab"},
    },
    "sts": {
        "assume_role": {"RoleArn": "arn:aws:iam::123456789012:role/X", "RoleSessionName": "me"}
    },
    "codepipeline": {
        "get_job_details": {"jobId": "00000000-0000-0000-0000-000000000000"},
        "get_third_party_job_details": {"jobId": "1", "clientToken": "t"},
    },
    "license-manager": {"get_access_token": {"Token": "a.b.c"}},
    "cognito-idp": {
        "describe_user_pool_client": {"UserPoolId": "us-west-2_a", "ClientId": "c"},
    },
    "athena": {"get_session_endpoint": {"SessionId": "s"}},
}
#: A service that only AWS's managed policy for roles allows.
UNLISTED: dict[str, dict[str, dict[str, Any]]] = {"acm": {"list_certificates": {}}}
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}


def codes(session: Any, calls: dict[str, dict[str, dict[str, Any]]]) -> dict[str, str]:
    """Make some calls, and return the code of each call's error, or an empty text."""
    answers = {}
    for service, operations in calls.items():
        client = session.client(service)
        for name, parameters in operations.items():
            answers[f"{service}.{name}"] = ""
            try:
                getattr(client, name)(**parameters)
            except ClientError as error:
                answers[f"{service}.{name}"] = str(error.response["Error"]["Code"])
    return answers


KINDS = ("role", "keys", "sign-in")


def write_profiles(aws: EmbeddedAws) -> None:
    """Write a profile of each kind, whose identity can do everything."""
    organisation(aws)
    aws.sso.sign_in("corp")
    user = aws.iam.create_user("Ann", account=ROLE_ACCOUNT, policy=allow("*"))
    role = aws.iam.create_role(
        "All", account=ROLE_ACCOUNT, trust=trusting(user.arn), policy=allow("*")
    )
    sso: Any = {"sso_session": "corp", "sso_account_id": PROD, "sso_role_name": "Admin"}
    keys: Any = user.settings()
    aws.write_profile("role", role_arn=role, source_profile="keys", region="us-west-2")
    aws.write_profile("keys", region="us-west-2", **keys)
    aws.write_profile("sign-in", region="us-west-2", **sso)


@pytest.mark.parametrize("kind", KINDS)
def test_services(aws: EmbeddedAws, kind: str) -> None:
    """For each kind of identity, AWS allows the calls that read, and denies the other calls."""
    write_profiles(aws)
    session = open_session(kind, read_only=True)
    assert set(codes(session, READS).values()) == {""}
    refused = codes(session, OTHERS if kind == "role" else OTHERS | UNLISTED)
    assert set(refused.values()) <= DENIED, refused


#: Options that limit a session. Only the first one makes it read-only.
LIMITS = ("--read-only", "--duration 30m", '--policy "{policy}"', "")


@pytest.mark.parametrize("kind", KINDS)
def test_card(shell: Shell, aws: EmbeddedAws, tmp_path: Path, kind: str) -> None:
    """The card says that a session is read-only if AWS denies writing, and never otherwise."""
    write_profiles(aws)
    aws.create_bucket("data", account=PROD if kind == "sign-in" else ROLE_ACCOUNT)
    (policy := tmp_path / "policy.json").write_text(json.dumps(allow("s3:*")))
    for option in LIMITS:
        card = shell.good(f"%aws_profile {kind} {option.format(policy=policy)}").text
        is_read_only = option == "--read-only"
        assert bool(re.search(r"access +.*read-only", card)) is is_read_only, option
        write = "session.client('s3').put_object(Bucket='data', Key='k')"
        if is_read_only:
            assert "AccessDenied" in str(shell.run(write).error)
        else:
            shell.good(write)
