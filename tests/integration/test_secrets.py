"""No secret of the scenario is in an output, a log or a file."""

from __future__ import annotations

import logging
import os
import subprocess
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest

import ipy_awsprofile
from ipy_awsprofile import list_buckets, list_profiles, open_session, who_am_i
from ipy_awsprofile.config.files import SharedFiles, read_config
from ipy_awsprofile.config.request import SessionRequest, SwitchRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.credentials.sts import RoleCache
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.switch.switcher import Switcher
from tests.sessions.traces import cached_roles
from tests.shells import Shell, run_notebook

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario

WRONG_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
WRONG_CODE = "918273"

CELLS = (
    "%load_ext ipy_awsprofile",
    "%xmode Verbose",
    "%aws_profiles",
    "%aws_profile --explain RoleBeta",
    "%aws_profile --explain",
    "%aws_profile --explain WrongSecret",
    "%aws_profile RoleBeta",
    "session",
    "from ipy_awsprofile import list_buckets, list_profiles, open_session, who_am_i",
    "list_buckets(session)",
    "list_profiles()",
    "who_am_i(session)",
    "%aws_profile --refresh",
    "%aws_profile",
    "s3 = session.client('s3')",
    "%aws_profile UserAlpha",
    "list_buckets(session)",
    "%aws_profile Nobody",
    "%aws_profile WrongSecret",
    "%aws_profile NoTrust",
    "%aws_profile Process",
    "%aws_profile Printing",
    "%aws_profile WithMfa",
    "open_session('WithMfa', mfa_prompter=lambda question: '918273')",
    "open_session('WrongSecret')",
    "1 / (session and 0)",
    "list_buckets(None)",
    "%aws_profile --off",
    "%%writefile -a $broken\naws_secret_access_key = $wrong\naws_secret_access_key = $wrong",
    "%aws_profile RoleBeta",
    "%aws_profiles",
    "list_profiles()",
)


def prepare(aws: EmbeddedAws, scenario: Scenario) -> set[str]:
    """Create a profile for each kind of error, and return secrets that `aws.secrets()` lacks."""
    region = "us-west-2"
    careful = aws.create_user(
        "Careful", account=USER_ACCOUNT, policy=allow("sts:AssumeRole"), mfa=True
    )
    role = aws.create_role("RoleMfa", account=ROLE_ACCOUNT, trust=trusting(careful.arn))
    for name, key, secret in (
        ("Careful", careful.access_key_id, careful.secret_access_key),
        ("WrongSecret", scenario.user.access_key_id, WRONG_SECRET),
    ):
        aws.write_profile(name, region=region)
        aws.write_profile(
            name, file="credentials", aws_access_key_id=key, aws_secret_access_key=secret
        )
    serial = careful.mfa_serial
    aws.write_profile(
        "WithMfa", role_arn=role, source_profile="Careful", mfa_serial=serial, region=region
    )
    no_trust = f"arn:aws:iam::{ROLE_ACCOUNT}:role/NoTrust"
    aws.write_profile("NoTrust", role_arn=no_trust, source_profile="UserAlpha", region=region)
    files = f"cat {aws.credentials_file}"
    aws.write_profile("Printing", credential_process=files, region=region)
    aws.write_profile("Process", credential_process=f"{files} /none", region=region)
    return {scenario.user.access_key_id, careful.access_key_id, WRONG_SECRET, WRONG_CODE}


def found(secrets: set[str], shown: str) -> list[str]:
    """Return the beginning of each secret that is in a text."""
    return [secret[:4] for secret in secrets if secret in shown]


def server_token() -> set[str]:
    """Return the token of the server that lends the active session, or an empty set."""
    file = os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    return {Path(file).read_text()} if file else set()


def secrets_of(aws: EmbeddedAws, others: set[str]) -> set[str]:
    """Return all secrets that no output may contain."""
    secrets = set(aws.secrets()) | others
    assert len(secrets) >= 7
    return secrets


def test_in_a_shell(
    bare_shell: Shell, aws: EmbeddedAws, scenario: Scenario, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing that is printed, displayed, raised or logged in a shell contains a secret."""
    others = prepare(aws, scenario)
    # At level DEBUG, botocore logs headers and bodies of requests, which is the user's choice.
    caplog.set_level(logging.DEBUG, logger="ipy_awsprofile")
    caplog.set_level(logging.INFO, logger="botocore")
    bare_shell.names.update(broken=str(aws.credentials_file), wrong=WRONG_SECRET)
    shown = []
    failed = 0
    for cell in CELLS:
        ran = bare_shell.run(cell)
        others |= server_token()
        shown += [ran.printed, *map(str, ran.displayed), repr(ran.result)]
        if ran.error:
            failed += 1
            shown += [repr(ran.error), *traceback.format_exception(ran.error)]
    # A record's times and numbers can contain the digits of a code by chance.
    values = (value for record in caplog.records for value in vars(record).values())
    shown += [str(value) for value in values if not isinstance(value, int | float)]
    # Verbose tracebacks and %%writefile repeat the text of the cells themselves.
    text = "\n".join(shown).replace(f"'{WRONG_CODE}'", "")
    assert failed >= 11
    assert "my-first-bucket" in text
    assert found(secrets_of(aws, others), text) == []


def test_in_a_notebook_file(aws: EmbeddedAws, scenario: Scenario) -> None:
    """The file of a notebook that a kernel has executed contains no secret."""
    others = prepare(aws, scenario)
    cells = [cell for cell in CELLS if "918273" not in cell]
    breaking = cells.index(next(cell for cell in cells if "%%writefile" in cell))
    cells[breaking] = (
        f"with open({str(aws.credentials_file)!r}, 'a') as file:\n"
        f"    file.write('aws_secret_access_key = ' + {WRONG_SECRET[::-1]!r}[::-1] + '\\n')"
    )
    ran, text = run_notebook(*cells, environment=aws.environment())
    assert sum(cell.error is not None for cell in ran) >= 10
    assert ran[-1].error.ename == "ConfigFileError"
    assert "my-first-bucket" in text
    assert found(secrets_of(aws, others), text) == []


def test_reprs(aws: EmbeddedAws, scenario: Scenario, bare_shell: Shell) -> None:
    """The repr, text and fields of every object that the package returns contain no secret."""
    others = prepare(aws, scenario)
    session: Any = open_session("RoleBeta")
    switcher = Switcher(bare_shell.ip)
    switcher.switch(SwitchRequest(profile="RoleBeta"))
    frame = list_buckets(session)
    files = SharedFiles.from_environment()
    config = read_config(files)
    target = target_of(SessionRequest(profile="RoleBeta"))
    objects: list[object] = [
        session,
        session.callers,
        who_am_i(session),
        list_profiles(),
        target,
        target.chain,
        switcher,
        switcher.session,
        switcher.request,
        switcher.identity(),
        files,
        config,
        RoleCache({}),
        *(getattr(ipy_awsprofile, name) for name in ipy_awsprofile.__all__),
    ]
    shown = "\n".join(
        [f"{one!r} {one}" for one in objects]
        + [frame.to_json(date_format="iso"), frame.to_string(), repr(frame)]
    )
    switcher.off()
    assert "RoleBeta" in shown
    assert found(secrets_of(aws, others), shown) == []


@pytest.mark.parametrize(
    "profile", ["WrongSecret", "NoTrust", "Process", "Printing", "WithMfa", "Nobody", "Broken"]
)
def test_tracebacks(aws: EmbeddedAws, scenario: Scenario, profile: str) -> None:
    """Neither an error's traceback and causes nor the locals of our frames contain a secret."""
    others = prepare(aws, scenario)
    if profile == "Broken":
        with aws.credentials_file.open("a") as file:
            file.write(f"aws_secret_access_key = {WRONG_SECRET}\n{scenario.user.secret_access_key}")
    with pytest.raises(AwsProfileError) as caught:
        who_am_i(open_session(profile))
    shown = "".join(traceback.format_exception(caught.value))
    assert found(secrets_of(aws, others), shown) == []
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    ours = [frame for frame in frames if "ipy_awsprofile" in frame.f_code.co_filename]
    variables = "".join(repr(frame.f_locals) for frame in ours)
    assert found({*aws.secrets(), WRONG_SECRET}, variables) == []


def test_files(aws: EmbeddedAws, scenario: Scenario, shell: Shell) -> None:
    """In the home folder, only the credentials file and the CLI's cache (0600) contain a secret."""
    others = prepare(aws, scenario)
    shell.good("%aws_profile RoleBeta")
    shell.good("%aws_profile --refresh")
    shell.run("%aws_profile WrongSecret")
    secrets = secrets_of(aws, others)

    def holds_one(file: Path) -> bool:
        return bool(found(secrets, file.read_text(errors="replace")))

    holding = {file for file in aws.home.rglob("*") if file.is_file() and holds_one(file)}
    cached = cached_roles(aws)
    assert len(cached) == 1
    assert holding == {aws.credentials_file, *cached}
    assert {file.stat().st_mode & 0o777 for file in holding} == {0o600}
    long_term = {scenario.user.secret_access_key, *others}
    assert not any(found(long_term, file.read_text()) for file in cached)


def test_what_is_lent(aws: EmbeddedAws, scenario: Scenario, shell: Shell) -> None:
    """Children find no secret in their environment, and each session's token in a file (0600).

    With the token, the server returns short-lived credentials, even for long-term keys.
    """
    others = prepare(aws, scenario)
    environments, answers, tokens = "", "", set[str]()
    for switch in ("RoleBeta", "UserAlpha", "RoleBeta --read-only", "--refresh"):
        shell.good(f"%aws_profile {switch}")
        (token,) = server_token()
        tokens.add(token)
        url = os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        with urlopen(Request(url, headers={"Authorization": token})) as answer:
            answers += answer.read().decode()
        environments += subprocess.check_output(["env"], text=True)
    secrets = secrets_of(aws, others) | tokens
    assert "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" in environments
    assert found(secrets, environments) == []
    (folder,) = (aws.home / ".cache" / "ipy_awsprofile").glob("kernel-*")
    files = [file for file in folder.rglob("*") if file.is_file()]
    holding = [file.read_text() for file in files if found(secrets, file.read_text())]
    assert sorted(holding) == sorted(tokens)
    assert len(tokens) == 3  # a refreshed session keeps its token
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert {file.name for file in files} == {"token", "config"}
    assert found(secrets, answers)
    assert found({scenario.user.secret_access_key, *others, *tokens}, answers) == []
    shell.good("%unload_ext ipy_awsprofile")
    assert not folder.exists()


def test_every_file_is_private(
    aws: EmbeddedAws, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even with a umask of 0, no other user can open the files that we create."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir(mode=0o700)
    before = os.umask(0)
    try:
        shell.good("%aws_profile RoleBeta")
        shell.good("%aws_profile RoleBeta --read-only")
        shell.good("from ipy_awsprofile import ProfilePicker; picker = ProfilePicker()")
        shell.good("%aws_profile UserAlpha")
    finally:
        os.umask(before)
    files = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    made = [path for path in files if "ipython" not in str(path)]
    assert len(made) >= 2
    assert {path.name: oct(path.stat().st_mode & 0o077) for path in made} == {
        path.name: "0o0" for path in made
    }
