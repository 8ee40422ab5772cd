"""Fixtures for a session of RoleBeta with a bucket, and a switcher without a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import s3fs

from ipy_awsprofile import open_session
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from ipy_awsprofile.switch.switcher import Switcher
from tests.libraries.s3 import BUCKET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.sessions.session import ProfileSession


@pytest.fixture
def session(aws: EmbeddedAws) -> ProfileSession:
    """Open a session of RoleBeta, and create a bucket for it."""
    aws.create_bucket(BUCKET, account=ROLE_ACCOUNT, region="us-west-2")
    s3fs.S3FileSystem.clear_instance_cache()  # instances from another test's AWS
    return open_session("RoleBeta")


@pytest.fixture
def switcher(session: ProfileSession) -> Iterator[Switcher]:
    """Yield a switcher without a notebook, and undo its changes at the end."""
    switcher = Switcher(None)
    yield switcher
    switcher.close()
