"""Messages from the kernel to the toolbar."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NoReturn

import comm
import pytest
import time_machine
from jupyter_client.manager import KernelManager

from ipy_awsprofile.picker.toolbar import PROTOCOL, TARGET
from tests.picker.front_end import VIEW, FrontEnd
from tests.test_extension import state
from tests.test_readme import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

LOAD, UNLOAD = "%load_ext ipy_awsprofile", "%unload_ext ipy_awsprofile"
SCOPE = "%%aws_profile UserAlpha\n1"


@pytest.fixture
def front_end(monkeypatch: pytest.MonkeyPatch, bare_shell: Shell) -> FrontEnd:
    """Make the shell look like a kernel's shell whose comms reach a front end, and return it."""
    front_end = FrontEnd()
    monkeypatch.setattr(comm, "create_comm", front_end.create_comm)
    monkeypatch.setattr(comm, "get_comm_manager", lambda: front_end.manager)
    bare_shell.ip.kernel = None
    return front_end


def test_nothing_is_sent_before_it_is_asked_for(
    front_end: FrontEnd, bare_shell: Shell, aws: EmbeddedAws
) -> None:
    """Without a request, a front end gets no message, and the shell gets no extra event hook."""
    before = state(bare_shell)
    for cell in (LOAD, "%aws_profile RoleBeta", SCOPE):
        bare_shell.good(cell)
    assert len(front_end.found) == 1
    assert state(bare_shell)["events"] == before["events"]
    for cell in ("%aws_profile --off", UNLOAD):
        bare_shell.good(cell)
    assert front_end.published == []
    assert front_end.found == []


def test_only_a_kernel_has_it(bare_shell: Shell) -> None:
    """Loading adds no comm in IPython in a terminal."""
    bare_shell.good(LOAD)
    comms = comm.get_comm_manager().comms.values()
    assert TARGET not in {one.target_name for one in comms}


def no_manager() -> NoReturn:
    """Raise the error of a kernel without a comm manager."""
    raise NotImplementedError


class OwnManager:
    """A manager that isn't IPython's and knows only its own comms, as in xeus-python."""

    def register_target(self, name: str, callback: Callable[..., object]) -> None:
        """Accept a target, and do nothing."""


class StrictManager(OwnManager):
    """A manager that refuses comms that it hasn't created."""

    def register_comm(self, comm: object) -> None:
        """Refuse any comm that isn't its own."""
        raise TypeError(type(comm).__name__)


class SilentManager(OwnManager):
    """A manager that accepts comms but doesn't list them to front ends."""

    def register_comm(self, comm: object) -> None:
        """Accept a comm, and do nothing."""


@pytest.mark.parametrize(
    "get_manager", [no_manager, lambda: None, OwnManager, StrictManager, SilentManager]
)
def test_another_kernels_comms(
    bare_shell: Shell,
    aws: EmbeddedAws,
    monkeypatch: pytest.MonkeyPatch,
    get_manager: Callable[[], object],
) -> None:
    """If a kernel's comms aren't IPython's, everything except the toolbar works."""
    monkeypatch.setattr(comm, "get_comm_manager", get_manager)
    bare_shell.ip.kernel = object()
    before = state(bare_shell)
    loaded = bare_shell.good(LOAD)
    assert loaded.text == ""
    assert "RoleBeta" in bare_shell.good("%aws_profile RoleBeta").text
    bare_shell.good(UNLOAD)
    assert state(bare_shell) == before


def test_hello(front_end: FrontEnd, bare_shell: Shell) -> None:
    """The answer contains the button's script and style only if the protocols match."""
    bare_shell.good(LOAD)
    hello = {"type": "hello", "protocol": PROTOCOL, "view": VIEW}
    assert front_end.says("hello", protocol=PROTOCOL + 1) == [hello]
    assert front_end.buffers == []
    assert front_end.says("hello", protocol=PROTOCOL) == [hello]
    script, style = (text.decode() for text in front_end.buffers)
    assert "export default" in script
    assert ".ipyap-tool" in style
    link = (ROOT / "labextension" / "static" / "link.js").read_text()
    assert re.search(r"const PROTOCOL = (\d+);", link)[1] == str(PROTOCOL)  # type: ignore[index]


@pytest.mark.parametrize(
    ("before", "cell", "told"),
    [
        ((), "%aws_profile RoleBeta", ["RoleBeta"]),
        (("%aws_profile RoleBeta",), "%aws_profile --off", [None]),
        (("%aws_profile RoleBeta",), SCOPE, ["UserAlpha", "RoleBeta"]),
        (("%aws_profile RoleBeta",), f"{SCOPE}/0", ["UserAlpha", "RoleBeta"]),
        ((), SCOPE, ["UserAlpha", None]),
        (("%aws_profile RoleBeta",), "%aws_profile --refresh", ["RoleBeta"]),
        (("%aws_profile RoleBeta",), "%aws_profile RoleBeta --region eu-west-1", ["RoleBeta"]),
        (("%aws_profile RoleBeta",), "%aws_profile Nobody", []),
        (("%aws_profile RoleBeta",), "1", []),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("aws")
def test_every_change_is_told(
    front_end: FrontEnd,
    bare_shell: Shell,
    before: tuple[str, ...],
    cell: str,
    told: list[str | None],
) -> None:
    """The kernel reports each switch and scope, and the end of each, and nothing else."""
    for one in (LOAD, *before):
        bare_shell.good(one)
    front_end.begins()
    known = len(front_end.identities)
    bare_shell.run(cell)
    assert [one and one["profile"] for one in front_end.identities[known:]] == told


def test_changes_without_a_switch(front_end: FrontEnd, bare_shell: Shell, aws: EmbeddedAws) -> None:
    """After a cell, the kernel reports renewed credentials, leftovers and protected profiles."""
    for cell in (LOAD, "%aws_profile RoleBeta"):
        bare_shell.good(cell)
    first = front_end.begins()["identity"]
    aws.calls.clear()
    assert (first["account"], first["protected"], first["notes"]) == ("123456789012", False, 0)
    assert first["arn"].startswith("arn:aws:sts::123456789012:assumed-role/RoleBeta/")
    assert 3500 < first["left"] <= 3600

    bare_shell.good("import os; os.environ['AWS_PROFILE'] = 'UserAlpha'")
    assert front_end.shown["notes"] == 1
    assert "AWS_PROFILE" in front_end.published[-1][1]["html"]
    bare_shell.good("os.environ['AWS_PROFILE'] = 'RoleBeta'")
    assert front_end.shown["notes"] == 0
    bare_shell.good("%config AwsProfileMagics.protected = ['Role*']")
    assert front_end.shown["protected"]
    assert aws.calls == []

    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=50)):
        bare_shell.good("session.client('s3').list_buckets()")
        assert front_end.shown["expires"] > first["expires"]
        assert 3500 < front_end.shown["left"] <= 3600
    assert [call.action for call in aws.calls] == ["sts:AssumeRole", "s3:ListAllMyBuckets"]


def test_who_asks_late(front_end: FrontEnd, bare_shell: Shell, aws: EmbeddedAws) -> None:
    """A page opened later gets the active identity at once, without a call to AWS."""
    for cell in (LOAD, "%aws_profile RoleBeta"):
        bare_shell.good(cell)
    aws.calls.clear()
    assert front_end.begins()["identity"]["name"] == "RoleBeta ← UserAlpha"
    assert aws.calls == []


def test_the_popup_is_the_picker(
    front_end: FrontEnd, bare_shell: Shell, aws: EmbeddedAws, auditor: str
) -> None:
    """A switch with an MFA code works over the comm, and no message contains a secret."""
    bare_shell.good(LOAD)
    front_end.begins()
    front_end.says("ready")
    (listed,) = front_end.says("list", have=0)
    choice = {"profile": "Auditor", "region": None, "list": listed["version"]}
    assert front_end.says("switch", **choice)[-1]["type"] == "code"
    code = aws.mfa_code(auditor)
    answers = front_end.says("switch", **choice, code=code)
    assert [one["type"] for one in answers] == ["identity", "done"]
    assert bare_shell.names["session"].profile_name == "Auditor"
    (refused,) = front_end.says("console")  # its link would contain a token
    assert refused["type"] == "error"
    assert "--console" in refused["html"]
    sent = str(front_end.published) + b"".join(front_end.buffers).decode()
    assert [secret for secret in (*aws.secrets(), code) if secret in sent] == []


def test_unloading_and_loading_again(
    front_end: FrontEnd, bare_shell: Shell, aws: EmbeddedAws
) -> None:
    """A connected front end learns that the comm is closed; after a reload, it finds a new one."""
    before = state(bare_shell)
    bare_shell.good(LOAD)
    front_end.begins()
    (first,) = front_end.found
    bare_shell.good("%reload_ext ipy_awsprofile")
    assert front_end.published[-1] == ("comm_close", {})
    (second,) = front_end.found
    assert second != first
    assert front_end.begins()["identity"] is None
    bare_shell.good(UNLOAD)
    assert front_end.found == []
    assert state(bare_shell) == before


@pytest.mark.parametrize("has_begun", [True, False])
@pytest.mark.usefixtures("aws")
def test_closed_by_one_page(front_end: FrontEnd, bare_shell: Shell, has_begun: bool) -> None:
    """If a page closes the comm, the other pages can still use it, and still get updates."""
    before = state(bare_shell)
    bare_shell.good(LOAD)
    if has_begun:
        front_end.begins()
    (comm_id,) = front_end.found
    message = {"content": {"comm_id": comm_id, "data": {}}}
    front_end.manager.comm_close(None, "", message)  # type: ignore[arg-type]
    assert front_end.found == [comm_id]
    bare_shell.good("%aws_profile RoleBeta")
    assert len(front_end.identities) == 2 * has_begun
    assert front_end.begins()["identity"]["profile"] == "RoleBeta"
    bare_shell.good(UNLOAD)
    assert front_end.published[-1] == ("comm_close", {})
    assert front_end.found == []
    assert state(bare_shell) == before


@pytest.mark.slow
def test_a_real_kernel_tells_only_who_asks(aws: EmbeddedAws, tmp_path: Path) -> None:
    """A kernel publishes no comm message until a front end has found the comm and said hello."""
    manager = KernelManager(transport="ipc", ip=f"{tmp_path}/kernel")
    manager.start_kernel(env=os.environ | aws.environment() | {"PYTHONPATH": str(ROOT)})
    client = manager.blocking_client()
    published: list[str] = []
    try:
        client.start_channels()
        client.wait_for_ready(timeout=60)

        def run(cell: str) -> None:
            reply = client.execute_interactive(
                cell, output_hook=lambda message: published.append(message["msg_type"])
            )
            assert reply["content"]["status"] == "ok"

        for cell in (LOAD, "%aws_profile RoleBeta", SCOPE, "%aws_profile --off"):
            run(cell)
        assert "display_data" in published
        assert not [kind for kind in published if kind.startswith("comm")]
        found = client.comm_info(TARGET, reply=True, timeout=60)["content"]["comms"]
        (comm_id,) = found
        hello = {"type": "hello", "protocol": PROTOCOL, "view": VIEW}
        content = {"comm_id": comm_id, "data": hello}
        client.shell_channel.send(client.session.msg("comm_msg", content))
        run("%aws_profile RoleBeta")
        assert "comm_msg" in published
        run(UNLOAD)
        assert "comm_close" in published
        assert client.comm_info(TARGET, reply=True, timeout=60)["content"]["comms"] == {}
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
