"""The profile that subprocesses, and libraries that read profiles, use for the identity.

If the identity is just a profile, they use its name and resolve it from the user's files. Another
identity (a session with a policy or another duration, a role without a profile, a session with an
MFA code) is lent: an overlay config file has a profile whose ``credential_process`` asks the kernel
for short-lived credentials. All SDKs support that setting and refresh its credentials, and unlike a
container endpoint it takes precedence over keys in ``[default]``.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipy_awsprofile.sessions.session import ProfileSession


@dataclass(frozen=True, slots=True)
class LentProfile:
    """A profile's name, and the config file that contains it, if that isn't the user's own."""

    name: str
    config_file: Path | None = None


@contextmanager
def lent(session: ProfileSession) -> Iterator[LentProfile]:
    """Yield the profile that subprocesses can use for the session's identity meanwhile."""
    target = session.target
    if target.resolves_by_name:
        yield LentProfile(target.name)
        return
    from ipy_awsprofile.bindings.credential_server import CredentialServer
    from ipy_awsprofile.bindings.overlay import overlay_name, write_overlay
    from ipy_awsprofile.config.shared_files import read_shared_files

    with CredentialServer(session, session.lent_in) as server:
        session.lent_in = server.folder
        profiles = read_shared_files(target.files).profiles
        name = overlay_name(target.name, profiles)
        overlay = server.folder / "config"
        write_overlay(
            overlay,
            name=name,
            # A role that is given by its ARN has no section: the settings are those of its source.
            of=target.name if target.name in profiles else target.chain[1],
            command=server.command,
            region=session.region_name,
            files=target.files,
        )
        yield LentProfile(name, overlay)
