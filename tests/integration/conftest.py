"""A notebook that shares its identity, and a terminal with programs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ipy_awsprofile.demo.stages import add_role
from tests.aws import EmbeddedAws
from tests.processes import Child
from tests.shells import Shell
from tests.terminals import Terminal


@pytest.fixture
def terminal(aws: EmbeddedAws, tmp_path: Path, child: Child) -> Terminal:
    """Return a terminal whose clients call the embedded AWS."""
    return Terminal({**os.environ, "AWS_ENDPOINT_URL": aws.endpoint_url}, tmp_path, child)


@pytest.fixture
def notebook(aws: EmbeddedAws, terminal: Terminal, shell: Shell) -> Shell:
    """Return a notebook whose config file has the profiles for programs."""
    add_role(aws, "RoleGamma", "s3:*", region="us-west-2")
    shell.good("%aws_profile RoleBeta")
    shell.good("%aws_profile --share --yes")
    return shell
