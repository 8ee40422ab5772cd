"""A fault of this package says that it is one, and no odd server or file is called one."""

from __future__ import annotations

import re
import traceback
from pathlib import Path
from typing import Any, NoReturn

import pytest
from botocore.credentials import RefreshableCredentials

from ipy_awsprofile import open_session, who_am_i
from ipy_awsprofile.errors import AwsProfileError, MfaUnavailable, ServiceError, UnexpectedError
from tests.aws import EmbeddedAws
from tests.identity_center import organisation
from tests.servers import acting_server, echoing_server
from tests.shells import Shell

VERSIONS = r"\(ipy_awsprofile \S+, botocore \S+\)"
FAULT = rf"ipy_awsprofile has a fault: {{}} in ipy_awsprofile/{{}}:\d+ {VERSIONS}\."


def rename_in_botocore(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Make a private attribute of botocore's credentials fail, as if a release had renamed it."""
    find = RefreshableCredentials.__getattribute__

    def get(credentials: Any, asked: str) -> Any:
        if asked == name:
            raise AttributeError(f"{type(credentials).__name__!r} has no attribute {name!r}")
        return find(credentials, asked)

    monkeypatch.setattr(RefreshableCredentials, "__getattribute__", get)


@pytest.mark.usefixtures("aws")
def test_a_renamed_attribute_of_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    """If botocore renames what we use, the error names our line, and its cause the attribute."""
    rename_in_botocore(monkeypatch, "_refresh_using")
    with pytest.raises(UnexpectedError) as caught:
        open_session("RoleBeta")
    assert re.fullmatch(
        FAULT.format("AttributeError", "credentials/providers.py"), str(caught.value)
    )
    assert "_refresh_using" in str(caught.value.__cause__)
    assert "Please report this line" in caught.value.hint


#: Functions of three rooms, which a fault makes uncallable, and the files that call them.
BROKEN = {
    "config": ("ipy_awsprofile.config.target.session_policy", "config/target.py"),
    "credentials": ("ipy_awsprofile.credentials.providers.version_of", "credentials/providers.py"),
    "kernel": ("ipy_awsprofile.kernel.places.clear_caches", "kernel/places.py"),
}


@pytest.mark.parametrize(("function", "file"), BROKEN.values(), ids=BROKEN)
def test_faults_in_a_cell(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, aws: EmbeddedAws, function: str, file: str
) -> None:
    """In a cell, a fault is two lines that name our file, and nothing has changed."""
    shell.good("%aws_profile RoleBeta")
    with monkeypatch.context() as broken:
        broken.setattr(function, None)
        error = shell.refused("%aws_profile UserAlpha")
    assert isinstance(error, UnexpectedError)
    assert re.fullmatch(FAULT.format("TypeError", file), str(error))
    assert who_am_i(shell.names["session"]).profile == "RoleBeta"


STORE = """
[profile keys]
region = us-east-1
endpoint_url = {url}
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = hush

[profile role]
region = us-east-1
role_arn = arn:aws:iam::123456789012:role/Role
source_profile = keys
endpoint_url = {url}
"""


def test_an_answer_without_credentials(shared_files: tuple[Path, Path]) -> None:
    """The page of a network's login isn't from AWS."""
    with acting_server({"": (200, "<html>hush<br></html>")}) as url:
        shared_files[0].write_text(STORE.format(url=url))
        for name in ("role", "keys"):
            with pytest.raises(ServiceError, match="got a response that isn't from AWS"):
                who_am_i(open_session(name))


#: Error pages that quote the request, by the kind of body.
PAGES = {
    "HTML": "<html>{}</html>",
    "plain text": "Blocked: {}",
}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_pages_are_not_quoted(
    aws: EmbeddedAws, shell: Shell, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error page that quotes the request, with its token, is named by its HTTP status only."""
    organisation(aws)
    aws.sso.sign_in("corp")

    def quote(request: str) -> str:
        (token,) = re.findall(r"(?i)x-amz-sso_bearer_token: (\S+)", request)
        quoted.append(token)
        return page.format(token)

    quoted: list[str] = []
    with echoing_server(403, quote) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", url)
        for line in ("%aws_profile prod-reader", "%aws_profiles --sso corp --refresh"):
            ran = shell.run(line)
            assert isinstance(ran.error, AwsProfileError), ran.printed
            assert not isinstance(ran.error, UnexpectedError)
            shown = "".join(traceback.format_exception(ran.error)) + ran.text + ran.error.hint
            assert ": 403." in shown
            assert quoted
            assert not [token for token in quoted if token in shown]


def test_a_prompter_that_fails(aws: EmbeddedAws, auditor: str) -> None:
    """An exception of the user's prompter is named, without its text and without blaming anyone."""

    def prompter(_question: str) -> NoReturn:
        raise LookupError("hush")

    with pytest.raises(MfaUnavailable) as caught:
        open_session("Auditor", mfa_prompter=prompter)
    assert str(caught.value) == "The function that returns MFA codes raised LookupError."
    assert "hush" not in "".join(traceback.format_exception(caught.value))
