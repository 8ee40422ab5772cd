"""Profiles with a credential_process, broken."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ipy_awsprofile.errors import CredentialsUnavailable
from tests.integration.broken_kinds.breaks import OVER, prints, tool
from tests.integration.broken_kinds.record import Broken
from tests.integration.broken_kinds.stage import HUSH, Break

_BREAKS: dict[str, tuple[Break | None, str, str, Mapping[str, str]]] = {
    "fails": (
        tool(f"import sys; print({HUSH!r}); sys.exit({HUSH!r})"),
        "failed with status 1.",
        "",
        {},
    ),
    "fails in bytes": (
        tool("import sys; sys.stderr.buffer.write(b'\\xff'); sys.exit(3)"),
        "failed with status 3.",
        "",
        {},
    ),
    "missing": (
        None,
        "can't be run: No such file or directory (`no-such-program`).",
        "There is no program `no-such-program` on the PATH.",
        {'"{python}"': "no-such-program"},
    ),
    "not to be run": (
        None,
        "can't be run: Permission denied (`/`).",
        "There is no program `/` on the PATH.",
        {'"{python}" "{process}"': "/"},
    ),
    "lone quotation mark": (
        None,
        "is no command: No closing quotation.",
        "isn't a valid command.",
        {'{process}"': "{process}"},
    ),
    "empty": (
        None,
        "is no command: it is empty.",
        "isn't a valid command.",
        {' "{python}" "{process}"': ""},
    ),
    "slow": (tool("import time; time.sleep(60)"), "didn't end within ", "", {}),
    "prints nothing": (tool(""), "printed no JSON.", "", {}),
    "prints rubbish": (tool(f"print({HUSH!r})"), "printed no JSON.", "", {}),
    "prints bytes": (
        tool("import sys; sys.stdout.buffer.write(b'\\xff\\xfe')"),
        "printed no JSON.",
        "",
        {},
    ),
    "prints a list": (
        tool(f"print({json.dumps([HUSH])!r})"),
        "printed JSON, but no object.",
        "",
        {},
    ),
    "another Version": (
        prints(Version=2),
        "printed no credentials: Version isn't 1, or a key is missing.",
        "",
        {},
    ),
    "without a secret": (
        prints(SecretAccessKey=None),
        "printed no credentials: Version isn't 1, or a key is missing.",
        "",
        {},
    ),
    "keys that are numbers": (
        prints(AccessKeyId=7),
        "gave credentials that can't be used: the access key ID isn't one.",
        "",
        {},
    ),
    "token of two lines": (
        prints(SessionToken=f"{HUSH}\n"),
        "gave credentials that can't be used: the session token isn't one.",
        "",
        {},
    ),
    "an old date": (
        prints(Expiration=OVER),
        "gave credentials that can't be used: they had expired before they came.",
        "",
        {},
    ),
    "no date": (
        prints(Expiration=HUSH),
        "gave credentials that can't be used: the Expiration is no time with a zone.",
        "",
        {},
    ),
    "a date that is a number": (
        prints(Expiration=7),
        "gave credentials that can't be used: the Expiration is no time with a zone.",
        "",
        {},
    ),
    "a date without a zone": (
        prints(Expiration="2099-01-01T00:00:00"),
        "gave credentials that can't be used: the Expiration is no time with a zone.",
        "",
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
        seen=seen,
    )
    for name, (by, says, seen, instead) in _BREAKS.items()
    for kind, owner, where in (
        ("credential_process", "P", ""),
        ("credential_process as a source", "Tool", ", as a source"),
    )
}
