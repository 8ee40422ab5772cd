"""Processes, the AWS CLI and threads that work at once while their files are rewritten."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.config.profiles import list_profiles
from ipy_awsprofile.config.request import SessionRequest, SwitchRequest
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.explain.explain import explain
from ipy_awsprofile.sessions.session import open_session, who_am_i
from ipy_awsprofile.switch.using_profile import running_switcher, using_profile
from tests.attack.rounds import Rounds
from tests.roles import add_role

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws

#: Opens each role, with or without the cache, as another kernel does.
KERNEL = """
import random, sys
from ipy_awsprofile import open_session, who_am_i
random.seed(int(sys.argv[1]))
for _ in range(15):
    name = random.choice(["RoleBeta", "RoleGamma"])
    session = open_session(name, fresh=random.random() < 0.3)
    arn = session.client("sts").get_caller_identity()["Arn"]
    assert f"/{name}/" in arn and who_am_i(session).arn == arn, (name, arn)
"""

#: Contents that another program can leave in a file of the cache.
ODD = ["", "{", "[]", "null", '{"Credentials": null}', '{"Credentials": {"Expiration": 1}}', "\0"]


def roles_of(aws: EmbeddedAws) -> Path:
    """Return the folder of the AWS CLI's cache."""
    return aws.home / ".aws" / "cli" / "cache"


def damage(aws: EmbeddedAws, random: Random) -> None:
    """Remove or overwrite a file of the cache, or remove all of them."""
    files = list(roles_of(aws).glob("*.json"))
    match random.randrange(3):
        case 0 if files:
            random.choice(files).unlink(missing_ok=True)
        case 1 if files:
            random.choice(files).write_text(random.choice(ODD))
        case 2 if files:
            for file in files:
                file.unlink(missing_ok=True)


@contextmanager
def meanwhile(do: Callable[[], object]) -> Iterator[None]:
    """Call a function repeatedly in another thread during a ``with`` block."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.002):
            do()

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        try:
            yield
        finally:
            ended.set()
            working.result()


def cli(name: str) -> list[str]:
    """Return the AWS CLI's command that prints a profile's identity."""
    command = str(Path(sys.executable).with_name("aws"))
    return [command, "sts", "get-caller-identity", "--profile", name, "--output", "json"]


@pytest.mark.slow
@pytest.mark.usefixtures("sts_of_aws")
def test_one_cache(rounds: Rounds, aws: EmbeddedAws) -> None:
    """Two processes and the AWS CLI share a damaged cache, and each role keeps its own identity."""
    add_role(aws, "RoleGamma", "s3:*")
    for random in rounds(1):
        commands = [[sys.executable, "-c", KERNEL, str(random.randrange(10**6))] for _ in "12"]
        commands += [cli(random.choice(["RoleBeta", "RoleGamma"]))]
        with meanwhile(partial(damage, aws, random)):
            started = [
                subprocess.Popen(one, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                for one in commands
            ]
            done = [process.communicate(timeout=120) for process in started]
        for process, (_, errors) in zip(started[:2], done[:2], strict=True):
            assert process.returncode == 0, errors
        if started[2].returncode == 0:  # the CLI itself may fail because of a damaged file
            assert f"/{commands[2][4]}/" in json.loads(done[2][0])["Arn"]
        for file in roles_of(aws).glob("*"):
            assert file.stat().st_mode & 0o077 == 0


#: The account of each profile in all versions of the files.
ACCOUNTS = {"RoleBeta": ROLE_ACCOUNT, "RoleGamma": ROLE_ACCOUNT, "UserAlpha": USER_ACCOUNT}


@pytest.fixture
def rewrite(aws: EmbeddedAws) -> Callable[[Random], None]:
    """Return a function that rewrites the files, atomically or so that others can read a part."""
    add_role(aws, "RoleGamma", "s3:*")
    texts = {file: file.read_text() for file in (aws.config_file, aws.credentials_file)}

    def write(random: Random) -> None:
        file, text = random.choice(list(texts.items()))
        more = "".join(f"[profile more{n}]\nregion = us-east-1\n" for n in range(3))
        new = text + more * random.randrange(2) + "\n" * random.randrange(5)
        match random.randrange(4):
            case 0:
                file.write_text(new[: random.randrange(len(new))])
            case 1:
                file.unlink(missing_ok=True)
            case _:
                (draft := file.with_suffix(".draft")).write_text(new)
                os.replace(draft, file)

    return write


def worked(name: str, random: Random) -> str | None:
    """Use a profile in a random way, and return its account, or None if the action has none."""
    match random.randrange(5):
        case 0:
            list_profiles(random.choice([None, "Role"]))
        case 1:
            explain(SessionRequest(profile=name))
        case 2:
            return who_am_i(open_session(name, fresh=random.random() < 0.3)).account
        case 3:
            return running_switcher().switch(SwitchRequest(profile=name)).account
        case _:
            with using_profile(name, read_only=name != "UserAlpha") as mine:
                return who_am_i(mine).account
    return None


@pytest.mark.slow
def test_eight_threads(rounds: Rounds, aws: EmbeddedAws, rewrite: Callable[[Random], None]) -> None:
    """Eight threads switch, list and explain while files change, and raise only our errors."""
    before = dict(os.environ)
    switcher = running_switcher()

    def some(seed: int) -> int:
        random, good = Random(seed), 0
        for _ in range(12):
            name = random.choice(list(ACCOUNTS))
            try:
                account = worked(name, random)
            except AwsProfileError:
                continue
            assert account in {None, ACCOUNTS[name]}
            good += 1
        return good

    good = 0
    with closing(switcher):
        for random in rounds(2):
            with meanwhile(partial(rewrite, random)), ThreadPoolExecutor(8) as pool:
                seeds = [random.randrange(10**9) for _ in range(8)]
                good += sum(pool.map(some, seeds))
            switcher.off()
            assert dict(os.environ) == before
    assert good
