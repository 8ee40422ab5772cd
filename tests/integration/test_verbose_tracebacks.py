"""Whatever ``%xmode`` is, our errors have two lines, and no traceback of them shows a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from tests.mfa_role import add_mfa_role
from tests.shells import run_notebook

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

#: An MFA code that AWS refuses.
WRONG_CODE = "459021"

#: Calls that fail, and their errors.
CALLS = {
    "open_session('Denied')": "AccessDenied",
    "open_session('Unreachable')": "EndpointUnreachable",
    "open_session('WithMfa', mfa_prompter=types_code)": "MfaRejected",
    "list_buckets(open_session('UserAlpha'))": "AccessDenied",
    "using_profile('Denied').__enter__()": "AccessDenied",
    "%aws_profile Denied": "AccessDenied",
}


@pytest.fixture(autouse=True)
def _profiles(aws: EmbeddedAws) -> None:
    """Create profiles to which a switch fails."""
    role = f"arn:aws:iam::{ROLE_ACCOUNT}:role/None"
    for name, endpoint in (("Unreachable", "http://127.0.0.1:9"), ("Denied", aws.endpoint_url)):
        aws.write_profile(
            name,
            source_profile="RoleBeta",
            role_arn=role,
            endpoint_url=endpoint,
            region="us-west-2",
        )
    add_mfa_role(aws, "WithMfa")


@pytest.mark.slow
def test_two_lines_in_a_notebook(aws: EmbeddedAws) -> None:
    """In every mode, a notebook shows our error and its hint, without a traceback."""
    first = "%load_ext ipy_awsprofile\nfrom ipy_awsprofile import *"
    types_code = f"def types_code(_): return '{WRONG_CODE}'"
    modes = ("Plain", "Context", "Verbose", "Minimal", "Docs")
    cells = [cell for mode in modes for cell in (f"%xmode {mode}", *CALLS)]
    ran, _ = run_notebook(f"{first}\n{types_code}", *cells, environment=aws.environment())
    failed = [cell.outputs[0] for cell in ran if cell.outputs[0:1] and "ename" in cell.outputs[0]]
    assert [output["ename"] for output in failed] == [*CALLS.values()] * len(modes)
    for output in failed:
        line, _hint = output["traceback"]
        assert line == f"{output['ename']}: {output['evalue']}"


@pytest.mark.parametrize(
    "handler",
    [
        "except AwsProfileError as error:\n    raise RuntimeError('cannot') from error",
        "except AwsProfileError:\n    1 / 0",
    ],
)
@pytest.mark.parametrize("call", list(CALLS)[:-1])
def test_cause_of_another_error(aws: EmbeddedAws, shell: Shell, call: str, handler: str) -> None:
    """If our error leads to another one, the traceback shows ours without a secret."""
    shell.good("from ipy_awsprofile import *\n%xmode Verbose\n%aws_profile RoleBeta")
    shell.names["types_code"] = lambda _: WRONG_CODE
    ran = shell.run(f"try:\n    {call}\n{handler}")
    assert CALLS[call] in ran.text
    assert "Traceback" in ran.text
    assert not [secret for secret in (*aws.secrets(), WRONG_CODE) if secret in ran.text]
