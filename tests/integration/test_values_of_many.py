"""Mistakes with the profiles, values and errors of code that runs for many profiles."""

from __future__ import annotations

import pytest

from ipy_awsprofile.demo.stages import seed_organisation
from ipy_awsprofile.errors import InvalidOption
from tests.aws import EmbeddedAws
from tests.integration.test_hints import code_in
from tests.shells import Shell

RUN = "%%aws_profiles atlas-dev --no-progress"


@pytest.fixture
def names(shell: Shell, aws: EmbeddedAws) -> tuple[str, ...]:
    """Create two accounts, and import `across_profiles`; return the profiles' names."""
    names = seed_organisation(aws, 2)
    shell.good("import pandas as pd\nfrom ipy_awsprofile import across_profiles, list_buckets")
    return names


def test_codes_of_errors(shell: Shell, names: tuple[str, ...]) -> None:
    """An error of AWS shows its code and how to catch it, and then the cell goes on."""
    call = "session.client('s3').get_bucket_tagging(Bucket=f'{profile}-1')"
    text = shell.run(f"{RUN}\n{call}").text
    assert (
        "GetBucketTagging failed for `atlas-dev`: The TagSet does not exist (NoSuchTagSet)." in text
    )
    assert "--explain" not in text
    imported, _, catch, check = code_in(text[text.index("If the code should") :])
    cell = f"{imported}\ntry:\n    tags = {call}\n{catch}\n    {check}\n    tags = 'none'\ntags"
    assert shell.good(f"{RUN}\n{cell}").result.value.tolist() == ["none"]
    other = cell.replace("get_bucket_tagging", "list_objects_v2").replace("}-1", "}-none")
    assert "(NoSuchBucket)" in shell.run(f"{RUN}\n{other}").text


def test_a_frame_of_profiles(shell: Shell, names: tuple[str, ...], aws: EmbeddedAws) -> None:
    """A DataFrame in place of profiles is refused with its column that contains their names."""
    shell.good(f"frame = pd.DataFrame({{'team': ['a', 'b'], 'name': {list(names)!r}}})")
    aws.calls.clear()
    error = shell.refused("across_profiles(frame, list_buckets)")
    assert isinstance(error, InvalidOption)
    assert aws.calls == []
    (column,) = code_in(error.hint)
    result = shell.good(f"across_profiles({column}, list_buckets, progress=False)").result
    assert set(result.profile) == set(names)
    error = shell.refused("across_profiles(frame[['team']], list_buckets)")
    assert error.hint == "Pass a column that contains the names of profiles."


@pytest.mark.parametrize(
    ("wrong", "result"),
    [
        ("errors['UserAlpha']", "len({}) == 1"),
        ("errors['profile']", "list({}) == ['UserAlpha']"),
        ("errors.items()", "len(list({}())) == 5"),
        ("frame.attrs['errors']['error']", "list({}) == ['AccessDenied']"),
    ],
)
def test_errors_as_a_frame(shell: Shell, names: tuple[str, ...], wrong: str, result: str) -> None:
    """Errors that are used like a dict or DataFrame get the code that works."""
    shell.good("frame = across_profiles('atlas-dev,UserAlpha', list_buckets, progress=False)")
    shell.good("errors = frame.attrs['errors']")
    right, typed = code_in(str(shell.run(wrong).error))
    assert shell.good(result.format(wrong.removesuffix("()").replace(typed, right))).result


def test_attributes_of_profiles(shell: Shell, names: tuple[str, ...]) -> None:
    """A misspelled attribute of `profile` and a name in brackets get the right attribute."""
    (name,) = code_in(shell.refused(f"{RUN}\nprofile.account_id").hint)
    assert shell.good(f"{RUN}\nprofile.{name}").result.value.tolist() == ["400000000000"]
    for wrong, result in (("account", "400000000000"), ("role_arn", "arn:aws:iam::400000000000:")):
        error = str(shell.run(f"{RUN}\nprofile[{wrong!r}]").error)
        right, typed = code_in(error)[-2:]
        cell = f"profile[{wrong!r}]".replace(typed, right)
        assert str(shell.good(f"{RUN}\n{cell}").result.value[0]).startswith(result)
    assert shell.good(f"{RUN}\nprofile[0] + profile[-3:]").result.value.tolist() == ["adev"]
