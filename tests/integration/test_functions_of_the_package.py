"""The package's functions and the session in code with a mistake: each line works as written."""

from __future__ import annotations

import pytest

from tests.aws import EmbeddedAws
from tests.integration.test_hints import code_in
from tests.shells import Shell

IMPORTS = (
    "from ipy_awsprofile import list_buckets, list_profiles, open_session, scoped, "
    "storage_options, who_am_i"
)


@pytest.mark.parametrize(
    ("cell", "call"),
    [
        ("who_am_i.account", "who_am_i(mine).account"),
        ("list_buckets.head(2)", "list_buckets(mine).head(2)"),
        ("list_buckets.name", "list_buckets(mine).name"),
        ("open_session.client('s3')", "open_session(\"NAME\").client('s3')"),
        ("list_profiles.account", "list_profiles()"),
        ("list_profiles.index('RoleBeta')", "list_profiles().index('RoleBeta')"),
        ("list_buckets['name']", "list_buckets(mine)['name']"),
        ("list_profiles[0]", "list_profiles()[0]"),
        ("who_am_i['Account']", "who_am_i(mine)"),
        ("list_buckets[mine]", "list_buckets(mine)"),
        ("open_session['RoleBeta']", "open_session('RoleBeta')"),
        ("storage_options[mine]", "storage_options(mine)"),
        ('mine.client["s3"]', 'mine.client("s3")'),
        ("list_buckets(Mine)", "mine"),
        ("mine.download_file('my-first-bucket', 'k', 'f')", 'mine.client("s3").download_file(…)'),
        (
            "mine.generate_presigned_url('get_object')",
            'mine.client("s3").generate_presigned_url(…)',
        ),
        ("mine.Bucket('my-first-bucket')", 'mine.resource("s3").Bucket(…)'),
    ],
)
def test_calls(shell: Shell, aws: EmbeddedAws, cell: str, call: str) -> None:
    """A function without its call, or with square brackets, gets a call with the session."""
    shell.good(f"{IMPORTS}\n%aws_profile RoleBeta --as mine")
    written = code_in(shell.run(cell).text)[-1]
    assert written == call
    shell.good(written.replace("NAME", "RoleBeta").replace("(…)", ""))


def test_functions_with_other_arguments(shell: Shell, aws: EmbeddedAws) -> None:
    """A function whose arguments aren't known gets its help instead of a call."""
    shell.good(IMPORTS)
    for cell in ("scoped.client('s3')", "scoped['RoleBeta']"):
        assert code_in(shell.run(cell).text)[-1] == "help(scoped)"


def test_other_classes_named_session(shell: Shell, aws: EmbeddedAws) -> None:
    """A missing import of a class isn't taken for a misspelled variable."""
    shell.good("%aws_profile RoleBeta")
    for code in ("Session(profile_name='RoleBeta')", "session2.client('s3')"):
        assert "Did you mean" not in shell.run(code).text


def test_the_profile_of_a_cell(shell: Shell, aws: EmbeddedAws) -> None:
    """The variable `profile` outside a cell for many profiles gets the code with the same name."""
    assert "only for its own cell" in shell.run("profile").text
    shell.good("%aws_profile RoleBeta")
    code = code_in(shell.run("profile").text)[-1]
    assert shell.good(code).result == "RoleBeta"


@pytest.mark.parametrize(
    "argument",
    ["bucket='my-first-bucket'", "'s3://my-first-bucket/data/'", "prefix='my-first-bucket/data/'"],
)
def test_buckets_for_objects(shell: Shell, aws: EmbeddedAws, argument: str) -> None:
    """A path or a bucket for `list_buckets` gets the code that lists the objects in the bucket."""
    shell.good(f"{IMPORTS}\n%aws_profile RoleBeta")
    shell.good("s3 = session.client('s3')")
    for key in ("data/sales.csv", "notes.txt"):
        shell.good(f"s3.put_object(Bucket='my-first-bucket', Key={key!r}, Body=b'')")
    code = code_in(shell.refused(f"list_buckets(session, {argument})").hint)[-1]
    keys = {each["Key"] for each in shell.good(code).result["Contents"]}
    assert "data/sales.csv" in keys
    assert ("notes.txt" in keys) == ("data/" not in argument)
    other = "list_buckets(open_session('UserAlpha'), 'my-first-bucket/')"
    assert "`SESSION.client" in shell.refused(other).hint
