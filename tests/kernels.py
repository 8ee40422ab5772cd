"""A kernel with a front end whose user answers prompts."""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from queue import Empty
from typing import Any

from tests.aws import EmbeddedAws
from tests.shells import kernel_sockets

_CODE = re.compile(r"user_code=([A-Z]{4}-[A-Z]{4})")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

#: A cell that moves the kernel's clock by some hours.
_LATER = """
import datetime, time_machine
time_machine.travel(
    datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours={hours}), tick=True
).start()
"""


@dataclass
class Seen:
    """What the user saw of a cell: its text with all errors, the error's name, and the prompts."""

    text: str = ""
    error: str = ""
    prompts: list[str] = field(default_factory=list)
    saved: list[str] = field(default_factory=list)  # the outputs that a front end would save
    boxes: int = 0  # how many prompts were open at once, at most
    open: list[tuple[str, float]] = field(
        default_factory=list
    )  # prompts, and when they are answered


class Outputs:
    """The outputs of a cell in a front end that loses every second update, or all of them.

    https://jupyter-client.readthedocs.io/en/stable/messaging.html
    """

    _updates = count()

    def __init__(self, *, loses_all: bool) -> None:
        self._loses_all = loses_all
        self._shown: list[tuple[str, dict[str, Any]]] = []  # the display ID and the content
        self._clears_next = False

    def take(self, message: dict[str, Any]) -> None:
        """Show what a message publishes."""
        content = message["content"]
        display_id = content.get("transient", {}).get("display_id", "")
        match message["msg_type"]:
            case "clear_output" if content["wait"]:
                self._clears_next = True
            case "clear_output":
                self._shown.clear()
            case "update_display_data" if self._loses_all or next(self._updates) % 2:
                pass
            case "update_display_data":
                for index, (shown_id, _) in enumerate(self._shown):
                    if shown_id == display_id:
                        self._shown[index] = display_id, content
            case "stream" | "error" | "display_data" | "execute_result":
                if self._clears_next:
                    self._shown.clear()
                self._clears_next = False
                self._shown.append((display_id, content))

    @property
    def saved(self) -> list[str]:
        """Return the text of each output, as in a saved notebook."""
        return [json.dumps(content) for _, content in self._shown]


class Kernel:
    """A real kernel. ``answer`` returns the user's answer to a prompt; sign-ins are approved.

    ``thinks`` is how many seconds the user waits before answering.
    """

    def __init__(self, client: Any, manager: Any, aws: EmbeddedAws) -> None:
        self._client = client
        self._manager = manager
        self._aws = aws
        self.answer: Callable[[str], str] = lambda _prompt: ""
        self.thinks = 0.0
        self.loses_all_updates = False

    @classmethod
    @contextmanager
    def started(cls, aws: EmbeddedAws, environment: Mapping[str, str]) -> Iterator[Kernel]:
        """Start a kernel with the extension, and shut it down at the end."""
        from jupyter_client.manager import KernelManager

        with tempfile.TemporaryDirectory() as folder:
            manager = KernelManager(kernel_name="python3", **kernel_sockets(folder))
            manager.start_kernel(env=os.environ | environment)
            client = manager.blocking_client()
            client.start_channels()
            try:
                client.wait_for_ready(timeout=60)
                kernel = cls(client, manager, aws)
                kernel.good("%load_ext ipy_awsprofile")
                yield kernel
            finally:
                client.stop_channels()
                manager.shutdown_kernel(now=True)

    def wait(self, hours: float) -> None:
        """Move the clocks of the kernel and of the embedded AWS."""
        self.good(_LATER.format(hours=hours))
        before = self._aws.iam.clock
        self._aws.iam.clock = lambda: before() + timedelta(hours=hours)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._manager.interrupt_kernel()

    def good(self, cell: str) -> Seen:
        """Run a cell that must succeed, whose prompts the user answers."""
        seen = self.run(cell)
        assert not seen.error, seen.text
        return seen

    def run(
        self,
        cell: str,
        *,
        is_attended: bool = True,
        interrupts: bool = False,
        can_lose_reply: bool = False,
    ) -> Seen:
        """Run a cell as a front end does.

        Unless it ``is_attended``, the front end can't answer prompts. A user who ``interrupts``
        presses Ctrl-C instead of answering. If Ctrl-C comes while ipykernel reads the request or
        writes the reply, ipykernel ``can_lose_reply``, and is idle afterwards.
        """
        number = self._client.execute(cell, allow_stdin=is_attended)
        seen = Seen()
        outputs = Outputs(loses_all=self.loses_all_updates)
        is_answered = not interrupts
        is_idle = False
        deadline = time.monotonic() + 90
        while not is_idle:
            assert time.monotonic() < deadline, f"{cell}\n{seen.text}"
            for message in self._messages(number):
                is_idle |= self._take(message, seen, is_answered=is_answered)
                outputs.take(message)
                if interrupts and seen.prompts:
                    self.interrupt()
                    interrupts = False
            while seen.open and time.monotonic() >= seen.open[0][1]:
                prompt, _ = seen.open.pop(0)
                self._client.input(self.answer(prompt))
        try:
            self._client.get_shell_msg(timeout=5 if can_lose_reply else 30)
        except Empty:
            if not can_lose_reply:
                raise
        seen.saved = outputs.saved
        return seen

    def _messages(self, number: str) -> Iterator[dict[str, Any]]:
        for receive in (self._client.get_iopub_msg, self._client.get_stdin_msg):
            try:
                message = receive(timeout=0.02)
            except Empty:
                continue
            if message["parent_header"].get("msg_id") == number:
                yield message

    def _take(self, message: dict[str, Any], seen: Seen, *, is_answered: bool) -> bool:
        """Note what the user sees, and answer it. Return whether the cell has ended."""
        content = message["content"]
        match message["msg_type"]:
            case "input_request":
                seen.prompts.append(content["prompt"])
                if is_answered:
                    seen.open.append((content["prompt"], time.monotonic() + self.thinks))
                    seen.boxes = max(seen.boxes, len(seen.open))
            case "stream":
                seen.text += content["text"]
            case "error":
                seen.error = content["ename"]
                seen.text += _COLOUR.sub("", "\n".join([*content["traceback"], ""]))
            case "display_data" | "update_display_data" | "execute_result":
                text = content["data"].get("text/plain", "")
                seen.text += f"{text}\n"
                code = _CODE.search(content["data"].get("text/html", ""))
                if code and code[1] not in seen.prompts:
                    seen.prompts.append(code[1])
                    if is_answered:
                        self._aws.sso.approve(code[1])
            case "status":
                return bool(content["execution_state"] == "idle")
        return False
