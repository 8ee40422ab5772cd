"""The toolbar's comm, as pages find and use it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import comm
import pytest
import time_machine
from comm.base_comm import BaseComm, CommManager

from ipy_awsprofile.picker.toolbar import PROTOCOL, TARGET
from tests.test_extension import state

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

LOAD, UNLOAD = "%load_ext ipy_awsprofile", "%unload_ext ipy_awsprofile"


class Pages:
    """The pages at the other end of a kernel's comms, without a browser."""

    def __init__(self) -> None:
        self.manager = CommManager()
        #: The type and data of each message to the pages.
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.buffers: list[bytes] = []

    def create_comm(self, **options: Any) -> BaseComm:
        """Create a comm of these pages; a kernel replaces `comm.create_comm` in the same way."""
        pages = self

        class Comm(BaseComm):
            def publish_msg(
                self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None,
                **_: Any,
            ) -> None:  # fmt: skip
                pages.got.append((msg_type, json.loads(json.dumps(data))))
                pages.buffers += buffers or []

        return Comm(**options)

    @property
    def found(self) -> list[str]:
        """The toolbar's comms, as a comm_info_reply lists them."""
        return [name for name, one in self.manager.comms.items() if one.target_name == TARGET]

    def do(self, command: str) -> dict[str, Any]:
        """Send a command as a page does, and return the last message."""
        content = {"comm_id": self.found[0], "data": {"do": command}}
        self.manager.comm_msg(None, "", {"content": content})  # type: ignore[arg-type]
        return self.got[-1][1]

    def close(self) -> None:
        """Close the comm as a page without the labextension does."""
        content = {"comm_id": self.found[0], "data": {}}
        self.manager.comm_close(None, "", {"content": content})  # type: ignore[arg-type]


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch, bare_shell: Shell) -> Pages:
    """Make the shell look like a kernel's shell whose comms reach pages, and return these."""
    pages = Pages()
    monkeypatch.setattr(comm, "create_comm", pages.create_comm)
    monkeypatch.setattr(comm, "get_comm_manager", lambda: pages.manager)
    bare_shell.ip.kernel = None
    return pages


def test_the_first_messages(pages: Pages, bare_shell: Shell, aws: EmbeddedAws) -> None:
    """Loading opens the comm; a page that says hello gets the script, and nothing else is sent."""
    before = state(bare_shell)
    for cell in (LOAD, "%aws_profile RoleBeta", "%aws_profile --off"):
        bare_shell.good(cell)
    assert pages.got == [("comm_open", {"protocol": PROTOCOL})]
    assert pages.do("hello") == {"script": True, "protocol": PROTOCOL}
    (script,) = pages.buffers
    assert b"export default { render, button }" in script
    assert b"\nimport " not in script
    bare_shell.good("%aws_profile RoleBeta")
    assert len(pages.got) == 2
    bare_shell.good(UNLOAD)
    assert pages.got[-1] == ("comm_close", {})
    assert (pages.found, state(bare_shell)) == ([], before)


def test_a_page_that_closes_it(pages: Pages, bare_shell: Shell, aws: EmbeddedAws) -> None:
    """If a page closes the comm, the other pages can still use it."""
    for cell in (LOAD, "%aws_profile RoleBeta"):
        bare_shell.good(cell)
    pages.do("ready")
    pages.close()
    assert pages.do("ready")["identity"]["profile"] == "RoleBeta"
    bare_shell.good(UNLOAD)
    assert pages.got[-1] == ("comm_close", {})


def test_each_change(pages: Pages, bare_shell: Shell, aws: EmbeddedAws) -> None:
    """Pages get each switch at once and other changes after the cell, without calls to AWS."""
    for cell in (LOAD, "%aws_profile RoleBeta"):
        bare_shell.good(cell)
    aws.calls.clear()
    pages.do("ready")
    bare_shell.good("import os; os.environ['AWS_PROFILE'] = 'UserAlpha'")
    assert pages.got[-1][1]["identity"]["notes"] == 1
    assert "AWS_PROFILE" in pages.got[-1][1]["html"]
    assert aws.calls == []
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=50)):
        bare_shell.good("session.client('s3').list_buckets()")
        assert pages.got[-1][1]["identity"]["left"] > 3500
    bare_shell.good("%%aws_profile UserAlpha\n1")
    profiles = [data["identity"]["profile"] for _, data in pages.got[1:]]
    assert "UserAlpha" in profiles
    assert profiles[-1] == "RoleBeta"


def test_a_failed_renewal(pages: Pages, bare_shell: Shell, aws: EmbeddedAws) -> None:
    """After a cell has failed with expired credentials, no page says that they renew."""
    for cell in (LOAD, "%aws_profile RoleBeta"):
        bare_shell.good(cell)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=2)):
        assert pages.do("ready")["identity"]["renews"]
        aws.credentials_file.write_text(
            "[UserAlpha]\naws_access_key_id = x\naws_secret_access_key = x\n"
        )
        assert bare_shell.run("session.client('s3').list_buckets()").error
        message = pages.got[-1][1]
    assert not message["identity"]["renews"]
    assert "renewed. Refresh to see why" in message["html"]
