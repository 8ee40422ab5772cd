"""Print one table of ratios, each from medians of one run on this machine.

A ratio above 1 says how many times longer the other way takes.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ipy_awsprofile.demo.commands import clean_environment
from ipy_awsprofile.demo.scenario import demo_aws

_SHELL = """
import sys, time
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
config = Config()
config.HistoryManager.enabled = False
shell = InteractiveShell.instance(config=config)
shell.run_cell("0", silent=True)
start = time.perf_counter()
shell.run_cell(sys.argv[1], silent=True)
print(time.perf_counter() - start)
"""


def in_fresh_shell(cell: str, times: int = 9) -> float:
    """Time a cell in a new IPython shell; median of several processes, in seconds."""
    command = [sys.executable, "-c", _SHELL, cell]
    return statistics.median(
        float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for _ in range(times)
    )


def in_this_process(work: Callable[[], object], times: int = 15) -> float:
    """Time a call; median of several after a first one that warms up, in seconds."""
    work()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


@contextmanager
def embedded_aws() -> Iterator[None]:
    """Let this process see the embedded AWS, and no other one."""
    with demo_aws() as aws:
        os.environ.update(clean_environment(aws))
        os.environ.pop("AWS_CA_BUNDLE", None)
        yield


def measure() -> Iterator[tuple[str, str, float]]:
    """Yield rows: what is measured, against what, and the ratio of the medians."""
    import boto3

    from ipy_awsprofile import open_session

    load = in_fresh_shell("%load_ext ipy_awsprofile")
    yield f"%load_ext ({load * 1000:.0f} ms)", "import boto3", in_fresh_shell("import boto3") / load
    with embedded_aws():
        ours = in_this_process(lambda: open_session("RoleBeta").client("s3"))
        plain = in_this_process(
            lambda: boto3.Session(profile_name="RoleBeta").client("s3").list_buckets()
        )
        yield "open_session + S3 client, cached role", "boto3.Session + first call", plain / ours


def main() -> None:
    """Measure, and print the table."""
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores")
    for what, against, ratio in measure():
        print(f"{what:<40} vs {against:<30} {ratio:6.1f} ×")


if __name__ == "__main__":
    main()
