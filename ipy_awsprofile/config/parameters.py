"""The form that STS requires of a parameter: of a session's name, for example.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from __future__ import annotations

import re

#: For each setting, the form that STS accepts, and the same in words.
_NAME = (
    re.compile(r"[\w+=,.@-]{2,64}", re.ASCII),
    "2 to 64 letters, digits or characters of _+=,.@-",
)
_FORMS = {
    "role_session_name": _NAME,
    "source_identity": _NAME,
    "external_id": (
        re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII),
        "2 to 1224 letters, digits or characters of _+=,.@:/-",
    ),
}


def allowed_instead(setting: str, value: str) -> str:
    """Return in words what STS accepts for a setting, if it doesn't accept the value; or nothing.

    Settings of another form than text aren't checked.
    """
    pattern, words = _FORMS.get(setting, (None, ""))
    return words if pattern and not pattern.fullmatch(value) else ""
