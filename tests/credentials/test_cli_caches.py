"""The role cache reads and writes the AWS CLI's files as the CLI does."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile.credentials.caller import CallerIdentity
from ipy_awsprofile.credentials.cli_caches import RoleCache

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENT = {
    "Credentials": {
        "AccessKeyId": "ASIAX",
        "SecretAccessKey": "s",
        "SessionToken": "t",
        "Expiration": "2100-01-01T00:00:00Z",
    },
    "AssumedRoleUser": {"Arn": "arn:aws:sts::1:assumed-role/R/s", "AssumedRoleId": "AROAX:s"},
}


def changed(**settings: Any) -> dict[str, Any]:
    """Return the document with some fields of its credentials changed; None removes a field."""
    fields = DOCUMENT["Credentials"] | settings
    return DOCUMENT | {
        "Credentials": {name: value for name, value in fields.items() if value is not None}
    }


def test_cache_writes_the_clis_file(tmp_path: Path) -> None:
    """Only the owner can read the file of an entry and open its folder."""
    cache = RoleCache(tmp_path / "cli" / "cache", fresh=False)
    cache["key"] = DOCUMENT
    file = tmp_path / "cli" / "cache" / "key.json"
    assert json.loads(file.read_text()) == DOCUMENT
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_cache_knows_the_caller(tmp_path: Path) -> None:
    """Reading or writing an entry records the caller identity of its credentials."""
    writer, reader = (RoleCache(tmp_path, fresh=False) for _ in range(2))
    writer["key"] = DOCUMENT
    assert "key" in reader
    assert reader["key"] == DOCUMENT
    caller = CallerIdentity("arn:aws:sts::1:assumed-role/R/s", "AROAX:s")
    assert writer.callers == {"ASIAX": caller}
    assert reader.callers == {"ASIAX": replace(caller, cached=True)}


def test_cache_without_an_assumed_role(tmp_path: Path) -> None:
    """An entry without an identity can be used, and the cache records no caller for it."""
    cache = RoleCache(tmp_path, fresh=False)
    cache["key"] = {"Credentials": DOCUMENT["Credentials"]}
    assert "key" in cache
    assert cache.callers == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '"text"',
        "{}",
        '{"Credentials": null}',
        '{"Credentials": []}',
        '{"Credentials": {}}',
        json.dumps(DOCUMENT | {"AssumedRoleUser": "text"}),
        json.dumps(DOCUMENT | {"AssumedRoleUser": {"Arn": "a"}}),
        json.dumps(changed(Expiration=None)),
        json.dumps(changed(Expiration="soon")),
        json.dumps(changed(Expiration=7)),
        json.dumps(changed(SecretAccessKey=None)),
        json.dumps(changed(SessionToken=None)),
    ],
)
def test_cache_ignores_other_documents(tmp_path: Path, text: str) -> None:
    """A document that the AWS CLI doesn't write is treated as missing."""
    (tmp_path / "key.json").write_text(text)
    cache = RoleCache(tmp_path, fresh=False)
    assert "key" not in cache
    with pytest.raises(KeyError):
        cache["key"]


def test_fresh_cache_sees_only_its_own(tmp_path: Path) -> None:
    """A fresh cache ignores existing entries, but finds the entries that it writes."""
    RoleCache(tmp_path, fresh=False)["key"] = DOCUMENT
    fresh = RoleCache(tmp_path, fresh=True)
    assert "key" not in fresh
    fresh["key"] = DOCUMENT
    assert "key" in fresh


def test_cache_that_cannot_be_written(tmp_path: Path) -> None:
    """An entry that can't be written stays in memory."""
    (tmp_path / "file").write_text("")
    cache = RoleCache(tmp_path / "file" / "cache", fresh=False)
    cache["key"] = DOCUMENT
    assert cache["key"] == DOCUMENT


def test_a_file_that_is_removed_after_it_was_found(tmp_path: Path) -> None:
    """If ``in`` finds an entry, a lookup returns it, even if its file has since been removed."""
    RoleCache(tmp_path)["a"] = DOCUMENT
    cache = RoleCache(tmp_path)
    assert "a" in cache
    assert "a" in cache
    (tmp_path / "a.json").unlink()
    assert cache["a"] == DOCUMENT
    assert "a" not in cache
