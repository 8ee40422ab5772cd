"""The picker without a browser: messages, synced traits and remembered profiles."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
import time_machine

from ipy_awsprofile.cards import cards
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, allow
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.picker.memory import MOST_RECENT, Memory, Remembered
from ipy_awsprofile.picker.widget import ProfilePicker
from tests.picker.person import VIEW, Person, waited_for
from tests.roles import add_role
from tests.shells import run_notebook, run_python

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

#: The traits that a saved notebook contains, which include the script but no user action.
SYNCED = {
    "_anywidget_id",
    "_css",
    "_dom_classes",
    "_esm",
    "_model_module",
    "_model_module_version",
    "_model_name",
    "_view_count",
    "_view_module",
    "_view_module_version",
    "_view_name",
    "layout",
    "tabbable",
    "tooltip",
}


def test_nothing_of_the_work_is_synced(person: Person) -> None:
    """The synced traits are the traits of any anywidget, even after a switch and a list."""
    person.rows()
    person.switches("RoleBeta")
    state = person.picker.get_state()
    assert set(state) - {"_model_name"} == SYNCED - {"_model_name"}
    assert "RoleBeta" not in json.dumps({name: str(value) for name, value in state.items()})


def test_switches_the_notebook(person: Person, shell: Shell) -> None:
    """A choice sets the session; the answers are the identity, then `done`."""
    shown, done = person.chooses("RoleBeta", "eu-central-1")
    assert done == {"type": "done", "view": VIEW}
    assert "arn:aws:sts::123456789012:assumed-role/RoleBeta/" in shown["html"]
    assert "eu-central-1" in shown["html"]
    assert shown["switched"] is True
    identity = shown["identity"]
    assert 0 < identity.pop("left") <= 3600
    assert datetime.fromisoformat(identity.pop("expires")) > datetime.now(UTC)
    assert "RoleBeta ← UserAlpha</b>" in shown["html"]
    assert "1 hour left" in shown["html"]
    assert identity.pop("arn").startswith("arn:aws:sts::123456789012:assumed-role/RoleBeta/")
    assert identity == {
        "account": "123456789012",
        "renews": True,
        "protected": False,
        "read_only": False,
        "notes": 0,
        "save_as": "",
        "profile": "RoleBeta",
        "name": "RoleBeta ← UserAlpha",
        "chosen_region": "eu-central-1",
    }
    assert person.picker.value == "RoleBeta"
    assert person.picker.session is shell.names["session"]


def test_the_identity_is_the_magics_card(person: Person, shell: Shell) -> None:
    """The picker shows the magic's card without the variable, even after a page reload."""
    shown = person.chooses("RoleBeta")[0]
    shell.good("%aws_profile")
    switcher = person.picker._switcher
    identity = switcher.identity()
    assert identity is not None
    card = cards.identity_card(identity, variable="", leftovers=switcher.leftovers())
    assert shown["html"] == card._repr_html_()
    assert person.says("ready")[0]["html"] == shown["html"]
    assert person.says("ready")[0]["switched"] is False
    shell.good("%aws_profile --off")
    assert "No profile is active" in person.seen[-1]["html"]


def test_another_region_keeps_the_rest_of_the_request(person: Person, shell: Shell) -> None:
    """A change of Region keeps the other options of the active request."""
    shell.good("%aws_profile RoleBeta --as prod")
    shown, _ = person.says("region", region="eu-west-1")
    assert ">prod<" in shown["html"]
    assert shell.names["prod"].region_name == "eu-west-1"
    assert "session" not in shell.names


def test_lists_what_the_files_say(person: Person, aws: EmbeddedAws) -> None:
    """A row has name, kind, account, role, source, Region, and flags for MFA and protection."""
    assert person.rows() == [
        ["UserAlpha", "static keys", "", "", "", "us-west-2", 0, 0],
        ["RoleBeta", "assume role", "123456789012", "RoleBeta", "UserAlpha", "us-west-2", 0, 0],
    ]
    assert "us-gov-west-1" in person.seen[0]["regions"]
    assert person.rows(have=person.seen[0]["version"]) is None
    aws.write_profile("Another", region="us-east-1")
    assert len(person.rows(have=person.seen[0]["version"]) or []) == 3


def test_a_protected_profile_is_confirmed(person: Person, shell: Shell) -> None:
    """A protected profile is marked in the list, and a switch to it requires confirmation."""
    shell.good("%config AwsProfileMagics.protected = ['*BETA']")
    assert [row[-1] for row in person.rows() or []] == [0, 1]
    assert person.switches("RoleBeta") == {"type": "confirm", "view": VIEW}
    assert person.picker.value is None
    assert person.switches("RoleBeta", confirmed=True)["type"] == "done"
    assert ">protected<" in person.says("ready")[-1]["html"]
    assert person.says("region", region="eu-west-1")[-1]["type"] == "done"


def test_mfa(person: Person, aws: EmbeddedAws, auditor: str) -> None:
    """The picker names the device and refuses wrong codes; a cached session needs no code."""
    asked = person.switches("Auditor")
    assert asked == {"type": "code", "device": auditor, "html": "", "view": VIEW}
    refused = person.switches("Auditor", code="000000")
    assert (refused["type"], refused["device"]) == ("code", auditor)
    assert "AWS refused the MFA code" in refused["html"]
    assert "000000" not in refused["html"]
    code = aws.mfa_code(auditor)
    assert person.switches("Auditor", code=code)["type"] == "done"
    assert code not in json.dumps(person.seen) + repr(person.picker)
    assert person.switches("Auditor")["type"] == "done"


def test_mfa_process(person: Person, shell: Shell, aws: EmbeddedAws, auditor: str) -> None:
    """A wrong code from a function is an error, and the picker doesn't ask the user for a code."""
    shell.good("%config AwsProfileMagics.mfa_process = lambda serial: '000000'")
    refused = person.switches("Auditor")
    assert refused["type"] == "error"
    assert "AWS refused the MFA code" in refused["html"]
    shell.good(f"%config AwsProfileMagics.mfa_process = lambda serial: {aws.mfa_code(auditor)!r}")
    assert person.switches("Auditor")["type"] == "done"


def test_refresh_asks_for_a_code_again(person: Person, aws: EmbeddedAws, auditor: str) -> None:
    """A refresh of an MFA profile requires a new code, and changes nothing without a code."""
    person.switches("Auditor", code=aws.mfa_code(auditor))
    before = person.picker.session
    assert person.says("refresh")[-1]["type"] == "code"
    assert person.picker.session is before


def test_refresh(person: Person, aws: EmbeddedAws) -> None:
    """A refresh assumes the role again, and does nothing before the first switch."""
    assert person.says("refresh") == [{"type": "done", "view": VIEW}]
    assert "No profile is active." in person.says("region", region="eu-west-1")[-1]["html"]
    person.switches("RoleBeta")
    aws.calls.clear()
    assert person.says("refresh")[-1]["type"] == "done"
    assert [call.action for call in aws.calls] == ["sts:AssumeRole"]


def test_errors_are_shown_as_cards(person: Person, aws: EmbeddedAws) -> None:
    """An error is shown as the magic's card, with names escaped, and the identity stays."""
    person.switches("RoleBeta")
    answer = person.switches("<img src=x>")
    assert answer["type"] == "error"
    assert "ipy-awsprofile-card" in answer["html"]
    assert "&lt;img src=x&gt;" in answer["html"]
    assert "<img" not in answer["html"]
    assert person.picker.value == "RoleBeta"
    aws.config_file.write_text("[profile RoleBeta\n")
    assert "line 1" in person.says("list", have=0)[-1]["html"]


def test_an_interrupt_is_shown(person: Person, picker: ProfilePicker) -> None:
    """Ctrl-C ends a switch with an error card."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    end = picker._switcher.subscribe(interrupt)
    assert "was interrupted" in person.switches("RoleBeta")["html"]
    end()


def test_an_unexpected_error_is_shown_without_its_text(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The picker shows an unexpected error's type without its text, and raises it for the log."""

    def broken(*_: object, **__: object) -> None:
        raise OSError("with what it was about")

    monkeypatch.setattr(person.picker._switcher, "prepare", broken)
    seen = person.picker._conversation.listing.read()
    command = {"type": "switch", "view": VIEW, "profile": "RoleBeta", "region": None, "list": seen}
    with pytest.raises(OSError, match="with what"):
        person.picker._receive(None, command, [])
    assert "unexpected happened: OSError" in person.seen[-1]["html"]
    assert "with what" not in person.seen[-1]["html"]


def test_pickers_and_magic_show_the_same_identity(person: Person, shell: Shell) -> None:
    """Each picker shows each switch until the picker is closed."""
    other = Person(ProfilePicker())
    shell.good("%aws_profile RoleBeta")
    shell.good("%aws_profile --off")
    for each in (person, other):
        assert [(m["identity"] or {}).get("profile") for m in each.seen] == ["RoleBeta", None]
    other.picker.close()
    person.switches("UserAlpha")
    assert len(other.seen) == 2


def test_on_switch(person: Person, shell: Shell) -> None:
    """A callback gets each identity until it is unsubscribed, and the picker shows its errors."""
    received: list[Any] = []
    unsubscribe = person.picker.on_switch(received.append)

    def fails(_identity: object) -> None:
        raise ValueError("mine")

    person.picker.on_switch(fails)
    shell.good("%aws_profile RoleBeta")
    assert [identity.profile for identity in received] == ["RoleBeta"]
    assert "ValueError: mine" in person.seen[-1]["html"]
    unsubscribe()
    unsubscribe()
    shell.good("%aws_profile --off")
    assert len(received) == 1


def test_alias(person: Person, aws: EmbeddedAws) -> None:
    """The kernel looks up the account's alias for a view, and shows it for all its profiles."""
    from moto.iam.models import iam_backends

    iam_backends[ROLE_ACCOUNT]["aws"].create_account_alias("beta-team")
    add_role(aws, "Curious", "iam:ListAccountAliases", region="us-east-1")
    person.switches("Curious")  # no view shows it yet
    person.says("ready")
    assert "beta-team" in waited_for(person, "identity", "beta-team")["html"]
    aws.calls.clear()
    person.switches("RoleBeta")  # RoleBeta isn't allowed to list aliases
    assert "(beta-team)" in person.seen[0]["html"]
    assert "iam:ListAccountAliases" not in [call.action for call in aws.calls]


def test_repr_names_the_active_profile_and_the_magic(person: Person, shell: Shell) -> None:
    """A terminal and a saved notebook show a readable line instead of the picker."""
    data, _ = person.picker._repr_mimebundle_()
    assert data["text/plain"] == repr(person.picker)
    assert repr(person.picker) == (
        "ProfilePicker: no profile is active. `%aws_profile NAME` switches the notebook."
    )
    shell.good("%aws_profile RoleBeta")
    assert "RoleBeta ← UserAlpha (arn:aws:sts::123456789012:" in repr(person.picker)


def test_the_magic_shows_one(
    aws: EmbeddedAws, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`%aws_profile --pick` shows a picker in a kernel, and accepts no other argument."""
    monkeypatch.setattr(shell.ip, "kernel", object(), raising=False)
    ran = shell.good("%aws_profile --pick")
    assert "application/vnd.jupyter.widget-view+json" in ran.displayed[0]
    assert ran.text.startswith("ProfilePicker: no profile is active.")
    assert isinstance(shell.run("%aws_profile --pick RoleBeta").error, InvalidOption)


def test_loads_the_extension_if_needed(aws: EmbeddedAws, bare_shell: Shell) -> None:
    """A picker created before `%load_ext` loads the extension, and follows the magic."""
    bare_shell.good("from ipy_awsprofile import ProfilePicker; picker = ProfilePicker()")
    bare_shell.good("%aws_profile RoleBeta")
    assert bare_shell.names["picker"].value == "RoleBeta"


def test_without_a_shell(aws: EmbeddedAws) -> None:
    """Outside IPython, as in marimo, the picker switches, too, and its card names no variable."""
    picker = ProfilePicker()
    person = Person(picker)
    person.says("ready")
    person.switches("RoleBeta")
    (shown,) = [message for message in person.seen if message["type"] == "identity"]
    assert shown["identity"]["profile"] == "RoleBeta"
    assert "variable" not in shown["html"]
    assert picker.session is not None
    assert os.environ["AWS_PROFILE"] == "RoleBeta"
    picker._switcher.off()
    picker.close()


def test_recent_and_pinned(person: Person, shell: Shell) -> None:
    """Recent profiles, newest first, and pins appear in other pickers, too."""
    shell.good("%aws_profile UserAlpha")
    person.switches("RoleBeta")
    assert person.says("pin", profile="UserAlpha", pinned=True)[0]["pins"] == ["UserAlpha"]
    other = Person(ProfilePicker())
    other.rows()
    assert other.seen[0]["recent"] == ["RoleBeta", "UserAlpha"]
    assert other.seen[0]["pins"] == ["UserAlpha"]
    other.says("pin", profile="UserAlpha", pinned=False)
    assert person.says("list", have=0)[0]["pins"] == []


def test_memory_is_private_and_has_names_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is in the state folder, has only names, and only its owner can read it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    memory = Memory()
    for number in range(MOST_RECENT + 3):
        memory.use(f"profile-{number}")
    file = tmp_path / "state" / "ipy_awsprofile" / "picker.json"
    assert memory.path == file
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]
    recent = [f"profile-{number}" for number in range(MOST_RECENT + 2, 2, -1)]
    assert json.loads(file.read_text()) == {"recent": recent, "pins": []}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"recent": 1, "pins": [2, null]}'])
def test_a_broken_memory_is_ignored(tmp_path: Path, text: str) -> None:
    """A file with unexpected content is ignored, and replaced at the next use."""
    memory = Memory(tmp_path / "picker.json")
    memory.path.write_text(text)
    assert memory.read() == Remembered()
    memory.use("RoleBeta")
    assert memory.read() == Remembered(recent=("RoleBeta",))


def test_a_memory_that_cannot_be_written_is_ignored(tmp_path: Path) -> None:
    """If the file can't be written, the picker works but remembers nothing."""
    (tmp_path / "file").touch()
    memory = Memory(tmp_path / "file" / "picker.json")
    memory.pin("RoleBeta", pinned=True)
    assert memory.read() == Remembered()


def test_a_picker_that_outlives_the_extension(person: Person, shell: Shell) -> None:
    """After the extension is unloaded, its pickers refuse to switch, and say what to do."""
    shell.good("%unload_ext ipy_awsprofile")
    error = person.switches("RoleBeta")
    assert error["type"] == "error"
    assert "%load_ext ipy_awsprofile" in error["html"]
    assert person.picker.session is None
    assert "session" not in shell.names


@pytest.fixture
def analyst(aws: EmbeddedAws) -> str:
    """Write a profile that requires a sign-in, and return its name."""
    aws.sso.assign(ROLE_ACCOUNT, "Analyst", policy=allow("s3:*"))
    aws.write_profile(
        "Analyst",
        sso_start_url=aws.sso.start_url,
        sso_region="us-east-1",
        sso_account_id=ROLE_ACCOUNT,
        sso_role_name="Analyst",
        region="us-west-2",
    )
    return "Analyst"


@pytest.mark.slow
def test_sign_in(person: Person, aws: EmbeddedAws, analyst: str) -> None:
    """The picker sends the page and its code at once, and `signed_in` after the user approves."""
    asked = person.switches(analyst)
    assert asked["type"] == "sign_in"
    assert asked["code"] in asked["url"]
    assert person.picker.session is None
    aws.sso.approve(asked["code"])
    waited_for(person, "signed_in")
    assert person.switches(analyst)["type"] == "done"
    assert person.picker.value == analyst


@pytest.mark.slow
def test_sign_in_that_is_refused(person: Person, aws: EmbeddedAws, analyst: str) -> None:
    """A denied sign-in is shown as an error."""
    asked = person.switches(analyst)
    aws.sso.deny(asked["code"])
    assert "was refused" in waited_for(person, "error")["html"]
    assert person.picker.session is None


def test_sign_in_that_cannot_begin(person: Person, aws: EmbeddedAws, analyst: str) -> None:
    """A sign-in that AWS refuses to start is shown as an error."""
    text = aws.config_file.read_text()
    aws.config_file.write_text(text.replace(aws.sso.start_url, "https://nowhere.invalid"))
    aws.sso.tokens.lifetimes = replace(aws.sso.lifetimes, registration=-1)
    assert person.switches(analyst)["type"] == "error"


@pytest.mark.slow
def test_a_page_that_opens_after_the_sign_in_has_ended(
    person: Person, aws: EmbeddedAws, analyst: str
) -> None:
    """After the sign-in has expired, a new view shows the next step, and the picker still works."""
    aws.sso.approve(person.switches(analyst)["code"])
    waited_for(person, "signed_in")
    person.switches(analyst)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=3), tick=True):
        (error,) = person.says("ready")
        assert error["type"] == "error"
        assert "--login" in error["html"]
        assert person.switches("RoleBeta")["type"] == "done"


@pytest.mark.slow
def test_the_list_imports_boto3_in_the_background() -> None:
    """Showing the list imports boto3 in a background thread."""
    shown = run_python(
        "import sys, threading\n"
        "from ipy_awsprofile.picker.widget import ProfilePicker\n"
        "from ipy_awsprofile.switch.switcher import Switcher\n"
        "picker = ProfilePicker(switcher=Switcher(None))\n"
        "print('boto3' in sys.modules)\n"
        "for _ in range(2):\n"
        "    picker._receive(None, {'type': 'list', 'view': 'v', 'have': 0}, [])\n"
        "    for thread in threading.enumerate():\n"
        "        thread.name == 'warm-up' and thread.join()\n"
        "print('boto3' in sys.modules)"
    )
    assert shown.split() == ["False", "True"]


@pytest.mark.slow
def test_an_exported_page(aws: EmbeddedAws) -> None:
    """An HTML page exported by nbconvert has a sentence instead of the picker."""
    from nbconvert import HTMLExporter  # slow to import

    cells = ("%load_ext ipy_awsprofile\n%aws_profile RoleBeta", "%aws_profile --pick")
    _, text = run_notebook(*cells, environment=aws.environment())
    notebook = nbformat.reads(text, as_version=4)
    del notebook.metadata["widgets"]  # JupyterLab doesn't save them by default
    exporter = HTMLExporter()  # type: ignore[no-untyped-call]
    page, _ = exporter.from_notebook_node(notebook)
    assert "ProfilePicker: RoleBeta is active. `%aws_profile NAME` switches the notebook." in page
