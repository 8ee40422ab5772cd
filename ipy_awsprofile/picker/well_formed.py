"""Check commands before they run, because any script in the page can send a message.

A command that doesn't match its type in ``messages.py`` changes nothing.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NotRequired, get_args, get_origin, get_type_hints

from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.picker import messages

_NOTHING = object()


def view_of(content: Any) -> str | None:
    """Return the name of the view that sent a message, or None if no view can be answered.

    A view's name is a string that can be sent back.
    """
    view = content.get("view") if isinstance(content, dict) else None
    return view if isinstance(view, str) and _is_unicode(view) else None


def require_well_formed(content: dict[str, Any]) -> dict[str, Any]:
    """Return the message if it is a command with the right fields and types.

    Raises AwsProfileError if it isn't.
    """
    kind = content.get("type")
    fields = _commands().get(kind) if isinstance(kind, str) else None
    if fields is None or not all(_fits(content, name, hint) for name, hint in fields.items()):
        raise AwsProfileError(
            "The page sent a message that isn't a picker command. Nothing was changed.",
            "Reload the page. If that doesn't help, another script in the page has sent it.",
        )
    return content


@cache
def _commands() -> dict[str, dict[str, Any]]:
    """Return the types of each command's fields, by the command's type."""
    commands = {}
    for name, command in vars(messages).items():
        if name.endswith("Command"):
            fields = get_type_hints(command, include_extras=True)
            (kind,) = get_args(fields.pop("type"))
            commands[kind] = fields
    return commands


def _fits(content: dict[str, Any], name: str, hint: Any) -> bool:
    value = content.get(name, _NOTHING)
    if get_origin(hint) is NotRequired:
        if value is _NOTHING:
            return True
        (hint,) = get_args(hint)
    if not isinstance(value, hint):
        return False
    if isinstance(value, bool):  # a bool is an int, too
        return hint is bool
    return not isinstance(value, str) or _is_unicode(value)


def _is_unicode(text: str) -> bool:
    """Return whether a text has no lone surrogates, which can't be sent to a page."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
