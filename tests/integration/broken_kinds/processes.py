"""Broken profiles with a credential_process."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ipy_awsprofile.errors import (
    CredentialsUnavailable,
)
from tests.integration.broken_kinds.breaks import OVER, prints, tool
from tests.integration.broken_kinds.record import Broken
from tests.integration.broken_kinds.stage import HUSH, Break

_BREAKS: dict[str, tuple[Break | None, str, Mapping[str, str]]] = {
    "fails": (
        tool(f"import sys; print({HUSH!r}); sys.exit({HUSH!r})"),
        "failed with status 1.",
        {},
    ),
    "fails in bytes": (
        tool("import sys; sys.stderr.buffer.write(b'\\xff'); sys.exit(3)"),
        "failed with status 3.",
        {},
    ),
    "missing": (
        None,
        "can't be run: No such file or directory (`no-such-program`).",
        {'"{python}"': "no-such-program"},
    ),
    "not to be run": (
        None,
        "can't be run: Permission denied (`/`).",
        {'"{python}" "{process}"': "/"},
    ),
    "lone quotation mark": (
        None,
        "isn't a command: No closing quotation.",
        {'{process}"': "{process}"},
    ),
    "empty": (
        None,
        "isn't a command: it is empty.",
        {' "{python}" "{process}"': ""},
    ),
    "slow": (tool("import time; time.sleep(60)"), "didn't end within ", {}),
    "prints nothing": (tool(""), "didn't print JSON.", {}),
    "prints rubbish": (tool(f"print({HUSH!r})"), "didn't print JSON.", {}),
    "prints bytes": (
        tool("import sys; sys.stdout.buffer.write(b'\\xff\\xfe')"),
        "didn't print JSON.",
        {},
    ),
    "prints a list": (
        tool(f"print({json.dumps([HUSH])!r})"),
        "printed JSON that isn't an object.",
        {},
    ),
    "another Version": (
        prints(Version=2),
        "printed no credentials: Version isn't 1, or a key is missing.",
        {},
    ),
    "without a secret": (
        prints(SecretAccessKey=None),
        "printed no credentials: Version isn't 1, or a key is missing.",
        {},
    ),
    "keys that are numbers": (
        prints(AccessKeyId=7),
        "printed credentials that can't be used: the access key ID is invalid.",
        {},
    ),
    "token of two lines": (
        prints(SessionToken=f"{HUSH}\n"),
        "printed credentials that can't be used: the session token is invalid.",
        {},
    ),
    "an old date": (
        prints(Expiration=OVER),
        "printed credentials that can't be used: they had already expired.",
        {},
    ),
    "no date": (
        prints(Expiration=HUSH),
        "printed credentials that can't be used: the Expiration isn't a time with a time zone.",
        {},
    ),
    "a date that is a number": (
        prints(Expiration=7),
        "printed credentials that can't be used: the Expiration isn't a time with a time zone.",
        {},
    ),
    "a date without a zone": (
        prints(Expiration="2099-01-01T00:00:00"),
        "printed credentials that can't be used: the Expiration isn't a time with a time zone.",
        {},
    ),
}

PROCESSES = {
    f"{name}{where}": Broken(
        kind,
        CredentialsUnavailable,
        f"The credential_process of `{owner}` {says}",
        "Run its command in a terminal",
        instead,
        by=by,
    )
    for name, (by, says, instead) in _BREAKS.items()
    for kind, owner, where in (
        ("credential_process", "P", ""),
        ("credential_process as a source", "Tool", ", as a source"),
    )
}
