"""A binding makes fsspec open `s3://` paths with the profile, then restores the defaults."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import fsspec
import pandas as pd
import pytest
import s3fs
from fsspec.config import conf

from ipy_awsprofile.bindings.filesystems import filesystems
from ipy_awsprofile.bindings.lending import LentProfile
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from ipy_awsprofile.sessions.session import open_session
from tests.bindings.borrowing import NOWHERE
from tests.shells import run_python

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws

ROLE, USER = LentProfile("RoleBeta", NOWHERE), LentProfile("UserAlpha", NOWHERE)
BEFORE = pytest.mark.parametrize("before", [None, {}, {"anon": True}, {"profile": "mine"}])


@pytest.fixture(autouse=True)
def clean_fsspec() -> Iterator[None]:
    """Start and end without defaults and without cached instances."""
    before = dict(conf)
    conf.pop("s3", None)
    s3fs.S3FileSystem.clear_instance_cache()
    yield
    conf.clear()
    conf.update(before)
    s3fs.S3FileSystem.clear_instance_cache()


def prepared(before: dict[str, Any] | None) -> dict[str, Any] | None:
    """Set the user's defaults for S3 filesystems, and return their dict."""
    own = None if before is None else dict(before)
    if own is not None:
        conf["s3"] = own
    return own


def test_paths_are_opened_as_the_profile(aws: EmbeddedAws) -> None:
    """Fsspec and pandas use the profile, and a user without permissions gets an error."""
    with filesystems(ROLE):
        pd.DataFrame({"a": [1, 2]}).to_csv("s3://my-first-bucket/t.csv", index=False)
        assert fsspec.filesystem("s3").ls("my-first-bucket") == ["my-first-bucket/t.csv"]
        with suppress(RuntimeError), filesystems(USER):
            with pytest.raises(PermissionError):
                fsspec.filesystem("s3").ls("my-first-bucket")
            raise RuntimeError
        assert pd.read_csv("s3://my-first-bucket/t.csv")["a"].sum() == 3


def test_arguments_of_the_user(aws: EmbeddedAws) -> None:
    """A profile in the user's call takes precedence."""
    with filesystems(USER):
        found = fsspec.filesystem("s3", profile="RoleBeta").ls("my-first-bucket")
    assert found == []


@BEFORE
def test_defaults_of_the_user_are_kept(before: dict[str, Any] | None) -> None:
    """The binding keeps the user's defaults, except the profile."""
    prepared(before)
    with filesystems(ROLE):
        assert conf["s3"] == (before or {}) | {"profile": "RoleBeta"}


@BEFORE
def test_restored(before: dict[str, Any] | None) -> None:
    """The binding restores the user's defaults, even after an error."""
    own = prepared(before)
    with filesystems(ROLE):
        pass
    assert conf.get("s3") is own
    with pytest.raises(RuntimeError, match="oops"), filesystems(ROLE):
        raise RuntimeError("oops")
    assert conf.get("s3") is own
    assert own == before
    assert ("s3" in conf) is (before is not None)


@BEFORE
def test_nested(before: dict[str, Any] | None) -> None:
    """Nested bindings restore the defaults one after the other."""
    own = prepared(before)
    with filesystems(ROLE):
        with filesystems(USER):
            assert conf["s3"]["profile"] == "UserAlpha"
        assert conf["s3"]["profile"] == "RoleBeta"
    assert conf.get("s3") is own


@BEFORE
def test_defaults_replaced_by_the_user(before: dict[str, Any] | None) -> None:
    """The binding keeps a dict of defaults that the user has set meanwhile."""
    prepared(before)
    newer = {"profile": "RoleBeta", "anon": False}
    with filesystems(ROLE):
        conf["s3"] = newer
    assert conf["s3"] is newer
    assert newer == {"profile": "RoleBeta", "anon": False}


def test_profile_changed_by_the_user() -> None:
    """The binding keeps a default profile that the user has set meanwhile."""
    with filesystems(ROLE):
        conf["s3"]["profile"] = "newer"
    assert conf["s3"] == {"profile": "newer"}


@BEFORE
def test_defaults_added_by_the_user(before: dict[str, Any] | None) -> None:
    """The binding keeps a default that the user has added meanwhile, and restores the profile."""
    prepared(before)
    with filesystems(ROLE):
        conf["s3"]["requester_pays"] = True
    assert conf["s3"] == (before or {}) | {"requester_pays": True}


def test_defaults_removed_by_the_user() -> None:
    """The binding doesn't restore defaults that the user has removed meanwhile."""
    conf["s3"] = {"anon": True}
    with filesystems(ROLE):
        del conf["s3"]
    assert "s3" not in conf


def test_no_instance_outlives_its_profile(aws: EmbeddedAws) -> None:
    """Entering and leaving the binding remove fsspec's cached instances."""
    before = s3fs.S3FileSystem()
    assert s3fs.S3FileSystem() is before
    with suppress(RuntimeError), filesystems(ROLE):
        during = s3fs.S3FileSystem()
        assert during is not before
        raise RuntimeError
    assert s3fs.S3FileSystem() is not during
    assert s3fs.S3FileSystem() is not before


@pytest.mark.slow
@pytest.mark.parametrize("how", ["pass", "raise RuntimeError"])
def test_fsspec_that_is_imported_later(aws: EmbeddedAws, how: str) -> None:
    """If fsspec is imported later, the binding removes its instances, even after an error."""
    code = f"""
import sys
from contextlib import suppress
from ipy_awsprofile.bindings.filesystems import filesystems
from ipy_awsprofile.bindings.lending import LentProfile

with suppress(RuntimeError), filesystems(LentProfile("RoleBeta", None)):
    print("fsspec" in sys.modules)
    import s3fs
    from fsspec.config import conf
    during = s3fs.S3FileSystem()
    {how}
print(s3fs.S3FileSystem() is during, "s3" in conf)
"""
    assert run_python(code).split() == ["False", "False", "False"]


class OwnFileSystem(s3fs.S3FileSystem):  # type: ignore[misc]
    """A subclass that the user has written."""


#: Other ways to open a file, and the functions that read it.
CHAINED = {
    "simplecache": lambda path: fsspec.open(f"simplecache::{path}").open().read(),
    "filecache": lambda path: fsspec.open(f"filecache::{path}").open().read(),
    "blockcache": lambda path: fsspec.open(f"blockcache::{path}").open().read(),
    "a folder": lambda path: fsspec.filesystem(
        "dir", path=path.rpartition("/")[0], target_protocol="s3"
    ).cat("file"),
    "a subclass": lambda path: OwnFileSystem().cat(path),
}


@pytest.mark.slow
@pytest.mark.nightly(keep=2)
@pytest.mark.parametrize("chained", CHAINED)
def test_chained_filesystems(
    aws: EmbeddedAws, chained: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A filesystem that wraps an S3 filesystem follows each switch."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    aws.create_bucket("chained", account=ROLE_ACCOUNT, region="us-west-2")
    s3 = open_session("RoleBeta").client("s3")
    seen = []
    for number, profile in enumerate((ROLE, USER, ROLE, USER)):
        s3.put_object(Bucket="chained", Key=f"{number}/file", Body=b"x")
        with filesystems(profile):
            aws.calls.clear()
            with suppress(PermissionError):
                CHAINED[chained](f"s3://chained/{number}/file")
            seen.append({str(call.arn) for call in aws.calls if call.action.startswith("s3:")})
    assert all("/RoleBeta/" in arn for arns in (seen[0], seen[2]) for arn in arns)
    assert all("/UserAlpha" in arn for arns in (seen[1], seen[3]) for arn in arns)
    assert all(seen)
