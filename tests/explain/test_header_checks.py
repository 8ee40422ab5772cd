"""An explanation names exactly the sections that botocore doesn't read."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import botocore.session
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.explain.explain import explain
from tests.explain.profiles import write

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = ("a", "my dev", "default")
SPELT = (
    *("profile {}", 'profile "{}"', "profile '{}'", "profile  {}", 'profiles "{}"', "profile {} "),
    *("{}", " {}", "Profile {}", '"{}"', 'profile "{}', "profile {} x", "x profile {}"),
    *("profile {}\u200b", "profile\u00a0{}", "profile: {}", "profile {}] # [old"),
)
CONFIG = [
    *(spelt.format(name) for spelt in SPELT for name in NAMES),
    *("sso-session corp", 'sso-session "corp"', "sso-session  corp", "sso-sessions corp"),
    *("sso_session corp", "SSO session corp", "profile sso-session corp", "sso-session corp\u200b"),
    *("services local", "services 'local'", "services local x", "Services local", "service local"),
]
CREDENTIALS = [*(spelt.format(name) for spelt in ("{}", "profile {}") for name in NAMES), '"a"']


def sections(file: str, headers: list[str]) -> Iterator[tuple[str, str]]:
    """Yield each header and its file and line."""
    for number, header in enumerate(headers):
        yield header, f"{file}:{4 * number + 1}"


def text_of(file: str, headers: list[str]) -> str:
    """Return the text of a file in which each section has a setting named after its line."""
    return "".join(
        f"[{header}]\nat.{place.replace(':', '.')} = x\nsso_session = corp\nservices = local\n"
        for header, place in sections(file, headers)
    )


def is_meant(header: str, file: str, name: str, *, referred: bool) -> bool:
    """Return whether a section looks like the profile's own, or like a section that it names."""
    seen = header.replace("\u200b", "").partition("]")[0]
    plain = " ".join(re.sub("[\"':\u00a0]", " ", seen).split())
    referring = r"(?:profile )?sso[-_ ]sessions? corp|services? local"
    if referred and file == "config" and re.fullmatch(f"(?i:{referring})", plain):
        return True
    return bool(re.fullmatch(f"(?:(?i:profiles?) )?{name}", plain))


@pytest.mark.slow
@given(
    st.lists(st.sampled_from(CONFIG), max_size=8, unique=True),
    st.lists(st.sampled_from(CREDENTIALS), max_size=3, unique=True),
)
@example(["profile a", "sso-session corp", "sso-session  corp", 'profile "a"'], ["profile a"])
def test_sections_that_are_not_read(config: list[str], credentials: list[str]) -> None:
    """The explanation names the sections meant for a profile that botocore doesn't read."""
    headers = {"config": config, "credentials": credentials}
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        files = (Path(folder, "config"), Path(folder, "credentials"))
        write(files, *(text_of(file, headers[file]) for file in headers))
        patch.setenv("AWS_CONFIG_FILE", str(files[0]))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(files[1]))
        theirs = botocore.session.Session().full_config
        for name in NAMES:
            profile = theirs["profiles"].get(name, {})
            used = {**profile}
            if profile:
                used |= theirs["sso_sessions"].get("corp", {}) | theirs["services"].get("local", {})
            lost = {
                place
                for file in headers
                for header, place in sections(file, headers[file])
                if is_meant(header, file, name, referred=bool(profile))
                and f"at.{place.replace(':', '.')}" not in used
            }
            named = {
                place
                for problem in explain(SessionRequest(profile=name)).problems
                if re.match(r"\[.*\] (in the \w+ file )?isn't", problem.says)
                for place in re.findall(r"\w+:\d+", problem.fix)
                if profile or not re.search("session|service", problem.says)
            }
            assert named == lost, name
