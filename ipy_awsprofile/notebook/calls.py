"""``%aws_calls``: the notebook's AWS calls as a DataFrame, and the policy that they need."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from IPython.core.getipython import get_ipython
from IPython.display import display

from ipy_awsprofile.cards.calls import calls_card, policy_card
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.notebook.options import parse, show_help

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from ipy_awsprofile.calls.policy import Draft
    from ipy_awsprofile.calls.recorder import CallRecorder
    from ipy_awsprofile.switch.switcher import Switcher


class CallMagics(Protocol):
    """The part of `AwsProfileMagics` that the command uses."""

    record_calls: bool
    aws_calls: Callable[..., pd.DataFrame | None]

    @property
    def calls(self) -> CallRecorder:
        """The kernel's recorder."""
        ...

    @property
    def switcher(self) -> Switcher:
        """The kernel's Switcher."""
        ...


def recorded_calls() -> pd.DataFrame:
    """Return the AWS calls that this kernel has recorded, oldest first.

    ``%aws_calls on`` records calls of boto3, aiobotocore and the libraries that use them. Each row
    is a call; see `Call` for the columns. Bodies and parameter values aren't recorded, except for
    the names in the resource's ARN. At most 100,000 calls are kept. In a script, nothing is
    recorded, and the DataFrame has no rows.

    https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
    """
    from ipy_awsprofile.calls.log import frame_of

    shell = get_ipython()
    magics = shell and shell.magics_manager.registry.get("AwsProfileMagics")
    return magics.calls.log.frame() if magics else frame_of(())


def run_aws_calls(magics: CallMagics, line: str) -> pd.DataFrame | None:
    """Run ``%aws_calls``. Raises a subclass of `AwsProfileError`."""
    options = parse(magics.aws_calls, line)
    if options.help:
        show_help(magics.aws_calls, in_cell=False)
        return None
    if options.full_keys and options.action != "on":
        raise InvalidOption("--full-keys needs `on`.", "Run `%aws_calls on --full-keys`.")
    if options.action and (options.denied or options.policy is not None):
        raise InvalidOption(
            "on, off and clear can't be combined with an option.",
            "Run `%aws_calls?` to see the options.",
        )
    recorder = magics.calls
    match options.action:
        case "on" | "off":
            magics.record_calls = options.action == "on"
            recorder.full_keys = options.full_keys
        case "clear":
            recorder.log.clear()
    if options.action:
        display(calls_card(len(recorder.log), is_on=recorder.is_on, dropped=recorder.log.dropped))
        return None
    if not recorder.is_on and not len(recorder.log):
        raise InvalidOption(
            "No calls have been recorded.",
            "Run `%aws_calls on`, then the cells whose calls you want to see.",
        )
    if options.policy is not None:
        _show_policy(magics, options.policy)
        return None
    frame = recorder.log.frame()
    return frame[frame["outcome"] == "denied"] if options.denied else frame


def _show_policy(magics: CallMagics, file: str) -> None:
    """Show all drafts, or write the draft for the active identity to a file."""
    from ipy_awsprofile.calls.policy import drafts

    found = drafts(magics.calls.log)
    if not found:
        raise InvalidOption(
            "None of the recorded calls needs a permission.",
            "Run the cells that call AWS, then run this cell again.",
        )
    if not file:
        for draft in found:
            display(policy_card(draft.title, draft.json(), draft.notes))
        return
    draft = _of_active(found, magics)
    _write(Path(file).expanduser(), draft)
    display(policy_card(draft.title, "", draft.notes, file))


def _of_active(found: list[Draft], magics: CallMagics) -> Draft:
    """Return the draft for the active identity, or the only draft."""
    from ipy_awsprofile.calls.recorder import who_has

    if session := magics.switcher.session:
        who = who_has(session.get_credentials())
        for draft in found:
            if (draft.account, draft.role) == (who.account, who.role):
                return draft
    if len(found) == 1:
        return found[0]
    raise InvalidOption(
        f"The active identity made no calls. These did: {', '.join(one.title for one in found)}.",
        "Switch to one of them, or run `%aws_calls --policy` to see all drafts.",
    )


def _write(path: Path, draft: Draft) -> None:
    """Write a draft, but don't overwrite a file that isn't a policy. Raises InvalidOption."""
    try:
        if path.exists():
            before = json.loads(path.read_text())
            if not (isinstance(before, dict) and "Statement" in before):
                raise ValueError
        path.write_text(draft.json())
    except OSError as error:
        raise InvalidOption(
            f"`{path}` can't be written: {error.strerror}.", "Use another path."
        ) from error
    except ValueError:
        raise InvalidOption(f"`{path}` isn't a policy.", "Use the name of a new file.") from None
