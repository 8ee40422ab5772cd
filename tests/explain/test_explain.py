"""An explanation shows a profile's chain, the places of its settings, and what would go wrong.

An explanation has the error that would end a switch, but calls and changes nothing.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ipy_awsprofile.cards.tables import explanation_card
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.errors import InvalidProfile, SignInRequired
from ipy_awsprofile.explain.explain import Explanation, explain
from ipy_awsprofile.sessions.assigned_roles import list_assigned_roles
from ipy_awsprofile.sessions.session import open_session
from tests.aws import EmbeddedAws
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
from tests.identity_center import organisation
from tests.kinds import KINDS, create_ann, in_its_place, prepared, sign_in
from tests.servers import Answers, odd_server
from tests.shells import Shell

PORTAL = "sso_start_url = https://x\nsso_region = us-east-1\n"
MODERN = (
    f"{P}sso_account_id = 123456789012\nsso_role_name = R\nsso_session = corp\n"
    f"[sso-session corp]\n{PORTAL}"
)
PLAIN = {"AWS_ACCESS_KEY_ID": "AKIAHUSH", "AWS_SECRET_ACCESS_KEY": "hush"}


def lines_of(explanation: Explanation) -> list[str]:
    """Return the lines of the card as text, with single spaces."""
    return [" ".join(line.split()) for line in str(explanation_card(explanation)).splitlines()]


BETA = "RoleBeta in 123456789012"
TAKES = "takes precedence"
BY_DEFAULT = "Plain boto3 uses these credentials, because"


def situation(config: str, *lines: str, keys: str = "p", **environ: str) -> tuple[Any, ...]:
    """Return the config file, the profile with keys in the other file, lines of a card, and more.

    The last value is the environment.
    """
    return config, f"[{keys}]\n{KEYS}\n", lines, environ


SITUATIONS = {
    "keys": situation(
        f"{P}{KEYS}\nmfa_serial = GAHT12345678\ns3 =\n  a = hush\n  b = c\noutput =\n"
        "duration_seconds =\n",
        *("p (no problems found)", "p (access keys, config:1)", "region us-west-2 config:2"),
        f"aws_access_key_id config:3 the credentials file {TAKES}",
        "aws_access_key_id set credentials:2",
        "mfa_serial GAHT12345678 config:5 used only with --mfa",
        *("s3 a, b config:6", "output empty config:9"),
    ),
    "role": situation(
        f"{ASSUME}source_profile = u\nexternal_id = hush\nmfa_process = tool hush\n"
        "[profile u]\nregion = us-east-1\nmine = hush\n",
        *("p ← u (1 warning)", f"p (assume role: {BETA}, config:1)", "u (access keys, config:7)"),
        "! `mfa_process` names a program that isn't on the PATH. Install it, or write its full "
        "path. See config:6.",
        *("external_id set config:5", "mfa_process set config:6", "mine set config:9"),
        "region us-east-1 config:8 not used in a source profile",
        keys="u",
    ),
    "role with its own keys": situation(
        f"{ASSUME}source_profile = p\n",
        *("p (no problems found)", "aws_access_key_id set credentials:2"),
    ),
    "keys in variables": situation(
        f"{ASSUME}credential_source = Environment\n",
        f"p (credential source Environment: {BETA}, config:1)",
        "`AWS_ACCESS_KEY_ID` is set. Plain boto3 uses this variable, but a switch doesn't.",
        keys="u",
        **PLAIN,
    ),
    "SSO and keys": situation(
        MODERN,
        "p (SSO: R in 123456789012, config:1)",
        *("sso_session corp config:5", "sso_region us-east-1 config:8"),
        f"aws_access_key_id set credentials:2 not used: SSO {TAKES}",
    ),
    "perhaps on an instance": situation(
        P,
        "p (1 warning)",
        "! Only an EC2 instance with a role has these credentials. On other machines, add one of "
        "the following to the profile: access keys, SSO settings, a credential_process, or a "
        "role_arn with a source_profile.",
        keys="u",
        AWS_EC2_METADATA_DISABLED="false",
    ),
    "variables": situation(
        f"{P}endpoint_url = {HERE}\nservices = a\n[services a]\nsts =\n  endpoint_url = {HERE}\n",
        "region eu-west-1 AWS_DEFAULT_REGION",
        f"region us-west-2 config:2 AWS_DEFAULT_REGION {TAKES}",
        "endpoint_url http://…@env:2?… AWS_ENDPOINT_URL",
        f"endpoint_url {HERE} config:3 AWS_ENDPOINT_URL {TAKES}",
        f"sts endpoint_url = {HERE} config:6",
        f"endpoint_url s3 {HERE} AWS_ENDPOINT_URL_S3",
        "`AWS_PROFILE` is `q`. Plain boto3 uses this profile, but a switch doesn't.",
        AWS_DEFAULT_REGION="eu-west-1",
        AWS_ENDPOINT_URL="http://me:hush@env:2?t=hush",
        AWS_ENDPOINT_URL_S3=HERE,
        AWS_PROFILE="q",
    ),
    "secrets in wrong places": situation(
        f"{ASSUME}source_profile = u\n  aws_secret_access_key = hush\naws_secret_acess_key = hush"
        "\nservices = a\n[services a]\nsts =\n  endpoint_url = http://me:hush@a\n",
        *("p (a switch fails)", "source_profile u … config:4"),
        "aws_secret_acess_key set config:6 not an AWS setting",
        "sts endpoint_url = http://…@a config:9",
    ),
    "default: AWS_PROFILE": situation(
        "",
        *("p (access keys, credentials:1)", f"{BY_DEFAULT} `AWS_PROFILE` is `p`."),
        AWS_PROFILE="p",
    ),
    "default: wrong AWS_PROFILE": situation(
        "",
        "✗ There is no profile `gone` in the shared config files. `%aws_profiles` lists the "
        "profiles.",
        f"{BY_DEFAULT} `AWS_PROFILE` is `gone`.",
        AWS_PROFILE="gone",
    ),
    "default: keys in variables": situation(
        "",
        *("environment variables (default credentials)", f"{BY_DEFAULT} no profile is named."),
        keys="default",
        **PLAIN,
    ),
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_card(shared_files: Files, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The card has the chain, and each setting with its place and why it isn't used; no secret."""
    config, credentials, expected, environ = SITUATIONS[name]
    write(shared_files, config, credentials)
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    is_default = name.startswith("default")
    lines = lines_of(explained(**({"default": True} if is_default else {"profile": "p"})))
    assert [line for line in expected if line not in lines] == [], lines


def test_options(shared_files: Files) -> None:
    """Options take precedence over the profile's settings, and the switch runs with them."""
    write(shared_files, f"{ASSUME}source_profile = u\nduration_seconds = 7\n", USER)
    lines = lines_of(explained(profile="p", region="eu-west-1", duration="1h", external_id="hush"))
    assert {
        "p ← u (no problems found)",
        "external_id set --external-id",
        *("region eu-west-1 --region", f"region us-west-2 config:2 --region {TAKES}"),
        *("duration_seconds 3600 --duration", f"duration_seconds 7 config:5 --duration {TAKES}"),
    } <= {*lines}


def test_role_by_arn(shared_files: Files) -> None:
    """A role without a profile uses its source's client settings, but not the source's role."""
    role = f"role_arn = {ROLE}1\nsource_profile = u"
    write(shared_files, f"[profile u]\n{role}\n{KEYS}\nregion = us-west-2\n")
    lines = lines_of(explained(role_arn=ROLE, source_profile="u"))
    assert {
        *(f"{ROLE} ← u (no problems found)", "region us-west-2 config:6"),
        *(f"{ROLE} (assume role: {BETA})", "u (access keys, config:1)"),
        *(f"role_arn {ROLE} --role-arn", "source_profile u --source-profile"),
        f"role_arn {ROLE}1 config:2 not used: access keys {TAKES}",
    } <= {*lines}


def test_role_of_a_sign_in(shared_files: Files) -> None:
    """A role of a sign-in shows the sign-in. Its account can be a name."""
    write(shared_files, f"[sso-session corp]\n{PORTAL}")
    lines = lines_of(explained(profile="corp:123456789012/Admin"))
    assert "corp:123456789012/Admin (SSO: Admin in 123456789012)" in lines
    assert "sso_region us-east-1 config:3" in lines
    assert isinstance(explained(profile="corp:team-dev/Admin").error, SignInRequired)
    assert explained(account="team-dev", role="Admin").name == "corp:team-dev/Admin"


def test_no_files(shell: Shell) -> None:
    """If neither file exists, the hint has the line that shows how to write one."""
    hint = shell.refused("%aws_profile 'my keys'").hint
    file = Path(".aws", "credentials")
    assert hint.endswith(f"{file} exists. `%aws_profiles` shows the lines to write.")
    assert hint in shell.good("%aws_profile --explain 'my keys'").text


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("RoleBeta --explain", "RoleBeta ← UserAlpha  (no problems found)"),
        ("--explain Nobody", "Nobody  (a switch fails)"),
        ("--explain", "EC2 instance  (a switch fails)"),
    ],
)
def test_magic(shell: Shell, aws: EmbeddedAws, line: str, title: str) -> None:
    """`%aws_profile --explain` shows a card, without a call or a switch."""
    ran = shell.good(f"%aws_profile {line}")
    assert ran.text.startswith(title)
    assert "ipy-awsprofile-card" in ran.html
    assert aws.calls == []
    assert "session" not in shell.names


def test_active_profile(shell: Shell, aws: EmbeddedAws) -> None:
    """Without a name, `--explain` explains the active profile and its options."""
    shell.good("%aws_profile RoleBeta --region eu-north-1 --session-name me")
    text = shell.good("%aws_profile --explain").text
    assert text.startswith("RoleBeta ← UserAlpha  (no problems found)")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert {"region eu-north-1 --region", "role_session_name me --session-name"} <= {*lines}


def test_after_a_switch(shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a switch, explanations still use the user's own environment."""
    monkeypatch.setenv("AWS_PROFILE", "UserAlpha")
    before = explain()
    shell.good("%aws_profile RoleBeta")
    assert explain() == before


# --- Warnings about what a switch meets later ---


def test_cached_role(aws: EmbeddedAws, values: dict[str, str]) -> None:
    """If only a cached session works, a switch doesn't fail, and a warning says what comes next."""
    aws.config_file.write_text(KINDS["SSO as a source"].config.format(**values))
    open_session("P")
    assert explained(profile="P").warnings == ()
    shutil.rmtree(aws.home / ".aws" / "sso")
    with unchanged_files(aws.home):
        explanation = explained(profile="P")
    assert explanation.error is None
    (warning,) = explanation.warnings
    assert "After its end, a switch fails: The sign-in of `Corp` is missing" in warning
    open_session("P")


@pytest.mark.parametrize(
    ("account", "role", "warning"),
    [
        ("999999999999", "Reader", "This `sso_account_id` isn't in the list of your roles"),
        ("", "Raeder", "This `sso_role_name` isn't in the list of your roles"),
    ],
)
def test_role_that_is_not_listed(aws: EmbeddedAws, account: str, role: str, warning: str) -> None:
    """If the list of the user's roles is complete, a role that it lacks is a warning."""
    organisation(aws)
    aws.sso.sign_in("corp")
    listed = list_assigned_roles("corp")
    right = listed[0]
    name = f"corp:{right.account.id}/{right.role}"
    assert explained(profile=name).warnings == ()
    assert explained(profile=f"corp:{right.account.name}/{right.role}").warnings == ()
    (message,) = explained(profile=f"corp:{account or right.account.id}/{role}").warnings
    assert message.startswith(warning)


# --- What would end a switch ---


@contextmanager
def unchanged_files(folder: Path) -> Iterator[None]:
    """Assert that the files in a folder don't change in this context."""

    def content() -> dict[Path, bytes]:
        return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}

    before = content()
    yield
    assert content() == before


@pytest.fixture
def values(aws: EmbeddedAws) -> dict[str, str]:
    """Create the resources that the texts of the kinds name, and return their values."""
    ann = create_ann(aws)
    sign_in(aws, ann)
    return prepared(aws, ann)


def test_kinds(aws: EmbeddedAws, values: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The explanation of each kind of profile calls and changes nothing, and finds no error."""
    for name, kind in KINDS.items():
        with monkeypatch.context() as environment, in_its_place(aws, values, environment, kind):
            aws.calls.clear()
            with unchanged_files(aws.home):
                explanation = explain(SessionRequest(profile=kind.profile))
            assert aws.calls == [], name
            assert explanation.error is None, name


def test_no_connection(shared_files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """An explanation connects neither to AWS nor to a container's or an instance's metadata.

    With `defaults_mode = auto`, botocore reads instance metadata for each client.
    """
    answers = Answers((200, ""))
    with odd_server(answers) as url:
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        for source in ("Ec2InstanceMetadata", "EcsContainer"):
            write(
                shared_files,
                f"{ASSUME}credential_source = {source}\ndefaults_mode = auto\n"
                "[profile none]\nregion = us-west-2\n",
            )
            assert explained().error is None
            assert explained(profile="none").error is None
        assert explained(default=True, region="us-west-2").error is None
    assert answers.asked == 0


def test_no_process(shared_files: Files, tmp_path: Path) -> None:
    """An explanation doesn't run the commands that a switch runs, even beside other credentials."""
    command = f"touch {tmp_path}/ran"
    write(
        shared_files,
        f"{ASSUME}source_profile = u\nmfa_serial = {DEVICE}\nmfa_process = {command}\n"
        f"[profile u]\n{KEYS}\ncredential_process = {command}\n",
    )
    with unchanged_files(tmp_path):
        assert explained().error is None
        assert explained(profile="u").error is None


def test_code(shared_files: Files) -> None:
    """The explanation says which roles need an MFA code."""
    write(shared_files, BASE)
    assert f"p (assume role: {BETA} with an MFA code, config:1)" in lines_of(explained())


#: Ways to break a role chain, and what botocore says about them.
BROKEN = {
    "loop": (f"{ASSUME}source_profile = u\n[profile u]\nrole_arn = {ROLE}\nsource_profile = p\n"),
    "source without credentials": f"{ASSUME}source_profile = u\n[profile u]\nregion = us-west-2\n",
    "both sources": f"{ASSUME}source_profile = u\ncredential_source = Ec2InstanceMetadata\n{ME}",
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_chain(shared_files: Files, name: str) -> None:
    """The explanation of a broken chain has the error of a switch. `test_broken` has others."""
    write(shared_files, BROKEN[name])
    with pytest.raises(InvalidProfile) as caught:
        open_session("p")
    assert str(explained().error) == str(caught.value)


def test_expired_sign_in(aws: EmbeddedAws) -> None:
    """An expired sign-in is an error, unless the next switch can renew it; no file is written."""
    organisation(aws)
    aws.sso.sign_in("corp", expires_in=-60)
    with unchanged_files(aws.home):
        assert explained(profile="prod-reader").error is None
    (file,) = aws.home.glob(".aws/sso/cache/*.json")
    document = json.loads(file.read_text())
    del document["refreshToken"]
    file.write_text(json.dumps(document))
    with pytest.raises(SignInRequired) as caught:
        open_session("prod-reader")
    assert str(explained(profile="prod-reader").error) == str(caught.value)


@pytest.mark.parametrize("text", ["", "{"])
def test_a_damaged_login(aws: EmbeddedAws, values: dict[str, str], text: str) -> None:
    """A damaged file of `aws login` requires a new sign-in, as if it were missing."""
    aws.config_file.write_text(KINDS["login session"].config.format(**values))
    (file,) = aws.home.glob(".aws/login/cache/*.json")
    file.write_text(text)
    with pytest.raises(SignInRequired):
        open_session("P")
    assert isinstance(explained(profile="P").error, SignInRequired)


def test_renewed_login(aws: EmbeddedAws, values: dict[str, str]) -> None:
    """A session of `aws login` that a switch would renew is no error; no file is written."""
    aws.config_file.write_text(KINDS["login session"].config.format(**values))
    (file,) = aws.home.glob(".aws/login/cache/*.json")
    document = json.loads(file.read_text())
    document["accessToken"]["expiresAt"] = "2020-01-01T00:00:00Z"
    file.write_text(json.dumps(document))
    with unchanged_files(aws.home):
        assert explained(profile="P").error is None
