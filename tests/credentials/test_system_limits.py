"""If the process reaches a limit, the error names the limit instead of the profile."""

from __future__ import annotations

import gc
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import EndpointConnectionError, InvalidConfigError

from ipy_awsprofile.errors import AwsProfileError, EndpointUnreachable, InvalidProfile
from tests.credentials.foreign_errors import translate

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

TOO_MANY = "This process can't open another file or connection: it has too many open."


@contextmanager
def files_left(count: int) -> Iterator[None]:
    """Limit the number of files that this process can still open in a ``with`` block."""
    gc.collect()  # sockets of earlier clients; closing them later would leave more files
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(map(int, os.listdir("/proc/self/fd")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 20, hard))
    opened: list[int] = []
    try:
        with suppress(OSError):
            while True:
                opened.append(os.open(os.devnull, os.O_RDONLY))
        for file in opened[:count]:
            os.close(file)
        yield
    finally:
        for file in opened[count:]:
            os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.slow
def test_no_file_left(shell: Shell, aws: EmbeddedAws) -> None:
    """If no file can be opened, a switch says so, and works once files can be opened again."""
    shell.good("%aws_profile RoleBeta")
    with files_left(0):
        error = shell.run("%aws_profile UserAlpha").error
    assert type(error) is AwsProfileError
    assert str(error) == TOO_MANY
    assert "RoleBeta ← UserAlpha" in shell.good("%aws_profile").text
    shell.good("%aws_profile UserAlpha")


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (InvalidConfigError(error_msg="no credentials"), InvalidProfile),
        (EndpointConnectionError(endpoint_url="http://x", error="no"), EndpointUnreachable),
    ],
)
def test_other_errors(error: Exception, ours: type[AwsProfileError]) -> None:
    """An error is about the profile or the network only if files can be opened."""
    assert type(translate(error)) is ours
    with files_left(0):
        assert str(translate(error)) == TOO_MANY


def test_cause() -> None:
    """The limit is found in the causes of other errors, even if files can be opened again."""
    error = EndpointConnectionError(endpoint_url="http://x", error="no")
    error.__cause__ = RuntimeError("urllib3")
    error.__cause__.__context__ = OSError(24, "Too many open files")
    assert str(translate(error)) == TOO_MANY
