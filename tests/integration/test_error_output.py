"""An error has two lines in a kernel and in a shell, and changes nothing.

The tables in `broken_kinds` and the magics' own tests cover the text of each error.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT
from tests.mfa_role import add_mfa_role
from tests.shells import run_notebook, without_colours

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell


@dataclass(frozen=True, slots=True)
class Case:
    """A line that fails, and its error: type, text and hint."""

    line: str
    error: str
    says: str
    hint: str


CASES = {
    "the files": Case(
        "%aws_profile RoleBet",
        "ProfileNotFound",
        "There is no profile `RoleBet` in the shared config files.",
        "Did you mean `RoleBeta`",
    ),
    "the line": Case(
        "%aws_profile RoleBeta --nope",
        "InvalidOption",
        "unrecognized arguments: --nope",
        "Run `%aws_profile?` to see the options.",
    ),
    "AWS": Case(
        "%aws_profile NoRole",
        "AccessDenied",
        "AWS doesn't let `UserAlpha` assume the role of `NoRole`: "
        f"User: arn:aws:iam::{USER_ACCOUNT}:user/UserAlpha is not authorized",
        "Check that the role exists",
    ),
    "nobody to ask": Case(
        "%aws_profile WithMfa",
        "MfaUnavailable",
        f"An MFA code from arn:aws:iam::{USER_ACCOUNT}:mfa/WithMfaUser is required, "
        "but no one is available to enter it.",
        "Run `%aws_profile WithMfa`, or `%aws_profile --refresh` if the profile is active",
    ),
}

PROOF = "print(session is before, *sorted(get_ipython().run_line_magic('who_ls', '')))"


@pytest.fixture(autouse=True)
def _profiles(aws: EmbeddedAws) -> None:
    """Create profiles to which a switch fails."""
    add_mfa_role(aws, "WithMfa")
    aws.write_profile(
        "NoRole",
        role_arn=f"arn:aws:iam::{ROLE_ACCOUNT}:role/NoRole",
        source_profile="UserAlpha",
        region="us-west-2",
    )


@pytest.mark.slow
def test_in_a_kernel(aws: EmbeddedAws) -> None:
    """A kernel sends one `error` and no other output, without repeating a sentence."""
    cells = ["%load_ext ipy_awsprofile\n%aws_profile RoleBeta\nbefore = session"]
    for case in CASES.values():
        cells += [case.line, PROOF]
    ran, _ = run_notebook(*cells, environment=aws.environment())
    for case, failed, proof in zip(CASES.values(), ran[1::2], ran[2::2], strict=True):
        (shown,) = failed.outputs
        assert (shown["output_type"], shown["ename"]) == ("error", case.error)
        assert case.says in shown["evalue"]
        line, hint = shown["traceback"]
        assert line == f"{case.error}: {shown['evalue']}"
        assert case.hint in hint
        assert proof.text == "True before session"


def test_in_a_shell(shell: Shell) -> None:
    """A terminal shows the error and its hint in two lines, and the variables don't change."""
    shell.good("%aws_profile UserAlpha\nbefore = session")
    for case in CASES.values():
        error = shell.refused(case.line)
        assert type(error).__name__ == case.error
        assert case.says in str(error)
        assert case.hint in error.hint
        assert shell.run(case.line).text == "\n".join(error._render_traceback_())
        assert shell.good(PROOF).text == "True before session"
        assert shell.good("%aws_profile").text.startswith("UserAlpha  (no expiry)")


def test_batch_run_fails() -> None:
    """A script that IPython runs exits with a nonzero status."""
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
