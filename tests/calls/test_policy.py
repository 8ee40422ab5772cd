"""A draft policy allows the recorded calls, and nothing that they don't need."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.calls.log import Call, CallLog, Need
from ipy_awsprofile.calls.policy import Draft, drafts
from tests.calls.test_log import call
from tests.roles import add_role

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

#: Code that prepares each service, code to record, and an action that the code requires.
SERVICES = {
    "s3": (
        "s3.create_bucket(Bucket='lake-of-mine', "
        "CreateBucketConfiguration={'LocationConstraint': 'us-west-2'})",
        "s3.put_object(Bucket='lake-of-mine', Key='sales/x.csv', Body=b'1')\n"
        "s3.get_object(Bucket='lake-of-mine', Key='sales/x.csv')\n"
        "s3.list_objects_v2(Bucket='lake-of-mine')\n"
        "s3.copy_object(Bucket='lake-of-mine', Key='kept/x.csv', "
        "CopySource='lake-of-mine/sales/x.csv')\n"
        "s3.delete_object(Bucket='lake-of-mine', Key='kept/x.csv')",
        "s3:ListBucket",
    ),
    "dynamodb": (
        "dynamodb.create_table(TableName='t', BillingMode='PAY_PER_REQUEST', "
        "KeySchema=[{'AttributeName': 'k', 'KeyType': 'HASH'}], "
        "AttributeDefinitions=[{'AttributeName': 'k', 'AttributeType': 'S'}])",
        "dynamodb.put_item(TableName='t', Item={'k': {'S': '1'}})\n"
        "dynamodb.get_item(TableName='t', Key={'k': {'S': '1'}})\n"
        "dynamodb.scan(TableName='t')",
        "dynamodb:Scan",
    ),
    "sqs": (
        "sqs.create_queue(QueueName='q')",
        "url = sqs.get_queue_url(QueueName='q')['QueueUrl']\n"
        "sqs.send_message(QueueUrl=url, MessageBody='x')\n"
        "sqs.receive_message(QueueUrl=url)",
        "sqs:ReceiveMessage",
    ),
    "ssm": (
        "ssm.put_parameter(Name='/app/x', Value='1', Type='String')",
        "ssm.get_parameter(Name='/app/x')",
        "ssm:GetParameter",
    ),
    "secretsmanager": (
        "secretsmanager.create_secret(Name='db', SecretString='1')",
        "secretsmanager.get_secret_value(SecretId='db')",
        "secretsmanager:GetSecretValue",
    ),
    "sns": (
        "sns.create_topic(Name='t')",
        "sns.publish(TopicArn=f'arn:aws:sns:us-west-2:123456789012:t', Message='x')",
        "sns:Publish",
    ),
}


@pytest.mark.slow
@pytest.mark.nightly(keep=2)
@pytest.mark.parametrize("service", SERVICES)
def test_the_loop(
    shell: Shell, aws: EmbeddedAws, tmp_path: Path, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell works with its draft as session policy, and not if the draft lacks an action."""
    monkeypatch.chdir(tmp_path)
    add_role(aws, "Builder", "*")
    prepared, code, action = SERVICES[service]
    cell = f"{service} = session.client('{service}')\n{code}"
    shell.good("%aws_profile Builder")
    shell.good(f"{service} = session.client('{service}')\n{prepared}")
    shell.good("%aws_calls on")
    shell.good(cell)
    shell.good("%aws_calls off")
    said = shell.good("%aws_calls --policy draft.json").text
    assert said.startswith("Wrote the draft policy for Builder in 123456789012 to `draft.json`")
    shell.good("%aws_profile Builder --policy draft.json")
    shell.good(cell)
    policy = json.loads((tmp_path / "draft.json").read_text())
    for statement in policy["Statement"]:
        statement["Action"] = [one for one in statement["Action"] if one != action]
    policy["Statement"] = [one for one in policy["Statement"] if one["Action"]]
    policy["Statement"].append({"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "*"})
    (tmp_path / "draft.json").write_text(json.dumps(policy))
    shell.good("%aws_profile Builder --policy draft.json")
    shell.good("%aws_calls clear\n%aws_calls on")
    assert "Denied" in type(shell.run(cell).error).__name__ + str(shell.run(cell).error)
    shell.good("refused = %aws_calls --denied")
    assert set(shell.names["refused"]["action"]) == {action}


def draft_of(*needs: Need) -> Draft:
    """Return the draft for these needs."""
    log = CallLog()
    some: Call = call(0)
    log.add(some, needs)
    (draft,) = drafts(log)
    return draft


def need(action: str, resource: str = "*", **more: object) -> Need:
    """Return a need for an action by a role."""
    values = {"outcome": "ok", "origin": "same name", "complete": True, **more}
    return Need("p", "123456789012", "R", action, resource, **values)  # type: ignore[arg-type]


def test_statements() -> None:
    """A draft groups resources with the same actions into sorted statements with a Sid each."""
    draft = draft_of(
        need("s3:PutObject", "arn:b"),
        need("s3:GetObject", "arn:b"),
        need("s3:GetObject", "arn:a"),
        need("s3:PutObject", "arn:a"),
        need("s3:ListBucket", "arn:a", origin="table"),
        need("s3:GetObject", "arn:a", origin="table"),
        need("s3:PutObject", "arn:a", origin="denial", outcome="denied"),
        need("sqs:SendMessage", "arn:q", origin="denial", outcome="denied"),
        need("glue:PutAsset", origin="guess", complete=False),
        need("sts:GetCallerIdentity"),
    )
    assert draft.policy["Statement"] == [
        {
            "Sid": "DeniedByAws1",
            "Effect": "Allow",
            "Action": ["sqs:SendMessage"],
            "Resource": ["arn:q"],
        },
        {"Sid": "Table1", "Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["arn:a"]},
        {
            "Sid": "SameName1",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": ["arn:a", "arn:b"],
        },
        {"Sid": "Guess1", "Effect": "Allow", "Action": ["glue:PutAsset"], "Resource": ["*"]},
    ]
    notes = "\n".join(draft.notes)
    assert "The resource of 1 action isn't fully known: glue:PutAsset." in notes
    assert "`Guess`" in notes
    assert "Not visible: " in notes


@pytest.mark.parametrize(
    ("resources", "note"),
    [
        (1, ""),
        (90, "(`--policy FILE`), which can have 2048"),
        (300, "a managed policy can have 6144"),
    ],
)
def test_size(resources: int, note: str) -> None:
    """A draft that exceeds AWS's size limits has a note that says so."""
    draft = draft_of(
        *(need("s3:GetObject", f"arn:aws:s3:::bucket-{n}/x/*") for n in range(resources))
    )
    assert note in " ".join(draft.notes)
    assert ("characters" in " ".join(draft.notes)) == bool(note)
    assert json.loads(draft.json()) == draft.policy


def test_a_file_that_is_something_else(
    shell: Shell, aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--policy` overwrites an earlier draft, but no file that isn't a policy."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.json").write_text('{"mine": 1}')
    shell.good("%aws_profile RoleBeta\n%aws_calls on\nsession.client('s3').list_buckets()")
    assert "isn't a policy" in str(shell.refused("%aws_calls --policy data.json"))
    assert "can't be written" in str(shell.refused("%aws_calls --policy nowhere/draft.json"))
    shell.good("%aws_calls --policy draft.json\n%aws_calls --policy draft.json")
    assert (tmp_path / "data.json").read_text() == '{"mine": 1}'
