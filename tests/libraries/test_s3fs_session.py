"""Dask's workers use the kernel's session for ``s3://`` paths, without config files."""

from __future__ import annotations

import copy
import os
import pickle
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import boto3
import dask
import dask.dataframe as dd
import pandas as pd
import pytest
import s3fs

from ipy_awsprofile import open_session, scoped, who_am_i
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, allow
from ipy_awsprofile.errors import AwsProfileError, InvalidOption
from ipy_awsprofile.libraries import dask_storage_options
from tests.renewing import renew_at_each_use
from tests.workers import empty_home

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipy_awsprofile.demo.aws import EmbeddedAws

ROWS = pd.DataFrame({"city": ["Łódź", "Oslo"], "people": [645, 717]})
URL = "s3://cities-of-dask/cities"


@pytest.fixture
def bucket(aws: EmbeddedAws) -> None:
    """Create a bucket for the role."""
    s3fs.S3FileSystem.clear_instance_cache()  # instances from another test's AWS
    aws.create_bucket("cities-of-dask", account=ROLE_ACCOUNT, region="us-west-2")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Start a Dask cluster of two processes that have an empty home; yield its client."""
    from distributed import Client, LocalCluster

    home = tmp_path_factory.mktemp("worker")
    with ExitStack() as opened:
        with empty_home(home):
            cluster = LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=":0", host="127.0.0.1"
            )
            client = opened.enter_context(Client(opened.enter_context(cluster)))
            homes = client.run(os.path.expanduser, "~").values()
            assert set(homes) == {str(home)}
        yield client


def signers(aws: EmbeddedAws) -> set[str | None]:
    """Return the ARNs that have called S3."""
    return {call.arn for call in aws.calls if call.action.startswith("s3:")}


@pytest.mark.slow
def test_workers_write_and_read(aws: EmbeddedAws, bucket: None, cluster: Any) -> None:
    """Workers write and read Parquet as the session's role."""
    session = open_session("RoleBeta")
    options = dask_storage_options(session)
    dd.from_pandas(ROWS, npartitions=2).to_parquet(URL, storage_options=options)
    frame = dd.read_parquet(URL, storage_options=options)
    pd.testing.assert_frame_equal(frame.compute().reset_index(drop=True), ROWS, check_dtype=False)
    assert signers(aws) == {who_am_i(session).arn}


@pytest.mark.slow
def test_renewed_with_each_compute(aws: EmbeddedAws, bucket: None, cluster: Any) -> None:
    """After the credentials expire, the same frame computes again with new ones."""
    options = dask_storage_options(renew_at_each_use(open_session("RoleBeta")))
    dd.from_pandas(ROWS, npartitions=2).to_parquet(URL, storage_options=options)
    frame = dd.read_parquet(URL, storage_options=options)
    for _ in range(2):
        assert frame["people"].sum().compute() == ROWS["people"].sum()
        aws.expire_sessions()


@pytest.mark.parametrize("profile", ["RoleBeta", "UserAlpha"])
def test_sessions_of_boto3(aws: EmbeddedAws, bucket: None, profile: str) -> None:
    """A boto3 session can be sent to workers, with short-lived credentials even for its keys."""
    session = boto3.Session(profile_name=profile)
    options = dask_storage_options(session)
    pickled = pickle.dumps(options)
    if profile == "UserAlpha":
        frozen: Any = session.get_credentials().get_frozen_credentials()  # type: ignore[union-attr]
        assert frozen.secret_key not in pickled.decode("latin-1")
    for one in (options, pickle.loads(pickled)):
        aws.calls.clear()
        with suppress(PermissionError):  # the user has no permissions
            s3fs.S3FileSystem(**one).ls("cities-of-dask")
        assert signers(aws) == {who_am_i(session).arn}


def test_scoped_sessions(aws: EmbeddedAws, bucket: None) -> None:
    """A scoped session can be sent to workers until its block ends."""
    with scoped("RoleBeta", read_only=True) as session:
        options = dask_storage_options(session)
        sent = s3fs.S3FileSystem(**pickle.loads(pickle.dumps(options)))
        assert sent.ls("cities-of-dask") == []
    with pytest.raises(AwsProfileError, match="block"):
        pickle.dumps(options)


@pytest.mark.parametrize("session", ["RoleBeta", None])
def test_no_session(session: Any) -> None:
    """Anything else than a session is refused, and the hint says what to pass."""
    with pytest.raises(InvalidOption) as raised:
        dask_storage_options(session)
    assert "open_session" in raised.value.hint


def test_what_is_pickled(aws: EmbeddedAws, bucket: None) -> None:
    """Pickled options contain the session's current short-lived credentials, and no path."""
    session = open_session("RoleBeta")
    options = dask_storage_options(session)
    text = pickle.dumps(options).decode("latin-1")
    frozen: Any = session.get_credentials().get_frozen_credentials()  # type: ignore[union-attr]
    assert {secret for secret in aws.secrets() if secret in text} == {
        frozen.secret_key,
        frozen.token,
    }
    assert str(aws.home) not in text
    again = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(options))))
    assert s3fs.S3FileSystem(**again).ls("cities-of-dask") == []


def test_long_term_keys_stay(aws: EmbeddedAws) -> None:
    """Pickled options contain short-lived credentials instead of long-term keys."""
    user = aws.create_user("Ann", account=ROLE_ACCOUNT, policy=allow("s3:*"))
    aws.write_profile(
        "Ann",
        file="credentials",
        aws_access_key_id=user.access_key_id,
        aws_secret_access_key=user.secret_access_key,
    )
    aws.write_profile("Ann", region="us-west-2")
    aws.create_bucket("cities-of-dask", account=ROLE_ACCOUNT, region="us-west-2")
    pickled = pickle.dumps(dask_storage_options(open_session("Ann")))
    assert user.secret_access_key.encode() not in pickled
    assert user.access_key_id.encode() not in pickled
    s3fs.S3FileSystem.clear_instance_cache()
    assert s3fs.S3FileSystem(**pickle.loads(pickled)).ls("cities-of-dask") == []


def test_no_secret_is_shown(aws: EmbeddedAws, bucket: None) -> None:
    """Options and filesystems show no secret, and each session and pickle has its own text."""
    options = dask_storage_options(renew_at_each_use(open_session("RoleBeta")))
    travelled = [pickle.loads(pickle.dumps(options)) for _ in range(2)]
    filesystem = s3fs.S3FileSystem(**options)
    shown = f"{options} {travelled} {filesystem!r} {filesystem.storage_options}"
    assert "RoleBeta" in shown
    assert [secret for secret in aws.secrets() if secret in shown] == []
    texts = {
        str(one) for one in (options, *travelled, dask_storage_options(open_session("RoleBeta")))
    }
    assert len(texts) == 4
    assert dask.base.tokenize(options) != dask.base.tokenize(travelled[0])


def test_copies_renew_themselves(aws: EmbeddedAws, bucket: None) -> None:
    """Copies of the options, such as pandas and Dask make, share the same session."""
    options = dask_storage_options(open_session("RoleBeta"))
    assert copy.deepcopy(options)["session"] is copy.copy(options["session"]) is options["session"]
    ROWS.to_csv("s3://cities-of-dask/cities.csv", index=False, storage_options=options)
    aws.expire_sessions()
    fresh = dask_storage_options(open_session("RoleBeta", fresh=True))
    read = pd.read_csv("s3://cities-of-dask/cities.csv", storage_options=fresh)
    assert read.equals(ROWS)
