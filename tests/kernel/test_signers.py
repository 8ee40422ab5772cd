"""Code that signs without a client is checked as clients are, and so are objects from before."""

from __future__ import annotations

import re

import pytest

from ipy_awsprofile.demo.aws import append_section
from ipy_awsprofile.errors import AwsProfileError, NotForOneProfile, StaleIdentity
from tests.aws import EmbeddedAws
from tests.packages import has
from tests.shells import Ran, Shell

PREPARE = """
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

FORM = {"Action": "GetCallerIdentity", "Version": "2011-06-15"}

def post(auth=None, headers=None):
    return requests.post(ENDPOINT, data=FORM, auth=auth, headers=headers).text

def sign(credentials):
    request = AWSRequest("POST", ENDPOINT, data=FORM)
    SigV4Auth(credentials, "sts", "us-west-2").add_auth(request)
    return post(headers=dict(request.headers))
"""

#: Code that creates an object with credentials, and code that signs with it.
SIGNERS = {
    "botocore's signer": ("it = boto3.Session().get_credentials()", "sign(it)"),
    "botocore's signer, frozen": (
        "it = boto3.Session().get_credentials()",
        "sign(it.get_frozen_credentials())",
    ),
    "opensearch-py": (
        "from opensearchpy import RequestsAWSV4SignerAuth\n"
        "it = RequestsAWSV4SignerAuth(boto3.Session().get_credentials(), 'us-west-2', 'sts')",
        "post(it)",
    ),
    "requests-aws4auth": (
        "from requests_aws4auth import AWS4Auth\n"
        "credentials = boto3.Session().get_credentials()\n"
        "it = AWS4Auth(region='us-west-2', service='sts', refreshable_credentials=credentials)",
        "post(it)",
    ),
}

#: Uses of anthropic, which fail, because the embedded AWS has no Bedrock.
ANTHROPIC = (
    "from anthropic import AnthropicBedrock\n"
    "it = AnthropicBedrock(base_url=ENDPOINT, aws_region='us-west-2', max_retries=0)",
    "it.messages.create(model='claude', max_tokens=1, messages=[{'role': 'user', 'content': ''}])",
)


@pytest.fixture
def signing(notebook: Shell) -> Shell:
    """Return the notebook with functions that sign."""
    notebook.good(PREPARE)
    return notebook


def signers(aws: EmbeddedAws, notebook: Shell, code: str) -> tuple[set[str], Ran]:
    """Run code, and return the roles and users that signed its requests, and its output."""
    aws.calls.clear()
    ran = notebook.run(code)
    calls = [call for call in aws.calls if call.action != "sts:AssumeRole"]
    return {str(call.arn).split("/")[1] for call in calls}, ran


@pytest.mark.parametrize("name", SIGNERS)
def test_a_signer_without_a_client(aws: EmbeddedAws, signing: Shell, name: str) -> None:
    """An old signer causes a warning, or an error while the identity is read-only; a new one not.

    In a run over many profiles, neither signs.
    """
    make, use = SIGNERS[name]
    signing.good(f"%aws_profile RoleBeta\n{make}")
    signed, ran = signers(aws, signing, use)
    assert (signed, "signs" in ran.text) == ({"RoleBeta"}, False)
    for switch in ("%aws_profile RoleGamma", "%aws_profile --off"):
        signing.good(switch)
        signed, ran = signers(aws, signing, use)
        assert signed == {"RoleBeta"}
        assert " signs a request as RoleBeta, but " in ran.text
    signing.good("%aws_profile RoleGamma --read-only")
    signed, ran = signers(aws, signing, use)
    assert signed == set()
    assert isinstance(ran.error, StaleIdentity)
    run = f"across_profiles(['RoleGamma'], lambda _: {use})"
    signed, ran = signers(aws, signing, f"from ipy_awsprofile import across_profiles\n{run}")
    assert signed == set()
    assert NotForOneProfile.__name__ in ran.text
    signing.good(f"%aws_profile RoleGamma\n{make}")
    signed, ran = signers(aws, signing, use)
    assert (signed, "signs" in ran.text) == ({"RoleGamma"}, False)


def test_the_advice_for_credentials(aws: EmbeddedAws, signing: Shell) -> None:
    """The advice of the warning works, with another active profile and without one."""
    signing.good("%aws_profile RoleBeta\nit = session.get_credentials()")
    for switch, signer in (
        ("%aws_profile RoleGamma", "RoleGamma"),
        ("%aws_profile --off", "UserAlpha"),
    ):
        signing.good(switch)
        _, ran = signers(aws, signing, "sign(it)")
        (again,) = re.findall("Get them again with `(.+)`", ran.text)
        signed, ran = signers(aws, signing, f"it = {again}\nsign(it)")
        assert (signed, "signs" in ran.text) == ({signer}, False)


def test_anthropic(aws: EmbeddedAws, signing: Shell) -> None:
    """Old and new objects of anthropic follow each switch, and in a run they don't sign."""
    make, use = ANTHROPIC
    signing.good("%config AwsProfileMagics.stale = 'refuse'")
    signing.good(f"%aws_profile RoleBeta\n{make}\nold = it")
    for switch, signer in {
        "%aws_profile RoleBeta": "RoleBeta",
        "%aws_profile RoleGamma": "RoleGamma",
        "%aws_profile RoleBeta --read-only": "RoleBeta",
        "%aws_profile --off": "UserAlpha",
    }.items():
        signing.good(switch)
        assert signers(aws, signing, use.replace("it.", "old."))[0] == {signer}
        assert signers(aws, signing, f"{make}\n{use}")[0] == {signer}
    signing.good("%aws_profile RoleGamma\nfrom ipy_awsprofile import across_profiles")
    signers(aws, signing, use)
    signed, ran = signers(aws, signing, f"across_profiles(['RoleBeta'], lambda _: {use})")
    assert signed == set()
    assert NotForOneProfile.__name__ in ran.text


def test_anthropic_on_one_account(aws: EmbeddedAws, signing: Shell) -> None:
    """An object that names its profile stays on its account, without a warning."""
    make, use = ANTHROPIC
    make = make.replace("(base_url", "(aws_profile='RoleBeta', base_url")
    signing.good(f"%aws_profile RoleBeta\n{make}")
    for switch in ("RoleBeta", "UserAlpha", "RoleGamma --read-only"):
        signing.good(f"%aws_profile {switch}")
        signed, ran = signers(aws, signing, use)
        assert (signed, " signs " in ran.text) == ({"RoleBeta"}, False)


#: Objects that keep the identity that the user has named.
CHOSEN = {
    "credentials of a session": "it = boto3.Session(profile_name='RoleBeta').get_credentials()",
    "opened by name": "it = open_session('RoleBeta').get_credentials()",
    "keys": "keys = open_session('RoleBeta').get_credentials().get_frozen_credentials()\n"
    "it = boto3.Session(keys.access_key, keys.secret_key, keys.token).get_credentials()",
}


@pytest.mark.parametrize("make", CHOSEN.values(), ids=CHOSEN)
def test_no_false_alarm(aws: EmbeddedAws, signing: Shell, make: str) -> None:
    """Signing as an identity that the user has named is silent, even under a read-only one."""
    signing.good(f"%aws_profile RoleBeta\n{make}\n%aws_profile RoleGamma --read-only")
    signed, ran = signers(aws, signing, "sign(it)")
    assert (signed, ran.error, "signs" in ran.text) == ({"RoleBeta"}, None, False)


#: Functions of this package that get a session, with their module.
FUNCTIONS = [
    "list_buckets(old)",
    "storage_options(old)",
    "who_am_i(old)",
    "scoped(old, seconds=900).__enter__()",
    "libraries.dask_storage_options(old)",
    "libraries.polars_options(old)",
    "libraries.pyarrow_filesystem(old)",
    "libraries.spark_options(old)",
]
if has("duckdb"):
    FUNCTIONS.append("libraries.duckdb_secret(old)")


def test_a_session_from_before(aws: EmbeddedAws, signing: Shell) -> None:
    """Functions check the session that they get: a line, or an error if it must not sign."""
    names = "across_profiles, libraries, list_buckets, scoped, storage_options, who_am_i"
    signing.good(f"from ipy_awsprofile import {names}\n%aws_profile RoleBeta\nold = session")
    for use in FUNCTIONS:
        assert "signs" not in signing.good(use).text
    signing.good("%aws_profile RoleGamma")
    for use in FUNCTIONS:
        (line,) = [line for line in signing.good(use).text.splitlines() if " signs " in line]
        assert line.startswith(f"`{use}` signs "), use
        assert line.endswith("Pass the active one, `session`."), use
    assert "signs" not in signing.good("list_buckets(session)").text
    signing.good("%aws_profile RoleGamma --read-only")
    aws.calls.clear()
    for use in FUNCTIONS:
        assert isinstance(signing.run(use).error, StaleIdentity), use
        run = signing.run(f"across_profiles(['RoleGamma'], lambda s: {use})").text
        assert NotForOneProfile.__name__ in run, use
    signers = {str(call.arn).split("/")[1] for call in aws.calls if "AssumeRole" not in call.action}
    assert signers <= {"RoleGamma"}


# Objects from before the extension ----------------------------------------------------------------

#: Code before the extension is loaded, and code that uses S3 with its objects.
EARLIER = {
    "client": ("it = boto3.client('s3')", "it.list_objects_v2(Bucket=BUCKET)"),
    "session": (
        "it = boto3.Session(); it.get_credentials()",
        "it.client('s3').list_objects_v2(Bucket=BUCKET)",
    ),
    "s3fs": (
        "import s3fs; it = s3fs.S3FileSystem()\ntry: it.ls(BUCKET)\nexcept PermissionError: pass",
        "try: it.ls(BUCKET, refresh=True)\nexcept PermissionError: pass",
    ),
    "credentials": ("it = boto3.Session().get_credentials()", "sign(it)"),
}


@pytest.fixture
def before_loading(notebook: Shell) -> Shell:
    """Return the notebook without the extension."""
    notebook.good(f"{PREPARE}\n%unload_ext ipy_awsprofile")
    return notebook


@pytest.mark.parametrize("name", EARLIER)
def test_objects_from_before_loading(aws: EmbeddedAws, before_loading: Shell, name: str) -> None:
    """An object from before the extension warns, or raises an error for a read-only identity."""
    make, use = EARLIER[name]
    before_loading.good(make)
    before_loading.good("%load_ext ipy_awsprofile")
    assert " signs " not in before_loading.run(use).text
    before_loading.good("%aws_profile RoleBeta")
    signed, ran = signers(aws, before_loading, use)
    assert signed == {"UserAlpha"}
    assert re.search(" signs .+, but `RoleBeta` is active", ran.text)
    before_loading.good("%aws_profile RoleBeta --read-only")
    signed, ran = signers(aws, before_loading, use)
    assert (signed, type(ran.error)) == (set(), StaleIdentity)


def test_named_objects_from_before_loading(aws: EmbeddedAws, before_loading: Shell) -> None:
    """A session from before the extension that names its profile isn't warned about."""
    before_loading.good("it = boto3.Session(profile_name='RoleGamma'); s3 = it.client('s3')")
    before_loading.good("from ipy_awsprofile import open_session; mine = open_session('RoleBeta')")
    before_loading.good("%load_ext ipy_awsprofile\n%aws_profile RoleBeta --read-only")
    signed, ran = signers(aws, before_loading, "s3.list_objects_v2(Bucket=BUCKET)")
    assert (signed, ran.error, " signs " in ran.text) == ({"RoleGamma"}, None, False)


def test_incomplete_keys_from_before_loading(aws: EmbeddedAws, before_loading: Shell) -> None:
    """The extension is loaded even after a session of incomplete keys could not be opened."""
    append_section(aws.credentials_file, "Half", {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE"})
    failed = before_loading.run("from ipy_awsprofile import open_session; open_session('Half')")
    assert isinstance(failed.error, AwsProfileError)
    before_loading.good("%load_ext ipy_awsprofile\n%aws_profile RoleBeta --read-only")


# Sessions whose profile isn't the user's choice ---------------------------------------------------


def test_the_default_sessions_profile(aws: EmbeddedAws, notebook: Shell) -> None:
    """The default session's profile is the user's choice only if it is set after a switch."""
    default = "boto3.setup_default_session(profile_name='RoleBeta'); it = boto3.client('s3')"
    use = "it.list_objects_v2(Bucket=BUCKET)"
    notebook.good(f"{default}\n{use}\n%aws_profile RoleGamma")
    signed, ran = signers(aws, notebook, use)
    assert signed == {"RoleBeta"}
    assert "signs ListObjectsV2 as RoleBeta, but `RoleGamma` is active" in ran.text
    notebook.good(default)
    signed, ran = signers(aws, notebook, use)
    assert (signed, " signs " in ran.text) == ({"RoleBeta"}, False)


@pytest.mark.parametrize("module", ["boto3", "aiobotocore"])
def test_a_session_from_before_a_lent_identity(
    aws: EmbeddedAws, notebook: Shell, module: str
) -> None:
    """A session without credentials follows a switch, even to a profile in another config file."""
    make, use = {
        "boto3": (
            "it = boto3.Session(); it.available_profiles",
            "it.client('s3').list_objects_v2(Bucket=BUCKET)",
        ),
        "aiobotocore": (
            "import asyncio; from aiobotocore.session import get_session\n"
            "it = get_session(); it.available_profiles\n"
            "async def use():\n    async with it.create_client('s3') as s3:\n"
            "        await s3.list_objects_v2(Bucket=BUCKET)",
            "asyncio.run(use())",
        ),
    }[module]
    notebook.good(f"%aws_profile RoleBeta\n{make}")
    notebook.good("%aws_profile RoleGamma --session-name lent")
    signed, ran = signers(aws, notebook, use)
    assert (signed, ran.error) == ({"RoleGamma"}, None)
    assert " signs " not in ran.text
