"""The sign-in caches read and write the AWS CLI's files as the CLI does."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.credentials.cli_caches import login_files, token_files

if TYPE_CHECKING:
    from pathlib import Path

LATER = datetime(2099, 1, 1, tzinfo=UTC)
LOGIN = {
    "accessToken": {
        "accessKeyId": "ASIAX",
        "secretAccessKey": "s",
        "sessionToken": "t",
        "accountId": "1",
        "expiresAt": "2099-01-01T00:00:00Z",
    }
}


def test_token_is_written_as_the_cli_does(tmp_path: Path) -> None:
    """A token's file is in the current home folder and private, and its times are strings."""
    files = token_files()
    files["key"] = {"accessToken": "t", "expiresAt": LATER}
    file = tmp_path / ".aws" / "sso" / "cache" / "key.json"
    assert json.loads(file.read_text()) == {
        "accessToken": "t",
        "expiresAt": "2099-01-01T00:00:00Z",
    }
    assert file.stat().st_mode & 0o777 == 0o600
    assert "key" in files


def test_folder_is_that_of_the_present_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The caches use the current HOME and variable, even if they change after botocore's import."""
    monkeypatch.setenv("HOME", str(tmp_path / "other"))
    monkeypatch.setenv("AWS_LOGIN_CACHE_DIRECTORY", str(tmp_path / "logins"))
    token_files()["key"] = {"accessToken": "t", "expiresAt": LATER}
    login_files()["key"] = LOGIN
    assert (tmp_path / "other" / ".aws" / "sso" / "cache" / "key.json").is_file()
    assert (tmp_path / "logins" / "key.json").is_file()
    assert login_files()["key"] == LOGIN


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"accessToken": "t"}', '{"accessToken": {}}'])
def test_file_that_has_no_sign_in(tmp_path: Path, text: str) -> None:
    """A file without a complete sign-in is treated as missing."""
    for files, folder in ((token_files(), "sso"), (login_files(), "login")):
        file = tmp_path / ".aws" / folder / "cache" / "key.json"
        file.parent.mkdir(parents=True)
        file.write_text(text)
        assert "key" not in files
        with pytest.raises(KeyError):
            files["key"]
