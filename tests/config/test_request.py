"""Options, which are declared once: in the fields of a request."""

from __future__ import annotations

from inspect import signature
from typing import Any

import pytest

from ipy_awsprofile import across_profiles, open_session, using_profile
from ipy_awsprofile.config.request import SessionRequest, SwitchRequest, arguments, options_of
from ipy_awsprofile.errors import InvalidOption


def test_signatures() -> None:
    """Every option is a keyword of the Python functions, with the same default."""
    for function, request in ((using_profile, SwitchRequest), (open_session, SessionRequest)):
        keywords = signature(function).parameters
        assert next(iter(keywords)) == "profile"
        for name, one in options_of(request).items():
            assert keywords[name].default == one.default
    many = signature(across_profiles).parameters
    for name in ("confirmed", "policy", "read_only", "write"):
        assert many[name].default == options_of(SwitchRequest)[name].default


@pytest.mark.parametrize(
    ("keyword", "advice"),
    [("regoin", "'region'"), ("readonly", "'read_only'"), ("tag", "'tags'"), ("nope", "")],
)
def test_misspelled_keywords(keyword: str, advice: str) -> None:
    """An unknown keyword raises TypeError at once, with a similar one."""
    given: Any = {keyword: "x"}
    for function in (open_session, using_profile):
        message = f"{function.__name__}.. got an unexpected keyword argument '{keyword}'"
        with pytest.raises(TypeError, match=message) as raised:
            function("RoleBeta", **given)
        assert str(raised.value).endswith(f"Did you mean {advice}?" if advice else f"{keyword!r}")


def test_values_from_python() -> None:
    """Tags can be a dict, and a name that can't be a profile's or a variable's is refused."""
    assert SessionRequest(tags={"team": "red"}) == SessionRequest(tags=[("team", "red")])
    for wrong in ({"profile": 3}, {"variable": "1x"}, {"variable": "class"}):
        with pytest.raises(InvalidOption):
            SwitchRequest(**wrong)


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        (SwitchRequest("RoleBeta"), "RoleBeta"),
        (SwitchRequest("my profile", confirmed=True), '"my profile" --yes'),
        (SwitchRequest("-dash", region="us-west-2"), "--region us-west-2 -- -dash"),
        (SwitchRequest("a#b", variable="beta"), '"a#b" --as beta'),
        (SwitchRequest("P", tags={"team": "red", "a": "b c"}), 'P --tag team=red --tag "a=b c"'),
        (SwitchRequest(role_arn="arn:x", mfa=True), "--role-arn arn:x --mfa"),
        (SessionRequest(default=True, duration="1h"), "--duration 1h --default"),
    ],
)
def test_lines(request_: SessionRequest, line: str) -> None:
    """A request's line for hints has its name and the options that aren't the default."""
    assert arguments(request_) == line
