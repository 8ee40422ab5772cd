"""Instance metadata and container credentials: services that return the credentials of a role.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Request, Response

from ipy_awsprofile.demo.front import Front
from ipy_awsprofile.demo.iam import Iam
from ipy_awsprofile.demo.refusals import json_response

_ROLES = "/latest/meta-data/iam/security-credentials/"


@contextmanager
def serve_instance(front: Front, endpoint_url: str, role_arn: str) -> Iterator[dict[str, str]]:
    """Serve version 2 of the instance metadata service: each request needs a token."""
    token, role = front.iam.keep_secret(secrets.token_urlsafe(64)), role_arn.rpartition("/")[2]

    def with_token(answer: Callable[[], Response]) -> Callable[[Request], Response]:
        def answered(request: Request) -> Response:
            if request.headers.get("X-aws-ec2-metadata-token") != token:
                raise Unauthorized
            return answer()

        return answered

    def credentials() -> Response:
        document = _credentials(front.iam, role_arn, "i-0abcdef1234567890")
        return json_response(document | {"Code": "Success", "Type": "AWS-HMAC"})

    requests = {
        "PUT /latest/api/token": ("imds:GetToken", lambda _: Response(token)),
        f"GET {_ROLES}": ("imds:GetRole", with_token(lambda: Response(role))),
        f"GET {_ROLES}{role}": ("imds:GetCredentials", with_token(credentials)),
    }
    with _serving(front, requests):
        yield {
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint_url,
            "AWS_EC2_METADATA_DISABLED": "false",
        }


@contextmanager
def serve_container(front: Front, endpoint_url: str, role_arn: str) -> Iterator[dict[str, str]]:
    """Serve the credentials of a container, whose path and token are its own."""
    token = front.iam.keep_secret(secrets.token_urlsafe(64))
    path = f"/v2/credentials/{secrets.token_hex(16)}"

    def answer(request: Request) -> Response:
        if request.headers.get("Authorization") != token:
            raise Unauthorized
        return json_response(_credentials(front.iam, role_arn, "container"))

    with _serving(front, {f"GET {path}": ("container:GetCredentials", answer)}):
        yield {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": endpoint_url + path,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
        }


@contextmanager
def _serving(
    front: Front, requests: dict[str, tuple[str, Callable[[Request], Response]]]
) -> Iterator[None]:
    front.unsigned |= requests
    try:
        yield
    finally:
        for request in requests:
            del front.unsigned[request]


def _credentials(iam: Iam, role_arn: str, session_name: str) -> dict[str, str]:
    issued = iam.create_role_session(role_arn, session_name).credentials()
    issued["Token"] = issued.pop("SessionToken")
    return {**issued, "LastUpdated": f"{iam.clock():%Y-%m-%dT%H:%M:%SZ}"}
