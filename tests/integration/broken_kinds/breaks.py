"""Ways to break what a profile needs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ipy_awsprofile.demo.shared_files import write_private
from tests.integration.broken_kinds.stage import Break, Stage
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


def refuses(code: str, message: str, status: int = 403) -> Break:
    """Make STS refuse every request."""
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    answers = Answers((status, f"<ErrorResponse>{error}</ErrorResponse>"))

    def refuse(stage: Stage) -> None:
        stage.move_endpoint(stage.until_the_end.enter_context(odd_server(answers)))

    return refuse


def down(stage: Stage) -> None:
    """Move the endpoint to a closed port."""
    stage.move_endpoint(f"http://127.0.0.1:{closed_port()}")


def silent(stage: Stage) -> None:
    """Move the endpoint to a server that never answers."""
    stage.move_endpoint(stage.until_the_end.enter_context(silent_server()))


def service_down(variable: str) -> Break:
    """Set a metadata service's variable to a closed port."""
    return lambda stage: stage.patch.setenv(variable, f"http://127.0.0.1:{closed_port()}")


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


OVER = "2020-01-01T00:00:00Z"


def login_is_over(stage: Stage) -> None:
    """Expire the credentials of `aws login`, and the token that renews them."""

    def expire(document: dict[str, Any]) -> dict[str, Any]:
        return document | {"accessToken": document["accessToken"] | {"expiresAt": OVER}}

    stored("login", expire)(stage)
    stage.aws.signin.expire()


def identity(text: str) -> Break:
    """Write a text into the web identity's token file."""
    return lambda stage: write_private(stage.aws.home / "token", text)


def identity_with(**claims: Any) -> Break:
    """Write a token with these claims into the web identity's token file."""

    def write(stage: Stage) -> None:
        (provider,) = stage.aws._state.oidc_providers.values()
        write_private(stage.aws.home / "token", provider.token("ann", **claims))

    return write


def tool(*lines: str) -> Break:
    """Replace the credential_process with these lines of Python."""
    return lambda stage: write_private(stage.aws.home / "tool.py", "\n".join(lines))


def types(code: str) -> Break:
    """Answer the MFA prompt with this code."""

    def sit(stage: Stage) -> None:
        stage.person = lambda _: code

    return sit


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
