"""moto's web application on a free loopback port, in a thread of this process."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from time import sleep
from typing import TYPE_CHECKING, Any

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.exceptions import NotFound
from werkzeug.serving import make_server
from werkzeug.wrappers import Request

from ipy_awsprofile.demo import endpoints
from ipy_awsprofile.demo.refusals import missing_signature
from ipy_awsprofile.demo.state import Call

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ipy_awsprofile.demo.state import State


# The first path resets moto. The others return instance credentials without a role;
# `services.metadata` has endpoints for instance credentials with a role.
_BACK_DOORS = ("/moto-api", "/latest/meta-data/", "/latest/api/")


class _SilentHandler(MotoRequestHandler):  # type: ignore[misc]  # moto is untyped
    """A request handler that doesn't print a line for each request."""

    def log(self, *_: object) -> None:
        """Print nothing."""

    def make_environ(self) -> dict[str, Any]:
        """Keep AWS's only header with an underscore, because werkzeug drops such headers."""
        environ: dict[str, Any] = super().make_environ()
        if token := self.headers.get("x-amz-sso_bearer_token"):
            environ["HTTP_X_AMZ_SSO_BEARER_TOKEN"] = token
        return environ


class _Front:
    """The WSGI application in front of moto, which adds endpoints and blocks moto's back doors."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        sleep(self._state.latency)
        answer: Iterable[bytes] = self._app_for(environ)(environ, start_response)
        return answer

    def _app_for(self, environ: dict[str, Any]) -> Any:
        if endpoint := endpoints.find(self._state.endpoints, environ):
            self._state.calls.append(Call(endpoint.action, None, None))
            return Request.application(endpoint.answer)
        path = environ["PATH_INFO"]
        if path.startswith(_BACK_DOORS):
            return NotFound()
        if (
            path == "/"
            and environ["REQUEST_METHOD"] == "POST"
            and "HTTP_AUTHORIZATION" not in environ
            and self._moto.infer_service_region_host(environ, path) is None
        ):  # moto would treat it as a request to S3
            return missing_signature()
        return self._moto


@contextmanager
def serving(state: State) -> Iterator[str]:
    """Serve until the context ends; the context's value is the endpoint's URL."""
    server = make_server(
        "127.0.0.1", 0, _Front(state), threaded=True, request_handler=_SilentHandler
    )
    thread = threading.Thread(
        target=server.serve_forever,
        kwargs={"poll_interval": 0.01},  # the maximum seconds that `shutdown` waits
        name="embedded-aws",
        daemon=True,
    )
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
