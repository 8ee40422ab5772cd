"""An embedded AWS that all rows share."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.shared_files import write_private
from ipy_awsprofile.demo.stages.scenario import trusting
from tests.integration.broken_kinds.stage import Broken, Stage
from tests.kinds import (
    ACCOUNT,
    KINDS,
    Kind,
    create_ann,
    in_its_place,
    prepared,
    sign_in,
    sts_of,
    temporary_keys,
)

if TYPE_CHECKING:
    from ipy_awsprofile.demo.iam.users_and_roles import IamUser


@dataclass(frozen=True)
class World:
    """An embedded AWS with the resources that all rows need, and Ann's client for STS."""

    aws: EmbeddedAws
    ann: IamUser
    values: dict[str, str]
    sts: Any


@pytest.fixture(scope="module")
def _world() -> Iterator[World]:
    """Run one embedded AWS for all rows."""
    with EmbeddedAws() as aws:
        ann = create_ann(aws)
        values = prepared(aws, ann)
        for name, trusted in (("Stranger", "999999999999"), ("Anybody", ACCOUNT)):
            aws.create_role(name, account=ACCOUNT, trust=trusting(trusted))
        yield World(aws, ann, values, sts_of(aws, ann))


@pytest.fixture
def stage(_world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Restore a state in which every kind works: the caches are empty, and Ann has signed in.

    Her temporary keys are new, because a row may have expired the previous ones.
    """
    aws, ann = _world.aws, _world.ann
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    shutil.rmtree(aws.home / ".aws" / "cli", ignore_errors=True)
    sign_in(aws, ann)
    files = {name: aws.home / name for name in ("token", "tool.py")}
    before = {name: file.read_text() for name, file in files.items()}
    with ExitStack() as until_the_end:
        values = _world.values | temporary_keys(_world.sts)
        yield Stage(aws, ann, values, monkeypatch, until_the_end)
    for name, file in files.items():
        write_private(file, before[name])


def broken_text(row: Broken) -> Kind:
    """Return the row's kind of profile, with the changes in its text."""
    kind = KINDS[row.kind]
    config, credentials = kind.config, kind.credentials
    for old, new in row.instead.items():
        assert old in config + credentials
        config, credentials = config.replace(old, new), credentials.replace(old, new)
    return replace(kind, config=config, credentials=credentials)


@pytest.fixture
def play(stage: Stage) -> Callable[[Broken], str]:
    """Return a function that sets up a row for the rest of the test and returns its profile."""

    def put(row: Broken) -> str:
        kind = broken_text(row)
        place = in_its_place(stage.aws, stage.values, stage.patch, kind)
        stage.until_the_end.enter_context(place)
        if row.by:
            row.by(stage)
        return kind.profile

    return put
