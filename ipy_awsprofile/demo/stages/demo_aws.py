"""An embedded AWS with everything that the demo and the tutorials use."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.stages.company import seed_company
from ipy_awsprofile.demo.stages.organisation import seed_organisation
from ipy_awsprofile.demo.stages.scenario import seed

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def demo_aws() -> Iterator[EmbeddedAws]:
    """Run an embedded AWS with all stages while the context lasts.

    Its config file has the profiles of the scenario; the other two have a config file each.
    """
    with EmbeddedAws() as aws:
        seed(aws)
        seed_company(aws)
        seed_organisation(aws, config_file=aws.config_file.with_name("config-organisation"))
        yield aws
