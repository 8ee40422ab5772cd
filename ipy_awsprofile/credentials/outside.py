"""Access to everything outside this process that is used to retrieve credentials.

A rehearsal of a switch uses a simulation instead of real access.

https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.config.user_environment import user_environment
from ipy_awsprofile.credentials.person import PROCESS_TIMEOUT, Person, Prompter, end_process
from ipy_awsprofile.credentials.sts import CliFiles, RoleCache

if TYPE_CHECKING:
    import botocore.session

    from ipy_awsprofile.config.target import Target


class CredentialProcess(subprocess.Popen[bytes]):
    """A credential_process, which runs in the user's environment for at most one minute.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
    """

    def __init__(self, command: list[str], **options: Any) -> None:
        super().__init__(command, env=user_environment(), **options)

    def communicate(
        self,
        input: bytes | None = None,  # noqa: A002
        timeout: float | None = None,
    ) -> tuple[bytes, bytes]:
        """Return the command's output.

        Raise TimeoutExpired if the command takes longer than a minute.
        """
        try:
            return super().communicate(input, timeout or PROCESS_TIMEOUT)
        finally:
            end_process(self)  # after an error or Ctrl-C; otherwise, it has ended


class Outside:
    """Access to AWS, metadata services, the user's programs and caches, and the user."""

    #: Starts a credential_process, with the arguments of ``subprocess.Popen``.
    start_process: Callable[..., Any] = CredentialProcess
    #: Opens a folder of sign-ins, with the arguments of `CliFiles`.
    open_sign_ins: Callable[..., CliFiles] = CliFiles
    #: Opens the cache of roles, with the arguments of `RoleCache`.
    open_role_cache: Callable[..., RoleCache] = RoleCache

    def create_prompter(self, person: Person, target: Target) -> Prompter:
        """Return a prompter that asks ``person`` for a target's MFA codes."""
        return Prompter(person, target)

    def prepare(self, session: botocore.session.Session) -> None:
        """Do nothing. A simulation overrides this method to change a session's clients."""

    def metadata_session(self, session: Any) -> Any:
        """Return the HTTP session for a container's or an instance's metadata service."""
        return session


#: What a switch uses.
OUTSIDE = Outside()
