"""A request for a session or a switch is one record."""

from __future__ import annotations

import pytest

from ipy_awsprofile.config.request import SessionRequest, SwitchRequest
from tests.shells import run_python


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (SessionRequest(profile="p"), "p"),
        (SessionRequest(role_arn="arn", source_profile="p"), "arn"),
        (SwitchRequest(profile="p", variable="s3_session"), "p"),
        (SessionRequest(), ""),
    ],
)
def test_name(request_: SessionRequest, name: str) -> None:
    """A request's name is its profile or its role's ARN."""
    assert request_.name == name


def test_few_imports() -> None:
    """Importing requests doesn't import the modules that read files or call AWS."""
    code = "import sys, ipy_awsprofile.config.request; print(*sorted(sys.modules), sep='\\n')"
    loaded = run_python(code).split()
    assert "ipy_awsprofile.config.request" in loaded
    assert not {"boto3", "botocore", "ipy_awsprofile.config.shared_files"} & set(loaded)
