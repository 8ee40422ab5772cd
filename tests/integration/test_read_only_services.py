"""AWS allows a read-only session to read in each service, and denies everything else.

The kernel's own lock is off in these tests, so that AWS decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from ipy_awsprofile import open_session
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, allow, trusting
from tests.identity_center import PROD, organisation

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws

#: For each service, a call that reads, and calls that don't, even if their names suggest it.
CALLS: dict[str, tuple[str, list[tuple[str, dict[str, Any]]]]] = {
    "cloudformation": ("list_stacks", [("delete_stack", {"StackName": "s"})]),
    "dynamodb": ("list_tables", [("delete_table", {"TableName": "t"})]),
    "ec2": ("describe_instances", [("create_key_pair", {"KeyName": "k"})]),
    "ecr": ("describe_repositories", [("create_repository", {"repositoryName": "repository"})]),
    "events": ("list_rules", [("put_rule", {"Name": "r", "ScheduleExpression": "rate(1 day)"})]),
    "glue": (
        "get_databases",
        [
            ("create_database", {"DatabaseInput": {"Name": "d"}}),
            ("get_connection", {"Name": "c"}),
        ],
    ),
    "iam": ("list_users", [("create_user", {"UserName": "Eve"})]),
    "kms": ("list_keys", [("create_key", {}), ("decrypt", {"CiphertextBlob": b"x"})]),
    "lambda": ("list_functions", [("delete_function", {"FunctionName": "f"})]),
    "logs": ("describe_log_groups", [("create_log_group", {"logGroupName": "g"})]),
    "rds": ("describe_db_instances", [("delete_db_instance", {"DBInstanceIdentifier": "d"})]),
    "sagemaker": ("list_models", [("delete_model", {"ModelName": "m"})]),
    "secretsmanager": ("list_secrets", [("get_secret_value", {"SecretId": "s"})]),
    "sns": ("list_topics", [("create_topic", {"Name": "t"})]),
    "sqs": ("list_queues", [("create_queue", {"QueueName": "q"})]),
    "ssm": ("describe_parameters", [("put_parameter", {"Name": "p", "Value": "v"})]),
    "stepfunctions": ("list_state_machines", [("stop_execution", {"executionArn": "arn:aws:x"})]),
    "sts": (
        "get_caller_identity",
        [("assume_role", {"RoleArn": "arn:aws:iam::123456789012:role/X", "RoleSessionName": "me"})],
    ),
}


@pytest.fixture
def session(aws: EmbeddedAws) -> Any:
    """Open a read-only session of an IAM Identity Center role that allows everything."""
    organisation(aws)
    aws.sso.sign_in("corp")
    aws.write_profile(
        "Admin",
        sso_session="corp",
        sso_account_id=PROD,
        sso_role_name="Admin",
        region="us-west-2",
    )
    return open_session("Admin", read_only=True)


def code_of(client: Any, call: str, **parameters: Any) -> str:
    """Return the code of a call's error, or an empty text."""
    try:
        getattr(client, call)(**parameters)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def is_denied(code: str) -> bool:
    """Return whether an error says that the action isn't allowed."""
    return code in {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}


@pytest.mark.nightly(keep=4)
@pytest.mark.parametrize("service", CALLS)
def test_service(session: Any, service: str) -> None:
    """AWS allows the call that reads, and denies the other calls."""
    client = session.client(service)
    reads, others = CALLS[service]
    assert code_of(client, reads) == ""
    for call, parameters in others:
        assert is_denied(code_of(client, call, **parameters)), call


def test_other_services(session: Any) -> None:
    """A service that the policy doesn't list is denied, even for reading."""
    for service, call in (("acm", "list_certificates"), ("redshift-data", "list_statements")):
        assert is_denied(code_of(session.client(service), call)), service


#: Calls that ReadOnlyAccess or `Get*` would allow. The host name of
#: s3:GetDataAccess includes the account, so it isn't on loopback.
NOT_READING: dict[str, tuple[str, dict[str, str]]] = {
    "athena": ("get_session_endpoint", {"SessionId": "s"}),
    "sqs": ("receive_message", {"QueueUrl": "https://sqs.us-west-2.amazonaws.com/1/q"}),
    "ssm": ("get_access_token", {"AccessRequestId": "oi-0123456789ab"}),
}


@pytest.mark.parametrize("kind", ["role", "keys", "sign-in"])
def test_what_only_looks_like_reading(aws: EmbeddedAws, session: Any, kind: str) -> None:
    """For every kind of identity, AWS allows List and Get calls, but not those that do more."""
    user = aws.create_user("Ann", account=ROLE_ACCOUNT, policy=allow("*"))
    role = aws.create_role("All", account=ROLE_ACCOUNT, trust=trusting(user.arn), policy=allow("*"))
    aws.write_profile("role", role_arn=role, source_profile="keys", region="us-west-2")
    aws.write_profile(
        "keys",
        region="us-west-2",
        aws_access_key_id=user.access_key_id,
        aws_secret_access_key=user.secret_access_key,
    )
    if kind != "sign-in":
        session = open_session(kind, read_only=True)
    assert code_of(session.client("s3"), "list_buckets") == ""
    assert code_of(session.client("ssm"), "get_parameters", Names=["/p"]) == ""
    for service, (call, parameters) in NOT_READING.items():
        assert is_denied(code_of(session.client(service), call, **parameters)), call
