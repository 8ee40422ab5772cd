"""Run ``%aws_calls``: return the notebook's AWS calls as a DataFrame, or draft policies."""

from __future__ import annotations

import argparse
import itertools
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from IPython.core.getipython import get_ipython
from IPython.display import display

from ipy_awsprofile.calls.policy import Draft, drafts
from ipy_awsprofile.calls.recorder import SHOWN, CallRecorder, calls_frame
from ipy_awsprofile.cards.card import Card, Tone
from ipy_awsprofile.config.python_interface import checks_arguments
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.text import letters_of, number_of, one_line, quoted

if TYPE_CHECKING:
    import pandas as pd

    from ipy_awsprofile.sessions.session import ProfileSession
    from ipy_awsprofile.switch.switcher import Switcher


@checks_arguments
def recorded_calls() -> pd.DataFrame:
    """Return the AWS calls that this kernel has recorded, oldest first.

    ``%aws_calls on`` starts recording calls by boto3, aiobotocore and libraries that use either.
    Each row of the DataFrame describes a call. For the columns, see `Call`. Request bodies and
    parameter values aren't recorded, except for the names in a resource's ARN. The recorder keeps
    the newest 100,000 calls. In a script, no calls are recorded, so the DataFrame is empty.

    In a notebook that doesn't record calls, raise InvalidOption unless earlier calls have been
    recorded.
    """
    shell = get_ipython()
    magics = shell and shell.magics_manager.registry.get("AwsProfileMagics")
    if not magics:
        return calls_frame([])
    _require_calls(magics.calls)
    return calls_frame(list(magics.calls.calls))


def run_aws_calls(
    options: argparse.Namespace,
    recorder: CallRecorder,
    switcher: Switcher,
    set_recording: Callable[[bool], None],
) -> pd.DataFrame | None:
    """Run ``%aws_calls``.

    Raise `InvalidOption` for an invalid line, or if no calls are recorded.
    """
    _require_one_action(options)
    if not options.action:
        _require_calls(recorder)
    if options.action:
        if options.action == "clear":
            recorder.calls.clear()
        else:
            set_recording(options.action == "on")
        _show_state(len(recorder.calls), is_on=recorder.is_on)
    elif options.policy is not None:
        _show_drafts(drafts(list(recorder.calls)), options.policy, switcher.session)
    else:
        calls = list(recorder.calls)
        if options.denied:
            calls = [call for call in calls if call.outcome == "denied"]
        columns = () if options.all else SHOWN
        return calls_frame(calls, columns)
    return None


def _require_calls(recorder: CallRecorder) -> None:
    """Raise `InvalidOption` if the recorder is off and doesn't contain any calls."""
    if not recorder.is_on and not recorder.calls:
        raise InvalidOption(
            "No calls have been recorded.",
            "Run `%aws_calls on`, then the cells whose calls you want to see.",
        )


#: Code for the options that other tools have for selecting and saving rows, with their values.
_CODE_OF_OPTIONS = {
    **dict.fromkeys(("csv", "output", "o", "tocsv"), "calls.to_csv({!r})"),
    **dict.fromkeys(("profile", "profilename"), "calls[calls['profile'] == {!r}]"),
    "service": "calls[calls['action'].str.startswith('{}:')]",
}


def advice_about_rows(words: Sequence[str]) -> str:
    """Return advice for a line that selects or saves rows, such as ``--limit 10``, or "".

    ``words`` are the words of the line, whose options ``%aws_calls`` doesn't have.
    """
    if "--policy" in words:  # with it, the magic doesn't return rows
        return ""
    kept = [word for word in words if word in _OF_ROWS]
    code = ""
    for word, following in zip(words, (*words[1:], ""), strict=True):
        option, _, value = word.partition("=")
        value = value or following
        if word.isdigit():
            code = f"calls.tail({word})"
        elif option.startswith("-") and word not in kept:
            template = _CODE_OF_OPTIONS.get(letters_of(option))
            code = template.format(value) if template and value else "calls.tail(10)"
            if value.isdigit():
                code = f"calls.tail({value})"
    if not code:
        return ""
    line = " ".join(["calls = %aws_calls", *kept])
    return f"`%aws_calls` returns a DataFrame. Run `{line}`, and then, for example, `{code}`."


def advice_about_file(words: Sequence[str]) -> str:
    """Return advice for a line that ends with ``> FILE``, as in a terminal, or an empty string."""
    before = list(itertools.takewhile(lambda word: not word.startswith(">"), words))
    file = " ".join(words[len(before) :]).lstrip("> ")
    if not file:
        return ""
    if before == ["--policy"]:
        return f"Write `%aws_calls --policy {quoted(file)}`."
    if not _OF_ROWS.issuperset(before):
        return ""
    line = " ".join(["calls = %aws_calls", *before])
    code = _SAVES.get(Path(file).suffix, "calls.to_csv({!r})").format(file)
    return f"`%aws_calls` returns a DataFrame. Run `{line}`, and then `{code}`."


#: The options that select the rows and columns of the DataFrame.
_OF_ROWS = {"--all", "--denied"}

#: Code that saves a DataFrame, by the end of the file's name.
_SAVES = {
    ".json": "calls.to_json({!r}, orient='records', date_format='iso')",
    ".parquet": "calls.to_parquet({!r})",
}


def _require_one_action(options: argparse.Namespace) -> None:
    """Raise `InvalidOption` if a line has several actions, such as ``clear`` and ``--denied``."""
    actions = list(filter(None, [options.action]))
    if options.denied:
        actions.append("--denied")
    if options.policy is not None:
        actions.append("--policy")
    if len(actions) > 1:
        lines = " or ".join(f"`%aws_calls {action}`" for action in actions)
        raise InvalidOption(f"{' and '.join(actions)} can't be combined.", f"Run {lines}.")


def _show_state(count: int, *, is_on: bool) -> None:
    title = "Not recording AWS calls"
    tone = Tone.QUIET
    if is_on:
        title = "Recording AWS calls"
        tone = Tone.GOOD
    notes = (
        "`%aws_calls` returns the calls as a DataFrame. Calls by other processes, such as `!aws`, "
        "and by libraries without botocore, such as polars and DuckDB, aren't recorded.",
    )
    display(Card(title, number_of(count, "call"), notes=notes, tone=tone))


def _show_drafts(shown: list[Draft], file: str, session: ProfileSession | None) -> None:
    """Show a draft policy for each identity, or write the active identity's draft to a file."""
    if file.startswith(("$", "{", ">")):
        raise InvalidOption(f"`{file}` isn't the name of a file.")
    caller = "notebook"
    if file:
        shown = _drafts_of_active(shown, session)
        caller = "active identity"
    if not shown:
        raise InvalidOption(
            f"The {caller} hasn't made any calls that a policy can allow.",
            "Run the cells that call AWS. `%aws_calls --policy` shows every identity's draft.",
        )
    for draft in shown:
        who = draft.profile
        if draft.account.isdigit():
            who += f" in {draft.account}"
        title = f"Draft policy for {who}"
        text = draft.json()
        if file:
            _write(Path(file).expanduser().resolve(), text)
            title = f"Wrote the draft policy for {who} to `{file}`"
            text = ""
        elif not draft.statements:
            title = f"AWS didn't allow any calls by {who}"
            text = ""
        denied = [f"Denied, and not in the draft: {message}" for message in draft.denied]
        display(Card(title, notes=(*denied, *draft.notes), code=text))


def _drafts_of_active(drafted: list[Draft], session: ProfileSession | None) -> list[Draft]:
    """Return the draft policies of the active identity that allow at least one action."""
    allowed = [draft for draft in drafted if draft.statements]
    if session is None and len(allowed) == 1:  # boto3 has found the credentials itself
        return allowed
    active = os.environ.get("AWS_PROFILE", "default")
    if session:
        active = one_line(session.target.name)
    return [draft for draft in allowed if draft.profile == active]


def _write(path: Path, text: str) -> None:
    """Write a policy to a new file or to a file that contains a policy.

    Raise `InvalidOption` if the file contains something else or can't be written.
    """
    try:
        if path.exists() and not _is_policy(path):
            raise InvalidOption(
                f"`{path}` already exists and isn't a policy.",
                "Use the name of a new file, such as `%aws_calls --policy policy.json`.",
            )
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidOption(f"`{path}` can't be written: {error.strerror}.") from error


def _is_policy(path: Path) -> bool:
    """Return whether a file is empty or contains a policy as JSON.

    Raise `OSError` if the file can't be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text or '{"Statement": []}')
    except ValueError:
        return False
    return isinstance(content, dict) and "Statement" in content
