"""An explanation lists the problems of a profile, and how to fix them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.cards.explanation import explanation_card
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.explain import checks
from ipy_awsprofile.explain.explain import explain
from tests.explain.cases import CASES
from tests.explain.profiles import KEYS, NOW, P, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipy_awsprofile.explain.records import Link
    from tests.explain.profiles import Files

SECRETS = ("AKIAHUSH", "hush")


@pytest.mark.parametrize("name", CASES)
def test_cases(shared_files: Files, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The explanation has the steps and problems of the case, and shows no secret."""
    case = CASES[name]
    write(shared_files, case.config, case.credentials)
    for variable, value in case.environ.items():
        monkeypatch.setenv(variable, value)
    explanation = explain(SessionRequest(profile="p"), now=NOW)
    steps = [
        f"{step.name}|{step.kind}{': ' * bool(step.detail)}{step.detail}|{step.where}"
        for step in explanation.steps
    ]
    assert steps == list(case.steps)
    assert len(explanation.problems) == len(case.problems), explanation.problems
    for problem, (says, fix) in zip(explanation.problems, case.problems, strict=True):
        assert says.removeprefix("!") in problem.says
        assert problem.fatal == says.startswith("!")
        assert fix in problem.fix
    assert explanation.works == (not any(says.startswith("!") for says, _ in case.problems))
    card = explanation_card(explanation)
    shown = f"{explanation!r}{card!r}{card._repr_html_()}"
    assert [secret for secret in SECRETS if secret in shown] == []


def test_a_check_that_fails(shared_files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that raises an exception becomes a warning, and the other checks still run."""

    def fail(link: Link) -> Iterator[str]:
        yield "a fact"
        raise TypeError(link.section["aws_secret_access_key"])

    write(shared_files, f"{P}{KEYS}\nca_bundle = /nowhere\n")
    monkeypatch.setattr(checks, "_OF_EVERY_PROFILE", (fail, *checks._OF_EVERY_PROFILE))
    (step,) = explain(SessionRequest(profile="p"), now=NOW).steps
    assert step.facts == ("a fact",)
    failed, bundle = step.problems
    assert failed.says == "A check of `p` failed: TypeError."
    assert not failed.fatal
    assert "ca_bundle" in bundle.says
