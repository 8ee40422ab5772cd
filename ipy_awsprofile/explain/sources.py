"""Where credentials come from that no profile has: variables, a container, an instance.

https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from __future__ import annotations

from collections.abc import Iterator

from ipy_awsprofile.config.profiles import ProfileKind
from ipy_awsprofile.explain.records import Hop, Problem, Reading, Setting, is_file, one_line


def environment_keys(reading: Reading) -> Hop:
    """Describe what EnvProvider takes."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    missing = [name for name in names[:2] if not reading.environ.get(name)]
    return Hop(
        name="Environment",
        kind="keys in variables",
        settings=tuple(
            Setting(name=name.removeprefix("AWS_").lower(), value="set", variable=name)
            for name in names
            if reading.environ.get(name)
        ),
        problems=tuple(
            Problem(says=f"`{name}` isn't set.", fix="Set it, or take another source.")
            for name in missing
        ),
    )


def _container(reading: Reading) -> Hop:
    names = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
    problems: tuple[Problem, ...] = ()
    if not any(name in reading.environ for name in names):
        says = "Neither of the variables that name a container's credentials is set."
        problems = (Problem(says=says, fix="Only a container on ECS or EKS has them."),)
    return Hop(name="EcsContainer", kind="container credentials", problems=problems)


def _instance(reading: Reading) -> Hop:
    problems: tuple[Problem, ...] = ()
    if reading.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        problems = (
            Problem(
                says="`AWS_EC2_METADATA_DISABLED` forbids to ask the instance's metadata.",
                fix="Take the variable away if this machine is an EC2 instance.",
            ),
        )
    fact = "Isn't asked for this. Only an EC2 instance with a role has them."
    return Hop(
        name="Ec2InstanceMetadata",
        kind="instance metadata",
        facts=() if problems else (fact,),
        problems=problems,
    )


def credential_source(name: str, reading: Reading) -> Hop:
    """Describe what a role's credential_source names."""
    match name:
        case "Environment":
            return environment_keys(reading)
        case "EcsContainer":
            return _container(reading)
        case _:
            return _instance(reading)


def ambient(reading: Reading) -> Hop | None:
    """Describe where botocore looks when no profile names credentials: container, instance."""
    hops = (_container(reading), _instance(reading))
    return next((hop for hop in hops if not hop.problems), None)


def web_identity_hop(reading: Reading, name: str) -> Hop:
    """Describe a role that variables name; those of the profile fill what they leave out."""
    environ, section = reading.environ, reading.sections.profiles.get(name)
    file, role_arn = environ["AWS_WEB_IDENTITY_TOKEN_FILE"], environ.get("AWS_ROLE_ARN")
    role_arn = role_arn or (section.text("role_arn") if section is not None else None)
    problems = list(token_file(file, "See AWS_WEB_IDENTITY_TOKEN_FILE."))
    if not role_arn:
        problems.append(Problem(says="`AWS_ROLE_ARN` isn't set.", fix="Set it to the role's ARN."))
    variables = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME")
    return Hop(
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


def token_file(file: str, where: str) -> Iterator[Problem]:
    """Tell if the file of a web identity token isn't there; botocore opens it as it is written."""
    if is_file(file):
        return
    literally = " A `~` in it isn't expanded." if file.startswith("~") else ""
    yield Problem(
        says=f"There is no token file `{one_line(file)}`.{literally}",
        fix=f"What runs here must be given one. {where}",
    )
