"""Error messages and hints, each of which is one line."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from ipy_awsprofile import errors
from ipy_awsprofile.errors import AwsProfileError, ConfigFileError, ProfileNotFound

#: The errors with a base class between them and AwsProfileError, and that class.
BASES = {
    "CredentialsExpired": "CredentialsRejected",
    "RoleNotAssigned": "AccessDenied",
    "SignInRequired": "CredentialsUnavailable",
}
PAGE = Path(__file__).parent.parent / "docs/reference/errors.md"


def test_bases() -> None:
    """Each error is caught by its base class, and the page of errors lists it."""
    classes = {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, AwsProfileError)
    }
    del classes["AwsProfileError"]
    for name, value in classes.items():
        assert value.__base__ is getattr(errors, BASES.get(name, "AwsProfileError"))
    assert set(re.findall(r"(?m)^\| `(\w+)` \|", PAGE.read_text())) == classes.keys()


def test_rendering_without_a_hint_is_one_line() -> None:
    """Without a hint, IPython shows only the type and the message."""
    assert AwsProfileError("It broke.")._render_traceback_() == ["AwsProfileError: It broke."]


def test_rendering_with_a_hint_is_two_lines() -> None:
    """With a hint, IPython shows it on a second line."""
    rendered = AwsProfileError("It broke.", "Mend it.")._render_traceback_()
    assert rendered == ["AwsProfileError: It broke.", "Mend it."]


@pytest.mark.parametrize(
    ("line", "text"),
    [(7, "/etc/config, line 7: It is odd."), (None, "/etc/config: It is odd.")],
)
def test_config_file_error_names_the_place(line: int | None, text: str) -> None:
    """A ConfigFileError names the file and, if known, the line."""
    error = ConfigFileError(Path("/etc/config"), "It is odd.", line)
    assert str(error) == text
    assert (error.path, error.line) == (Path("/etc/config"), line)


def test_profile_not_found() -> None:
    """The hint for a missing profile is the given one, or the command that lists all profiles."""
    error = ProfileNotFound("dex", "Did you mean `dev`?")
    assert (error.name, error.hint) == ("dex", "Did you mean `dev`?")
    assert ProfileNotFound("dex").hint == "`%aws_profiles` lists the profiles."


def test_one_line() -> None:
    """A line break in a name doesn't break the message."""
    error = ProfileNotFound("a\nb", "Did you mean `a\r\nc`?")
    assert str(error) == "There is no profile `a b` in the shared config files."
    assert error.hint == "Did you mean `a c`?"


@pytest.mark.parametrize(
    "error",
    [
        errors.ProfileNotFound("x", "y"),
        errors.ProtectedProfile("x"),
        errors.UnexpectedAccount("x", "y"),
        errors.ConfigFileError(Path("config"), "broken", 3),
        errors.SignInRequired("x", "y"),
        errors.SwitchInterrupted(),
        AwsProfileError("It broke.", "Mend it."),
    ],
)
def test_errors_can_be_pickled(error: AwsProfileError) -> None:
    """A pickled error stays the same in another process, as process pools require."""
    there = pickle.loads(pickle.dumps(error))
    assert (type(there), str(there), vars(there)) == (type(error), str(error), vars(error))
