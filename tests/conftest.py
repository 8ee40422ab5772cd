"""Fixtures for a clean environment, an embedded AWS and a real shell."""

from __future__ import annotations

import gc
import os
import re
import signal
import sys
import webbrowser
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import boto3
import pytest
import time_machine
from botocore.loaders import JSONFileLoader, Loader

from ipy_awsprofile.config import organization
from ipy_awsprofile.demo.stages import Scenario, seed
from ipy_awsprofile.gate import PROCESS
from ipy_awsprofile.kernel.places import ENDPOINT
from ipy_awsprofile.kernel.watch import unwatch
from ipy_awsprofile.place import ABSENT
from ipy_awsprofile.switch.stack import stack_of
from ipy_awsprofile.switch.using_profile import script_switcher
from tests.aws import EmbeddedAws
from tests.local_browser import Browser
from tests.processes import Child, use_time_zone
from tests.roles import add_mfa_role
from tests.shells import Shell


def pytest_configure() -> None:
    """Let Ctrl-C interrupt tests and their children.

    A shell makes a background run ignore Ctrl-C, and every child process would inherit that.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure() -> None:
    """Let Python end the file systems of pyarrow, for which its own end would wait."""
    gc.unfreeze()


#: Tests that import Dask, MLflow, PyIceberg, awswrangler or anthropic.
_LARGE = re.compile(
    r"tests/kernel/test_(card|clusters|gate|places|refusals|signers)|\b(awswrangler|bedrock|dask|two-accounts)\b"
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of large libraries in one worker, because each import takes seconds."""
    for item in items:
        if _LARGE.search(item.nodeid):
            item.add_marker(pytest.mark.xdist_group("libraries"))


@pytest.fixture(autouse=True, scope="session")
def botocore_data_parsed_once() -> Iterator[None]:
    """Parse each of botocore's data files once for all tests, not for each boto3 session.

    Other models, such as a test's own, are parsed each time.
    """
    parse = JSONFileLoader.load_file
    parse_once = cache(partial(parse, JSONFileLoader()))

    def load_file(self: JSONFileLoader, file_path: str) -> Any:
        is_botocores = file_path.startswith(Loader.BUILTIN_DATA_PATH)
        return parse_once(file_path) if is_botocores else parse(self, file_path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", load_file)
        yield


@pytest.fixture(autouse=True)
def only_objects_of_the_test() -> None:
    """Hide all earlier objects from the extension, which looks through every object as it loads.

    With what the tests import, there are a million. Garbage is collected first, because frozen
    objects stay; but not in the oldest generation, to which a run over many profiles returns all.
    """
    gc.collect(1)
    gc.freeze()


@pytest.fixture(autouse=True)
def clean_environment(tmp_path: Path) -> Iterator[None]:
    """Hide the machine's AWS settings, with an empty home and no metadata service.

    This fixture doesn't use monkeypatch. A test can use monkeypatch after a switch, and monkeypatch
    would then restore the switch's variables. This fixture ends later, so that the next test sees
    no trace of this one.
    """
    before, session = dict(os.environ), boto3.DEFAULT_SESSION
    for name in [name for name in os.environ if name.startswith(("AWS_", "XDG_", "MAKELEVEL"))]:
        del os.environ[name]
    os.environ.update(dict.fromkeys(("HOME", "USERPROFILE"), str(tmp_path)))
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    use_time_zone("UTC")
    os.environ["SSH_CONNECTION"] = "tests"  # so that no sign-in opens this machine's browser
    boto3.DEFAULT_SESSION = None
    yield
    if duckdb := sys.modules.get("duckdb"):  # its default connection is global
        duckdb.execute("DROP SECRET IF EXISTS ipy_awsprofile")
    sys.modules.pop("daft", None)  # cards mention it once it's imported
    boto3.DEFAULT_SESSION = session
    os.environ.clear()
    os.environ.update(before)
    while PROCESS.watched:  # a test can leave a Switcher open
        unwatch()
    script_switcher.cache_clear()
    stack_of.cache_clear()
    ENDPOINT.set(ABSENT)
    PROCESS.reset()


@pytest.fixture(autouse=True)
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of the only file of the organization's policy, which a test can write.

    So no test in this process reads the machine's own policy. A kernel or another process does, and
    gets a policy in the variable `IPY_AWSPROFILE_POLICY`.
    """
    path = tmp_path / "policy.toml"
    monkeypatch.setattr(organization, "policy_files", lambda: [path])
    return path


@pytest.fixture
def _seeded(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[EmbeddedAws, Scenario]]:
    with EmbeddedAws() as aws:
        scenario = seed(aws)
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        yield aws, scenario


@pytest.fixture
def aws(_seeded: tuple[EmbeddedAws, Scenario]) -> EmbeddedAws:
    """Return a running embedded AWS with the scenario, whose files the environment names."""
    return _seeded[0]


@pytest.fixture
def scenario(_seeded: tuple[EmbeddedAws, Scenario]) -> Scenario:
    """Return the resources of the scenario in `aws`."""
    return _seeded[1]


@pytest.fixture
def sts_of_aws(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Call STS at AWS's own address, which leads to `aws`: only AWS's sessions are shared.

    HTTP clients send the whole URL to a proxy, and the embedded AWS answers by its path.
    """
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://sts.us-west-2.amazonaws.com")
    monkeypatch.setenv("http_proxy", aws.endpoint_url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)


@pytest.fixture
def auditor(aws: EmbeddedAws) -> str:
    """Create the role profile Auditor, which requires MFA, and return the device's serial."""
    return add_mfa_role(aws, "Auditor")


@pytest.fixture
def bare_shell(tmp_path: Path) -> Iterator[Shell]:
    """Yield a real IPython shell without the extension."""
    with Shell.opened(tmp_path / "ipython") as shell:
        yield shell


@pytest.fixture
def shell(bare_shell: Shell) -> Shell:
    """Return a real IPython shell in which the extension is loaded."""
    bare_shell.good("%load_ext ipy_awsprofile")
    return bare_shell


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Yield the clock of this process and its embedded AWS, which keeps running, to shift it."""
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        yield clock


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    """Make a test browser available on the kernel's machine, and return it."""
    test_browser = Browser()
    monkeypatch.setattr(webbrowser, "_browsers", {"test": [None, test_browser]})
    monkeypatch.setattr(webbrowser, "_tryorder", ["test"])
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("SSH_CONNECTION")
    return test_browser


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer each prompt with Enter, as a user does who has read the output."""
    monkeypatch.setattr("getpass.getpass", lambda _question: "")


@pytest.fixture(scope="session")
def child() -> Iterator[Child]:
    """Start a child process that all tests ask."""
    with Child.started() as started:
        yield started


@pytest.fixture
def shared_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Path, Path]:
    """Set the paths of the config and credentials files, which don't exist yet, and return them."""
    config, credentials = tmp_path / "config", tmp_path / "credentials"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    return config, credentials
