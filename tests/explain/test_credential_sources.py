"""An explanation names the credential source that botocore uses, with or without a profile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.exceptions import BotoCoreError, InvalidConfigError, PartialCredentialsError

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.explain.explain import explain
from tests.explain.profiles import (
    KEYS,
    NOW,
    PLAIN,
    REGION,
    ROLE,
    SIGN_IN,
    P,
    method_of,
    settings_of,
    write,
)

if TYPE_CHECKING:
    from tests.explain.profiles import Files

PROVIDERS = [
    ("[profile p]\n" + KEYS, "", "static keys", "config-file"),
    ("", f"[p]\n{KEYS}", "static keys", "shared-credentials-file"),
    (f"[profile p]\n{KEYS}", f"[p]\n{KEYS}", "static keys", "shared-credentials-file"),
    (
        f"{SIGN_IN}{KEYS}\nsso_start_url = u\nsso_region = us-east-1",
        "",
        "SSO",
        "sso",
    ),
    (
        f"[profile p]\nrole_arn = {ROLE}\nsource_profile = p\n{KEYS}",
        "",
        "assume role",
        "assume-role",
    ),
    (
        f"[profile p]\nrole_arn = {ROLE}\nweb_identity_token_file = f\n{KEYS}",
        "",
        "web identity",
        "assume-role-with-web-identity",
    ),
    (
        "[profile p]\ncredential_process = {process}",
        f"[p]\n{KEYS}",
        "static keys",
        "shared-credentials-file",
    ),
    (
        f"[profile p]\ncredential_process = {{process}}\n{KEYS}",
        "",
        "credential process",
        "custom-process",
    ),
]


@pytest.mark.parametrize(("config", "credentials", "kind", "method"), PROVIDERS)
def test_provider(
    shared_files: Files, *, tmp_path: Path, config: str, credentials: str, kind: str, method: str
) -> None:
    """If a profile has several sources, the explanation names the source that botocore uses."""
    answer = tmp_path / "answer"
    answer.write_text('{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "s"}')
    write(shared_files, config.replace("{process}", f"cat {answer}"), credentials)
    assert method_of(botocore.session.Session(profile="p")) == method
    assert explain(SessionRequest(profile="p")).steps[-1].kind == kind
    unused = {one.name for one in settings_of("p") if one.note.startswith("not used")}
    if kind in {"SSO", "credential process", "web identity"}:
        assert "aws_access_key_id" in unused
    else:
        assert "aws_access_key_id" not in unused


#: The kind of the step for keys in the environment.
IN_VARIABLES = "keys in environment variables"


@pytest.mark.parametrize(
    ("environ", "files", "kind", "method"),
    [
        (PLAIN, ("", f"[default]\n{KEYS}"), IN_VARIABLES, "env"),
        (PLAIN | {"AWS_PROFILE": "p"}, ("", f"[p]\n{KEYS}"), IN_VARIABLES, "env"),
        (
            {"AWS_PROFILE": "p"},
            ("", f"[p]\n{KEYS}\n[default]"),
            "static keys",
            "shared-credentials-file",
        ),
        (
            {"AWS_PROFILE": "q", "AWS_DEFAULT_PROFILE": "p"},
            ("", f"[p]\n{KEYS}\n[q]"),
            "static keys",
            "shared-credentials-file",
        ),
        ({}, ("", f"[default]\n{KEYS}"), "static keys", "shared-credentials-file"),
        (
            {"AWS_WEB_IDENTITY_TOKEN_FILE": "/f", "AWS_ROLE_ARN": ROLE},
            ("", f"[default]\n{KEYS}"),
            "web identity",
            "assume-role-with-web-identity",
        ),
        (
            {"AWS_WEB_IDENTITY_TOKEN_FILE": "/f", "AWS_ROLE_ARN": ROLE},
            (f"[default]\nrole_arn = {ROLE}\nsource_profile = default\n{KEYS}", ""),
            "assume role",
            "assume-role",
        ),
        ({}, ("", ""), "no credentials", None),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/f"}, ("", ""), "web identity", InvalidConfigError),
        ({"AWS_PROFILE": "gone"}, ("", f"[default]\n{KEYS}"), "not found", BotoCoreError),
        (PLAIN | {"AWS_PROFILE": "gone"}, ("", ""), "not found", BotoCoreError),
    ],
)
def test_without_a_name(
    shared_files: Files,
    *,
    environ: dict[str, str],
    files: tuple[str, str],
    kind: str,
    method: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a profile, the explanation covers botocore's default credentials."""
    write(shared_files, *files)
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    assert explain(now=NOW).steps[-1].kind == kind
    session = botocore.session.Session()
    if isinstance(method, type):
        assert not explain(now=NOW).works
        with pytest.raises(method):
            session.create_client("sts", region_name="us-west-2")
        return
    assert method_of(session) == method


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        (PLAIN, "`AWS_ACCESS_KEY_ID` is set: plain boto3 uses it, but a switch doesn't."),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "f"}, "plain boto3 reads it, but a switch doesn't."),
        ({"AWS_PROFILE": "q"}, "`AWS_PROFILE` is `q`: plain boto3 uses it"),
        ({"AWS_REGION": "x"}, "boto3 reads `AWS_DEFAULT_REGION`, not `AWS_REGION`"),
        (
            {"AWS_PROFILE": "p", "AWS_DEFAULT_PROFILE": "p"},
            "`AWS_DEFAULT_PROFILE` takes precedence",
        ),
    ],
)
def test_variables_that_a_switch_ignores(
    shared_files: Files, environ: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The explanation notes variables that plain boto3 uses and a switch ignores."""
    write(shared_files, f"{P}", f"[p]\n{KEYS}")
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    (note,) = explain(SessionRequest(profile="p")).notes
    assert words in note
    assert method_of(botocore.session.Session(profile="p")) == "shared-credentials-file"


def test_role_of_the_environment(shared_files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a profile name, AWS_ROLE_ARN overrides the default profile's role, as in botocore."""
    write(shared_files, f"[default]\n{REGION}role_arn = {ROLE}\nweb_identity_token_file = /f\n")
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    (note,) = explain().notes
    assert "`AWS_ROLE_ARN` takes precedence over the `role_arn` of `default`" in note
    assert method_of(botocore.session.Session()) == "assume-role-with-web-identity"


def test_variable_with_a_missing_file(shared_files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """The explanation notes a variable that names a missing file."""
    write(shared_files, "", f"[p]\n{KEYS}\n{REGION}")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere/config")
    assert explain(SessionRequest(profile="p")).notes == (
        "`AWS_CONFIG_FILE` names a file that doesn't exist: /nowhere/config.",
    )


@pytest.mark.parametrize(
    ("variable", "text", "method"),
    [
        ("AWS_CREDENTIAL_FILE", "AWSAccessKeyId=A\nAWSSecretKey=hush", "ec2-credentials-file"),
        ("BOTO_CONFIG", f"[Credentials]\n{KEYS}", "boto-config"),
        (None, f"[Credentials]\n{KEYS}", "boto-config"),
        ("AWS_CREDENTIAL_FILE", "AWSAccessKeyId=A", KeyError),
        ("AWS_CREDENTIAL_FILE", "x\nAWSAccessKeyId = A\nAWSSecretKey = h", "ec2-credentials-file"),
        ("BOTO_CONFIG", "[Credentials]\naws_access_key_id = A", PartialCredentialsError),
    ],
)
def test_old_files(
    shared_files: Files,
    *,
    tmp_path: Path,
    variable: str | None,
    text: str,
    method: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The explanation finds keys in the files of boto 2 and of the EC2 tools, as botocore does."""
    write(shared_files, P)
    file = tmp_path / ("old" if variable else ".boto")
    file.write_text(text)
    if variable:
        monkeypatch.setenv(variable, str(file))
    explained, session = (
        explain(SessionRequest(profile="p"), now=NOW),
        botocore.session.Session(profile="p"),
    )
    if isinstance(method, type):
        assert not explained.works
        with pytest.raises(method):
            method_of(session)
        return
    assert explained.works
    assert explained.steps[0].detail == str(file)
    assert method_of(session) == method
