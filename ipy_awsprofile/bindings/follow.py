"""Enter all bindings of a switch. To add a library, add a file here and a line to `follow`."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack
from typing import TYPE_CHECKING

from ipy_awsprofile.bindings.cached_clients import cached_clients
from ipy_awsprofile.bindings.default_session import default_session
from ipy_awsprofile.bindings.duckdb_secrets import duckdb_secrets
from ipy_awsprofile.bindings.environment import environment
from ipy_awsprofile.bindings.filesystems import filesystems
from ipy_awsprofile.bindings.namespace import session_variable
from ipy_awsprofile.bindings.parsed_files import parsed_files
from ipy_awsprofile.bindings.polars import polars
from ipy_awsprofile.bindings.transaction import TRANSACTION, Transaction
from ipy_awsprofile.errors import InvalidOption

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ipy_awsprofile.bindings.credential_server import CredentialServer
    from ipy_awsprofile.sessions.session import ProfileSession


def follow(
    shell: InteractiveShell | None,
    variable: str,
    session: ProfileSession,
    chosen: Collection[str],
    server: CredentialServer,
    *,
    rest: ProfileSession | None,
    transaction: Transaction = TRANSACTION,
) -> ExitStack:
    """Enter the chosen bindings and return a stack that leaves them when it is closed.

    The variable gets the ``session``, and everything else follows ``rest``, if given. The
    ``server`` lends ``rest`` to child processes and to libraries in the kernel. All changes go
    through the ``transaction``.

    If a binding fails, leave the bindings before it and raise its error.
    """
    with ExitStack() as stack:
        if shell and "namespace" in chosen:
            stack.enter_context(session_variable(shell, variable, session, transaction))
        if rest:
            _follow_beside_the_variable(stack, rest, chosen, server, transaction)
        return stack.pop_all()


def _follow_beside_the_variable(
    stack: ExitStack,
    session: ProfileSession,
    chosen: Collection[str],
    server: CredentialServer,
    transaction: Transaction,
) -> None:
    if "default_session" in chosen or "environment" in chosen:
        stack.enter_context(cached_clients(transaction))
    if "default_session" in chosen:
        stack.enter_context(default_session(session, transaction))
    if "environment" in chosen or "filesystems" in chosen:
        # Loading the extension must not import the modules that read files.
        from ipy_awsprofile.bindings.lending import lend

        stack.enter_context(parsed_files())
        profile = lend(session, server)
        stack.enter_context(server.held(profile.address))
        if profile.config_file and "environment" not in chosen:
            raise InvalidOption(
                'The binding "filesystems" needs "environment" to lend this identity.',
                'Add "environment" to `%config AwsProfileMagics.bindings`.',
            )
        if "environment" in chosen:
            stack.enter_context(environment(profile, session.region_name, transaction.environ))
        if "filesystems" in chosen:
            stack.enter_context(filesystems(profile, transaction))
            stack.enter_context(polars(session, transaction))
            stack.enter_context(duckdb_secrets(session, transaction))
