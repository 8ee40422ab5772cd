"""Run an embedded AWS in this process, and prepare the environment of the measured processes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.commands import clean_environment
from ipy_awsprofile.demo.stages import seed, seed_organisation


@dataclass
class Stage:
    """An embedded AWS, and the environment of the measured processes.

    `profiles` is the number of profiles in the config file, without the scenario's own.
    """

    aws: EmbeddedAws
    profiles: int = 0
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.environment = clean_environment(self.aws)
        # An installed package has bytecode, so the measured processes can write theirs, too.
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def grow(self, profiles: int) -> None:
        """Add role profiles until the config file has this many."""
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
        """Use a config file with this many accounts while the context lasts."""
        file = self.aws.home / ".aws" / "config-accounts"
        seed_organisation(self.aws, accounts, config_file=file)
        before = self.environment
        self.environment = {**before, "AWS_CONFIG_FILE": str(file)}
        try:
            yield
        finally:
            self.environment = before

    @contextmanager
    def sign_in(self, accounts: int, roles: Sequence[str]) -> Iterator[None]:
        """Add an [sso-session] with these roles in this many accounts, and sign in to it.

        At the end, the context restores the config file, but keeps the accounts and the sign-in.
        """
        before = self.aws.config_file.read_text()
        for number in range(accounts):
            account = f"{700_000_000_000 + number}"
            self.aws.sso.name_account(account, f"Team {number:03}", f"{number}@acme.example")
            for role in roles:
                self.aws.sso.assign(account, role)
        with self.aws.config_file.open("a") as config:
            config.write(
                f"\n[sso-session acme]\nsso_start_url = {self.aws.sso.start_url}\n"
                "sso_region = us-east-1\nsso_registration_scopes = sso:account:access\n\n"
                f"[profile acme]\nsso_session = acme\nsso_account_id = {account}\n"
                f"sso_role_name = {roles[0]}\nregion = eu-west-1\n"
                f"endpoint_url = {self.aws.endpoint_url}\n"
            )
        self.aws.sso.sign_in("acme")
        try:
            yield
        finally:
            self.aws.config_file.write_text(before)

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


@contextmanager
def embedded_aws() -> Iterator[Stage]:
    """Run an embedded AWS with the scenario of the main job while the context lasts."""
    with EmbeddedAws() as aws:
        seed(aws)
        yield Stage(aws)
