"""Each botocore signature passes the gate while at least one watcher is active."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.signers import RequestSigner

from ipy_awsprofile.bindings import gate
from ipy_awsprofile.bindings.gate import Signature, watch_signatures
from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.sessions.session import open_session


class Seen(list[Signature]):
    """The signatures that a watcher has seen; if ``error`` is set, the watcher raises it."""

    error: Exception | None = None

    def __call__(self, signature: Signature) -> None:
        """Record a signature."""
        self.append(signature)
        if self.error:
            raise self.error

    def calls(self) -> list[tuple[str, str]]:
        """Return the services and operations."""
        return [(one.service, one.operation) for one in self]


@pytest.fixture(autouse=True)
def _watched_here_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Remove other watchers, because a script's Switcher watches until the process ends."""
    watched = gate._Process.restore
    if watched:
        watched.close()
    with monkeypatch.context() as patch:
        for name, value in (("watchers", ()), ("noters", ()), ("restore", None)):
            patch.setattr(gate._Process, name, value)
        yield
    if watched:
        gate._Process.restore = gate._replace_methods()


@pytest.fixture
def seen() -> Iterator[Seen]:
    """Watch all signatures, and yield them."""
    seen = Seen()
    end = watch_signatures(seen)
    yield seen
    end()


CALLS: dict[str, tuple[Callable[[boto3.Session], Any], list[tuple[str, str]]]] = {
    "a call": (lambda session: session.client("s3").list_buckets(), [("s3", "ListBuckets")]),
    "a resource": (
        lambda session: list(session.resource("s3").buckets.all()),
        [("s3", "ListBuckets")],
    ),
    "a presigned URL": (
        lambda session: session.client("s3").generate_presigned_url(
            "get_object", Params={"Bucket": "b", "Key": "k"}
        ),
        [("s3", "GetObject")],
    ),
    "a presigned form": (
        lambda session: session.client("s3").generate_presigned_post("b", "k"),
        [("s3", "PutObject")],
    ),
    "a login of RDS": (
        lambda session: session.client("rds").generate_db_auth_token("host", 5432, "me"),
        [("rds", "connect")],
    ),
    "no credentials": (
        lambda session: session.client("sts", config=Config(signature_version=UNSIGNED)),
        [],
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_what_passes(aws: EmbeddedAws, seen: Seen, call: str) -> None:
    """The gate sees each way to sign once, with the session's credentials."""
    session = open_session("RoleBeta")
    seen.clear()
    use, expected = CALLS[call]
    use(session)
    assert seen.calls() == expected
    assert {one.credentials for one in seen} <= {session.get_credentials()}


def test_client_from_before(aws: EmbeddedAws) -> None:
    """The gate sees a client that was created before the watcher, in any thread."""
    s3 = open_session("RoleBeta").client("s3")
    seen = Seen()
    end = watch_signatures(seen)
    thread = threading.Thread(target=s3.list_buckets)
    thread.start()
    thread.join()
    end()
    s3.list_buckets()
    assert seen.calls() == [("s3", "ListBuckets")]


def test_a_watcher_refuses(aws: EmbeddedAws, seen: Seen) -> None:
    """If a watcher raises an error, the caller gets it, and AWS gets no request."""
    s3 = open_session("RoleBeta").client("s3")
    aws.calls.clear()
    seen.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        s3.list_buckets()
    assert aws.calls == []


def test_the_method_is_restored() -> None:
    """The last watcher to end restores botocore's method, in whatever order the watchers end."""
    original = RequestSigner.sign
    first, second = watch_signatures(Seen()), watch_signatures(Seen())
    assert RequestSigner.sign is not original
    first()
    first()
    assert RequestSigner.sign is not original
    second()
    assert RequestSigner.sign is original


def test_another_library_has_replaced_it(aws: EmbeddedAws) -> None:
    """If another library has wrapped the method meanwhile, its wrapper stays."""
    original = RequestSigner.sign
    seen = Seen()
    end = watch_signatures(seen)
    ours = RequestSigner.sign

    def theirs(self: Any, *args: Any, **kwargs: Any) -> Any:
        return ours(self, *args, **kwargs)

    RequestSigner.sign = theirs  # type: ignore[method-assign]
    try:
        s3 = open_session("RoleBeta").client("s3")
        end()
        assert RequestSigner.sign is theirs
        seen.clear()
        s3.list_buckets()
        assert seen == []
    finally:
        RequestSigner.sign = original  # type: ignore[method-assign]
