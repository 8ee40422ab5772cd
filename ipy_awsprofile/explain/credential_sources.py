"""Steps for credentials outside profiles: variables, a container, an EC2 instance, a file.

The checks are the ones that botocore makes before its first call.

https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from configparser import RawConfigParser
from pathlib import Path

from ipy_awsprofile.config.problem import Problem
from ipy_awsprofile.config.profiles import ProfileKind
from ipy_awsprofile.credentials.validation import is_temporary, parse_time, unfit_for_header
from ipy_awsprofile.explain.records import ExplainedStep, Inputs, Setting, in_utc, is_file, one_line


def environment_keys(inputs: Inputs) -> ExplainedStep:
    """Return the step for keys in variables, which botocore's EnvProvider uses."""
    names = (*_PAIR, "AWS_SESSION_TOKEN")
    missing = [name for name in _PAIR if not inputs.environ.get(name)]
    return ExplainedStep(
        name="Environment",
        kind="keys in environment variables",
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
            *_check_token_variable(inputs),
            *check_expiry_variable(inputs),
        ),
    )


def _check_token_variable(inputs: Inputs) -> Iterator[Problem]:
    """Yield a problem if the keys in variables are temporary and have no session token."""
    tokens = ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")
    has_token = any(map(inputs.environ.get, tokens))
    if is_temporary(inputs.environ.get(_PAIR[0], "")) and not has_token:
        yield Problem(
            says="The keys are temporary (their ID begins with ASIA), but have no session token.",
            fix=f"Set `{tokens[0]}` to the token that was issued with them.",
        )


_PAIR = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def _container(inputs: Inputs) -> ExplainedStep:
    problems = tuple(check_container(inputs))
    return ExplainedStep(name="EcsContainer", kind="container credentials", problems=problems)


def _instance(inputs: Inputs) -> ExplainedStep:
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
    return ExplainedStep(
        name="Ec2InstanceMetadata",
        kind="instance metadata",
        facts=() if problems else (fact,),
        problems=problems,
    )


def credential_source(name: str, inputs: Inputs) -> ExplainedStep:
    """Return the step for a role's credential_source."""
    match name:
        case "Environment":
            return environment_keys(inputs)
        case "EcsContainer":
            return _container(inputs)
        case _:
            return _instance(inputs)


def outside_profile(inputs: Inputs) -> ExplainedStep | None:
    """Return the step for the last place where botocore looks for credentials, or None.

    This is an old file, a container with credential variables, or an EC2 instance.
    """
    if file := old_file(inputs):
        return file
    if {RELATIVE_URI, FULL_URI} & inputs.environ.keys():
        return _container(inputs)
    instance = _instance(inputs)
    return None if instance.problems else instance


def web_identity_step(inputs: Inputs, name: str) -> ExplainedStep:
    """Return the step for a role in variables. The profile supplies the settings they lack."""
    environ, section = inputs.environ, inputs.config.profiles.get(name)
    file, role_arn = environ["AWS_WEB_IDENTITY_TOKEN_FILE"], environ.get("AWS_ROLE_ARN")
    role_arn = role_arn or (section.text("role_arn") if section is not None else None)
    problems = list(check_token_file(file, "See AWS_WEB_IDENTITY_TOKEN_FILE."))
    if not role_arn:
        problems.append(Problem(says="`AWS_ROLE_ARN` isn't set.", fix="Set it to the role's ARN."))
    variables = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME")
    return ExplainedStep(
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
    """Yield a problem if the file doesn't contain a token. botocore doesn't expand its path."""
    if is_file(file):
        yield from _check_token(file, where)
        return
    tilde = " A `~` in it isn't expanded." if file.startswith("~") else ""
    yield Problem(
        says=f"No token file exists at `{one_line(file)}`.{tilde}",
        fix=f"The platform that runs this process has to provide it. {where}",
    )


#: The allowed length of a web identity token, in characters.
#: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
_TOKEN_LENGTH = range(4, 20000 + 1)


def _check_token(file: str, where: str) -> Iterator[Problem]:
    try:
        length = len(Path(file).read_text())
    except (OSError, ValueError):
        length = None
    if length not in _TOKEN_LENGTH:
        problem = "can't be read as text" if length is None else "doesn't contain a token"
        yield Problem(
            says=f"The token file `{one_line(file)}` {problem}.",
            fix=f"The platform that runs this process has to write it. {where}",
        )


RELATIVE_URI = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
FULL_URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN"  # noqa: S105  # the name of a variable
TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"  # noqa: S105


def check_container(inputs: Inputs) -> Iterator[Problem]:
    """Yield problems with the address and token of a container's credential service."""
    environ = inputs.environ
    if RELATIVE_URI not in environ and FULL_URI not in environ:
        yield Problem(
            says="No environment variable for container credentials is set.",
            fix="Containers on ECS and EKS have one.",
        )
        return
    variable = RELATIVE_URI if RELATIVE_URI in environ else FULL_URI
    if not _is_allowed(environ[variable], relative=variable == RELATIVE_URI):
        yield Problem(
            says=f"`{variable}` isn't an address that botocore accepts.",
            fix="Use an https address, or an address of this machine, ECS or EKS.",
        )
    if TOKEN_FILE in environ:
        yield from _check_container_token(_content(environ[TOKEN_FILE]), TOKEN_FILE)
    elif TOKEN in environ:
        yield from _check_container_token(environ[TOKEN], TOKEN)


def _is_allowed(address: str, *, relative: bool) -> bool:
    from botocore.utils import ContainerMetadataFetcher

    fetcher = ContainerMetadataFetcher()
    try:  # botocore has no public function for this check
        allowed = fetcher._validate_allowed_url  # type: ignore[attr-defined]  # noqa: SLF001
        allowed(fetcher.full_url(address) if relative else address)
    except ValueError:
        return False
    return True


def _check_container_token(token: str | None, variable: str) -> Iterator[Problem]:
    if token is None:
        yield Problem(
            says=f"`{variable}` names a file that doesn't exist or isn't a text file.",
            fix="The platform that runs this process has to provide it.",
        )
    elif unfit_for_header(token):
        yield Problem(
            says=f"The token in `{variable}` contains a line break or invalid characters.",
            fix="Remove everything except the token.",
        )


def _content(file: str) -> str | None:
    """Return the text in a file, or None if it can't be read."""
    try:
        return Path(file).read_text()
    except (OSError, ValueError):
        return None


def check_expiry_variable(inputs: Inputs) -> Iterator[Problem]:
    """Yield a problem if the keys in variables have expired."""
    text = inputs.environ.get("AWS_CREDENTIAL_EXPIRATION")
    if not text:
        return
    expiry = parse_time(text)
    if expiry is None:
        yield Problem(
            says="`AWS_CREDENTIAL_EXPIRATION` isn't a time with a time zone.",
            fix="Unset it, or write a time such as 2030-01-01T00:00:00Z.",
        )
    elif expiry <= inputs.now:
        yield Problem(
            says=f"The keys in environment variables expired at {in_utc(expiry)}.",
            fix="Get new keys from their source.",
        )


def old_file(inputs: Inputs) -> ExplainedStep | None:
    """Return the step for a file of boto 2 or the EC2 tools, which botocore still reads."""
    environ = inputs.environ
    if "AWS_CREDENTIAL_FILE" in environ:
        name = os.path.expanduser(environ["AWS_CREDENTIAL_FILE"])
        content = _content(name)
        if content is None:
            unset = "Correct the path, or unset the variable AWS_CREDENTIAL_FILE."
            fault = Problem(says=f"The file `{one_line(name)}` can't be read.", fix=unset)
            return ExplainedStep(
                name=one_line(Path(name).name), kind="static keys", problems=(fault,)
            )
        found = _key_values(content)
        if "AWSAccessKeyId" in found:
            return _step_of_file(name, missing={"AWSSecretKey"} - found.keys())
    files = [environ["BOTO_CONFIG"]] if "BOTO_CONFIG" in environ else ["/etc/boto.cfg", "~/.boto"]
    for name in files:
        path = os.path.expanduser(os.path.expandvars(name))
        parser = RawConfigParser(default_section="")
        try:
            parser.read_string(_content(path) or "")
        except Exception:  # noqa: BLE001, S112  # the text can quote a secret
            continue
        if parser.has_option("Credentials", "aws_access_key_id"):
            secret = "aws_secret_access_key"  # noqa: S105  # the name of a setting
            has_secret = parser.has_option("Credentials", secret)
            return _step_of_file(path, missing=set() if has_secret else {secret})
    return None


def _key_values(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines())
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


def _step_of_file(file: str, *, missing: set[str]) -> ExplainedStep:
    return ExplainedStep(
        name=one_line(Path(file).name),
        kind="static keys",
        detail=one_line(file),
        problems=tuple(
            Problem(says=f"`{name}` is missing in {one_line(file)}.", fix="Add it.")
            for name in sorted(missing)
        ),
    )
