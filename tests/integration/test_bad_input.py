"""What bad input gets: one clear card, no traceback, and everything is as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT, allow, seed, trusting
from ipy_awsprofile.errors import AwsProfileError
from tests.servers import closed_port
from tests.shells import KernelCell, Ran, Shell, run_aws_cli, run_notebook, without_colours

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipy_awsprofile.demo.stages.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Case:
    """A line that can't work, and what is told."""

    line: str
    kind: str
    says: str
    hints: str = ""


CASES = {
    "no such profile": Case(
        "%aws_profile RoleBet",
        "ProfileNotFound",
        "There is no profile `RoleBet` in the shared config files.",
        "Did you mean `RoleBeta`",
    ),
    "no such profile, nothing near": Case(
        "%aws_profile zzzzz",
        "ProfileNotFound",
        "There is no profile `zzzzz` in the shared config files.",
        "`%aws_profiles` lists the profiles there are.",
    ),
    "without credentials": Case(
        "%aws_profile Empty",
        "InvalidProfile",
        "The profile `Empty` has no credentials.",
        "Give it keys in the credentials file, or a role_arn with a source_profile.",
    ),
    "missing source": Case(
        "%aws_profile NoSource",
        "InvalidSource",
        "The source_profile `UserAlfa` that the profile `NoSource` names doesn't exist.",
        "Did you mean `UserAlpha`?",
    ),
    "both sources": Case(
        "%aws_profile BothSources",
        "InvalidSource",
        "The profile `BothSources` contains both source_profile and credential_source.",
        "Keep one of the two.",
    ),
    "neither source": Case(
        "%aws_profile NeitherSource",
        "InvalidSource",
        "The role profile `NeitherSource` has neither source_profile nor credential_source.",
        "Add a source_profile",
    ),
    "loop": Case(
        "%aws_profile LoopA",
        "SourceLoop",
        "The source profiles go round in a loop: LoopA ← LoopB ← LoopA.",
        "line ",
    ),
    "no trust": Case(
        "%aws_profile NoTrust",
        "AccessDenied",
        f"AWS doesn't let arn:aws:iam::{USER_ACCOUNT}:user/UserAlpha assume "
        f"arn:aws:iam::{ROLE_ACCOUNT}:role/NoTrust.",
        "trust policy",
    ),
    "no such role": Case(
        "%aws_profile NoRole",
        "AccessDenied",
        f"AWS doesn't let arn:aws:iam::{USER_ACCOUNT}:user/UserAlpha assume "
        f"arn:aws:iam::{ROLE_ACCOUNT}:role/NoRole.",
        "there is no such role",
    ),
    "unknown key": Case(
        "%aws_profile UnknownKey",
        "CredentialsRejected",
        "AWS doesn't accept the keys of `UnknownKey` (InvalidClientTokenId).",
        "They are unknown, disabled, or have the wrong secret.",
    ),
    "wrong secret": Case(
        "%aws_profile WrongSecret",
        "CredentialsRejected",
        "AWS doesn't accept the keys of `WrongSecret` (SignatureDoesNotMatch).",
        "They are unknown, disabled, or have the wrong secret.",
    ),
    "wrong secret of the source": Case(
        "%aws_profile WrongSource",
        "CredentialsRejected",
        "AWS doesn't accept the keys of `WrongSecret` (SignatureDoesNotMatch).",
        "They are unknown, disabled, or have the wrong secret.",
    ),
    "expired token": Case(
        "%aws_profile Expired",
        "CredentialsExpired",
        "The credentials of `Expired` have expired.",
        "`%aws_profile --refresh`",
    ),
    "half of the keys": Case(
        "%aws_profile HalfKeys",
        "InvalidSource",
        "`HalfKeys` has half of a pair of keys: aws_secret_access_key is missing.",
        "Both have to stand in the same place.",
    ),
    "no region": Case(
        "%aws_profile NoRegion",
        "NoRegion",
        "No AWS Region is known for `NoRegion`.",
        "`%aws_profile NoRegion --region …`",
    ),
    "odd region": Case(
        "%aws_profile RoleBeta --region 'not a region'",
        "InvalidOption",
        "Provided region_name 'not a region' doesn't match a supported format.",
    ),
    "endpoint down": Case(
        "%aws_profile Down",
        "EndpointUnreachable",
        "can't be reached for `Down`.",
        "Check the network (VPN, proxy) and the profile's `endpoint_url`",
    ),
    "endpoint that is no URL": Case(
        "%aws_profile NoUrl",
        "InvalidProfile",
        "A setting of `NoUrl` can't be used: Invalid endpoint: nowhere",
    ),
    "process that isn't there": Case(
        "%aws_profile NoProcess",
        "CredentialsUnavailable",
        "The credential_process of `NoProcess` can't be run: No such file or directory",
        "Run its command in a terminal",
    ),
    "process that fails": Case(
        "%aws_profile BadProcess",
        "CredentialsUnavailable",
        "The credential_process of `BadProcess` printed no JSON.",
        "Run its command in a terminal",
    ),
    "not signed in": Case(
        "%aws_profile SignIn",
        "SignInRequired",
        "The sign-in of `SignIn` is missing or has expired.",
        "Run `%aws_profile SignIn --login`",
    ),
    "too long": Case(
        "%aws_profile RoleBeta --duration 12h",
        "ServiceError",
        "The requested DurationSeconds exceeds the MaxSessionDuration",
    ),
    "too short": Case(
        "%aws_profile RoleBeta --duration 5m",
        "InvalidOption",
        "Invalid value for parameter DurationSeconds, value: 300, valid min value: 900",
    ),
    "duration of a user": Case(
        "%aws_profile UserAlpha --duration 1h",
        "InvalidOption",
        "`UserAlpha` assumes no role, so it can't take a duration.",
        "It is of the kind: static keys.",
    ),
    "unknown option": Case(
        "%aws_profile RoleBeta --nope",
        "InvalidOption",
        "unrecognized arguments: --nope",
        "Run `%aws_profile?` for the options.",
    ),
    "impossible duration": Case(
        "%aws_profile RoleBeta --duration soon",
        "InvalidOption",
        "`soon` is no duration",
        "Run `%aws_profile?` for the options.",
    ),
    "impossible variable": Case(
        "%aws_profile RoleBeta --as 2x",
        "InvalidOption",
        "`2x` can't be the name of a variable.",
        "Run `%aws_profile?` for the options.",
    ),
    "options that exclude each other": Case(
        "%aws_profile RoleBeta --off",
        "InvalidOption",
        "exclude one another.",
        "Run `%aws_profile?` for the options.",
    ),
    "lone quotation mark": Case(
        "%aws_profile 'RoleBeta",
        "InvalidOption",
        "A quotation mark has no partner.",
        "Run `%aws_profile?` for the options.",
    ),
    "MFA where nobody can answer": Case(
        "%aws_profile WithMfa",
        "MfaUnavailable",
        f"An MFA code of arn:aws:iam::{USER_ACCOUNT}:mfa/Careful is needed, "
        "and nobody can be asked for it here.",
        "Run `%aws_profile NAME` where you can type",
    ),
    "protected": Case(
        "%config AwsProfileMagics.protected = ['RoleBeta']\n%aws_profile RoleBeta",
        "ProtectedProfile",
        "The profile `RoleBeta` is protected.",
        "Add `--yes` if you mean to work in it.",
    ),
    "list with an option": Case(
        "%aws_profiles --nope",
        "InvalidOption",
        "unrecognized arguments: --nope",
        "Run `%aws_profiles?` for the options.",
    ),
}


def write_bad_profiles(aws: EmbeddedAws, scenario: Scenario) -> None:
    """Add a profile for each thing that can be wrong with one."""
    region = "us-west-2"
    role: Any = {"source_profile": "UserAlpha", "region": region}

    def role_named(name: str) -> str:
        return f"arn:aws:iam::{ROLE_ACCOUNT}:role/{name}"

    def keys(name: str, **credentials: str) -> None:
        aws.write_profile(name, region=region)
        aws.write_profile(name, file="credentials", **credentials)

    aws.create_role("NoTrust", account=ROLE_ACCOUNT, trust=trusting("999999999999"))
    careful = aws.create_user(
        "Careful", account=USER_ACCOUNT, policy=allow("sts:AssumeRole"), mfa=True
    )
    ended = aws.service_session(
        "ec2.amazonaws.com",
        aws.create_role(
            "Server",
            account=ROLE_ACCOUNT,
            trust={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "ec2.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            },
        ),
        "server",
    )
    aws.expire_sessions()
    aws.write_profile("Empty", region=region)
    aws.write_profile("NoSource", role_arn=role_named("R"), source_profile="UserAlfa")
    aws.write_profile(
        "BothSources", role_arn=role_named("R"), credential_source="Environment", **role
    )
    aws.write_profile("NeitherSource", role_arn=role_named("R"))
    aws.write_profile("LoopA", role_arn=role_named("R"), source_profile="LoopB")
    aws.write_profile("LoopB", role_arn=role_named("R"), source_profile="LoopA")
    aws.write_profile("NoTrust", role_arn=role_named("NoTrust"), **role)
    aws.write_profile("NoRole", role_arn=role_named("NoRole"), **role)
    keys(
        "UnknownKey",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key=scenario.user.secret_access_key,
    )
    keys(
        "WrongSecret",
        aws_access_key_id=scenario.user.access_key_id,
        aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )
    aws.write_profile(
        "WrongSource", role_arn=role_named("Other"), source_profile="WrongSecret", region=region
    )
    keys(
        "Expired",
        aws_access_key_id=str(ended["AccessKeyId"]),
        aws_secret_access_key=str(ended["SecretAccessKey"]),
        aws_session_token=str(ended["SessionToken"]),
    )
    keys("HalfKeys", aws_access_key_id="AKIAIOSFODNN7EXAMPLE")
    aws.write_profile("NoRegion", role_arn=role_named("Other"), source_profile="UserAlpha")
    aws.write_profile(
        "Down",
        role_arn=role_named("Down"),
        endpoint_url=f"http://127.0.0.1:{closed_port()}",
        **role,
    )
    aws.write_profile("NoUrl", role_arn=role_named("NoUrl"), endpoint_url="nowhere", **role)
    aws.write_profile("NoProcess", credential_process="/no/such/command", region=region)
    aws.write_profile("BadProcess", credential_process="echo no json", region=region)
    aws.write_profile(
        "SignIn",
        sso_account_id=ROLE_ACCOUNT,
        sso_role_name="Reader",
        sso_region=region,
        sso_start_url="http://127.0.0.1:1/start",
    )
    keys(
        "Careful",
        aws_access_key_id=careful.access_key_id,
        aws_secret_access_key=careful.secret_access_key,
    )
    assert careful.mfa_serial is not None
    aws.write_profile(
        "WithMfa",
        role_arn=role_named("WithMfa"),
        source_profile="Careful",
        mfa_serial=careful.mfa_serial,
        region=region,
    )


@contextmanager
def bad_aws() -> Iterator[EmbeddedAws]:
    """Run an embedded AWS with every bad profile, in an environment of its own."""
    with pytest.MonkeyPatch.context() as patch, EmbeddedAws() as aws:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in aws.environment().items():
            patch.setenv(name, value)
        write_bad_profiles(aws, seed(aws))
        yield aws


PROOF = (
    "%config AwsProfileMagics.protected = []\n"
    "print(session is before, *sorted(get_ipython().run_line_magic('who_ls', '')))"
)


@pytest.fixture(scope="module")
def kernel_cells() -> dict[str, tuple[KernelCell, KernelCell]]:
    """Run every case in one kernel; after each, a cell says what the notebook holds."""
    with bad_aws() as aws:
        cells = ["%load_ext ipy_awsprofile\n%aws_profile RoleBeta\nbefore = session"]
        for case in CASES.values():
            cells += [case.line, PROOF]
        ran, _ = run_notebook(*cells, environment=aws.environment())
    return dict(zip(CASES, zip(ran[1::2], ran[2::2], strict=True), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_in_a_kernel(kernel_cells: dict[str, tuple[KernelCell, KernelCell]], name: str) -> None:
    """A kernel shows one card, sends one `error` of one line, and holds what it held."""
    case, (cell, after) = CASES[name], kernel_cells[name]
    assert len(cell.cards) == 1
    assert len(cell.outputs) == 2
    told = cell.outputs[0]["data"]["text/plain"]
    assert case.says in told
    assert case.hints in told
    assert len(told.splitlines()) <= 2
    assert cell.error.ename == case.kind
    assert case.says in cell.error.evalue
    (line,) = map(without_colours, cell.error.traceback)
    assert line == f"{case.kind}: {cell.error.evalue}"
    assert "\n" not in line
    assert after.text == "True before session"


@pytest.fixture(scope="module")
def shell_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Ran, str]]:
    """Run every case in one shell; after each, tell the card and what the notebook holds."""
    ran = {}
    with bad_aws(), Shell.opened(tmp_path_factory.mktemp("ipython")) as shell:
        shell.good("%load_ext ipy_awsprofile\n%aws_profile UserAlpha\nbefore = session")
        for name, case in CASES.items():
            told = shell.run(case.line)
            proof = shell.good(PROOF).text
            ran[name] = (told, f"{proof} {shell.good('%aws_profile').text.splitlines()[0]}")
    return ran


@pytest.mark.parametrize("name", CASES)
def test_in_a_shell(shell_runs: dict[str, tuple[Ran, str]], name: str) -> None:
    """A terminal shows two lines of text; identity and variables stay."""
    case, (ran, after) = CASES[name], shell_runs[name]
    assert isinstance(ran.error, AwsProfileError)
    assert type(ran.error).__name__ == case.kind
    assert case.says in str(ran.error)
    assert case.hints in ran.error.hint
    assert ran.text == "\n".join(ran.error._render_traceback_())
    assert len(ran.text.splitlines()) <= 2
    assert after == "True before session UserAlpha  (no expiry)"


def test_batch_run_fails(aws: EmbeddedAws) -> None:
    """A script that IPython runs ends with a status other than 0."""
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "-c", "%load_ext ipy_awsprofile\n%aws_profile Nobody"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "There is no profile `Nobody`" in without_colours(done.stdout)
    assert "Traceback" not in done.stdout + done.stderr


def test_cli_refuses_the_same(aws: EmbeddedAws, scenario: Scenario) -> None:
    """The AWS CLI fails on the same profiles, so it isn't only us who refuse them."""
    write_bad_profiles(aws, scenario)
    for profile in ("NoSource", "LoopA", "NoTrust", "WrongSecret", "Expired"):
        done = run_aws_cli("sts", "get-caller-identity", "--profile", profile)
        assert done.returncode != 0, profile
