"""`signer_of` recognizes objects that sign requests, without running their code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import pytest
import s3fs

from ipy_awsprofile.bindings.leftovers import signer_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipy_awsprofile.demo.aws import EmbeddedAws


def used(session: botocore.session.Session) -> botocore.session.Session:
    """Load a session's credentials, and return the session."""
    session.get_credentials()
    return session


#: Objects, and whether they sign.
OBJECTS: dict[str, tuple[Callable[[boto3.Session], Any], bool]] = {
    "client": (lambda session: session.client("s3"), True),
    "resource": (lambda session: session.resource("s3"), True),
    "bucket": (lambda session: session.resource("s3").Bucket("b"), True),
    "session": (lambda session: session, True),
    "session of botocore": (lambda _: used(botocore.session.Session(profile="UserAlpha")), True),
    "unused session": (lambda _: boto3.Session(profile_name="UserAlpha"), False),
    "unsigned": (lambda _: boto3.Session().client("s3", "us-east-1"), False),
    "public filesystem": (lambda _: s3fs.S3FileSystem(anon=True), False),
    "unused filesystem": (lambda _: s3fs.S3FileSystem(skip_instance_cache=True), False),
    "class": (lambda _: boto3.Session, False),
    "text": (lambda _: "text", False),
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_objects(aws: EmbeddedAws, kind: str) -> None:
    """Clients, resources and used sessions are recognized."""
    make, signs = OBJECTS[kind]
    session = boto3.Session(profile_name="UserAlpha")
    session.get_credentials()
    assert (signer_of(make(session)) is not None) == signs


def test_nothing_of_the_user_is_run() -> None:
    """Objects whose attributes, comparisons or hashes raise errors aren't touched."""

    class Touchy:
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(name)

        def __eq__(self, other: object) -> bool:
            raise AssertionError

        def __hash__(self) -> int:
            raise AssertionError

    assert signer_of(Touchy()) is None
