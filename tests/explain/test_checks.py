"""An explanation contains what is wrong with a profile, and how to fix it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.cards.explanation import explanation_card
from ipy_awsprofile.explain.explain import explain
from tests.explain.cases import CASES
from tests.explain.profiles import NOW, write

if TYPE_CHECKING:
    from tests.explain.profiles import Files

SECRETS = ("AKIAHUSH", "hush")


@pytest.mark.parametrize("name", CASES)
def test_cases(shared_files: Files, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps and problems are those of the case, and their text and card contain no secret."""
    case = CASES[name]
    write(shared_files, case.config, case.credentials)
    for variable, value in case.environ.items():
        monkeypatch.setenv(variable, value)
    explanation = explain("p", now=NOW)
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
