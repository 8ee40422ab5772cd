"""polars uses the session's credentials, and renews them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import polars as pl
import pytest

from ipy_awsprofile import open_session, who_am_i
from ipy_awsprofile.libraries import polars_options
from tests.libraries.s3 import BUCKET, ROWS, signers
from tests.renewing import renew_at_each_use

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.sessions.session import ProfileSession
    from tests.shells import Shell


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_polars(aws: EmbeddedAws, session: ProfileSession, kind: str) -> None:
    """With `polars_options`, polars writes and reads as the session's identity."""
    url, options = f"s3://{BUCKET}/cities.{kind}", polars_options(session)
    table = pl.DataFrame(ROWS)
    write: Callable[..., None] = getattr(table, f"write_{kind}")
    write(url, **options)
    scan: Callable[..., pl.LazyFrame] = getattr(pl, f"scan_{kind}")
    assert scan(url, **options).collect().equals(table)
    assert signers(aws) == {who_am_i(session).arn}


def test_polars_renews(aws: EmbeddedAws, session: ProfileSession) -> None:
    """The credential provider returns the expiry, and new credentials when it is near."""
    provider = polars_options(session)["credential_provider"]
    credentials, until = provider()
    assert until is not None
    assert 900 < until - time.time() <= 3600
    assert set(credentials) == {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"}
    assert provider() == (credentials, until)
    renewed = polars_options(renew_at_each_use(open_session("RoleBeta")))["credential_provider"]
    assert renewed()[0] != renewed()[0]


def test_old_polars(aws: EmbeddedAws, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A switch works with a polars version whose default provider can't be set."""
    with monkeypatch.context() as old:
        old.delattr(pl.Config, "set_default_credential_provider")
        shell.good("import polars\n%aws_profile RoleBeta")
        shell.good("%aws_profile --off")


@pytest.mark.parametrize(("version", "is_old"), [("1.38.1", True), ("1.39.0", False)])
def test_polars_that_keeps_its_credentials(
    aws: EmbeddedAws, shell: Shell, version: str, monkeypatch: pytest.MonkeyPatch, *, is_old: bool
) -> None:
    """For a polars that keeps its first credentials, the card warns, and options are refused."""
    monkeypatch.setattr(pl, "__version__", version)
    shell.good("import polars as pl")
    card = shell.good("%aws_profile RoleBeta").text
    assert ("polars" in card and "keeps the credentials of its first read" in card) == is_old
    call = "from ipy_awsprofile.libraries import polars_options; polars_options(session)"
    if is_old:
        assert "This polars keeps" in str(shell.refused(call))
    else:
        shell.good(call)
