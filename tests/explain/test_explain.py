"""An explanation shows a profile's chain, the places of its settings, and mistakes in them.

Common mistakes in the files are warnings, which disappear when you follow them. An explanation has
the error that would end a switch, but calls and changes nothing.
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
from ipy_awsprofile.errors import AwsProfileError, InvalidProfile, SignInRequired
from ipy_awsprofile.explain.explain import Explanation, explain
from ipy_awsprofile.sessions.assigned_roles import list_assigned_roles
from ipy_awsprofile.sessions.session import open_session
from tests.aws import EmbeddedAws
from tests.identity_center import organisation
from tests.kinds import KINDS, create_ann, in_its_place, prepared, sign_in
from tests.servers import Answers, odd_server
from tests.shells import Shell

#: The config and the credentials file.
Files = tuple[Path, Path]


ROLE = "arn:aws:iam::123456789012:role/RoleBeta"
KEYS = "aws_access_key_id = AKIAHUSH\naws_secret_access_key = hush-secret"
P = "[profile p]\nregion = us-west-2\n"
ASSUME = f"{P}role_arn = {ROLE}\n"
USER = f"[u]\n{KEYS}\n"
PORTAL = "sso_start_url = https://x\nsso_region = us-east-1\n"
MODERN = (
    f"{P}sso_account_id = 123456789012\nsso_role_name = R\nsso_session = corp\n"
    f"[sso-session corp]\n{PORTAL}"
)
PLAIN = {"AWS_ACCESS_KEY_ID": "AKIAHUSH", "AWS_SECRET_ACCESS_KEY": "hush"}


def write(files: Files, config: str = "", credentials: str = "") -> None:
    """Write the shared files."""
    for path, text in zip(files, (config, credentials), strict=True):
        path.write_text(text)


def explained(**request: Any) -> Explanation:
    """Return an explanation, by default of the profile `p`, and require that it has no secret."""
    explanation = explain(SessionRequest(**(request or {"profile": "p"})))
    card = explanation_card(explanation)
    assert "hush" not in f"{explanation!r}{card}{card._repr_html_()}".lower()
    return explanation


def lines_of(explanation: Explanation) -> list[str]:
    """Return the lines of the card as text, with single spaces."""
    return [" ".join(line.split()) for line in str(explanation_card(explanation)).splitlines()]


BETA = "RoleBeta in 123456789012"
HERE = "http://127.0.0.1:1"
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
        "! Only an EC2 instance with a role has these credentials. On other machines, add access "
        "keys, a role_arn with a source_profile, SSO settings or a credential_process to the "
        "profile.",
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


# --- Common mistakes ---

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
    "other tool": ("region =", "aws_region =", "Did you mean `region`? See config:2."),
    "shell": ("mfa_serial", "export AWS_SESSION_TOKEN", "Did you mean `aws_session_token`?"),
    "unit": ("west-2", "west-2\nduration_seconds = 30m", "botocore ignores"),
    "quoted Region": ("us-west-2", '"us-west-2"', "`region` includes its quotation marks. Remove"),
    "Zone": (
        "us-west-2",
        "us-west-2a",
        "`us-west-2a` is an Availability Zone. Write the Region `u",
    ),
    "value below": ("= arn", "=\n  x=arn", "The value of `role_arn` must be on the same line. See"),
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
