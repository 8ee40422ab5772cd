"""What a source of credentials outside of the shared files needs: variables and files they name.

The checks are those that botocore makes before it calls anything.

https://boto3.amazonaws.com/v1/documentation/api/latest/guide/credentials.html
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from configparser import RawConfigParser
from pathlib import Path

from ipy_awsprofile.credentials.validation import parse_time, unfit_for_header
from ipy_awsprofile.explain.records import Inputs, Problem, Step, in_utc, one_line

RELATIVE_URI = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
FULL_URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN"  # noqa: S105  # the name of a variable
TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"  # noqa: S105


def check_container(inputs: Inputs) -> Iterator[Problem]:
    """Yield problems of the address and of the token of a container's credential service."""
    environ = inputs.environ
    if RELATIVE_URI not in environ and FULL_URI not in environ:
        yield Problem(
            says="No variable for container credentials is set.",
            fix="Containers on ECS and EKS have one.",
        )
        return
    variable = RELATIVE_URI if RELATIVE_URI in environ else FULL_URI
    if not _is_allowed(environ[variable], relative=variable == RELATIVE_URI):
        yield Problem(
            says=f"`{variable}` isn't an address that botocore calls.",
            fix="It has to be https, or an address of this machine, of ECS or of EKS.",
        )
    if TOKEN_FILE in environ:
        yield from _check_token(_content(environ[TOKEN_FILE]), TOKEN_FILE)
    elif TOKEN in environ:
        yield from _check_token(environ[TOKEN], TOKEN)


def _is_allowed(address: str, *, relative: bool) -> bool:
    from botocore.utils import ContainerMetadataFetcher

    fetcher = ContainerMetadataFetcher()
    try:  # there is no public way to ask
        allowed = fetcher._validate_allowed_url  # type: ignore[attr-defined]  # noqa: SLF001
        allowed(fetcher.full_url(address) if relative else address)
    except ValueError:
        return False
    return True


def _check_token(token: str | None, variable: str) -> Iterator[Problem]:
    if token is None:
        yield Problem(
            says=f"`{variable}` names a file that isn't there, or isn't a text file.",
            fix="The platform that runs this process has to provide it.",
        )
    elif unfit_for_header(token):
        yield Problem(
            says=f"The token in `{variable}` can't be sent: it has a line end or odd characters.",
            fix="Write the token alone, without a line end.",
        )


def _content(file: str) -> str | None:
    """Return the text in a file; None if it can't be read."""
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
            says=f"The keys in variables expired at {in_utc(expiry)}.",
            fix="Renew them where they come from.",
        )


def old_file(inputs: Inputs) -> Step | None:
    """Return the step of a file of boto 2 or of the EC2 tools, which botocore still reads."""
    environ = inputs.environ
    if "AWS_CREDENTIAL_FILE" in environ:
        name = os.path.expanduser(environ["AWS_CREDENTIAL_FILE"])
        content = _content(name)
        if content is None:
            unset = "Correct the path, or unset the variable AWS_CREDENTIAL_FILE."
            fault = Problem(says=f"The file `{one_line(name)}` can't be read.", fix=unset)
            return Step(name=one_line(Path(name).name), kind="static keys", problems=(fault,))
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


def _step_of_file(file: str, *, missing: set[str]) -> Step:
    return Step(
        name=one_line(Path(file).name),
        kind="static keys",
        detail=one_line(file),
        problems=tuple(
            Problem(says=f"`{name}` is missing in {one_line(file)}.", fix="Add it.")
            for name in sorted(missing)
        ),
    )
