"""How a profile resolves is told as botocore will do it, and without doing anything."""

from __future__ import annotations

import builtins
import json
import os
import socket
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha1, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.exceptions import BotoCoreError, InvalidConfigError

from ipy_awsprofile.cards.explanation import explanation_card
from ipy_awsprofile.credentials.role_cache import RoleCache
from ipy_awsprofile.errors import ConfigFileError
from ipy_awsprofile.explain.explain import explain
from ipy_awsprofile.explain.records import Problem, Setting, one_line
from ipy_awsprofile.explain.settings import meant
from ipy_awsprofile.text import without_user

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

    Files = tuple[Path, Path]

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ROLE = "arn:aws:iam::123456789012:role/RoleBeta"
KEYS = "aws_access_key_id = AKIAHUSH\naws_secret_access_key = hush-secret"
SECRETS = ("AKIAHUSH", "hush")


def write(files: Files, config: str = "", credentials: str = "") -> None:
    """Write the shared files."""
    for path, text in zip(files, (config, credentials), strict=True):
        path.write_text(text)


@dataclass(frozen=True)
class Case:
    """What the files say, and what the explanation of the profile `p` has to say.

    ``hops`` are name, kind with detail, and place of each; ``problems`` are words of each problem
    and of its fix, those that stop the profile with a ``!``.
    """

    config: str
    credentials: str = ""
    hops: tuple[str, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    environ: dict[str, str] = field(default_factory=dict)


REGION = "region = us-west-2\n"
P = f"[profile p]\n{REGION}"
ASSUME = f"{P}role_arn = {ROLE}\n"
SIGN_IN = f"{P}sso_account_id = 123456789012\nsso_role_name = R\n"
USER = f"[u]\n{KEYS}\n"
USER_KEYS = "u|static keys|credentials:2"
ASSUMED = "p|assume role: RoleBeta in 123456789012|config:1"
SOURCED = "p|credential source: RoleBeta in 123456789012|config:1"
CASES = {
    "keys": Case(f"{P}", f"[p]\n{KEYS}\n", ("p|static keys|credentials:2",)),
    "role": Case(
        f"{ASSUME}source_profile = u\n",
        USER,
        (USER_KEYS, ASSUMED),
    ),
    "chain": Case(
        f"{ASSUME}source_profile = q\n[profile q]\nrole_arn = {ROLE}\nsource_profile = u\n",
        USER,
        (
            USER_KEYS,
            "q|assume role: RoleBeta in 123456789012|config:5",
            ASSUMED,
        ),
    ),
    "its own keys": Case(
        f"{ASSUME}source_profile = p\n{KEYS}\n",
        "",
        ("p|static keys: its own|config:5", ASSUMED),
    ),
    "keys of a source that has a role, too": Case(
        f"{ASSUME}source_profile = q\n[profile q]\nrole_arn = {ROLE}\nsource_profile = u\n{KEYS}\n",
        USER,
        ("q|static keys|config:8", ASSUMED),
    ),
    "environment": Case(
        f"{ASSUME}credential_source = Environment\n",
        "",
        (
            "Environment|keys in variables|",
            SOURCED,
        ),
        environ={"AWS_ACCESS_KEY_ID": "AKIAHUSH", "AWS_SECRET_ACCESS_KEY": "hush"},
    ),
    "environment without keys": Case(
        f"{ASSUME}credential_source = Environment\n",
        "",
        (
            "Environment|keys in variables|",
            SOURCED,
        ),
        (("!`AWS_ACCESS_KEY_ID` isn't set", "Set it"), ("!`AWS_SECRET_ACCESS_KEY`", "Set it")),
    ),
    "container without variables": Case(
        f"{ASSUME}credential_source = EcsContainer\n",
        "",
        (
            "EcsContainer|container credentials|",
            SOURCED,
        ),
        (("!Neither of the variables", "ECS or EKS"),),
    ),
    "instance that mustn't be asked": Case(
        f"{ASSUME}credential_source = Ec2InstanceMetadata\n",
        "",
        (
            "Ec2InstanceMetadata|instance metadata|",
            SOURCED,
        ),
        (("!`AWS_EC2_METADATA_DISABLED` forbids", "Take the variable away"),),
    ),
    "nothing": Case(
        f"{P}",
        "",
        ("p|no credentials|config:1",),
        (
            (
                "!`p` names no credentials",
                "Add keys, a role, SSO or a credential_process. See config:1",
            ),
        ),
    ),
    "nothing, in a container": Case(
        f"{P}",
        "",
        ("EcsContainer|container credentials|", "p|no credentials|config:1"),
        (("`p` names no credentials", "Add keys"),),
        environ={"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/"},
    ),
    "nothing, perhaps on an instance": Case(
        P,
        "",
        ("Ec2InstanceMetadata|instance metadata|", "p|no credentials|config:1"),
        (("`p` names no credentials", "Add keys"),),
        environ={"AWS_EC2_METADATA_DISABLED": "false"},
    ),
    "role of a process in a container": Case(
        f"{ASSUME}source_profile = q\n[profile q]\ncredential_process = ls -l\n",
        "",
        ("q|credential process: ls|config:5", ASSUMED),
        environ={"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/"},
    ),
    "not there": Case(
        "[profile pp]\n",
        "",
        ("p|not found|",),
        (("!There is no profile `p`", "Did you mean `pp`?"),),
    ),
    "a header without profile": Case(
        "\n[p]\n",
        "",
        ("p|not found|",),
        (("![p] in the config file isn't read", "[profile p]. See config:2"),),
    ),
    "a header without profile, beside keys": Case(
        f"[p]\n{REGION}",
        f"[p]\n{KEYS}\n{REGION}",
        ("p|static keys|credentials:2",),
        (("[p] in the config file isn't read", "Write [profile p]. See config:1"),),
    ),
    "a header with profile in the credentials file": Case(
        "",
        f"[profile p]\n{KEYS}\n",
        ("p|not found|",),
        (("![profile p] in the credentials", "write [p]. See credentials:1"),),
    ),
    "source that isn't there": Case(
        f"{ASSUME}source_profile = usr\n[profile usrs]\n",
        "",
        (ASSUMED,),
        (("!The source_profile `usr`", "Did you mean `usrs`?"),),
    ),
    "source without profile in its header": Case(
        f"{ASSUME}source_profile = u\n[u]\n{KEYS}\n",
        "",
        (ASSUMED,),
        (("!The source_profile `u`", "See "), ("![u] in the config file", "See config:5")),
    ),
    "loop": Case(
        f"{ASSUME}source_profile = q\n[profile q]\nrole_arn = {ROLE}\nsource_profile = p\n",
        "",
        (
            "q|assume role: RoleBeta in 123456789012|config:5",
            ASSUMED,
        ),
        (("!in a loop: p ← q ← p", "line 5"),),
    ),
    "two sources": Case(
        f"{ASSUME}source_profile = u\ncredential_source = Environment\n",
        USER,
        ("p|no credentials|config:1",),
        (("!both source_profile and credential_source", "Keep one of the two"),),
    ),
    "no source": Case(
        f"{ASSUME}",
        "",
        ("p|no credentials|config:1",),
        (("!neither source_profile nor credential_source", "Add a source_profile"),),
    ),
    "no such credential source": Case(
        f"{ASSUME}credential_source = environment\n",
        "",
        (SOURCED,),
        (("!The credential_source `environment`", "There are Environment"),),
    ),
    "half of the keys": Case(
        f"{P}aws_access_key_id = AKIAHUSH\n",
        "",
        ("p|no credentials|config:1",),
        (("!`aws_access_key_id` is there, and `aws_secret_access_key` isn't", "See config:3"),),
    ),
    "a key in each file": Case(
        f"{P}aws_secret_access_key = hush\n",
        "[p]\naws_access_key_id = AKIAHUSH\n",
        ("p|no credentials|config:1",),
        (("!The two keys stand in different files", "See credentials:2"),),
    ),
    "misspelt": Case(
        f"{P}rolearn = {ROLE}\nsource-profile = u\n",
        USER,
        ("p|no credentials|config:1",),
        (
            ("!`p` names no credentials", "Add keys"),
            ("`rolearn` is no setting", "Did you mean `role_arn`? See config:3"),
            ("`source-profile` is no setting", "Did you mean `source_profile`? See config:4"),
        ),
    ),
    "a misspelt secret": Case(
        f"{P}",
        "[p]\naws_access_key_id = AKIAHUSH\naws_secret_acess_key = hush\n",
        ("p|no credentials|config:1",),
        (
            ("!`aws_access_key_id` is there, and", "See credentials:2"),
            ("`aws_secret_acess_key` is no setting", "Did you mean `aws_secret_access_key`?"),
        ),
    ),
    "SSO session that isn't there": Case(
        f"{SIGN_IN}sso_session = crp\n[sso-session corp]\n",
        "",
        ("p|SSO: R in 123456789012|config:1",),
        (("!There is no [sso-session crp]", "Did you mean `corp`?"),),
    ),
    "SSO without a start URL": Case(
        f"{SIGN_IN}sso_session = corp\n"
        "[sso-session corp]\nsso_start_ur = https://x\nsso_region = eu-west-1\n",
        "",
        ("p|SSO: R in 123456789012|config:1",),
        (
            ("!`sso_start_url` is missing", "See config:6"),
            ("`sso_start_ur` is no setting", "Did you mean `sso_start_url`? See config:7"),
        ),
    ),
    "SSO settings that differ": Case(
        f"{SIGN_IN}sso_session = corp\n"
        "sso_region = eu-west-1\n[sso-session corp]\n"
        "sso_start_url = https://x\nsso_region = us-east-1\n",
        "",
        ("p|SSO: R in 123456789012|config:1",),
        (
            ("!`sso_region` differs", "Take it out of the profile. See config:6"),
            ("!There is no SSO token", "%aws_profile p --login"),
        ),
    ),
    "half of SSO": Case(
        f"{P}sso_account_id = 1\n",
        "",
        ("p|no credentials|config:1",),
        (("!`sso_account_id` is there, and `sso_role_name` isn't", "See config:3"),),
    ),
    "nobody signed in": Case(
        f"{P}login_session = arn:aws:iam::1:user/u\n",
        "",
        ("p|login session|config:1",),
        (("!There is no login session", "aws login --profile p"),),
    ),
    "token file that isn't there": Case(
        f"{ASSUME}web_identity_token_file = ~/none\n",
        "",
        ("p|web identity: RoleBeta in 123456789012|config:1",),
        (("!There is no token file `~/none`. A `~` in it isn't expanded", "See config:4"),),
    ),
    "token file without a role": Case(
        f"{P}web_identity_token_file = /none\n",
        "",
        ("p|no credentials|config:1",),
        (("!`web_identity_token_file` is there, and `role_arn` isn't", "See config:3"),),
    ),
    "process that isn't there": Case(
        f"{P}credential_process = no-such-program --token hush\n",
        "",
        ("p|credential process: no-such-program|config:1",),
        (("!There is no program `no-such-program`", "its whole path. See config:3"),),
    ),
    "process that can't be read": Case(
        f'[profile p]\n{REGION}credential_process = "hush\n',
        "",
        ("p|credential process|config:1",),
        (("!`credential_process` is no command", "See config:3"),),
    ),
    "no region": Case(
        f"[profile p]\nrole_arn = {ROLE}\nsource_profile = u\n",
        f"{USER}{REGION}",
        (USER_KEYS, ASSUMED),
        (("`p` has no region. It doesn't inherit `us-west-2`", "Add `region = us-west-2`"),),
    ),
    "no region for an endpoint": Case(
        f"[profile p]\nrole_arn = {ROLE}\nsource_profile = u\nendpoint_url = http://127.0.0.1:1\n",
        USER,
        (USER_KEYS, ASSUMED),
        (("!`p` has no region", "--region"),),
    ),
    "services that aren't there": Case(
        f"{P}{KEYS}\nservices = lcal\n[services local]\ns3 =\n  a = b\n",
        "",
        ("p|static keys|config:3",),
        (("!There is no [services lcal]", "Did you mean `local`?"),),
    ),
    "no ARN, no device, no duration": Case(
        f"{P}role_arn = RoleBeta\nsource_profile = u\nmfa_serial = me\nduration_seconds = 1h\n",
        USER,
        (USER_KEYS, "p|assume role: RoleBeta|config:1"),
        (
            ("!`RoleBeta` is no ARN of a role", "See config:3"),
            ("!`me` is no MFA device", "See config:5"),
            ("`1h` is no number of seconds", "See config:6"),
        ),
    ),
    "a key as device": Case(
        f"{ASSUME}source_profile = u\nmfa_serial = arn:aws:iam::123456789012:u2f/me\n",
        USER,
        (USER_KEYS, ASSUMED),
        (("!no MFA device that gives codes", "See config:5"),),
    ),
    "too short": Case(
        f"{ASSUME}source_profile = u\nduration_seconds = 60\n",
        USER,
        (USER_KEYS, ASSUMED),
        (("!AWS takes no duration of 60 seconds", "900 to 43200"),),
    ),
    "too long for a chained role": Case(
        f"{ASSUME}source_profile = q\nduration_seconds = 7200\n"
        f"[profile q]\nrole_arn = {ROLE}\nsource_profile = u\nduration_seconds = 7200\n",
        USER,
        (
            USER_KEYS,
            "q|assume role: RoleBeta in 123456789012|config:6",
            ASSUMED,
        ),
        (("!lasts an hour at most, not 7200 seconds", "3600 or less. See config:5"),),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_told(shared_files: Files, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hops and problems are those of the table, and no secret is in any form of them."""
    case = CASES[name]
    write(shared_files, case.config, case.credentials)
    for variable, value in case.environ.items():
        monkeypatch.setenv(variable, value)
    told = explain("p", now=NOW)
    hops = [
        f"{hop.name}|{hop.kind}{': ' * bool(hop.detail)}{hop.detail}|{hop.where}"
        for hop in told.hops
    ]
    assert hops == list(case.hops)
    assert len(told.problems) == len(case.problems), told.problems
    for problem, (says, fix) in zip(told.problems, case.problems, strict=True):
        assert says.removeprefix("!") in problem.says
        assert problem.fatal == says.startswith("!")
        assert fix in problem.fix
    assert told.works == (not any(says.startswith("!") for says, _ in case.problems))
    card = explanation_card(told)
    shown = f"{told!r}{card!r}{card._repr_html_()}"
    assert [secret for secret in SECRETS if secret in shown] == []


@dataclass(frozen=True)
class Won:
    """Which place a setting is said to come from, and how botocore shows that it does."""

    config: str
    credentials: str
    setting: str
    winner: str
    variable: str
    value: str
    environ: dict[str, str] = field(default_factory=dict)


BOTH = f"[profile p]\nregion = config\n{KEYS}\n"
WINNERS = {
    "credentials file over config file": Won(
        BOTH, "[p]\nregion = credentials\n", "region", "credentials:2", "region", "credentials"
    ),
    "config file alone": Won(BOTH, "", "region", "config:2", "region", "config"),
    "environment over both": Won(
        BOTH,
        "[p]\nregion = credentials\n",
        "region",
        "AWS_DEFAULT_REGION",
        "region",
        "environment",
        {"AWS_DEFAULT_REGION": "environment"},
    ),
    "AWS_REGION isn't read": Won(
        BOTH, "", "region", "config:2", "region", "config", {"AWS_REGION": "environment"}
    ),
}


@pytest.mark.parametrize("name", WINNERS)
def test_winner(shared_files: Files, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a setting that stands in several places, exactly that one counts that botocore takes."""
    case = WINNERS[name]
    write(shared_files, case.config, case.credentials)
    for variable, value in case.environ.items():
        monkeypatch.setenv(variable, value)
    counting = [one for one in settings_of("p") if one.name == case.setting and not one.note]
    assert [(one.where, one.value) for one in counting] == [(case.winner, case.value)]
    assert botocore.session.Session(profile="p").get_config_variable(case.variable) == case.value


def settings_of(name: str) -> tuple[Setting, ...]:
    """List the settings in an explanation's last hop."""
    return explain(name, now=NOW).hops[-1].settings


ENDPOINT = f"{P}{KEYS}\nendpoint_url = http://file:1\n"
SERVICES = (
    f"{ENDPOINT}services = local\n[services local]\nsts =\n  endpoint_url = http://services:1\n"
)


@pytest.mark.parametrize(
    ("config", "environ", "winner", "endpoint"),
    [
        (ENDPOINT, {}, "config:5", "http://file:1"),
        (SERVICES, {}, "config:8", "http://services:1"),
        (SERVICES, {"AWS_ENDPOINT_URL": "http://env:1"}, "AWS_ENDPOINT_URL", "http://env:1"),
        (
            SERVICES,
            {"AWS_ENDPOINT_URL": "http://env:1", "AWS_ENDPOINT_URL_STS": "http://sts:1"},
            "AWS_ENDPOINT_URL_STS",
            "http://sts:1",
        ),
        (
            SERVICES,
            {
                "AWS_ENDPOINT_URL": "http://env:1",
                "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
            },
            None,
            "https://sts.us-west-2.amazonaws.com",
        ),
        (
            f"{P}{KEYS}\nendpoint_url = x\nignore_configured_endpoint_urls = true\n",
            {},
            None,
            "https://sts.us-west-2.amazonaws.com",
        ),
    ],
)
def test_endpoint(
    shared_files: Files,
    *,
    config: str,
    environ: dict[str, str],
    winner: str | None,
    endpoint: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The endpoint that is said to count for STS is the one that botocore takes."""
    write(shared_files, config)
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    counting = {one.name: one for one in settings_of("p") if not one.note}
    first = counting.get("endpoint_url (sts)") or counting.get("endpoint_url")
    assert (first.where if first else None) == winner
    assert first is None or first.value == endpoint
    client = botocore.session.Session(profile="p").create_client("sts")
    assert client.meta.endpoint_url == endpoint


def test_a_token_in_the_other_file(shared_files: Files) -> None:
    """A session token beside keys in the other file isn't used, by botocore neither."""
    write(shared_files, "[profile p]\naws_session_token = hush\n", f"[p]\n{KEYS}\n")
    (token,) = (one for one in settings_of("p") if one.name == "aws_session_token")
    assert token.note == "not used: the keys are in the credentials file"
    credentials = botocore.session.Session(profile="p").get_credentials()
    assert credentials
    assert credentials.token is None


def test_blocks_and_empty_settings(shared_files: Files) -> None:
    """Of an indented block the names are shown; an empty setting is said to be empty."""
    write(shared_files, f"{P}{KEYS}\ns3 =\n  a = hush\n  b = c\noutput =\n")
    shown = {one.name: one.value for one in settings_of("p")}
    assert shown["s3"] == "a, b"
    assert shown["output"] == "empty"


def method_of(session: botocore.session.Session) -> str | None:
    """Ask botocore which of its providers gives the credentials."""
    credentials = session.get_credentials()
    return credentials.method if credentials else None


PLAIN = {
    "AWS_ACCESS_KEY_ID": "AKIAHUSH",
    "AWS_SECRET_ACCESS_KEY": "hush",
}
PROVIDERS = [
    ("[profile p]\n" + KEYS, "", "static keys", "config-file"),
    ("", f"[p]\n{KEYS}", "static keys", "shared-credentials-file"),
    (f"[profile p]\n{KEYS}", f"[p]\n{KEYS}", "static keys", "shared-credentials-file"),
    (
        f"{SIGN_IN}{KEYS}\nsso_start_url = u\nsso_region = r",
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
    """Of several ways to credentials, the one that is told is the one that botocore goes."""
    answer = tmp_path / "answer"
    answer.write_text('{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "s"}')
    write(shared_files, config.replace("{process}", f"cat {answer}"), credentials)
    assert method_of(botocore.session.Session(profile="p")) == method
    assert explain("p").hops[-1].kind == kind
    passed_over = {one.name for one in settings_of("p") if one.note.startswith("not used")}
    if kind in {"SSO", "credential process", "web identity"}:
        assert "aws_access_key_id" in passed_over
    else:
        assert "aws_access_key_id" not in passed_over


@pytest.mark.parametrize(
    ("environ", "files", "kind", "method"),
    [
        (PLAIN, ("", f"[default]\n{KEYS}"), "keys in variables", "env"),
        (PLAIN | {"AWS_PROFILE": "p"}, ("", f"[p]\n{KEYS}"), "keys in variables", "env"),
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
    """Without a name, what is explained is what botocore takes by itself."""
    write(shared_files, *files)
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    assert explain(now=NOW).hops[-1].kind == kind
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
        (PLAIN, "`AWS_ACCESS_KEY_ID` is set: plain boto3 goes by it, a switch doesn't."),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "f"}, "plain boto3 looks at it, a switch doesn't."),
        ({"AWS_PROFILE": "q"}, "`AWS_PROFILE` names `q` for plain boto3"),
        ({"AWS_REGION": "x"}, "`AWS_REGION` isn't read by boto3"),
        ({"AWS_PROFILE": "p", "AWS_DEFAULT_PROFILE": "p"}, "`AWS_DEFAULT_PROFILE` goes before"),
    ],
)
def test_what_a_switch_passes_over(
    shared_files: Files, environ: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables that plain boto3 goes by and a switch doesn't are named; the profile wins."""
    write(shared_files, f"{P}", f"[p]\n{KEYS}")
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    (note,) = explain("p").notes
    assert words in note
    assert method_of(botocore.session.Session(profile="p")) == "shared-credentials-file"


def test_role_of_the_environment(shared_files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a name, AWS_ROLE_ARN goes before the profile's, and botocore says so, too."""
    write(shared_files, f"[default]\n{REGION}role_arn = {ROLE}\nweb_identity_token_file = /f\n")
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    (note,) = explain().notes
    assert "`AWS_ROLE_ARN` goes before the `role_arn` of `default`" in note
    assert method_of(botocore.session.Session()) == "assume-role-with-web-identity"


def test_a_file_that_isnt_where_a_variable_says(
    shared_files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that names no file is told."""
    write(shared_files, "", f"[p]\n{KEYS}\n{REGION}")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere/config")
    assert explain("p").notes == (
        "`AWS_CONFIG_FILE` names a file that doesn't exist: /nowhere/config.",
    )


def test_a_switch_doesnt_bend_it(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a switch, what is explained is still the user's own environment."""
    monkeypatch.setenv("AWS_PROFILE", "UserAlpha")
    before = explain()
    shell.good("%aws_profile RoleBeta")
    assert explain() == before


ROLES = [
    (f"role_arn = {ROLE}\nsource_profile = u", {"RoleArn": ROLE}),
    (
        f"role_arn = {ROLE}\nsource_profile = u\nexternal_id = hush\nrole_session_name = s\n"
        "mfa_serial = arn:aws:iam::123456789012:mfa/me\nduration_seconds = 7200",
        {
            "RoleArn": ROLE,
            "ExternalId": "hush",
            "RoleSessionName": "s",
            "SerialNumber": "arn:aws:iam::123456789012:mfa/me",
            "DurationSeconds": 7200,
        },
    ),
]


@pytest.mark.parametrize(("settings", "arguments"), ROLES)
@pytest.mark.parametrize(
    ("minutes", "words"), [(60, "good until 2026-01-01 13:00:00 UTC"), (14, "is replaced")]
)
def test_cached_role(
    shared_files: Files,
    *,
    tmp_path: Path,
    settings: str,
    arguments: dict[str, object],
    minutes: int,
    words: str,
) -> None:
    """A role's session in the AWS CLI's cache is told, if it is that of these very settings."""
    write(shared_files, f"{P}{settings}", USER)
    store(tmp_path, json.dumps(arguments, sort_keys=True), NOW + timedelta(minutes=minutes))
    (fact,) = cached_session()
    assert words in fact
    write(shared_files, f"{P}{settings}".replace("role/RoleBeta", "role/Other"), USER)
    assert cached_session() == []


@pytest.mark.parametrize(
    ("settings", "arguments"),
    [
        (f"role_arn = {ROLE}\nweb_identity_token_file = f", f'{{"RoleArn": "{ROLE}"}}'),
        (
            "sso_account_id = 1\nsso_role_name = R\nsso_start_url = u\nsso_region = r",
            '{"accountId":"1","roleName":"R","startUrl":"u"}',
        ),
        (
            "sso_account_id = 1\nsso_role_name = R\nsso_session = corp\n"
            "[sso-session corp]\nsso_start_url = u\nsso_region = r",
            '{"accountId":"1","roleName":"R","sessionName":"corp"}',
        ),
    ],
)
def test_cached_session_of_other_kinds(
    shared_files: Files, tmp_path: Path, settings: str, arguments: str
) -> None:
    """A session of SSO or a web identity is found under the key that botocore gives it."""
    write(shared_files, f"{P}{settings}\n")
    store(tmp_path, arguments, NOW + timedelta(hours=1))
    (fact,) = cached_session()
    assert "good until" in fact


def store(home: Path, arguments: str, expiry: datetime) -> None:
    """Put a session for these arguments into the AWS CLI's cache."""
    RoleCache(home / ".aws/cli/cache", fresh=False)[sha1(arguments.encode()).hexdigest()] = {
        "Credentials": {
            "AccessKeyId": "AKIAHUSH",
            "SecretAccessKey": "hush",
            "SessionToken": "hush",
            "Expiration": expiry.isoformat(),
        }
    }


def cached_session() -> list[str]:
    """List what is told of the cache of the profile `p`."""
    return [fact for fact in explain("p", now=NOW).hops[-1].facts if "cache" in fact]


MODERN = (
    f"{SIGN_IN}sso_session = corp\n[sso-session corp]\nsso_start_url = https://x\nsso_region = r\n"
)
LEGACY = f"{SIGN_IN}sso_start_url = https://x\nsso_region = r\n"
RENEWAL = {
    "refreshToken": "hush",
    "clientId": "hush",
    "clientSecret": "hush",
    "registrationExpiresAt": "2026-02-01T00:00:00Z",
}


@pytest.mark.parametrize(
    ("config", "stored_under", "token", "hours", "says"),
    [
        (MODERN, "corp", {}, 1, "The SSO token is good until 2026-01-01 13:00:00 UTC."),
        (MODERN, "corp", RENEWAL, 1, "UTC, and renews itself."),
        (MODERN, "corp", RENEWAL, -1, "its refresh token gets a new one."),
        (MODERN, "corp", {}, -1, "!The SSO token has expired at 2026-01-01 11:00:00 UTC."),
        (
            MODERN,
            "corp",
            RENEWAL | {"registrationExpiresAt": "2025-01-01T00:00:00Z"},
            -1,
            "!The SSO token has expired",
        ),
        (MODERN, "other", {}, 1, "!There is no SSO token"),
        (LEGACY, "https://x", {}, 1, "The SSO token is good until"),
        (LEGACY, "https://x", RENEWAL, -1, "!The SSO token has expired"),
    ],
)
def test_sso_token(
    shared_files: Files,
    *,
    tmp_path: Path,
    config: str,
    stored_under: str,
    token: dict[str, str],
    hours: int,
    says: str,
) -> None:
    """A token of SSO is missing, good, or expired, and renews itself where it can."""
    write(shared_files, config)
    file = tmp_path / ".aws/sso/cache" / f"{sha1(stored_under.encode()).hexdigest()}.json"
    file.parent.mkdir(parents=True)
    expiry = f"{NOW + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"
    file.write_text(json.dumps(token | {"accessToken": "hush", "expiresAt": expiry}))
    told = explain("p", now=NOW)
    found = [*told.hops[-1].facts, *(f"!{problem.says}" for problem in told.problems)]
    assert any(says in one and one.startswith("!") == says.startswith("!") for one in found)
    assert len(found) == 1
    assert "hush" not in repr(told)


@pytest.mark.parametrize(
    ("token", "says"),
    [
        ({"accessToken": {"expiresAt": "2026-01-01T13:00:00Z"}}, "are good until"),
        (
            {"accessToken": {"expiresAt": "2026-01-01T11:00:00Z"}, "refreshToken": "hush"},
            "and renew.",
        ),
        ({"accessToken": {"expiresAt": "2026-01-01T11:00:00Z"}}, "!The login session has expired"),
        ({"accessToken": "hush"}, "!There is no login session"),
        ([], "!There is no login session"),
    ],
)
def test_login_token(
    shared_files: Files,
    tmp_path: Path,
    token: object,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What `aws login` has stored is missing, good, expired, or renews itself."""
    session = "arn:aws:iam::123456789012:user/u"
    write(shared_files, f"{P}login_session = {session}\n")
    monkeypatch.setenv("AWS_LOGIN_CACHE_DIRECTORY", str(tmp_path))
    (tmp_path / f"{sha256(session.encode()).hexdigest()}.json").write_text(json.dumps(token))
    told = explain("p", now=NOW)
    (found,) = [*told.hops[-1].facts, *(f"!{problem.says}" for problem in told.problems)]
    assert says in found
    assert "hush" not in repr(told)


def test_nothing_happens(
    shared_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No socket is opened, no process run and no file written, whatever the kind of profile."""

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("An explanation does nothing.")

    def reading_only(file: Any, mode: str = "r", *more: Any, **options: Any) -> Any:
        assert not set(mode) & set("wax+")
        return really_open(file, mode, *more, **options)

    cases = [case for case in CASES.values() if case.config or case.credentials]
    really_open = builtins.open
    for case in [*cases, Case(MODERN), Case(LEGACY), Case("[profile p]\ncredential_process = ls")]:
        write(shared_files, case.config, case.credentials)
        with monkeypatch.context() as patched:
            patched.setattr(socket, "socket", forbidden)
            patched.setattr(subprocess, "Popen", forbidden)
            patched.setattr(os, "system", forbidden)
            patched.setattr(builtins, "open", reading_only)
            before = sorted(tmp_path.rglob("*"))
            explain("p")
            explain()
            assert sorted(tmp_path.rglob("*")) == before


def test_unreadable_files(shared_files: Files) -> None:
    """A file that can't be parsed is the one thing that is raised."""
    write(shared_files, "nonsense")
    with pytest.raises(ConfigFileError):
        explain("p")


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("role_arn", None),
        ("rolearn", "role_arn"),
        ("role-arn", "role_arn"),
        ("sso_start_ur", "sso_start_url"),
        ("source_profil", "source_profile"),
        ("granted_sso_start_url", None),
        ("azure_tenant_id", None),
        ("", None),
    ],
)
def test_misspelt(name: str, known: str | None) -> None:
    """What looks like one of AWS's settings is taken for it; a tool's own setting isn't."""
    assert meant(name) == known


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://me:hush@host/path", "http://…@host/path"),
        ("http://host/a@b", "http://host/a@b"),
        ("http://[::1", "http://[::1"),
    ],
)
def test_password_in_an_address(url: str, shown: str) -> None:
    """Name and password in an address aren't shown."""
    assert without_user(url) == shown


@pytest.mark.parametrize(
    ("text", "line"), [("a\n  b\0c", "a b c"), ("x" * 300, "x" * 199 + "…"), ("", "")]
)
def test_one_line(text: str, line: str) -> None:
    """A value becomes one line of bounded length."""
    assert one_line(text) == line


EVIL = '<script>alert("x")</script>&amp;`'


def test_escaping(shared_files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that stands in a file or a variable becomes a tag."""
    config = f"""
[profile {EVIL.replace('"', "")}]
region = {EVIL}
{EVIL} = {EVIL}
role_arn = {EVIL}
source_profile = {EVIL}
mfa_serial = {EVIL}
duration_seconds = {EVIL}
services = {EVIL}
"""
    write(shared_files, config)
    monkeypatch.setenv("AWS_ENDPOINT_URL", EVIL)
    monkeypatch.setenv("AWS_PROFILE", EVIL)
    for name in (EVIL.replace('"', ""), EVIL, None):
        card = explanation_card(explain(name))
        assert "script" in card._repr_html_()
        assert "<script" not in card._repr_html_()
        assert "<script" in str(card)


def test_text_and_html(shared_files: Files) -> None:
    """The card shows the chain, each setting with its place, and each problem with its fix."""
    write(
        shared_files,
        f"[profile p]\nrole_arn = {ROLE}\nsource_profile = u\n[profile u]\nregion = us-west-2\n",
        f"[u]\n{KEYS}\n",
    )
    told = explain("p")
    card = explanation_card(told)
    assert str(card) == "\n".join(
        [
            "p  (1 problem, none in the way)",
            "  u (static keys, credentials:2) → "
            "p (assume role: RoleBeta in 123456789012, config:1)",
            "  u",
            "    region                 us-west-2  config:5       only `p` decides",
            "    aws_access_key_id      set        credentials:2",
            "    aws_secret_access_key  set        credentials:3",
            "  p",
            "    role_arn        arn:aws:iam::123456789012:role/RoleBeta  config:2",
            "    source_profile  u                                        config:3",
            "    ! `p` has no region. It doesn't inherit `us-west-2` of its source.",
            "      Add `region = us-west-2` to it, or switch with `--region`.",
        ]
    )
    assert repr(card) == str(card)
    html = card._repr_html_()
    for hop in told.hops:
        for setting in hop.settings:
            assert setting.where in html
    assert html.count("→") == 1
    assert told.problems == (
        Problem(
            says="`p` has no region. It doesn't inherit `us-west-2` of its source.",
            fix="Add `region = us-west-2` to it, or switch with `--region`.",
            fatal=False,
        ),
    )


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("--explain RoleBeta", "RoleBeta  ("),
        ("RoleBeta --explain", "RoleBeta  ("),
        ("--explain Nobody", "Nobody  (1 problem)"),
        ("--explain", "nothing  (1 problem)"),
    ],
)
def test_magic(shell: Shell, aws: EmbeddedAws, line: str, title: str) -> None:
    """%aws_profile --explain shows the card, and makes no call."""
    ran = shell.good(f"%aws_profile {line}")
    assert ran.text.startswith(title)
    assert "ipy-awsprofile-card" in ran.html
    assert aws.calls == []
    assert "session" not in shell.names


def test_magic_explains_the_active_profile(shell: Shell, aws: EmbeddedAws) -> None:
    """Without a name, the active profile is explained, with its session in the cache."""
    shell.good("%aws_profile RoleBeta")
    text = shell.good("%aws_profile --explain").text
    assert text.startswith("RoleBeta  (nothing in the way)")
    assert "The AWS CLI's cache has a session that is good until" in text


def test_magic_explains_the_region_of_the_switch(shell: Shell, aws: EmbeddedAws) -> None:
    """The Region that the active profile was switched to with goes before the file's."""
    shell.good("%aws_profile RoleBeta --region eu-north-1")
    lines = shell.good("%aws_profile --explain").text.splitlines()
    regions = [line.split() for line in lines if line.split()[:1] == ["region"]]
    assert ["region", "eu-north-1", "--region"] in regions
    assert any("--region goes first" in " ".join(words) for words in regions)


def test_magic_explains_a_role_without_a_profile(shell: Shell, aws: EmbeddedAws) -> None:
    """A role that was given by its ARN comes after the profile that assumes it."""
    shell.good(f"%aws_profile --role-arn {ROLE} --source-profile UserAlpha --region us-west-2")
    text = shell.good("%aws_profile --explain").text
    assert text.startswith(ROLE)
    assert f"→ {ROLE} (assume role: RoleBeta in 123456789012)" in text


@pytest.mark.parametrize(
    "line",
    [
        "--explain --off",
        "--explain --refresh",
        "--explain --pick",
        "--explain --login",
        "RoleBeta --explain --region us-west-2",
        "RoleBeta --explain --cell",
        "--explain --yes RoleBeta",
        "--explain --role-arn arn:aws:iam::1:role/x --source-profile UserAlpha",
    ],
)
def test_magic_refuses(shell: Shell, aws: EmbeddedAws, line: str) -> None:
    """--explain goes with a name and nothing else."""
    shell.refused(f"%aws_profile {line}")
