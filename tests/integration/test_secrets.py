"""No secret is in an output, a log, a repr or a saved notebook, and files with secrets are private.

Only short-lived credentials leave the kernel.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import pprint
import re
import subprocess
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from ipy_awsprofile import (
    libraries,
    list_assigned_roles,
    list_buckets,
    list_profiles,
    open_session,
    scoped,
    who_am_i,
)
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, USER_ACCOUNT, Scenario, allow, trusting
from tests.aws import EmbeddedAws
from tests.identity_center import PROD, organisation
from tests.local_browser import Browser
from tests.processes import is_private
from tests.shells import Shell, run_notebook

WRONG_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
WRONG_CODE = "918273"

#: A day in a notebook, with a mistake of every kind. The cells themselves contain no secret.
CELLS = (
    "%load_ext ipy_awsprofile",
    "%xmode Verbose",
    "import os\nfrom ipy_awsprofile import *",
    "%aws_profiles",
    "%aws_profile --explain WrongSecret",
    "%aws_calls on",
    "%aws_profile RoleBeta",
    "session",
    "list_buckets(session)",
    "list_profiles()",
    "who_am_i(session)",
    "%aws_profile --refresh",
    "%aws_profile --explain",
    "s3 = session.client('s3')",
    "%aws_profile UserAlpha",
    "s3.list_buckets()['Buckets']",
    "list_buckets(session)",
    "%aws_profile WrongSecret",
    "%aws_profile NoTrust",
    "%aws_profile Process",
    "%aws_profile Printing",
    "%aws_profile WithMfa",
    f"open_session('WithMfa', mfa_prompter=lambda _: {WRONG_CODE[::-1]!r}[::-1])",
    "1 / (session and 0)",
    "try:\n    open_session('NoTrust')\nexcept AwsProfileError as error:\n"
    "    raise RuntimeError('cannot') from error",
    "try:\n    who_am_i(open_session('WrongSecret'))\nexcept AwsProfileError:\n    1 / 0",
    "%aws_profiles --sso",
    '%aws_profile --account "Acme Prod" --role Admin',
    "session",
    "%aws_profile --account sandbox --role Nobody",
    "across_profiles(list_assigned_roles(pattern='sandbox'), who_am_i, progress=False)",
    f"%aws_profile corp:{PROD}/Admin --save kept",
    "%aws_profile --console iam",
    "%aws_profile --pick",
    "%aws_profile Ann",
    "%aws_calls",
    "%aws_profile --logout",
    "%aws_profile --off",
    "with open(os.environ['AWS_SHARED_CREDENTIALS_FILE'], 'a') as file:\n"
    f"    _ = file.write('aws_secret_access_key = ' + {WRONG_SECRET[::-1]!r}[::-1] + '\\n')",
    "%aws_profile RoleBeta",
    "list_profiles()",
)


@pytest.fixture
def others(aws: EmbeddedAws, scenario: Scenario) -> set[str]:
    """Create roles, sign-ins and broken profiles; return secrets that `aws.iam.secrets` lacks."""
    organisation(aws)
    ann = aws.iam.create_user("Ann", account=ROLE_ACCOUNT, policy=allow("s3:*"))
    aws.write_profile("Ann", login_session=ann.arn, region="us-west-2")
    aws.signin.user = ann
    careful = aws.iam.create_user(
        "Careful", account=USER_ACCOUNT, policy=allow("sts:AssumeRole"), mfa=True
    )
    for name, key, secret in (
        ("Careful", careful.access_key_id, careful.secret_access_key),
        ("WrongSecret", scenario.user.access_key_id, WRONG_SECRET),
    ):
        aws.write_profile(name, region="us-west-2")
        aws.write_profile(
            name, file=aws.credentials_file, aws_access_key_id=key, aws_secret_access_key=secret
        )
    files = f"cat {aws.credentials_file}"
    role = f"arn:aws:iam::{ROLE_ACCOUNT}:role/NoTrust"
    with_mfa = aws.iam.create_role("RoleMfa", account=ROLE_ACCOUNT, trust=trusting(careful.arn))
    broken: dict[str, dict[str, Any]] = {
        "NoTrust": {"role_arn": role, "source_profile": "UserAlpha"},
        "WithMfa": {
            "role_arn": with_mfa,
            "source_profile": "Careful",
            "mfa_serial": careful.mfa_serial,
        },
        "Printing": {"credential_process": files},
        "Process": {"credential_process": f"{files} /none"},
    }
    for name, settings in broken.items():
        aws.write_profile(name, region="us-west-2", **settings)
    return {scenario.user.access_key_id, careful.access_key_id, WRONG_SECRET, WRONG_CODE}


def matches_in(aws: EmbeddedAws, others: set[str], shown: str) -> list[str]:
    """Return the beginning of each secret that is in a text."""
    secrets = {*aws.iam.secrets, *others}
    assert len(secrets) >= 7
    return [secret[:4] for secret in secrets if secret in shown]


def lent_token() -> set[str]:
    """Return the token with which children get the active session, or an empty set."""
    file = os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    return {Path(file).read_text()} if file else set()


def test_in_a_shell(  # noqa: PLR0917  # fixtures
    bare_shell: Shell,
    aws: EmbeddedAws,
    others: set[str],
    browser: Browser,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing that is printed, displayed, raised or logged in a shell contains a secret."""
    pytest.importorskip("awscrt", reason="needs botocore[crt]")
    monkeypatch.setattr("getpass.getpass", lambda _question: "")  # a user sees the output
    # At level DEBUG, botocore logs headers and bodies of requests, which is the user's choice.
    caplog.set_level(logging.INFO, logger="botocore")
    caplog.set_level(logging.DEBUG, logger="ipy_awsprofile")
    shown, failed = [], 0
    for cell in CELLS:
        ran = bare_shell.run(cell)
        others |= lent_token()
        shown += [ran.printed, *map(str, ran.displayed), repr(ran.result)]
        if ran.error:
            failed += 1
            shown += [repr(ran.error), *traceback.format_exception(ran.error)]
    # A record's times and numbers can contain the digits of a code by chance.
    values = (value for record in caplog.records for value in vars(record).values())
    shown += [str(value) for value in values if not isinstance(value, int | float)]
    # Only the browser gets the console's link, which contains a token.
    opened = [url for url in browser.opened if "SigninToken=" not in url]
    assert len(opened) == len(browser.opened) - 1
    text = "\n".join([*shown, *opened])
    assert failed == 14
    for logged in (
        *("switch RoleBeta arn:aws:sts", "off Ann arn:aws", "RoleBeta: found by assume-role"),
        *("prompting for a code of arn:", "prompting for a sign-in"),
        *("AccessDenied: AWS denied AssumeRole", "ClientError at\n"),
    ):
        assert logged in caplog.text
    assert "RoleBeta: renewed by" not in caplog.text
    for part in ("my-first-bucket", "4 roles in 3 accounts", ":user/Ann", "RuntimeError: cannot"):
        assert part in text
    assert matches_in(aws, others, text) == []


def test_in_a_saved_notebook(aws: EmbeddedAws, others: set[str]) -> None:
    """A saved notebook contains no secret, not even in its widgets' state and in tracebacks."""
    aws.sso.sign_in("corp")
    ran, saved = run_notebook(*CELLS, environment=aws.environment())
    assert sum(cell.error is not None for cell in ran) >= 14
    assert ran[-1].error.ename == "ConfigFileError"
    for part in ("my-first-bucket", "4 roles in 3 accounts", "RuntimeError"):
        assert part in saved
    assert json.loads(saved)["metadata"]["widgets"]
    assert matches_in(aws, others, saved) == []
    assert re.findall(r"SigninToken=\w+", saved) == []


#: Ways to convert an object to a text.
WAYS: tuple[Callable[[Any], str], ...] = (
    repr,
    str,
    pprint.pformat,
    lambda value: pickle.dumps(value).decode("latin-1"),
)


def text_of(value: object, way: Callable[[Any], str]) -> str:
    """Return an object as a text, or an empty text if that is refused."""
    try:
        return way(value)
    except (TypeError, AttributeError):  # it cannot be pickled
        return ""


def test_objects(aws: EmbeddedAws, others: set[str], shell: Shell) -> None:
    """However an object is shown, stored or pickled, no secret leaves it."""
    aws.sso.sign_in("corp")
    shell.good("%aws_profile RoleBeta\nfrom ipy_awsprofile import ProfilePicker")
    user, role, assigned = map(open_session, ("UserAlpha", "RoleBeta", "prod-reader"))
    with (scope := scoped(assigned, seconds=600)) as limited:
        pass
    objects: list[Any] = [user, role, assigned, limited, open_session("RoleBeta", read_only=True)]
    objects += [scope, limited.get_credentials()]
    objects += [user.get_credentials(), role.get_credentials(), assigned.get_credentials()]
    objects += [list_profiles(), list_assigned_roles(), list_buckets(role), who_am_i(role)]
    secrets = others | lent_token()
    texts = [text_of(item, way) for item in objects for way in WAYS]
    keys: Any = user.get_credentials()
    options: list[Any] = [libraries.dask_storage_options(role), libraries.spark_options(role)]
    options += [keys.get_frozen_credentials()]
    texts += [text_of(item, way) for item in options for way in WAYS[:-1]]  # workers unpickle them
    assert matches_in(aws, secrets, "".join(texts)) == []
    names = [f"variable_{number}" for number in range(len(objects))]
    shell.names.update(zip(names, objects, strict=True))
    cells = [f"{name}{mark}" for name in names for mark in ("", "?", "??")]
    cells += ["%whos", *(f"%store {name}" for name in names), "%store", "ProfilePicker()"]
    for cell in cells:
        ran = shell.run(cell)
        assert matches_in(aws, secrets, f"{ran.printed}{ran.displayed}{ran.result!r}") == [], cell
    for file in Path(shell.ip.profile_dir.location).rglob("*"):
        if file.is_file():
            assert matches_in(aws, secrets, file.read_bytes().decode("latin-1")) == [], file


def test_files(
    aws: EmbeddedAws,
    scenario: Scenario,
    others: set[str],
    shell: Shell,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only the credentials file, the CLI's cache and the lent token have a secret (mode 0600)."""
    monkeypatch.setenv("HOME", str(aws.home))
    before = os.umask(0)
    try:
        for line in ("RoleBeta", "--refresh", "RoleBeta --read-only", "RoleBeta"):
            shell.good(f"%aws_profile {line}")
        shell.run("%aws_profile WrongSecret")
    finally:
        os.umask(before)
    secrets = others | lent_token()
    files = [file for file in aws.home.rglob("*") if file.is_file()]
    texts = {file: file.read_text(errors="replace") for file in files}
    cached = set((aws.home / ".aws" / "cli" / "cache").glob("*.json"))
    token = {file for file in files if file.name == "token"}
    holding = {file for file, text in texts.items() if matches_in(aws, secrets, text)}
    assert cached < holding
    assert holding <= {aws.credentials_file, *cached, *token}
    assert all(map(is_private, (*holding, *cached, *(aws.home / ".cache").rglob("*"))))
    long_term = {scenario.user.secret_access_key, *others}
    assert not [secret for secret in long_term for file in cached if secret in texts[file]]


def test_what_is_lent(aws: EmbeddedAws, scenario: Scenario, others: set[str], shell: Shell) -> None:
    """Children's environment has no secret, and a token in a file gets short-lived credentials."""
    environments, answers, tokens = "", "", set[str]()
    for switch in ("RoleBeta", "UserAlpha", "RoleBeta --read-only", "--refresh"):
        shell.good(f"%aws_profile {switch}")
        (token,) = lent_token()
        tokens.add(token)
        url = os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        with urlopen(Request(url, headers={"Authorization": token})) as answer:
            answers += answer.read().decode()
        environments += subprocess.check_output(["env"], text=True)
    assert matches_in(aws, others | tokens, environments) == []
    assert matches_in(aws, others, answers)
    long_term = {scenario.user.secret_access_key, *others, *tokens}
    assert not [secret for secret in long_term if secret in answers]
