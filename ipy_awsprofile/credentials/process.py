"""A credential_process that is kept within bounds.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

import botocore.session
from botocore.credentials import ProcessProvider, ProfileProviderBuilder
from botocore.exceptions import CredentialRetrievalError

from ipy_awsprofile.credentials.validation import UnusableCredentialsError, require_usable
from ipy_awsprofile.errors import CredentialsUnavailable
from ipy_awsprofile.text import program

#: Seconds that a credential_process gets, as in AWS's SDK for Go.
PROCESS_TIMEOUT = 60.0


class LimitedProfileProviders(ProfileProviderBuilder):
    """botocore's providers for a profile, with a credential_process that is kept within bounds."""

    _session: botocore.session.Session

    def _create_process_provider(self, profile_name: str) -> ProcessProvider:
        return _LimitedProcess(profile_name, lambda: self._session.full_config, popen=_LimitedPopen)


class _LimitedPopen(subprocess.Popen[bytes]):
    """A process that is ended if it takes too long, and that has to succeed."""

    def communicate(self, input: Any = None, timeout: float | None = None) -> Any:  # noqa: A002
        try:
            printed = super().communicate(input, timeout or PROCESS_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()
            self.wait()  # not for its output: what it has started may hold that open
            raise
        if self.returncode:
            raise subprocess.CalledProcessError(self.returncode, "credential_process")
        return printed


#: What a credential_process can end in, and what that means. Its own words are never told.
_PROCESS_PROBLEMS: tuple[tuple[type[Exception], str], ...] = (
    (OSError, "can't be run: {0.strerror} (`{program}`)"),
    (json.JSONDecodeError, "printed no JSON"),
    (UnicodeDecodeError, "printed no JSON"),
    (ValueError, "is no command: {0}"),  # a quotation mark without its partner
    (IndexError, "is no command: it is empty"),
    (AttributeError, "printed JSON, but no object"),
    (TypeError, "printed JSON, but no object"),
    (CredentialRetrievalError, "printed no credentials: Version isn't 1, or a key is missing"),
    (UnusableCredentialsError, "gave credentials that can't be used: {0}"),
)


class _LimitedProcess(ProcessProvider):
    """A credential_process that ends in time, and whose rubbish is an error like any other.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
    """

    def _retrieve_credentials_using(self, credential_process: str) -> Any:
        try:
            given = super()._retrieve_credentials_using(credential_process)  # type: ignore[misc]
            require_usable(given)
        except subprocess.TimeoutExpired:
            problem = f"didn't end within {PROCESS_TIMEOUT:.0f} seconds"
        except subprocess.CalledProcessError as error:
            problem = f"failed with status {error.returncode}"
        except tuple(kind for kind, _ in _PROCESS_PROBLEMS) as error:
            problem = next(says for kind, says in _PROCESS_PROBLEMS if isinstance(error, kind))
            problem = problem.format(error, program=program(credential_process) or "its first word")
        else:
            return given
        raise CredentialsUnavailable(
            f"The credential_process of `{self._profile_name}` {problem}.",  # type: ignore[attr-defined]
            "Run its command in a terminal to see what it says or waits for.",
        )
