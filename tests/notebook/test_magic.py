"""The magics in a real shell: their input, their output and the notebook's variables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import boto3
import pytest

from ipy_awsprofile.errors import (
    ConfigFileError,
    InvalidOption,
    ProfileNotFound,
    ProtectedProfile,
    SwitchInterrupted,
)

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

pytestmark = pytest.mark.usefixtures("aws")


def test_before_a_switch(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a switch, the card says so, and shows which credentials boto3 uses."""
    assert "No profile is active" in shell.good("%aws_profile").text
    monkeypatch.setenv("AWS_PROFILE", "dev")
    assert "AWS_PROFILE=dev" in shell.good("%aws_profile").text


def test_switch(shell: Shell) -> None:
    """One line adds a session of the profile to the notebook, and shows its identity."""
    ran = shell.good("%aws_profile RoleBeta")
    assert ran.text.startswith("RoleBeta ← UserAlpha  (1 hour left)")
    assert re.search(r"expires +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, renews by itself", ran.text)
    assert "ipy-awsprofile-card" in ran.html
    assert isinstance(shell.names["session"], boto3.Session)


def test_shows_the_active_identity(shell: Shell) -> None:
    """The magic without arguments shows the active identity again."""
    first = shell.good("%aws_profile RoleBeta --session-name me-at-work")
    again = shell.good("%aws_profile")
    assert "RoleBeta/me-at-work" in again.text
    assert again.text.splitlines()[1:] == first.text.splitlines()[1:]


@pytest.mark.parametrize(
    ("options", "row"),
    [
        ("--region eu-west-1", r"region +eu-west-1"),
        ("--session-name me-at-work", r"ARN .*/me-at-work"),
        ("--as beta", r"variable +beta"),
        ("--duration 30m", r"\(30 minutes left"),
        ("--yes", r"variable +session"),
        ("--region=eu-west-1 --as=beta", r"variable +beta"),
    ],
)
def test_options(shell: Shell, options: str, row: str) -> None:
    """The card shows the effect of each option, whether it comes before or after the name."""
    assert re.search(row, shell.good(f"%aws_profile RoleBeta {options}").text)
    assert re.search(row, shell.good(f"%aws_profile {options} RoleBeta").text)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--nope", "unrecognized arguments: --nope"),
        ("RoleBeta --duration soon", "`soon` isn't a duration"),
        ("RoleBeta --as 1a", "`1a` isn't a valid variable name"),
        ("RoleBeta --off", "Use only one of --refresh, --off, --pick"),
        ("--region us-west-2", "The name of a profile is missing"),
        ('"RoleBeta', "A quotation mark isn't closed."),
    ],
)
def test_bad_options(shell: Shell, line: str, message: str) -> None:
    """A line with wrong options is refused with a message, and nothing is switched."""
    error = shell.refused(f"%aws_profile {line}")
    assert type(error) is InvalidOption
    assert message in str(error)
    assert "session" not in shell.names


def test_refresh(shell: Shell, aws: EmbeddedAws) -> None:
    """`--refresh` makes one AssumeRole call, and gets new credentials."""
    shell.good("%aws_profile RoleBeta --as beta")
    before = shell.names["beta"].get_credentials().access_key
    aws.calls.clear()
    assert "variable  beta" in shell.good("%aws_profile --refresh").text
    assert shell.names["beta"].get_credentials().access_key != before
    assert [call.action for call in aws.calls] == ["sts:AssumeRole"]


def test_refresh_after_an_expiry(shell: Shell, aws: EmbeddedAws) -> None:
    """`--refresh` gets a new session after the old one has expired."""
    shell.good("from ipy_awsprofile import list_buckets")
    shell.good("%aws_profile RoleBeta")
    aws.expire_sessions()
    shell.refused("list_buckets(session)")
    shell.good("%aws_profile --refresh")
    assert len(shell.good("list_buckets(session)").result) == 3


def test_refresh_without_a_switch(shell: Shell) -> None:
    """Without a switch, `--refresh` does nothing, and the card says that no profile is active."""
    assert "No profile is active" in shell.good("%aws_profile --refresh").text


def test_off(shell: Shell) -> None:
    """`--off` undoes every switch, and says if there is none to undo."""
    shell.good("session = 'mine'")
    shell.good("%aws_profile RoleBeta")
    shell.good("%aws_profile UserAlpha --as other")
    assert "The switch is undone" in shell.good("%aws_profile --off").text
    assert shell.names["session"] == "mine"
    assert "other" not in shell.names
    assert "There is no switch to undo" in shell.good("%aws_profile --off").text


def test_rebound_name_stays_after_off(shell: Shell) -> None:
    """`--off` doesn't change a name that the user has assigned again."""
    shell.good("%aws_profile RoleBeta")
    shell.good("session = 'newer'")
    shell.good("%aws_profile --off")
    assert shell.names["session"] == "newer"


def test_stale_variables_are_named(shell: Shell) -> None:
    """The card names a client of the previous identity, and the code to recreate it."""
    shell.good("%aws_profile RoleBeta")
    shell.good("s3 = session.client('s3')")
    text = shell.good("%aws_profile UserAlpha").text
    assert (
        text.splitlines()[-1].strip()
        == '`s3` still signs as RoleBeta: run `s3 = session.client("s3", region_name="us-west-2")`.'
    )
    assert "still signs" not in shell.good("%aws_profile RoleBeta").text


def test_error_leaves_the_identity(shell: Shell) -> None:
    """After a failed switch, the session and the card are the same as before."""
    before = shell.good("%aws_profile RoleBeta")
    session = shell.names["session"]
    error = shell.refused("%aws_profile RoleBet --as other")
    assert isinstance(error, ProfileNotFound)
    assert error.hint == "Did you mean `RoleBeta`?"
    assert shell.names["session"] is session
    assert "other" not in shell.names
    after = shell.good("%aws_profile")
    assert after.text.splitlines()[1:] == before.text.splitlines()[1:]


def test_error_stops_the_cell(shell: Shell) -> None:
    """The rest of the cell doesn't run after a failed switch."""
    shell.refused("%aws_profile Nobody\nx = 1")
    assert "x" not in shell.names


def test_names_from_variables(shell: Shell) -> None:
    """Python variables expand in the line, as in every magic."""
    shell.good("name = 'RoleBeta'; where = 'eu-west-1'")
    text = shell.good("%aws_profile $name --region {where}").text
    assert text.startswith("RoleBeta")
    assert re.search(r"region +eu-west-1", text)


def test_magic_in_a_loop(shell: Shell) -> None:
    """The magic works inside a block."""
    ran = shell.good("for name in ['UserAlpha', 'RoleBeta']:\n    %aws_profile $name")
    assert [data["text/plain"].split()[0] for data in ran.displayed] == ["UserAlpha", "RoleBeta"]


@pytest.mark.parametrize(
    ("line", "rows"),
    [
        ("", ["UserAlpha", "RoleBeta"]),
        ("Role", ["RoleBeta"]),
        ("useralpha role", ["RoleBeta"]),
        ("'UserAlpha'", ["UserAlpha", "RoleBeta"]),
        ("User*", ["UserAlpha"]),
        ("nothing", []),
    ],
)
def test_profiles(shell: Shell, aws: EmbeddedAws, line: str, rows: list[str]) -> None:
    """`%aws_profiles` lists the profiles that match a pattern, without calling AWS."""
    ran = shell.good(f"%aws_profiles {line}")
    assert [row.split()[0] for row in ran.text.splitlines()[2:]] == rows
    assert "ipy-awsprofile-card" in ran.html
    assert aws.calls == []


def test_without_profiles(shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without profiles, the card says which files were read, and what to run."""
    aws.config_file.write_text("# nothing yet\n")
    monkeypatch.delenv("AWS_SHARED_CREDENTIALS_FILE")
    monkeypatch.setenv("HOME", str(aws.home / "new"))
    hint = shell.refused("%aws_profile RoleBeta").hint
    (line,) = re.findall("`(.+)`", hint)
    for pattern in ("", " prod"):
        text = shell.good(line + pattern).text
        assert text.startswith("There are no AWS profiles yet")
        assert f"{aws.config_file} has no profiles" in text
        assert f"{aws.home}/new/.aws/credentials doesn't exist" in text
        assert "`aws configure sso`" in text
        assert "then run the cell again" in text


@pytest.mark.parametrize("line", ["%aws_profiles --nope", "%aws_profiles 'x"])
def test_profiles_with_a_bad_option(shell: Shell, line: str) -> None:
    """`%aws_profiles` refuses unknown options, and points to the help."""
    assert "%aws_profiles?" in shell.refused(line).hint


def test_profiles_of_a_malformed_file(shell: Shell, aws: EmbeddedAws) -> None:
    """`%aws_profiles` names the line number of the error in a malformed file."""
    aws.config_file.write_text("[profile a]\nnonsense\n")
    error = shell.refused("%aws_profiles")
    assert isinstance(error, ConfigFileError)
    assert error.line == 2


def test_protected_profiles(shell: Shell) -> None:
    """A switch to a profile that matches the pattern needs `--yes`, until `%config` changes it."""
    shell.good("%config AwsProfileMagics.protected = ['*beta']")
    error = shell.refused("%aws_profile RoleBeta")
    assert isinstance(error, ProtectedProfile)
    assert "--yes" in error.hint
    assert "UserAlpha  (protected, " in shell.good("%aws_profile RoleBeta --yes").text
    shell.good("%aws_profile --refresh")
    shell.good("%aws_profile UserAlpha")
    assert "(protected, " in shell.good("%%aws_profile RoleBeta --yes\npass").text
    shell.good("%config AwsProfileMagics.protected = []")
    shell.good("%aws_profile RoleBeta")


def test_config_is_there_before_loading(bare_shell: Shell) -> None:
    """Patterns in IPython's config file apply from the start."""
    bare_shell.ip.config.AwsProfileMagics.protected = ["*"]
    bare_shell.good("%load_ext ipy_awsprofile")
    assert isinstance(bare_shell.refused("%aws_profile RoleBeta"), ProtectedProfile)


@pytest.mark.parametrize("line", ["%aws_profile", "%aws_profile -- # nothing", "%aws_profile # x"])
def test_comment(shell: Shell, line: str) -> None:
    """A comment alone counts as a line without options."""
    assert "No profile is active" in shell.good(line).text


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_option(shell: Shell, option: str) -> None:
    """`-h` and `--help` only show the options; in a cell magic, they are refused."""
    text = shell.good(f"%aws_profile RoleBeta {option}").text
    assert text.startswith("%aws_profile [--region R]")
    assert "--expect-account ID" in text
    assert "--no-progress" in shell.good(f"%aws_profiles {option}").text
    assert "session" not in shell.names
    for magic in ("%%aws_profile", "%%aws_profiles"):
        error = shell.refused(f"{magic} RoleBeta {option}\nx = 1")
        assert "x" not in shell.names
        (again,) = re.findall("`(.+)`", error.hint)
        shell.good(again)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("%aws_profile RoleBeta --regoin x", "Did you mean `--region`"),
        ("%aws_profile RoleBeta --expected-account=1", "Did you mean `--expect-account`"),
        ("%aws_profiles --worker-s 3 --intoo x", "Did you mean `--into`"),
        ("%aws_profile --nope", "Run `%aws_profile?` to see the options."),
    ],
)
def test_misspelled_options(shell: Shell, line: str, hint: str) -> None:
    """The hint for an unknown option suggests a similar option, or the help."""
    assert shell.refused(line).hint.startswith(hint)


@pytest.mark.parametrize("magic", ["aws_profile", "aws_profiles"])
def test_help(shell: Shell, magic: str) -> None:
    """Each magic's help describes every option except the internal `--cell`."""
    help_text = shell.ip.find_line_magic(magic).__doc__
    assert "--cell" not in help_text
    for action in shell.ip.find_line_magic(magic).parser._actions:
        if action.option_strings != ["--cell"]:
            assert all(option in help_text for option in action.option_strings)
            assert action.help


def test_interruption(shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C at the MFA prompt stops the switch with an error, and the identity stays active."""
    aws.write_profile(
        "WithMfa",
        role_arn="arn:aws:iam::123456789012:role/RoleBeta",
        source_profile="UserAlpha",
        mfa_serial="arn:aws:iam::231179739868:mfa/device",
        region="us-west-2",
    )

    def interrupted(question: str) -> str:
        raise KeyboardInterrupt

    shell.good("%aws_profile UserAlpha")
    session = shell.names["session"]
    monkeypatch.setattr("getpass.getpass", interrupted)
    error = shell.refused("%aws_profile WithMfa")
    assert isinstance(error, SwitchInterrupted)
    assert shell.names["session"] is session
    assert shell.good("%aws_profile").text.startswith("UserAlpha")


@pytest.mark.parametrize(
    "below", ["%%bash\naws_says() { echo $AWS_PROFILE; }\naws_says", "%%time\nprint('RoleBeta')"]
)
def test_cell_magic_below_ours(shell: Shell, below: str) -> None:
    """A cell magic below `%%aws_profile` runs in its scope."""
    ran = shell.good(f"%%aws_profile RoleBeta\n{below}")
    assert "RoleBeta" in ran.printed.splitlines()
    assert "session" not in shell.names


def test_name_with_a_dash_in_a_cell_magic(shell: Shell) -> None:
    """Names that begin with a dash work in a cell magic, too, in the form that Tab inserts."""
    error = shell.refused("%%aws_profile -- -lead\n1")
    assert str(error) == "There is no profile `-lead` in the shared config files."


def test_variable_is_shown_while_it_holds_the_session(shell: Shell) -> None:
    """The card doesn't name the variable after the user assigns something else to it."""
    assert "variable" in shell.good("%aws_profile RoleBeta").text
    assert "variable" not in shell.good("session = 3\n%aws_profile").text


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "its default credentials"),
        ({"AWS_PROFILE": "dev"}, "AWS_PROFILE=dev"),
        ({"AWS_PROFILE": "dev", "AWS_DEFAULT_PROFILE": "old"}, "AWS_DEFAULT_PROFILE=old"),
        ({"AWS_PROFILE": "dev", "AWS_ACCESS_KEY_ID": "key"}, "the keys in the environment"),
    ],
)
def test_no_identity(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str
) -> None:
    """Without a switch, the card says which credentials boto3 uses, in botocore's order."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert f"boto3 uses {words}." in shell.good("%aws_profile").text
