"""The options for a role's session: the settings that they replace, and the kinds that allow them.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from __future__ import annotations

import re

from ipy_awsprofile.config.chain import Step
from ipy_awsprofile.config.profiles import ASSUMES, Profile, ProfileKind
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.text import shortened

#: For each option, the setting that it replaces, the kinds that allow it, and words for errors.
_REPLACES: dict[str, tuple[str, set[ProfileKind], str]] = {
    "duration": ("duration_seconds", ASSUMES, "a duration"),
    "external_id": ("external_id", ASSUMES, "an external ID"),
    "session_name": (
        "role_session_name",
        ASSUMES | {ProfileKind.WEB_IDENTITY},
        "a session name",
    ),
}


def options_as_settings(
    request: SessionRequest, duration: int | None, step: Step
) -> dict[str, str]:
    """Return the options as the settings that they replace. Raises InvalidOption.

    ``duration`` is the duration of a role's session in seconds, or None.
    """
    options: dict[str, int | str | None] = {
        "duration": duration,
        "external_id": request.external_id,
        "session_name": _session_name(request, step),
    }
    settings: dict[str, str] = {}
    for option, value in options.items():
        setting, kinds, words = _REPLACES[option]
        if value is not None:
            require_kind(step.profile, kinds, words)
            if value == "":  # botocore ignores an empty name
                raise InvalidOption(f"{words[0].upper()}{words[1:]} can't be empty.")
            if allowed := allowed_instead(setting, str(value)):
                shown = shortened(str(value), 40)
                raise InvalidOption(f"`{shown}` can't be {words}.", f"Use {allowed}.")
            settings[setting] = str(value)
    return settings


def _session_name(request: SessionRequest, step: Step) -> str | None:
    """Return the session's name. The profile's setting takes precedence over the default name."""
    if request.session_name is not None or request.default_session_name is None:
        return request.session_name
    named = step.settings.text("role_session_name")
    has_name = step.profile.kind in _REPLACES["session_name"][1]
    return request.default_session_name if has_name and not named else None


def require_kind(profile: Profile, kinds: set[ProfileKind], what: str) -> None:
    """Raise InvalidOption if the profile isn't of one of these kinds."""
    if profile.kind not in kinds:
        raise InvalidOption(
            f"`{profile.name}` doesn't assume a role, so it can't use {what}.",
            f"It uses {profile.kind.in_words}.",
        )


#: For each setting, the form that STS accepts, as a pattern and in words.
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
    """Return a description of what STS accepts if the value is invalid, otherwise an empty text.

    Settings without a fixed form aren't checked.
    """
    pattern, words = _FORMS.get(setting, (None, ""))
    return words if pattern and not pattern.fullmatch(value) else ""
