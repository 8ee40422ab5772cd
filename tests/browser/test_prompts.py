"""MFA codes and sign-ins in a real JupyterLab."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, allow
from tests.browser.picker_page import PickerPage
from tests.mfa_role import add_mfa_role

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.browser.jupyter import Jupyter


def test_mfa_code_under_a_cell(jupyter: Jupyter, embedded: EmbeddedAws) -> None:
    """A card names the device, the user types the code below it, and no saved file contains it."""
    serial = add_mfa_role(embedded, "RoleTyped")
    notebook = jupyter.lab("%load_ext ipy_awsprofile", "%aws_profile RoleTyped")
    notebook.run(0)
    notebook.start(1)
    shown = notebook.outputs(1)
    expect(shown.locator(".ipy-awsprofile-card")).to_contain_text(serial)
    field = shown.locator("input.jp-Stdin-input[type=password]")
    notebook.screenshot("mfa-cell")
    code = embedded.mfa_code(serial)
    field.fill(code)
    field.press("Enter")
    expect(shown.locator(".ipy-awsprofile-card").last).to_contain_text("RoleTyped ← RoleTypedUser")
    notebook.wait_until_idle()
    assert code not in notebook.save()


@pytest.mark.slow
def test_sign_in_under_a_cell(jupyter: Jupyter, embedded: EmbeddedAws) -> None:
    """The card's link opens the page where the user allows the sign-in; then the cell continues."""
    with analyst(embedded):
        notebook = jupyter.lab("%load_ext ipy_awsprofile", "%aws_profile Analyst")
        notebook.run(0)
        notebook.start(1)
        card = notebook.outputs(1).locator(".ipy-awsprofile-card")
        expect(card).to_contain_text("Sign in for Analyst")
        expect(card).to_contain_text("left")  # the time counts down
        for theme in ("light", "dark"):
            notebook.theme(theme)
            notebook.screenshot(f"sign-in-{theme}")
        allow_on_page(notebook.page, card.get_by_role("link"))
        expect(card.last).to_contain_text("arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_")
        expect(card.first).to_have_text("Signed in for Analyst")
        notebook.wait_until_idle()
        saved = notebook.save()
        assert "user_code" not in saved
        assert not [secret for secret in embedded.secrets() if secret in saved]


@pytest.mark.slow
def test_sign_in_in_the_picker(jupyter: Jupyter, embedded: EmbeddedAws) -> None:
    """The picker shows the same link, leaves the kernel free, and switches after the sign-in."""
    with analyst(embedded):
        notebook = jupyter.lab("%load_ext ipy_awsprofile", "%aws_profile --pick", "6 * 7")
        notebook.run(0)
        notebook.run(1)
        picker = PickerPage(notebook.outputs(1))
        picker.choose("Analyst")
        link = picker.root.get_by_role("link", name="Open the sign-in page")
        expect(link).to_be_visible()
        notebook.screenshot("picker-sign-in")
        expect(notebook.run(2)).to_contain_text("42")
        allow_on_page(notebook.page, link)
        expect(picker.identity).to_contain_text("assumed-role/AWSReservedSSO_Analyst_")


def allow_on_page(page: Page, link: Locator) -> None:
    """Open the link, allow the sign-in there, and close the page."""
    with page.context.expect_page() as opened:
        link.click()
    opened.value.get_by_role("button", name="Allow").click()
    # Closing a page during a navigation can hang: microsoft/playwright#41900.
    expect(opened.value.get_by_text("Allowed.")).to_be_visible()
    opened.value.close()


@contextmanager
def analyst(aws: EmbeddedAws) -> Iterator[None]:
    """Add a profile that requires a sign-in, until the block ends."""
    before = aws.config_file.read_text()
    aws.sso.assign(ROLE_ACCOUNT, "Analyst", policy=allow("s3:*"))
    aws.write_profile(
        "Analyst",
        sso_start_url=aws.sso.start_url,
        sso_region="us-east-1",
        sso_account_id=ROLE_ACCOUNT,
        sso_role_name="Analyst",
        region="us-west-2",
    )
    yield
    aws.config_file.write_text(before)
    for cached in ("sso/cache", "cli/cache"):
        shutil.rmtree(aws.home / ".aws" / cached, ignore_errors=True)
