"""A notebook that switches while it uses one library, in a process: ``python -m matrix.phases``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

from matrix.recorder import BUCKET, LENT, NOTE, READ_ONLY, REGION, ROLES, TAKE, USER
from matrix.uses import USES

if TYPE_CHECKING:
    from matrix.uses import Use

#: The notebooks of a library and their phases. Each notebook runs in a new process.
AFTER_LOAD = "after load"
NOTEBOOKS = {
    AFTER_LOAD: (
        *("new", "old", "second"),
        *("block new", "block old", "after block"),
        *("lent new", "lent old"),
        *("read-only new", "read-only old"),
        *("off new", "off old"),
        *("rows", "rows old"),
    ),
    "before load": ("before load", "before load, read-only"),
}

#: The phases, in the order of the table's columns.
PHASES = tuple(phase for phases in NOTEBOOKS.values() for phase in phases)

_BETA, _GAMMA = ROLES
_LOAD = "%load_ext ipy_awsprofile"

#: Calls a function for both roles, one after the other, so that each request belongs to a role.
_ROWS = """
from ipy_awsprofile import across_profiles

def function(session):
    with observed_row(session.profile_name):
{code}

across_profiles({profiles}, function, max_workers=1, progress=False)
"""


@dataclass(slots=True)
class Observed:
    """Who signed during a phase, and what the notebook said.

    ``expected`` is the right identity, and ``seen`` has those of the requests, with their
    ``operations``. ``variable`` has the object, and ``is_new`` says whether the phase created it.
    ``card`` is what the switch before the phase displayed, and ``text`` what the cell did.
    ``error`` is the type of an exception, and ``is_ours`` whether the extension raised it.
    """

    phase: str
    expected: str
    variable: str
    card: str = ""
    is_new: bool = False
    seen: list[str] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)
    text: str = ""
    error: str = ""
    message: str = ""
    is_ours: bool = False

    def __str__(self) -> str:
        seen = ", ".join(dict.fromkeys(self.seen)) or "nobody"
        operations = ", ".join(dict.fromkeys(self.operations))
        error = f", {self.error}: {self.message}" if self.error else ""
        return f"expected {self.expected}, signed by {seen} ({operations}){error}"

    def fail(self, error: BaseException) -> None:
        """Keep an exception. A library can have raised its own because of one of ours."""
        from ipy_awsprofile.errors import AwsProfileError

        self.error = type(error).__name__
        self.message = " ".join(str(error).split())[:200]
        cause: BaseException | None = error
        while cause is not None and not self.is_ours:
            self.is_ours = isinstance(cause, AwsProfileError)
            cause = cause.__cause__ or cause.__context__


class Notebook:
    """A shell that runs cells, and asks the recorder who has signed."""

    def __init__(self, use: Use) -> None:
        self._use = use
        self._card = ""
        self._rows: list[Observed] = []
        self._address = os.environ["AWS_ENDPOINT_URL"]
        config = Config(HistoryManager={"enabled": False})
        config.InteractiveShell.colors = "nocolor"
        self._shell = InteractiveShell.instance(config=config)
        names = {
            "AWS": self._address,
            "HOST": urlsplit(self._address).netloc,
            "REGION": REGION,
            "BUCKET": BUCKET,
            "CLAUDE": "anthropic.claude-3-haiku-20240307-v1:0",
            "QUESTION": [{"role": "user", "content": "A city?"}],
            "copy": partial(next, count(1)),
            "note": lambda access_key: self._ask(NOTE + access_key),
            "observed_row": self._observed_row,
        }
        self._shell.push(names)

    def _ask(self, path: str) -> bytes:
        connection = HTTPConnection(urlsplit(self._address).netloc)
        connection.request("GET", path)
        body = connection.getresponse().read()
        connection.close()
        return body

    def _take(self, observed: Observed) -> None:
        for identity, operation in json.loads(self._ask(TAKE)):
            observed.seen.append(identity)
            observed.operations.append(operation)

    def _run(self, cell: str) -> tuple[str, BaseException | None]:
        """Run a cell. Return what it displays, without a traceback, and its exception."""
        with capture_output() as captured:
            # In a notebook, each cell has its number.
            done = self._shell.run_cell(cell, store_history=True)
        error = done.error_before_exec or done.error_in_exec
        printed = [captured.stderr] if error else [captured.stdout, captured.stderr]
        displayed = [output.data.get("text/plain", "") for output in captured.outputs]
        return "\n".join([*displayed, *printed]), error

    def switch(self, line: str) -> None:
        """Run a magic that must succeed, and keep its card."""
        self._card, error = self._run(line)
        if error is not None:
            raise error
        self._ask(TAKE)

    def new(self, phase: str, expected: str, variable: str, magic: str = "") -> Observed:
        """Create an object and use it."""
        observed = Observed(phase, expected, variable, self._card, is_new=True)
        return self._observe(observed, magic)

    def again(self, phase: str, expected: str, variable: str, magic: str = "") -> Observed:
        """Use an object of an earlier phase, or a library without objects once more."""
        is_new = not self._use.has_object
        observed = Observed(phase, expected, variable, self._card, is_new)
        return self._observe(observed, magic)

    def old(self, phase: str, expected: str, variable: str, magic: str = "") -> Iterator[Observed]:
        """Use an object of an earlier phase, if the library has objects."""
        if self._use.has_object:
            yield self.again(phase, expected, variable, magic)

    def _observe(self, observed: Observed, magic: str) -> Observed:
        code = self._use.code(observed.variable, is_new=observed.is_new)
        observed.text, error = self._run(f"{magic}\n{code}".lstrip())
        if error is not None:
            observed.fail(error)
        self._take(observed)
        return observed

    def rows(self, phase: str, variable: str, *, is_new: bool) -> list[Observed]:
        """Run code for both roles, in a function that doesn't use its session."""
        self._rows = []
        code = indent(self._use.code(variable, is_new=is_new), " " * 8)
        text, error = self._run(_ROWS.format(code=code, profiles=list(ROLES)))
        if error is not None and not self._rows:  # the run was refused as a whole
            self._rows = [Observed(phase, role, variable) for role in ROLES]
            for observed in self._rows:
                observed.fail(error)
        for observed in self._rows:
            observed.phase = phase
            observed.variable = variable
            observed.is_new = is_new
            observed.text = text
        return self._rows

    @contextmanager
    def _observed_row(self, role: str) -> Iterator[None]:
        observed = Observed("", role, "")
        self._rows.append(observed)
        self._ask(TAKE)
        try:
            yield
        except BaseException as error:
            observed.fail(error)
            raise
        finally:
            self._take(observed)


def after_load(notebook: Notebook) -> Iterator[Observed]:
    """Yield the phases of a notebook that loads the extension first."""
    notebook.switch(_LOAD)
    notebook.switch(f"%aws_profile {_BETA}")
    yield notebook.new("new", _BETA, "of_beta")
    notebook.switch(f"%aws_profile {_GAMMA}")
    yield from notebook.old("old", _GAMMA, "of_beta")
    yield notebook.new("second", _GAMMA, "of_gamma")

    block = f"%%aws_profile {_BETA}"
    in_block = notebook.new("block new", _BETA, "of_block", block)
    yield in_block
    yield from notebook.old("block old", _BETA, "of_gamma", block)
    for observed in notebook.old("after block", _GAMMA, "of_block"):
        observed.card = in_block.text  # the end of the block is the switch
        yield observed

    lent = f"{_BETA}, {LENT}"
    notebook.switch(f"%aws_profile {_BETA} --duration 30m --session-name {LENT}")
    yield notebook.new("lent new", lent, "of_lent")
    yield from notebook.old("lent old", lent, "of_gamma")

    limited = f"{_GAMMA}, {READ_ONLY}"
    notebook.switch(f"%aws_profile {_GAMMA} --read-only")
    yield notebook.new("read-only new", limited, "of_limited")
    yield from notebook.old("read-only old", limited, "of_beta")

    notebook.switch("%aws_profile --off")
    yield notebook.new("off new", USER, "of_user")
    yield from notebook.old("off old", USER, "of_gamma")

    notebook.switch(f"%aws_profile {_BETA}")
    of_notebook = notebook.new("", _BETA, "of_notebook")
    yield from notebook.rows("rows", "of_row", is_new=True)
    for _ in notebook.old("", _BETA, of_notebook.variable):
        yield from notebook.rows("rows old", of_notebook.variable, is_new=False)


def before_load(notebook: Notebook) -> Iterator[Observed]:
    """Yield the phases of a notebook that has used the library before it loads the extension.

    The first one is that use, which isn't in the table.
    """
    yield notebook.new("", USER, "before")
    notebook.switch(_LOAD)
    notebook.switch(f"%aws_profile {_BETA}")
    yield notebook.again("before load", _BETA, "before")
    notebook.switch(f"%aws_profile {_BETA} --read-only")
    yield notebook.again("before load, read-only", f"{_BETA}, {READ_ONLY}", "before")


def _stay_here(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse connections to other machines, such as a library's telemetry."""
    if event != "socket.connect" or not isinstance(arguments[1], tuple):
        return
    host = arguments[1][0]
    if host not in {"127.0.0.1", "::1", "localhost"}:
        raise OSError(f"{host} isn't this machine.")


def main(name: str, notebook: str, file: str) -> None:
    """Run the phases of a library in one notebook, and write a line of JSON for each."""
    sys.addaudithook(_stay_here)
    phases = after_load if notebook == AFTER_LOAD else before_load
    with Path(file).open("a", encoding="utf-8") as lines:
        for observed in phases(Notebook(USES[name])):
            print(json.dumps(asdict(observed)), file=lines, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
