"""Events: who has used which identity, in a log and in the file of the organization's policy."""

from __future__ import annotations

import json
import logging
import re
import socket
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest

from ipy_awsprofile import open_session
from ipy_awsprofile.audit import EventName, JsonFormatter
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, add_role
from ipy_awsprofile.errors import EventNotRecorded, NoProfileAnswered, NotAllowed
from tests.aws import EmbeddedAws
from tests.shells import Shell, run_notebook
from tests.terminals import Terminal
from tests.test_readme import DOCS, blocks, rows

PAGE = DOCS / "how-to" / "organization.md"


class Events(logging.Handler):
    """Keeps events, as lines of JSON and as their names, profiles and role sessions."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(JsonFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.lines.append(self.format(record))

    def take(self) -> list[dict[str, str]]:
        """Return the events since the last call."""
        events = [json.loads(line) for line in self.lines]
        self.lines.clear()
        return events


@pytest.fixture
def events() -> Iterator[Events]:
    """Add a handler to the logger, as an administrator does."""
    logger = logging.getLogger("ipy_awsprofile.audit")
    handler = Events()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


#: Cells, and their events with the detail or options of each.
CELLS = {
    "%aws_profile RoleBeta --session-name me --external-id a-secret-id": [
        "switch: --session-name me --external-id …"
    ],
    "%aws_profile --refresh": ["switch: --refresh --session-name me --external-id …"],
    "%%aws_profile RoleGamma\n1": ["block: "],
    "with using_profile('RoleGamma', region='us-east-1'): pass": ["block: --region us-east-1"],
    "%%aws_profiles RoleGamma\n1": ["run: "],
    "s = open_session('UserAlpha')": ["session: "],
    "%config AwsProfileMagics.protected = ['Gamma']": ["setting: protected: [] becomes ['Gamma']"],
    "%aws_profile RoleGamma": ["refused: The pattern `Gamma` protects"],
    "%aws_profile RoleGamma --yes": ["confirmed: --yes the pattern Gamma", "switch: --yes"],
    "%aws_profile RoleBeta --expect-account 111111111111": [
        "refused: --expect-account 111111111111 `RoleBeta` is in"
    ],
    "@on_switch\ndef follow(session): pass": ["on_switch: added follow"],
    "end_on_switch(follow)": ["on_switch: removed follow"],
    "end_on_switch(print)": [],
    "%aws_profile --off": ["off: --yes"],
    "%aws_profile --logout": ["sign-out: "],
}


def test_the_events_of_cells(shell: Shell, aws: EmbeddedAws, events: Events) -> None:
    """Each action has its events, with who, as what, and what was asked."""
    add_role(aws, "RoleGamma", "s3:*")
    shell.good("from ipy_awsprofile import end_on_switch, on_switch, open_session, using_profile")
    for cell, expected in CELLS.items():
        shell.run(cell)
        taken = events.take()
        shown = [f"{each['event']}: {each['options']} {each['detail']}" for each in taken]
        shown = [re.sub(" +", " ", text) for text in shown]
        assert len(shown) == len(expected), (cell, shown)
        for text, beginning in zip(shown, expected, strict=True):
            assert text.startswith(beginning), (cell, shown)
        for each in taken:
            assert each["user"]
            assert each["time"].endswith("+00:00")
            assert "a-secret-id" not in str(each)
            if each["event"] == "switch":
                assert each["account"] == ROLE_ACCOUNT
                assert each["identity"].endswith(f"/{each['role_session']}")


def test_programs_and_windows(
    aws: EmbeddedAws,
    shell: Shell,
    events: Events,
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The events name the programs that get keys, and who has agreed to a window."""
    shell.good("%aws_profile RoleBeta")
    events.take()
    shell.good("%aws_profile --share --yes")
    assert [each["detail"] for each in events.take()] == ["begins"]
    for _ in range(2):
        terminal.python("import boto3; boto3.client('s3').list_buckets()", AWS_PROFILE="notebook")
    (keys,) = events.take()
    assert (keys["event"], keys["profile"]) == ("keys", "RoleBeta")
    assert re.match(r"\S+ \(\d+\) with notebook, for writing, until \d{4}-", keys["detail"])
    monkeypatch.setattr("builtins.input", lambda _question="": "yes")
    monkeypatch.setattr("getpass.getpass", lambda _question="": "yes")
    shell.good("%aws_profile --share write 10m")
    confirmed, window = events.take()
    assert (confirmed["event"], window["event"]) == ("confirmed", "window")
    assert confirmed["detail"].startswith("Programs with the profile notebook-agent can write")
    assert window["detail"].startswith("until 2")
    shell.good("%aws_profile --share off")
    assert [each["detail"] for each in events.take()] == ["ends"]


#: What a notebook does in a day.
DAY = (
    "%load_ext ipy_awsprofile",
    "%aws_profile RoleBeta --external-id a-secret-id",
    "session.client('s3').list_buckets()['Buckets'][0]",
    "%%aws_profile UserAlpha\nkeys = session.get_credentials().get_frozen_credentials()",
    "%%aws_profiles RoleBeta,UserAlpha\n1",
    "%aws_profile RoleBeta --write",
    "%aws_profile --off",
)


def test_a_day_of_two_notebooks(aws: EmbeddedAws, policy: Path, tmp_path: Path) -> None:
    """A policy's file has the events of both, is read as a DataFrame, and has no secret."""
    file = tmp_path / "events.jsonl"
    policy.write_text(f"audit = '{file}'\n[allow]\nwrite = false")
    for name in ("reports/sales.ipynb", "churn.ipynb"):
        ran, _ = run_notebook(
            *DAY, environment={"IPY_AWSPROFILE_POLICY": str(policy), "JPY_SESSION_NAME": name}
        )
        assert [cell.error.ename for cell in ran if cell.error] == ["NotAllowed"]
    frame = pd.read_json(file, lines=True, dtype=False)
    for _, day in frame.groupby("notebook"):
        names = ["switch", "block", "run", "run", "refused", "off"]
        assert list(day.event) == names
    assert set(frame.notebook) == {"reports/sales.ipynb", "churn.ipynb"}
    assert set(frame[frame.event == "switch"].account) == {ROLE_ACCOUNT}
    parallel = frame.event == "run"  # the events of two profiles, in any order
    assert frame[~parallel].time.is_monotonic_increasing
    text = file.read_text()
    secrets = {*aws.iam.secrets, "a-secret-id", "list_buckets"}
    assert len(aws.iam.secrets) > 4
    assert [secret for secret in secrets if secret in text] == []
    assert file.stat().st_mode & 0o077 == 0


def test_a_file_that_cant_be_written(shell: Shell, aws: EmbeddedAws, policy: Path) -> None:
    """What can't be recorded isn't done, but a notebook can always switch off."""
    file = policy.parent / "missing" / "events.jsonl"
    shell.good("%aws_profile UserAlpha")
    policy.write_text(f"contact = '#help'\naudit = '{file}'")
    for cell in ("%aws_profile RoleBeta", "%%aws_profile RoleBeta\n1", "%aws_profile --refresh"):
        error = shell.refused(cell)
        assert isinstance(error, EventNotRecorded)
        assert str(error) == f"The event can't be written to {file}: No such file or directory."
        assert error.hint.startswith(f"Nothing has changed. This limit is set in `{policy}`.")
        assert error.hint.endswith("ask #help.")
        assert shell.good("session.profile_name").result == "UserAlpha"
    with pytest.raises(EventNotRecorded):
        open_session("RoleBeta")
    assert isinstance(shell.run("%%aws_profiles RoleBeta\n1").error, NoProfileAnswered)
    shown = shell.good("%aws_profile --off").text
    assert "The event can't be written" in shown
    assert "The switch is undone" in shown
    file.parent.mkdir()
    shell.good("%aws_profile RoleBeta")
    assert json.loads(file.read_text())["event"] == "switch"


def test_nothing_without_a_handler(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a handler and a policy, no event is made."""
    monkeypatch.setattr("ipy_awsprofile.audit.Event", None)
    shell.good("%aws_profile RoleBeta")
    shell.good("%aws_profile --off")


#: A file `ipython_config.py` of an administrator.
CONFIG = """\
from ipy_awsprofile import on_switch

@on_switch
def report(session):
    print("reported", session and session.profile_name)
"""


def test_an_administrators_function(aws: EmbeddedAws, tmp_path: Path) -> None:
    """A notebook can neither remove nor replace a function of IPython's configuration."""
    folder = tmp_path / "ipython" / "profile_default"
    folder.mkdir(parents=True)
    (folder / "ipython_config.py").write_text(CONFIG)
    cells, _ = run_notebook(
        "%load_ext ipy_awsprofile\n"
        "from ipy_awsprofile import end_on_switch, on_switch\n"
        "from ipy_awsprofile.gate import PROCESS\n"
        "(report,) = PROCESS.user_functions.values()",
        "end_on_switch(report)",
        "on_switch(report)",
        "%aws_profile RoleBeta",
        environment={"IPYTHONDIR": str(tmp_path / "ipython")},
    )
    for cell in cells[1:3]:
        assert cell.error.ename == NotAllowed.__name__
        assert "IPython's configuration has registered `report`" in cell.error.evalue
    assert "reported RoleBeta" in cells[3].text


def test_the_table_of_events() -> None:
    """The page has a row for each event and each field."""
    named = [row[0].strip("`") for row in rows(PAGE.read_text())]
    assert set(get_args(EventName)) <= set(named)


def test_syslog(shell: Shell, aws: EmbeddedAws) -> None:
    """A server of syslog gets the events with the handler of the page."""
    code = next(block for block in blocks(PAGE.read_text(), "python") if "SysLog" in block)
    logger = logging.getLogger("ipy_awsprofile.audit")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        try:
            exec(code.replace("514", str(server.getsockname()[1])), {})
            shell.good("%aws_profile RoleBeta")
            received = server.recv(10_000).decode()
        finally:
            for handler in list(logger.handlers):
                logger.removeHandler(handler)
                handler.close()
            logger.setLevel(logging.NOTSET)
            logger.propagate = True
    event = json.loads(received[received.index("{") :].rstrip("\0"))
    assert (event["event"], event["profile"]) == ("switch", "RoleBeta")


def test_cloudwatch_logs(shell: Shell, aws: EmbeddedAws) -> None:
    """CloudWatch Logs get the events with the handler of the page, whatever the notebook does."""
    pytest.importorskip("watchtower")
    add_role(aws, "Logs", "logs:*")
    code = next(block for block in blocks(PAGE.read_text(), "python") if "watchtower" in block)
    made: dict[str, Any] = {}
    exec(code, made)
    made["handler"].setFormatter(JsonFormatter())
    logger = logging.getLogger("ipy_awsprofile.audit")
    logger.addHandler(made["handler"])
    logger.setLevel(logging.INFO)
    try:
        shell.good("%config AwsProfileMagics.stale = 'refuse'")
        shell.good("%aws_profile RoleBeta")
    finally:
        logger.removeHandler(made["handler"])
        logger.setLevel(logging.NOTSET)
        made["handler"].close()
    client = made["client"]
    (stream,) = client.describe_log_streams(logGroupName="notebooks")["logStreams"]
    name = stream["logStreamName"]
    found = client.get_log_events(logGroupName="notebooks", logStreamName=name)["events"]
    assert [json.loads(each["message"])["event"] for each in found] == ["setting", "switch"]


def test_the_files_of_the_page() -> None:
    """The page's agent reads the files that its policy writes, and its code reads one of them."""
    text = PAGE.read_text()
    policy = tomllib.loads(blocks(text, "toml")[0])
    (agent,) = map(json.loads, blocks(text, "json"))
    (file,) = agent["logs"]["logs_collected"]["files"]["collect_list"]
    written = policy["audit"].replace("{user}", "ann")
    assert fnmatch(written, file["file_path"])
    assert f'read_json("{written}", lines=True, dtype=False)' in text
