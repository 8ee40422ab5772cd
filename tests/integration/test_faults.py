"""A fault of this package says that it is one, and no odd server or file is called one."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from botocore.credentials import RefreshableCredentials

from ipy_awsprofile import list_assigned_roles, open_session, who_am_i
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import login_target
from ipy_awsprofile.errors import AwsProfileError, MfaUnavailable, ServiceError, UnexpectedError
from ipy_awsprofile.sessions.signing_in import begin_sign_in
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
    "credentials": ("ipy_awsprofile.credentials.file_keys.version_of", "credentials/file_keys.py"),
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


#: Temporary keys, which only GetScopedCredentials can limit.
TOKEN: dict[str, Any] = {
    "aws_access_key_id": "ASIAIOSFODNN7EXAMPLE",
    "aws_secret_access_key": "hush",
    "aws_session_token": "hush",
}

#: What answers each call: a page that is XML, a page that isn't, and a page that refuses.
ANSWERS = {
    "XML": (200, "<html><body>hush</body></html>"),
    "HTML": (200, "<!doctype html><title>hush<br>"),
    "refusal": (403, "<html>hush</html>"),
    "redirect": (302, "hush"),
}
NOT_FROM_AWS = "`{}` got a response that isn't from AWS: a page answered {} "


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_page_instead_of_aws(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, answer: tuple[int, str]
) -> None:
    """A page of a proxy or network is called that, whichever of our calls it answers."""
    organisation(aws)
    aws.sso.sign_in("corp")
    aws.write_profile("Token", region="us-west-2", **TOKEN)
    (token := aws.home / "token").write_text("hush")
    role: dict[str, Any] = {"role_arn": "arn:aws:iam::123456789012:role/R", "region": "us-west-2"}
    aws.write_profile("Web", web_identity_token_file=str(token), **role)
    monkeypatch.setattr("getpass.getpass", lambda _question: "")

    def sign_in(profile: str) -> None:
        begin_sign_in(login_target(SessionRequest(profile)), device_code=True)

    calls: dict[tuple[str, str], Callable[[], object]] = {
        ("UserAlpha", "GetCallerIdentity"): lambda: who_am_i(open_session("UserAlpha")),
        ("RoleBeta", "AssumeRole"): lambda: open_session("RoleBeta"),
        ("Web", "AssumeRoleWithWebIdentity"): lambda: open_session("Web"),
        ("UserAlpha", "GetSessionToken"): lambda: open_session("UserAlpha", read_only=True),
        ("Token", "GetScopedCredentials"): lambda: open_session("Token", read_only=True),
        ("prod-reader", "GetRoleCredentials"): lambda: open_session("prod-reader"),
        ("sso-session corp", "ListAccounts"): list_assigned_roles,
        ("prod-reader", "RegisterClient"): lambda: sign_in("prod-reader"),
    }
    with acting_server({"": answer}) as url:
        for service in ("STS", "SSO", "SSO_OIDC"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", url)
        for names, call in calls.items():
            with pytest.raises(ServiceError) as caught:
                call()
            assert str(caught.value).startswith(NOT_FROM_AWS.format(*names))
            assert str(caught.value).endswith(f"(HTTP status {answer[0]}).")
            assert caught.value.hint.startswith("A proxy or your network's sign-in page may have")
            assert "hush" not in "".join(traceback.format_exception(caught.value))


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
            assert "(HTTP status 403)." in shown
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
