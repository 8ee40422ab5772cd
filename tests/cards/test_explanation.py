"""The card of an explanation, in text and in HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.cards.explanation import explanation_card
from ipy_awsprofile.config.problem import Problem
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.explain.explain import explain
from tests.explain.profiles import KEYS, ROLE, write

if TYPE_CHECKING:
    from tests.explain.profiles import Files

EVIL = '<script>alert("x")</script>&amp;`'


def test_escaping(shared_files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text from files and variables never becomes a tag."""
    config = f"""
[profile {EVIL.replace('"', "")}]
region = {EVIL}
{EVIL} = {EVIL}
role_arn = {EVIL}
source_profile = {EVIL}
mfa_serial = {EVIL}
duration_seconds = {EVIL}
services = {EVIL}
"""
    write(shared_files, config)
    monkeypatch.setenv("AWS_ENDPOINT_URL", EVIL)
    monkeypatch.setenv("AWS_PROFILE", EVIL)
    requests = (SessionRequest(profile=name) for name in (EVIL.replace('"', ""), EVIL))
    for request in (*requests, None):
        card = explanation_card(explain(request))
        assert "script" in card._repr_html_()
        assert "<script" not in card._repr_html_()
        assert "<script" in str(card)


def test_text_and_html(shared_files: Files) -> None:
    """The card shows the chain, each setting with its location, and each problem with its fix."""
    write(
        shared_files,
        f"[profile p]\nrole_arn = {ROLE}\nsource_profile = u\n[profile u]\nregion = us-west-2\n",
        f"[u]\n{KEYS}\n",
    )
    told = explain(SessionRequest(profile="p"))
    card = explanation_card(told)
    assert str(card) == "\n".join(
        [
            "p  (1 warning)",
            "  p (assume role: RoleBeta in 123456789012, config:1) ← "
            "u (static keys, credentials:2)",
            "  p",
            "    role_arn        arn:aws:iam::123456789012:role/RoleBeta  config:2",
            "    source_profile  u                                        config:3",
            "    ! `p` has no Region. It doesn't inherit `us-west-2` from its source profile.",
            "      Add `region = us-west-2` to it, or switch with `--region`.",
            "  u",
            "    region                 us-west-2  config:5       not used in a source profile",
            "    aws_access_key_id      set        credentials:2",
            "    aws_secret_access_key  set        credentials:3",
        ]
    )
    assert repr(card) == str(card)
    html = card._repr_html_()
    for step in told.steps:
        for setting in step.settings:
            assert setting.where in html
    assert html.count("←") == 1
    assert told.problems == (
        Problem(
            says="`p` has no Region. It doesn't inherit `us-west-2` from its source profile.",
            fix="Add `region = us-west-2` to it, or switch with `--region`.",
            fatal=False,
        ),
    )
