"""Corrected code and corrected Regions of code that ran for many profiles."""

from __future__ import annotations

import pytest

from ipy_awsprofile.demo.stages import seed_organisation
from ipy_awsprofile.errors import InvalidOption
from tests.aws import EmbeddedAws
from tests.shells import Shell

FUNCTION = "def newest(session):\n    return {}"


@pytest.fixture
def notebook(shell: Shell, aws: EmbeddedAws) -> Shell:
    """Import `across_profiles` for two accounts."""
    seed_organisation(aws, 2)
    shell.good("from ipy_awsprofile import across_profiles")
    return shell


def test_a_corrected_function(notebook: Shell) -> None:
    """The card and `retry` say that a retry calls the function from before, and it does."""
    run = "result = across_profiles('atlas-*', newest, progress=False)"
    mixed = "1 / (session.profile_name != 'atlas-dev')"
    notebook.good(FUNCTION.format(mixed))
    text = notebook.good(run).text
    assert "ZeroDivisionError" in text
    assert "If you correct the function, call `across_profiles` again instead" in text
    retry = "result = result.attrs['errors'].retry()"
    assert "not the current" not in notebook.good(retry).text
    notebook.good(FUNCTION.format("'corrected'"))
    text = notebook.good(retry).text
    assert "`retry()` calls the `newest` of the first run, and not the current `newest`." in text
    assert len(notebook.names["result"].attrs["errors"]) == 1
    notebook.good(run)
    assert set(notebook.names["result"].value) == {"corrected"}


def test_a_corrected_cell(notebook: Shell) -> None:
    """The card of a cell says to run the corrected cell, but not after a refusal by AWS."""
    line = "%%aws_profiles atlas-* --into result --no-progress"
    text = notebook.good(f"{line}\n1 / (profile != 'atlas-dev')").text
    assert "If you correct the code of the cell, run the cell again instead" in text
    denied = f"{line}\nif profile == 'atlas-dev': session.client('iam').list_users()\n1"
    assert "If you correct" not in notebook.good(denied).text


@pytest.mark.parametrize("regions", ["eu-*", "us-east-1,eu-?est-1"])
def test_patterns_of_regions(notebook: Shell, aws: EmbeddedAws, regions: str) -> None:
    """A pattern in place of a Region is refused with the option's name, before AWS is called."""
    for code in (
        f"%%aws_profiles atlas-* --regions {regions}\nsession.region_name",
        f"across_profiles('atlas-*', str, regions={regions!r})",
    ):
        error = notebook.refused(code)
        assert isinstance(error, InvalidOption)
        assert "`--regions`, or `regions=` in Python, takes the names of Regions" in error.hint
    assert aws.calls == []


def test_unknown_regions(notebook: Shell) -> None:
    """An error in an unknown Region names the option, and not the profile's own setting."""
    text = notebook.run(
        "%%aws_profiles atlas-dev --regions eu-centrl-1 --no-progress\n"
        "session.client('s3', endpoint_url='http://localhost:1').list_buckets()"
    ).text
    assert "comes from `--regions`, or `regions=` in Python." in text
    assert "config:" not in text
