"""What a person is asked under a cell of a real JupyterLab: an MFA code, and to sign in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfa_role import add_mfa_role
from playwright.sync_api import expect

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws

    from .jupyter import Jupyter


def test_mfa_code_under_a_cell(jupyter: Jupyter, embedded: EmbeddedAws) -> None:
    """A card names the device, the code is typed under it, and it isn't in the saved file."""
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
