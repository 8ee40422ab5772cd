"""Profiles in code, options from before a switch, and threads: a line names the identity."""

from __future__ import annotations

import copy
import json
import pickle
import re

import pytest

from ipy_awsprofile.demo.aws import append_section
from ipy_awsprofile.demo.stages import Scenario, add_role, seed_organisation
from ipy_awsprofile.errors import InvalidOption, StaleIdentity
from tests.aws import EmbeddedAws
from tests.integration.test_hints import code_in
from tests.packages import needs
from tests.shells import Shell

WRITE = "pd.DataFrame({'a': [1]}).to_csv('s3://my-first-bucket/a.csv'%s)"
OPTIONS = "import pandas as pd\nfrom ipy_awsprofile import storage_options"
PUT = "put_object(Bucket='my-first-bucket', Key='a', Body=b'')"


def writers(aws: EmbeddedAws) -> set[str]:
    """Return the names of the roles and users that have put an object into S3."""
    return {str(call.arn).split("/")[1] for call in aws.calls if call.action == "s3:PutObject"}


# Options from before a switch ---------------------------------------------------------------------


@pytest.mark.parametrize("argument", ["", "session"])
def test_options_from_before_a_switch(shell: Shell, aws: EmbeddedAws, argument: str) -> None:
    """If code uses storage options from before a switch, a line names both identities."""
    (other,) = seed_organisation(aws, 1)
    shell.good(f"{OPTIONS}\n%aws_profile RoleBeta\nopts = storage_options({argument})")
    shell.good(WRITE % ", storage_options=opts")
    shown = shell.good(f"%aws_profile {other}").text
    assert "`opts` makes libraries sign as RoleBeta" in shown
    (line,) = [code for code in code_in(shown) if code.startswith("opts =")]
    text = shell.good(WRITE % ", storage_options=opts").text
    assert f"signs PutObject as RoleBeta, but `{other}` is active." in text
    assert text.endswith("Pass new options from `storage_options()`.")
    shell.good(line)
    aws.calls.clear()
    ran = shell.run(WRITE % ", storage_options=opts")
    assert f"signed as `{other}`" in ran.text
    assert writers(aws) == {"Reader"}


@pytest.mark.parametrize("argument", ["", "session"])
def test_options_in_a_read_only_notebook(shell: Shell, aws: EmbeddedAws, argument: str) -> None:
    """Storage options from before a switch can't write while the notebook is read-only."""
    shell.good(f"{OPTIONS}\n%aws_profile RoleBeta\nopts = storage_options({argument})")
    shell.good("%aws_profile RoleBeta --read-only")
    assert isinstance(shell.run(WRITE % ", storage_options=opts").error, StaleIdentity)
    assert writers(aws) == set()
    shell.good("%aws_profile RoleBeta")
    assert "signs" not in shell.good(WRITE % ", storage_options=opts").text


@pytest.mark.parametrize("former", ["RoleBeta --duration 15m", "RoleBeta"])
def test_options_whose_profile_is_gone(shell: Shell, aws: EmbeddedAws, former: str) -> None:
    """If the profile of former options can't be found, a line says where the options are from."""
    keys = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = example\n"
    with aws.config_file.open("a") as file:
        file.write(f"\n[profile another]\n{keys}")
    shell.good(f"{OPTIONS}\n%aws_profile {former}\nopts = storage_options()")
    shell.good("%aws_profile UserAlpha --duration 20m")
    text = shell.run(WRITE % ", storage_options=opts").text
    assert "These options are from the time when `RoleBeta` was active." in text
    assert "Pass new options from `storage_options()`." in text


def test_options_of_a_limited_session(shell: Shell, aws: EmbeddedAws) -> None:
    """The card says that libraries can't find the profile of a limited session anymore."""
    shell.good(f"{OPTIONS}\n%aws_profile RoleBeta --read-only\nopts = storage_options()")
    assert shell.run(WRITE % ", storage_options=opts").error
    card = shell.good("%aws_profile RoleBeta").text
    assert "`opts` names the profile of RoleBeta, read-only, which libraries can't find now" in card
    shell.good(code_in(card)[-1])
    aws.calls.clear()
    shell.good(WRITE % ", storage_options=opts")
    assert writers(aws) == {"RoleBeta"}


@needs("polars")
def test_polars_options_from_before_a_switch(shell: Shell, aws: EmbeddedAws) -> None:
    """The card and a line name former options of polars, which a read-only notebook refuses."""
    (other,) = seed_organisation(aws, 1)
    shell.good("import polars as pl\nfrom ipy_awsprofile.libraries import polars_options")
    shell.good("%aws_profile RoleBeta\nopts = polars_options(session)")
    write = "pl.DataFrame({'a': [1]}).write_parquet('s3://my-first-bucket/a', **opts)"
    shell.good(f"{write}\n{write}\nimport pickle; pickled = pickle.dumps(opts)")
    assert all(secret.encode() not in shell.names["pickled"] for secret in aws.iam.secrets)
    shell.good("%aws_profile RoleBeta --read-only")
    aws.calls.clear()
    assert isinstance(shell.run(write).error, StaleIdentity)
    assert writers(aws) == set()
    card = shell.good(f"%aws_profile {other}").text
    assert "`opts` makes polars sign as RoleBeta" in card
    (line,) = [code for code in code_in(card) if "opts =" in code]
    for _ in range(2):
        text = shell.good(write).text
        assert f"`polars` signs a request as RoleBeta, but `{other}` is active." in text
        assert text.endswith("Pass new options from `libraries.polars_options(session)`.")
    shell.good(line)
    aws.calls.clear()
    assert "signs" not in shell.run(write).text
    assert writers(aws) == {"Reader"}


def test_options_after_the_last_switch(shell: Shell, aws: EmbeddedAws) -> None:
    """After `--off`, former options still work, and a line names the identity."""
    shell.good(f"{OPTIONS}\n%aws_profile RoleBeta\nopts = storage_options()")
    shell.good("%aws_profile --off")
    text = shell.good(WRITE % ", storage_options=opts").text
    assert "signs PutObject as RoleBeta, but no profile is active." in text
    step = "Run `%aws_profile NAME`, and pass new options from `storage_options()`."
    assert text.endswith(step)


def test_a_name_after_former_options(shell: Shell, aws: EmbeddedAws) -> None:
    """A profile that code names isn't taken for one of the former options with the same name."""
    (other,) = seed_organisation(aws, 1)
    shell.good(f"{OPTIONS}\n%aws_profile RoleBeta\nopts = storage_options()\n%aws_profile {other}")
    assert "signs" in shell.good(WRITE % ", storage_options=opts").text
    named = ", storage_options={'profile': 'RoleBeta'}"
    assert "signs" not in shell.good(WRITE % named).text


def test_copies_of_options(shell: Shell, aws: EmbeddedAws) -> None:
    """A pickled name contains no credentials, and a copied one still belongs to its identity."""
    shell.good(f"{OPTIONS}\n%aws_profile RoleBeta")
    options = shell.good("storage_options()").result
    assert pickle.loads(pickle.dumps(options)) == {"profile": "RoleBeta"}  # ours
    assert all(secret.encode() not in pickle.dumps(options) for secret in aws.iam.secrets)
    assert json.loads(json.dumps(options)) == options
    shell.names["opts"] = copy.deepcopy(options)
    shell.good("%aws_profile RoleBeta --read-only")
    assert isinstance(shell.run(WRITE % ", storage_options=opts").error, StaleIdentity)


# Profiles that code names -------------------------------------------------------------------------


def test_a_named_profile_writes(shell: Shell, aws: EmbeddedAws) -> None:
    """If code writes as a profile that it names, a line in a read-only notebook says so."""
    shell.good("import boto3, pandas as pd\n%aws_profile RoleBeta --read-only")
    named = ", storage_options={'profile': 'RoleBeta'}"
    for cell in (
        f"done = boto3.Session(profile_name='RoleBeta').client('s3').{PUT}",
        WRITE % named,
    ):
        text = shell.good(cell).text
        assert "`RoleBeta, read-only` doesn't limit a profile that your code names" in text
        assert text.endswith("To limit it, leave out the profile's name.")
    reading = "boto3.Session(profile_name='RoleBeta').client('s3').list_buckets();"
    assert "limit" not in shell.good(reading).text
    aws.calls.clear()
    followed = shell.run(WRITE % "")
    assert "no session policy allows" in str(followed.error)


def test_a_role_that_code_assumes(shell: Shell, scenario: Scenario) -> None:
    """If code in a read-only notebook assumes a role, the line's step limits the role's session."""
    shell.good("import boto3\nfrom ipy_awsprofile import open_session")
    shell.good("%aws_profile RoleBeta --read-only")
    assume = f".client('sts').assume_role(RoleArn='{scenario.role_arn}', RoleSessionName='me');"
    text = shell.good(f"boto3.Session(profile_name='UserAlpha'){assume}").text
    (opened,) = [code for code in code_in(text) if code.startswith("open_session")]
    shell.names["ARN"] = scenario.role_arn
    followed = shell.run(f"{opened}.client('s3').{PUT}")
    assert "no session policy allows" in str(followed.error)
    denied = shell.run(f"session{assume}").text
    assert "it lacks `sts:AssumeRole`" in denied
    assert "To write" not in denied


@needs("polars")
def test_polars_writes(shell: Shell, aws: EmbeddedAws) -> None:
    """A line tells if polars writes as a named profile, and its block limits the write."""
    # polars keeps the credentials of a profile with this name until the process ends.
    add_role(aws, "RoleOfPolars", "s3:*", region="us-west-2")
    shell.good("import polars as pl\nfrom ipy_awsprofile import using_profile")
    shell.good("frame, key = pl.DataFrame({'a': [1]}), 'a'")
    shell.good("options = {'aws_profile': 'RoleOfPolars'}")
    shell.good("%aws_profile RoleBeta --read-only")
    provider = "pl.CredentialProviderAWS(profile_name='RoleOfPolars')"
    shell.good(f"provider = {provider}")
    # With the default provider of a switch, polars ignores the option for a profile.
    automatic = "pl.Config.set_default_credential_provider('auto'); "
    for before, argument in (
        ("", f"credential_provider={provider}"),
        ("", "credential_provider=provider"),
        (automatic, "storage_options={'aws_profile': 'RoleOfPolars'}"),
        (automatic, "storage_options=options"),
    ):
        for call in ("frame.write_parquet({})", "frame.lazy().sink_csv({})"):
            write = call.format(f"f's3://my-first-bucket/{{key}}', {argument}")
            text = shell.good(f"{before}{write}").text
            assert "was signed as `RoleOfPolars`" in text
    (block,) = [code for code in code_in(text) if code.startswith("with")]
    aws.calls.clear()
    followed = shell.run(f"{block}\n    frame.write_csv('s3://my-first-bucket/a')")
    assert "no session policy allows" in str(followed.error)
    assert writers(aws) == {"RoleOfPolars"}
    reading = "pl.read_csv('s3://my-first-bucket/a', storage_options=options).height"
    assert "limit" not in shell.good(reading).text
    shell.good("%aws_profile RoleBeta")
    writing = "frame.write_csv('s3://my-first-bucket/a', storage_options=options)"
    assert "limit" not in shell.good(writing).text


@needs("polars")
def test_polars_ignores_a_profile(shell: Shell, aws: EmbeddedAws) -> None:
    """A line says that polars ignores a profile in options, and its block uses the profile."""
    add_role(aws, "OtherOfPolars", "s3:*", region="us-west-2")
    shell.good("import polars as pl\nframe = pl.DataFrame({'a': [1]})")
    options = ", storage_options={'aws_profile': 'OtherOfPolars'}"
    write = "frame.write_csv('s3://my-first-bucket/a'{})"
    for limit, outcome in (("", ""), (" --read-only", "no session policy allows")):
        shell.good(f"%aws_profile RoleBeta{limit}")
        aws.calls.clear()
        text = shell.run(write.format(options)).text
        assert "polars ignores `aws_profile`, so `write_csv` used the active identity." in text
        assert writers(aws) == {"RoleBeta"}
        (block,) = [code for code in code_in(text) if code.startswith("with")]
        shell.good("from ipy_awsprofile import using_profile")
        aws.calls.clear()
        followed = shell.run(f"{block}\n    {write.format('')}")
        assert outcome in str(followed.error or "")
        assert writers(aws) == {"OtherOfPolars"}
        assert "polars ignores" not in followed.text
    assert "polars ignores" not in shell.run(write.format(options.replace("Other", "No"))).text


@needs("polars")
def test_pandas_uses_a_profile_beside_polars(shell: Shell, aws: EmbeddedAws) -> None:
    """A read by pandas signs as the profile in its options, and isn't taken for polars'."""
    add_role(aws, "OtherOfPandas", "s3:*", region="us-west-2")
    shell.good("import pandas as pd, polars as pl\n%aws_profile RoleBeta")
    shell.good("pd.DataFrame({'a': [1]}).to_csv('s3://my-first-bucket/a')")
    read = "{}.read_csv('s3://my-first-bucket/a', storage_options={{'profile': 'OtherOfPandas'}})"
    for library, reader, is_ignored in (("pd", "OtherOfPandas", False), ("pl", "RoleBeta", True)):
        aws.calls.clear()
        text = shell.good(read.format(library)).text
        callers = {str(call.arn).split("/")[1] for call in aws.calls if "GetObj" in call.action}
        assert callers == {reader}
        assert ("polars ignores `profile`" in text) == is_ignored


def test_another_named_profile_writes(shell: Shell, aws: EmbeddedAws) -> None:
    """The line about another profile shows a block with which that profile is limited, too."""
    (other,) = seed_organisation(aws, 1)
    shell.good(
        "import boto3\nfrom ipy_awsprofile import open_session, storage_options, using_profile"
    )
    shell.good(f"%aws_profile {other} --read-only")
    code = f"boto3.Session(profile_name='RoleBeta').client('s3').{PUT};"
    (block,) = [code for code in code_in(shell.good(code).text) if code.startswith("with")]
    followed = shell.run(f"{block}\n    boto3.Session().client('s3').{PUT}")
    assert "no session policy allows" in str(followed.error)
    code = f"open_session('RoleBeta').client('s3').{PUT};"
    assert "add `read_only=True` to the call of `open_session`" in shell.good(code).text
    followed = shell.run(f"open_session('RoleBeta', read_only=True).client('s3').{PUT};")
    assert "no session policy allows" in str(followed.error)
    assert "limit" not in shell.run("storage_options(open_session('RoleBeta'))").text
    meant = f"open_session('RoleBeta', write=True).client('s3').{PUT};"
    assert "limit" not in shell.good(meant).text


@pytest.mark.parametrize(
    ("block", "limited", "step"),
    [
        (
            "%%aws_profile prod-admin\nsession.{put};",
            "%%aws_profile prod-admin --read-only\nsession.{put};",
            "add `--read-only` to the cell's first line",
        ),
        (
            "%%aws_profiles prod-admin\nsession.{put};",
            "%%aws_profiles prod-admin --read-only\nsession.{put};",
            "add `--read-only` to the cell's first line",
        ),
        (
            "with using_profile('prod-admin') as admin:\n    admin.{put};",
            "with using_profile('prod-admin', read_only=True) as admin:\n    admin.{put};",
            "add `read_only=True` to the call of `using_profile`",
        ),
        (
            "across_profiles('prod-admin', lambda session: session.{put})",
            "across_profiles('prod-admin', lambda session: session.{put}, read_only=True)",
            "add `read_only=True` to the call of `across_profiles`",
        ),
    ],
)
def test_a_block_writes(
    shell: Shell, aws: EmbeddedAws, block: str, limited: str, step: str
) -> None:
    """If a block writes in a read-only notebook, a line says so, and its step limits the block."""
    add_role(aws, "prod-admin", "s3:*")
    put = f"client('s3').{PUT}"
    block = block.format(put=put)
    shell.good("from ipy_awsprofile import across_profiles, using_profile")
    shell.good("%aws_profile RoleBeta")
    assert "limit" not in shell.good(block).text
    shell.good("%aws_profile RoleBeta --read-only")
    text = shell.good(block).text
    assert "PutObject was signed as `prod-admin`" in text
    assert f"To limit it, {step}." in text
    assert "limit" not in shell.good(block.replace(PUT, "list_buckets()")).text
    followed = shell.run(limited.format(put=put))
    assert "no session policy allows" in str(followed.error)


@pytest.mark.parametrize(
    ("code", "followed", "step"),
    [
        (
            "%%aws_profiles {names} --read-only\nboto3.Session(profile_name=profile).{put}",
            "%%aws_profiles {names} --read-only\nsession.{put}",
            "use `session` instead of naming the profile",
        ),
        (
            "across_profiles('{names}', lambda session: open_session(session.profile_name).{put}, "
            "read_only=True)",
            "across_profiles('{names}', lambda session: open_session(session.profile_name, "
            "read_only=True).{put}, read_only=True)",
            "add `read_only=True` to the call of `open_session`",
        ),
        (
            "%%aws_profiles {names}\nboto3.Session(profile_name=profile).{put}",
            "%%aws_profiles {names} --read-only\nsession.{put}",
            "add `--read-only` to the cell's first line, and use `session` instead of naming the "
            "profile",
        ),
        (
            "across_profiles(['{names}'], lambda session: "
            "boto3.Session(profile_name='RoleBeta').{put}, read_only=True)",
            "across_profiles(['{names}'], lambda session: "
            "open_session('RoleBeta', read_only=True).{put}, read_only=True)",
            "use `open_session('RoleBeta', read_only=True)` instead",
        ),
    ],
)
def test_code_for_many_profiles_names_one(
    shell: Shell, aws: EmbeddedAws, code: str, followed: str, step: str
) -> None:
    """If limited code for many profiles names a profile that writes, a line's step limits it."""
    add_role(aws, "prod-admin", "s3:*")
    put = f"client('s3').{PUT}['ETag']"
    shell.good("import boto3\nfrom ipy_awsprofile import across_profiles, open_session")
    if "read" not in code:
        shell.good("%aws_profile RoleBeta --read-only")
    text = shell.good(code.format(names="prod-admin", put=put)).text
    assert f"To limit it, {step}." in text
    denied = shell.run(followed.format(names="prod-admin", put=put))
    assert "no session policy allows" in str(denied.error)
    reading = code.format(names="prod-admin", put="client('s3').list_buckets()['Buckets']")
    assert "limit" not in shell.good(reading).text


def test_a_command_in_a_limited_cell_for_many(shell: Shell, aws: EmbeddedAws) -> None:
    """In a limited cell for many profiles, a command that names a profile gets a line."""
    cell = "%%aws_profiles RoleBeta{}\n!echo aws s3 ls --profile {{profile}}\n1"
    assert "limit" not in shell.good(cell.format("")).text
    text = shell.good(cell.format(" --read-only")).text
    assert "doesn't limit a command with `--profile {profile}`. Use the clients of" in text


def test_no_profiles(shell: Shell, aws: EmbeddedAws) -> None:
    """If a list of profiles is empty, a line says that the function wasn't called."""
    shell.good("from ipy_awsprofile import across_profiles, list_profiles")
    text = shell.good("across_profiles(list_profiles('prd-*'), lambda session: 1)").text
    assert "The list of profiles is empty, so the function wasn't called." in text
    text = shell.good("across_profiles(list_profiles('RoleBeta'), lambda session: 1)").text
    assert "is empty" not in text


def test_profiles_as_records(shell: Shell, aws: EmbeddedAws) -> None:
    """If code names a profile with a record of `list_profiles`, the line's code contains a name."""
    add_role(aws, "prod-admin", "s3:*")
    shell.good("import boto3\nfrom ipy_awsprofile import list_profiles, using_profile")
    shell.good("%aws_profile RoleBeta --read-only\n(admin,) = list_profiles('prod-admin')")
    text = shell.good(f"boto3.Session(profile_name=admin).client('s3').{PUT};").text
    (block,) = [code for code in code_in(text) if code.startswith("with")]
    followed = shell.run(f"{block}\n    boto3.client('s3').{PUT}")
    assert "no session policy allows" in str(followed.error)
    append_section(aws.config_file, "profile Keys", {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE"})
    shell.good("%aws_profile RoleBeta --read-only")
    text = shell.run("boto3.Session(profile_name=admin)").text
    assert "Use `open_session('prod-admin', read_only=True)`." in text


@pytest.mark.parametrize(
    "command",
    [
        "!echo aws s3 ls --profile RoleBeta",
        "!AWS_PROFILE=RoleBeta echo ls",
        "%%bash\necho aws s3 ls --profile=RoleBeta",
    ],
)
def test_commands_that_name_a_profile(shell: Shell, aws: EmbeddedAws, command: str) -> None:
    """A command that names a profile gets a line in a read-only notebook, and only there."""
    shell.good("%aws_profile RoleBeta")
    assert "limit" not in shell.good(command).text
    shell.good("%aws_profile RoleBeta --read-only")
    text = shell.good(command).text
    assert "`RoleBeta, read-only` doesn't limit a command that names a profile." in text
    assert "limit" not in shell.good("!echo ipython --profile=work").text
    *_, part = code_in(text)
    assert "limit" not in shell.good(command.replace(part, "")).text


def test_a_denial_that_writing_doesnt_mend(shell: Shell, aws: EmbeddedAws) -> None:
    """If the identity's own policy denies a call, the line doesn't advise to give up a limit."""
    shell.good("%aws_profile RoleBeta --read-only")
    query = (
        "session.client('athena').start_query_execution(QueryString='SELECT 1', "
        "ResultConfiguration={'OutputLocation': 's3://my-first-bucket/'})"
    )
    text = shell.run(query).text
    assert "Even without the read-only limit, it lacks `athena:StartQueryExecution`." in text
    assert "--write" not in text
    assert "--write" in shell.run(f"session.client('s3').{PUT}").text


@pytest.mark.parametrize("former", ["RoleBeta", "RoleBeta --session-name another"])
def test_a_denial_of_the_same_role(shell: Shell, aws: EmbeddedAws, former: str) -> None:
    """The line about a missing permission doesn't offer the same role without its limit."""
    shell.good(f"%aws_profile {former}\n%aws_profile RoleBeta --read-only")
    assert "switches back" not in shell.run("session.client('athena').list_work_groups()").text
    shell.good("%aws_profile UserAlpha\n%aws_profile RoleBeta --read-only")
    text = shell.run("session.client('athena').list_work_groups()").text
    assert "`%aws_profile UserAlpha` switches back" in text


def test_keys_in_the_config_file(shell: Shell, aws: EmbeddedAws) -> None:
    """A limited notebook isn't advised to move keys, because named profiles aren't limited."""
    with aws.config_file.open("a") as file:
        file.write("\n[profile another]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n")
    shell.good("import boto3\nfrom ipy_awsprofile import open_session")
    shell.good("%aws_profile RoleBeta --read-only")
    text = shell.run("boto3.Session(profile_name='RoleBeta').client('s3')").text
    assert "move the keys" not in text
    (call,) = [code for code in code_in(text) if code.startswith("open_session")]
    assert "no session policy" in str(shell.run(f"{call}.client('s3').{PUT}").error)


# The session's variable ---------------------------------------------------------------------------


def test_another_session_in_the_variable(shell: Shell, aws: EmbeddedAws) -> None:
    """If a cell puts another profile's session into `session`, a line says so once."""
    names = seed_organisation(aws, 2)
    shell.good("import boto3\nfrom ipy_awsprofile import open_session\n%aws_profile RoleBeta")
    loop = f"for name in {names}:\n    session = open_session(name)"
    text = shell.good(loop).text
    assert f"`session` is now a session of `{names[-1]}`, although `RoleBeta` is active." in text
    (line,) = [code for code in code_in(text) if code.startswith("%aws_profile")]
    assert "session of" not in shell.good("1").text
    shell.good(line)
    assert shell.names["session"].profile_name == "RoleBeta"
    shell.good("from ipy_awsprofile import using_profile\nsession = open_session('RoleBeta')")
    shell.good(line)
    block = f"with using_profile({names[0]!r}) as session: pass"
    assert "session of" not in shell.good(block).text
    assert shell.names["session"].profile_name == "RoleBeta"
    shell.good("%aws_profile RoleBeta --read-only")
    for same in ("boto3.Session()", "boto3.Session(region_name='us-east-1')"):
        used = f"session = {same}\nsession.client('s3').list_buckets();"
        assert "session of" not in shell.good(used).text
    limit = "a session of `RoleBeta`, although `RoleBeta, read-only` is active."
    assert limit in shell.good("session = open_session('RoleBeta')").text


def test_opening_isnt_switching(shell: Shell, aws: EmbeddedAws) -> None:
    """If a cell only opens a session, a line says which profile is still active."""
    shell.good("from ipy_awsprofile import open_session\n%aws_profile UserAlpha")
    text = shell.good("open_session('RoleBeta', read_only=True)").text
    assert "`open_session` doesn't switch the notebook, so `UserAlpha` is still active." in text
    shell.good(code_in(text)[-1])
    assert shell.names["session"].profile_name == "RoleBeta"
    assert shell.names["session"].target.request.read_only
    assert "doesn't switch" not in shell.good("beta = open_session('RoleBeta')").text
    assert "doesn't switch" not in shell.good("beta = open_session('RoleBeta')\nbeta").text


# Threads ------------------------------------------------------------------------------------------


def test_the_magic_in_threads(shell: Shell, aws: EmbeddedAws) -> None:
    """A thread can't switch the notebook, and opens a session instead."""
    shell.good("from ipy_awsprofile import open_session\n%aws_profile UserAlpha")
    work = """
    from concurrent.futures import ThreadPoolExecutor
    def account(name):
        {switch}
        return session.client("sts").get_caller_identity()["Account"]
    with ThreadPoolExecutor(2) as threads:
        accounts = list(threads.map(account, {names}))
    """
    work = re.sub(r"(?m)^    ", "", work)
    names = seed_organisation(aws, 2)
    magic = "get_ipython().run_line_magic('aws_profile', name)"
    error = shell.run(work.format(switch=magic, names=names)).error
    assert isinstance(error, InvalidOption)
    assert "can't be used in a thread" in str(error)
    assert shell.names["session"].profile_name == "UserAlpha"
    assert code_in(error.hint) == ["open_session(NAME)"]
    shell.good(work.format(switch="session = open_session(name)", names=names))
    assert len(set(shell.names["accounts"])) == 2


def test_a_cell_in_a_thread(shell: Shell, aws: EmbeddedAws) -> None:
    """A cell that runs in its own thread, for example in a subshell, can switch."""
    shell.good(
        "import threading\n"
        "cell = threading.Thread(\n"
        "    target=get_ipython().run_cell, args=('%aws_profile RoleBeta',)\n"
        ")\n"
        "cell.start(); cell.join()"
    )
    assert shell.names["session"].profile_name == "RoleBeta"


def test_a_programs_own_profile(shell: Shell, aws: EmbeddedAws) -> None:
    """A command with a profile of the notebook's identity is limited, so it gets no line."""
    shell.good("%aws_profile RoleBeta --read-only")
    assert "limit" not in shell.good("!echo aws s3 ls --profile notebook").text


@pytest.mark.parametrize(
    "code",
    ["!export AWS_PROFILE=prod-admin", "import os; os.environ['AWS_PROFILE'] = 'prod-admin'"],
)
def test_a_switch_keeps_the_limit(shell: Shell, aws: EmbeddedAws, code: str) -> None:
    """In a read-only notebook, the line that switches to the variable's profile is read-only."""
    add_role(aws, "prod-admin", "s3:*")
    shell.good("%aws_profile RoleBeta --read-only")
    (line,) = [
        each for each in code_in(shell.run(code).text) if "prod-admin" in each and "%" in each
    ]
    assert line == "%aws_profile prod-admin --read-only"
    assert "read-only" in shell.good(line).text


def test_the_setting_read_only(shell: Shell, aws: EmbeddedAws) -> None:
    """Patterns for the setting without its underscore get the line that sets them."""
    text = shell.good("%config AwsProfileMagics.readonly = ['RoleBeta']").text
    (line,) = [code for code in code_in(text) if code.startswith("%config")]
    shell.good(line)
    assert "read-only" in shell.good("%aws_profile RoleBeta").text


def test_a_setting_with_an_options_name(shell: Shell, aws: EmbeddedAws) -> None:
    """A setting without its underscore gets its line, although an option has the same name."""
    text = shell.good("%config AwsProfileMagics.sessionname = 'me'").text
    (line,) = [code for code in code_in(text) if code.startswith("%config")]
    shell.good(line)
    shell.good("%aws_profile RoleBeta")
    assert shell.good("session.arn").result.endswith("/me")
