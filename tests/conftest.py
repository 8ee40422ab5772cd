"""A clean environment for every test, an embedded AWS, a real shell and real kernels."""

from __future__ import annotations

import os
import signal
import sys
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.loaders import JSONFileLoader, Loader
from hypothesis import settings

from ipy_awsprofile.bindings.gate import _Process
from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.stages.scenario import seed
from ipy_awsprofile.sessions.duckdb_secret import SECRETS
from ipy_awsprofile.switch.using_profile import _of_script
from tests.mfa_role import add_mfa_role
from tests.sampling import split_sample
from tests.shells import Shell
from tests.tools import left_out

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ipy_awsprofile.demo.stages.scenario import Scenario


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make test` choose a sample of the tables."""
    parser.addoption("--sample", action="store_true", help="run only a part of long tables")


def pytest_configure(config: pytest.Config) -> None:
    """Choose how many examples Hypothesis tries, and let Ctrl-C interrupt tests and their children.

    A shell lets a run in the background ignore Ctrl-C, and every child would inherit that.
    """
    settings.load_profile("sample" if config.getoption("--sample") else "nightly")
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what isn't in the sample, and let pytest count it."""
    if config.getoption("--sample"):
        items[:], left_out = split_sample(items)
        config.hook.pytest_deselected(items=left_out)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end which tests were left out, and which packages bring what they need."""
    skipped = terminalreporter.stats.get("skipped", [])
    if lines := left_out(str(report.longrepr) for report in skipped):
        terminalreporter.section("left out")
        terminalreporter.write("\n".join([*lines, ""]))


@pytest.fixture(autouse=True, scope="session")
def botocore_data_parsed_once() -> Iterator[None]:
    """Parse each of botocore's data files once for all tests, not again for each boto3 session.

    Other models, such as those of a test, are parsed as always.
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
def clean_environment(tmp_path: Path) -> Iterator[None]:
    """Leave nothing of the machine's AWS settings: an empty home, and no metadata service.

    It doesn't use monkeypatch, which a test may use after a switch and which then puts the switch's
    variables back. This ends later, so that nothing of a test is seen by the next one.
    """
    before, session = dict(os.environ), boto3.DEFAULT_SESSION
    watching = _Process.watchers, _Process.noters
    for name in [name for name in os.environ if name.startswith(("AWS_", "XDG_"))]:
        del os.environ[name]
    os.environ.update(HOME=str(tmp_path), AWS_EC2_METADATA_DISABLED="true")
    os.environ["SSH_CONNECTION"] = "tests"  # so that no sign-in opens this machine's browser
    boto3.DEFAULT_SESSION = None
    yield
    if duckdb := sys.modules.get("duckdb"):  # its default connection is the process's
        SECRETS.forget()
        duckdb.execute("DROP SECRET IF EXISTS ipy_awsprofile")
    _Process.watchers, _Process.noters = watching  # of Switchers that weren't closed
    _of_script.cache_clear()  # whose watchers are gone, too
    sys.modules.pop("daft", None)  # a card names it wherever it is imported
    boto3.DEFAULT_SESSION = session
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def _seeded(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[EmbeddedAws, Scenario]]:
    with EmbeddedAws() as aws:
        scenario = seed(aws)
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        yield aws, scenario


@pytest.fixture
def aws(_seeded: tuple[EmbeddedAws, Scenario]) -> EmbeddedAws:
    """Run an embedded AWS with the scenario in it, to whose files the environment points."""
    return _seeded[0]


@pytest.fixture
def scenario(_seeded: tuple[EmbeddedAws, Scenario]) -> Scenario:
    """Say what the scenario in `aws` is made of."""
    return _seeded[1]


@pytest.fixture
def auditor(aws: EmbeddedAws) -> str:
    """Make the role profile Auditor, which asks for MFA; say of which device."""
    return add_mfa_role(aws, "Auditor")


@pytest.fixture
def bare_shell(tmp_path: Path) -> Iterator[Shell]:
    """Open a real IPython shell without the extension."""
    with Shell.opened(tmp_path / "ipython") as shell:
        yield shell


@pytest.fixture
def shell(bare_shell: Shell) -> Shell:
    """Open a real IPython shell and load the extension."""
    bare_shell.good("%load_ext ipy_awsprofile")
    return bare_shell


@pytest.fixture
def shared_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Path, Path]:
    """Choose where the config and credentials files are; neither exists yet."""
    config, credentials = tmp_path / "config", tmp_path / "credentials"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    return config, credentials
