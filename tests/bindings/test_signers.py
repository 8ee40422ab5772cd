"""What signs requests is found in variables and inside other objects, and nothing is run."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import pytest
import s3fs

from ipy_awsprofile.bindings.signers import signers

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell


@pytest.fixture
def session(aws: EmbeddedAws) -> boto3.Session:
    """Open a session of UserAlpha."""
    return boto3.Session(profile_name="UserAlpha")


def found(namespace: dict[str, Any]) -> dict[str, str]:
    """Return what is found, by the variable; ``in`` marks what is inside another object."""
    return {
        name: f"{'in ' if is_inside else ''}{signer.kind}"
        for name, signer, is_inside in signers(namespace)
    }


def test_variables(session: boto3.Session) -> None:
    """Clients, resources, sessions and filesystems are found; values and IPython's names aren't."""
    client, resource = session.client("s3"), session.resource("s3")
    raw = botocore.session.Session(profile="UserAlpha")
    raw.get_credentials()
    names = {
        "text": "text",
        "kind": boto3.Session,
        "session": session,
        "raw": raw,
        "unused": boto3.Session(profile_name="UserAlpha"),
        "client": client,
        "resource": resource,
        "bucket": resource.Bucket("b"),
        "files": s3fs.S3FileSystem(profile="UserAlpha", skip_instance_cache=True),
        "public": s3fs.S3FileSystem(anon=True),
        "unsigned": boto3.Session().client("s3", "us-east-1"),
        "_": client,
        "_hidden": session,
        "Out": {1: client},
    }
    assert found(names) == {
        "session": "session",
        "raw": "session",
        "client": "client",
        "resource": "resource",
        "bucket": "resource",
        "files": "filesystem",
    }


def test_event_loop(session: boto3.Session) -> None:
    """A filesystem leads to fsspec's event loop, which is everybody's, and what waits there."""
    public = s3fs.S3FileSystem(anon=True)
    waiting = public.loop.call_later(60, session.client("s3").list_buckets)
    assert found({"public": public}) == {}
    waiting.cancel()


class Job:
    """A class of a module."""

    def __init__(self, client: Any) -> None:
        self.client = client


def holders(client: Any) -> dict[str, Any]:
    """Return objects of many kinds that hold the client."""

    def closure() -> Any:
        return client

    def with_default(used: Any = client) -> Any:
        return used

    @functools.cache
    def kept_for_ever() -> Any:
        return client

    @functools.lru_cache(maxsize=2)
    def kept(_number: int) -> Any:
        return client

    kept_for_ever()
    kept(1)
    slotted = type("Slotted", (), {"__slots__": ("client",)})()
    slotted.client = client
    return {
        "list": [1, client],
        "dict": {"a": {"b": (client,)}},
        "set": {client},
        "job": Job(client),
        "jobs": [Job(None), Job(client)],
        "closure": closure,
        "default": with_default,
        "partial": functools.partial(print, client),
        "method": client.list_buckets,
        "pages": client.get_paginator("list_objects_v2"),
        "waiter": client.get_waiter("bucket_exists"),
        "slotted": slotted,
        "cache": kept_for_ever,
        "lru_cache": kept,
        "class": type("Config", (), {"client": client, "__module__": "__main__"}),
        "generator": (key for key in [client]),
    }


HOLDERS = ("list", "dict", "set", "job", "jobs", "closure", "default", "partial", "method", "pages",
           "waiter", "slotted", "cache", "lru_cache", "class", "generator")  # fmt: skip


@pytest.mark.parametrize("holder", HOLDERS)
def test_inside_another_object(session: boto3.Session, holder: str) -> None:
    """A client in an attribute, a container, a closure, a cache or a paginator is found."""
    all_of_them = holders(session.client("s3"))
    assert set(all_of_them) == set(HOLDERS)
    assert found({"it": all_of_them[holder]}) == {"it": "in client"}


def test_a_variable_is_named_once(session: boto3.Session) -> None:
    """What is a variable isn't found again in others that hold it."""
    client = session.client("s3")
    assert found({"jobs": [Job(client)], "s3": client}) == {"s3": "client"}


def test_what_belongs_to_the_shell(shell: Shell, session: boto3.Session) -> None:
    """The shell, pickers, modules, library functions and cyclic objects lead nowhere."""
    shell.good("%aws_profile RoleBeta")
    shell.good("import boto3, ipy_awsprofile; from ipy_awsprofile import *; ip = get_ipython()")
    shell.good("picker = ipy_awsprofile.ProfilePicker(); cycle = []; cycle.append(cycle)")
    shell.good("def f(): return session")
    assert found(shell.names) == {"session": "session"}


def test_nothing_of_the_user_is_run(session: boto3.Session) -> None:
    """Objects whose attributes, comparisons or hashes raise are looked at without running them."""

    class Touchy(Job):
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(name)

        def __eq__(self, other: object) -> bool:
            raise AssertionError

        def __hash__(self) -> int:
            raise AssertionError

    touchy = Touchy(session.client("s3"))
    assert found({"touchy": [touchy]}) == {"touchy": "in client"}


def test_very_many_objects(session: boto3.Session) -> None:
    """Of a variable with very many objects, the first are looked at; others still are found."""
    names = {"many": [[i] for i in [[0]] * 10_000], "job": Job(session.client("s3"))}
    assert found(names) == {"job": "in client"}
