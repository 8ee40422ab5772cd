"""Valid and invalid profiles, with the expected explanation of each."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.explain.profiles import ASSUME, KEYS, REGION, ROLE, SIGN_IN, USER, P


@dataclass(frozen=True)
class Case:
    """The content of the files, and the expected explanation of the profile `p`.

    ``steps`` has the name, kind with detail, and place of each step. ``problems`` has words from
    each problem and from its fix; ``!`` marks a fatal problem.
    """

    config: str
    credentials: str = ""
    steps: tuple[str, ...] = ()
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
    "source with keys and a role": Case(
        f"{ASSUME}source_profile = q\n[profile q]\nrole_arn = {ROLE}\nsource_profile = u\n{KEYS}\n",
        USER,
        ("q|static keys|config:8", ASSUMED),
    ),
    "environment": Case(
        f"{ASSUME}credential_source = Environment\n",
        "",
        (
            "Environment|keys in environment variables|",
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
                "!`p` has no credentials",
                "Add keys, a role, SSO or a credential_process. See config:1",
            ),
        ),
    ),
    "nothing, in a container": Case(
        f"{P}",
        "",
        ("EcsContainer|container credentials|", "p|no credentials|config:1"),
        (("`p` has no credentials", "Add keys"),),
        environ={"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/"},
    ),
    "nothing, perhaps on an instance": Case(
        P,
        "",
        ("Ec2InstanceMetadata|instance metadata|", "p|no credentials|config:1"),
        (("`p` has no credentials", "Add keys"),),
        environ={"AWS_EC2_METADATA_DISABLED": "false"},
    ),
    "role of a process in a container": Case(
        f"{ASSUME}source_profile = q\n[profile q]\ncredential_process = ls -l\n",
        "",
        ("q|credential process: ls|config:5", ASSUMED),
        environ={"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/"},
    ),
    "header without profile": Case(
        "\n[p]\n",
        "",
        ("p|not found|",),
        (("![p] in the config file isn't the profile", "[profile p]. See config:2"),),
    ),
    "header without profile, and keys": Case(
        f"[p]\n{REGION}",
        f"[p]\n{KEYS}\n{REGION}",
        ("p|static keys|credentials:2",),
        (("[p] in the config file isn't the profile", "Write [profile p]. See config:1"),),
    ),
    "source without profile in its header": Case(
        f"{ASSUME}source_profile = u\n[u]\n{KEYS}\n",
        "",
        (ASSUMED,),
        (("![u] in the config file", "See config:5"),),
    ),
    "header with a capital letter": Case(
        f"[Profile p]\n{REGION}",
        "",
        ("p|not found|",),
        (("![Profile p] in the config file isn't the profile", "[profile p]. See config:1"),),
    ),
    "header of the other file": Case(
        P,
        f"[profile p]\n{KEYS}\n",
        ("p|no credentials|config:1",),
        (("![profile p] in the credentials file isn't", "Write [p]. See credentials:1"),),
    ),
    "sections that another spelling replaces": Case(
        f"[profile p]\nrole_arn = {ROLE}\n[profile  \"p\"]\n[profile 'p']\nregion = us-west-2\n"
        "sso_session = corp\nsso_account_id = 123456789012\nsso_role_name = R\nservices = local\n"
        "[sso-session corp]\nsso_start_url = https://x\nhush = hush\n"
        '[services "local"]\nhush =\n  hush = hush\n'
        '[sso-session "corp"]\nsso_start_url = https://y\nsso_region = us-east-1\n'
        "[services local]\nsts =\n  a = b\n",
        "",
        ("p|SSO: R in 123456789012|config:4",),
        (
            ("!You aren't signed in: no SSO token", "--login"),
            ("[profile p] isn't read: config:4 has the same", "Move role_arn there. See config:1"),
            ('[profile "p"] isn\'t read: config:4 has the same', "Remove it. See config:3"),
            ("[sso-session corp] isn't read: config:16", "Move sso_start_url there. See config:10"),
            ('[services "local"] isn\'t read: config:19', "Remove it. See config:13"),
        ),
    ),
    "loop": Case(
        f"{ASSUME}source_profile = q\n[profile q]\nrole_arn = {ROLE}\nsource_profile = p\n",
        "",
        (
            "q|assume role: RoleBeta in 123456789012|config:5",
            ASSUMED,
        ),
        (("!form a loop: p ← q ← p", "line 5"),),
    ),
    "block": Case(
        f"{ASSUME}source_profile = u\nduration_seconds =\n  a = b\n",
        USER,
        (USER_KEYS, ASSUMED),
        (("!`duration_seconds` is an indented block", "Write it on one line. See config:5"),),
    ),
    "comments": Case(
        f"[profile p]  # mine\nregion = us-west-2  # Oregon\nrole_arn = {ROLE} ; a role\n"
        "source_profile = u\n",
        USER,
        (USER_KEYS, ASSUMED.replace("RoleBeta", "RoleBeta ; a role")),
        (
            ("!`region` includes a comment", "Move the comment to its own line. See config:2"),
            ("!`role_arn` includes a comment", "Move the comment to its own line. See config:3"),
        ),
    ),
    "misspelled Region": Case(
        "[profile p]\nregion = us-wst-2\n",
        f"[p]\n{KEYS}\n",
        ("p|static keys|credentials:2",),
        (
            (
                "botocore doesn't know the Region `us-wst-2`",
                "Did you mean `us-west-2` or `us-west-1` or `us-east-2`? See config:2",
            ),
        ),
    ),
    "strange Region": Case(
        "[profile p]\nregion = us-west-2\n",
        f"[p]\n{KEYS}\n",
        ("p|static keys|credentials:2",),
        (("!`mars` isn't an AWS Region", "Example: us-east-1. See `AWS_DEFAULT_REGION`"),),
        environ={"AWS_DEFAULT_REGION": "mars"},
    ),
    "strange Region of another server": Case(
        "[profile p]\nregion = garage\nendpoint_url = http://127.0.0.1:1\n",
        f"[p]\n{KEYS}\n",
        ("p|static keys|credentials:2",),
    ),
    "misspelled": Case(
        f"{P}rolearn = {ROLE}\nsource-profile = u\n",
        USER,
        ("p|no credentials|config:1",),
        (
            ("!`rolearn` isn't an AWS setting", "Did you mean `role_arn`? See config:3"),
            (
                "!`source-profile` isn't an AWS setting",
                "Did you mean `source_profile`? See config:4",
            ),
        ),
    ),
    "misspelled secret": Case(
        f"{P}",
        "[p]\naws_access_key_id = AKIAHUSH\naws_secret_acess_key = hush\n",
        ("p|no credentials|config:1",),
        (
            (
                "!`aws_secret_acess_key` isn't an AWS setting",
                "Did you mean `aws_secret_access_key`?",
            ),
        ),
    ),
    "SSO without a start URL": Case(
        f"{SIGN_IN}sso_session = corp\n"
        "[sso-session corp]\nsso_start_ur = https://x\nsso_region = eu-west-1\n",
        "",
        ("p|SSO: R in 123456789012|config:1",),
        (("!`sso_start_ur` isn't an AWS setting", "Did you mean `sso_start_url`? See config:7"),),
    ),
    "a role's name that none can have": Case(
        f"{P}sso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Read only\n"
        "[sso-session corp]\nsso_start_url = https://x\nsso_region = us-east-1\n",
        "",
        ("p|SSO: Read only in 123456789012|config:1",),
        (
            ("!The `sso_role_name` isn't the name of a role", "at most 64 letters"),
            ("!You aren't signed in: no SSO token", "--login"),
        ),
    ),
    "alone": Case(
        f"{P}sso_session = corp\nexternal_id = hush\nendpoint_url = http://127.0.0.1:1?t=hush\n"
        "[sso-session corp]\nsso_start_url = https://x?t=hush\nsso_region = us-east-1\n",
        "",
        ("p|no credentials|config:1",),
        (("!`p` has no credentials, only sso_session, external_id", "Add keys"),),
    ),
    "half a pair of keys before a whole one": Case(
        f"{P}{KEYS}\n",
        "[p]\naws_access_key_id = AKIAHUSH\n",
        ("p|no credentials|config:1",),
        (("!The two access-key settings are in different files", "See credentials:2"),),
    ),
    "empty token file beside a source": Case(
        f"{ASSUME}source_profile = u\nweb_identity_token_file =\n",
        USER,
        ("p|no credentials|config:1",),
        (("!`p` has no credentials, only role_arn, source_profile, web_id", "Add keys"),),
    ),
    "empty settings of a role": Case(
        f"{ASSUME}source_profile = u\nmfa_serial =\nexternal_id =\nrole_session_name =\n",
        USER,
        (USER_KEYS, ASSUMED),
        (
            ("!`` isn't an MFA device that generates codes", "See config:5"),
            ("!`` isn't a valid external_id", "See config:6"),
        ),
    ),
    "expired keys in variables": Case(
        f"{ASSUME}credential_source = Environment\n",
        "",
        ("Environment|keys in environment variables|", SOURCED),
        (("!The keys in environment variables expired at 2020-01-01 00:00:00 UTC", "Get new"),),
        environ={
            "AWS_ACCESS_KEY_ID": "AKIAHUSH",
            "AWS_SECRET_ACCESS_KEY": "hush",
            "AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z",
        },
    ),
    "missing CA bundle and services": Case(
        f"{P}{KEYS}\nca_bundle = /no/such.pem\nservices = nowhere\n",
        "",
        ("p|static keys|config:3",),
        (
            ("!There is no [services nowhere].", "See config:6"),
            ("!`ca_bundle` doesn't name an existing file", "config:5"),
        ),
    ),
    "impossible port": Case(
        f"{P}{KEYS}\nendpoint_url = http://127.0.0.1:99999\n",
        "",
        ("p|static keys|config:3",),
        (("!botocore can't use `endpoint_url`: Port out of range", "config:5"),),
    ),
    "nested services": Case(
        f"{P}{KEYS}\nca_bundle = /no/such.pem\nservices =\n  endpoint_url = x\n",
        "",
        ("p|static keys|config:3",),
        (
            ("!`services` is an indented block", "config:6"),
            ("!`ca_bundle` doesn't name an existing file", "config:5"),
        ),
    ),
    "certificates": Case(
        f"{P}ca_bundle = /no/such.pem\n",
        f"[p]\n{KEYS}\n",
        ("p|static keys|credentials:2",),
        (("!`ca_bundle` doesn't name an existing file: /no/such.pem", "See config:3"),),
    ),
    "certificates with an impossible name": Case(
        f"{P}ca_bundle = {'x' * 5000}\n",
        f"[p]\n{KEYS}\n",
        ("p|static keys|credentials:2",),
        (("!`ca_bundle` doesn't name an existing file: xxx", "See config:3"),),
    ),
    "nobody signed in": Case(
        f"{P}login_session = arn:aws:iam::1:user/u\n",
        "",
        ("p|login session|config:1",),
        (("!You aren't signed in: no login session", "aws login --profile p"),),
    ),
    "missing token file": Case(
        f"{ASSUME}web_identity_token_file = ~/none\n",
        "",
        ("p|web identity: RoleBeta in 123456789012|config:1",),
        (("!No token file exists at `~/none`. A `~` in it isn't expanded", "See config:4"),),
    ),
    "missing program": Case(
        f"{P}credential_process = no-such-program --token hush\n",
        "",
        ("p|credential process: no-such-program|config:1",),
        (("!There is no program `no-such-program`", "its full path. See config:3"),),
    ),
    "invalid command": Case(
        f'[profile p]\n{REGION}credential_process = "hush\n',
        "",
        ("p|credential process|config:1",),
        (("!`credential_process` isn't a valid command", "See config:3"),),
    ),
    "a setting that no client can have": Case(
        f"{P}{KEYS}\nmax_attempts = 3\naccount_id_endpoint_mode = x\n",
        "",
        ("p|static keys|config:3",),
        (
            (
                "!botocore can't use `account_id_endpoint_mode`: The configured value 'x'",
                "Correct it. See config:6",
            ),
        ),
    ),
    "a setting that isn't a number": Case(
        f"{P}{KEYS}\nmetadata_service_timeout = x\n",
        "",
        ("p|static keys|config:3",),
        (("!botocore can't use `metadata_service_timeout`: invalid literal", "See config:5"),),
    ),
    "a setting of S3 that isn't a block": Case(
        f"{P}{KEYS}\ns3 = x\n",
        "",
        ("p|static keys|config:3",),
        (("!botocore can't use `s3`.", "Correct it. See config:5"),),
    ),
    "a text instead of a block": Case(
        f"{P}{KEYS}\napi_versions = x\n",
        "",
        ("p|static keys|config:3",),
        (("!botocore can't use `api_versions`.", "Correct it. See config:5"),),
    ),
    "a variable that no client can have": Case(
        f"{P}{KEYS}\n",
        "",
        ("p|static keys|config:3",),
        (
            (
                "!botocore can't create a client for `p`: STS regional endpoints option x",
                "the environment variables that begin with AWS_",
            ),
        ),
        environ={"AWS_STS_REGIONAL_ENDPOINTS": "x"},
    ),
    "tags": Case(
        f"{ASSUME}source_profile = u\nsession_tags = red\n",
        USER,
        (USER_KEYS, ASSUMED),
        (("!The session_tags of `p` are invalid", "line 1."),),
    ),
    "missing program for MFA codes": Case(
        f"{ASSUME}source_profile = u\nmfa_serial = arn:aws:iam::123456789012:mfa/u\n"
        "mfa_process = no-such-program hush\n",
        USER,
        (USER_KEYS, ASSUMED),
        (("!There is no program `no-such-program`", "its full path. See config:6"),),
    ),
    "invalid command for MFA codes": Case(
        f"{ASSUME}source_profile = u\nmfa_serial = arn:aws:iam::123456789012:mfa/u\n"
        "mfa_process = '\n",
        USER,
        (USER_KEYS, ASSUMED),
        (("!`mfa_process` isn't a valid command", "See config:6"),),
    ),
    "command for MFA codes that a shell knows": Case(
        f"{ASSUME}source_profile = u\nmfa_serial = arn:aws:iam::123456789012:mfa/u\n"
        "mfa_process = TOKEN=hush source ~/hush\n",
        USER,
        (USER_KEYS, ASSUMED),
    ),
    "no Region for a web identity": Case(
        f"[profile p]\nrole_arn = {ROLE}\nweb_identity_token_file = /dev/null\n"
        "duration_seconds = 1\nendpoint_url = http://127.0.0.1:1\n",
        "",
        ("p|web identity: RoleBeta in 123456789012|config:1",),
        (
            ("!No token file exists", "See config:3"),
            ("`p` has no Region", "--region"),
        ),
    ),
    "SSO with an empty sso_session": Case(
        f"{SIGN_IN}sso_session =\nsso_start_url = https://x\nsso_region = us-east-1\n",
        "",
        ("p|SSO: R in 123456789012|config:1",),
        (("!`sso_session` is empty", "See config:5"),),
    ),
    "half a pair of keys in a container": Case(
        f"{P}aws_secret_access_key = hush\n",
        "",
        ("EcsContainer|container credentials|", "p|no credentials|config:1"),
        (("`aws_secret_access_key` is set, but `aws_access_key_id` isn't", "See config:3"),),
        environ={"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/"},
    ),
    "missing services": Case(
        f"{P}{KEYS}\nservices = lcal\n[services local]\ns3 =\n  a = b\n",
        "",
        ("p|static keys|config:3",),
        (("!There is no [services lcal]", "Did you mean `local`?"),),
    ),
    "missing services that aren't read": Case(
        f"{P}{KEYS}\nservices = lcal\n",
        "",
        ("p|static keys|config:3",),
        (("There is no [services lcal]", "See config:5"),),
        environ={"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
    ),
    "no ARN, no device, no duration": Case(
        f"{P}role_arn = RoleBeta\nsource_profile = u\nmfa_serial = me\nduration_seconds = 1h\n",
        USER,
        (USER_KEYS, "p|assume role: RoleBeta|config:1"),
        (
            ("!`RoleBeta` isn't a role ARN", "See config:3"),
            ("!`me` isn't an MFA device", "See config:5"),
            ("`1h` isn't a number of seconds", "See config:6"),
        ),
    ),
}
