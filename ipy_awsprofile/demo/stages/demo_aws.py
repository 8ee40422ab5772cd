"""An embedded AWS with everything that the tutorials and the how-to guides use."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.stages.company import seed_company
from ipy_awsprofile.demo.stages.how_to import seed_how_to
from ipy_awsprofile.demo.stages.organisation import seed_organisation
from ipy_awsprofile.demo.stages.scenario import seed

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def demo_aws() -> Iterator[EmbeddedAws]:
    """Run an embedded AWS with all stages until the context ends.

    Its config file has the profiles of the scenario and of the how-to guides. The tutorials on
    sign-in and on many accounts have separate config files.
    """
    with EmbeddedAws() as aws:
        seed(aws)
        company = seed_company(aws)
        organisation = aws.config_file.with_name("config-organisation")
        seed_organisation(aws, config_file=organisation)
        seed_how_to(aws, company, organisation)
        yield aws
