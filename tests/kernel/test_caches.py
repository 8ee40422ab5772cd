"""A switch clears what libraries keep for new objects. `make libraries` tries more of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile import open_session
from tests.kernel.conftest import BUCKET
from tests.roles import roles_in_s3

if TYPE_CHECKING:
    from tests.aws import EmbeddedAws
    from tests.shells import Shell


def test_pyogrio(aws: EmbeddedAws, notebook: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """GDAL reads as the active identity after each switch, and as the user's own at the end."""
    host = aws.endpoint_url.removeprefix("http://")
    for name, value in {
        "AWS_HTTPS": "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE",
        "AWS_S3_ENDPOINT": host,
        "AWS_STS_ENDPOINT": host,
        "CPL_AWS_STS_ROOT_URL": aws.endpoint_url,
    }.items():
        monkeypatch.setenv(name, value)
    geojson = b'{"type": "FeatureCollection", "features": []}'
    open_session("RoleBeta").client("s3").put_object(Bucket=BUCKET, Key="a.geojson", Body=geojson)
    notebook.good("import pyogrio")
    read = "try: pyogrio.read_info(f'{ROOT}/a.geojson')\nexcept Exception: pass"
    for switch, signer in {
        "%aws_profile RoleBeta": "RoleBeta",
        "%aws_profile RoleGamma": "RoleGamma",
        "%aws_profile RoleBeta --read-only": "RoleBeta",
        "%aws_profile RoleGamma --session-name lent": "RoleGamma",
        "%aws_profile --off": "UserAlpha",
    }.items():
        notebook.good(switch)
        assert roles_in_s3(aws, notebook, read) == {signer}, switch
