"""The roles of IAM Identity Center in a cell: ``%aws_profiles --sso``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipy_awsprofile.errors import AwsProfileError

if TYPE_CHECKING:
    from ipy_awsprofile.credentials.person import Person
    from ipy_awsprofile.sessions.assigned_roles import AssignedRole


def listed_roles(
    sso: str, pattern: str | None, person: Person, *, progress: bool
) -> tuple[list[AssignedRole], str | None]:
    """Return the roles that match the pattern, and the pattern; show how many accounts are listed.

    What follows ``--sso`` is the first word of the pattern if it isn't the name of a sign-in.
    Raises AwsProfileError.
    """
    from ipy_awsprofile.across.progress import counting_bar
    from ipy_awsprofile.sessions.assigned_roles import list_assigned_roles

    name, pattern = _sign_in(sso, pattern)
    with counting_bar(" accounts", shown=progress) as done:
        return list_assigned_roles(name, pattern, person=person, done=done), pattern


def _sign_in(word: str, pattern: str | None) -> tuple[str | None, str | None]:
    """Return the name of the sign-in, if one is given, and the pattern."""
    from ipy_awsprofile.config.shared_files import SharedFiles
    from ipy_awsprofile.config.sign_ins import find_sign_in

    if not word:
        return None, pattern
    files = SharedFiles.from_environment()
    try:
        return find_sign_in(word, files).name, pattern
    except AwsProfileError:
        find_sign_in(None, files)  # raises an error if there isn't exactly one
        return None, " ".join(filter(None, (word, pattern)))
