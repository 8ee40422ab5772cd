"""Lend the identity to child processes and libraries, in three ways.

- A profile name, for software that reads the shared files. If the identity is just a profile, this
  is the profile's own name. Any other identity (a session with a policy or another duration, a role
  without a profile, a session with an MFA code) has a profile in an overlay config file.
- `credential_process` in that profile, which gets short-lived credentials from the kernel. All SDKs
  support this setting, and it takes precedence over keys in ``[default]``.
- Container credentials, for software that can't assume roles (AWS's C++ SDK in pyarrow and DuckDB)
  or doesn't read profiles (Rust's object_store in deltalake and obstore).

https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ipy_awsprofile.bindings.overlay import overlay_name, write_overlay
from ipy_awsprofile.bindings.owner import DefaultProfile, owner_of
from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.errors import CredentialsUnavailable

if TYPE_CHECKING:
    from ipy_awsprofile.bindings.credential_server import Address, CredentialServer
    from ipy_awsprofile.sessions.session import ProfileSession


@dataclass(frozen=True, slots=True)
class LentProfile:
    """A lent profile: its name, its address, and its config file if it isn't in the user's files.

    If the name becomes a default, it is a `DefaultProfile`.
    """

    name: str
    address: Address
    config_file: Path | None = None


def lend(session: ProfileSession, server: CredentialServer) -> LentProfile:
    """Lend the session and return its profile. Raises a subclass of AwsProfileError."""
    try:
        return _lend(session, server)
    except OSError as error:
        raise CredentialsUnavailable(
            "Credentials can't be lent to child processes, which needs a few temporary files: "
            f"{error.strerror or type(error).__name__}.",
            "Free some space in XDG_RUNTIME_DIR and TMPDIR, then run the cell again.",
        ) from error


def _lend(session: ProfileSession, server: CredentialServer) -> LentProfile:
    target, address = session.target, server.lend(session)
    if target.resolves_by_name:
        return LentProfile(DefaultProfile.of(target.name, owner_of(session)), address)
    config = read_config(target.config.paths)  # with the current state of other profiles
    name = overlay_name(target.name, config.profiles)
    overlay = address.folder / "config"
    write_overlay(
        overlay,
        name=name,
        of=target.name,
        without_section=target.chain[0].settings,
        command=address.command,
        region=session.region_name,
        config=config,
    )
    return LentProfile(DefaultProfile.of(name, owner_of(session)), address, overlay)
