"""The constraints on STS parameters, and the service's messages about values that violate them.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html#API_AssumeRole_RequestParameters
"""

from __future__ import annotations

import re

from ipy_awsprofile.demo.refusals import invalid


def refuse_malformed(complaints: list[str]) -> None:
    """Raise the service's ValidationError if there are complaints."""
    if complaints:
        errors = "error" if len(complaints) == 1 else "errors"
        raise invalid(f"{len(complaints)} validation {errors} detected: {'; '.join(complaints)}")


def _complaint(value: object, name: str, constraint: str) -> str:
    return f"Value '{value}' at '{name}' failed to satisfy constraint: Member must {constraint}"


def between(value: int, name: str, least: int, most: int) -> list[str]:
    """Return the complaint about a number that is out of range, if any."""
    if value < least:
        return [_complaint(value, name, f"have value greater than or equal to {least}")]
    if value > most:
        return [_complaint(value, name, f"have value less than or equal to {most}")]
    return []


def length(value: str, name: str, least: int, most: int) -> list[str]:
    """Return the complaint about a text that is too short or too long, if any."""
    if len(value) < least:
        return [_complaint(value, name, f"have length greater than or equal to {least}")]
    if len(value) > most:
        return [_complaint(value, name, f"have length less than or equal to {most}")]
    return []


def pattern(value: str, name: str, expression: str) -> list[str]:
    """Return the complaint about a text that doesn't match its pattern, if any."""
    if re.fullmatch(expression, value, re.ASCII):
        return []
    return [_complaint(value, name, f"satisfy regular expression pattern: {expression}")]


def token_code(code: str | None) -> list[str]:
    """Return the complaints about an MFA code that isn't six digits; None means no code."""
    if code is None:
        return []
    return [*length(code, "tokenCode", 6, 6), *pattern(code, "tokenCode", r"[\d]*")]
