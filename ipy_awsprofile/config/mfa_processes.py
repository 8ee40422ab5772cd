"""The commands that print MFA codes, as aws-vault's ``mfa_process`` of a profile names them.

https://github.com/99designs/aws-vault/blob/master/USAGE.md
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ipy_awsprofile.config.profiles import Profile
from ipy_awsprofile.config.shared_files import Section

#: The settings with which aws-vault lets a profile inherit; the second is its former name.
_PARENTS = ("include_profile", "parent_profile")


def mfa_processes(profiles: Iterable[Profile], sections: Mapping[str, Section]) -> dict[str, str]:
    """Return the commands by the serial number of their MFA device, for the profiles of a chain.

    A profile's own command, or one that it inherits, takes precedence over that of its source
    profile for the same device. As in aws-vault, [default] has the command of all others.
    """
    commands: dict[str, str] = {}
    default = _inherited("default", sections)
    with_device = [profile for profile in profiles if profile.mfa_serial]
    for profile in with_device:
        if command := _inherited(profile.name, sections):
            commands.setdefault(str(profile.mfa_serial), command)
    for profile in with_device if default else ():
        commands.setdefault(str(profile.mfa_serial), str(default))
    return commands


def _inherited(name: str, sections: Mapping[str, Section]) -> str | None:
    """Return the command of a profile, or of the nearest one that it includes."""
    seen: set[str] = set()
    section = sections.get(name)
    while section is not None and name not in seen:
        seen.add(name)
        if command := section.text("mfa_process"):
            return command
        name = next(filter(None, map(section.text, _PARENTS)), "")
        section = sections.get(name)
    return None
