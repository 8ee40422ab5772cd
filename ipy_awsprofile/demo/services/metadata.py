"""Instance metadata and container credentials: services that return the credentials of a role.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import BadRequest, Forbidden, Unauthorized
from werkzeug.wrappers import Response

from ipy_awsprofile.demo.endpoints import Endpoint, json_answer
from ipy_awsprofile.demo.shared_files import write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from werkzeug.wrappers import Request

    from ipy_awsprofile.demo.endpoints import Endpoints
    from ipy_awsprofile.demo.state import State

    Issue = Callable[[], dict[str, Any]]

_TOKEN = "/latest/api/token"
_ROLES = "/latest/meta-data/iam/security-credentials/"
_LONGEST = 21600  # seconds


@contextmanager
def instance(
    state: State, endpoint_url: str, role_name: str, issue: Issue
) -> Iterator[dict[str, str]]:
    """Serve the metadata of an EC2 instance with a role until the context ends (IMDSv2 only).

    The context's value is the environment variables for clients on the instance.
    """
    service = _InstanceMetadata(state, role_name, issue)
    with _serving(state, service.endpoints()):
        yield {
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint_url,
            "AWS_EC2_METADATA_DISABLED": "false",
        }


class _InstanceMetadata:
    """Version 2 of the instance metadata service: each request needs a token."""

    def __init__(self, state: State, role_name: str, issue: Issue) -> None:
        self._state, self._role_name, self._issue = state, role_name, issue
        self._tokens: dict[str, datetime] = {}

    def endpoints(self) -> Endpoints:
        return {
            ("PUT", _TOKEN): Endpoint("imds:GetToken", self._token),
            ("GET", _ROLES): Endpoint("imds:GetRole", self._role),
            ("GET", _ROLES + self._role_name): Endpoint("imds:GetCredentials", self._credentials),
        }

    def _token(self, request: Request) -> Response:
        seconds = request.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if not seconds.isdecimal() or not 1 <= int(seconds) <= _LONGEST:
            raise BadRequest
        token = self._state.new_secret()
        self._tokens[token] = self._state.clock() + timedelta(seconds=int(seconds))
        return Response(token, headers={"X-aws-ec2-metadata-token-ttl-seconds": seconds})

    def _require_token(self, request: Request) -> None:
        expires = self._tokens.get(request.headers.get("X-aws-ec2-metadata-token", ""))
        if expires is None or self._state.clock() >= expires:
            raise Unauthorized

    def _role(self, request: Request) -> Response:
        self._require_token(request)
        return Response(self._role_name, content_type="text/plain")

    def _credentials(self, request: Request) -> Response:
        self._require_token(request)
        now = self._state.clock()
        updated = {"LastUpdated": _iso(now)}
        try:
            document = _document(self._issue())
        except PermissionError:
            message = f"EC2 cannot assume the role {self._role_name}."
            refused = {"Code": "AssumeRoleUnauthorizedAccess", "Message": message}
            return json_answer(updated | refused)  # as on AWS, the status is 200
        return json_answer(updated | {"Code": "Success", "Type": "AWS-HMAC"} | document)


@contextmanager
def container(
    state: State, endpoint_url: str, issue: Issue, token_file: Path | None
) -> Iterator[dict[str, str]]:
    """Serve the credentials of a container with a role until the context ends.

    The context's value is the environment variables for clients in the container. Each container
    has a different path and token. The token is in a variable, as on ECS, or in a file, as with EKS
    Pod Identity.
    """
    token, path = state.new_secret(), f"/v2/credentials/{secrets.token_hex(16)}"

    def answer(request: Request) -> Response:
        if request.headers.get("Authorization") != token:
            raise Unauthorized
        try:
            return json_answer(_document(issue()))
        except PermissionError as error:
            raise Forbidden from error

    environment = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": endpoint_url + path}
    if token_file is None:
        environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = token
    else:
        write_private(token_file, token)
        environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = str(token_file)
    with _serving(state, {("GET", path): Endpoint("container:GetCredentials", answer)}):
        yield environment


@contextmanager
def _serving(state: State, endpoints: Endpoints) -> Iterator[None]:
    if taken := state.endpoints.keys() & endpoints.keys():
        raise RuntimeError(f"{min(taken)[1]} is already served; leave that context first.")
    state.endpoints.update(endpoints)
    try:
        yield
    finally:
        for key in endpoints:
            del state.endpoints[key]


def _document(credentials: dict[str, Any]) -> dict[str, str]:
    return {
        "AccessKeyId": credentials["AccessKeyId"],
        "SecretAccessKey": credentials["SecretAccessKey"],
        "Token": credentials["SessionToken"],
        "Expiration": _iso(credentials["Expiration"]),
    }


def _iso(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
