"""All kernels share a cached list of a sign-in's roles, and renew it when it is out of date."""

from __future__ import annotations

import json
import signal
import stat
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile import list_assigned_roles
from ipy_awsprofile.demo.endpoints import json_refusal
from ipy_awsprofile.errors import CredentialsUnavailable, ServiceError, SignInRequired
from tests.identity_center import PROD, TEST, TWIN, organisation
from tests.shells import run_notebook

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

EVERYTHING = {"sso:ListAccounts": 1, "sso:ListAccountRoles": 3}


@pytest.fixture(autouse=True)
def _organisation(aws: EmbeddedAws) -> None:
    organisation(aws)
    aws.sso.sign_in("corp")


def called(aws: EmbeddedAws) -> Counter[str]:
    """Return the number of calls by action since the last use, and clear them."""
    actions = Counter(call.action for call in aws.calls)
    aws.calls.clear()
    return actions


def assign(aws: EmbeddedAws, accounts: int) -> None:
    """Assign a role in each of these many accounts."""
    for number in range(accounts):
        aws.sso.assign(f"{number:012}", "Reader")


def test_listed_once(aws: EmbeddedAws) -> None:
    """Each role has its account's name and its profile, and only a fresh list calls AWS again."""
    roles = list_assigned_roles()
    assert [(one.account.name, one.account.id, one.role, one.profile) for one in roles] == [
        ("Acme Prod", PROD, "Admin", None),
        ("Acme Prod", PROD, "Reader", "prod-reader"),
        ("Sandbox", TEST, "Reader", None),
        ("sandbox", TWIN, "Reader", None),
    ]
    assert called(aws) == EVERYTHING
    assert list_assigned_roles("corp") == list_assigned_roles("prod-reader") == roles
    assert called(aws) == {}
    assert list_assigned_roles(fresh=True) == roles
    assert called(aws) == EVERYTHING


@pytest.mark.slow
def test_cached_for_the_next_kernel(aws: EmbeddedAws) -> None:
    """Another kernel shows the cached list without a call, and only the user can read its file."""
    list_assigned_roles()
    called(aws)
    cells, _ = run_notebook(
        "%load_ext ipy_awsprofile", "%aws_profiles --sso", environment=aws.environment()
    )
    assert f"4 roles in 3 accounts (listed at {datetime.now(UTC):%Y-%m-%d}" in cells[1].html
    assert called(aws) == {}
    (file,) = (aws.home / ".cache" / "ipy_awsprofile").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [secret for secret in aws.secrets() if secret in file.read_text()] == []


def test_refreshed_on_request(shell: Shell, aws: EmbeddedAws) -> None:
    """`--refresh` lists the roles again, and the hint beside the list's time says so."""
    shell.good("%aws_profiles --sso")
    aws.sso.assign(TEST, "Admin")
    text = shell.good("%aws_profiles --sso").text
    assert text.startswith("4 roles in 3 accounts (listed at ")
    assert "`--refresh` lists them again" in text
    assert "5 roles in 3 accounts\n" in shell.good("%aws_profiles --sso --refresh").text
    assert "`%aws_profiles --sso --refresh`" in shell.refused("%aws_profiles --refresh").hint


@pytest.mark.parametrize(
    "changed",
    [{"roles": []}, {"listed_at": str(datetime.now(UTC) - timedelta(hours=25))}],
    ids=["of another version", "a day old"],
)
def test_a_list_that_cannot_be_used(aws: EmbeddedAws, changed: dict[str, object]) -> None:
    """A cached list that is out of date or has another format is listed again."""
    roles = list_assigned_roles()
    (file,) = (aws.home / ".cache" / "ipy_awsprofile").iterdir()
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))
    called(aws)
    assert list_assigned_roles() == roles
    assert called(aws) == EVERYTHING


def test_a_list_that_cannot_be_written(aws: EmbeddedAws) -> None:
    """If the list can't be cached, the error names the folder."""
    (aws.home / ".cache").write_text("")
    with pytest.raises(CredentialsUnavailable, match=r"\.cache"):
        list_assigned_roles()


def test_all_pages(aws: EmbeddedAws) -> None:
    """Accounts on all pages are listed, and the progress reports how many there are."""
    assign(aws, 120)
    progress: list[tuple[int, int]] = []
    roles = list_assigned_roles(report=lambda listed, count: progress.append((listed, count)))
    assert len(roles) == 124
    assert progress == [(number + 1, 123) for number in range(123)]


@pytest.mark.slow
def test_throttled(aws: EmbeddedAws) -> None:
    """The list is complete even if AWS throttles the calls."""
    assign(aws, 60)
    aws.sso.calls_per_second = 10
    assert len(list_assigned_roles()) == 64


def test_an_error_in_the_middle(aws: EmbeddedAws) -> None:
    """An error during a listing is reported as AWS words it, and the cached list stays."""
    roles = list_assigned_roles()
    assign(aws, 40)
    assignments = aws.sso.assignments

    def fail_later(user: str) -> Any:
        if sum(call.action == "sso:ListAccountRoles" for call in aws.calls) >= 20:
            raise json_refusal("ResourceNotFoundException", {"message": "It is gone."}, 404)
        return assignments(user)

    aws.calls.clear()
    aws.sso.assignments = fail_later  # type: ignore[method-assign]
    with pytest.raises(ServiceError, match=r"It is gone\."):
        list_assigned_roles(fresh=True)
    assert list_assigned_roles() == roles


def test_interrupted(aws: EmbeddedAws) -> None:
    """Ctrl-C ends a listing before all accounts are listed, and caches nothing."""
    assign(aws, 300)
    with pytest.raises(KeyboardInterrupt):
        list_assigned_roles(report=lambda _listed, _count: signal.raise_signal(signal.SIGINT))
    assert called(aws)["sso:ListAccountRoles"] < 300
    assert not (aws.home / ".cache").exists()


def test_a_sign_in_that_is_renewed(aws: EmbeddedAws) -> None:
    """An expired token is renewed with the refresh token, in a form that all AWS SDKs read."""
    file = aws.sso.sign_in("corp", expires_in=-60)
    assert len(list_assigned_roles()) == 4
    assert datetime.strptime(json.loads(file.read_text())["expiresAt"], "%Y-%m-%dT%H:%M:%SZ")


def test_a_sign_in_that_has_ended(aws: EmbeddedAws) -> None:
    """If the sign-in is missing, has expired or has another start URL, only the cache is left."""
    roles = list_assigned_roles()

    file = aws.sso.sign_in("corp")
    for end in (
        lambda: file.write_text(file.read_text().replace("0000000000", "1111111111")),
        lambda: aws.sso.sign_in("corp") and aws.sso.expire_tokens(refresh=True),
        file.unlink,
    ):
        end()
        with pytest.raises(SignInRequired, match="`sso-session corp` is missing or") as caught:
            list_assigned_roles(fresh=True)
        assert "`%aws_profile --sso corp --login`" in caught.value.hint
        assert "`aws sso login --sso-session corp`" in caught.value.hint
        assert list_assigned_roles() == roles
