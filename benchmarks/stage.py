"""Run an embedded AWS in this process, and cells in new processes that use it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.commands import clean_environment
from ipy_awsprofile.demo.stages import seed, seed_organisation

#: The number of profiles whose accounts exist in the embedded AWS.
ACCOUNTS = 100

#: A kernel's shell, without the front end. It prints the time of its last cell, in seconds.
_SHELL = """
import time
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
shell = InteractiveShell.instance(config=Config(HistoryManager={{"enabled": False}}))
for cell in {cells}:
    start = time.perf_counter()
    shell.run_cell(cell).raise_error()
    end = time.perf_counter()
print(f"\\n{{end - start}}")
"""


@dataclass
class Stage:
    """An embedded AWS, and the environment of the measured processes.

    `profiles` is the number of profiles in the config file, without UserAlpha and RoleBeta.
    """

    aws: EmbeddedAws
    profiles: int = ACCOUNTS
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.environment = clean_environment(self.aws)
        # An installed package has bytecode, so the measured processes can write theirs, too.
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def grow(self, profiles: int) -> None:
        """Add role profiles until the config file has this many."""
        for number in range(self.profiles, profiles):
            role_arn = f"arn:aws:iam::{number:012}:role/Writer"
            self.aws.write_profile(
                f"account-{number:05}",
                role_arn=role_arn,
                source_profile="UserAlpha",
                region="eu-west-1",
            )
        self.profiles = profiles

    @contextmanager
    def latency(self, milliseconds: int) -> Iterator[None]:
        """Delay each AWS response while the context lasts."""
        self.aws.latency = milliseconds / 1000
        try:
            yield
        finally:
            self.aws.latency = 0

    def forget_roles(self) -> None:
        """Empty the AWS CLI's cache of assumed roles."""
        shutil.rmtree(self.aws.home / ".aws" / "cli", ignore_errors=True)

    def time_last_cell(self, cells: Sequence[str]) -> float:
        """Run cells in a new shell, and return the time of the last one in seconds."""
        program = [sys.executable, "-c", _SHELL.format(cells=list(cells))]
        done = subprocess.run(
            program, env=self.environment, stdout=subprocess.PIPE, text=True, check=True
        )
        return float(done.stdout.splitlines()[-1])


@contextmanager
def embedded_aws() -> Iterator[Stage]:
    """Run an embedded AWS with the scenario of the main job and an organization's accounts."""
    with EmbeddedAws() as aws:
        seed(aws)
        seed_organisation(aws, ACCOUNTS)
        yield Stage(aws)
