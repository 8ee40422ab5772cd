"""A switch clears what libraries keep for new objects. `make libraries` tries more of them."""

from __future__ import annotations

import pytest

from ipy_awsprofile import open_session
from ipy_awsprofile.demo.stages import add_role
from tests.aws import EmbeddedAws
from tests.kernel.conftest import BUCKET
from tests.roles import roles_in_s3
from tests.shells import Shell

#: A connection to a cluster. Only the database itself is replaced, and returns its user.
REDSHIFT = """
import redshift_connector
redshift_connector.Connection = lambda user, **_: user

def connect(**options):
    return redshift_connector.connect(
        iam=True, host="localhost", database="dev", db_user="analyst",
        cluster_identifier="cities", region="us-west-2", endpoint_url=ENDPOINT, **options)
"""


@pytest.fixture
def clusters(aws: EmbeddedAws, notebook: Shell) -> Shell:
    """Return a notebook with two roles that can use a cluster."""
    for role in ("RoleBeta2", "RoleGamma2"):
        add_role(aws, role, "redshift:*")
    client = open_session("RoleBeta2").client("redshift")
    client.create_cluster(
        ClusterIdentifier="cities",
        NodeType="ra3.large",
        MasterUsername="admin",
        MasterUserPassword="Passw0rd-of-a-test",
    )
    notebook.good(REDSHIFT)
    return notebook


def test_redshift_connector(aws: EmbeddedAws, clusters: Shell) -> None:
    """Each connection asks for a database user as the active identity, or as the row's."""

    def signers(code: str) -> set[str]:
        aws.calls.clear()
        clusters.run(code)
        calls = [call for call in aws.calls if call.action == "redshift:GetClusterCredentials"]
        return {str(call.arn).split("/")[1] for call in calls}

    for switch, signer in {
        "%aws_profile RoleBeta2": "RoleBeta2",
        "%aws_profile RoleGamma2": "RoleGamma2",
        "%aws_profile RoleBeta2 --read-only": "RoleBeta2",
        "%aws_profile --off": "UserAlpha",
    }.items():
        clusters.good(switch)
        assert signers("connect()") == {signer}
    clusters.good("%aws_profile RoleBeta2\nconnect()\nfrom ipy_awsprofile import across_profiles")
    function = "lambda session: connect(profile=session.profile_name)"
    rows = f"across_profiles(['RoleGamma2', 'RoleBeta2'], {function}, max_workers=1)"
    assert signers(rows) == {"RoleBeta2", "RoleGamma2"}


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
