"""A request: its options, and the target with its role chain and what STS is given for it."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from ipy_awsprofile import across_profiles, open_session, using_profile
from ipy_awsprofile.config.parameters import PARAMETERS, seconds
from ipy_awsprofile.config.policies import NOT_READS_OF_ROLES, read_only_policy
from ipy_awsprofile.config.profiles import NOT_PROFILES, SOURCES
from ipy_awsprofile.config.regions import is_aws
from ipy_awsprofile.config.request import SessionRequest, SwitchRequest, options_of
from ipy_awsprofile.config.target import Target, target_of
from ipy_awsprofile.errors import AwsProfileError, InvalidOption, InvalidProfile, ProfileNotFound

Files = tuple[Path, Path]


KEYS = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = hush-hush\n"
PHONE = "arn:aws:iam::111111111111:mfa/phone"
ROLE = "arn:aws:iam::123456789012:role/R"
ARN = "arn:aws:iam::123456789012:role/Other"
CONFIG = f"""
[profile keys]
region = eu-north-1
endpoint_url = http://127.0.0.1:9
s3 =
  addressing_style = path
output = json
mfa_serial = {PHONE}
{KEYS}
[profile bare]
{KEYS}
[profile role]
role_arn = {ROLE}
source_profile = keys
region = eu-west-1
external_id = from-file
[profile tagged]
role_arn = {ROLE}
source_profile = role
session_tags = team=red,site=Ulm
transitive_session_tags = team
source_identity = ann
[profile china]
role_arn = arn:aws-cn:iam::123456789012:role/R
source_profile = keys
[profile web]
role_arn = {ROLE}
web_identity_token_file = /token
[profile sso]
sso_account_id = 123456789012
sso_role_name = R
sso_session = corp
[profile process]
credential_process = true
[profile login]
login_session = arn:aws:iam::123456789012:user/u
[sso-session corp]
sso_start_url = https://example.awsapps.com/start
sso_region = eu-central-1
"""
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
API_KEYS = ("apikeys", "apikeys/*", "usageplans/*/keys", "usageplans/*/keys/*")
DENIED = {"Effect": "Deny", "Action": NOT_READS_OF_ROLES, "Resource": "*"}
OF_APIS = [f"arn:aws:apigateway:*::/{path}" for path in API_KEYS]
KEYS_OF_APIS = {"Effect": "Deny", "Action": "apigateway:GET", "Resource": OF_APIS}
STATEMENTS = {"Version": "2012-10-17", "Statement": [DENIED, KEYS_OF_APIS]}
DENIALS = json.dumps(STATEMENTS, separators=(",", ":"))


@pytest.fixture
def config(shared_files: Files) -> Path:
    """Write a config file with a profile of each kind."""
    shared_files[0].write_text(CONFIG)
    return shared_files[0]


def target(profile: str | None = None, **options: Any) -> Target:
    """Return the target of a request with these options."""
    return target_of(SessionRequest(profile=profile, **options))


def settings_of(each: Target) -> dict[str, Any]:
    """Return the settings that botocore reads for the target's profile."""
    unknown = {each.setting for each in PARAMETERS.values() if not each.is_read_by_botocore}
    settings = each.full_config()["profiles"][each.name]
    return {name: settings[name] for name in settings if name not in unknown}


def parameters_of(each: Target) -> dict[str, Any]:
    """Return the parameters that are added to botocore's call of AssumeRole."""
    role_arn = str(each.chain[0].role_arn)
    return {"RoleArn": role_arn, **each.parameters.get(role_arn, {})}


#: A value for each option of a session, for which the notebook does nothing else.
SAMPLES: dict[str, Any] = {
    "region": "eu-west-3",
    "duration": "30m",
    "session_name": "me",
    "external_id": "x/1",
    "policy": READ_ONLY,
    "role_arn": ARN,
    "source_profile": "keys",
    "default": True,
    "account": "123456789012",
    "role": "R",
    "sso": "corp",
    "read_only": True,
    "mfa": True,
}


@pytest.mark.usefixtures("config")
def test_each_option() -> None:
    """Each option of a session has a help text, and changes the target or is refused."""
    declared = options_of(SessionRequest)
    # `write` changes only whether the patterns of `read_only` limit the session.
    assert declared.keys() - {"write"} == SAMPLES.keys()
    plain = target("role")
    for name, value in SAMPLES.items():
        assert declared[name].help
        try:
            other = target("role", **{name: value})
        except AwsProfileError:
            continue
        assert (other.region, settings_of(other), parameters_of(other)) != (
            plain.region,
            settings_of(plain),
            parameters_of(plain),
        ), name


@pytest.mark.parametrize(
    ("options", "settings", "parameters"),
    [
        ({"duration": "15m"}, {"duration_seconds": "900"}, {}),
        ({"session_name": "me"}, {"role_session_name": "me"}, {}),
        ({"default_session_name": "me"}, {"role_session_name": "me"}, {}),
        ({"external_id": "x/1"}, {"external_id": "x/1"}, {}),
        ({"source_identity": "ann"}, {}, {"SourceIdentity": "ann"}),
        ({"tags": (("a", "b"),)}, {}, {"Tags": [{"Key": "a", "Value": "b"}]}),
        ({"transitive_tags": ("a", "b")}, {}, {"TransitiveTagKeys": ["a", "b"]}),
        ({"read_only": True}, {}, {"PolicyArns": [{"arn": READ_ONLY}], "Policy": DENIALS}),
        ({"policy": READ_ONLY}, {}, {"PolicyArns": [{"arn": READ_ONLY}]}),
    ],
)
@pytest.mark.usefixtures("config")
def test_options_of_a_role(
    options: dict[str, Any], settings: dict[str, str], parameters: dict[str, Any]
) -> None:
    """Each option replaces the role's setting, or becomes a parameter of AssumeRole."""
    ours = target("role", **options)
    assert settings_of(ours) == settings_of(target("role")) | settings
    assert parameters_of(ours) == {"RoleArn": ROLE} | parameters
    assert (ours.scope, ours.mfa) == ({}, {})


def test_settings_of_a_role(config: Path) -> None:
    """The settings of a role, such as aws-vault's tags, are parameters that options add to."""
    ours = target("tagged", tags=(("site", "Bonn"),), source_identity="bob")
    assert ours.names == ("tagged", "role", "keys")
    assert parameters_of(ours) == {
        "RoleArn": ROLE,
        "SourceIdentity": "bob",
        "Tags": [{"Key": "team", "Value": "red"}, {"Key": "site", "Value": "Bonn"}],
        "TransitiveTagKeys": ["team"],
    }
    policy = parameters_of(target("china", read_only=True))["PolicyArns"]
    assert policy == [{"arn": "arn:aws-cn:iam::aws:policy/ReadOnlyAccess"}]
    config.write_text(CONFIG.replace("team=red,", "team,"))
    with pytest.raises(InvalidProfile, match="The session_tags of `tagged` is invalid") as caught:
        target("tagged")
    assert "Use KEY=VALUE" in caught.value.hint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"profile": "keys", "duration": "1 x"}, "`1 x` isn't a valid duration_seconds"),
        ({"profile": "keys", "duration": ""}, "`duration` is empty."),
        ({"profile": "keys", "region": ""}, "`region` is empty."),
        (
            {"profile": "role", "mfa": True},
            "--mfa is for long-term keys, but `role` assumes a role.",
        ),
        ({"profile": "role", "policy": ""}, "`policy` is empty."),
        ({"profile": "role", "policy": "/x.json"}, "x.json` can't be read: [Errno 2] No such"),
        ({"profile": "role", "read_only": True, "policy": READ_ONLY}, "can't be combined"),
        ({"profile": "keys", "policy": READ_ONLY}, "can limit only the session of a role"),
        ({"role_arn": ARN, "source_profile": "nobody"}, "There is no profile `nobody`"),
        ({}, "Use exactly one of"),
    ],
)
@pytest.mark.usefixtures("config")
def test_invalid_requests(options: dict[str, Any], message: str) -> None:
    """An option with a mistake, or a wrong combination, is one error before any call."""
    with pytest.raises(AwsProfileError) as caught:
        target(**options)
    assert message in str(caught.value)
    assert isinstance(caught.value, InvalidOption | ProfileNotFound)


@pytest.mark.parametrize("name", ["keys", "sso", "process", "login", "web"])
@pytest.mark.usefixtures("config")
def test_other_profiles(name: str, tmp_path: Path) -> None:
    """Without AssumeRole, GetScopedCredentials limits a session, and it has no tags or names."""
    (file := tmp_path / "policy.json").write_text('{"Statement": []}')
    assert target(name).scope == target(name).parameters == {}
    assert target(name, duration="36h").scope == {"DurationSeconds": 129600}
    assert target(name, read_only=True).scope == {"Policy": read_only_policy()}
    assert target(name, policy=str(file)).scope == {"Policy": '{"Statement":[]}'}
    others = {"external_id": "xy", "tags": (("a", "b"),), "session_name": "me"}
    if name == "web":
        named = target(name, session_name=others.pop("session_name"))
        assert settings_of(named)["role_session_name"] == "me"
    for option, refused in others.items():
        with pytest.raises(InvalidOption, match=f"`{name}` doesn't assume a role"):
            target(name, **{option: refused})


def test_durations() -> None:
    """A duration can be written in several ways, and the error for others has examples."""
    for duration in (900, 900.9, timedelta(minutes=15), "15m", "900", "0h15m"):
        assert seconds(duration) == 900
    for other in ("", "soon", "1.5h"):
        with pytest.raises(ValueError, match="3600, 90m, 1h or, in Python, a timedelta"):
            seconds(other)


@pytest.mark.parametrize(
    ("profile", "lines", "command"),
    [
        ("keys", {"keys": "own", "default": "shared"}, "own"),
        ("keys", {"default": "shared"}, "shared"),
        ("keys", {}, None),
        ("guarded", {"guarded": "own", "default": "shared"}, "own"),
        ("guarded", {"default": "shared"}, "shared"),
        ("guarded", {}, None),
    ],
)
def test_mfa(config: Path, profile: str, lines: dict[str, str], command: str | None) -> None:
    """Codes come from the command of the device's profile or of [default], or from the user."""
    text = f"{CONFIG}[profile guarded]\nrole_arn = {ROLE}\nsource_profile = bare\n"
    text += f"mfa_serial = {PHONE}\n[profile default]\n"
    for name, program in lines.items():
        header = f"[profile {name}]\n"
        text = text.replace(header, f"{header}mfa_process = {program}\n")
    config.write_text(text)
    ours = target(profile, mfa=profile == "keys", duration=7200)
    assert (ours.mfa_process(PHONE), ours.renews_unattended) == (command, bool(command))
    lasts = {"SerialNumber": PHONE, "DurationSeconds": 7200}
    assert (ours.mfa, ours.scope) == (lasts if profile == "keys" else {}, {})
    assert target("keys").renews_unattended
    assert target("role").renews_unattended


@pytest.mark.usefixtures("config")
def test_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """An option beats AWS_DEFAULT_REGION, which beats the profile; other servers have any name."""
    assert target("keys").foreign_sts == "http://127.0.0.1:9"
    for option, variable, profile, region in (
        ("ap-south-1", "us-east-2", "role", "ap-south-1"),
        (None, "us-east-2", "role", "us-east-2"),
        (None, "", "role", "eu-west-1"),
        (None, "", "bare", None),
        ("mars", "", "keys", "mars"),
    ):
        monkeypatch.setenv("AWS_DEFAULT_REGION", variable)
        assert target(profile, region=option).region == region
        assert target(role_arn=ARN, source_profile=profile, region=option).region == region


# --- Default credentials ---

ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "x"}
CONTAINER = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials"}
TOKEN = {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}
DEFAULT = f"[default]\n{KEYS}region = eu-west-1\n"
DEFAULT_ROLE = f"[default]\nrole_arn = {ROLE}\nsource_profile = dev\n"
DEV = f"[profile dev]\n{KEYS}"


#: The config file, the environment, and the credential_source or the names of the chain.
DEFAULTS: list[tuple[str, dict[str, str], str | tuple[str, ...]]] = [
    (DEFAULT + DEV, {"AWS_PROFILE": "dev"}, ("dev",)),
    (DEV, ENVIRONMENT | {"AWS_PROFILE": "dev"}, "Environment"),
    (DEFAULT, ENVIRONMENT | TOKEN | CONTAINER, "Environment"),
    (DEFAULT_ROLE + DEV, TOKEN, ("default", "dev")),
    (DEFAULT, TOKEN, ("web identity token",)),
    ("[default]\nregion = eu-west-1\n", CONTAINER, "EcsContainer"),
    ("", {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/"}, "EcsContainer"),
    ("", {}, "Ec2InstanceMetadata"),
]


@pytest.mark.parametrize(("text", "environment", "source"), DEFAULTS)
def test_default_credentials(
    shared_files: Files, monkeypatch: pytest.MonkeyPatch, text: str, environment: Any, source: Any
) -> None:
    """The default credentials are of the source that comes first in botocore.

    Without a source profile, they assume a role that is given by its ARN.
    """
    shared_files[0].write_text(text)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    ours, by_arn = target(default=True), target(role_arn=ARN)
    names = (SOURCES[source],) if isinstance(source, str) else source
    assert ours.names == names
    assert (names[0] in NOT_PROFILES) is (names[0] not in {"default", "dev"})
    assert by_arn.names == ((ARN,) if isinstance(source, str) else (ARN, *names))
    assert by_arn.chain[0].credential_source == (source if isinstance(source, str) else None)
    assert by_arn.region == ours.region


def test_settings_of_default_credentials(
    shared_files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS_REGION, which ECS, EKS and Lambda set, is the default after the files' Region."""
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    assert target(default=True).region == target(role_arn=ARN).region == "ap-south-1"
    shared_files[0].write_text("[default]\nregion = eu-west-1\nendpoint_url = http://127.0.0.1:9\n")
    ours = target(default=True)
    assert ours.region == "eu-west-1"
    assert ours.chain[0].settings["endpoint_url"] == "http://127.0.0.1:9"
    monkeypatch.setenv("AWS_PROFILE", "nowhere")
    with pytest.raises(ProfileNotFound, match="nowhere"):
        target(default=True)


# --- Stores ---

STORE = "https://s3.fr-par.scw.cloud"
STORES = f"""
[default]
region = auto
[profile named]
region = fr-par
services = store
[profile all]
region = fr-par
endpoint_url = {STORE}
[profile with-sts]
services = with-sts
[profile private]
services = private
[profile ignoring]
services = store
ignore_configured_endpoint_urls = true
[profile plain]
region = eu-west-1
[profile role]
role_arn = {ARN}
source_profile = named
services = store
[services store]
s3 =
  endpoint_url = {STORE}/
[services with-sts]
s3 =
  endpoint_url = {STORE}
sts =
  endpoint_url = https://sts.example.com
[services private]
s3 =
  endpoint_url = https://bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com
"""
PROFILES = ("named", "all", "with-sts", "private", "ignoring", "plain")


@pytest.fixture
def stores(shared_files: Files) -> None:
    """Write profiles with keys that differ in their endpoints."""
    shared_files[0].write_text(STORES)
    keys = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = hush\n"
    shared_files[1].write_text("".join(f"[{name}]\n{keys}" for name in PROFILES))


@pytest.mark.usefixtures("stores")
def test_keys_of_a_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys with a foreign S3 endpoint and no STS endpoint belong to a store."""
    assert {name: target(name).store for name in (*PROFILES, "role") if target(name).store} == {
        "named": STORE
    }
    assert target("named").unknown_region == target("all").unknown_region == ""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", STORE)
    assert target("plain").store == STORE
    assert target("role").store == target("with-sts").store == ""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tid")
    monkeypatch.setenv("AWS_REGION", "auto")
    assert (target(default=True).store, target(default=True).region) == (STORE, "auto")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "https://sts.example.com")
    assert target("plain").store == target(default=True).store == ""


def test_hosts() -> None:
    """AWS's own endpoints are recognized by their domains."""
    for host in ("sts.us-west-2.amazonaws.com", "sts.cn-north-1.amazonaws.com.cn", "s3.x.api.aws"):
        assert is_aws(f"https://{host}")
    for host in ("127.0.0.1:4566", "amazonaws.com.example.com"):
        assert not is_aws(f"https://{host}")


# --- Options in Python ---


def test_signatures() -> None:
    """Every option is a keyword of the Python functions, with the same default."""
    for function, request in ((using_profile, SwitchRequest), (open_session, SessionRequest)):
        keywords = signature(function).parameters
        assert next(iter(keywords)) == "profile"
        for name, option in options_of(request).items():
            assert keywords[name].default == option.default
    many = signature(across_profiles).parameters
    for name in ("confirmed", "policy", "read_only", "write"):
        assert many[name].default == options_of(SwitchRequest)[name].default


def test_values_from_python() -> None:
    """Tags can be a dict or a text, and a name that can't be a profile's or a variable's isn't."""
    assert SessionRequest(tags={"team": "red"}) == SessionRequest(tags=[("team", "red")])
    assert SessionRequest(tags="team=red") == SessionRequest(tags=["team=red"])
    assert SessionRequest(transitive_tags="team") == SessionRequest(transitive_tags=["team"])
    for wrong in ({"profile": 3}, {"variable": "1x"}, {"variable": "class"}):
        with pytest.raises(InvalidOption):
            SwitchRequest(**wrong)


#: Arguments of the wrong type, and what the error says.
WRONG_TYPES: dict[str, tuple[dict[str, Any], str]] = {
    "timeout": ({"timeout": "5"}, "`timeout` must be a number of seconds, not a value of type str"),
    "a flag": ({"timeout": True}, "`timeout` must be a number of seconds, not a value of type bo"),
    "region": ({"region": ["us-east-1"]}, "`region` must be a string, not a value of type list"),
    "read_only": ({"read_only": "no"}, "`read_only` must be True or False, not a value of type s"),
    "fresh": ({"fresh": 1}, "`fresh` must be True or False, not a value of type int"),
    "policy": ({"policy": {"Statement": []}}, "`policy` must be the path of a JSON file, or a"),
    "duration": ({"duration": [900]}, "`duration` must be a number of seconds, a timedelta, or"),
    "account": ({"account": 1.5, "role": "R"}, "`account` must be an account ID, a string or an"),
}


@pytest.mark.parametrize("name", WRONG_TYPES)
@pytest.mark.usefixtures("config")
def test_types_from_python(name: str) -> None:
    """An argument of the wrong type is refused with the parameter's name and its type."""
    options, says = WRONG_TYPES[name]
    with pytest.raises(InvalidOption) as caught:
        open_session(None if "account" in options else "keys", **options)
    assert str(caught.value).startswith(says)
    if name == "policy":
        assert "`with scoped(NAME, policy=POLICY):`" in caught.value.hint


@pytest.mark.parametrize(
    ("function", "wrong", "hint"),
    [
        (open_session, "expect_account", "`using_profile` has the parameter `expect_account`."),
        (open_session, "as_", "`using_profile` has the parameter `variable`."),
        (open_session, "acount", "Did you mean `account`?"),
        (using_profile, "timeout", "`open_session` has the parameter `timeout`."),
        (using_profile, "as_", "Did you mean `variable`?"),
        (using_profile, "yes", "Did you mean `confirmed`?"),
        (using_profile, "readonly", "Did you mean `read_only`?"),
    ],
)
def test_parameters_of_other_functions(function: Any, wrong: str, hint: str) -> None:
    """The hint for an unknown parameter names a parameter that a function has."""
    with pytest.raises(InvalidOption) as caught:
        function("keys", **{wrong: "x"})
    assert caught.value.hint == hint
    functions = {each.__name__: each for each in (open_session, using_profile)}
    *other, parameter = re.findall("`(.+?)`", hint)
    named = functions[other[0]] if other else function
    assert parameter in signature(named).parameters
