"""Python and JavaScript have the same messages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import is_typeddict

from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.picker import messages


def fields_in_python() -> dict[str, set[str]]:
    """Return the fields of each type, by its name."""
    types = {name: value for name, value in vars(messages).items() if is_typeddict(value)}
    return {name: set(value.__annotations__) for name, value in types.items()}


def fields_in_javascript() -> dict[str, set[str]]:
    """Return the fields of each type in the comments, by its name."""
    script = Path(messages.__file__).parent / "view" / "messages.js"
    comments = re.findall(r"/\*\*.*?\*/", script.read_text(), re.DOTALL)
    return {
        name: set(re.findall(r"@property \{[^}]*\} \[?(\w+)", comment))
        for comment in comments
        for name in re.findall(r"@typedef \{object\} (\w+)", comment)
    }


def test_both_sides_have_the_same_messages() -> None:
    """Each message has the same name and the same fields on both sides."""
    assert fields_in_javascript() == fields_in_python()
    assert len(fields_in_python()) > 10


def test_html_is_sent_as_a_plain_string() -> None:
    """A card's HTML has no type of ours: marimo's encoder would send an object instead."""
    error, nobody = AwsProfileError("No."), messages.identity_message(None, None)
    assert {type(messages.error_message(error)["html"]), type(nobody["html"])} == {str}
