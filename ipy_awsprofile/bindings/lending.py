"""Under which name others reach the identity: subprocesses, and libraries that go by a profile.

What is just a named profile goes by that name; each process then resolves it from the user's own
files. Whatever is more (a narrowed or lengthened session, a role without a profile, a session
that took an MFA code) is lent: an overlay config file has a profile whose ``credential_process``
asks this kernel for its short-lived credentials. All SDKs know that setting, it refreshes by
itself, and unlike a container endpoint it isn't beaten by keys of ``[default]``.

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
    """A profile's name for others, and the config file that has it, if not the user's own."""

    name: str
    config_file: Path | None = None


@contextmanager
def lent(session: ProfileSession) -> Iterator[LentProfile]:
    """Give the identity a name that others can go by, as long as this lasts."""
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
            # A role given by its ARN has no section; where it is reached, its source's says.
            of=target.name if target.name in profiles else target.chain[1],
            command=server.command,
            region=session.region_name,
            files=target.files,
        )
        yield LentProfile(name, overlay)
