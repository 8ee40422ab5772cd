"""Common mistakes in the files are warnings, which disappear when you follow them."""

from __future__ import annotations

import pytest

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.explain.explain import explain
from ipy_awsprofile.sessions.session import open_session
from tests.explain.files import (
    ASSUME,
    BASE,
    DEVICE,
    HERE,
    KEYS,
    ME,
    ROLE,
    USER,
    Files,
    P,
    explained,
    write,
)

FLAT = "`s3` must have its settings on the lines below it, with each line indented. See config:"
#: The right lines, the wrong lines instead of them, and the warning about `p`.
MISTAKES = {
    "misspelled": ("source_profile", "soruce_profile", "`soruce_profile` isn't an AWS setting, so"),
    "other letters": ("role_arn", "role-arn", "Did you mean `role_arn`? See config:3."),
    "quotation marks": (ROLE, f'"{ROLE}"', "`role_arn` includes its quotation marks. Remove them."),
    "comment": ("us-west-2", "us-west-2  # Oregon", "`region` includes a comment. Move the comm"),
    "indented": ("\nsource", "\n  source", "`role_arn` includes the indented lines below it."),
    "other tool": ("region =", "aws_region =", "Did you mean `region`? See config:2."),
    "shell": ("mfa_serial", "export AWS_SESSION_TOKEN", "Did you mean `aws_session_token`?"),
    "unit": ("west-2", "west-2\nduration_seconds = 30m", "botocore ignores"),
    "quoted Region": ("us-west-2", '"us-west-2"', "`region` includes its quotation marks. Remove"),
    "Zone": (
        "us-west-2",
        "us-west-2a",
        "`us-west-2a` is an Availability Zone. Write the Region `u",
    ),
    "value below": ("= arn", "=\n  x=arn", "The value of `role_arn` must be on the same line as"),
    "source": ("= me", "= mee", "Did you mean `me`? See config:4."),
    "no source": ("= me", "= nobody", "`%aws_profiles` lists the profiles. See config:4."),
    "short": (
        "west-2",
        "west-2\nduration_seconds = 100",
        "`duration_seconds` must be at least 900.",
    ),
    "long": (
        "west-2",
        "west-2\nduration_seconds = 50000",
        "`duration_seconds` can be at most 43200.",
    ),
    "endpoint": (
        "west-2",
        "west-2\nendpoint_url = localhost:9000",
        "`endpoint_url` needs a scheme",
    ),
    "bundle": (
        "west-2",
        "west-2\nca_bundle = /no/file",
        "`ca_bundle` names a file that doesn't exis",
    ),
    "services": (
        "west-2",
        "west-2\nservices = a",
        "Write a section [services a] in the config file.",
    ),
    "flat block": (ME, f"services = a\n[services a]\ns3 =\nendpoint_url = h:1\n{ME}", FLAT),
    "block": (
        ME,
        f"services = a\n[services a]\ns3 =\n  endpoint = h:1\n{ME}",
        "`endpoint` of `s3` is",
    ),
    "a service": (
        "west-2",
        "west-2\nendpoint_url_s3 = h:1",
        "To set the endpoint of a service, write",
    ),
    "token": (
        "source_profile = me",
        "web_identity_token_file = /no/file",
        "`web_identity_token_file` names a file that doesn't exist. Correct its path, or create",
    ),
    "token at home": (
        "source_profile = me",
        "web_identity_token_file = ~/token",
        "`web_identity_token_file` must be the whole path of the file: botocore doesn't replace",
    ),
    "program": (
        f"source_profile = me\nmfa_serial = {DEVICE}",
        "source_profile = tool\n[profile tool]\ncredential_process = no-such-tool hush",
        "`credential_process` names a program that isn't on the PATH. Install it, or write its",
    ),
    "swapped keys": (
        KEYS,
        "aws_access_key_id = hush\naws_secret_access_key = AKIAIOSFODNN7EXAMPLE",
        "`aws_access_key_id` contains the secret access key, and `aws_secret_access_key` contains",
    ),
    "no ARN": (ROLE, "RoleBeta", "`role_arn` isn't the ARN of a role. Example: arn:aws:iam::1234"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake(shared_files: Files, mistake: str) -> None:
    """The card names the setting, its place and the correction, which removes the warning."""
    right, wrong, warning = MISTAKES[mistake]
    assert right in BASE
    write(shared_files, BASE.replace(right, wrong, 1))
    explanation = explained()
    if explanation.error:
        message = explanation.error.hint
        with pytest.raises(AwsProfileError) as caught:
            open_session("p", mfa_prompter=lambda _: "123456")
        assert (str(caught.value), caught.value.hint) == (str(explanation.error), message)
    else:
        message, *_ = explanation.warnings
    assert warning in message
    assert " See config:" in message
    assert "hush" not in message.lower()
    write(shared_files, BASE)
    assert explain(SessionRequest(profile="p")).warnings == ()


#: Options of a switch in a profile, and what the warning says to write instead, by its kind.
OPTIONS = {
    "read_only = true": ("add `--read-only` to `%aws_profile`, or", "add `--read-only` to `%aws"),
    "read-only = yes": ("add `--read-only` to `%aws_profile`, or", "add `--read-only` to `%aws_"),
    "duration = 900": ("Write `duration_seconds` instead.", "add `--duration` to `%aws_profile`."),
    "session_name = me": ("Write `role_session_name` instead.", "Remove the line, because only a"),
    "policy = p.json": ("add `--policy FILE` to `%aws_profile`.", "`--policy FILE` to `%aws_pro"),
    "mfa = true": ("Write `mfa_serial` with your MFA device's ARN.", "and add `--mfa` to `%aws_p"),
    "write = true": ("add `--write` to `%aws_profile`.", "add `--write` to `%aws_profile`."),
    "protected = 1": ("list the profile in `AwsProfileMagics.protected`", "list the profile in `A"),
    "expect_account = 1": ("add `--expect-account` to `%aws_profile`.", "add `--expect-account`"),
}


@pytest.mark.parametrize("line", OPTIONS)
def test_option_in_a_profile(shared_files: Files, line: str) -> None:
    """A setting that is named like an option of a switch is ignored, and the warning says so."""
    name = line.partition(" ")[0]
    for header, says in zip(("[profile p]\n", "[profile me]\n"), OPTIONS[line], strict=True):
        write(shared_files, BASE.replace(header, f"{header}{line}\n"))
        warning, *_ = explained(profile=header.split()[1].rstrip("]")).warnings
        assert warning.startswith(f"`{name}` isn't an AWS setting, so it is ignored. ")
        assert says in warning
        assert " See config:" in warning


def test_settings_instead_of_options(shared_files: Files) -> None:
    """The setting that a warning names is one that AWS's tools have, and it is used."""
    lines = "duration = 900\nsession_name = me\n"
    write(shared_files, BASE.replace("[profile p]\n", f"[profile p]\n{lines}"))
    shown = explained()
    notes = {row.setting: row.note for row in shown.settings}
    assert notes["duration"] == notes["session_name"] == "not an AWS setting"
    lines = lines.replace("duration", "duration_seconds").replace("session_n", "role_session_n")
    write(shared_files, BASE.replace("[profile p]\n", f"[profile p]\n{lines}"))
    shown = explained()
    assert shown.warnings == ()
    assert {row.note for row in shown.settings if row.section == "p"} == {""}


def test_misspelled_region(shared_files: Files) -> None:
    """A warning suggests the Region that is meant."""
    write(shared_files, BASE.replace("us-west-2", "us-wst-2", 1))
    (warning,) = explain(SessionRequest(profile="p")).warnings
    assert "`us-wst-2` isn't a Region that botocore knows. Did you mean `us-west-2`" in warning


def test_option_instead_of_a_mistake(shared_files: Files) -> None:
    """A mistake in a setting that an option or a variable replaces isn't a warning."""
    write(
        shared_files,
        f"{ASSUME}duration_seconds = 7\nsource_profile = u\n".replace("-w", "-W"),
        USER,
    )
    assert explained(profile="p", region="eu-west-1", duration="1h").warnings == ()


def test_variables_with_mistakes(shared_files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that a switch can't use is named."""
    write(shared_files, P, f"[p]\n{KEYS}\n")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/no/file")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-wset-2")
    bundle, region = explained().warnings[::-1]
    assert bundle == "`AWS_CA_BUNDLE` names a file that doesn't exist."
    assert region.endswith(" The Region comes from AWS_DEFAULT_REGION.")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:9000")
    error = explained().error
    assert error
    assert error.hint.startswith("`AWS_ENDPOINT_URL` needs a scheme and a host, such as `http://lo")


def test_without_a_region(shared_files: Files) -> None:
    """A profile without a Region is a warning, because clients need one, or an error."""
    write(shared_files, f"[profile p]\nrole_arn = {ROLE}\nsource_profile = u\n", USER)
    assert explained().warnings == ("Most clients need a Region. Set `region` in the profile.",)
    write(shared_files, f"[profile p]\nendpoint_url = {HERE}\n", f"[p]\n{KEYS}\n")
    assert "`p` has no valid AWS Region" in str(explained().error)
