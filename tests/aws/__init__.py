"""The embedded AWS with the services that only tests use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from werkzeug.wrappers import Request, Response

from ipy_awsprofile.demo import aws
from tests.aws.browser_sign_ins import BrowserSignIns
from tests.aws.console import Console
from tests.aws.machines import serve_container, serve_instance
from tests.aws.signin import SignIn
from tests.aws.web_identity import AUDIENCE, OidcProvider, WebIdentities


class EmbeddedAws(aws.EmbeddedAws):
    """The embedded AWS with AWS Sign-In, sign-ins in a browser, machines' credentials and tokens.

    `signin` is AWS Sign-In, the service behind `aws login`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.signin = SignIn(self, lambda: self.home)
        BrowserSignIns(self, self.sso)
        Console(self)
        self._web_identities = WebIdentities(self)

    @property
    def actions(self) -> list[str]:
        """The actions of all requests so far, in order."""
        return [call.action for call in self.calls]

    def create_oidc_provider(
        self, issuer: str, *, account: str, audiences: tuple[str, ...] = (AUDIENCE,)
    ) -> OidcProvider:
        """Create an IAM OpenID Connect provider; its method `token` returns tokens to assume roles.

        `issuer` is an https URL, such as an EKS cluster's. Nothing connects to it.
        """
        return self._web_identities.create_provider(issuer, account, audiences)

    def on_instance(self, role_arn: str) -> AbstractContextManager[dict[str, str]]:
        """Serve the metadata of an EC2 instance with a role until the context ends.

        The context's value is the environment variables that a client on the instance needs.
        """
        return serve_instance(self, self.endpoint_url, role_arn)

    def in_container(self, role_arn: str) -> AbstractContextManager[dict[str, str]]:
        """Serve the credentials of a container with a role until the context ends.

        The context's value is the environment variables that a client in the container needs.
        """
        return serve_container(self, self.endpoint_url, role_arn)

    @contextmanager
    def answering(self, request: str, answer: Callable[[Request], Response]) -> Iterator[None]:
        """Answer a request without a signature, such as "POST /token", until the context ends."""
        name, before = self.unsigned[request]
        self.unsigned[request] = name, answer
        try:
            yield
        finally:
            self.unsigned[request] = name, before
