"""Steps for credentials that aren't in a profile: variables, a container, an EC2 instance.

https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ipy_awsprofile.config.profiles import ProfileKind
from ipy_awsprofile.explain.outside_sources import (
    FULL_URI,
    RELATIVE_URI,
    check_container,
    check_expiry_variable,
    old_file,
)
from ipy_awsprofile.explain.records import Inputs, Problem, Setting, Step, is_file, one_line


def environment_keys(inputs: Inputs) -> Step:
    """Return the step of keys in variables, which botocore's EnvProvider uses."""
    names = (*_PAIR, "AWS_SESSION_TOKEN")
    missing = [name for name in _PAIR if not inputs.environ.get(name)]
    return Step(
        name="Environment",
        kind="keys in variables",
        settings=tuple(
            Setting(name=name.removeprefix("AWS_").lower(), value="set", variable=name)
            for name in names
            if inputs.environ.get(name)
        ),
        problems=(
            *(
                Problem(says=f"`{name}` isn't set.", fix="Set it, or use another source.")
                for name in missing
            ),
            *check_expiry_variable(inputs),
        ),
    )


_PAIR = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def _container(inputs: Inputs) -> Step:
    problems = tuple(check_container(inputs))
    return Step(name="EcsContainer", kind="container credentials", problems=problems)


def _instance(inputs: Inputs) -> Step:
    problems: tuple[Problem, ...] = ()
    if inputs.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        problems = (
            Problem(
                says="`AWS_EC2_METADATA_DISABLED` disables the instance metadata.",
                fix="Unset the variable if this machine is an EC2 instance.",
            ),
        )
    fact = (
        "The instance metadata isn't called for an explanation. Only an EC2 instance with a role "
        "has credentials there."
    )
    return Step(
        name="Ec2InstanceMetadata",
        kind="instance metadata",
        facts=() if problems else (fact,),
        problems=problems,
    )


def credential_source(name: str, inputs: Inputs) -> Step:
    """Return the step of a role's credential_source."""
    match name:
        case "Environment":
            return environment_keys(inputs)
        case "EcsContainer":
            return _container(inputs)
        case _:
            return _instance(inputs)


def outside_profile(inputs: Inputs) -> Step | None:
    """Return the step of where botocore looks last; None without.

    That is an old file, a container that has variables for it, or an EC2 instance.
    """
    if file := old_file(inputs):
        return file
    if {RELATIVE_URI, FULL_URI} & inputs.environ.keys():
        return _container(inputs)
    instance = _instance(inputs)
    return None if instance.problems else instance


def web_identity_step(inputs: Inputs, name: str) -> Step:
    """Return the step of a role in variables; the profile has what they don't."""
    environ, section = inputs.environ, inputs.config.profiles.get(name)
    file, role_arn = environ["AWS_WEB_IDENTITY_TOKEN_FILE"], environ.get("AWS_ROLE_ARN")
    role_arn = role_arn or (section.text("role_arn") if section is not None else None)
    problems = list(check_token_file(file, "See AWS_WEB_IDENTITY_TOKEN_FILE."))
    if not role_arn:
        problems.append(Problem(says="`AWS_ROLE_ARN` isn't set.", fix="Set it to the role's ARN."))
    variables = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME")
    return Step(
        name="Environment",
        kind=str(ProfileKind.WEB_IDENTITY),
        detail=one_line(role_arn or ""),
        settings=tuple(
            Setting(
                name=variable.removeprefix("AWS_").lower(),
                value=one_line(environ[variable]),
                variable=variable,
            )
            for variable in variables
            if variable in environ
        ),
        problems=tuple(problems),
    )


def check_token_file(file: str, where: str) -> Iterator[Problem]:
    """Yield a problem if there is no token in the file. botocore doesn't expand its path."""
    if is_file(file):
        yield from _check_token(file, where)
        return
    tilde = " A `~` in it isn't expanded." if file.startswith("~") else ""
    yield Problem(
        says=f"There is no token file `{one_line(file)}`.{tilde}",
        fix=f"The platform that runs this process has to provide it. {where}",
    )


#: The length of a web identity token that STS accepts.
#: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
_TOKEN_LENGTH = range(4, 20000 + 1)


def _check_token(file: str, where: str) -> Iterator[Problem]:
    try:
        length = len(Path(file).read_text())
    except (OSError, ValueError):
        length = None
    if length not in _TOKEN_LENGTH:
        problem = "can't be read as a text" if length is None else "doesn't contain a token"
        yield Problem(
            says=f"The token file `{one_line(file)}` {problem}.",
            fix=f"The platform that runs this process has to write it. {where}",
        )
