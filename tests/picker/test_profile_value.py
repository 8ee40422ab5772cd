"""The trait `value`, as seen by other widgets and by Python."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import ipywidgets
import pytest
import traitlets

from ipy_awsprofile.errors import AwsProfileError, InvalidOption, ProfileNotFound, ProtectedProfile
from ipy_awsprofile.picker.widget import ProfilePicker
from tests.picker.person import Person

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell


def test_observers_are_told_of_every_switch(person: Person, shell: Shell) -> None:
    """A click, the magic, a cell's scope and `--off` each change the value once."""
    seen: list[Any] = []
    person.picker.observe(lambda change: seen.append((change.old, change.new)), "value")
    person.switches("RoleBeta")
    person.switches("RoleBeta")
    shell.good("%aws_profile UserAlpha")
    shell.good("%%aws_profile RoleBeta\npass")
    person.says("off")
    assert seen == [
        (None, "RoleBeta"),
        ("RoleBeta", "UserAlpha"),
        ("UserAlpha", "RoleBeta"),
        ("RoleBeta", "UserAlpha"),
        ("UserAlpha", None),
    ]


def test_setting_it_switches(picker: ProfilePicker, shell: Shell) -> None:
    """A name switches the notebook and None undoes the switch; each time, observers run once."""
    seen: list[Any] = []
    picker.observe(lambda change: seen.append((change.new, picker.session is not None)), "value")
    picker.value = "RoleBeta"
    assert shell.names["session"].profile_name == "RoleBeta"
    picker.value = "RoleBeta"
    picker.value = None
    assert seen == [("RoleBeta", True), (None, False)]
    assert "session" not in shell.names


def test_a_value_that_cannot_be(picker: ProfilePicker, shell: Shell) -> None:
    """A failed assignment raises the switch's error, and `value` keeps the active profile."""
    picker.value = "RoleBeta"
    with pytest.raises(ProfileNotFound, match="RoleBeat"):
        picker.value = "RoleBeat"
    with pytest.raises(traitlets.TraitError):
        picker.value = 3
    shell.good("%config AwsProfileMagics.protected = ['User*']")
    with pytest.raises(ProtectedProfile) as refused:
        picker.value = "UserAlpha"
    assert picker.value == "RoleBeta"
    assert refused.value.hint == "Use `picker.switch('UserAlpha', confirmed=True)`."
    shell.names["picker"] = picker
    shell.good(refused.value.hint.split("`")[1])
    assert picker.value == "UserAlpha"


def test_other_widgets_follow_and_lead(picker: ProfilePicker, shell: Shell) -> None:
    """`link`, `dlink` and `interactive` work as with any widget that has a value."""
    names = ipywidgets.Dropdown(options=["RoleBeta", "UserAlpha"], value=None)
    label = ipywidgets.Label()
    ipywidgets.link((picker, "value"), (names, "value"))
    ipywidgets.dlink((picker, "value"), (label, "value"), lambda name: name or "nobody")
    calls: list[str | None] = []

    def call(p: str | None) -> None:
        calls.append(p)

    shown = ipywidgets.interactive(call, p=picker)
    assert shown.children[0] is picker
    names.value = "UserAlpha"
    assert shell.names["session"].profile_name == "UserAlpha"
    shell.good("%aws_profile RoleBeta")
    assert (names.value, label.value) == ("RoleBeta", "RoleBeta")
    picker.value = None
    assert (names.value, label.value) == (None, "nobody")
    assert calls == [None, "UserAlpha", "RoleBeta", None]


def test_an_observer_that_switches(picker: ProfilePicker, shell: Shell) -> None:
    """The last switch wins, whether the observer switches with the picker or with the magic."""
    for go in (lambda: shell.good("%aws_profile UserAlpha"), lambda: picker.switch("UserAlpha")):
        picker.value = None

        def away(change: Any, go: Any = go) -> None:
            if change.new == "RoleBeta":
                go()

        picker.observe(away, "value")
        picker.value = "RoleBeta"
        assert picker.value == "UserAlpha"
        assert shell.names["session"].profile_name == "UserAlpha"
        picker.unobserve(away, "value")


def test_an_observer_that_fails(person: Person, shell: Shell) -> None:
    """The picker shows an observer's error, and the switch stays in effect."""

    def fails(_change: object) -> None:
        raise ValueError("mine")

    person.picker.observe(fails, "value")
    shell.good("%aws_profile RoleBeta")
    assert person.picker.value == "RoleBeta"
    assert "ValueError: mine" in person.seen[-1]["html"]


def test_arguments(shell: Shell, aws: EmbeddedAws) -> None:
    """The constructor switches to its profile unless it is active, and accepts a layout."""
    picker = ProfilePicker("RoleBeta", layout={"width": "60%"})
    assert picker.layout.width == "60%"
    assert shell.names["session"].profile_name == "RoleBeta"
    aws.calls.clear()
    assert ProfilePicker(profile="RoleBeta").value == "RoleBeta"
    assert aws.calls == []


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        ("ProfilePicker(value='RoleBeta')", TypeError, "unexpected keyword argument 'value'"),
        ("ProfilePicker(3)", InvalidOption, "not a value of type int"),
        ("ProfilePicker(profile='Nobody')", ProfileNotFound, "no profile `Nobody`"),
        ("ProfilePicker(layout=3)", traitlets.TraitError, "'layout' trait"),
        ("ProfilePicker().switch(None)", InvalidOption, "not a value of type NoneType"),
    ],
)
def test_wrong_arguments(shell: Shell, call: str, error: type[Exception], says: str) -> None:
    """A wrong argument raises an error that names it, and changes nothing."""
    with pytest.raises(error, match=says) as raised:
        eval(call, {"ProfilePicker": ProfilePicker})
    assert not isinstance(raised.value, AwsProfileError) or raised.value.hint
    assert "session" not in shell.names


def test_in_marimo_the_value_is_in_the_state(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The widget's state contains the value only in marimo, because Jupyter would save it."""
    person.switches("RoleBeta")
    assert "value" not in person.picker.get_state()
    in_marimo = SimpleNamespace(running_in_notebook=lambda: True)
    monkeypatch.setitem(sys.modules, "marimo", in_marimo)
    assert person.picker.get_state()["value"] == "RoleBeta"
    assert "RoleBeta" not in json.dumps(person.picker.get_state("layout"), default=str)
    person.picker.set_state({"value": "UserAlpha"})  # a view's `value` switches nothing
    assert person.picker.value == "RoleBeta"
