"""Lines below an error of Python that say what to write instead, and work as they are written."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.aws import EmbeddedAws
from tests.integration.test_hints import ROLE, code_in
from tests.shells import Shell

MISSING = "from ipy_awsprofile import {}"

#: Code with a wrong name of this package, and the code in the line below the error.
WRONG_NAMES = {
    MISSING.format("list_bucket"): ["list_buckets", MISSING.format("list_buckets")],
    MISSING.format("open_sesion"): ["open_session", MISSING.format("open_session")],
    MISSING.format("whoami"): ["who_am_i", MISSING.format("who_am_i")],
    MISSING.format("use_profile"): ["using_profile", MISSING.format("using_profile")],
    MISSING.format("get_session"): ["open_session", MISSING.format("open_session")],
    MISSING.format("polars_options"): ["from ipy_awsprofile.libraries import polars_options"],
    MISSING.format("anything_else"): ["import ipy_awsprofile; help(ipy_awsprofile)"],
    "from ipy_awsprofile.libraries import polar_options": [
        "polars_options",
        "from ipy_awsprofile.libraries import polars_options",
    ],
    "import ipy_awsprofile; ipy_awsprofile.list_buckts": [
        "list_buckets",
        MISSING.format("list_buckets"),
    ],
    "from ipy_awsprofile import libraries; libraries.open_session": [
        MISSING.format("open_session")
    ],
    "open_session('RoleBeta')": [MISSING.format("open_session")],
    "list_bucket(session)": ["list_buckets", MISSING.format("list_buckets")],
    "libraries.polars_options(session)": [MISSING.format("libraries")],
    "polars_options(session)": ["from ipy_awsprofile.libraries import polars_options"],
}


@pytest.mark.parametrize(("wrong", "codes"), WRONG_NAMES.items())
def test_wrong_names(shell: Shell, aws: EmbeddedAws, wrong: str, codes: list[str]) -> None:
    """A name that isn't imported, or that the package doesn't have, gets the import to run."""
    ran = shell.run(wrong)
    assert isinstance(ran.error, ImportError | AttributeError | NameError)
    line = ran.text.splitlines()[0]
    found = [code for code in dict.fromkeys(code_in(line)) if code not in codes[-1].split()]
    assert found or codes == code_in(line)[-1:]
    assert code_in(line)[-1] == codes[-1]
    if len(codes) > 1:
        assert line.startswith(f"Did you mean `{codes[0]}`?")
    shell.good(codes[-1])


def test_the_session_is_not_imported(shell: Shell, aws: EmbeddedAws) -> None:
    """The variable of a switch needs no import."""
    line = shell.run("from ipy_awsprofile import session").text.splitlines()[0]
    magic, variable = code_in(line)
    shell.good(f"{magic.replace('NAME', 'RoleBeta')}\n{variable}.region_name")


def test_names_of_others(shell: Shell, aws: EmbeddedAws) -> None:
    """Names that have nothing to do with the package get no line."""
    for code in ("profile", "scope", "from json import load_all", "import json; json.list_buckets"):
        assert "Did you mean" not in shell.run(code).text
        assert "ipy_awsprofile" not in shell.run(code).text


def test_the_variable_of_a_cell(shell: Shell, aws: EmbeddedAws) -> None:
    """The variable of a cell that has ended gets a session for the same profile and limits."""
    shell.good("%%aws_profile RoleBeta --as beta --read-only\nbeta.region_name")
    line = shell.run("beta.region_name").text.splitlines()[0]
    name, profile, code = code_in(line)
    assert (name, profile) == ("beta", "RoleBeta")
    assert code == "beta = open_session('RoleBeta', read_only=True)"
    *_, imports = code_in(shell.run(code).text.splitlines()[0])
    shell.good(f"{imports}\n{code}\nbeta.region_name")


#: Attributes that code expects of a profile or a picker, and the attribute in the line.
ATTRIBUTES = {
    "list_profiles('RoleBeta')[0].region_name": "region",
    "list_profiles('RoleBeta')[0].account_id": "account",
    "ProfilePicker().profile": "value",
}


@pytest.mark.parametrize(("wrong", "right"), ATTRIBUTES.items())
def test_attributes(shell: Shell, aws: EmbeddedAws, wrong: str, right: str) -> None:
    """An attribute that a profile or a picker doesn't have gets the attribute that it has."""
    shell.good("from ipy_awsprofile import *\n%aws_profile RoleBeta")
    line = shell.run(wrong).text.splitlines()[-1]
    assert line == f"Did you mean `{right}`?" or f"Did you mean `{right}`?" in shell.run(wrong).text
    assert shell.good(f"{wrong.rpartition('.')[0]}.{right}").result


def test_parameters(shell: Shell, aws: EmbeddedAws) -> None:
    """A parameter that a function doesn't have gets the call without it."""
    shell.good("from ipy_awsprofile import recorded_calls\n%aws_calls on")
    (right,) = code_in(shell.refused("recorded_calls(profile='RoleBeta')").hint)
    shell.good(right)


def test_items_of_a_list(shell: Shell, aws: EmbeddedAws) -> None:
    """A list of profiles with a name as its index gets the code that finds the profile."""
    shell.good("from ipy_awsprofile import list_profiles\nprofiles = list_profiles()")
    for expression in ("list_profiles()", "profiles"):
        line = shell.run(f"{expression}['RoleBeta']").text.splitlines()[0]
        *_, code = code_in(line)
        assert shell.good(code).result == "RoleBeta"
        assert "To select" not in shell.run(f"{expression}['Nobody']").text
    assert "To select" not in shell.run("others = [1]; others['RoleBeta']").text


def test_columns_of_buckets(shell: Shell, aws: EmbeddedAws) -> None:
    """A column with a name from S3's response gets the names of the columns."""
    shell.good("from ipy_awsprofile import list_buckets\n%aws_profile RoleBeta")
    shell.good("buckets = list_buckets(session)")
    for expression in ("list_buckets(session)", "buckets"):
        for wrong in ("Name", "Buckets"):
            line = shell.run(f"{expression}['{wrong}']").text.splitlines()[0]
            first, *columns = code_in(line)
            assert first == expression
            assert columns == list(shell.good(f"list({expression})").result)


def test_prefixes_of_buckets(shell: Shell, aws: EmbeddedAws) -> None:
    """A pattern isn't a prefix, and its hint selects the buckets that were meant."""
    shell.good("from ipy_awsprofile import list_buckets\n%aws_profile RoleBeta")
    (right,) = code_in(shell.refused("list_buckets(session, 'my-f*')").hint)
    assert list(shell.good(f"list_buckets(session, {right})").result["name"]) == ["my-first-bucket"]
    for pattern in ("*first*", "my-f*-buck?t", "my-[f]*t"):
        first, second = code_in(shell.refused(f"list_buckets(session, '{pattern}')").hint)
        assert list(shell.good(f"{first}\n{second}").result["name"]) == ["my-first-bucket"]


def test_calls_that_are_not_recorded(shell: Shell, aws: EmbeddedAws) -> None:
    """The function says what the magic says if no calls are recorded."""
    shell.good("from ipy_awsprofile import recorded_calls\n%aws_profile RoleBeta")
    error = shell.refused("recorded_calls()")
    magic = shell.refused("%aws_calls")
    assert (str(error), error.hint) == (str(magic), magic.hint)
    (line,) = code_in(error.hint)
    shell.good(f"{line}\nsession.client('s3').list_buckets()")
    assert len(shell.good("recorded_calls()").result) == 1


#: Calls of pandas and polars with a parameter that they don't have.
SESSION_PASSED = [
    "import pandas; pandas.read_csv('s3://my-first-bucket/a.csv', session=session)",
    "import polars; polars.read_csv('s3://my-first-bucket/a.csv', session=session)",
    "import pandas; pandas.read_csv('s3://my-first-bucket/a.csv', profile='RoleBeta')",
]


@pytest.mark.parametrize("code", SESSION_PASSED)
def test_a_session_for_pandas(shell: Shell, aws: EmbeddedAws, code: str) -> None:
    """A function for S3 paths that doesn't take a session works without it."""
    pytest.importorskip("s3fs")
    pytest.importorskip("polars")
    shell.good("%aws_profile RoleBeta")
    shell.good(
        "session.client('s3').put_object(Bucket='my-first-bucket', Key='a.csv', Body=b'a\\n1\\n')"
    )
    line = shell.run(code).text.splitlines()[0]
    _, active, parameter = code_in(line)[:3]
    assert active == "RoleBeta"
    aws.calls.clear()
    shell.good(f"{code.partition(f', {parameter}=')[0]})")
    assert all("assumed-role/RoleBeta/" in str(call.arn) for call in aws.calls)
    assert aws.calls


@pytest.mark.parametrize("path", ["s3:/my-first-bucket/a.csv", "S3://my-first-bucket/a.csv"])
def test_paths(shell: Shell, aws: EmbeddedAws, path: str) -> None:
    """A path that isn't one of S3's gets the beginning that S3 paths have."""
    pytest.importorskip("s3fs")
    shell.good("import pandas\n%aws_profile RoleBeta")
    line = shell.run(f"pandas.read_csv('{path}')").text.splitlines()[0]
    assert line == "An S3 path begins with `s3://`, in lower case and with two slashes."
    right = f"s3://{path.partition('/')[2].lstrip('/')}"
    assert "An S3 path" not in shell.run(f"pandas.read_csv('{right}')").text


def test_a_name_as_an_access_key(shell: Shell, aws: EmbeddedAws) -> None:
    """A profile's name as the first argument of boto3's session gets its parameter."""
    shell.good("import boto3")
    code = "boto3.Session('RoleBeta').client('sts').get_caller_identity()['Arn']"
    line = shell.run(code).text.splitlines()[0]
    *_, right = code_in(line)
    assert "RoleBeta" in shell.good(code.replace("boto3.Session('RoleBeta')", right)).result
    assert "access key ID" not in shell.run("boto3.Session('Other'); 1 / 0").text


def test_the_device_of_a_user(shell: Shell, aws: EmbeddedAws) -> None:
    """`--explain` names an `mfa_serial` that is the ARN of a user, and no serial of a device."""
    user = "arn:aws:iam::231179739868:user/UserAlpha"
    for number, serial in enumerate((user, user.replace(":user/", ":mfa/"), "GAHT12345678")):
        name = f"etl{number}"
        aws.write_profile(
            name, mfa_serial=serial, source_profile="UserAlpha", role_arn=ROLE, region="us-west-2"
        )
        text = shell.good(f"%aws_profile --explain {name}").text
        assert ("`mfa_serial` is the ARN of a user" in text) == (serial == user)


#: Words after ``--share``, and the line in their hint.
SHARES = {
    "10m": "%aws_profile --share write 10m",
    "10m write": "%aws_profile --share write 10m",
    "10 minutes": "%aws_profile --share write 10minutes",
    "agent": "%aws_profile --share",
    "notebook-agent": "%aws_profile --share",
}


@pytest.mark.parametrize(("words", "right"), SHARES.items())
def test_words_after_share(shell: Shell, aws: EmbeddedAws, words: str, right: str) -> None:
    """A time, or the name of a profile for programs, gets the line that shares."""
    shell.good("%aws_profile RoleBeta")
    (line,) = code_in(shell.refused(f"%aws_profile --share {words}").hint)
    assert line == right
    if "write" in line:  # it needs sharing, and then a person's answer
        (line,) = code_in(shell.refused(line).hint)
    assert "%aws_profile --share --yes" in shell.good(line).text


def test_a_changed_configuration(shell: Shell, aws: EmbeddedAws) -> None:
    """A limit in IPython's configuration has an effect even after the extension is loaded."""
    section = "get_ipython().config.AwsProfileMagics"
    put = "session.client('s3').put_object(Bucket='my-first-bucket', Key='a', Body=b'')"
    shell.good(f"{section}.read_only = ['Role*']\n%aws_profile RoleBeta")
    assert "no session policy allows" in str(shell.run(put).error)
    shell.good("%config AwsProfileMagics.read_only = []\n%aws_profile RoleBeta")
    shell.good(put)
    shell.good(f"{section}.protected = ['*Beta']")
    assert shell.refused("%aws_profile RoleBeta").hint.startswith("Add `--yes`")
    shell.good("%config AwsProfileMagics.read_only = ['*']")
    shell.good(f"{section}.protected = []\n%aws_profile RoleBeta")
    assert "no session policy allows" in str(shell.run(put).error)
    shell.good(f"{section}.stale = 'nonsense'")
    (line,) = code_in(shell.refused("%aws_profile UserAlpha").hint)
    assert "stale" in shell.good(line).text
    shell.good(f"{section}.stale = 'warn'\n%aws_profile RoleBeta")


def test_broken_files(shell: Shell, aws: EmbeddedAws) -> None:
    """While the config file can't be read, an error of Python has no line, and no hook fails."""
    shell.good("import boto3\n%aws_profile RoleBeta")
    aws.config_file.write_text("[profile\n")
    ran = shell.run("boto3.Session('RoleBeta').client('sts').get_caller_identity()")
    assert ran.error is not None
    assert "Error in callback" not in ran.printed
    assert "access key ID" not in ran.text


# Code outside the notebook ------------------------------------------------------------------------


def test_a_program_without_the_session(
    shell: Shell, aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a program needs `session`, the line below the error of `%run` shares the variables."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.py").write_text("region = session.region_name\n")
    shell.good("%aws_profile RoleBeta")
    for line in ("%run job.py", "%run job"):
        text = shell.run(line).text
        code = code_in(text)[-1]
        assert code == line.replace("%run", "%run -i")
        shell.good(f"{code}\nassert region == 'us-west-2'")
    text = shell.good("%run -i job.py").text
    assert "doesn't pass" not in text  # of an earlier cell


def test_a_module_with_a_missing_name(
    shell: Shell, aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that a module lacks is imported in the module, or passed to it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    code = "def a(): return open_session('RoleBeta')\ndef b(): return session\n"
    (tmp_path / "team_module.py").write_text(code)
    shell.good("%aws_profile RoleBeta\nimport team_module")
    try:
        module, statement, reload = code_in(shell.run("team_module.a()").text)
        assert module == "team_module"
        (tmp_path / "team_module.py").write_text(f"{statement}\n{code}")
        shell.good(f"{reload}\nteam_module.a()")
        assert "as an argument" in shell.run("team_module.b()").text
    finally:
        sys.modules.pop("team_module", None)


@pytest.mark.parametrize(
    "cell",
    [
        "c = get_config()\nc.AwsProfileMagics.read_only = ['*']",
        "c.AwsProfileMagics.read_only = ['*']",
        "AwsProfileMagics.read_only = ['*']",
    ],
)
def test_code_of_a_configuration_file(shell: Shell, aws: EmbeddedAws, cell: str) -> None:
    """A line of IPython's configuration file gets the line for a notebook."""
    code = code_in(shell.run(cell).text)[-1]
    assert code == "%config AwsProfileMagics.read_only = ['*']"
    assert "can still write" not in shell.good(code).text
    shell.good("%aws_profile RoleBeta")
    assert "access    read-only" in shell.good("%aws_profile").text
