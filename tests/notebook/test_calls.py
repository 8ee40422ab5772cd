"""`%aws_calls` records, shows and clears calls, and drafts policies."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.roles import add_role
from tests.shells import run_python

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

LIST = "session.client('s3').list_buckets()"


def test_on_off_clear(shell: Shell, aws: EmbeddedAws) -> None:
    """The card says whether calls are being recorded, and how many there are."""
    shell.good("%aws_profile RoleBeta")
    assert "`%aws_calls on`" in shell.refused("%aws_calls").hint
    assert shell.good("%aws_calls on").text.startswith("Recording AWS calls  (0 calls)")
    assert len(shell.good("%aws_calls").result) == 0
    shell.good(LIST)
    card = shell.good("%aws_calls off")
    assert card.text.startswith("Not recording AWS calls  (1 call)")
    assert "ipy-awsprofile-card" in card.html
    shell.good(LIST)
    assert len(shell.good("%aws_calls").result) == 1
    assert "(0 calls)" in shell.good("%aws_calls clear").text


def test_libraries_without_botocore(shell: Shell, aws: EmbeddedAws) -> None:
    """The card names the loaded libraries whose calls aren't recorded."""
    shell.good("import polars")
    assert re.search(r"Calls of [\w, ]*\bpolars\b", shell.good("%aws_calls on").text)


def test_setting(shell: Shell, aws: EmbeddedAws) -> None:
    """The setting has the same effect as `on` and `off`, and shows their current state."""
    shell.good("%config AwsProfileMagics.record_calls = True")
    shell.good(f"%aws_profile RoleBeta\n{LIST}")
    assert list(shell.good("%aws_calls").result["operation"]) == ["ListBuckets"]
    shell.good("%aws_calls off")
    assert "False" in shell.good("%config AwsProfileMagics.record_calls").text


def test_the_dataframe(shell: Shell, aws: EmbeddedAws) -> None:
    """It has whole seconds and the cells' numbers. Constant columns are last, nothing wraps."""
    shell.good("%aws_profile RoleBeta\n%aws_calls on\nfrom ipy_awsprofile import recorded_calls")
    code = f"{LIST}\nsession.client('s3').head_bucket(Bucket='my-first-bucket')"
    count = shell.ip.run_cell(code, store_history=True).execution_count
    frame = shell.good("recorded_calls()").result
    assert str(frame["time"].dtype) == "datetime64[s, UTC]"
    assert list(frame["cell"]) == [count] * 2
    is_constant = [len(frame[name].unique()) == 1 for name in frame.columns]
    assert is_constant == sorted(is_constant)
    assert 'style="white-space:nowrap"' in frame._repr_html_()
    assert list(frame["action"]) == ["s3:ListAllMyBuckets", "s3:ListBucket"]
    empty = run_python("import ipy_awsprofile as a; print(a.recorded_calls().shape[0])")
    assert empty.strip() == "0"


# Drafts -------------------------------------------------------------------------------------------


#: Code that makes calls, the statements of their draft, and a part of the card's text.
DRAFTS: dict[str, tuple[dict[str, str], str]] = {
    "s3.get_object(Bucket='my-first-bucket')": ({}, "made no calls"),
    "boto3.client('s3', aws_access_key_id='no', aws_secret_access_key='x').list_buckets()": (
        {},
        "made no calls",
    ),
    "boto3.Session(profile_name='UserAlpha').client('s3').list_buckets()": (
        {},
        "Denied, and not in the draft: AccessDenied: User: arn:aws:iam::",
    ),
    "s3.put_object(Bucket='my-first-bucket', Key='x.csv')": (
        {"s3:PutObject": "arn:aws:s3:::my-first-bucket/*"},
        "allows all objects in `arn:aws:s3:::my-first-bucket/*`",
    ),
    "s3.put_object(Bucket='my-first-bucket', Key='a*b c/x.csv')": (
        {"s3:PutObject": "arn:aws:s3:::my-first-bucket/a*b?c/*"},
        "`*` and `?` match other names, too: `arn:aws:s3:::my-first-bucket/a*b?c/*`",
    ),
    "s3.head_object(Bucket='my-first-bucket', Key='a/none')": (
        {
            "s3:GetObject": "arn:aws:s3:::my-first-bucket/a/*",
            "s3:ListBucket": "arn:aws:s3:::my-first-bucket",
        },
        "Not included: conditions",
    ),
}


@pytest.mark.parametrize("code", DRAFTS)
def test_drafts(shell: Shell, aws: EmbeddedAws, code: str) -> None:
    """A draft allows what AWS answered, and its notes say what else it allows or leaves out."""
    statements, says = DRAFTS[code]
    shell.good("%aws_profile RoleBeta\nimport boto3; s3 = session.client('s3')\n%aws_calls on")
    shell.run(code)
    shown = shell.run("%aws_calls --policy").text
    assert says in shown
    allowed = {}
    if "{" in shown:
        policy, _ = json.JSONDecoder().raw_decode(shown[shown.index("{") :])
        allowed = {do: one["Resource"][0] for one in policy["Statement"] for do in one["Action"]}
    assert allowed == statements


def test_a_draft_of_each_identity(
    shell: Shell, aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each profile has its own draft; a file gets the active one's."""
    monkeypatch.chdir(tmp_path)
    add_role(aws, "Builder", "*")
    shell.good(f"%aws_calls on\n%aws_profile RoleBeta\n{LIST}\n%aws_profile Builder")
    error = shell.refused("%aws_calls --policy draft.json")
    assert "The active identity made no calls" in str(error)
    shell.good("session.client('iam').list_roles()")
    shown = shell.good("%aws_calls --policy")
    assert "Draft policy for RoleBeta in 123456789012" in shown.text
    assert "Draft policy for Builder in 123456789012" in shown.text
    assert "<pre" in shown.html
    assert "Wrote the draft policy for Builder" in shell.good("%aws_calls --policy draft.json").text
    written = json.loads((tmp_path / "draft.json").read_text())
    assert written["Statement"][0]["Action"] == ["iam:ListRoles"]
    assert "can't be written" in str(shell.refused("%aws_calls --policy nowhere/draft.json"))


CLIENTS = "s3, dynamodb, sqs, ssm, sns = map(session.client, 's3 dynamodb sqs ssm sns'.split())\n"

#: For each loop, code that prepares it, code to record, and an action that the code requires.
LOOPS = {
    "S3": (
        "s3.put_object(Bucket='my-first-bucket', Key='sales/x.csv', Body=b'1')\n"
        "s3.put_bucket_versioning(Bucket='my-second-bucket',"
        " VersioningConfiguration={'Status': 'Enabled'})",
        "s3.get_object(Bucket='my-first-bucket', Key='sales/x.csv')\n"
        "s3.list_objects_v2(Bucket='my-first-bucket')\n"
        "s3.copy_object(Bucket='my-second-bucket', Key='kept/x',"
        " CopySource='my-first-bucket/sales/x.csv')\n"
        "version = s3.head_object(Bucket='my-second-bucket', Key='kept/x')['VersionId']\n"
        "s3.delete_object(Bucket='my-second-bucket', Key='kept/x', VersionId=version)",
        "s3:DeleteObjectVersion",
    ),
    "DynamoDB": (
        "dynamodb.create_table(TableName='t', BillingMode='PAY_PER_REQUEST', "
        "KeySchema=[{'AttributeName': 'k', 'KeyType': 'HASH'}], "
        "AttributeDefinitions=[{'AttributeName': 'k', 'AttributeType': 'S'}])",
        "table = session.resource('dynamodb').Table('t')\n"
        "with table.batch_writer() as batch: batch.put_item(Item={'k': '1'})\n"
        "table.get_item(Key={'k': '1'})",
        "dynamodb:BatchWriteItem",
    ),
    "SQS, SSM and SNS": (
        "sqs.create_queue(QueueName='q')\nsns.create_topic(Name='t')\n"
        "ssm.put_parameter(Name='/app/x', Value='1', Type='String')",
        "url = sqs.get_queue_url(QueueName='q')['QueueUrl']\n"
        "sqs.send_message(QueueUrl=url, MessageBody='x')\n"
        "sns.publish(TopicArn='arn:aws:sns:us-west-2:123456789012:t', Message='x')\n"
        "ssm.get_parameter(Name='/app/x')",
        "ssm:GetParameter",
    ),
}


@pytest.mark.parametrize("name", LOOPS)
def test_the_loop(
    shell: Shell, aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A cell works with its draft as session policy, and not if the draft lacks an action."""
    monkeypatch.chdir(tmp_path)
    add_role(aws, "Builder", "*")
    prepared, code, action = LOOPS[name]
    shell.good(f"%aws_profile Builder\n{CLIENTS}{prepared}")
    shell.good(f"%aws_calls on\n{code}")
    shell.good("%aws_calls off\n%aws_calls --policy draft.json")
    shell.good(f"%aws_profile Builder --policy draft.json\n{CLIENTS}{code}")
    assert "s3:ListAllMyBuckets" in str(shell.run(LIST).error)
    text = (tmp_path / "draft.json").read_text()
    (tmp_path / "draft.json").write_text(text.replace(action, "ec2:RunInstances"))
    shell.good("%aws_profile Builder --policy draft.json")
    assert action in str(shell.run(f"{CLIENTS}{code}").error)
