"""A function's error becomes text without the session's credentials."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import boto3
import pytest

from ipy_awsprofile import across_profiles
from ipy_awsprofile.across.outcomes import call
from ipy_awsprofile.errors import InvalidOption, NoProfileAnswered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ipy_awsprofile.demo.aws import EmbeddedAws

KEYS = ("ASIAEXAMPLEEXAMPLE12", "secret/with+signs=", "IQoJ+token/with==")


@pytest.mark.parametrize("written", [str, quote, lambda text: quote(text, safe="").lower()])
def test_credentials_in_a_message(written: Callable[[str], str]) -> None:
    """An error's message contains no keys or tokens, even if they are quoted for a URL."""
    session = boto3.Session(*KEYS, region_name="us-west-2")

    def fetch(_: object) -> None:
        raise OSError(f"403: {' '.join(map(written, KEYS))}")

    failure = call(fetch, session).failure
    assert failure
    assert failure.message == "403: … … …"


async def name_of(session: Any, prefix: str = "") -> str:
    """Return the session's name."""
    await asyncio.sleep(0)
    return prefix + str(session.profile_name)


async def names_of(session: Any) -> AsyncIterator[str]:
    """Yield the session's name."""
    yield session.profile_name


class AsyncCallable:
    """An object with an async ``__call__``."""

    async def __call__(self, session: Any) -> str:
        """Return the session's name."""
        return await name_of(session)


@pytest.mark.parametrize(
    "function",
    [name_of, names_of, partial(name_of, prefix="a"), AsyncCallable(), AsyncCallable().__call__],
)
def test_async_functions(aws: EmbeddedAws, function: Any) -> None:
    """An async function is refused before anything is called, and the hint says what to pass."""
    with pytest.raises(InvalidOption, match="async") as raised:
        across_profiles(["RoleBeta"], function, progress=False)
    assert aws.calls == []
    assert "lambda session: asyncio.run(FUNCTION(session))" in raised.value.hint


@pytest.mark.parametrize("function", [name_of, names_of])
@pytest.mark.filterwarnings("error")
def test_async_results(aws: EmbeddedAws, function: Any) -> None:
    """A function that returns a coroutine or an async generator fails for each profile."""

    def indirectly(session: Any) -> Any:
        return function(session)

    with pytest.raises(NoProfileAnswered, match="async"):
        across_profiles(["RoleBeta"], indirectly, progress=False)


def test_asyncio_run(aws: EmbeddedAws) -> None:
    """The hint's advice works, and the async function uses the profile's session."""
    frame = across_profiles(
        ["RoleBeta"], lambda session: asyncio.run(name_of(session)), progress=False
    )
    assert list(frame["value"]) == ["RoleBeta"]
