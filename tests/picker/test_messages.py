"""The messages between Python and JavaScript, as each side declares them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, is_typeddict

from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.picker import messages, toolbar
from ipy_awsprofile.picker.card_messages import error_message, identity_message
from ipy_awsprofile.picker.view_script import VIEW
from tests.test_readme import ROOT

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


def fields_in_python(module: ModuleType) -> dict[str, set[str]]:
    """Return the fields of each typed dict, by its name."""
    types = {name: value for name, value in vars(module).items() if is_typeddict(value)}
    return {name: set(value.__annotations__) for name, value in types.items()}


def fields_in_javascript(script: Path) -> dict[str, set[str]]:
    """Return the fields of each typedef in the comments, by its name."""
    comments = re.findall(r"/\*\*.*?\*/", script.read_text(), re.DOTALL)
    return {
        name: set(re.findall(r"@property \{[^}]*\} \[?(\w+)", comment))
        for comment in comments
        for name in re.findall(r"@typedef \{object\} (\w+)", comment)
    }


def test_both_sides_have_the_same_messages() -> None:
    """Each message has the same name and the same fields on both sides."""
    labextension = ROOT / "labextension" / "static"
    assert fields_in_javascript(VIEW / "messages.js") == fields_in_python(messages)
    assert fields_in_javascript(labextension / "messages.js") == fields_in_python(toolbar)
    assert len(fields_in_python(messages)) > 10
    assert len(fields_in_python(toolbar)) == 2


def test_html_is_sent_as_a_plain_string() -> None:
    """A card's HTML is sent as a plain `str`, because marimo encodes subclasses as objects."""
    error, nobody = AwsProfileError("No."), identity_message(None, None)
    assert {type(error_message(error)["html"]), type(nobody["html"])} == {str}
