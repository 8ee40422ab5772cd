"""Fixtures for a real JupyterLab and a real Chromium, on the embedded AWS.

They are only for this folder, because a process has one embedded AWS, and other tests would fail
next to Playwright's event loop.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from ipy_awsprofile.demo.commands import clean_environment
from ipy_awsprofile.demo.stages import seed, seed_company
from ipy_awsprofile.switch.switcher import Switcher
from tests.aws import EmbeddedAws
from tests.browser.jupyter import Jupyter, Server, launched, serving
from tests.browser.pages import ViewPage
from tests.browser.stage import add_company
from tests.processes import missing

# Kernels start slowly on a busy machine. A test that passes never waits this long.
expect.set_options(timeout=30_000)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests with a JupyterLab in one worker, and those with only a page in another one."""
    for item in items:
        if isinstance(item, pytest.Function) and item.path.parent == Path(__file__).parent:
            needs = "jupyterlab" if "server" in item.fixturenames else "page"
            item.add_marker(pytest.mark.xdist_group(needs))


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Launch a headless Chromium; without one, skip the tests, or fail in CI."""
    executable = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    if executable is None:
        raise missing("Chromium", "chromium")
    with sync_playwright() as playwright:
        browser = launched(playwright.chromium, executable)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def embedded(chromium: Browser) -> Iterator[EmbeddedAws]:
    """Run an embedded AWS that contains the main scenario and the company's roles."""
    with EmbeddedAws() as aws:
        seed(aws)
        seed_company(aws)
        add_company(aws)
        yield aws


@pytest.fixture(scope="package")
def server(embedded: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a Jupyter server whose kernels use the embedded AWS."""
    with serving(tmp_path_factory.mktemp("jupyter"), clean_environment(embedded)) as server:
        yield server


@pytest.fixture
def jupyter(server: Server, chromium: Browser) -> Iterator[Jupyter]:
    """Yield a JupyterLab, and close its notebooks after the test."""
    jupyter = Jupyter(server, chromium)
    yield jupyter
    jupyter.close()


@pytest.fixture
def view(
    embedded: EmbeddedAws, chromium: Browser, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ViewPage]:
    """Yield an empty page that shows the pickers of this process."""
    for name, value in embedded.environment().items():
        monkeypatch.setenv(name, value)
    switcher = Switcher(None)
    page = chromium.new_page(
        viewport={"width": 1000, "height": 760}, locale="en-GB", timezone_id="Asia/Kolkata"
    )
    page.set_default_timeout(10_000)
    view = ViewPage(page, switcher)
    view.begin()
    yield view
    assert view.page_errors == []
    view.end()
    page.close()
    switcher.off()
