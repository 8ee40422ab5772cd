"""Use a profile in a ``with`` block, and find the Switcher of the running shell."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import lru_cache

from ipy_awsprofile.config.request import Duration, SwitchRequest
from ipy_awsprofile.switch.scope import Scope
from ipy_awsprofile.switch.switcher import Switcher


def using_profile(
    profile: str | None = None,
    *,
    region: str | None = None,
    role_arn: str | None = None,
    source_profile: str | None = None,
    account: str | int | None = None,
    role: str | None = None,
    sso: str | None = None,
    duration: Duration | None = None,
    session_name: str | None = None,
    external_id: str | None = None,
    source_identity: str | None = None,
    tags: Mapping[str, str] | None = None,
    transitive_tags: Iterable[str] = (),
    policy: str | os.PathLike[str] | None = None,
    read_only: bool = False,
    mfa: bool = False,
    variable: str = "session",
    expect_account: str | int | None = None,
    only_session: bool = False,
    confirmed: bool = False,
    write: bool = False,
    default: bool = False,
) -> Scope:
    """Use a profile for everything in a ``with`` block, and restore the previous state afterwards.

    The options are the same as for ``%aws_profile``; see `SwitchRequest`. ``duration`` is in
    seconds, a timedelta, or a text such as ``15m``. ``variable`` is ``--as``, and ``confirmed`` is
    ``--yes``. The block gets the session, too. In a script without IPython, everything except the
    notebook's variable follows.

    The whole kernel follows. So while a thread or task is in such a block, other threads and tasks
    can't enter one, switch or switch off. In threads and tasks, use `open_session`. A switch inside
    the block lasts until the block ends. Raises a subclass of `AwsProfileError`; then the block
    isn't entered and nothing has changed.

    https://docs.python.org/3/reference/compound_stmts.html#the-with-statement
    """
    request = SwitchRequest(
        profile=profile,
        region=region,
        role_arn=role_arn,
        source_profile=source_profile,
        account=account,
        role=role,
        sso=sso,
        duration=duration,
        session_name=session_name,
        external_id=external_id,
        source_identity=source_identity,
        tags=tuple((tags or {}).items()),
        transitive_tags=tuple(transitive_tags),
        policy=os.fspath(policy) if policy is not None else None,
        read_only=read_only,
        mfa=mfa,
        variable=variable,
        expect_account=expect_account,
        only_session=only_session,
        confirmed=confirmed,
        write=write,
        default=default,
        caller="using_profile",
    )
    return Scope(running_switcher, request)


def running_switcher() -> Switcher:
    """Return the Switcher of the running IPython shell, loading the extension if necessary.

    Outside IPython, return a Switcher for the process, without a notebook. A forked child has a
    separate one, because nothing in the child ends what the parent has begun.
    """
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None:
        return _of_script(os.getpid())
    if "AwsProfileMagics" not in shell.magics_manager.registry:
        shell.extension_manager.load_extension("ipy_awsprofile")
    switcher: Switcher = shell.magics_manager.registry["AwsProfileMagics"].switcher
    return switcher


@lru_cache(maxsize=1)
def _of_script(_process: int) -> Switcher:
    return Switcher(None)
