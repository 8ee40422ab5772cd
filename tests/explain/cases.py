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
}
