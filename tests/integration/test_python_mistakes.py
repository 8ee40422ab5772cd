"""Errors and lines about mistakes in Python code, whose hints work as they are written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ipy_awsprofile.demo.stages import add_role, seed_organisation
from ipy_awsprofile.errors import NoProfileAnswered
from tests.aws import EmbeddedAws
from tests.integration.test_hints import code_in
from tests.shells import Shell

#: Objects of a profile that the code names in another cell, and code that calls STS with them.
NAMED_ELSEWHERE = {
    "other = open_session('RoleBeta').client('sts')": "other.get_caller_identity()['Account']",
    "other = open_session('RoleBeta')": "who_am_i(other).account",
    "other = boto3.Session(profile_name='RoleBeta')": (
        "other.client('sts').get_caller_identity()['Account']"
    ),
    "other = boto3.Session(profile_name='RoleBeta').client('sts')": (
        "other.get_caller_identity()['Account']"
    ),
}


@pytest.mark.parametrize(("made", "used"), NAMED_ELSEWHERE.items())
def test_named_in_another_cell(shell: Shell, aws: EmbeddedAws, made: str, used: str) -> None:
    """In a cell for many profiles, an object of a profile that another cell names is an error."""
    names = seed_organisation(aws, 2)
    shell.good("import boto3\nfrom ipy_awsprofile import across_profiles, open_session, who_am_i")
    shell.good(f"def function(session): return {used}")
    for _ in range(2):
        shell.good(made)
        # botocore can't load one session's credentials in two threads at the same time.
        cell = f"%%aws_profiles atlas-* --workers 1\n{used}"
        for run in (cell, "across_profiles('atlas-*', function, max_workers=1)"):
            aws.calls.clear()
            error = shell.refused(run)
            assert isinstance(error, NoProfileAnswered)
            assert {row["error"] for row in error.errors} == {"NotForOneProfile"}
            assert "sts:GetCallerIdentity" not in {call.action for call in aws.calls}
            *_, code = code_in(error.errors[0]["hint"])
        ran = shell.good(f"%%aws_profiles atlas-*\nother = {code}\nwho_am_i(other).account")
        assert list(ran.result["profile"]) == list(names)
        assert set(ran.result["value"]) == {"123456789012"}
        assert shell.good(used).result == "123456789012"


#: Calls with a parameter of `open_session`, and the code of their hint.
OPENED = {
    "storage_options(profile='RoleBeta')": "storage_options(open_session('RoleBeta'))",
    "storage_options(profile_name='RoleBeta')": "storage_options(open_session('RoleBeta'))",
    "list_buckets(session, region='us-west-1')": (
        "list_buckets(open_session('RoleBeta', region='us-west-1', read_only=True))"
    ),
    "list_buckets('RoleBeta', 'my-', region='us-west-1')": (
        "list_buckets(open_session('RoleBeta', region='us-west-1'), …)"
    ),
    "list_buckets(region='us-west-1', prefix='my-')": (
        "list_buckets(open_session('RoleBeta', region='us-west-1', read_only=True), prefix='my-')"
    ),
    "who_am_i(profile='RoleBeta', ask=True)": "who_am_i(open_session('RoleBeta'), ask=True)",
    "who_am_i(profile='Nobody')": "who_am_i(open_session('NAME'))",
    "libraries.spark_options(profile='RoleBeta')": (
        "libraries.spark_options(open_session('RoleBeta'))"
    ),
    "scoped(profile='RoleBeta', read_only=True)": (
        "with scoped('RoleBeta', read_only=True) as scoped_session:"
    ),
    "scoped(session, read_only=True, region='us-west-1')": (
        "with scoped(open_session('RoleBeta', region='us-west-1', read_only=True), read_only=True) "
        "as scoped_session:"
    ),
}


def runnable(code: str) -> str:
    """Return the code of a hint with the real name of a profile, and with a statement's block."""
    code = code.replace("NAME", "RoleBeta")
    return code.replace(", …", "") + ("\n    pass" if code.endswith(":") else "")


@pytest.mark.parametrize(("call", "right"), OPENED.items())
def test_options_of_a_session(shell: Shell, aws: EmbeddedAws, call: str, right: str) -> None:
    """A function of a session that gets a profile or its options opens one, with all limits."""
    shell.good("from ipy_awsprofile import *\nfrom ipy_awsprofile import libraries, scoped")
    shell.good("%aws_profile RoleBeta --read-only")
    (code,) = code_in(shell.refused(call).hint)
    assert code == right
    if not code.startswith("with scoped(open"):  # a read-only role can't open a scoped session
        shell.good(runnable(code))


#: Calls without their session, and the line of their hint in a notebook with a session.
WITHOUT_SESSION = {
    "scoped(read_only=True)": "with scoped(session, read_only=True) as scoped_session:",
    "scoped(seconds=900, description='job')": (
        "with scoped(session, seconds=900, description='job') as scoped_session:"
    ),
    "list_buckets(prefix='my-')": "list_buckets(session, prefix='my-')",
    "who_am_i(ask=True)": "who_am_i(session, ask=True)",
    "libraries.polars_options()": "libraries.polars_options(session)",
    "libraries.spark_options(bucket='b')": "libraries.spark_options(session, bucket='b')",
}


@pytest.mark.parametrize(("call", "right"), WITHOUT_SESSION.items())
def test_a_call_without_its_session(shell: Shell, aws: EmbeddedAws, call: str, right: str) -> None:
    """The hint for a missing session keeps the other arguments, or says how to open a session."""
    shell.good("from ipy_awsprofile import *\nfrom ipy_awsprofile import libraries")
    hint = shell.refused(call).hint
    for line in code_in(hint):
        shell.good(runnable(line))
    shell.good("%aws_profile RoleBeta --as beta\nglobals().pop('session', None)")
    assert code_in(shell.refused(call).hint) == code_in(hint)
    shell.good("%aws_profile RoleBeta")
    (line,) = code_in(shell.refused(call).hint)
    assert line == right
    shell.good(runnable(line))


def test_a_missing_argument(shell: Shell) -> None:
    """The hint for any other missing argument keeps the arguments that were written."""
    shell.good("from ipy_awsprofile import across_profiles, organization_roles\ndef job(s): pass")
    error = shell.refused("across_profiles(function=job, read_only=True)")
    assert code_in(error.hint) == ["across_profiles('NAME', function=job, read_only=True)"]
    error = shell.refused("across_profiles('*-dev')")
    assert code_in(error.hint) == ["across_profiles('*-dev', FUNCTION)"]
    error = shell.refused("organization_roles()")
    assert code_in(error.hint) == ["organization_roles('NAME')"]


@pytest.mark.parametrize("name", ["mfa_code", "token_code", "otp"])
def test_a_code_as_an_argument(shell: Shell, aws: EmbeddedAws, name: str) -> None:
    """An MFA code isn't an argument, because the user is prompted for it."""
    shell.good("from ipy_awsprofile import open_session")
    error = shell.refused(f"open_session('RoleBeta', {name}='123456')")
    assert error.hint.startswith(f"Leave out `{name}`")
    shell.good("open_session('RoleBeta')")


def test_a_missing_pattern(shell: Shell, aws: EmbeddedAws) -> None:
    """A function without profiles gets a pattern for all of them, and not another function."""
    shell.good("from ipy_awsprofile import *")
    (code, pattern) = code_in(shell.refused("across_profiles(who_am_i)").hint)
    assert (code, pattern) == ("across_profiles('*', who_am_i)", "*")
    shell.good(code)
    hint = shell.refused("across_profiles('*', who_am_i, role='Audit')").hint
    assert "profiles`" not in hint


def test_a_missing_session_in_a_cell_for_many(shell: Shell, aws: EmbeddedAws) -> None:
    """In a cell for many profiles, the hint is the session of each profile."""
    shell.good("from ipy_awsprofile import *\n%aws_profile --off")
    error = shell.refused("%%aws_profiles RoleBeta\nlist_buckets()")
    assert isinstance(error, NoProfileAnswered)
    (code,) = code_in(error.errors[0]["hint"])
    assert code == "list_buckets(session)"
    assert len(shell.good(f"%%aws_profiles RoleBeta\n{code}").result)


def test_the_session_of_an_earlier_scope(shell: Shell, aws: EmbeddedAws) -> None:
    """In a block, the session of an earlier block signs nothing, and no line says otherwise."""
    shell.good("from ipy_awsprofile import list_buckets, scoped\n%aws_profile RoleBeta")
    shell.good("with scoped(session, read_only=True) as earlier: pass")
    ran = shell.run("with scoped(session, read_only=True) as limited:\n    list_buckets(earlier)")
    assert "has ended" in str(ran.error)
    assert "was signed" not in ran.text


def test_no_key_in_a_hint(shell: Shell) -> None:
    """What boto3 would take for keys isn't repeated."""
    shell.good("from ipy_awsprofile import list_buckets")
    error = shell.refused("list_buckets('AKIAIOSFODNN7EXAMPLE', 'wJalrX', region_name='eu-west-1')")
    assert code_in(error.hint) == ["list_buckets(open_session('NAME', region='eu-west-1'), …)"]


def test_functions_that_are_not_registered(shell: Shell, aws: EmbeddedAws) -> None:
    """`end_on_switch` refuses a name, and warns about a function that isn't registered."""
    shell.good("from ipy_awsprofile import end_on_switch, on_switch")
    shell.good("@on_switch\ndef mk(session): print('called')\ndef other(session): pass")
    assert "These functions are registered: `mk`." in shell.good("end_on_switch(other)").text
    assert "called" in shell.good("%aws_profile RoleBeta").text
    error = shell.refused("end_on_switch('mk')")
    (line,) = code_in(error.hint)
    assert shell.good(line).text == ""
    assert "called" not in shell.good("%aws_profile UserAlpha").text
    text = shell.good("end_on_switch(lambda session: 0)").text
    assert "`<lambda>` isn't registered with `on_switch`. No function is registered." in text
    assert shell.refused("end_on_switch(3)").hint


def test_a_session_instead_of_a_name(shell: Shell, aws: EmbeddedAws) -> None:
    """A session that is passed as a profile's name is already open, or gets the block to write."""
    names = seed_organisation(aws, 2)
    shell.good("from ipy_awsprofile import across_profiles, open_session, using_profile, who_am_i")
    code = "across_profiles('atlas-*', lambda profile: who_am_i({}).profile)"
    error = shell.refused(code.format("open_session(profile)"))
    assert isinstance(error, NoProfileAnswered)
    hint = error.errors[0]["hint"]
    assert hint == shell.refused(code.format("open_session(profile)")).hint
    assert hint.startswith("The session that you passed is already open, so use it instead.")
    assert "`across_profiles` gets the session of each profile." in hint
    assert list(shell.good(code.format("profile")).result["value"]) == list(names)
    shell.good("%aws_profile RoleBeta --read-only")
    assert shell.refused("open_session(session)").hint == hint
    (block,) = code_in(shell.refused("with using_profile(session): pass").hint)
    assert block == "with using_profile('RoleBeta', read_only=True):"
    shell.good(f"{block} pass")


SAYS = "`scoped` limits only its own session"

PUT = "put_object(Bucket='my-first-bucket', Key='a', Body=b'')"

#: Code in a block of `scoped` that signs as the active identity.
BESIDE_SCOPE = [
    f"boto3.client('s3').{PUT}",
    "pd.DataFrame({'a': [1]}).to_csv('s3://my-first-bucket/a.csv')",
    "boto3.client('s3').upload_fileobj(io.BytesIO(b'x'), 'my-first-bucket', 'a')",
]

#: Code in a block that doesn't sign as the active identity, or that the user has given it to.
NOT_BESIDE = [
    "s.client('s3').list_buckets()",
    "with scoped(s, read_only=True) as t: t.client('s3').list_buckets()",
    "open_session('RoleBeta').client('s3').list_buckets()",
    "who_am_i(session)",
]


@pytest.mark.parametrize("code", BESIDE_SCOPE)
def test_beside_a_scoped_session(shell: Shell, aws: EmbeddedAws, code: str) -> None:
    """In a block of `scoped`, a line says what isn't limited, and its statement limits it."""
    shell.good("import boto3, io\nimport pandas as pd\nfrom ipy_awsprofile import *")
    shell.good("%aws_profile RoleBeta")
    text = shell.good(f"with scoped('RoleBeta', read_only=True) as s:\n    {code}\n    {code}").text
    assert text.count(SAYS) == 1
    assert "was signed as `RoleBeta`, without these limits." in text
    *_, statement = code_in(text)
    assert statement.startswith("with using_profile('RoleBeta', read_only=True)")
    ran = shell.run(f"{statement}\n    {code}")
    assert ran.error
    assert SAYS not in ran.text
    assert SAYS not in shell.good(code).text


def test_in_a_scoped_session(shell: Shell, aws: EmbeddedAws) -> None:
    """In a block of `scoped`, no line is about the limited session or about others by name."""
    shell.good("%aws_profile RoleBeta\nfrom ipy_awsprofile import *")
    for code in NOT_BESIDE:
        assert (
            SAYS not in shell.good(f"with scoped('RoleBeta', seconds=900) as s:\n    {code}").text
        )


#: Blocks whose limits `using_profile` doesn't have, or doesn't have for the active identity.
WITHOUT_STATEMENT = [
    "scoped(session, seconds=900)",
    "scoped('RoleGamma', read_only=True)",
    "scoped(session, policy={'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', "
    "'Action': 's3:*', 'Resource': '*'}]})",
]


@pytest.mark.parametrize("block", WITHOUT_STATEMENT)
def test_limits_without_a_statement(shell: Shell, aws: EmbeddedAws, block: str) -> None:
    """If no block of `using_profile` has the limits, the line names only the block's session."""
    add_role(aws, "RoleGamma", "*", region="us-west-2")
    shell.good("%aws_profile RoleBeta\nimport boto3\nfrom ipy_awsprofile import scoped")
    text = shell.good(f"with {block} as s:\n    boto3.client('s3').list_buckets()").text
    assert text.endswith("without these limits. Use the session of the `scoped` block.")


#: Attributes that a session doesn't have, and the result of the code in their message.
ATTRIBUTES = {
    "account": "123456789012",
    "account_id": "123456789012",
    "identity": "arn",
    "profile": "RoleBeta",
    "region": "us-west-2",
    "get_caller_identity()": "UserId",
    "list_buckets()": "Buckets",
    "credentials": "Credentials",
    "refresh()": "",
}


@pytest.mark.parametrize(("attribute", "shown"), ATTRIBUTES.items())
def test_attributes_of_a_session(
    shell: Shell, aws: EmbeddedAws, attribute: str, shown: str
) -> None:
    """An attribute that a session doesn't have gets the code that works."""
    shell.good("%aws_profile RoleBeta")
    error = shell.run(f"session.{attribute}").error
    assert isinstance(error, AttributeError)
    *steps, code = code_in(str(error))
    for step in steps[1:]:
        shell.good(step)
    assert shown in f"{shell.good(code).result!r}"
    assert not hasattr(shell.names["session"], "accounts")


@pytest.mark.parametrize("wrong", ["['Account']", ".account_id", ".Account", "['Arn']", ".user"])
def test_attributes_of_an_identity(shell: Shell, aws: EmbeddedAws, wrong: str) -> None:
    """A key of STS's response or another wrong name gets the identity's attribute."""
    shell.good("%aws_profile RoleBeta\nfrom ipy_awsprofile import who_am_i\nit = who_am_i(session)")
    error = shell.run(f"it{wrong}").error
    assert isinstance(error, TypeError if "[" in wrong else AttributeError)
    *_, name = code_in(str(error))
    assert shell.good(f"it.{name}").result
    assert "Did you" not in str(shell.run("it[0]").error)
    shell.good("import copy, pickle\nassert copy.copy(it) == pickle.loads(pickle.dumps(it)) == it")


@pytest.mark.parametrize(
    "options", ["--read-only", "--policy p.json", "--read-only --region eu-west-1"]
)
def test_a_limit_of_the_session(
    shell: Shell, aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str
) -> None:
    """If the session's own limit denies a scoped session, the hint begins without the limit."""
    monkeypatch.chdir(tmp_path)
    statement = {"Effect": "Allow", "Action": "s3:ListAllMyBucket", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    (tmp_path / "p.json").write_text(json.dumps(policy))
    shell.good(f"from ipy_awsprofile import *\n%aws_profile RoleBeta {options}")
    error = shell.refused("with scoped(session, seconds=900) as s: pass")
    assert str(error).startswith("The limits of this session of `RoleBeta` don't allow GetScoped")
    (code,) = code_in(error.hint)
    shell.good(
        f"{code.replace('…', 'seconds=900')}\n    s3 = scoped_session.client('s3').list_buckets()"
    )
    if "--policy" in options:
        error = shell.refused("list_buckets(session)")
        assert str(error).startswith("The limits of this session of `RoleBeta` don't allow ListBu")
        assert "Ask for the permission" not in error.hint


#: Rows of the troubleshooting page for polars: wrong code, the beginning of its error, right code.
OF_POLARS = [
    (
        "pl.read_csv(path, storage_options=storage_options(session))",
        "unsupported: cannot combine aws_profile with client_kwargs in storage_options",
        "pl.scan_csv(path, **libraries.polars_options(session)).collect()",
    ),
    (
        "pl.scan_csv(path, storage_options=libraries.polars_options(session)).collect()",
        "invalid value for 'credential_provider'",
        "pl.scan_csv(path, **libraries.polars_options(session)).collect()",
    ),
]


@pytest.mark.parametrize(("wrong", "says", "right"), OF_POLARS)
def test_options_of_polars(
    shell: Shell, aws: EmbeddedAws, wrong: str, says: str, right: str
) -> None:
    """The page has the messages of polars 2 for wrong options, and the code that works."""
    pytest.importorskip("polars", minversion="2")
    page = (Path(__file__).parents[2] / "docs/troubleshooting.md").read_text()
    shell.good("import polars as pl\nfrom ipy_awsprofile import libraries, storage_options")
    shell.good("%aws_profile RoleBeta\npath = 's3://my-first-bucket/a.csv'")
    shell.good(
        "session.client('s3').put_object(Bucket='my-first-bucket', Key='a.csv', Body=b'a\\n1\\n')"
    )
    error = shell.run(wrong).error
    assert str(error).startswith(says)
    for text in (wrong.removesuffix(".collect()"), says, right.removesuffix(".collect()")):
        assert text in page
    assert len(shell.good(right).result) == 1


def test_a_function_without_parameters(shell: Shell, aws: EmbeddedAws) -> None:
    """An argument of a function that doesn't have parameters gets the call without it."""
    shell.good("from ipy_awsprofile import recorded_calls\n%aws_calls on\n%aws_profile RoleBeta")
    shell.good("session.client('s3').list_buckets()")
    error = shell.refused("recorded_calls('denied')")
    assert str(error) == "`recorded_calls` doesn't have parameters."
    (call,) = code_in(error.hint)
    assert len(shell.good(call).result) > 0


def test_functions_that_on_switch_cannot_call(shell: Shell, aws: EmbeddedAws) -> None:
    """A function without a parameter is refused at once, and the hint's first line works."""
    shell.good("from ipy_awsprofile import on_switch")
    error = shell.refused("@on_switch\ndef make(): return 1")
    (line,) = code_in(error.hint)
    shell.good(f"seen = []\n@on_switch\n{line} seen.append(session.profile_name)")
    shell.good("%aws_profile RoleBeta")
    assert shell.names["seen"] == ["RoleBeta"]
    ran = shell.run("@on_switch()\ndef make(session): pass")
    assert "Write `@on_switch` without parentheses." in ran.text


def test_a_function_as_storage_options(shell: Shell, aws: EmbeddedAws) -> None:
    """The function `storage_options` in place of its result gets the call, which works."""
    shell.good("import pandas as pd\nfrom ipy_awsprofile import storage_options")
    shell.good(
        "%aws_profile RoleBeta\nframe, path = pd.DataFrame({'a': [1]}), 's3://my-first-bucket/a'"
    )
    ran = shell.run("frame.to_csv(path, storage_options=storage_options)")
    *_, argument = code_in(ran.text)
    shell.good(f"frame.to_csv(path, {argument})")


@pytest.mark.parametrize("call", ["open_session(None)", "using_profile(None)"])
def test_none_as_a_name(shell: Shell, aws: EmbeddedAws, call: str) -> None:
    """If the name of a profile is None, the error says that it is."""
    shell.good("from ipy_awsprofile import open_session, using_profile")
    function = call.partition("(")[0]
    error = shell.refused(call)
    assert str(error) == f"The profile's name that was passed to `{function}` is None."
    (first, *_) = code_in(error.hint)
    shell.good(first.replace("NAME", "RoleBeta"))
