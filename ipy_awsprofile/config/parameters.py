"""The parameters of AssumeRole that options or profile settings can provide.

An option overrides the profile's setting. botocore reads most of the settings itself. If botocore
can't read a parameter from the settings, the session adds the parameter to its AssumeRole requests.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Set
from datetime import timedelta
from typing import Any, NamedTuple

from ipy_awsprofile.config.profiles import ASSUMES, Profile, ProfileKind
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.user_environment import user_variable
from ipy_awsprofile.errors import InvalidOption, InvalidProfile
from ipy_awsprofile.text import one_line, quoted

#: Parameters of a call to STS, by name.
StsParameters = dict[str, Any]


#: Hours, minutes and seconds. A number without a unit is a number of seconds.
_DURATION = re.compile(
    r"(?:(\d{1,9}) ?h(?:ours?|rs?)?)? ?(?:(\d{1,9}) ?m(?:in(?:ute)?s?)?)? ?"
    r"(?:(\d{1,9}) ?(?:s(?:ec(?:ond)?s?)?)?)?",
    re.ASCII | re.IGNORECASE,
)


def seconds(value: object) -> int:
    """Return the number of seconds in a number, a timedelta, or a string such as ``1h 30min``.

    Raise ValueError if the value isn't a duration. This function doesn't check the maximum
    duration, because AWS checks the maximum.
    """
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    if isinstance(value, int | float):
        return int(value)
    match = _DURATION.fullmatch(str(value))
    if not match or not any(match.groups()):
        words = "3600, 90m, 1h or, in Python, a timedelta"
        raise ValueError(f"{words}. A role's session can last up to 12 hours")
    h, m, s = map(int, match.groups("0"))
    return h * 3600 + m * 60 + s


def tag(text: str) -> tuple[str, str]:
    """Return the key and value of a tag such as ``team=red``.

    Raise ValueError for any other string.
    """
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise ValueError("KEY=VALUE")
    return key, value


def _words(value: Iterable[object]) -> list[Any]:
    """Return the words in a setting such as ``a, b``, or the list of a repeated option's values."""
    if isinstance(value, str):
        return [word.strip() for word in value.split(",")]
    return list(value)


def _tags(value: Iterable[object]) -> list[dict[str, str]]:
    texts: dict[str, str] = {}
    for word in _words(value):
        key, text = tag(word) if isinstance(word, str) else word
        texts[str(key)] = str(text)
    return [{"Key": key, "Value": text} for key, text in texts.items()]


def _tag_keys(value: Iterable[object]) -> list[str]:
    return list(dict.fromkeys(map(str, _words(value))))


class Parameter(NamedTuple):
    """A parameter of AssumeRole, and the profile setting that provides its value.

    ``kinds`` contains the kinds of profiles that support the parameter.
    """

    name: str
    setting: str
    parse: Callable[[Any], Any] = str
    is_read_by_botocore: bool = True
    kinds: Set[ProfileKind] = ASSUMES

    def parse_option(self, value: object) -> Any:
        """Return an option's value in the form that STS expects.

        Raise InvalidOption if the value is invalid.
        """
        try:
            return self.parse(value)
        except ValueError as error:
            raise InvalidOption(
                f"`{one_line(value, 40)}` isn't a valid {self.setting}.", f"Use {error}."
            ) from None


#: By the field of a request. The last three settings are aws-vault's. STS checks the form of the
#: values.
PARAMETERS = {
    "duration": Parameter("DurationSeconds", "duration_seconds", seconds),
    "session_name": Parameter(
        "RoleSessionName", "role_session_name", kinds={*ASSUMES, ProfileKind.WEB_IDENTITY}
    ),
    "external_id": Parameter("ExternalId", "external_id"),
    "source_identity": Parameter("SourceIdentity", "source_identity", str, False),
    "tags": Parameter("Tags", "session_tags", _tags, False),
    "transitive_tags": Parameter("TransitiveTagKeys", "transitive_session_tags", _tag_keys, False),
}


def merge_options(first: Profile, request: SessionRequest) -> Profile:
    """Return a copy of a profile with a request's options as settings.

    Raise InvalidOption if the profile doesn't support an option.
    """
    settings = dict(first.settings)
    session_name = _default_session_name(first, request)
    if session_name:
        settings["role_session_name"] = session_name
    for name, parameter in PARAMETERS.items():
        value = getattr(request, name)
        if value is None or value == ():
            continue
        if first.kind not in parameter.kinds:
            if name == "duration":
                continue  # it limits any other session, too: see `Target.scope`
            raise InvalidOption(
                f"`{first}` doesn't assume a role, so its {parameter.name} can't be set.",
                f"Leave out the option. The kind of `{first}` is `{first.kind}`.",
            )
        if isinstance(value, tuple):  # the profile's tags remain
            value = (*_words(first.text(parameter.setting) or ()), *value)
        parsed = parameter.parse_option(value)
        # botocore reads texts, and `parameters_of` parses the values that it doesn't read.
        settings[parameter.setting] = str(parsed) if parameter.is_read_by_botocore else value
    return Profile(first, settings, first.kind)


def _default_session_name(first: Profile, request: SessionRequest) -> str | None:
    """Return the role session name to use if no setting provides one, or None."""
    if first.kind not in PARAMETERS["session_name"].kinds or first.text("role_session_name"):
        return None
    return request.default_session_name or user_variable("AWS_ROLE_SESSION_NAME")


def parameters_of(profile: Profile) -> StsParameters:
    """Return a profile's AssumeRole parameters that botocore can't read.

    Raise InvalidProfile if the value of a parameter is invalid.
    """
    parameters: StsParameters = {}
    for parameter in PARAMETERS.values():
        if parameter.is_read_by_botocore or profile.kind not in parameter.kinds:
            continue
        value = profile.settings.get(parameter.setting)
        if not value:
            continue
        try:
            parameters[parameter.name] = parameter.parse(value)
        except ValueError as error:
            raise InvalidProfile(
                f"The {parameter.setting} of `{profile}` is invalid.",
                f"Use {error}. `%aws_profile --explain {quoted(profile)}` shows the "
                "location of the setting.",
            ) from None
    return parameters
