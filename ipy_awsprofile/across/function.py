"""Call a function for one profile, convert its errors, and mark its output with the profile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from traceback import walk_tb
from typing import TYPE_CHECKING, TextIO
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from tqdm.std import tqdm

from ipy_awsprofile.call_stack import package_of
from ipy_awsprofile.cards.tables import profile_and_region
from ipy_awsprofile.config.names import Arn
from ipy_awsprofile.config.profiles import Profile
from ipy_awsprofile.credentials.error_table import DENIED
from ipy_awsprofile.credentials.translation import code_of, from_error
from ipy_awsprofile.errors import NotForOneProfile, ServiceError
from ipy_awsprofile.follower import Follower, followers
from ipy_awsprofile.gate import Turn, in_turn, turn_here
from ipy_awsprofile.kernel.places import require_default_session
from ipy_awsprofile.label import is_read_only
from ipy_awsprofile.sessions.issuing import current_keys
from ipy_awsprofile.sessions.protection import Protection
from ipy_awsprofile.sessions.session import target_in
from ipy_awsprofile.switch.writing import advice_for_writing, needs_more_than_reading
from ipy_awsprofile.text import did_you_mean, shortened

if TYPE_CHECKING:
    import boto3

Function = Callable[["boto3.Session"], object]

#: An error's type, message and hint as strings, without the objects that an exception keeps.
Failure = dict[str, str]


def failure_of(error: BaseException, session: boto3.Session | None) -> Failure:
    """Return the type, message and hint of an error as strings, each on one line.

    If the message contains the session's keys, the keys are removed.
    """
    message = " ".join(str(error).split())
    if session:
        keys = current_keys(session)
        for key in filter(None, (keys.access_key, keys.secret_key, keys.token)):
            for text in (key, quote(key), quote(key, safe="")):  # a presigned URL has the token
                message = message.replace(text, "…")
    return {
        "error": type(error).__name__,
        "message": shortened(message),
        "hint": getattr(error, "hint", "") or _hint_for_library(error) or _hint_for_profile(error),
    }


def _hint_for_profile(error: BaseException) -> str:
    """Return a hint for an attribute that the cell's variable `profile` doesn't have, or ""."""
    if not isinstance(error, AttributeError) or not isinstance(error.obj, Profile):
        return ""
    return did_you_mean(error.name or "", Profile.attributes())


def _hint_for_library(error: BaseException) -> str:
    """Return a hint if AWS refused a request of a library with its own S3 client, or ""."""
    for library in followers():
        refusal = library.read_refusal(error) if library.read_refusal else None
        if refusal and library.in_run:
            return (
                f"In code for many profiles, `{library.package}` needs the profile's session. Run "
                f"`from ipy_awsprofile import libraries`. Then {library.in_run}. If your code "
                "already does this, the profile lacks the permission."
            )
    return ""


def work_for(function: Function, turn: Turn, protection: Protection) -> object:
    """Call a function with the session of a turn (one profile's call), and return its value.

    If the value is an iterator, such as a generator, return a list of its items. Exceptions
    from AWS and botocore are converted to this package's exceptions. ``protection``
    contains the patterns that limit the session.
    """
    try:
        with in_turn(turn):
            try:
                value = function(turn.session)
                if isinstance(value, Iterator):
                    value = list(value)
            finally:
                if turn.line:
                    print()  # noqa: T201  # completes the line
    except NotForOneProfile as error:
        library = _library_without_session(error)
        if library is None:
            raise
        raise NotForOneProfile(
            f"{library.package} doesn't know the function's profile.",
            f"Run `from ipy_awsprofile import libraries`, and then {library.in_run} to "
            f"{library.package}.",
        ) from None
    except NoCredentialsError:  # the profile's session has some
        raise NotForOneProfile(
            "The function used a client without credentials instead of the profile's `session`.",
            'Create a client for each profile, for example with `session.client("s3")`.',
        ) from None
    except (BotoCoreError, ClientError) as error:
        if _is_of_worker(error):
            raise NotForOneProfile(
                f"A call to AWS in a worker process failed: {error}",
                f"A worker process may not have the profile's session. {_step_for_worker(turn)}",
            ) from error
        ours = from_error(error, target_in(turn.session))
        if isinstance(error, ClientError):
            ours.hint = _advice_for_writing(error, turn, protection) or ours.hint
            if isinstance(ours, ServiceError) and "--explain" in ours.hint:  # no mistake is known
                ours.hint = _advice_to_catch(error) or ours.hint
        raise ours from error
    require_default_session()
    return value


def _step_for_worker(turn: Turn) -> str:
    """Return what to do instead of calling AWS in a worker process without a session."""
    if turn.label.limits and not is_read_only(turn.label):
        return "Call AWS in threads."
    code = "open_session(NAME, read_only=True)" if turn.label.limits else "open_session(NAME)"
    return f"Call AWS in threads, or use `{code}` in the function that the worker process calls."


def _library_without_session(error: NotForOneProfile) -> Follower | None:
    """Return the record of the library whose request for a session was refused, or None.

    A library that the function has imported still has its settings from outside the run.
    """
    frames = {package_of(frame) for frame, _ in walk_tb(error.__traceback__)}
    for library in followers():
        if library.in_run and library.package in frames:
            return library
    return None


def _is_of_worker(error: Exception) -> bool:
    """Return whether an error was raised in a worker process, for example of joblib."""
    return type(error.__cause__).__name__ in {"RemoteTraceback", "_RemoteTraceback"}


def _advice_to_catch(error: ClientError) -> str:
    """Return a hint to catch AWS's error in the function, or "" if the error has no code."""
    code = error.response.get("Error", {}).get("Code")
    if not code:
        return ""
    return (
        "If the code should go on without this call's result, run `from botocore.exceptions "
        "import ClientError`, put the call in a `try` statement with `except ClientError as "
        f"error:`, and there write `if error.response['Error']['Code'] != {str(code)!r}: raise`."
    )


def _advice_for_writing(error: ClientError, turn: Turn, protection: Protection) -> str:
    """Return a hint for a call that AWS refused to a read-only session, or an empty string."""
    label = turn.label
    message = str(error)
    operation = str(error.operation_name)
    is_denied = code_of(error) in DENIED
    if not is_denied or not is_read_only(label) or label.origin is None:
        return ""
    if not needs_more_than_reading(operation, message):
        return ""
    account = Arn.parse(label.principal).account
    advice = advice_for_writing(
        label.origin, account, protection, operation=operation, message=message
    )
    return f"The session is read-only. {advice}".strip()


class LinesOfCalls:
    """A replacement for standard output while code runs for many profiles.

    Each line begins with the name of the profile whose code printed it. Only complete lines are
    written, so that the lines of different threads don't mix.
    """

    def __init__(self, stream: TextIO, *, regional: bool) -> None:
        self._stream = stream
        self._regional = regional

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write the complete lines in a string, each with the name of the thread's profile.

        If the current thread isn't running code for a profile, the whole string is written
        unchanged.
        """
        turn = turn_here()
        if not turn:
            return int(self._stream.write(text))
        *lines, turn.line = (turn.line + text).split("\n")
        if lines:
            region = turn.session.region_name if self._regional else None
            name = profile_and_region({"profile": turn.label.profile, "region": region})
            room: AbstractContextManager[None] = nullcontext()
            if self._stream.isatty():  # the progress bar is there, too
                room = tqdm.external_write_mode(file=self)
            with room:
                self._stream.write("".join(f"{name}: {line}\n" for line in lines))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of the strings with `write`."""
        for line in lines:
            self.write(line)
