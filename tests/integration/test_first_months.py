"""Mistakes of the first months: a line says what happened, and its step works."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ipy_awsprofile.demo.stages import add_role
from tests.aws import EmbeddedAws
from tests.integration.test_hints import code_in
from tests.shells import Shell

IMPORTS = "import boto3, os\nfrom ipy_awsprofile import across_profiles, list_buckets"


@pytest.fixture
def notebook(shell: Shell, aws: EmbeddedAws) -> Shell:
    """Return a notebook with two roles and the imports."""
    for name in ("one-dev", "two-dev"):
        add_role(aws, name, "*", region="eu-west-3")
    shell.good(IMPORTS)
    return shell


@pytest.mark.parametrize("before", ["", "%aws_profile RoleBeta"])
def test_one_percent_sign_above_code(notebook: Shell, before: str) -> None:
    """A line says that one percent sign lists profiles, and names the line that runs the code."""
    notebook.run(before)
    ran = notebook.run("%aws_profiles *-dev\nlist_buckets(session)")
    (line,) = [word for word in code_in(ran.text) if word.startswith("%%")]
    assert "No profile is active" not in ran.text
    assert ("The code ran only as `RoleBeta`." in ran.text) == bool(before)
    frame = notebook.good(f"{line} --no-progress\nlist_buckets(session)").result
    assert set(frame["profile"]) == {"one-dev", "two-dev"}
    assert "percent" not in notebook.good("%aws_profiles *-dev\n1").text


def test_several_names_as_arguments(notebook: Shell) -> None:
    """For several names as arguments, the hint has one call for all, with its limits."""
    call = "across_profiles('one-dev', 'two-dev', list_buckets, read_only=True, progress=False)"
    (right,) = code_in(notebook.refused(call).hint)
    frame = notebook.good(right).result
    assert set(frame["profile"]) == {"one-dev", "two-dev"}
    assert "read_only=True" in right
    hint = notebook.refused("across_profiles('one-dev', 'two-dev', lambda session: 1)").hint
    assert hint == "Write `across_profiles('one-dev,two-dev', FUNCTION)`."


def test_a_call_instead_of_a_function(notebook: Shell) -> None:
    """If the function is called in the arguments, a line or hint says how to pass it."""
    wrong = "across_profiles('*-dev', list_buckets(session))"
    (right,) = code_in(notebook.run(wrong).text)[-1:]
    frame = notebook.good(right).result
    assert set(frame["profile"]) == {"one-dev", "two-dev"}
    notebook.good("%aws_profile RoleBeta")
    assert "without calling it" in notebook.refused(wrong).hint


def test_arguments_in_another_order(notebook: Shell) -> None:
    """If the function comes before the profiles, the hint has the call in the right order."""
    notebook.good("def name_of(session): return session.profile_name")
    for profiles in ("'*-dev'", "['one-dev', 'two-dev']"):
        hint = notebook.refused(f"across_profiles(name_of, {profiles})").hint
        (right,) = code_in(hint)
        frame = notebook.good(right).result
        assert set(frame["value"]) == {"one-dev", "two-dev"}
        hint = notebook.refused(f"across_profiles(lambda session: 1, {profiles})").hint
        assert hint.endswith(f"write `across_profiles({profiles}, function)`.")


def test_a_limit_that_the_next_line_lacks(notebook: Shell) -> None:
    """The card says that a line for the same role has dropped the limit, and how to keep it."""
    notebook.good("%aws_profile RoleBeta --read-only")
    told = notebook.good("%aws_profile RoleBeta --region eu-west-1").text
    assert "`--read-only` was in the former switch but isn't in this line" in told
    (line,) = [word for word in code_in(told) if word.startswith("%aws_profile ")]
    card = notebook.good(line).text
    assert "eu-west-1" in card
    assert "read-only" in card
    for line in ("RoleBeta", "RoleBeta --quiet", "RoleBeta --share"):
        notebook.good("%aws_profile RoleBeta --read-only")
        told = notebook.good(f"%aws_profile {line}").text
        assert "so the session isn't limited. To limit it again, run `%aws_profile RoleBeta" in told
        assert "former switch" not in notebook.good("%aws_profile").text
    for deliberate in ("RoleBeta --region eu-west-1 --write", "one-dev --region x"):
        notebook.good("%aws_profile RoleBeta --read-only")
        assert "former switch" not in notebook.good(f"%aws_profile {deliberate}").text


@pytest.mark.parametrize("limit", ["--read-only", "--policy limits.json"])
def test_a_limit_on_the_way_back(
    notebook: Shell, limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After another profile, the card says once that the session was limited before."""
    policy = {"Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}
    (tmp_path / "limits.json").write_text(json.dumps({"Version": "2012-10-17", **policy}))
    monkeypatch.chdir(tmp_path)
    notebook.good(f"%aws_profile RoleBeta {limit}")
    notebook.good("%aws_profile one-dev")
    told = notebook.good("%aws_profile RoleBeta").text
    assert "so the session isn't limited. Your last session of `RoleBeta` was." in told
    assert "last session" not in notebook.good("%aws_profile").text
    (line,) = [word for word in code_in(told) if word.startswith("%aws_profile RoleBeta -")]
    assert "limited by the session policy" in notebook.good(line).text
    for deliberate in ("RoleBeta --write", f"RoleBeta {limit}", "two-dev"):
        notebook.good(f"%aws_profile RoleBeta {limit}\n%aws_profile one-dev")
        assert "last session" not in notebook.good(f"%aws_profile {deliberate}").text


def test_export_in_a_shell(notebook: Shell) -> None:
    """A line says that `!export` has no effect, and how to switch to the profile."""
    notebook.good("%aws_profile RoleBeta")
    told = notebook.run("!export AWS_PROFILE=one-dev").text
    (line,) = [word for word in code_in(told) if word.startswith("%aws")]
    assert ":assumed-role/one-dev/" in notebook.good(line).text
    told = notebook.run("!export AWS_SECRET_ACCESS_KEY=something").text
    assert "write `%env AWS_SECRET_ACCESS_KEY=VALUE`" in told
    assert "something" not in told


def test_a_profile_in_the_environment(notebook: Shell) -> None:
    """The line about a changed AWS_PROFILE also says how to switch to the profile."""
    notebook.good("%aws_profile RoleBeta")
    told = notebook.good("os.environ['AWS_PROFILE'] = 'one-dev'").text
    *_, line = code_in(told)
    assert ":assumed-role/one-dev/" in notebook.good(line).text
    told = notebook.good("os.environ['AWS_PROFILE'] = 'nowhere'").text
    assert "To switch to" not in told


@pytest.mark.parametrize("item", ["bucket['name']", "bucket.name"])
@pytest.mark.parametrize("buckets", ["list_buckets(session)", "found"])
def test_a_loop_over_buckets(notebook: Shell, buckets: str, item: str) -> None:
    """For a loop over a DataFrame, a line has the loop over its rows."""
    notebook.good("%aws_profile RoleBeta\nfound = list_buckets(session)")
    told = notebook.run(f"for bucket in {buckets}:\n    name = {item}").text
    loop, name = code_in(told)[-2:]
    notebook.good(f"{loop}\n    name = {name}")
    assert notebook.names["name"] in set(notebook.names["found"]["name"])
    assert "DataFrame" not in notebook.run("for text in 'ab':\n    text['name']").text


def test_an_assignment_at_the_end(notebook: Shell) -> None:
    """For a cell that ends with an assignment, both steps of the hint keep the result."""
    cell = "buckets = list_buckets(session)"
    last, option = code_in(notebook.refused(f"%%aws_profiles *-dev\n{cell}").hint)
    notebook.good(f"%%aws_profiles *-dev --no-progress {option}\n{cell}\n{last}")
    assert set(notebook.names["buckets"]["profile"]) == {"one-dev", "two-dev"}


def test_sign_out_instead_of_off(notebook: Shell) -> None:
    """After a sign-out, the card says which profile is still active, and how to end the switch."""
    notebook.good("%aws_profile RoleBeta")
    told = notebook.good("%aws_profile --logout").text
    assert "`RoleBeta` is still active." in told
    notebook.good(code_in(told)[-1])
    assert "still active" not in notebook.good("%aws_profile --logout").text


def test_the_default_region_in_the_environment(notebook: Shell) -> None:
    """The line about AWS_DEFAULT_REGION doesn't speak of programs that prefer AWS_REGION."""
    notebook.good("%aws_profile RoleBeta")
    told = notebook.good("os.environ['AWS_DEFAULT_REGION'] = 'eu-west-1'").text
    assert "child processes that don't read `AWS_REGION` use that" in told
    assert notebook.good("boto3.Session().region_name").result == "eu-west-1"
    assert os.environ["AWS_REGION"] != "eu-west-1"
