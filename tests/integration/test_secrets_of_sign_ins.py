"""No secret of a sign-in is in an output, a log or a saved notebook."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, allow
from tests.identity_center import PROD, organisation
from tests.local_browser import Browser, browser
from tests.shells import run_notebook

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

__all__ = ["browser"]

#: Cells that list, use and save roles. Failures show all variables of the stack.
CELLS = (
    "%load_ext ipy_awsprofile",
    "%xmode Verbose",
    "%aws_profiles --sso",
    '%aws_profile --account "Acme Prod" --role Admin',
    "session",
    "%aws_profile",
    "%aws_profile --explain",
    "%aws_profile --account sandbox --role Nobody",
    "%aws_profile --account nowhere --role Reader",
    "%aws_profiles --sso nowhere",
    "from ipy_awsprofile import across_profiles, list_assigned_roles, who_am_i",
    "across_profiles(list_assigned_roles(pattern='sandbox'), who_am_i, progress=False)",
    f"%aws_profile corp:{PROD}/Admin --save kept",
    "%aws_profile --console iam",
    "%aws_profile --pick",
    "1 / (session and 0)",
    "%aws_profile Ann",
    '%aws_profiles --sso --save "{account_name}-{role}" --yes',
    "%aws_profile --logout",
    "%aws_profile --sso nowhere --logout",
    "%aws_profile prod-reader",
    "%aws_profile --off",
)


@pytest.fixture(autouse=True)
def _organisation(aws: EmbeddedAws) -> None:
    organisation(aws)
    user = aws.create_user("Ann", account=ROLE_ACCOUNT, policy=allow("s3:*"))
    aws.write_profile("Ann", login_session=user.arn, region="us-west-2")
    aws.signin.codes.user = user


def found(aws: EmbeddedAws, shown: str) -> list[str]:
    """Return the beginning of each secret that is in a text."""
    secrets = aws.secrets()
    assert len(secrets) >= 7
    return [secret[:4] for secret in secrets if secret in shown]


def test_in_a_shell(
    shell: Shell,
    aws: EmbeddedAws,
    browser: Browser,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With sign-ins in the browser, nothing that is shown, raised or logged contains a secret."""
    pytest.importorskip("awscrt", reason="needs botocore[crt]")
    monkeypatch.setattr("getpass.getpass", lambda _question: "")  # a user sees the output
    caplog.set_level(logging.DEBUG, logger="ipy_awsprofile")
    caplog.set_level(logging.INFO, logger="botocore")
    shown, failed = [], 0
    for cell in CELLS[1:]:
        ran = shell.run(cell)
        failed += ran.error is not None
        shown += [ran.printed, *map(str, ran.displayed), repr(ran.result)]
    assert failed == 5
    assert "4 roles in 3 accounts" in "".join(shown)
    assert ":user/Ann" in "".join(shown)
    assert list((aws.home / ".aws").glob("*/cache/*.json"))
    # Only the browser gets the console's link, which contains a token.
    opened = [url for url in browser.opened if "SigninToken=" not in url]
    assert len(opened) == len(browser.opened) - 1
    assert found(aws, "".join([*shown, caplog.text, *opened])) == []


@pytest.mark.slow
def test_in_a_saved_notebook(aws: EmbeddedAws) -> None:
    """A saved notebook contains no secret, not even in its widgets' state and in tracebacks."""
    aws.sso.sign_in("corp")
    cells, saved = run_notebook(*CELLS, environment=aws.environment())
    assert [cell.error for cell in cells].count(None) < len(CELLS) - 4
    assert "4 roles in 3 accounts" in saved
    assert json.loads(saved)["metadata"]["widgets"]
    assert found(aws, saved) == []
    assert re.findall(r"SigninToken=\w+", saved) == []
