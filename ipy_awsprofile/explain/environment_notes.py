"""Notes about environment variables that plain boto3 uses in another way than a switch."""

from __future__ import annotations

from collections.abc import Iterator

from ipy_awsprofile.config.environment import named_profile
from ipy_awsprofile.explain.records import Inputs, is_file, one_line


def notes_with_name(name: str, inputs: Inputs) -> Iterator[str]:
    """Yield what plain boto3 uses instead of the profile that was named."""
    environ = inputs.environ
    variable, named = named_profile(environ)
    if environ.get("AWS_ACCESS_KEY_ID"):
        yield "`AWS_ACCESS_KEY_ID` is set: plain boto3 uses it, a switch doesn't."
    elif environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
        yield "`AWS_WEB_IDENTITY_TOKEN_FILE` is set: plain boto3 reads it, a switch doesn't."
    if variable and named != name:
        yield f"`{variable}` is `{one_line(named or '')}`: plain boto3 uses it, a switch doesn't."
    yield from _notes_always(inputs)


def notes_without_name(name: str, inputs: Inputs) -> Iterator[str]:
    """Yield which variables boto3 uses instead of the settings of its profile."""
    section = inputs.sections.profiles.get(name)
    if section is not None and "web_identity_token_file" in section:
        for setting in ("role_arn", "role_session_name"):
            variable = f"AWS_{setting.upper()}"
            if inputs.environ.get(variable) and setting in section:
                yield f"`{variable}` takes precedence over the `{setting}` of `{one_line(name)}`."
    yield from _notes_always(inputs)


def _notes_always(inputs: Inputs) -> Iterator[str]:
    environ = inputs.environ
    if "AWS_DEFAULT_PROFILE" in environ and "AWS_PROFILE" in environ:
        yield "`AWS_DEFAULT_PROFILE` takes precedence over `AWS_PROFILE`."
    region = environ.get("AWS_REGION")
    if region and region != environ.get("AWS_DEFAULT_REGION"):
        yield "boto3 doesn't read `AWS_REGION` as other tools do, but `AWS_DEFAULT_REGION`."
    for variable, file in (
        ("AWS_CONFIG_FILE", inputs.files.config),
        ("AWS_SHARED_CREDENTIALS_FILE", inputs.files.credentials),
    ):
        if environ.get(variable) and not is_file(file):
            yield f"`{variable}` names a file that doesn't exist: {one_line(str(file))}."
