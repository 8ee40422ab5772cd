"""`%aws_calls`, which records, shows and clears calls, and drafts policies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import ipy_awsprofile
from ipy_awsprofile.calls.log import Call
from tests.shells import run_python

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

LIST = "session.client('s3').list_buckets()"


def test_on_off_clear(shell: Shell, aws: EmbeddedAws) -> None:
    """The card says whether calls are being recorded, and how many there are."""
    shell.good("%aws_profile RoleBeta")
    assert shell.good("%aws_calls on").text.startswith("Recording AWS calls  (0 calls)")
    shell.good(LIST)
    card = shell.good("%aws_calls off")
    assert card.text.startswith("Not recording AWS calls  (1 call)")
    assert "ipy-awsprofile-card" in card.html
    shell.good(LIST)
    assert shell.good("%aws_calls").result.shape == (1, len(Call.__slots__))
    assert "(0 calls)" in shell.good("%aws_calls clear").text


def test_before_anything_was_recorded(shell: Shell, aws: EmbeddedAws) -> None:
    """Without recorded calls, the error says how to start, and the command works."""
    shell.good("%aws_profile RoleBeta")
    assert "`%aws_calls on`" in shell.refused("%aws_calls").hint
    assert "`%aws_calls on`" in shell.refused("%aws_calls --policy").hint
    shell.good("%aws_calls on")
    assert len(shell.good("%aws_calls").result) == 0
    assert len(shell.good("%aws_calls --denied").result) == 0


def test_full_keys(shell: Shell, aws: EmbeddedAws) -> None:
    """Full keys are recorded only on request, and no longer after a plain `on`."""
    shell.good("%aws_profile RoleBeta\ns3 = session.client('s3')")
    put = "s3.put_object(Bucket='my-first-bucket', Key='a/b/c.csv')"
    shell.good(f"%aws_calls on --full-keys\n{put}\n%aws_calls on\n{put}")
    arn = "arn:aws:s3:::my-first-bucket/a/"
    assert list(shell.good("%aws_calls").result["resource"]) == [f"{arn}b/c.csv", f"{arn}*"]


def test_cells(shell: Shell, aws: EmbeddedAws) -> None:
    """The column `cell` has the execution count that the notebook shows next to the cell."""
    shell.good("%aws_profile RoleBeta\n%aws_calls on")
    counts = [shell.ip.run_cell(LIST, store_history=True).execution_count for _ in range(3)]
    assert list(shell.good("%aws_calls").result["cell"]) == counts


def test_setting(shell: Shell, aws: EmbeddedAws) -> None:
    """The setting has the same effect as `on` and `off`, and shows their current state."""
    shell.good("%config AwsProfileMagics.record_calls = True")
    shell.good("%aws_profile RoleBeta")
    shell.good(LIST)
    assert "ListBuckets" in set(shell.good("%aws_calls").result["operation"])
    shell.good("%aws_calls off")
    assert "False" in shell.good("%config AwsProfileMagics.record_calls").text
    shell.good(
        "%config AwsProfileMagics.record_calls = True\n%config AwsProfileMagics.record_calls = 0"
    )
    before = len(shell.good("%aws_calls").result)
    shell.good(LIST)
    assert len(shell.good("%aws_calls").result) == before


@pytest.mark.slow
def test_in_python(shell: Shell, aws: EmbeddedAws) -> None:
    """`recorded_calls()` returns the same DataFrame; in a script, it returns no rows."""
    shell.good(f"%aws_profile RoleBeta\n%aws_calls on\n{LIST}")
    shell.good("from ipy_awsprofile import recorded_calls\nrows = recorded_calls()")
    assert list(shell.names["rows"]["operation"]) == ["ListBuckets"]
    code = "from ipy_awsprofile import recorded_calls; print(recorded_calls().shape)"
    assert run_python(code).strip() == f"(0, {len(Call.__slots__)})"
    assert ipy_awsprofile.recorded_calls.__doc__


@pytest.mark.parametrize(
    "line", ["on --denied", "off --policy", "clear --policy x.json", "onn", "on off", "--polcy"]
)
def test_refused(shell: Shell, aws: EmbeddedAws, line: str) -> None:
    """Contradictory and unknown arguments are refused with a hint to the help."""
    assert "%aws_calls?" in shell.refused(f"%aws_calls {line}").hint


def test_help(shell: Shell) -> None:
    """The help lists the options."""
    assert "--denied" in shell.good("%aws_calls --help").text


def test_completion(shell: Shell) -> None:
    """Tab completes the words and the options, but no profiles."""
    assert shell.completions("%aws_calls o") == ["on", "off"]
    assert shell.completions("%aws_calls --d") == ["--denied"]


def test_drafts(shell: Shell, aws: EmbeddedAws) -> None:
    """Each identity has its own draft, which contains the JSON as text, and escaped as HTML."""
    shell.good(f"%aws_calls on\n%aws_profile RoleBeta\n{LIST}")
    shell.good("import boto3\nalpha = boto3.Session(profile_name='UserAlpha').client('s3')")
    shell.run("alpha.list_buckets()")
    shown = shell.good("%aws_calls --policy")
    assert "Draft policy for RoleBeta in 123456789012" in shown.text
    assert "Draft policy for user/UserAlpha in 231179739868" in shown.text
    first = shown.text[shown.text.index("{") :]
    policy, _ = json.JSONDecoder().raw_decode(first)
    assert policy["Statement"][0]["Action"] == ["s3:ListAllMyBuckets"]
    assert "<pre" in shown.html


def test_a_second_profile_of_the_role(
    shell: Shell, aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A draft covers an account and a role, whether or not the active profile made the calls."""
    monkeypatch.chdir(tmp_path)
    role_arn = "arn:aws:iam::123456789012:role/RoleBeta"
    aws.write_profile("Copy", source_profile="UserAlpha", role_arn=role_arn, region="us-west-2")
    shell.good(f"%aws_calls on\n%aws_profile RoleBeta\n{LIST}")
    shell.run("import boto3\nboto3.Session(profile_name='UserAlpha').client('s3').list_buckets()")
    shell.good("%aws_profile Copy")
    assert "for RoleBeta in 123456789012" in shell.good("%aws_calls --policy draft.json").text


@pytest.mark.slow
def test_a_draft_of_another_identity(
    shell: Shell, aws: EmbeddedAws, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file gets the active identity's draft; without calls, the error names the others."""
    monkeypatch.chdir(str(tmp_path))
    shell.good(f"%aws_calls on\n%aws_profile RoleBeta\n{LIST}")
    shell.run("import boto3\nboto3.Session(profile_name='UserAlpha').client('s3').list_buckets()")
    shell.good("%aws_profile UserAlpha")
    assert "user/UserAlpha" in shell.good("%aws_calls --policy draft.json").text
    shell.good("%aws_calls clear\n%aws_profile --off")
    shell.good(f"%aws_profile RoleBeta\n{LIST}")
    shell.run("boto3.Session(profile_name='UserAlpha').client('s3').list_buckets()")
    shell.good("%aws_profile --off")
    error = shell.refused("%aws_calls --policy draft.json")
    assert "RoleBeta in 123456789012" in str(error)
    assert "`%aws_calls --policy`" in error.hint
    shell.good("%aws_calls --policy")


#: Work that deletes and configures, with the actions that its draft must allow.
WORK = {
    "delete_objects": (
        "s3.delete_objects(Bucket='my-first-bucket', Delete={'Objects': [{'Key': 'd/x'}]})",
        {"s3:DeleteObject"},
    ),
    "versions": (
        "s3.put_bucket_versioning(Bucket='my-second-bucket',"
        " VersioningConfiguration={'Status': 'Enabled'})\n"
        "version = s3.put_object(Bucket='my-second-bucket', Key='v')['VersionId']\n"
        "answer = s3.delete_objects(Bucket='my-second-bucket',"
        " Delete={'Objects': [{'Key': 'v', 'VersionId': version}]})\n"
        "assert 'Errors' not in answer, answer",
        {"s3:PutBucketVersioning", "s3:PutObject", "s3:DeleteObjectVersion"},
    ),
    "settings": (
        "s3.put_public_access_block(Bucket='my-first-bucket',"
        " PublicAccessBlockConfiguration={'BlockPublicAcls': True})\n"
        "s3.put_bucket_encryption(Bucket='my-first-bucket', ServerSideEncryptionConfiguration="
        "{'Rules': [{'ApplyServerSideEncryptionByDefault': {'SSEAlgorithm': 'AES256'}}]})",
        {"s3:PutBucketPublicAccessBlock", "s3:PutEncryptionConfiguration"},
    ),
    "s3fs": (
        "import s3fs\nfiles = s3fs.S3FileSystem()\n"
        "files.pipe('my-first-bucket/from/x', b'1')\n"
        "files.mv('my-first-bucket/from/x', 'my-second-bucket/to/x')\n"
        "files.rm('my-second-bucket/to', recursive=True)",
        {"s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"},
    ),
    "awswrangler": (
        "import awswrangler\n"
        "s3.put_object(Bucket='my-first-bucket', Key='wr/x')\n"
        "awswrangler.s3.delete_objects('s3://my-first-bucket/wr/x')",
        {"s3:DeleteObject", "s3:ListBucket", "s3:PutObject"},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WORK)
def test_a_draft_allows_the_same_work(
    shell: Shell, aws: EmbeddedAws, tmp_path: Path, name: str
) -> None:
    """With the draft as its only policy, a session can do the same work, and nothing else."""
    if name == "awswrangler":
        pytest.importorskip("awswrangler")
    work, actions = WORK[name]
    draft, client = tmp_path / "draft.json", "s3 = session.client('s3')\n"
    shell.good("%aws_profile RoleBeta\n%aws_calls on")
    shell.good(client + work)
    shell.good(f"%aws_calls --policy {draft}")
    statements = json.loads(draft.read_text())["Statement"]
    assert {action for one in statements for action in one["Action"]} >= actions
    shell.good(f"%aws_profile RoleBeta --policy {draft}")
    shell.good(client + work)
    error = shell.run(LIST).error
    assert error is not None
    assert "s3:ListAllMyBuckets" in str(error)
