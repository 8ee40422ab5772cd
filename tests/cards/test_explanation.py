"""The card of an explanation, in text and in HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipy_awsprofile.cards.explanation import explanation_card
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.explain.explain import explain
from tests.cards.reader import read
from tests.explain.profiles import KEYS, ROLE, write

if TYPE_CHECKING:
    from tests.explain.profiles import Files

TEXT = """\
p ← u  (1 warning)
  ! `rol_session_name` isn't an AWS setting, so it is ignored. Did you mean `role_session_name`? \
See config:4.
  A switch uses: sts:AssumeRole
  p (assume role: RoleBeta in 123456789012, config:1)
    role_arn               arn:aws:iam::123456789012:role/RoleBeta  config:2
    source_profile         u                                        config:3
    rol_session_name       set                                      config:4       not an \
AWS setting
    region                 us-west-2                                config:5
  u (static keys, config:6)
    region                 us-west-2                                config:7       not used in a \
source profile
    aws_access_key_id      set                                      credentials:2
    aws_secret_access_key  set                                      credentials:3"""


def test_text_and_html(shared_files: Files) -> None:
    """The card shows the chain, problems, calls, and each setting with its place and its note."""
    section = f"[profile p]\nrole_arn = {ROLE}\nsource_profile = u\nrol_session_name = me\n"
    region = "region = us-west-2\n"
    write(shared_files, f"{section}{region}[profile u]\n{region}", f"[u]\n{KEYS}\n")
    explanation = explain(SessionRequest(profile="p"))
    card = explanation_card(explanation)
    assert str(card) == TEXT
    shown = read(card)
    for row in explanation.rows:
        assert all(part in shown.text for part in (row.setting, row.place, row.note))
    assert card._repr_html_().count("line-through") == 2 * 2


def test_advice_to_run_what_is_shown(shared_files: Files) -> None:
    """The card leaves out the error's advice to run `--explain`, but no other advice."""
    write(shared_files, "[profile p]\nregion = us-west-2\n")
    explanation = explain(SessionRequest(profile="p"))
    text = str(explanation_card(explanation))
    assert explanation.error
    assert "--explain" in explanation.error.hint
    assert "--explain" not in text
    assert "Add keys to the credentials file" in text
