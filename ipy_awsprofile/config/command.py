"""Write a request as the line of ``%aws_profile`` that makes it, for hints and messages."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.text import arguments, quoted

#: The options that aren't named like their fields.
_OPTIONS = {
    "confirmed": "yes",
    "tags": "tag",
    "transitive_tags": "transitive-tag",
    "variable": "as",
}

#: Fields that aren't options.
_NO_OPTIONS = {"profile", "default_session_name", "caller"}


def command_of(request: SessionRequest) -> str:
    """Return the line of ``%aws_profile`` for a request, with all its options."""
    options = [
        word
        for field in fields(request)
        if field.name not in _NO_OPTIONS and getattr(request, field.name) != field.default
        for word in _words(field.name, getattr(request, field.name))
    ]
    if request.profile is None:
        return " ".join(("%aws_profile", *options))
    return f"%aws_profile {arguments(request.profile, ' '.join(options))}"


def _words(field: str, value: object) -> list[str]:
    """Return the words of an option. An option for several values is repeated."""
    option = f"--{_OPTIONS.get(field, field).replace('_', '-')}"
    if value is True:
        return [option]
    if not isinstance(value, tuple):
        return [_with_value(option, _text(value))]
    return [_with_value(option, one if isinstance(one, str) else "=".join(one)) for one in value]


def _with_value(option: str, value: str) -> str:
    return f"{option}{'=' if value.startswith('-') else ' '}{quoted(value)}"


def _text(value: object) -> str:
    """Return the value of an option as a user types it."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    return str(int(seconds)) if isinstance(seconds, float) else str(seconds)
