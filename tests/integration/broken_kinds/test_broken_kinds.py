"""For each kind of profile and each way to break it, the error says what to do.

Each row changes a text in `kinds`, or breaks something that the text needs. It contains the words
by which the user finds the mistake.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.errors import (
    AwsProfileError,
    EndpointUnreachable,
    MfaUnavailable,
)
from ipy_awsprofile.explain.explain import explain
from ipy_awsprofile.sessions.session import open_session, who_am_i
from tests.integration.broken_kinds.keys_and_roles import (
    KEYS,
    REGIONS_AND_ENDPOINTS,
    ROLES,
    SETTINGS,
)
from tests.integration.broken_kinds.sources import MACHINES, PROCESSES, SIGN_INS, WEB_IDENTITIES
from tests.integration.broken_kinds.stage import HUSH, Broken, Stage

if TYPE_CHECKING:
    from tests.shells import Shell

ROWS = {
    f"{about}: {name}": row
    for about, rows in {
        "keys": KEYS,
        "roles": ROLES | SETTINGS,
        "endpoints": REGIONS_AND_ENDPOINTS,
        "machines": MACHINES,
        "web identities": WEB_IDENTITIES,
        "processes": PROCESSES,
        "sign-ins": SIGN_INS,
    }.items()
    for name, row in rows.items()
}


@pytest.mark.nightly(keep=40)
@pytest.mark.parametrize("name", ROWS)
def test_broken(
    stage: Stage, play: Callable[[Broken], str], caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """The error is ours and without a secret, and an explanation has it if AWS isn't needed."""
    row = ROWS[name]
    profile = play(row)
    explanation = explain(SessionRequest(profile=profile))
    stage.aws.calls.clear()
    with pytest.raises(AwsProfileError) as told:
        who_am_i(open_session(profile, mfa_prompter=stage.person, timeout=0.5))
    error = told.value
    assert type(error) is row.error, error
    assert row.says in str(error)
    assert row.hint in error.hint
    assert len(error._render_traceback_()) == 1 + bool(error.hint)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    if found := explanation.error:
        assert (str(found), found.hint) == (str(error), error.hint)
    else:  # AWS, another server, a program or the user is needed
        is_outside = isinstance(error, EndpointUnreachable | MfaUnavailable)
        assert stage.aws.calls or row.by or is_outside or explanation.warnings
    seen = "".join([*traceback.format_exception(error), error.hint, caplog.text, repr(explanation)])
    assert not [secret for secret in (*stage.aws.secrets(), HUSH) if secret in seen]


@pytest.mark.parametrize(
    "name", ["roles: no trust", "processes: prints rubbish", "sign-ins: no JSON, sso-session"]
)
def test_notebook_stays_who_it_was(
    stage: Stage, play: Callable[[Broken], str], shell: Shell, name: str
) -> None:
    """A switch to a broken profile shows two lines, and the previous identity stays active."""
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
