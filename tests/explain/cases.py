"""Profiles, right and wrong, and what the explanation of each has to say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.explain.profiles import ASSUME, KEYS, REGION, ROLE, SIGN_IN, USER, P

if TYPE_CHECKING:
    pass


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
