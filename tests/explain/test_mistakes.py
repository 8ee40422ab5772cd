"""Common mistakes in the files are warnings, which disappear when you follow them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.explain.explain import explain
from tests.explain.profiles import KEYS, MODERN, ROLE, write

if TYPE_CHECKING:
    from tests.explain.profiles import Files

DEVICE = "arn:aws:iam::123456789012:mfa/me"
ME = f"[profile me]\n{KEYS}\nmfa_serial = {DEVICE}\n"
BASE = f"""[profile p]
region = us-west-2
role_arn = {ROLE}
source_profile = me
mfa_serial = {DEVICE}
{ME}"""
#: The right lines, the wrong lines instead of them, and the warning about `p`.
MISTAKES = {
    "misspelled": ("source_profile", "soruce_profile", "`soruce_profile` isn't an AWS setting, so"),
    "other letters": ("role_arn", "role-arn", "Did you mean `role_arn`? See config:3."),
    "quotation marks": (ROLE, f'"{ROLE}"', "`role_arn` includes its quotation marks. Remove them."),
    "comment": ("us-west-2", "us-west-2  # Oregon", "`region` includes a comment. Move the comm"),
    "indented": ("\nsource", "\n  source", "`role_arn` includes the indented lines below it."),
    "invisible": (ROLE, f"{ROLE}\u200b", "`role_arn` includes an invisible character. Write the"),
    "Region": ("us-west-2", "us-wst-2", "`region` isn't a Region that botocore knows. Did you me"),
    "no ARN": (ROLE, "RoleBeta", "`role_arn` isn't the ARN of a role. Example: arn:aws:iam::1234"),
    "bundle": ("[profile me]", "ca_bundle = /no/file\n[profile me]", "file that doesn't exist"),
    "duration": ("[profile me]", "duration_seconds = 1 day\n[profile me]", "isn't valid. Use 3600"),
    "tags": ("[profile me]", "session_tags = red\n[profile me]", "isn't valid. Use KEY=VALUE. See"),
    "program": (
        f"source_profile = me\nmfa_serial = {DEVICE}",
        "source_profile = tool\n[profile tool]\ncredential_process = no-such-tool hush",
        "`credential_process` names a program that isn't on the PATH. Install it, or write its",
    ),
    "program for codes of the source": (
        ME,
        f"{ME}mfa_process = no-such-tool hush\n",
        "`mfa_process` names a program that isn't on the PATH. Install it, or write its full path. "
        "See config:10.",
    ),
    "program for codes in [default]": (
        "[profile p]",
        "[default]\nmfa_process = no-such-tool hush\n[profile p]",
        "`mfa_process` names a program that isn't on the PATH. Install it, or write its full path. "
        "See config:2.",
    ),
    "account of SSO": (
        BASE,
        MODERN.replace("123456789012", "12345"),
        "`sso_account_id` isn't an account ID. An account ID has 12 digits. See config:3.",
    ),
    "setting of a sign-in": (
        BASE,
        MODERN.replace("sso_start_url", "sso_start_ur"),
        "`sso_start_ur` isn't an AWS setting, so it is ignored. Did you mean `sso_start_url`? See",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake(shared_files: Files, mistake: str) -> None:
    """A warning names the setting, its place and the correction; then there is no warning."""
    right, wrong, warning = MISTAKES[mistake]
    assert right in BASE
    write(shared_files, BASE.replace(right, wrong, 1))
    (found,) = explain(SessionRequest(profile="p")).warnings
    assert warning in found
    assert " See config:" in found
    assert "hush" not in found.lower()
    write(shared_files, BASE)
    assert explain(SessionRequest(profile="p")).warnings == ()
