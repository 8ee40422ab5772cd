"""Checks of headers: sections that aren't read, since their header is misspelt or there is another.

https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html#file-format-profile
"""

from __future__ import annotations

from collections.abc import Iterator

from ipy_awsprofile.config.shared_files import Section
from ipy_awsprofile.explain.cached import sso_section
from ipy_awsprofile.explain.records import Finding, Inputs, Link, Problem, one_line, place
from ipy_awsprofile.explain.settings_table import known_settings


def check_header(link: Link) -> Iterator[Finding]:
    """Yield a problem for each section that seems to be this profile and isn't."""
    yield from misspelt_header(link.profile.name, link.inputs, fatal=False)


def misspelt_header(name: str, inputs: Inputs, *, fatal: bool) -> Iterator[Problem]:
    """Yield a problem for each section whose header is similar to the profile's header."""
    shown = one_line(name)
    quoted = f'"{shown}"' if " " in name else shown
    config = inputs.config
    for section in (*config.others.values(), *config.unnamed.values()):
        if _meant(section.header) == name:
            yield Problem(
                says=f"[{one_line(section.header)}] in the config file isn't a profile.",
                fix=f"Write [profile {quoted}]. See {place(section.file, section.line)}.",
                fatal=fatal,
            )
    header = f"profile {name}"
    named = config.profiles.get(header)
    if named is not None and named.file == config.paths.credentials:
        yield Problem(
            says=f"[{one_line(header)}] in the credentials file isn't the profile `{shown}`.",
            fix=f"In that file, write [{shown}]. See {place(named.file, named.line)}.",
            fatal=fatal,
        )


def _meant(header: str) -> str:
    """Return the profile that a header that isn't one may be meant for."""
    first, _, rest = header.strip().partition(" ")
    name = rest if first.lower() == "profile" else header
    return name.strip(" \"'")


def check_replaced(link: Link) -> Iterator[Finding]:
    """Yield a problem for each section that another one with the same name replaces.

    The headers differ, such as ``[profile x]`` and ``[profile "x"]``. botocore reads the last one.
    """
    services = link.inputs.config.services.get(link.section.text("services") or "")
    for section in (link.section, sso_section(link), services):
        if section is not None:
            yield from (_replaced(lost, section) for lost in section.replaced)


def _replaced(lost: Section, section: Section) -> Problem:
    names = [name for name in lost if name in known_settings()]
    settings = f"Move {', '.join(names)} there" if names else "Remove it"
    used = place(section.file, section.line)
    return Problem(
        says=f"[{one_line(lost.header)}] isn't read: {used} has the same name and comes later.",
        fix=f"{settings}. See {place(lost.file, lost.line)}.",
        fatal=False,
    )
