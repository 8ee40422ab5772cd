"""Messages name mistakes in the shared files, and their advice corrects the mistakes."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile import across_profiles, list_profiles, open_session, using_profile
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.errors import ConfigFileError, ProfileNotFound, SignInRequired
from ipy_awsprofile.explain.explain import explain
from ipy_awsprofile.text import visible
from tests.following import follow
from tests.identity_center import PROD, organisation

if TYPE_CHECKING:
    from ipy_awsprofile.config.problem import Problem
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.explain.records import Explanation
    from tests.shells import Shell

BETA = "[profile RoleBeta]"
SOURCE = "source_profile = UserAlpha"
ROLE = "role_arn = arn:aws:iam::123456789012:role/RoleBeta"
REGION = "region = us-west-2"
USER = "[UserAlpha]"
SERVICES = f"[{{}}]\ndynamodb =\n  endpoint_url = http://127.0.0.1:9\n{BETA}\nservices = local"


@dataclass(frozen=True)
class Mistake:
    """Wrong text in a file, and the correct text that it replaces."""

    file: str
    right: str
    wrong: str

    def make(self, aws: EmbeddedAws) -> None:
        """Write the wrong text into the file."""
        path = aws.config_file.with_name(self.file)
        text = path.read_text("utf-8")
        assert self.right in text
        path.write_text(text.replace(self.right, self.wrong), "utf-8")


#: Mistakes that a switch and an explanation name in the same words.
NAMED_BY_BOTH = {
    "a header without profile": Mistake("config", BETA, "[RoleBeta]"),
    "a header with a capital letter": Mistake("config", BETA, "[Profile RoleBeta]"),
    "a header with a name in quotes": Mistake("config", BETA, '["RoleBeta"]'),
    "a header with a bracket in its comment": Mistake("config", BETA, f"{BETA} # [was Beta]"),
    "an invisible character in a header": Mistake("config", BETA, "[profile Role\u200bBeta]"),
    "a special space in a header": Mistake("config", BETA, "[profile\u00a0RoleBeta]"),
    "a space before a header": Mistake("config", BETA, f"[profile Other]\noutput = json\n {BETA}"),
    "a header of keys with profile": Mistake("credentials", USER, "[profile UserAlpha]"),
    "a tab before the source": Mistake("config", f"{SOURCE}\n{ROLE}", f"{ROLE}\n\t{SOURCE}"),
    "spaces before two lines": Mistake(
        "config",
        f"{SOURCE}\n{ROLE}\n{REGION}",
        f"{REGION}\n  {SOURCE}\n  {ROLE}",
    ),
    "a value in two lines": Mistake("config", ROLE, ROLE.replace("RoleBeta", "\n RoleBeta")),
    "letters that changed places": Mistake("config", SOURCE, "soruce_profile = UserAlpha"),
    "a setting in quotes": Mistake("config", SOURCE, '"source_profile" = UserAlpha'),
    "an invisible character before a setting": Mistake("config", SOURCE, f"\u200b{SOURCE}"),
    "two sources": Mistake("config", SOURCE, f"{SOURCE}\ncredential_source = Environment"),
}

#: Mistakes that an explanation names; a switch has a different error, or works.
NAMED_BY_EXPLAIN = {
    "a role in quotes": Mistake("config", ROLE, ROLE.replace("= ", "= '") + "'"),
    "a source in quotes": Mistake("config", SOURCE, 'source_profile = "UserAlpha"'),
    "a Region in quotes": Mistake("config", f"{ROLE}\n{REGION}", f'{ROLE}\nregion = "us-west-2"'),
    "an invisible character in a role": Mistake("config", ROLE, f"{ROLE}\u200b"),
    "an invisible character in a source": Mistake("config", SOURCE, f"{SOURCE}\u200b"),
    "a comment behind a role": Mistake("config", ROLE, f"{ROLE}  # mine"),
    "a role whose setting is misspelled": Mistake("config", ROLE, ROLE.replace("_", "-", 1)),
    "a space below a command": Mistake("config", ROLE, f"mfa_process = true\n {ROLE}"),
    "a second section": Mistake("config", f"{ROLE}\n", f"{REGION}\n[RoleBeta]\n{ROLE}\n"),
    "a header of services without the s": Mistake("config", BETA, SERVICES.format("service local")),
    "a header of services with a capital letter": Mistake(
        "config", BETA, SERVICES.format("Services local")
    ),
    "a header of services below a profile": Mistake(
        "config", BETA, SERVICES.format("profile services local")
    ),
    "a section of settings that has no profile": Mistake(
        "config", "[profile UserAlpha]", "[UserAlpha]"
    ),
}


def explain_profile(name: str) -> Explanation:
    """Return the explanation of a profile."""
    return explain(SessionRequest(profile=name))


def problem_of(name: str) -> Problem:
    """Return the only problem in the explanation of a profile."""
    (problem,) = explain_profile(name).problems
    return problem


@pytest.mark.parametrize("name", NAMED_BY_BOTH)
def test_named_by_both(shell: Shell, aws: EmbeddedAws, name: str) -> None:
    """A switch and an explanation name the same single problem, and their advice works."""
    NAMED_BY_BOTH[name].make(aws)
    problem = problem_of("RoleBeta")
    assert problem.fatal
    error = shell.refused("%aws_profile RoleBeta")
    assert visible(f"{problem}") in f"{error} {error.hint}"
    follow(problem.says, problem.fix, aws.home / ".aws")
    assert explain_profile("RoleBeta").problems == ()
    shell.good("%aws_profile RoleBeta")


@pytest.mark.parametrize("name", NAMED_BY_EXPLAIN)
def test_named_by_explain(shell: Shell, aws: EmbeddedAws, name: str) -> None:
    """An explanation has one problem, and no problem after you follow its advice."""
    NAMED_BY_EXPLAIN[name].make(aws)
    problem = problem_of("RoleBeta")
    follow(problem.says, problem.fix, aws.home / ".aws")
    assert explain_profile("RoleBeta").problems == ()
    shell.good("%aws_profile RoleBeta")


#: Mistakes that prevent a config file from being parsed.
UNREADABLE = {
    "an unclosed header": Mistake("config", BETA, BETA[:-1]),
    "an unclosed header behind another setting": Mistake(
        "config", BETA, f"[profile Other]\noutput = json\n{BETA[:-1]}"
    ),
    "a space before a header": Mistake("config", BETA, f" {BETA}"),
    "a space before a header below a block": Mistake(
        "config", BETA, f"s3 =\n  addressing_style = path\n {BETA}"
    ),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_files_that_cannot_be_parsed(shell: Shell, aws: EmbeddedAws, name: str) -> None:
    """The error names the line of the broken header, not the line that fails because of it."""
    mistake = UNREADABLE[name]
    mistake.make(aws)
    with pytest.raises(ConfigFileError) as caught:
        explain_profile("RoleBeta")
    error = shell.refused("%aws_profile RoleBeta")
    assert (str(error), error.hint) == (str(caught.value), caught.value.hint)
    lines = aws.config_file.read_text().splitlines()
    number = (caught.value.line or 0) - 1
    if "has no closing `]`" in str(error):
        lines[number] += "]"
    else:
        assert re.search("This header is indented|A .section. below is indented", str(error))
        number = next(n for n in range(number, len(lines)) if lines[n].startswith(" ["))
        lines[number] = lines[number].lstrip()
    aws.config_file.write_text("\n".join(lines))
    shell.good("%aws_profile RoleBeta")


def test_every_way_in(aws: EmbeddedAws, shell: Shell) -> None:
    """A session, a scope and a run over many profiles give the same advice as a switch."""
    NAMED_BY_BOTH["a header without profile"].make(aws)
    advice = "[RoleBeta] in the config file isn't the profile `RoleBeta`. Write [profile RoleBeta]."
    with pytest.raises(ProfileNotFound) as opened:
        open_session("RoleBeta")
    with pytest.raises(ProfileNotFound) as used, using_profile("RoleBeta"):
        pass
    rows = across_profiles(["UserAlpha", "RoleBeta"], lambda _: [{"a": 1}]).attrs["errors"]
    hints = [opened.value.hint, used.value.hint, *(row["hint"] for row in rows)]
    assert [hint.startswith(advice) for hint in hints] == [True] * 3, hints


def test_header_of_the_config_file_in_the_other(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The advice works for a config file's header in the credentials file."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    Mistake("credentials", USER, "[profile Keys]").make(aws)
    problem, error = problem_of("Keys"), shell.refused("%aws_profile Keys")
    assert error.hint == f"{problem}"
    follow(problem.says, problem.fix, aws.home / ".aws")
    shell.good("%aws_profile Keys")


@pytest.mark.parametrize(
    ("variable", "name"),
    [("AWS_CONFIG_FILE", "RoleBeta"), ("AWS_SHARED_CREDENTIALS_FILE", "Keys")],
)
@pytest.mark.parametrize("creates", [True, False])
def test_a_variable_that_names_no_file(
    shell: Shell,
    aws: EmbeddedAws,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    name: str,
    *,
    creates: bool,
) -> None:
    """The hint names the variable, the notes don't repeat it, and either correction works."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    keys = aws.credentials_file.read_text().replace(USER, "[Keys]")
    aws.credentials_file.write_text(aws.credentials_file.read_text() + keys)
    right, wrong = Path(os.environ[variable]), aws.home / "nowhere"
    shell.good(f"%env {variable}={wrong}")
    error, explanation = shell.refused(f"%aws_profile {name}"), explain_profile(name)
    assert f"`{variable}` names a file that doesn't exist: {wrong}." in error.hint
    assert [problem.fix for problem in explanation.problems] == [error.hint]
    assert variable not in "".join(explanation.notes)
    if creates:
        wrong.write_text(right.read_text())
    else:
        shell.good(f"%env {variable}={right}")
    shell.good(f"%aws_profile {name}")


@pytest.mark.parametrize("has_section", [True, False])
def test_a_source_in_a_file_that_does_not_exist(
    shell: Shell, aws: EmbeddedAws, *, has_section: bool
) -> None:
    """The advice is the same if a source profile's keys are in a file that doesn't exist."""
    if not has_section:
        Mistake("config", "[profile UserAlpha]", "[profile Other]").make(aws)
    right = os.environ["AWS_SHARED_CREDENTIALS_FILE"]
    shell.good("%env AWS_SHARED_CREDENTIALS_FILE=/nowhere")
    error = shell.refused("%aws_profile RoleBeta")
    assert error.hint.startswith("`AWS_SHARED_CREDENTIALS_FILE` names a file that doesn't exist")
    assert error.hint in [problem.fix for problem in explain_profile("RoleBeta").problems]
    shell.good(f"%env AWS_SHARED_CREDENTIALS_FILE={right}")
    shell.good("%aws_profile RoleBeta")


@pytest.mark.slow
def test_no_files(shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """If neither file exists, the hint names both, and its command creates the profile."""
    keys = re.findall("= (.*)", aws.credentials_file.read_text())
    for variable in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    monkeypatch.setenv("HOME", str(aws.home / "new"))
    error = shell.refused("%aws_profile 'my keys'")
    assert [problem.fix for problem in explain_profile("my keys").problems] == [error.hint]
    folder = aws.home / "new" / ".aws"
    files = f"Neither {folder / 'config'} nor {folder / 'credentials'} exists."
    assert error.hint.startswith(files)
    _, command, *_ = error.hint.split("`")
    assert command == "aws configure --profile 'my keys'"
    subprocess.run(
        [sys.executable, "-m", "awscli", *shlex.split(command)[1:]],
        input="\n".join([*keys, "us-west-2", "json", ""]),
        text=True,
        check=True,
        capture_output=True,
    )
    shell.good("%aws_profile 'my keys'")


#: The right and the wrong text of mistakes in a sign-in's section.
SIGN_INS = {
    "profile before sso-session": ("[sso-session corp]", "[profile sso-session corp]"),
    "an underscore": ("[sso-session corp]", "[sso_session corp]"),
    "a capital letter": ("[sso-session corp]", "[SSO-Session corp]"),
    "a Region that is none": ("sso_region = us-east-1", "sso_region = europe"),
    "a setting in quotes": ("sso_region = us-east-1", 'sso_region = "us-east-1"'),
    "a misspelled setting": ("sso_start_url", "sso_start_ur"),
    "a space before a setting": ("sso_region", " sso_region"),
}


@pytest.mark.parametrize("name", SIGN_INS)
def test_sign_ins(aws: EmbeddedAws, name: str) -> None:
    """After you correct a mistake in a sign-in's section, only the SSO token is missing."""
    organisation(aws)
    Mistake("config", *SIGN_INS[name]).make(aws)
    problem, *others = explain_profile("prod-reader").problems
    assert "SSO token" not in problem.says
    assert ["SSO token" in other.says for other in others] in ([], [True])
    follow(problem.says, problem.fix, aws.home / ".aws")
    (signed_out,) = explain_profile("prod-reader").problems
    assert signed_out.says == "You aren't signed in: no SSO token is cached."


def test_a_sign_in_that_is_named(shell: Shell, aws: EmbeddedAws) -> None:
    """A role that is named by its sign-in, without a profile, gets the same advice."""
    organisation(aws)
    Mistake("config", *SIGN_INS["an underscore"]).make(aws)
    error = shell.refused(f"%aws_profile corp:{PROD}/Reader")
    problem = explain_profile("prod-reader").problems[0]
    assert error.hint == f"{problem}"
    follow(problem.says, problem.fix, aws.home / ".aws")
    assert isinstance(shell.refused(f"%aws_profile corp:{PROD}/Reader"), SignInRequired)


def test_a_sign_in_in_the_credentials_file(aws: EmbeddedAws) -> None:
    """A sign-in in the credentials file is a problem, because SDKs read the config file only."""
    organisation(aws)
    text = aws.config_file.read_text()
    section = re.search(r"\[sso-session corp\]\n(.+\n)+", text)
    assert section
    aws.config_file.write_text(text.replace(section[0], ""))
    with aws.credentials_file.open("a") as credentials:
        credentials.write(section[0])
    problem = problem_of("prod-reader")
    assert "[sso-session corp] in the credentials file isn't" in problem.says
    follow(problem.says, problem.fix, aws.home / ".aws")
    assert "SSO token" in problem_of("prod-reader").says


def temporary_keys() -> list[str]:
    """Return the key ID, the secret key and the token of a role's session."""
    credentials = open_session("RoleBeta").get_credentials()
    assert credentials
    return [str(part) for part in credentials.get_frozen_credentials()[:3]]


def test_temporary_keys_without_their_token(shell: Shell, aws: EmbeddedAws) -> None:
    """Temporary keys without a token are a problem, and a switch works once you add the token."""
    key, secret, token = temporary_keys()
    with aws.credentials_file.open("a") as credentials:
        credentials.write(f"\n[Temporary]\naws_access_key_id = {key}\n")
        credentials.write(f"aws_secret_access_key = {secret}\n")
    aws.write_profile("Temporary", region="us-west-2")
    problem = problem_of("Temporary")
    assert problem.fatal
    assert problem.fix.startswith("Add the `aws_session_token` that was issued with them.")
    shell.refused("%aws_profile Temporary")
    with aws.credentials_file.open("a") as credentials:
        credentials.write(f"aws_session_token = {token}\n")
    assert explain_profile("Temporary").problems == ()
    shell.good("%aws_profile Temporary")


def test_temporary_keys_in_variables(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporary keys in variables are a problem, too, if the token is missing."""
    key, secret, token = temporary_keys()
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    (problem,) = explain().problems
    assert problem.fix == "Set `AWS_SESSION_TOKEN` to the token that was issued with them."
    monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    assert explain().problems == ()
    shell.good("%aws_profile --default")


def test_keys_with_odd_characters(shell: Shell, aws: EmbeddedAws) -> None:
    """An explanation names quotation marks and invisible characters around keys, one by one."""
    text = aws.credentials_file.read_text()
    key, secret = re.findall("= (.*)", text)
    aws.credentials_file.write_text(
        text.replace(key, f'"{key}"').replace(secret, f"{secret}\u200b"), "utf-8"
    )
    shell.refused("%aws_profile RoleBeta")
    for left in (2, 1):
        problem, *others = explain_profile("RoleBeta").problems
        assert len(others) == left - 1
        assert problem.fatal
        follow(problem.says, problem.fix, aws.home / ".aws")
    assert explain_profile("RoleBeta").problems == ()
    shell.good("%aws_profile RoleBeta")


@pytest.mark.parametrize("at_source", [True, False])
def test_a_secret_in_a_wrong_place(shell: Shell, aws: EmbeddedAws, *, at_source: bool) -> None:
    """No output shows a key that a space joins to another setting's value."""
    secret = re.findall("= (.*)", aws.credentials_file.read_text())[1]
    joined = SOURCE if at_source else ROLE
    Mistake("config", joined, f"{joined}\n aws_secret_access_key = {secret}").make(aws)
    error = shell.refused("%aws_profile RoleBeta")
    shown = [
        f"{error} {error.hint}",
        shell.good("%aws_profile --explain RoleBeta").text,
        shell.good("%aws_profiles").text,
        repr(list_profiles()),
        repr(explain_profile("RoleBeta")),
    ]
    assert [secret in text for text in shown] == [False] * len(shown)
