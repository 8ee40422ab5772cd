"""Random Ctrl-C in a real kernel: a switch has happened or it hasn't, and the card says who signs.

Such an episode can't be repeated or shrunk, because the moments differ. A failure shows all of it.
"""

from __future__ import annotations

import re
import threading
from random import Random

from tests.attack.conftest import Rounds
from tests.aws import EmbeddedAws
from tests.kernels import Kernel
from tests.processes import posix

SETUP = """
import boto3
from ipy_awsprofile import across_profiles, on_switch, using_profile
def who(session=boto3):
    return session.client("sts", "us-west-2").get_caller_identity()["Arn"].split("/")[1]
"""

#: Cells that a user interrupts.
CELLS = (
    "%aws_profile RoleBeta",
    "%aws_profile RoleBeta --read-only",
    "%aws_profile UserAlpha --as other",
    "%aws_profile --refresh",
    "%aws_profile --off",
    "%%aws_profile RoleBeta\nwho()",
    "with using_profile('RoleBeta'):\n    who()",
    "across_profiles(['RoleBeta', 'UserAlpha'], who, progress=False)",
    "%aws_profile --share --yes",
    "%reload_ext ipy_awsprofile",
    "who()",
    "1",
)

#: Shows who signs, in the main thread, in another one and in a child.
WHO = """
import subprocess, sys, threading
def in_thread():
    seen.append(who())
seen = []
thread = threading.Thread(target=in_thread)
thread.start()
thread.join()
child = "import boto3; print(boto3.client('sts', 'us-west-2').get_caller_identity()['Arn'])"
done = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True)
print("signers", {who(), *seen, [*done.stdout.strip().split("/"), done.stderr][1]})
"""


@posix
def test_ctrl_c_at_any_moment(aws: EmbeddedAws, rounds: Rounds) -> None:
    """After Ctrl-C at any moment of a cell, the kernel goes on, and the card says who signs."""
    environment = {"AWS_ENDPOINT_URL": aws.endpoint_url, "AWS_PROFILE": "UserAlpha"}
    for random in rounds(1):
        with Kernel.started(aws, environment) as kernel:
            kernel.good(SETUP)
            for _ in range(25):
                _interrupt_a_cell(kernel, random)


def _interrupt_a_cell(kernel: Kernel, random: Random) -> None:
    """Interrupt a cell at a random moment, and compare the card with who signs."""
    cell = random.choice(CELLS)
    moment = random.choice((0.02, 0.2, 0.6)) * random.random()
    print(f"{moment:.3f} s: {cell!r}")  # noqa: T201  # a failure shows it
    timer = threading.Timer(moment, kernel.interrupt)
    timer.start()
    seen = kernel.run(cell, can_lose_reply=True)
    timer.join()
    print(f"    {seen.text[-300:]!r}")  # noqa: T201
    assert "has a fault" not in seen.text
    kernel.good("%load_ext ipy_awsprofile")  # Ctrl-C can come between a reload's two halves
    card = kernel.good("%aws_profile")
    signers = kernel.good(WHO)
    shown = re.split(r"[ ,]", card.text.strip())[0]
    expected = "UserAlpha" if "No profile is active" in card.text else shown
    assert signers.text.strip() == f"signers {{{expected!r}}}", f"{card.text}\n{signers.text}"
