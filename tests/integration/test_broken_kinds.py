"""Each kind of profile, broken in each way it can be, says what is wrong and what to do.

A row is one of the texts in `kinds` in which a line is another, or which stands where something
else is wrong. Its words are those by which a person finds the mistake.
"""

from __future__ import annotations

import json
import logging
import shutil
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.iam.models import iam_backends

from ipy_awsprofile.credentials.mfa import ask_on_input_channel
from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.shared_files import write_private
from ipy_awsprofile.demo.stages.scenario import trusting
from ipy_awsprofile.errors import (
    AccessDenied,
    AwsProfileError,
    CredentialsExpired,
    CredentialsRejected,
    CredentialsUnavailable,
    EndpointUnreachable,
    InvalidOption,
    InvalidProfile,
    InvalidSource,
    MfaRejected,
    MfaUnavailable,
    NoRegion,
    ProfileNotFound,
    ServiceError,
    SignInRequired,
    SourceLoop,
)
from ipy_awsprofile.explain.explain import explain
from ipy_awsprofile.sessions.identity import who_am_i
from ipy_awsprofile.sessions.session import open_session
from tests.kinds import ACCOUNT, KINDS, Kind, create_ann, in_its_place, prepared, sign_in
from tests.servers import Answers, closed_port, odd_server, silent_server

if TYPE_CHECKING:
    from ipy_awsprofile.demo.iam.accounts import IamUser
    from tests.shells import Shell

#: A secret that AWS doesn't know; it must not be seen either.
HUSH = "hush-hush"


@dataclass
class Stage:
    """Where a row is played, and the person in front of it."""

    aws: EmbeddedAws
    ann: IamUser
    values: dict[str, str]
    patch: pytest.MonkeyPatch
    until_the_end: ExitStack
    person: Callable[[str], str] = ask_on_input_channel

    def answer_with(self, *answers: tuple[int, str]) -> Answers:
        """Have another server at the endpoint of the profiles."""
        given = Answers(*answers)
        self.move_endpoint(self.until_the_end.enter_context(odd_server(given)))
        return given

    def move_endpoint(self, url: str) -> None:
        """Have another endpoint in the profiles."""
        text = self.aws.config_file.read_text()
        self.aws.config_file.write_text(text.replace(self.aws.endpoint_url, url))


Break = Callable[[Stage], object]


@dataclass(frozen=True)
class Broken:
    """A way to break a kind, and what is told.

    ``instead`` holds what stands in its text, and what stands there now; ``by`` breaks the rest.
    ``says`` and ``hint`` are in the error and its hint. ``seen`` is what an explanation says of it;
    it is empty where files don't show it, and then nothing stands in the way for the explanation.
    """

    kind: str
    error: type[AwsProfileError]
    says: str
    hint: str = ""
    instead: Mapping[str, str] = field(default_factory=dict)
    by: Break | None = None
    seen: str = ""


# --- How to break things ---


def variables(**changes: str | None) -> Break:
    """Set or take away variables of the environment."""

    def change(stage: Stage) -> None:
        for name, value in changes.items():
            if value is None:
                stage.patch.delenv(name, raising=False)
            else:
                stage.patch.setenv(name, value.format(**stage.values))

    return change


def answers(*given: tuple[int, str]) -> Break:
    """Have a server at the endpoint that isn't AWS."""
    return lambda stage: stage.answer_with(*given)


def says_no(code: str, message: str, status: int = 403) -> Break:
    """Have STS refuse everything."""
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return answers((status, f"<ErrorResponse>{error}</ErrorResponse>"))


def down(stage: Stage) -> None:
    """Have nobody at the endpoint."""
    stage.move_endpoint(f"http://127.0.0.1:{closed_port()}")


def silent(stage: Stage) -> None:
    """Have somebody at the endpoint who says nothing."""
    stage.move_endpoint(stage.until_the_end.enter_context(silent_server()))


def served(variable: str, *given: tuple[int, str]) -> Break:
    """Have a metadata service that gives these answers; without any, it is down."""

    def serve(stage: Stage) -> None:
        url = f"http://127.0.0.1:{closed_port()}"
        if given:
            url = stage.until_the_end.enter_context(odd_server(Answers(*given)))
        stage.patch.setenv(variable, url)

    return serve


def instance(*given: tuple[int, str]) -> Break:
    """Have another metadata service of the instance."""
    return served("AWS_EC2_METADATA_SERVICE_ENDPOINT", *given)


def container(*given: tuple[int, str]) -> Break:
    """Have another credential service of the container."""
    return served("AWS_CONTAINER_CREDENTIALS_FULL_URI", *given)


def in_metadata(**changes: str) -> tuple[int, str]:
    """Return credentials in the form of the metadata services."""
    good = {"AccessKeyId": "ASIAX", "SecretAccessKey": HUSH, "Token": HUSH}
    return 200, json.dumps(good | {"Expiration": "2099-01-01T00:00:00Z"} | changes)


def stored(service: str, edit: Callable[[dict[str, Any]], Any]) -> Break:
    """Change what is stored of a sign-in, to a document or a text; None takes it away."""

    def change(stage: Stage) -> None:
        for file in (stage.aws.home / ".aws" / service / "cache").iterdir():
            new = edit(json.loads(file.read_text()))
            if new is None:
                file.unlink()
            else:
                file.write_text(new if isinstance(new, str) else json.dumps(new))

    return change


def token(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    """Change fields of a stored token; None takes one out."""
    return lambda document: {
        name: value for name, value in (document | changes).items() if value is not None
    }


def access(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    """Change what `aws login` has stored to sign with."""
    return lambda document: document | {"accessToken": document["accessToken"] | changes}


OVER = "2020-01-01T00:00:00Z"


def login_is_over(stage: Stage) -> None:
    """Let the credentials of `aws login` be over, and what renews them."""
    stored("login", access(expiresAt=OVER))(stage)
    stage.aws.signin.expire()


def identity(text: str | bytes) -> Break:
    """Write something else into the file of the web identity."""

    def write(stage: Stage) -> None:
        file = stage.aws.home / "token"
        file.write_bytes(text.encode() if isinstance(text, str) else text)

    return write


def identity_with(**claims: Any) -> Break:
    """Write a token with other claims into the file of the web identity."""

    def write(stage: Stage) -> None:
        (provider,) = stage.aws._state.oidc_providers.values()
        write_private(stage.aws.home / "token", provider.token("ann", **claims))

    return write


def tool(*lines: str) -> Break:
    """Have another program as credential_process."""
    return lambda stage: write_private(stage.aws.home / "tool.py", "\n".join(lines))


def prints(**changes: Any) -> Break:
    """Have a credential_process that prints its document with other fields; None takes one out."""
    good = {"Version": 1, "AccessKeyId": "AKIAX", "SecretAccessKey": HUSH, "SessionToken": HUSH}
    document = {name: value for name, value in (good | changes).items() if value is not None}
    return tool(f"print({json.dumps(document)!r})")


def types(code: str) -> Break:
    """Let the person type this as an MFA code."""

    def sit(stage: Stage) -> None:
        stage.person = lambda _: code

    return sit


def disabled(stage: Stage) -> None:
    """Disable Ann's key."""
    iam, key = iam_backends[ACCOUNT]["aws"], stage.ann.access_key_id
    iam.update_access_key("Ann", key, "Inactive")
    stage.until_the_end.callback(iam.update_access_key, "Ann", key, "Active")


def ann_may(*statements: dict[str, str]) -> Break:
    """Give Ann another policy."""

    def change(stage: Stage) -> None:
        ann = iam_backends[ACCOUNT]["aws"].get_user("Ann")
        stage.until_the_end.callback(setattr, ann, "policies", ann.policies)
        ann.policies = {"p": json.dumps({"Statement": statements})} if statements else {}

    return change


def sessions_over(stage: Stage) -> None:
    """End all sessions."""
    stage.aws.expire_sessions()


def without_crt(stage: Stage) -> None:
    """Be where botocore has no library for keys of elliptic curves."""
    stage.patch.setattr("botocore.credentials.EC", None)


def expired_variables(stage: Stage) -> None:
    """Have temporary keys in the environment that are over."""
    temporary = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    for name, what in (temporary | {"AWS_SESSION_TOKEN": "token"}).items():
        stage.patch.setenv(name, stage.values[f"temporary_{what}"])
    sessions_over(stage)


# --- What is broken, and what is told ---

KEY, SECRET = "aws_access_key_id = {key}", "aws_secret_access_key = {secret}"
NO_KEYS = {KEY: "", SECRET: ""}
HERE = "source_profile = Ann\n{here}"
EXPLAIN = "`%aws_profile --explain P`"
REJECTED = "They are unknown, disabled, or have the wrong secret."
TRUST = "Either its trust policy doesn't name the caller"
CONTAINER = "The container's credential service gave no credentials for `P`."
INSTANCE = "The instance's metadata service gave no credentials for `P`."
LOGIN = "Run `!aws login --profile P`"
UNREADABLE = "The credentials of `P` can't be read."

KEYS: dict[str, Broken] = {
    "secret missing": Broken(
        "static keys",
        InvalidSource,
        "`P` has half of a pair of keys: aws_secret_access_key is missing.",
        EXPLAIN,
        {SECRET: ""},
        seen="`aws_secret_access_key` isn't",
    ),
    "key ID missing": Broken(
        "static keys",
        InvalidProfile,
        "The profile `P` has no credentials.",
        EXPLAIN,
        {KEY: ""},
        seen="`aws_access_key_id` isn't",
    ),
    "key ID misspelt": Broken(
        "static keys",
        InvalidProfile,
        "The profile `P` has no credentials.",
        EXPLAIN,
        {"aws_access_key_id": "aws_acces_key_id"},
        seen="Did you mean `aws_access_key_id`?",
    ),
    "keys empty": Broken(
        "static keys",
        CredentialsUnavailable,
        "The credentials of `P` can't be used: the access key ID isn't one.",
        EXPLAIN,
        {" {key}": "", " {secret}": ""},
        seen="`aws_access_key_id` is empty.",
    ),
    "key unknown": Broken(
        "static keys",
        CredentialsRejected,
        "AWS doesn't accept the keys of `P` (InvalidClientTokenId).",
        REJECTED,
        {"{key}": "AKIAIOSFODNN7EXAMPLE"},
    ),
    "secret wrong": Broken(
        "static keys",
        CredentialsRejected,
        "AWS doesn't accept the keys of `P` (SignatureDoesNotMatch).",
        REJECTED,
        {"{secret}": HUSH},
    ),
    "key disabled": Broken(
        "static keys",
        CredentialsRejected,
        "AWS doesn't accept the keys of `P` (InvalidClientTokenId).",
        REJECTED,
        by=disabled,
    ),
    "token expired": Broken(
        "static keys with a session token",
        CredentialsExpired,
        "The credentials of `P` have expired.",
        "Renew them where they come from",
        by=sessions_over,
    ),
    "token missing": Broken(
        "static keys with a session token",
        CredentialsRejected,
        "AWS doesn't accept the keys of `P`",
        EXPLAIN,
        {"aws_session_token = {temporary_token}": ""},
    ),
    "token wrong": Broken(
        "static keys with a session token",
        CredentialsRejected,
        "AWS doesn't accept the keys of `P`",
        EXPLAIN,
        {"{temporary_token}": HUSH},
    ),
    "token of two lines": Broken(
        "static keys with a session token",
        CredentialsUnavailable,
        "The credentials of `P` can't be used: the session token isn't one.",
        EXPLAIN,
        {"{temporary_token}": f"{HUSH}\n  {HUSH}"},
    ),
    "profile in the credentials file": Broken(
        "only in the credentials file",
        ProfileNotFound,
        "There is no profile `P`",
        "`%aws_profiles` lists",
        {"[P]": "[profile P]"},
        seen="There, write [P].",
    ),
    "keys in two files": Broken(
        "keys in the credentials file",
        InvalidSource,
        "`P` has half of a pair of keys",
        "in the same place",
        {SECRET: "", "[profile P]": f"[profile P]\n{SECRET}"},
        seen="The two keys stand in different files.",
    ),
    "default missing": Broken(
        "default",
        ProfileNotFound,
        "There is no profile `default`",
        "Did you mean `defaut`?",
        {"[default]": "[profile defaut]"},
        seen="There is no profile `default`",
    ),
    "default empty": Broken(
        "default",
        InvalidProfile,
        "The profile `default` has no credentials.",
        "`%aws_profile --explain default`",
        NO_KEYS,
        seen="`default` names no credentials.",
    ),
}

ROLES: dict[str, Broken] = {
    "header": Broken(
        "role with source_profile",
        ProfileNotFound,
        "There is no profile `P`",
        instead={"[profile P]": "[P]"},
        seen="it lacks the word `profile`",
    ),
    "source unknown": Broken(
        "role with source_profile",
        InvalidSource,
        "The source_profile `Anne` that the profile `P` names doesn't exist.",
        "Did you mean `Ann`?",
        {"= Ann": "= Anne"},
        seen="The source_profile `Anne`",
    ),
    "source missing": Broken(
        "role with source_profile",
        InvalidSource,
        "The role profile `P` has neither source_profile nor credential_source.",
        "Add a source_profile",
        {"source_profile = Ann": ""},
        seen="neither source_profile nor credential_source",
    ),
    "source misspelt": Broken(
        "role with source_profile",
        InvalidSource,
        "The role profile `P` has neither source_profile nor credential_source.",
        "Add a source_profile",
        {"source_profile": "source_profil"},
        seen="Did you mean `source_profile`?",
    ),
    "two sources": Broken(
        "role with source_profile",
        InvalidSource,
        "The profile `P` contains both",
        "Keep one of the two.",
        {"= Ann": "= Ann\ncredential_source = Environment"},
        seen="contains both",
    ),
    "role_arn missing": Broken(
        "role with source_profile",
        InvalidProfile,
        "The profile `P` has no credentials.",
        EXPLAIN,
        {f"role_arn = arn:aws:iam::{ACCOUNT}:role/Hop1": ""},
        seen="`source_profile` is there, and `role_arn` isn't.",
    ),
    "role_arn no ARN": Broken(
        "role with source_profile",
        InvalidProfile,
        "The role_arn of `P` is impossible: Invalid length",
        EXPLAIN,
        {f"arn:aws:iam::{ACCOUNT}:role/Hop1": "Hop1"},
        seen="`Hop1` is no ARN of a role.",
    ),
    "role_arn of a user": Broken(
        "role with source_profile",
        ServiceError,
        "AssumeRole failed for `P`: ",
        EXPLAIN,
        {"role/Hop1": "user/Ann"},
        seen="is no ARN of a role.",
    ),
    "no such role": Broken(
        "role with source_profile",
        AccessDenied,
        "user/Ann assume arn:aws:iam::111111111111:role/Nobody.",
        "or there is no such role",
        {"role/Hop1": "role/Nobody"},
    ),
    "no trust": Broken(
        "role with source_profile",
        AccessDenied,
        "user/Ann assume arn:aws:iam::111111111111:role/Stranger.",
        TRUST,
        {"role/Hop1": "role/Stranger"},
    ),
    "no permission": Broken(
        "role with source_profile",
        AccessDenied,
        "user/Ann assume arn:aws:iam::111111111111:role/Anybody.",
        "The caller's own policy doesn't allow sts:AssumeRole on it.",
        {"role/Hop1": "role/Anybody"},
        by=ann_may(),
    ),
    "permission denied": Broken(
        "role with source_profile",
        AccessDenied,
        "user/Ann assume arn:aws:iam::111111111111:role/Hop1.",
        "The caller's own policy denies sts:AssumeRole on it.",
        by=ann_may({"Effect": "Deny", "Action": "sts:*", "Resource": "*"}),
    ),
    "source's secret wrong": Broken(
        "role with source_profile",
        CredentialsRejected,
        "AWS doesn't accept the keys of `Ann` (SignatureDoesNotMatch).",
        REJECTED,
        {"{secret}": HUSH},
    ),
    "source's key disabled": Broken(
        "role with source_profile",
        CredentialsRejected,
        "AWS doesn't accept the keys of `Ann` (InvalidClientTokenId).",
        REJECTED,
        by=disabled,
    ),
    "source's keys expired": Broken(
        "role with source_profile",
        CredentialsExpired,
        "The credentials of `Ann` have expired.",
        instead={
            "{key}": "{temporary_key}",
            "{secret}": "{temporary_secret}\naws_session_token = {temporary_token}",
        },
        by=sessions_over,
    ),
    "source has half of its keys": Broken(
        "role with source_profile",
        InvalidSource,
        "The source profile `Ann` has no credentials.",
        "line 2",
        {SECRET: ""},
        seen="`aws_secret_access_key` isn't",
    ),
    "source empty": Broken(
        "role with source_profile",
        InvalidSource,
        "The source profile `Ann` has no credentials.",
        "line 2",
        NO_KEYS,
        seen="`Ann` names no credentials.",
    ),
    "self-reference without keys": Broken(
        "self-referencing",
        SourceLoop,
        "The source profiles go round in a loop: P ← P.",
        "line 2",
        NO_KEYS,
        seen="in a loop",
    ),
    "self-reference with half of the keys": Broken(
        "self-referencing",
        InvalidSource,
        "The source profile `P` has no credentials.",
        "line 2",
        {SECRET: ""},
        seen="The source profile `P` has no credentials.",
    ),
    "loop": Broken(
        "chain of three",
        SourceLoop,
        "The source profiles go round in a loop: P ← Hop2 ← Hop1 ← Hop2.",
        "line ",
        {"= Ann": "= Hop2"},
        seen="in a loop",
    ),
    "chain without keys": Broken(
        "chain of three",
        CredentialsRejected,
        "AWS doesn't accept the keys of `Ann` (SignatureDoesNotMatch). It is needed for `P`.",
        REJECTED,
        {"{secret}": HUSH},
    ),
    "first hop": Broken(
        "chain of three",
        AccessDenied,
        "user/Ann assume arn:aws:iam::111111111111:role/Stranger. It is needed for `P`.",
        TRUST,
        {"role/Hop1": "role/Stranger"},
    ),
    "second hop": Broken(
        "chain of three",
        AccessDenied,
        "Hop1/me assume arn:aws:iam::111111111111:role/Stranger. It is needed for `P`.",
        TRUST,
        {"role/Hop2": "role/Stranger"},
    ),
    "third hop": Broken(
        "chain of three",
        AccessDenied,
        "Hop2/me assume arn:aws:iam::111111111111:role/Stranger.",
        TRUST,
        {"role/Hop3": "role/Stranger"},
    ),
    "second hop's source": Broken(
        "chain of three",
        InvalidSource,
        "The source_profile `Hop11` that the profile `Hop2` names doesn't exist.",
        "Did you mean `Hop1`",
        {"source_profile = Hop1": "source_profile = Hop11"},
        seen="The source_profile `Hop11`",
    ),
    "first hop's ARN": Broken(
        "chain of three",
        InvalidProfile,
        "The role_arn of `Hop1` is impossible: Invalid length",
        instead={f"arn:aws:iam::{ACCOUNT}:role/Hop1": "Hop1"},
        seen="`Hop1` is no ARN of a role.",
    ),
    "first hop's session name": Broken(
        "chain of three",
        ServiceError,
        "AssumeRole failed for `Hop1`: ",
        instead={"role/Hop1\nrole_session_name = me": "role/Hop1\nrole_session_name = m e"},
        seen="AWS takes no role_session_name such as `m e`.",
    ),
    "two hours in a chain": Broken(
        "chain of three",
        ServiceError,
        "AssumeRole failed for `P`: ",
        "an hour at most",
        {"source_profile = Hop2": "source_profile = Hop2\nduration_seconds = 7200"},
        seen="A role that a role assumes lasts an hour at most",
    ),
    "longer than the role allows": Broken(
        "role with source_profile",
        ServiceError,
        "exceeds the MaxSessionDuration",
        "Take a shorter `duration_seconds` (or `--duration`)",
        {"= Ann": "= Ann\nduration_seconds = 7200"},
    ),
    "too short": Broken(
        "role with source_profile",
        InvalidOption,
        "The duration_seconds of `P` is impossible: ",
        EXPLAIN,
        {"= Ann": "= Ann\nduration_seconds = 60"},
        seen="AWS takes no duration of 60 seconds.",
    ),
    "longer than any role": Broken(
        "role with source_profile",
        ServiceError,
        "'durationSeconds'",
        EXPLAIN,
        {"= Ann": "= Ann\nduration_seconds = 99999"},
        seen="AWS takes no duration of 99999 seconds.",
    ),
    "session name with a space": Broken(
        "role with source_profile",
        ServiceError,
        "'roleSessionName'",
        EXPLAIN,
        {"= me": "= my self"},
        seen="AWS takes no role_session_name such as `my self`.",
    ),
    "session name too long": Broken(
        "role with source_profile",
        ServiceError,
        "'roleSessionName'",
        EXPLAIN,
        {"= me": f"= {'m' * 65}"},
        seen="AWS takes no role_session_name",
    ),
    "session name too short": Broken(
        "role with source_profile",
        InvalidOption,
        "The role_session_name of `P` is impossible: ",
        EXPLAIN,
        {"= me": "= m"},
        seen="AWS takes no role_session_name such as `m`.",
    ),
    "external ID wrong": Broken(
        "external_id",
        AccessDenied,
        "role/Guarded.",
        "asks for an external ID",
        {"between-us": "between-them"},
    ),
    "external ID missing": Broken(
        "external_id",
        AccessDenied,
        "role/Guarded.",
        "asks for an external ID",
        {"external_id = between-us": ""},
    ),
    "external ID too short": Broken(
        "external_id",
        InvalidOption,
        "The external_id of `P` is impossible: ",
        EXPLAIN,
        {"between-us": "b"},
        seen="AWS takes no external_id such as `b`.",
    ),
    "MFA missing": Broken(
        "mfa_serial",
        AccessDenied,
        "role/WithMfa.",
        "or MFA",
        {"mfa_serial = {mfa_serial}": ""},
    ),
    "MFA code wrong": Broken(
        "mfa_serial",
        MfaRejected,
        "AWS refused the MFA code for `P`: ",
        "Wait for the device's next one",
        by=types("000000"),
    ),
    "MFA code that is none": Broken(
        "mfa_serial",
        MfaRejected,
        "That is no MFA code: it has six digits.",
        "type a new one",
        by=types(HUSH),
    ),
    "MFA device of another user": Broken(
        "mfa_serial",
        MfaRejected,
        "AWS refused the MFA code for `P`: ",
        "a device of the user whose keys start the chain",
        {"{mfa_serial}": f"arn:aws:iam::{ACCOUNT}:mfa/Bob"},
        by=types("123456"),
    ),
    "MFA device without codes": Broken(
        "mfa_serial",
        MfaRejected,
        "AWS refused the MFA code for `P`: ",
        "a device of the user",
        {"{mfa_serial}": f"arn:aws:iam::{ACCOUNT}:u2f/user/Ann/key"},
        by=types("123456"),
        seen="is no MFA device that gives codes.",
    ),
    "MFA device that is none": Broken(
        "mfa_serial",
        InvalidProfile,
        "The mfa_serial of `P` is impossible: ",
        EXPLAIN,
        {"{mfa_serial}": "Ann"},
        by=types("123456"),
        seen="`Ann` is no MFA device that gives codes.",
    ),
    "MFA without anybody": Broken(
        "mfa_serial",
        MfaUnavailable,
        "nobody can be asked for it here.",
        "where you can type",
    ),
    "MFA by a process without one": Broken(
        "mfa_serial",
        MfaUnavailable,
        "gave no MFA code.",
        "six digits are expected",
        {"{mfa_serial}": f"{{mfa_serial}}\nmfa_process = echo {HUSH}"},
    ),
}

REGIONS_AND_ENDPOINTS: dict[str, Broken] = {
    "region missing": Broken(
        "role with source_profile",
        NoRegion,
        "No AWS Region is known for `P`.",
        "`%aws_profile P --region …`",
        {HERE: "source_profile = Ann\nendpoint_url = {endpoint}"},
        seen="`P` has no region.",
    ),
    "region malformed": Broken(
        "role with source_profile",
        InvalidOption,
        "A region of `P` is none: Provided region_name 'us west'",
        "--region",
        {HERE: "source_profile = Ann\nregion = us west\nendpoint_url = {endpoint}"},
        seen="`us west` is no AWS Region.",
    ),
    "region disabled": Broken(
        "role with source_profile",
        ServiceError,
        "STS is not activated in this region",
        "Take another Region with `--region`, or enable this one",
        by=says_no("RegionDisabledException", "STS is not activated in this region for account:1"),
    ),
    "region malformed, of a user": Broken(
        "static keys",
        InvalidOption,
        "A region of `P` is none: ",
        "--region",
        {"{here}": "region = us_west\nendpoint_url = {endpoint}"},
        seen="`us_west` is no AWS Region.",
    ),
    "endpoint down": Broken(
        "role with source_profile",
        EndpointUnreachable,
        "can't be reached for `P`.",
        "Check the network (VPN, proxy) and the profile's `endpoint_url`",
        by=down,
    ),
    "endpoint silent": Broken(
        "role with source_profile",
        EndpointUnreachable,
        "didn't answer in time for `P`.",
        "Check the network",
        by=silent,
    ),
    "endpoint answers HTML": Broken(
        "role with source_profile",
        ServiceError,
        "`P` got an answer that isn't one of AWS.",
        "check the profile's `endpoint_url`",
        by=answers((200, "<html>Sign in</html>")),
    ),
    "endpoint answers HTML and no": Broken(
        "role with source_profile",
        ServiceError,
        "AssumeRole failed for `P`: HTTP 403",
        "a proxy may have answered",
        by=answers((403, "<html>Proxy</html>")),
    ),
    "endpoint broken": Broken(
        "role with source_profile",
        ServiceError,
        "AssumeRole failed for `P`: ",
        "The other side has a problem.",
        by=says_no("InternalFailure", "Oops", 500),
    ),
    "endpoint keeps throttling": Broken(
        "role with source_profile",
        ServiceError,
        "AssumeRole failed for `P`: Rate exceeded",
        "AWS limits how often this may be called.",
        by=says_no("Throttling", "Rate exceeded", 400),
    ),
    "clock wrong": Broken(
        "role with source_profile",
        ServiceError,
        "this machine's clock is wrong",
        "Set the clock",
        by=says_no("SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2"),
    ),
    "endpoint no URL": Broken(
        "role with source_profile",
        InvalidProfile,
        "A setting of `P` can't be used: Invalid endpoint: nowhere",
        EXPLAIN,
        {HERE: "source_profile = Ann\nregion = us-west-2\nendpoint_url = nowhere"},
    ),
    "services missing": Broken(
        "services",
        EndpointUnreachable,
        "can't be reached for `P`.",
        instead={"[services local]": "[services locale]"},
        by=variables(AWS_ENDPOINT_URL="http://127.0.0.1:9"),
        seen="There is no [services local].",
    ),
    "services' endpoint down": Broken(
        "services",
        EndpointUnreachable,
        "http://127.0.0.1:9 can't be reached for `P`.",
        instead={"{endpoint}": "http://127.0.0.1:9"},
    ),
}

MACHINES: dict[str, Broken] = {
    "variables missing": Broken(
        "credential_source Environment",
        CredentialsUnavailable,
        "The environment gave no credentials for `P`.",
        "Set AWS_ACCESS_KEY_ID",
        by=variables(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None),
        seen="`AWS_ACCESS_KEY_ID` isn't set.",
    ),
    "variable missing": Broken(
        "credential_source Environment",
        InvalidSource,
        "half of a pair of keys: AWS_SECRET_ACCESS_KEY is missing.",
        EXPLAIN,
        by=variables(AWS_SECRET_ACCESS_KEY=None),
        seen="`AWS_SECRET_ACCESS_KEY` isn't set.",
    ),
    "variable wrong": Broken(
        "credential_source Environment",
        CredentialsRejected,
        "AWS doesn't accept the keys of `P`",
        EXPLAIN,
        by=variables(AWS_SECRET_ACCESS_KEY=HUSH),
    ),
    "variables expired": Broken(
        "credential_source Environment",
        CredentialsExpired,
        "The credentials of `P` have expired.",
        by=expired_variables,
    ),
    "source misspelt": Broken(
        "credential_source Environment",
        InvalidSource,
        "The credential_source `environment` of the profile `P` doesn't exist.",
        "There are Environment, Ec2InstanceMetadata, EcsContainer.",
        {"= Environment": "= environment"},
        seen="The credential_source `environment`",
    ),
    "instance down": Broken(
        "credential_source Ec2InstanceMetadata",
        CredentialsUnavailable,
        INSTANCE,
        "Only an EC2 instance with a role has it",
        by=instance(),
    ),
    "instance forbidden": Broken(
        "credential_source Ec2InstanceMetadata",
        CredentialsUnavailable,
        INSTANCE,
        "AWS_EC2_METADATA_DISABLED",
        by=variables(AWS_EC2_METADATA_DISABLED="true"),
        seen="`AWS_EC2_METADATA_DISABLED` forbids",
    ),
    "instance without a role": Broken(
        "credential_source Ec2InstanceMetadata",
        CredentialsUnavailable,
        INSTANCE,
        by=instance((200, "t"), (404, "")),
    ),
    "instance says 401": Broken(
        "credential_source Ec2InstanceMetadata",
        CredentialsUnavailable,
        INSTANCE,
        by=instance((401, "")),
    ),
    "instance's role doesn't trust it": Broken(
        "credential_source Ec2InstanceMetadata",
        CredentialsUnavailable,
        INSTANCE,
        by=instance((200, "t"), (200, "Machine"), (200, '{"Code": "x", "Message": "y"}')),
    ),
    "instance's endpoint no URL": Broken(
        "credential_source Ec2InstanceMetadata",
        CredentialsUnavailable,
        INSTANCE,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        by=variables(AWS_EC2_METADATA_SERVICE_ENDPOINT="no url"),
    ),
    "instance's own role, down": Broken(
        "an instance's own role",
        InvalidProfile,
        "The profile `P` has no credentials.",
        EXPLAIN,
        by=instance(),
    ),
    "instance's own role, no date": Broken(
        "an instance's own role",
        CredentialsUnavailable,
        UNREADABLE,
        EXPLAIN,
        by=instance((200, "t"), (200, "Machine"), in_metadata(Expiration="soon")),
    ),
    "no container": Broken(
        "credential_source EcsContainer",
        CredentialsUnavailable,
        CONTAINER,
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        by=variables(AWS_CONTAINER_CREDENTIALS_FULL_URI=None),
        seen="Neither of the variables",
    ),
    "container down": Broken(
        "credential_source EcsContainer", CredentialsUnavailable, CONTAINER, by=container()
    ),
    "container's token wrong": Broken(
        "credential_source EcsContainer",
        CredentialsUnavailable,
        CONTAINER,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        by=variables(AWS_CONTAINER_AUTHORIZATION_TOKEN=HUSH),
    ),
    "container's token of two lines": Broken(
        "credential_source EcsContainer",
        CredentialsUnavailable,
        CONTAINER,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        by=variables(AWS_CONTAINER_AUTHORIZATION_TOKEN=f"{HUSH}\n"),
    ),
    "container's token file missing": Broken(
        "credential_source EcsContainer",
        CredentialsUnavailable,
        "A file that `P` needs can't be used: No such file or directory (`/no/such/file`).",
        "Correct its name",
        by=variables(AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="/no/such/file"),
    ),
    "container elsewhere": Broken(
        "credential_source EcsContainer",
        CredentialsUnavailable,
        CONTAINER,
        "(loopback or https)",
        by=variables(AWS_CONTAINER_CREDENTIALS_FULL_URI="http://192.0.2.1/x"),
    ),
    "container answers HTML": Broken(
        "credential_source EcsContainer",
        CredentialsUnavailable,
        CONTAINER,
        by=container((200, f"<html>{HUSH}")),
    ),
    "container broken": Broken(
        "credential_source EcsContainer",
        CredentialsUnavailable,
        CONTAINER,
        by=container((500, HUSH)),
    ),
    "container answers a list": Broken(
        "credential_source EcsContainer",
        CredentialsUnavailable,
        UNREADABLE,
        by=container((200, json.dumps([HUSH]))),
    ),
    "container's credentials expired": Broken(
        "credential_source EcsContainer",
        CredentialsUnavailable,
        "The credentials of `P` can't be used: they had expired before they came.",
        by=container(in_metadata(Expiration=OVER)),
    ),
    "container's own role, refused": Broken(
        "a container's own role",
        CredentialsUnavailable,
        CONTAINER,
        by=variables(AWS_CONTAINER_AUTHORIZATION_TOKEN=HUSH),
    ),
}

WEB_IDENTITIES: dict[str, Broken] = {
    "file missing": Broken(
        "web identity",
        CredentialsUnavailable,
        "A file that `P` needs can't be used: No such file or directory (`/none`).",
        EXPLAIN,
        {"{token_file}": "/none"},
        seen="There is no token file `/none`.",
    ),
    "file is a folder": Broken(
        "web identity",
        CredentialsUnavailable,
        "A file that `P` needs can't be used: Is a directory (`/`).",
        EXPLAIN,
        {"{token_file}": "/"},
        seen="There is no token file `/`.",
    ),
    "file empty": Broken(
        "web identity",
        InvalidProfile,
        "The content of the web_identity_token_file of `P` is impossible: ",
        EXPLAIN,
        by=identity(""),
    ),
    "file no token": Broken(
        "web identity",
        CredentialsRejected,
        "AWS doesn't accept the web identity token of `P`: ",
        "has to write a new one",
        by=identity(HUSH),
    ),
    "file no text": Broken(
        "web identity",
        CredentialsUnavailable,
        "A file that `P` names is no text.",
        EXPLAIN,
        by=identity(b"\xff\xfe" + HUSH.encode()),
    ),
    "token expired": Broken(
        "web identity",
        CredentialsExpired,
        "AWS doesn't accept the web identity token of `P`: Token expired",
        "has to write a new one",
        by=identity_with(expires_in=-60),
    ),
    "token for another audience": Broken(
        "web identity",
        CredentialsRejected,
        "AWS doesn't accept the web identity token of `P`: Incorrect token audience",
        "for an audience that the IAM identity provider has",
        by=identity_with(audience="somebody"),
    ),
    "token of another provider": Broken(
        "web identity",
        CredentialsRejected,
        "AWS doesn't accept the web identity token of `P`: No OpenIDConnect provider",
        by=identity_with(iss="https://other.example.com"),
    ),
    "role doesn't trust it": Broken(
        "web identity",
        AccessDenied,
        "AWS doesn't let the web identity of `P` assume its role.",
        "The role's trust policy has to name the token's provider, audience and subject",
        {"{pod}": "{hop1}"},
    ),
    "role_arn missing": Broken(
        "web identity",
        InvalidSource,
        "has no role ARN configured",
        EXPLAIN,
        {"role_arn = {pod}": ""},
        seen="`role_arn` isn't",
    ),
    "as a source, token expired": Broken(
        "web identity as a source",
        CredentialsExpired,
        "the web identity token of `Pod`: Token expired",
        "has to write a new one",
        by=identity_with(expires_in=-60),
    ),
    "as a source, no trust": Broken(
        "web identity as a source",
        AccessDenied,
        "assumed-role/Pod/pod assume arn:aws:iam::111111111111:role/Hop1.",
        TRUST,
        {"{after_pod}": "{hop1}"},
    ),
}

PROCESSES: dict[str, tuple[Break | None, str, str, Mapping[str, str]]] = {
    "fails": (
        tool(f"import sys; print({HUSH!r}); sys.exit({HUSH!r})"),
        "failed with status 1.",
        "",
        {},
    ),
    "fails in bytes": (
        tool("import sys; sys.stderr.buffer.write(b'\\xff'); sys.exit(3)"),
        "failed with status 3.",
        "",
        {},
    ),
    "missing": (
        None,
        "can't be run: No such file or directory (`no-such-program`).",
        "There is no program `no-such-program` on the PATH.",
        {'"{python}"': "no-such-program"},
    ),
    "not to be run": (
        None,
        "can't be run: Permission denied (`/`).",
        "There is no program `/` on the PATH.",
        {'"{python}" "{process}"': "/"},
    ),
    "lone quotation mark": (
        None,
        "is no command: No closing quotation.",
        "is no command that can be read.",
        {'{process}"': "{process}"},
    ),
    "empty": (
        None,
        "is no command: it is empty.",
        "is no command that can be read.",
        {' "{python}" "{process}"': ""},
    ),
    "slow": (tool("import time; time.sleep(60)"), "didn't end within ", "", {}),
    "prints nothing": (tool(""), "printed no JSON.", "", {}),
    "prints rubbish": (tool(f"print({HUSH!r})"), "printed no JSON.", "", {}),
    "prints bytes": (
        tool("import sys; sys.stdout.buffer.write(b'\\xff\\xfe')"),
        "printed no JSON.",
        "",
        {},
    ),
    "prints a list": (
        tool(f"print({json.dumps([HUSH])!r})"),
        "printed JSON, but no object.",
        "",
        {},
    ),
    "another Version": (
        prints(Version=2),
        "printed no credentials: Version isn't 1, or a key is missing.",
        "",
        {},
    ),
    "without a secret": (
        prints(SecretAccessKey=None),
        "printed no credentials: Version isn't 1, or a key is missing.",
        "",
        {},
    ),
    "keys that are numbers": (
        prints(AccessKeyId=7),
        "gave credentials that can't be used: the access key ID isn't one.",
        "",
        {},
    ),
    "token of two lines": (
        prints(SessionToken=f"{HUSH}\n"),
        "gave credentials that can't be used: the session token isn't one.",
        "",
        {},
    ),
    "an old date": (
        prints(Expiration=OVER),
        "gave credentials that can't be used: they had expired before they came.",
        "",
        {},
    ),
    "no date": (
        prints(Expiration=HUSH),
        "gave credentials that can't be used: the Expiration is no time with a zone.",
        "",
        {},
    ),
    "a date that is a number": (
        prints(Expiration=7),
        "gave credentials that can't be used: the Expiration is no time with a zone.",
        "",
        {},
    ),
    "a date without a zone": (
        prints(Expiration="2099-01-01T00:00:00"),
        "gave credentials that can't be used: the Expiration is no time with a zone.",
        "",
        {},
    ),
}

NOBODY = "There is no SSO token: nobody has signed in."
SIGN_INS: dict[str, tuple[Break, str]] = {
    "missing": (stored("sso", lambda _: None), NOBODY),
    "expired": (stored("sso", token(expiresAt=OVER, refreshToken=None)), "token has expired at"),
    "no JSON": (stored("sso", lambda _: "{"), NOBODY),
    "a list": (stored("sso", lambda _: "[]"), NOBODY),
    "without a token": (stored("sso", token(accessToken=None)), NOBODY),
    "a token that is a number": (stored("sso", token(accessToken=7)), NOBODY),
    "without an end": (stored("sso", token(expiresAt=None)), NOBODY),
    "an end that is none": (stored("sso", token(expiresAt="soon")), NOBODY),
    "an end without a zone": (stored("sso", token(expiresAt="2099-01-01T00:00:00")), NOBODY),
    "ended by AWS": (lambda stage: stage.aws.sso.expire_tokens(refresh=True), ""),
}

SSO: dict[str, Broken] = {
    "refresh token used up": Broken(
        "sso-session",
        SignInRequired,
        "The sign-in of `P` is missing or has expired",
        "--login",
        by=stored("sso", token(expiresAt=OVER, refreshToken=HUSH)),
    ),
    "registration over": Broken(
        "sso-session",
        SignInRequired,
        "The sign-in of `P` is missing or has expired",
        "--login",
        by=stored("sso", token(expiresAt=OVER, registrationExpiresAt=OVER)),
        seen="The SSO token has expired at",
    ),
    "role not assigned": Broken(
        "sso-session",
        AccessDenied,
        "`P` may not call GetRoleCredentials: No access",
        "see sso_account_id and sso_role_name",
        {"= Reader": "= Writer"},
    ),
    "role not assigned, behind a role": Broken(
        "SSO as a source",
        AccessDenied,
        "`Corp` may not call GetRoleCredentials: No access. It is needed for `P`.",
        "see sso_account_id and sso_role_name",
        {"= Reader": "= Writer"},
    ),
    "account wrong": Broken(
        "legacy SSO",
        AccessDenied,
        "`P` may not call GetRoleCredentials: No access",
        "see sso_account_id and sso_role_name",
        {"{account}": "999999999999"},
    ),
    "account no number": Broken(
        "sso-session",
        AccessDenied,
        "`P` may not call GetRoleCredentials",
        "see sso_account_id",
        {"{account}": "prod"},
        seen="`prod` is no number of an account.",
    ),
    "account missing": Broken(
        "sso-session",
        InvalidSource,
        "missing required configuration: sso_account_id",
        EXPLAIN,
        {"sso_account_id = {account}": ""},
        seen="`sso_account_id` isn't",
    ),
    "role missing": Broken(
        "legacy SSO",
        InvalidSource,
        "missing required configuration: sso_role_name",
        EXPLAIN,
        {"sso_role_name = Reader": ""},
        seen="`sso_role_name` isn't",
    ),
    "start URL missing": Broken(
        "sso-session",
        InvalidSource,
        "missing required configuration: sso_start_url",
        EXPLAIN,
        {"sso_start_url = {start_url}": ""},
        seen="`sso_start_url` is missing.",
    ),
    "region missing": Broken(
        "SSO as a source",
        InvalidSource,
        'The profile "Corp" is configured to use SSO but is missing required configuration: '
        "sso_region",
        EXPLAIN,
        {"sso_region = us-east-1": ""},
        seen="`sso_region` is missing.",
    ),
    "region malformed": Broken(
        "sso-session",
        InvalidOption,
        "A region of `P` is none: Provided region_name 'us_east'",
        EXPLAIN,
        {"sso_region = us-east-1": "sso_region = us_east"},
        seen="`us_east` is no AWS Region.",
    ),
    "session missing": Broken(
        "sso-session",
        InvalidSource,
        'The specified sso-session does not exist: "corp"',
        EXPLAIN,
        {"[sso-session corp]": "[sso-session crop]"},
        seen="There is no [sso-session corp].",
    ),
    "session's header": Broken(
        "sso-session",
        InvalidSource,
        'The specified sso-session does not exist: "corp"',
        EXPLAIN,
        {"[sso-session corp]": "[corp]"},
        seen="There is no [sso-session corp].",
    ),
    "settings that differ": Broken(
        "sso-session",
        InvalidSource,
        "The value for sso_region is inconsistent",
        EXPLAIN,
        {"= Reader": "= Reader\nsso_region = eu-west-1"},
        seen="`sso_region` differs",
    ),
    "portal down": Broken("sso-session", EndpointUnreachable, "can't be reached for `P`.", by=down),
    "portal throttles": Broken(
        "legacy SSO",
        ServiceError,
        "GetRoleCredentials failed for `P`: ",
        "AWS limits how often",
        by=answers((429, '{"__type": "TooManyRequestsException", "message": "slowly"}')),
    ),
    "portal answers HTML": Broken(
        "SSO as a source",
        ServiceError,
        "`Corp` got an answer that isn't one of AWS. It is needed for `P`.",
        by=answers((200, "<html>")),
    ),
}

NO_LOGIN = "There is no login session: nobody has signed in."
LOGINS: dict[str, tuple[Break, str]] = {
    "missing": (stored("login", lambda _: None), NO_LOGIN),
    "no JSON": (stored("login", lambda _: "{"), NO_LOGIN),
    "a list": (stored("login", lambda _: "[]"), NO_LOGIN),
    "without credentials": (stored("login", access(expiresAt=None)), NO_LOGIN),
    "an end that is none": (stored("login", access(expiresAt="soon")), NO_LOGIN),
    "over": (login_is_over, ""),
    "used up": (
        stored("login", lambda it: access(expiresAt=OVER)(it) | {"refreshToken": HUSH}),
        "",
    ),
}

ROWS: dict[str, Broken] = {
    **{f"keys: {name}": row for name, row in KEYS.items()},
    **{f"roles: {name}": row for name, row in ROLES.items()},
    **{f"endpoints: {name}": row for name, row in REGIONS_AND_ENDPOINTS.items()},
    **{f"machines: {name}": row for name, row in MACHINES.items()},
    **{f"web identities: {name}": row for name, row in WEB_IDENTITIES.items()},
    **{
        f"processes: {name}{where}": Broken(
            kind,
            CredentialsUnavailable,
            f"The credential_process of `{owner}` {says}",
            "Run its command in a terminal",
            instead,
            by=by,
            seen=seen,
        )
        for name, (by, says, seen, instead) in PROCESSES.items()
        for kind, owner, where in (
            ("credential_process", "P", ""),
            ("credential_process as a source", "Tool", ", as a source"),
        )
    },
    **{
        f"sign-ins: {name}, {kind}": Broken(
            kind,
            SignInRequired,
            f"The sign-in of `{owner}` is missing or has expired",
            f"or `aws sso login --profile {owner}` in a terminal",
            by=by,
            seen=seen,
        )
        for name, (by, seen) in SIGN_INS.items()
        for kind, owner in (("sso-session", "P"), ("legacy SSO", "P"), ("SSO as a source", "Corp"))
    },
    **{f"SSO: {name}": row for name, row in SSO.items()},
    **{
        f"logins: {name}": Broken(
            "login session",
            CredentialsUnavailable,
            "The sign-in of `P` is missing or has expired",
            LOGIN,
            by=by,
            seen=seen,
        )
        for name, (by, seen) in LOGINS.items()
    },
    "logins: of another": Broken(
        "login session",
        CredentialsUnavailable,
        "The sign-in of `P` is missing or has expired",
        LOGIN,
        {"{user}": "arn:aws:iam::111111111111:user/Bob"},
        seen=NO_LOGIN,
    ),
    "logins: without crt": Broken(
        "login session",
        CredentialsUnavailable,
        "a part of botocore that isn't installed",
        '%pip install "botocore[crt]"',
        by=without_crt,
    ),
    "logins: a key that is none": Broken(
        "login session",
        CredentialsRejected,
        "The keys of `P` can't be signed with.",
        EXPLAIN,
        by=stored("login", lambda it: access(expiresAt=OVER)(it) | {"dpopKey": HUSH}),
    ),
}


# --- The tests ---


@pytest.fixture(scope="module")
def _world() -> Iterator[tuple[EmbeddedAws, IamUser, dict[str, str]]]:
    """Run one embedded AWS for all rows."""
    with EmbeddedAws() as aws:
        ann = create_ann(aws)
        values = prepared(aws, ann)
        for name, trusted in (("Stranger", "999999999999"), ("Anybody", ACCOUNT)):
            aws.create_role(name, account=ACCOUNT, trust=trusting(trusted))
        yield aws, ann, values


@pytest.fixture
def stage(
    _world: tuple[EmbeddedAws, IamUser, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    """Put everything back to where it works: nothing is cached, and Ann has signed in."""
    aws, ann, values = _world
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("ipy_awsprofile.credentials.process.PROCESS_TIMEOUT", 1.5)
    monkeypatch.setattr("ipy_awsprofile.credentials.retries.THROTTLING_DELAYS", (0, 0, 0))
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    shutil.rmtree(aws.home / ".aws" / "cli", ignore_errors=True)
    sign_in(aws, ann)
    files = {name: aws.home / name for name in ("token", "tool.py")}
    before = {name: file.read_text() for name, file in files.items()}
    with ExitStack() as until_the_end:
        yield Stage(aws, ann, values | _temporary(aws, ann), monkeypatch, until_the_end)
    for name, file in files.items():
        write_private(file, before[name])


def _temporary(aws: EmbeddedAws, ann: IamUser) -> dict[str, str]:
    """Get temporary keys of Ann's: a row may have ended those before."""
    sts: Any = boto3.client(
        "sts",
        region_name="us-east-1",
        endpoint_url=aws.endpoint_url,
        aws_access_key_id=ann.access_key_id,
        aws_secret_access_key=ann.secret_access_key,
    )
    given = sts.get_session_token()["Credentials"]
    return {
        "temporary_key": given["AccessKeyId"],
        "temporary_secret": given["SecretAccessKey"],
        "temporary_token": given["SessionToken"],
    }


def broken_text(row: Broken) -> Kind:
    """Return the kind with other lines in its text."""
    kind = KINDS[row.kind]
    config, credentials = kind.config, kind.credentials
    for old, new in row.instead.items():
        assert old in config + credentials
        config, credentials = config.replace(old, new), credentials.replace(old, new)
    return replace(kind, config=config, credentials=credentials)


@pytest.fixture
def play(stage: Stage) -> Callable[[Broken], str]:
    """Give what puts a row on the stage, until the end of the test."""

    def put(row: Broken) -> str:
        kind = broken_text(row)
        place = in_its_place(stage.aws, stage.values, stage.patch, kind)
        stage.until_the_end.enter_context(place)
        if row.by:
            row.by(stage)
        return kind.profile

    return put


@pytest.mark.parametrize("name", ROWS)
def test_broken(
    stage: Stage, play: Callable[[Broken], str], caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """What is told is ours, and no secret is in it, in its causes or in the log."""
    row = ROWS[name]
    profile = play(row)
    with pytest.raises(AwsProfileError) as told:
        who_am_i(open_session(profile, mfa_prompter=stage.person, timeout=0.5))
    error = told.value
    assert type(error) is row.error, error
    assert row.says in str(error)
    assert row.hint in error.hint
    assert len(error._render_traceback_()) == 1 + bool(error.hint)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    seen = "".join([*traceback.format_exception(error), error.hint, caplog.text])
    assert not [secret for secret in (*stage.aws.secrets(), HUSH) if secret in seen]


@pytest.mark.parametrize("name", ROWS)
def test_explanation(stage: Stage, play: Callable[[Broken], str], name: str) -> None:
    """An explanation tells what the files alone show, and finds nothing fatal where they don't."""
    row = ROWS[name]
    told = explain(play(row))
    problems = "\n".join(f"{problem.says} {problem.fix}" for problem in told.problems)
    assert row.seen in problems
    assert told.works is not bool(row.seen) or row.kind == "services"
    assert not [secret for secret in (*stage.aws.secrets(), HUSH) if secret in problems]


@pytest.mark.parametrize(
    "name", ["roles: no trust", "processes: prints rubbish", "sign-ins: no JSON, sso-session"]
)
def test_notebook_stays_who_it_was(
    stage: Stage, play: Callable[[Broken], str], shell: Shell, name: str
) -> None:
    """A switch to a broken profile shows two lines, and the identity from before goes on."""
    profile = play(ROWS[name])
    stage.aws.write_profile(
        "Before",
        aws_access_key_id=stage.ann.access_key_id,
        aws_secret_access_key=stage.ann.secret_access_key,
        region="us-west-2",
    )
    before = shell.good("%aws_profile Before").text
    session = shell.names["session"]
    assert type(shell.refused(f"%aws_profile {profile}")) is ROWS[name].error
    assert shell.names["session"] is session
    assert shell.good("%aws_profile").text == before


def test_throttled_at_first(stage: Stage, play: Callable[[Broken], str]) -> None:
    """Who throttles is asked again, four times at most, and whoever then answers is believed."""
    slow = "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>"
    said = "<Code>AccessDenied</Code><Message>No</Message>"
    no = f"<ErrorResponse><Error>{said}</Error></ErrorResponse>"
    for throttled, error in ((4, AccessDenied), (5, ServiceError)):
        play(Broken("role with source_profile", error, ""))
        given = stage.answer_with(*[(400, slow)] * throttled, (403, no))
        with pytest.raises(error):
            open_session("P")
        assert given.asked == 5


def test_down_is_given_up_sooner(stage: Stage, play: Callable[[Broken], str]) -> None:
    """What answers with an error of its own is asked twice."""
    play(Broken("role with source_profile", ServiceError, ""))
    given = stage.answer_with((500, "<html>"))
    with pytest.raises(ServiceError):
        open_session("P")
    assert given.asked == 2
