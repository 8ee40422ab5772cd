"""For each mistake in a profile or in what it needs, the error says what is wrong and what to do.

Each row breaks a text in `tests/kinds.py`, or something else that the profile needs.
"""

from __future__ import annotations

import shutil
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ipy_awsprofile import open_session, who_am_i
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.demo.iam import Signer
from ipy_awsprofile.demo.identity_center import write_private
from ipy_awsprofile.demo.stages import trusting
from ipy_awsprofile.errors import (
    AccessDenied,
    AwsProfileError,
    CredentialsExpired,
    CredentialsRejected,
    CredentialsUnavailable,
    EndpointUnreachable,
    InvalidOption,
    InvalidProfile,
    MfaRejected,
    RoleNotAssigned,
    ServiceError,
    SignInRequired,
)
from ipy_awsprofile.explain.explain import explain
from tests.aws import EmbeddedAws
from tests.kinds import ACCOUNT, KINDS, create_ann, in_its_place, prepared, sign_in
from tests.servers import Answers, closed_port, odd_server

#: A secret that AWS doesn't know, and that no output may contain.
HUSH = "hush-hush"


@dataclass
class Stage:
    """The environment of a row."""

    aws: EmbeddedAws
    values: dict[str, str]
    patch: pytest.MonkeyPatch
    until_the_end: ExitStack

    def move_endpoint(self, url: str) -> None:
        """Replace the endpoint in the profiles."""
        text = self.aws.config_file.read_text()
        self.aws.config_file.write_text(text.replace(self.aws.endpoint_url, url))


Break = Callable[[Stage], object]


@dataclass(frozen=True)
class Broken:
    """A way to break a kind of profile, and words of the error and of its hint.

    ``instead`` maps parts of the profile's text to their replacements; ``by`` breaks anything else,
    and ``code`` is the user's MFA code.
    """

    kind: str
    error: type[AwsProfileError]
    says: str
    hint: str = ""
    instead: Mapping[str, str] = field(default_factory=dict)
    by: Break | None = None
    code: str = ""


# Ways to break what a profile needs ---------------------------------------------------------------


def no_variables(stage: Stage) -> None:
    """Remove the access keys from the environment."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        stage.patch.delenv(name)


def down(stage: Stage) -> None:
    """Move the endpoint to a closed port."""
    stage.move_endpoint(f"http://127.0.0.1:{closed_port()}")


def wrong_clock(stage: Stage) -> None:
    """Make STS refuse every request because of its time."""
    error = "<Code>SignatureDoesNotMatch</Code><Message>Signature expired: 1 is before 2</Message>"
    answers = Answers((403, f"<ErrorResponse><Error>{error}</Error></ErrorResponse>"))
    stage.move_endpoint(stage.until_the_end.enter_context(odd_server(answers)))


def no_metadata(stage: Stage) -> None:
    """Move the metadata service to a closed port."""
    url = f"http://127.0.0.1:{closed_port()}"
    stage.patch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)


def signed_out(stage: Stage) -> None:
    """Delete the files of all sign-ins."""
    for service in ("sso", "login"):
        shutil.rmtree(stage.aws.home / ".aws" / service)


def tool(line: str) -> Break:
    """Replace the credential_process with a line of Python."""
    return lambda stage: write_private(stage.aws.home / "tool.py", line)


# Users' mistakes ----------------------------------------------------------------------------------

EXPLAIN = "`%aws_profile --explain P` shows where each setting comes from."
REJECTED = "inactive, the secret is wrong, or the `aws_session_token` of temporary keys is missing "
TRUST = "Check that the role exists"
UNTRUSTED = f"on resource: arn:aws:iam::{ACCOUNT}:role/Stranger"
KEYS, CHAIN, MFA = "static keys", "chain of three", "mfa_serial"
SSO, LOGIN, WEB, PROCESS = "sso-session", "login session", "web identity", "credential_process"
SIGN_IN = "The sign-in of `{}` is missing or has expired"
LOG_IN = "Run `%aws_profile P --login` interactively, or `aws sso login --profile {}` in a terminal"
NOTHING = "The credential source of `P` returned no credentials"


def role(*row: Any, **more: Any) -> Broken:
    """Return a mistake in a profile with a role."""
    return Broken("role with source_profile", *row, **more)


ROWS: dict[str, Broken] = {
    # Keys
    "secret missing": Broken(
        KEYS,
        InvalidProfile,
        "missing: aws_secret_access_key.",
        EXPLAIN,
        {"aws_secret_access_key = {secret}": ""},
    ),
    "keys of a template": Broken(
        KEYS,
        InvalidProfile,
        "missing: aws_access_key_id.",
        EXPLAIN,
        {" = {key}": " =", " = {secret}": " ="},
    ),
    "key ID misspelled": Broken(
        KEYS,
        InvalidProfile,
        "`P` has no credentials.",
        "`aws_acces_key_id` isn't an AWS setting, so it is ignored. Did you mean `aws_access_key_",
        {"aws_access_key_id": "aws_acces_key_id"},
    ),
    "token expired": Broken(
        "static keys with a session token",
        CredentialsExpired,
        "The credentials of `P` have expired.",
        "Renew these credentials at their source, then run the cell again.",
        by=lambda stage: stage.aws.iam.expire_sessions(),
    ),
    "token forgotten": Broken(
        "static keys with a session token",
        CredentialsRejected,
        "AWS doesn't accept the keys of `P` (InvalidClientTokenId).",
        REJECTED,
        {"aws_session_token = {temporary_token}": ""},
    ),
    # Roles and their sources
    "source unknown": role(
        InvalidProfile,
        'The source_profile "Anne" referenced in the profile "P" does not exist.',
        "Did you mean `Ann`? See config:",
        {"= Ann": "= Anne"},
    ),
    "source missing": role(
        InvalidProfile,
        "missing: source_profile or credential_source.",
        EXPLAIN,
        {"source_profile = Ann": ""},
    ),
    "source misspelled": Broken(
        "credential_source Ec2InstanceMetadata",
        InvalidProfile,
        "EC2Instance",
        "`Ec2InstanceMetadata`",
        {"Ec2InstanceMetadata": "EC2Instance"},
    ),
    "source below": role(
        InvalidProfile,
        "`P` can't get credentials: The source_profile of P must be a name, not settings.",
        "The value of `source_profile` must be on the same line as the equals sign. See config:",
        {"source_profile = ": "source_profile =\n  a = "},
    ),
    "role_arn no ARN": role(
        InvalidOption,
        "A setting or an option of `P` is invalid: Invalid length",
        "`role_arn` isn't the ARN of a role. Example: arn:aws:iam::123456789012:role/NAME. See con",
        {f"arn:aws:iam::{ACCOUNT}:role/Hop1": "Hop1"},
    ),
    "no trust": role(AccessDenied, UNTRUSTED, TRUST, {"role/Hop1": "role/Stranger"}),
    "source's secret wrong": role(
        CredentialsRejected,
        "AWS doesn't accept the keys of `Ann` (SignatureDoesNotMatch).",
        REJECTED,
        {"{secret}": HUSH},
    ),
    "second hop": Broken(
        CHAIN,
        AccessDenied,
        f"AWS denied AssumeRole for `P`: User: arn:aws:sts::{ACCOUNT}:assumed-role/Hop1/me is not "
        f"authorized to perform: sts:AssumeRole {UNTRUSTED}",
        TRUST,
        {"role/Hop2": "role/Stranger"},
    ),
    # Values on the lines below a setting
    "role below": role(
        InvalidOption,
        "A setting or an option of `P` is invalid: Invalid type for parameter RoleArn",
        "The value of `role_arn` must be on the same line as the equals sign. See config:",
        {f"= arn:aws:iam::{ACCOUNT}:role/Hop1": f"=\n  arn:aws:iam::{ACCOUNT}:role/Hop=1"},
    ),
    "process below": Broken(
        PROCESS,
        CredentialsUnavailable,
        "The credential_process of `P` returned no credentials.",
        "The value of `credential_process` must be on the same line as the equals sign. "
        "See config:3.",
        {'= "{python}"': "=\n  {python} --secret=hush-hush"},
    ),
    "block not indented": role(
        InvalidProfile,
        "`P` can't be used, because botocore can't read its setting `s3`.",
        "`s3` must have its settings on the lines below it, with each line indented. See config:",
        {"= Ann\n": "= Ann\ns3 =\nmax_concurrent_requests = 20\n"},
    ),
    # Options of roles
    "duration too short": role(
        InvalidOption,
        "A setting or an option of `P` is invalid: Invalid value for parameter DurationSeconds",
        "`duration_seconds` must be at least 900. See config:",
        {"= Ann\n": "= Ann\nduration_seconds = 100\n"},
    ),
    "two hours in a chain": Broken(
        CHAIN,
        InvalidOption,
        "exceeds the 1 hour",
        "Shorten the duration",
        {"source_profile = Hop2": "source_profile = Hop2\nduration_seconds = 7200"},
    ),
    "external ID wrong": Broken(
        "external_id",
        AccessDenied,
        "role/Guarded",
        "can require an external ID",
        {"between-us": "between-them"},
    ),
    "MFA code wrong": Broken(
        MFA,
        MfaRejected,
        "AWS refused the MFA code for `P`: ",
        "an MFA device of the user whose keys start the role chain",
        {"{mfa_serial}": f"arn:aws:iam::{ACCOUNT}:mfa/Bob"},
        code="123456",
    ),
    # Regions and endpoints
    "region quoted": Broken(
        KEYS,
        InvalidOption,
        "The `region` of `P` isn't an AWS Region.",
        "`region` includes its quotation marks. Remove them. See config:5.",
        {"{here}": 'region = "us-west-2"\nendpoint_url = {endpoint}'},
    ),
    "endpoint without a scheme": role(
        InvalidProfile,
        "`P` can't be used: Invalid endpoint: localhost:9000.",
        "`endpoint_url` needs a scheme and a host, such as `http://localhost:9000`. See config:",
        {"= Ann\n{here}": "= Ann\nregion = us-west-2\nendpoint_url = localhost:9000"},
    ),
    "services misspelled": role(
        InvalidProfile,
        'the "mini" services configuration does not exist.',
        "Write a section [services mini] in the config file. See config:",
        {"= Ann\n{here}": "= Ann\n{here}\nservices = mini"},
    ),
    "region missing": role(
        InvalidOption,
        "`P` has no valid AWS Region: You must specify a region.",
        "`%aws_profile P --region …`",
        {"= Ann\n{here}": "= Ann\nendpoint_url = {endpoint}"},
    ),
    "endpoint down": role(
        EndpointUnreachable,
        "AWS can't be reached for `P`: Could not connect to the endpoint URL: ",
        "the endpoint in the profile's `endpoint_url`",
        by=down,
    ),
    "clock wrong": role(
        ServiceError, "this machine's clock is wrong", "Set the clock", by=wrong_clock
    ),
    # Variables, machines, tokens and processes
    "variables missing": Broken(
        "credential_source Environment",
        CredentialsUnavailable,
        f"{NOTHING} (Environment).",
        "`Environment` requires AWS_ACCESS_KEY_ID",
        by=no_variables,
    ),
    "no instance": Broken(
        "credential_source Ec2InstanceMetadata",
        CredentialsUnavailable,
        NOTHING,
        "`Ec2InstanceMetadata` requires an EC2 instance with a role",
        by=no_metadata,
    ),
    "token file missing": Broken(
        WEB,
        CredentialsUnavailable,
        "A file that `P` needs can't be used: [Errno 2] No such file or directory: '/none'.",
        "`web_identity_token_file` names a file that doesn't exist. Correct its path",
        {"{token_file}": "/none"},
    ),
    "token that the role doesn't trust": Broken(
        WEB,
        CredentialsRejected,
        "AWS doesn't accept the web identity token of `P` for its role: ",
        "Check the role's trust policy and the token",
        {"{pod}": "{hop1}"},
    ),
    "process fails": Broken(
        PROCESS,
        CredentialsUnavailable,
        "The credential_process of `P` ",
        "Run this command in a terminal",
        by=tool(f"import sys; print({HUSH!r}); sys.exit({HUSH!r})"),
    ),
    "process without a version": Broken(
        PROCESS,
        CredentialsUnavailable,
        'The output of the credential_process of `P` needs `"Version": 1`.',
        "Correct the program, or the file that it prints.",
        by=tool(
            f"import json; print(json.dumps({{'AccessKeyId': 'a', 'SecretAccessKey': {HUSH!r}}}))"
        ),
    ),
    "program missing": Broken(
        PROCESS,
        CredentialsUnavailable,
        "The program in the credential_process of `P` can't be found.",
        "`credential_process` names a program that isn't on the PATH. Install it, or write its fu",
        {'"{python}"': "no-such-program"},
    ),
    "process prints something else": Broken(
        PROCESS, CredentialsUnavailable, "`P`", by=tool(f"print({HUSH!r})")
    ),
    # Sign-ins
    "signed out": Broken(
        SSO, SignInRequired, SIGN_IN.format("P"), LOG_IN.format("P"), by=signed_out
    ),
    "sign-in ended by AWS, behind a role": Broken(
        "SSO as a source",
        SignInRequired,
        SIGN_IN.format("Corp"),
        LOG_IN.format("Corp"),
        by=lambda stage: stage.aws.sso.expire_tokens(refresh=True),
    ),
    "logged out": Broken(
        LOGIN,
        SignInRequired,
        SIGN_IN.format("P"),
        "`aws login --profile P` in a terminal",
        by=signed_out,
    ),
    "login without crt": Broken(
        LOGIN,
        CredentialsUnavailable,
        "a part of botocore that isn't installed",
        '`%pip install "botocore[crt]"`, then restart the kernel',
        by=lambda stage: stage.patch.setattr("botocore.credentials.EC", None),
    ),
    "sign-in misspelled": Broken(
        SSO,
        InvalidProfile,
        'The specified sso-session does not exist: "crop".',
        "Did you mean `corp`? See config:",
        {"sso_session = corp": "sso_session = crop"},
    ),
    "Region of the sign-in missing": Broken(
        SSO,
        InvalidProfile,
        "is configured to use SSO but is missing required configuration: sso_region.",
        "If sso_start_url is your company's own address, open it in a browser to find",
        {"sso_start_url = {start_url}\nsso_region = us-east-1": "sso_start_url = https://me.org"},
    ),
    "account and role left out": Broken(
        SSO,
        InvalidProfile,
        "`P` has no credentials.",
        "an sso_account_id and sso_role_name with an sso_session.",
        {"sso_account_id = {account}\nsso_role_name = Reader": ""},
    ),
    "role not assigned": Broken(
        SSO,
        RoleNotAssigned,
        "The signed-in user isn't assigned the role of `P`: No access.",
        "`%aws_profiles --sso corp --refresh` lists the values",
        {"= Reader": "= Writer"},
    ),
}


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[EmbeddedAws, Signer, dict[str, str]]]:
    """Run one embedded AWS for all rows, and yield the user and the placeholders' values."""
    with EmbeddedAws() as aws:
        ann = create_ann(aws)
        values = prepared(aws, ann)
        aws.iam.create_role("Stranger", account=ACCOUNT, trust=trusting("999999999999"))
        yield aws, ann, values


@pytest.fixture
def stage(
    world: tuple[EmbeddedAws, Signer, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    """Restore a state in which every kind works: nothing is cached, and Ann has signed in."""
    aws, ann, values = world
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    shutil.rmtree(aws.home / ".aws" / "cli", ignore_errors=True)
    sign_in(aws, ann)
    process = (aws.home / "tool.py").read_text()
    with ExitStack() as until_the_end:
        yield Stage(aws, values, monkeypatch, until_the_end)
    write_private(aws.home / "tool.py", process)


@pytest.mark.parametrize("name", ROWS)
def test_broken(stage: Stage, name: str) -> None:
    """The error is in two lines without a secret, and an explanation has it if AWS isn't needed."""
    row = ROWS[name]
    kind = KINDS[row.kind]
    config, credentials = kind.config, kind.credentials
    for old, new in row.instead.items():
        assert old in config + credentials
        config, credentials = config.replace(old, new), credentials.replace(old, new)
    kind = replace(kind, config=config, credentials=credentials)
    stage.until_the_end.enter_context(in_its_place(stage.aws, stage.values, stage.patch, kind))
    if row.by:
        row.by(stage)
    explanation = explain(SessionRequest(profile="P"))
    stage.aws.calls.clear()
    with pytest.raises(AwsProfileError) as told:
        who_am_i(open_session("P", mfa_prompter=lambda _: row.code, timeout=0.5))
    error = told.value
    assert type(error) is row.error, error
    assert row.says in str(error)
    assert row.hint in error.hint
    if reason := explanation.error:
        assert (str(reason), reason.hint) == (str(error), error.hint)
    else:  # AWS, another server, a program, a file or the user is needed
        is_outside = isinstance(error, EndpointUnreachable | MfaRejected | CredentialsUnavailable)
        assert stage.aws.calls or row.by or is_outside or explanation.warnings
    seen = "".join([*traceback.format_exception(error), error.hint, repr(explanation)])
    assert not [secret for secret in (*stage.aws.iam.secrets, HUSH) if secret in seen]
