"""Ways to break what a profile needs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.iam.models import iam_backends

from ipy_awsprofile.demo.shared_files import write_private
from tests.integration.broken_kinds.stage import HUSH, Break, Stage
from tests.kinds import ACCOUNT
from tests.servers import Answers, closed_port, odd_server, silent_server


def variables(**changes: str | None) -> Break:
    """Set environment variables; None removes a variable."""

    def change(stage: Stage) -> None:
        for name, value in changes.items():
            if value is None:
                stage.patch.delenv(name, raising=False)
            else:
                stage.patch.setenv(name, value.format(**stage.values))

    return change


def answers(*given: tuple[int, str]) -> Break:
    """Move the endpoint to a server that gives these answers."""
    return lambda stage: stage.answer_with(*given)


def says_no(code: str, message: str, status: int = 403) -> Break:
    """Make STS refuse every request."""
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return answers((status, f"<ErrorResponse>{error}</ErrorResponse>"))


def down(stage: Stage) -> None:
    """Move the endpoint to a closed port."""
    stage.move_endpoint(f"http://127.0.0.1:{closed_port()}")


def silent(stage: Stage) -> None:
    """Move the endpoint to a server that never answers."""
    stage.move_endpoint(stage.until_the_end.enter_context(silent_server()))


def served(variable: str, *given: tuple[int, str]) -> Break:
    """Replace a metadata service; without answers, the new service is down."""

    def serve(stage: Stage) -> None:
        url = f"http://127.0.0.1:{closed_port()}"
        if given:
            url = stage.until_the_end.enter_context(odd_server(Answers(*given)))
        stage.patch.setenv(variable, url)

    return serve


def instance(*given: tuple[int, str]) -> Break:
    """Replace the instance's metadata service."""
    return served("AWS_EC2_METADATA_SERVICE_ENDPOINT", *given)


def container(*given: tuple[int, str]) -> Break:
    """Replace the container's credential service."""
    return served("AWS_CONTAINER_CREDENTIALS_FULL_URI", *given)


def in_metadata(**changes: str) -> tuple[int, str]:
    """Return credentials in the format of the metadata services."""
    good = {"AccessKeyId": "ASIAX", "SecretAccessKey": HUSH, "Token": HUSH}
    return 200, json.dumps(good | {"Expiration": "2099-01-01T00:00:00Z"} | changes)


def stored(service: str, edit: Callable[[dict[str, Any]], Any]) -> Break:
    """Edit each cached document of a sign-in; a text replaces the document, and None removes it."""

    def change(stage: Stage) -> None:
        for file in (stage.aws.home / ".aws" / service / "cache").iterdir():
            new = edit(json.loads(file.read_text()))
            if new is None:
                file.unlink()
            else:
                file.write_text(new if isinstance(new, str) else json.dumps(new))

    return change


def token(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    """Return an edit that changes fields of a cached token; None removes a field."""
    return lambda document: {
        name: value for name, value in (document | changes).items() if value is not None
    }


def access(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    """Return an edit that changes the credentials that `aws login` has cached."""
    return lambda document: document | {"accessToken": document["accessToken"] | changes}


OVER = "2020-01-01T00:00:00Z"


def login_is_over(stage: Stage) -> None:
    """Expire the credentials of `aws login`, and the token that renews them."""
    stored("login", access(expiresAt=OVER))(stage)
    stage.aws.signin.expire()


def identity(text: str | bytes) -> Break:
    """Write a text into the web identity's token file."""

    def write(stage: Stage) -> None:
        file = stage.aws.home / "token"
        file.write_bytes(text.encode() if isinstance(text, str) else text)

    return write


def identity_with(**claims: Any) -> Break:
    """Write a token with these claims into the web identity's token file."""

    def write(stage: Stage) -> None:
        (provider,) = stage.aws._state.oidc_providers.values()
        write_private(stage.aws.home / "token", provider.token("ann", **claims))

    return write


def tool(*lines: str) -> Break:
    """Replace the credential_process with these lines of Python."""
    return lambda stage: write_private(stage.aws.home / "tool.py", "\n".join(lines))


def prints(**changes: Any) -> Break:
    """Make the credential_process print a document with changed fields; None removes a field."""
    good = {"Version": 1, "AccessKeyId": "AKIAX", "SecretAccessKey": HUSH, "SessionToken": HUSH}
    document = {name: value for name, value in (good | changes).items() if value is not None}
    return tool(f"print({json.dumps(document)!r})")


def types(code: str) -> Break:
    """Answer the MFA prompt with this code."""

    def sit(stage: Stage) -> None:
        stage.person = lambda _: code

    return sit


def disabled(stage: Stage) -> None:
    """Disable Ann's key."""
    iam, key = iam_backends[ACCOUNT]["aws"], stage.ann.access_key_id
    iam.update_access_key("Ann", key, "Inactive")
    stage.until_the_end.callback(iam.update_access_key, "Ann", key, "Active")


def ann_may(*statements: dict[str, str]) -> Break:
    """Replace Ann's policy with these statements."""

    def change(stage: Stage) -> None:
        ann = iam_backends[ACCOUNT]["aws"].get_user("Ann")
        stage.until_the_end.callback(setattr, ann, "policies", ann.policies)
        ann.policies = {"p": json.dumps({"Statement": statements})} if statements else {}

    return change


def sessions_over(stage: Stage) -> None:
    """Expire all sessions."""
    stage.aws.expire_sessions()


def without_crt(stage: Stage) -> None:
    """Remove botocore's library for elliptic-curve keys."""
    stage.patch.setattr("botocore.credentials.EC", None)


def expired_variables(stage: Stage) -> None:
    """Set the environment's keys to expired temporary keys."""
    temporary = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    for name, what in (temporary | {"AWS_SESSION_TOKEN": "token"}).items():
        stage.patch.setenv(name, stage.values[f"temporary_{what}"])
    sessions_over(stage)
