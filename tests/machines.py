"""Machines with random files and variables, most of which no switch works on.

Each has profiles of all kinds with random changes. A server that allows everything replaces AWS.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha1, sha256
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SETTINGS: dict[str, tuple[str, ...]] = {
    "aws_access_key_id": ("AKIAHUSH", "", "ÄKIA"),
    "aws_secret_access_key": ("hush", ""),
    "aws_session_token": ("hush", "", "hüsh"),
    "aws_security_token": ("hush", ""),
    "role_arn": ("arn:aws:iam::123456789012:role/R", "", "R"),
    "source_profile": ("p", "q", "r", "nobody", ""),
    "credential_source": ("Environment", "EcsContainer", "Ec2InstanceMetadata", "None", ""),
    "web_identity_token_file": ("token", "none", "empty", "binary", "."),
    "role_session_name": ("me", "", "a"),
    "external_id": ("ext", "", "a"),
    "mfa_serial": ("arn:aws:iam::123456789012:mfa/u", "", "arn:x"),
    "duration_seconds": ("3600", "", "x", "1"),
    "sso_account_id": ("123456789012", "", "1"),
    "sso_role_name": ("R", ""),
    "sso_session": ("corp", "none", ""),
    "sso_start_url": ("https://x", ""),
    "sso_region": ("us-east-1", "", "no region", "-"),
    "login_session": ("good", "none", "empty", "expired", ""),
    "credential_process": ("process", "none", "'", ""),
    "region": ("us-west-2", "", "no region"),
    "services": ("local", "none", ""),
    "ca_bundle": ("none", ""),
    "endpoint_url": ("", "nonsense"),
    "s3": ("\n  addressing_style = path", "x"),
    "use_fips_endpoint": ("maybe", "false"),
    "max_attempts": ("x", "0", "3", ""),
    "retry_mode": ("x", "standard", ""),
    "sts_regional_endpoints": ("x", "legacy", ""),
    "defaults_mode": ("x", "standard", "auto"),
    "request_checksum_calculation": ("x", "when_required"),
    "account_id_endpoint_mode": ("x", "disabled"),
    "request_min_compression_size_bytes": ("x", "-1"),
    "sdk_ua_app_id": ("lab", "ä b"),
    "api_versions": ("x", "\n  sts = 2011-06-15", "\n  sts = 1999-01-01"),
    "parameter_validation": ("x", "false"),
    "proxy_ca_bundle": ("none",),
    "metadata_service_timeout": ("x", "1"),
    "ec2_metadata_service_endpoint_mode": ("x", "ipv6"),
    "csm_enabled": ("true", "x"),
    "csm_port": ("x",),
    "session_tags": ("a=b", "a", "=b", ""),
    "transitive_session_tags": ("a", ""),
    "source_identity": ("me", "", "a"),
    "mfa_process": ("code", "none", "'", ""),
    "include_profile": ("q", "nobody", "p"),
}
VARIABLES: dict[str, tuple[str, ...]] = {
    "AWS_ACCESS_KEY_ID": ("AKIAHUSH", ""),
    "AWS_SECRET_ACCESS_KEY": ("hush", ""),
    "AWS_SESSION_TOKEN": ("hush", ""),
    "AWS_CREDENTIAL_EXPIRATION": ("2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "x", ""),
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": ("{server}", "http://example.com/", "x", ""),
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": ("x",),
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": ("hush", "hü", "a\nb", ""),
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": ("token", "none", "lines", ""),
    "AWS_CREDENTIAL_FILE": ("old", "none", "empty", "lines"),
    "BOTO_CONFIG": ("boto", "none", "empty", ""),
    "AWS_WEB_IDENTITY_TOKEN_FILE": ("token",),
    "AWS_DEFAULT_REGION": ("us-east-1", "no region", ""),
    "AWS_CA_BUNDLE": ("none", ""),
}
KEYS = {"aws_access_key_id": "AKIAHUSH", "aws_secret_access_key": "hush"}
ROLE = {"role_arn": "arn:aws:iam::123456789012:role/R", "region": "us-west-2"}
SSO = {"sso_account_id": "123456789012", "sso_role_name": "R"}
KINDS: list[dict[str, str]] = [
    {},
    KEYS,
    ROLE | {"source_profile": "q"},
    ROLE | {"source_profile": "p"} | KEYS,
    ROLE | {"source_profile": "q", "mfa_serial": "arn:aws:iam::123456789012:mfa/u"},
    *(ROLE | {"credential_source": each} for each in ("Environment", "EcsContainer")),
    ROLE | {"web_identity_token_file": "token"},
    SSO | {"sso_session": "corp"},
    SSO | {"sso_start_url": "https://x", "sso_region": "us-east-1"},
    {"login_session": "good"},
    {"credential_process": "process"},
]
OTHERS = st.sampled_from(
    [
        "",
        "[sso-session corp]\nsso_start_url = https://x\nsso_region = us-east-1\n",
        "[sso-session corp]\nsso_region = us-east-1\n",
        "[sso-session corp]\nsso_start_url = https://y\nsso_region = \n",
        "[services local]\nsts =\n  endpoint_url = \n",
        "[services local]\n",
    ]
)


@dataclass(frozen=True)
class Machine:
    """Two files, variables, and the state of the sign-ins."""

    config: str
    credentials: str
    environ: Mapping[str, str]
    token: str


def one_of(table: Mapping[str, tuple[str, ...]]) -> st.SearchStrategy[tuple[str, str]]:
    """Return a strategy for a name and one of its values."""
    return st.sampled_from(sorted(table)).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from(table[name]))
    )


@st.composite
def sections(draw: st.DrawFn) -> dict[str, str]:
    """Draw a profile of any kind, with random changes."""
    section = dict(draw(st.sampled_from(KINDS)))
    section.update(draw(st.lists(one_of(SETTINGS), max_size=2)))
    if section and draw(st.integers(0, 4)) == 0:
        del section[draw(st.sampled_from(sorted(section)))]
    return section


@st.composite
def machines(draw: st.DrawFn) -> Machine:
    """Draw random files with a profile `p`."""
    headers = st.sampled_from(
        [spelt.format(name) for name in "pqr" for spelt in ("profile {}", 'profile "{}"', "{}")]
    )
    config = {"profile p": draw(sections())} | draw(
        st.dictionaries(headers, sections(), max_size=3)
    )
    keys = st.one_of(st.just(KEYS), sections())
    credentials = draw(st.dictionaries(st.sampled_from("qrp"), keys, max_size=2))
    return Machine(
        config=written(config) + draw(OTHERS),
        credentials=written(credentials),
        environ=dict(draw(st.lists(one_of(VARIABLES), max_size=4))),
        token=draw(st.sampled_from(["good", "expired", "empty", "none"])),
    )


def written(content: Mapping[str, Mapping[str, str]]) -> str:
    """Return the text of a file with these sections."""
    return "".join(
        f"[{header}]\n" + "".join(f"{name} = {value}\n" for name, value in section.items())
        for header, section in content.items()
    )


PAST, LATER = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
#: Files in the machine's working directory.
FILES = {
    "token": "hush",
    "empty": "",
    "lines": "a\nb",
    "old": "AWSAccessKeyId=AKIA\nAWSSecretKey=hush\n",
    "boto": "[Credentials]\naws_access_key_id = AKIA\naws_secret_access_key = hush\n",
    "code": "#!/bin/sh\necho 123456\n",
    "process": "#!/bin/sh\n"
    """echo '{"Version": 1, "AccessKeyId": "AKIA", "SecretAccessKey": "hush"}'\n""",
}
ACCESS = {"accessKeyId": "A", "secretAccessKey": "s", "sessionToken": "t", "accountId": "1"}
RENEWAL = {"refreshToken": "t", "dpopKey": "k", "clientId": "c"}
LOGINS = {
    "good": {"accessToken": ACCESS | {"expiresAt": LATER}} | RENEWAL,
    "expired": {"accessToken": ACCESS | {"expiresAt": PAST}},
    "empty": {"accessToken": {"expiresAt": LATER}} | RENEWAL,
}
TOKENS = {
    "good": {"accessToken": "hush", "expiresAt": LATER},
    "expired": {"accessToken": "hush", "expiresAt": PAST},
    "empty": {},
}


@contextmanager
def running(machine: Machine, server: str) -> Iterator[None]:
    """Use the machine's files and variables, and the server as AWS."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        logins, tokens = home / ".aws/login/cache", home / ".aws/sso/cache"
        for cache in (logins, tokens):
            cache.mkdir(parents=True)
        own = {"config": machine.config, "credentials": machine.credentials}
        for name, text in (FILES | own).items():
            (home / name).write_text(text)
        for program in ("code", "process"):
            (home / program).chmod(0o700)
        (home / "binary").write_bytes(b"\xff\xfe")
        for session, document in LOGINS.items():
            file = logins / f"{sha256(session.encode()).hexdigest()}.json"
            file.write_text(json.dumps(document))
        for key in ("corp", "https://x") if machine.token in TOKENS else ():
            file = tokens / f"{sha1(key.encode(), usedforsecurity=False).hexdigest()}.json"
            file.write_text(json.dumps(TOKENS[machine.token]))
        variables = {
            "PATH": f"{os.environ['PATH']}:{folder}",
            "HOME": folder,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": f"{folder}/config",
            "AWS_SHARED_CREDENTIALS_FILE": f"{folder}/credentials",
            "AWS_ENDPOINT_URL": server,
            **{name: value.format(server=server) for name, value in machine.environ.items()},
        }
        before = Path.cwd()
        try:
            os.chdir(folder)
            with patch.dict(os.environ, variables, clear=True):
                yield
        finally:
            os.chdir(before)


def answer(sent: str) -> str:
    """Return the response of AWS, or of a container, to a request."""
    end = datetime.now(UTC) + timedelta(hours=2)
    keys = {"AccessKeyId": "ASIAHUSH", "SecretAccessKey": "hush", "SessionToken": "hush"}
    keys["Expiration"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
    if found := re.search(r"Action=(\w+)&", sent):
        action, arn = found[1], "<Arn>arn:aws:sts::123456789012:assumed-role/R/b</Arn>"
        xml = "".join(f"<{name}>{value}</{name}>" for name, value in keys.items())
        return (
            f"<{action}Response><{action}Result><Credentials>{xml}</Credentials><AssumedRoleUser>"
            f"<AssumedRoleId>A:b</AssumedRoleId>{arn}</AssumedRoleUser>{arn}<UserId>A:b</UserId>"
            f"</{action}Result></{action}Response>"
        )
    if "sso_bearer_token" in sent:
        role = {f"{name[0].lower()}{name[1:]}": value for name, value in keys.items()}
        return json.dumps({"roleCredentials": role | {"expiration": int(end.timestamp() * 1000)}})
    return json.dumps(keys | {"Token": "hush"})
