"""A fault of this package says that it is one, and no odd server or file is called one."""

from __future__ import annotations

import json
import re
import traceback
from pathlib import Path
from typing import Any, NoReturn

import pytest
from botocore.credentials import RefreshableCredentials

from ipy_awsprofile import open_session, who_am_i
from ipy_awsprofile.errors import AwsProfileError, MfaUnavailable, ServiceError, UnexpectedError
from tests.aws import EmbeddedAws
from tests.servers import acting_server, echoing_server
from tests.shells import Shell, printing

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


def test_saving_options_that_a_file_cannot_have(shell: Shell, aws: EmbeddedAws) -> None:
    """Saving a read-only role is refused by the option, not by a fault."""
    role = "--role-arn arn:aws:iam::123456789012:role/RoleBeta --source-profile UserAlpha"
    error = shell.refused(f"%aws_profile {role} --read-only --save new")
    assert "A profile in the config file has no --read-only" in str(error)


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

[profile sso]
region = us-east-1
sso_account_id = 123456789012
sso_role_name = Role
sso_session = corp
endpoint_url = {url}

[sso-session corp]
sso_start_url = https://example.awsapps.com/start
sso_region = us-east-1
"""


def test_an_answer_without_credentials(shared_files: tuple[Path, Path]) -> None:
    """The page of a network's login isn't from AWS."""
    with acting_server({"": (200, "<html>hush<br></html>")}) as url:
        shared_files[0].write_text(STORE.format(url=url))
        for name in ("role", "keys"):
            with pytest.raises(ServiceError, match="got a response that isn't from AWS"):
                who_am_i(open_session(name))


def sign_in(aws: EmbeddedAws) -> None:
    """Write the sign-in `corp` into the config file, and sign in."""
    with aws.config_file.open("a") as config:
        config.write(STORE[STORE.index("[sso-session") :])
    aws.sso.sign_in("corp")


def write_assigned_role(aws: EmbeddedAws) -> None:
    """Write a profile `sso` with a role of the sign-in `corp`."""
    aws.write_profile(
        "sso",
        sso_session="corp",
        sso_account_id="123456789012",
        sso_role_name="R",
        region="us-east-1",
    )


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
    sign_in(aws)
    write_assigned_role(aws)

    def quote(request: str) -> str:
        (token,) = re.findall(r"(?i)x-amz-sso_bearer_token: (\S+)", request)
        quoted.append(token)
        return page.format(token)

    quoted: list[str] = []
    with echoing_server(403, quote) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", url)
        for line in ("%aws_profile sso", "%aws_profiles --sso corp --refresh"):
            ran = shell.run(line)
            assert isinstance(ran.error, AwsProfileError), ran.printed
            assert not isinstance(ran.error, UnexpectedError)
            shown = "".join(traceback.format_exception(ran.error)) + ran.text + ran.error.hint
            assert ": 403." in shown
            assert quoted
            assert not [token for token in quoted if token in shown]


def test_far_future(aws: EmbeddedAws, tmp_path: Path) -> None:
    """A process whose credentials never expire says so with a year far in the future."""
    keys = {"Version": 1, "AccessKeyId": "AKIA", "SecretAccessKey": "s", "SessionToken": "t"}
    for moment in ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00"):
        file = tmp_path / "keys.json"
        file.write_text(json.dumps({**keys, "Expiration": moment}))
        aws.write_profile(
            f"at{moment[-3:-1]}", credential_process=printing(file), region="us-east-1"
        )
        session: Any = open_session(f"at{moment[-3:-1]}")
        assert session.get_credentials().access_key == "AKIA"


def test_a_prompter_that_fails(aws: EmbeddedAws, auditor: str) -> None:
    """An exception of the user's prompter is named, without its text and without blaming anyone."""

    def prompter(_question: str) -> NoReturn:
        raise LookupError("hush")

    with pytest.raises(MfaUnavailable) as caught:
        open_session("Auditor", mfa_prompter=prompter)
    assert str(caught.value) == "The function that returns MFA codes raised LookupError."
    assert "hush" not in "".join(traceback.format_exception(caught.value))
