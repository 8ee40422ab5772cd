"""Error messages and hints, each of which is one line."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from ipy_awsprofile import errors
from ipy_awsprofile.errors import AwsProfileError, ConfigFileError, ProfileNotFound

TREE = [
    ("SignInRequired", "CredentialsUnavailable"),
    ("RoleNotAssigned", "AccessDenied"),
    ("InvalidOption", "AwsProfileError"),
    ("ConfigFileError", "AwsProfileError"),
    ("ProfileNotFound", "AwsProfileError"),
    ("InvalidProfile", "AwsProfileError"),
    ("InvalidSource", "InvalidProfile"),
    ("SourceLoop", "InvalidProfile"),
    ("ProtectedProfile", "AwsProfileError"),
    ("StaleIdentity", "AwsProfileError"),
    ("IdentityChanged", "AwsProfileError"),
    ("UnexpectedAccount", "AwsProfileError"),
    ("SessionNotLimited", "AwsProfileError"),
    ("ReadOnlyIdentity", "AwsProfileError"),
    ("NoRegion", "AwsProfileError"),
    ("InvalidCell", "AwsProfileError"),
    ("NotForOneProfile", "AwsProfileError"),
    ("NoProfileAnswered", "AwsProfileError"),
    ("MfaUnavailable", "AwsProfileError"),
    ("MfaRejected", "AwsProfileError"),
    ("AccessDenied", "AwsProfileError"),
    ("CredentialsRejected", "AwsProfileError"),
    ("CredentialsExpired", "CredentialsRejected"),
    ("CredentialsUnavailable", "AwsProfileError"),
    ("EndpointUnreachable", "AwsProfileError"),
    ("ServiceError", "AwsProfileError"),
    ("SwitchInterrupted", "AwsProfileError"),
]


@pytest.mark.parametrize(("child", "parent"), TREE)
def test_tree(child: str, parent: str) -> None:
    """Each error has the base class that the module's docstring shows."""
    assert getattr(errors, child).__bases__ == (getattr(errors, parent),)
    assert child in (errors.__doc__ or "")


def test_tree_is_whole() -> None:
    """The test's tree contains every error class."""
    classes = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert classes - {"Path", "Any", "AwsProfileError"} == {child for child, _ in TREE}


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


@pytest.mark.parametrize(
    ("nearest", "hint"),
    [
        ((), "`%aws_profiles` lists the profiles."),
        (("dev",), "Did you mean `dev`?"),
        (("dev", "dev2"), "Did you mean `dev` or `dev2`?"),
    ],
)
def test_profile_not_found_suggests_names(nearest: tuple[str, ...], hint: str) -> None:
    """A ProfileNotFound suggests similar names, or the command that lists all profiles."""
    error = ProfileNotFound("dex", nearest)
    assert error.hint == hint
    assert (error.name, error.nearest) == ("dex", nearest)


def test_one_line() -> None:
    """A line break in a name doesn't break the message."""
    error = ProfileNotFound("a\nb", ("a\r\nc",))
    assert str(error) == "There is no profile `a b` in the shared config files."
    assert error.hint == "Did you mean `a c`?"


@pytest.mark.parametrize(
    "error",
    [
        errors.ProfileNotFound("x", ("y",)),
        errors.ProtectedProfile("x"),
        errors.UnexpectedAccount("x", "1", "2"),
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
