"""An embedded AWS in this process, and the environment of the processes that are measured."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.commands.environment import clean_environment
from ipy_awsprofile.demo.stages.organisation import seed_organisation
from ipy_awsprofile.demo.stages.scenario import seed


@dataclass
class Stage:
    """An embedded AWS; `profiles` is how many profiles its config file has, without the scenario's.

    `environment` is that of the measured processes.
    """

    aws: EmbeddedAws
    profiles: int = 0
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.environment = clean_environment(self.aws)
        # An installed package has its bytecode, so the measured processes may write it.
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def grow(self, profiles: int) -> None:
        """Add role profiles until there are that many."""
        with self.aws.config_file.open("a") as config:
            for number in range(self.profiles, profiles):
                config.write(
                    f"\n[profile account-{number:05}]\n"
                    f"role_arn = arn:aws:iam::{number:012}:role/Reader\n"
                    "source_profile = UserAlpha\n"
                    "region = eu-west-1\n"
                    f"endpoint_url = {self.aws.endpoint_url}\n"
                )
        self.profiles = profiles

    @contextmanager
    def organisation(self, accounts: int) -> Iterator[None]:
        """Use a config file with that many accounts while the context lasts."""
        file = self.aws.home / ".aws" / "config-accounts"
        seed_organisation(self.aws, accounts, config_file=file)
        before = self.environment
        self.environment = {**before, "AWS_CONFIG_FILE": str(file)}
        try:
            yield
        finally:
            self.environment = before

    @contextmanager
    def latency(self, milliseconds: int) -> Iterator[None]:
        """Delay each of AWS's responses while the context lasts."""
        self.aws.latency = milliseconds / 1000
        try:
            yield
        finally:
            self.aws.latency = 0

    def forget_roles(self) -> None:
        """Empty the AWS CLI's cache of assumed roles."""
        shutil.rmtree(self.aws.home / ".aws" / "cli", ignore_errors=True)


@contextmanager
def embedded_aws() -> Iterator[Stage]:
    """Run an embedded AWS with the scenario of the main job while the context lasts."""
    with EmbeddedAws() as aws:
        seed(aws)
        yield Stage(aws)
