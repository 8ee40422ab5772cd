"""``%aws_calls``: the notebook's AWS calls as a DataFrame, and a policy that allows them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.getipython import get_ipython
from IPython.display import display

from ipy_awsprofile.cards.card import Card, Tone
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.notebook.options import parse, show_help
from ipy_awsprofile.text import number_of, one_line

if TYPE_CHECKING:
    import pandas as pd


def recorded_calls() -> pd.DataFrame:
    """Return the AWS calls that this kernel has recorded, oldest first.

    ``%aws_calls on`` records calls of boto3, aiobotocore and libraries built on them. Each row is a
    call; see `Call` for the columns. Columns with the same value in all rows come last. Bodies and
    parameter values aren't recorded, except for the names in the resource's ARN. The newest 100,000
    calls are kept. In a script, nothing is recorded, and the DataFrame has no rows.
    """
    from ipy_awsprofile.calls.recorder import frame_of

    shell = get_ipython()
    magics = shell and shell.magics_manager.registry.get("AwsProfileMagics")
    return frame_of(list(magics.calls.calls) if magics else [])


def run_aws_calls(magics: Any, line: str) -> pd.DataFrame | None:
    """Run ``%aws_calls`` of `AwsProfileMagics`. Raises InvalidOption."""
    from ipy_awsprofile.calls.recorder import frame_of

    options, recorder = parse(magics.aws_calls, line), magics.calls
    if options.help:
        show_help(magics.aws_calls)
    elif options.action:
        if options.action == "clear":
            recorder.calls.clear()
        else:
            magics.record_calls = options.action == "on"
        _show_state(len(recorder.calls), is_on=recorder.is_on)
    elif not recorder.is_on and not recorder.calls:
        raise InvalidOption(
            "No calls have been recorded.",
            "Run `%aws_calls on`, then the cells whose calls you want to see.",
        )
    elif options.policy is not None:
        _show_drafts(magics, options.policy)
    else:
        calls = list(recorder.calls)
        return frame_of([one for one in calls if one.outcome == "denied" or not options.denied])
    return None


def _show_state(count: int, *, is_on: bool) -> None:
    from ipy_awsprofile.calls.recorder import unrecorded_libraries

    title, tone = ("Recording", Tone.GOOD) if is_on else ("Not recording", Tone.QUIET)
    notes = ["`%aws_calls` returns them as a DataFrame."] if count else []
    if names := ", ".join(unrecorded_libraries()):
        notes.append(f"Calls of {names} aren't recorded, because they don't use botocore.")
    display(Card(f"{title} AWS calls", number_of(count, "call"), notes=tuple(notes), tone=tone))


def _show_drafts(magics: Any, file: str) -> None:
    """Show the draft of each profile, or write the active profile's draft to a file."""
    from ipy_awsprofile.calls.policy import drafts

    found = drafts(list(magics.calls.calls))
    if file:
        session = magics.switcher.session
        active = session.target.name if session else os.environ.get("AWS_PROFILE", "default")
        allowed = [one for one in found if one.policy["Statement"]]
        found = [one for one in allowed if one.profile == one_line(active)]
        if not session and len(allowed) == 1:  # such as of an instance's role
            found = allowed
    if not found:
        raise InvalidOption(
            f"The {'active identity' if file else 'notebook'} made no calls that a policy allows.",
            "Run the cells that call AWS. `%aws_calls --policy` shows every identity's draft.",
        )
    for draft in found:
        who = f"{draft.profile} in {draft.account}" if draft.account.isdigit() else draft.profile
        title, text = f"Draft policy for {who}", draft.json()
        if not draft.policy["Statement"]:
            title, text = f"AWS allowed no call of {who}", ""
        if file:
            _write(Path(file).expanduser().resolve(), text)
            title, text = f"Wrote the draft policy for {who} to `{file}`", ""
        denied = [f"Denied, and not in the draft: {message}" for message in draft.denied]
        display(Card(title, notes=(*denied, *draft.notes), code=text))


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(f".{path.name}.new")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise InvalidOption(f"`{path}` can't be written: {error.strerror}.") from error
