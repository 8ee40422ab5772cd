"""Errors of AWS, botocore and Python become ours: a sentence, their own words, and a hint."""

from __future__ import annotations

import json
import re
import traceback
from typing import Any

import pytest
from botocore import exceptions as theirs
from botocore.exceptions import ClientError

from ipy_awsprofile import errors as ours
from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.profiles import Profile
from ipy_awsprofile.config.request import SessionRequest, SwitchRequest
from ipy_awsprofile.config.target import Target
from ipy_awsprofile.credentials import error_table
from ipy_awsprofile.credentials.translation import no_credentials, translated
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.notebook.magic import AwsProfileMagics
from ipy_awsprofile.notebook.options import chosen, parse

CHAIN = ("RoleBeta", "UserAlpha")
ROLE = "arn:aws:iam::123456789012:role/RoleBeta"
EXPLAIN = "`%aws_profile --explain RoleBeta`"


def response(
    code: object = None, message: object = None, operation: str = "ListBuckets"
) -> ClientError:
    """Return the error that botocore raises for a response with this code and message."""
    answer: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    return ClientError(answer, operation)


def target(request: SessionRequest) -> Target:
    """Return the target of RoleBeta for a request."""
    chain = tuple(Profile(name, {}) for name in CHAIN)
    return Target(request, chain, read_config(), None)


ROLE_BETA = SessionRequest("RoleBeta")


def translate(error: Exception, *, request: SessionRequest | None = ROLE_BETA) -> AwsProfileError:
    """Translate an error about a request, or about another library's session, to our error."""
    about = target(request) if request else None
    with pytest.raises(ours.AwsProfileError) as caught, translated(about):
        raise error
    return caught.value


#: An error response, and our error: its type, its text, and the start of its hint.
RESPONSES = [
    (
        response("ExpiredTokenException", "x", "AssumeRole"),
        ours.CredentialsExpired,
        "The credentials of `UserAlpha` have expired.",
        "Renew these credentials at their source, then run the cell again. If `RoleBeta` is "
        "active, run `%aws_profile --refresh` first.",
    ),
    (
        response("Throttling", "Rate exceeded"),
        ours.ServiceError,
        "ListBuckets failed for `RoleBeta`: Rate exceeded (Throttling).",
        "AWS is busy, or limits how often",
    ),
    (
        response("InvalidAction", "?", "GetScopedCredentials"),
        ours.ServiceError,
        "`RoleBeta` can't be limited: its STS endpoint doesn't know GetScopedCredentials.",
        "Use a Regional STS endpoint of AWS such as `https://sts.us-east-1.amazonaws.com`, use",
    ),
    (ClientError({}, "X"), ours.ServiceError, "X failed for `RoleBeta`: no reason.", EXPLAIN),
]

#: Another exception, and our error.
EXCEPTIONS = [
    (
        theirs.ProxyConnectionError(proxy_url="http://proxy:3128"),
        ours.EndpointUnreachable,
        "AWS can't be reached for `RoleBeta`: Failed to connect to proxy URL: "
        '"http://proxy:3128".',
        "Check the network (VPN, HTTPS_PROXY, NO_PROXY) and",
    ),
    (
        theirs.SSLError(endpoint_url="https://e/", error=OSError("certificate verify failed")),
        ours.EndpointUnreachable,
        "AWS can't be reached for `RoleBeta`: SSL validation failed for https://e/ certificate "
        "verify failed.",
        "If a proxy in your network inspects TLS, set `ca_bundle`",
    ),
]


@pytest.mark.parametrize(("error", "kind", "text", "hint"), [*RESPONSES, *EXCEPTIONS])
def test_translation(error: Exception, kind: type[Exception], text: str, hint: str) -> None:
    """Each error becomes ours, in one line that names the profile, with a hint."""
    translation = translate(error)
    assert type(translation) is kind
    assert str(translation) == text
    assert translation.hint.startswith(hint)


SECRETS = [
    response("SignatureDoesNotMatch", "The canonical string is x-amz-security-token:hush"),
    theirs.CredentialRetrievalError(provider="custom-process", error_msg="hush"),
    theirs.HTTPClientError(error="Invalid header value b'hush'"),
    theirs.EndpointConnectionError(endpoint_url="http://me:hush@host/"),
    theirs.ReadTimeoutError(endpoint_url="https://host/federation?Session=hush"),
    json.JSONDecodeError("Expecting value", "hush", 0),
    LookupError("a prompter's hush"),
]


@pytest.mark.parametrize("error", SECRETS, ids=lambda error: type(error).__name__)
def test_secrets_are_not_quoted(error: Exception) -> None:
    """Neither our error nor its causes show a text that can contain a secret."""
    error.__context__ = OSError("Max retries exceeded with url: /federation?Session=hush")
    translation = translate(error)
    assert "hush" not in "".join(traceback.format_exception(translation)) + translation.hint


def test_cause() -> None:
    """AWS's error is the cause of ours, without botocore's stack and its own causes."""
    error = response("AccessDenied", "No")
    error.__context__ = OSError("hush")
    assert translate(error).__cause__ is error
    assert list(filter(None, (error.__traceback__, error.__context__))) == []


def test_our_errors_pass() -> None:
    """Our own errors and Ctrl-C are raised unchanged."""
    for error in (ours.InvalidOption("x"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught, translated(target(ROLE_BETA)):
            raise error
        assert caught.value is error


@pytest.mark.parametrize(
    "error", [theirs.NoCredentialsError(), theirs.NoRegionError(), theirs.SSOError()]
)
def test_session_without_a_profile(error: Exception) -> None:
    """For a session that isn't ours, the sentence says so, and the hint's command has NAME."""
    translation = translate(error, request=None)
    assert "his session" in str(translation)
    assert "%aws_profile" in translation.hint
    assert "NAME" in translation.hint
    assert str(no_credentials()) == "This session has no credentials."


#: A request with every option of a switch that one profile can have at a time.
LIMITED = SwitchRequest(
    "RoleBeta",
    region="eu-west-3",
    duration="30m",
    session_name="me",
    external_id="x/1",
    read_only=True,
    mfa=True,
    variable="beta",
    expect_account="123456789012",
    confirmed=True,
)
BY_ARN = SwitchRequest(
    role_arn="arn:aws:iam::123456789012:role/R", source_profile="RoleBeta", policy="/p.json"
)
BY_PARTS = SwitchRequest(account="123456789012", role="R", sso="corp", write=True)


@pytest.mark.parametrize("request_", [LIMITED, BY_ARN, BY_PARTS, SwitchRequest(default=True)])
@pytest.mark.parametrize(
    "error",
    [
        theirs.NoRegionError(),
        theirs.SSOError(),
        theirs.PartialCredentialsError(provider="x", cred_var="y"),
    ],
    ids=["typed", "login", "explain"],
)
def test_hints_keep_every_option(error: Exception, request_: SwitchRequest) -> None:
    """A hint's line is the request again, with all options, such as those that limit it."""
    hint = translate(error, request=request_).hint
    line = re.findall(r"`%aws_profile (.+?)`", hint)[0]
    options = parse(AwsProfileMagics.aws_profile.parser, line.removesuffix(" --region …"))
    name = " ".join(options.profile) or None
    assert SwitchRequest(name, **chosen(options, SwitchRequest)) == request_


def test_rules_have_no_line_of_their_own() -> None:
    """Each rule's hint takes the line for a profile from the request, or names none."""
    without_request = {"--refresh", "NAME", "--off"}
    for rule in (*error_table.RESPONSES, *error_table.EXCEPTIONS):
        for line in re.findall(r"`%aws_profile ([^`]*)`", rule.hint):
            assert line in without_request or line.startswith(("{typed}", "{login}")), rule
