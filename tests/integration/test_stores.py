"""A profile with the keys of an S3-compatible store works without an STS, and AWS isn't called."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pandas as pd
import pytest

from ipy_awsprofile import across_profiles, open_session, scoped, storage_options, who_am_i
from ipy_awsprofile.demo.stages import allow
from ipy_awsprofile.errors import (
    AwsProfileError,
    CredentialsUnavailable,
    InvalidOption,
    ProtectedProfile,
    UnexpectedAccount,
)
from ipy_awsprofile.sessions.issuing import issue_keys
from tests.aws import EmbeddedAws
from tests.servers import Answers, odd_server
from tests.shells import Shell

ACCOUNT = "444455556666"
FILE = "s3://lake/cities.csv"
CHILD = "import boto3, pandas as pd; boto3.client('s3').list_buckets(); pd.read_csv({!r})"
OTHER_LANGUAGES = (
    "from deltalake import DeltaTable; DeltaTable('s3://lake/table')",
    "from obstore.store import S3Store; S3Store('lake', client_options={'allow_http': True})"
    ".list().collect()",
)


@pytest.fixture
def store(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Answers]]:
    """Write the profile `store`, whose S3 is the embedded one.

    Yield the ARN of its user and a proxy that records requests to AWS.
    """
    user = aws.iam.create_user("Store", account=ACCOUNT, policy=allow("*"))
    keys = user.settings()
    aws.config_file.write_text(
        "[profile store]\nregion = fr-par\nservices = store\n"
        f"[services store]\ns3 =\n  endpoint_url = {aws.endpoint_url}\n"
    )
    lines = "".join(f"{name} = {value}\n" for name, value in keys.items())
    aws.credentials_file.write_text(f"[store]\n{lines}")
    aws.create_bucket("lake", account=ACCOUNT, region="us-west-2")
    client = boto3.Session(profile_name="store").client("s3")
    client.put_object(Bucket="lake", Key="cities.csv", Body=b"city\nParis\n")
    aws.calls.clear()
    with odd_server(proxied := Answers((403, ""))) as url:
        monkeypatch.setenv("https_proxy", url)
        yield user.arn, proxied


def test_signers(aws: EmbeddedAws, shell: Shell, store: tuple[str, Answers]) -> None:
    """The card names the store; boto3, pandas, pyarrow and child processes sign with its keys."""
    arn, proxied = store
    card = shell.good("%aws_profile store").text
    assert f"keys of {aws.endpoint_url}" in card
    assert card.count("unknown: the server doesn't report it") == 2
    assert "fr-par" in card
    assert "isn't a Region" not in card
    assert aws.calls == []
    assert "(no problems found)" in shell.good("%aws_profile --explain store").text
    identity = who_am_i(shell.names["session"])
    assert (identity.account, identity.arn, identity.profile) == ("", "", "store")
    for code in (
        "session.client('s3').list_buckets()",
        f"import pandas as pd; pd.read_csv({FILE!r})",
        f"pd.read_csv({FILE!r}, storage_options=ipy_awsprofile.storage_options(session))",
        "from pyarrow.fs import FileSystem; fs, _ = FileSystem.from_uri('s3://lake')\n"
        "fs.get_file_info('lake/cities.csv')",
        f"import polars as pl; pl.scan_csv({FILE!r}).collect()",
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD.format(FILE)!r}], "
        "check=True)",
    ):
        aws.calls.clear()
        shell.good(f"import ipy_awsprofile\n{code}")
        assert {call.arn for call in aws.calls} == {arn}, code
        assert all(call.action.startswith("s3:") for call in aws.calls), code
    assert proxied.asked == 0


def test_readers_of_the_kernels_endpoint(shell: Shell, store: tuple[str, Answers]) -> None:
    """A store's keys aren't lent: readers that need the endpoint get an error with its name."""
    shell.good("%aws_profile store")
    for code in OTHER_LANGUAGES:
        assert "long-term keys of `store` for http://127.0.0.1" in str(shell.run(code).error)
    with pytest.raises(CredentialsUnavailable, match="long-term keys of `store` for http://127"):
        issue_keys(shell.names["session"])
    assert store[1].asked == 0


def test_default_credentials(
    aws: EmbeddedAws,
    shell: Shell,
    store: tuple[str, Answers],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Keys and an S3 endpoint in the environment, with the Region `auto`, are a store, too."""
    keys: Any = boto3.Session(profile_name="store").get_credentials()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_key)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", aws.endpoint_url)
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(variable, "auto")
        card = shell.good("%aws_profile --default").text
        assert f"keys of {aws.endpoint_url}" in card
        assert "auto" in card
        aws.calls.clear()
        shell.good("session.client('s3').list_buckets()")
        subprocess.run([sys.executable, "-c", CHILD.format(FILE)], check=True)
        assert {call.arn for call in aws.calls} == {store[0]}
        shell.good("%aws_profile --off")
        monkeypatch.delenv(variable)
    assert store[1].asked == 0
    assert os.environ["AWS_ACCESS_KEY_ID"] == keys.access_key


@pytest.mark.parametrize(
    ("line", "kind", "says"),
    [
        ("--expect-account 123456789012", UnexpectedAccount, "an account that the server doesn't"),
        *(
            (option, InvalidOption, "has keys of http://127.0.0.1")
            for option in ("--read-only", "--duration 1h")
        ),
    ],
)
def test_what_a_store_cannot_do(
    shell: Shell, store: tuple[str, Answers], line: str, kind: type[AwsProfileError], says: str
) -> None:
    """An option that needs an STS is refused before a call, in a sentence that names the store."""
    assert says in str(error := shell.refused(f"%aws_profile store {line}"))
    assert isinstance(error, kind)
    assert store[1].asked == 0


def test_patterns(aws: EmbeddedAws, shell: Shell, store: tuple[str, Answers]) -> None:
    """Patterns of accounts don't match a store, and patterns of names do."""
    shell.good("%config AwsProfileMagics.read_only = ['4*']")
    shell.good("%config AwsProfileMagics.protected = ['4*']")
    shell.good("%aws_profile store")
    shell.good("%config AwsProfileMagics.protected = ['sto*']")
    assert isinstance(shell.refused("%aws_profile store"), ProtectedProfile)
    shell.good("%config AwsProfileMagics.protected = []")
    shell.good("%config AwsProfileMagics.read_only = ['sto*']")
    assert "--write" in shell.refused("%aws_profile store").hint
    shell.good("%aws_profile store --write")
    assert (aws.calls, store[1].asked) == ([], 0)


def test_runs_and_narrower_sessions(aws: EmbeddedAws, store: tuple[str, Answers]) -> None:
    """A run has a row for the store, in which pandas works; `scoped` refuses it."""
    frame = across_profiles("store", lambda _session: pd.read_csv(FILE))
    assert frame[["profile", "account", "city"]].to_numpy().tolist() == [["store", "", "Paris"]]
    assert storage_options(open_session("store"))["profile"] == "store"
    with (
        pytest.raises(InvalidOption, match="STS endpoint that can limit the keys"),
        scoped("store", seconds=60),
    ):
        pass
    assert {call.arn for call in aws.calls} == {store[0]}
    assert store[1].asked == 0
