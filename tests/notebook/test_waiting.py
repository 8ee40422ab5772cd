"""The note that a cell shows while it waits for a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.credentials import process_wait
from ipy_awsprofile.notebook import prompts
from tests.shells import run_notebook

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

COMMAND = 'sh -c "sleep 1; echo hush-argument"'
NOTE = "Waiting for the credential_process of `Slow`"


@pytest.mark.slow
@pytest.mark.parametrize("html", [True, False])
def test_shown_while_it_waits(
    aws: EmbeddedAws, shell: Shell, *, html: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The note names the profile but not the command, and a front end clears it at the end."""
    monkeypatch.setattr(process_wait, "QUIET", 0.0)
    monkeypatch.setattr(prompts, "somebody_is_there", lambda: True)
    monkeypatch.setattr(prompts, "renders_html", lambda: html)
    aws.write_profile("Slow", credential_process=COMMAND, region="us-west-2")
    ran = shell.run("%aws_profile Slow")
    assert NOTE in ran.text
    assert "hush" not in f"{ran.text}{ran.html}"
    if html:
        shown, after = ran.displayed[:2]
        assert NOTE in shown["text/plain"]
        assert dict(after) == {"text/plain": ""}


@pytest.mark.slow
def test_not_saved(aws: EmbeddedAws) -> None:
    """The note isn't saved in the notebook, and doesn't appear if no one can see it."""
    aws.write_profile("Slow", credential_process=COMMAND, region="us-west-2")
    person = "get_ipython().kernel._allow_stdin = True\n"
    cells, text = run_notebook(
        "%load_ext ipy_awsprofile",
        "from ipy_awsprofile.credentials import process_wait; process_wait.QUIET = 0",
        f"{person}%aws_profile Slow",
        "%aws_profile Slow",
        environment=aws.environment(),
    )
    assert "Waiting for" not in text
    assert [len(cell.outputs) for cell in cells[2:]] == [2, 1]
