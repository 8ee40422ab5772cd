"""What a notebook saves of a sign-in, in a front end that loses updates of outputs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.aws import EmbeddedAws
from tests.identity_center import write_analyst
from tests.kernels import Kernel, Seen

#: Ways to sign in, and what else the cell shows.
ALONE = {
    "%aws_profile Analyst": "",
    "%aws_profile Analyst --quiet": "",
    "%load_ext ipy_awsprofile\n%aws_profile Analyst": "",
    "%aws_profile Analyst\nprint('after')": "after",
}
AFTER_OUTPUT = {
    "print('before')\n%aws_profile Analyst": "before",
    "print('before')\nget_ipython().run_cell('%aws_profile Analyst');": "before",
    "from threading import Timer\nTimer(0.1, print, ['meanwhile']).start()\n"
    "%aws_profile Analyst": "meanwhile",
}


@pytest.fixture
def kernel(aws: EmbeddedAws) -> Iterator[Kernel]:
    """Yield a kernel, and a profile of a sign-in."""
    write_analyst(aws)
    with Kernel.started(aws, {"AWS_ENDPOINT_URL": aws.endpoint_url}) as kernel:
        yield kernel


def has_code(seen: Seen) -> bool:
    """Return whether the saved outputs contain the code or the link of a sign-in."""
    (code,) = seen.prompts
    saved = "".join(seen.saved)
    return code in saved or "user_code" in saved


@pytest.mark.parametrize("cells", [ALONE, AFTER_OUTPUT], ids=["all", "second"])
def test_lost_updates(kernel: Kernel, cells: dict[str, str]) -> None:
    """No saved output has the link and code, after a sign-in or Ctrl-C; all other outputs stay.

    If the card is the cell's only output, this holds even if the front end loses all updates;
    otherwise, if it loses every second one.
    """
    kernel.loses_all_updates = cells is ALONE
    for cell, shown in cells.items():
        for interrupts in (True, False):
            kernel.good("%aws_profile --logout")
            if cell.startswith("%load_ext"):
                kernel.good("%unload_ext ipy_awsprofile")
            seen = kernel.run(cell, interrupts=interrupts)
            assert bool(seen.error) == interrupts, cell
            assert not has_code(seen), cell
            if not interrupts or shown == "before":
                assert shown in "".join(seen.saved), cell
