"""The embedded AWS decides as AWS's documentation says."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import urlopen

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from ipy_awsprofile.demo.policies import UnsupportedPolicyError
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting
from tests.aws import EmbeddedAws
from tests.aws.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipy_awsprofile.demo.iam import Signer

BUCKET = {"Bucket": "bucket-of-role"}


@pytest.fixture
def clock() -> Clock:
    """Return the time of the embedded AWS, which stands still."""
    return Clock()


@pytest.fixture
def aws(clock: Clock) -> Iterator[EmbeddedAws]:
    """Run an embedded AWS in which the user Ann may assume any role that trusts her."""
    with EmbeddedAws(clock) as aws:
        aws.create_bucket("bucket-of-role", account=ROLE_ACCOUNT)
        yield aws


@pytest.fixture
def ann(aws: EmbeddedAws) -> Signer:
    """Return a user with an MFA device. The roles are in a different account."""
    return aws.iam.create_user("Ann", account=USER_ACCOUNT, policy=allow("sts:*"), mfa=True)


def client(aws: EmbeddedAws, service: Any, keys: Any, **more: Any) -> Any:
    """Return a client with the keys of a user, or with a session's Credentials."""
    given = keys if isinstance(keys, dict) else {}
    return boto3.Session().client(
        service,
        endpoint_url=aws.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=given.get("AccessKeyId") or keys.access_key_id,
        aws_secret_access_key=given.get("SecretAccessKey") or keys.secret_access_key,
        aws_session_token=given.get("SessionToken"),
        **more,
    )


def role(aws: EmbeddedAws, name: str, trust: dict[str, Any], *actions: str, **more: Any) -> str:
    """Create a role in the account of the bucket."""
    policy = allow(*actions) if actions else None
    return aws.iam.create_role(name, account=ROLE_ACCOUNT, trust=trust, policy=policy, **more)


def assume(aws: EmbeddedAws, keys: Any, role_arn: str, **more: Any) -> dict[str, str]:
    """Assume a role; return its session's Credentials."""
    sts = client(aws, "sts", keys)
    answer = sts.assume_role(RoleArn=role_arn, RoleSessionName="me", **more)
    credentials: dict[str, str] = answer["Credentials"]
    return credentials


def refused(code: str, words: str = "") -> Any:
    """Expect that AWS refuses a call, with this code and these words."""
    return pytest.raises(ClientError, match=rf"\({code}\).*{words}")


def test_signatures(aws: EmbeddedAws, ann: Signer) -> None:
    """Each request has its signer's signature, and only a signer that exists.

    https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
    """
    assert client(aws, "sts", ann).get_caller_identity()["Arn"] == ann.arn
    other = {"AccessKeyId": ann.access_key_id, "SecretAccessKey": "wrong"}
    for service, call in (("sts", "get_caller_identity"), ("s3", "list_buckets")):
        with refused("SignatureDoesNotMatch"):
            getattr(client(aws, service, other), call)()
    with refused("InvalidClientTokenId"):
        client(aws, "sts", {**other, "AccessKeyId": "AKIAUNKNOWN"}).get_caller_identity()
    unsigned = Config(signature_version=UNSIGNED)
    with refused("MissingAuthenticationToken"):
        client(aws, "sts", ann, config=unsigned).get_caller_identity()
    with refused("AccessDenied"):
        client(aws, "s3", ann, config=unsigned).list_buckets()


def test_policies(aws: EmbeddedAws) -> None:
    """An explicit Deny takes precedence over an Allow, and without an Allow a request is denied.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
    """
    inside = allow("s3:ListBucket", "s3:PutObject", resource="arn:aws:s3:::bucket-of-role*")
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::*/private/*"}
    policy = {"Statement": [*inside["Statement"], deny]}
    bob = aws.iam.create_user("Bob", account=ROLE_ACCOUNT, policy=policy)
    s3 = client(aws, "s3", bob)
    s3.put_object(**BUCKET, Key="public/x")
    assert s3.list_objects_v2(**BUCKET)["KeyCount"] == 1
    with refused("AccessDenied", "with an explicit deny in an identity-based policy"):
        s3.put_object(**BUCKET, Key="private/x")
    with refused("AccessDenied", "because no identity-based policy allows the s3:GetObject action"):
        s3.get_object(**BUCKET, Key="public/x")
    condition = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    unknown = {"Statement": {**allow("*")["Statement"][0], "Condition": condition}}
    with pytest.raises(UnsupportedPolicyError, match="IpAddress"):
        aws.iam.create_user("Eve", account=ROLE_ACCOUNT, policy=unknown)


def test_accounts(aws: EmbeddedAws, ann: Signer) -> None:
    """A signer sees the own account, whatever a header says, and no other account's buckets.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-policy-language-overview.html
    """
    far = aws.iam.create_user("Far", account=USER_ACCOUNT, policy=allow("s3:*"))
    near = aws.iam.create_user("Near", account=ROLE_ACCOUNT, policy=allow("s3:*"))
    names = [
        [b["Name"] for b in client(aws, "s3", one).list_buckets()["Buckets"]] for one in (far, near)
    ]
    assert names == [[], ["bucket-of-role"]]
    s3 = client(aws, "s3", far)
    header = {"x-moto-account-id": ROLE_ACCOUNT}
    s3.meta.events.register("before-call.s3", lambda params, **_: params["headers"].update(header))
    assert s3.list_buckets()["Buckets"] == []
    with refused("AccessDenied"):
        s3.list_objects_v2(**BUCKET)


def test_trust(aws: EmbeddedAws, ann: Signer) -> None:
    """In its account, a role that names a user is enough; elsewhere, both sides have to allow it.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
    """
    near = aws.iam.create_user("Near", account=ROLE_ACCOUNT)
    far = aws.iam.create_user("Far", account=USER_ACCOUNT)
    assume(aws, near, role(aws, "NamesNear", trusting(near.arn)))
    with refused("AccessDenied", "no identity-based policy allows the sts:AssumeRole action"):
        root = trusting(f"arn:aws:iam::{ROLE_ACCOUNT}:root")
        assume(aws, near, role(aws, "NamesAccount", root))
    with refused("AccessDenied"):
        assume(aws, far, role(aws, "NamesFar", trusting(far.arn)))
    assume(aws, ann, role(aws, "NamesAnn", trusting(ann.arn)))
    with refused("AccessDenied"):
        assume(aws, ann, role(aws, "NamesOther", trusting(far.arn)))


def test_conditions_of_trust(aws: EmbeddedAws, ann: Signer, clock: Clock) -> None:
    """A trust policy can require an external ID, and an MFA code, which works once.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html
    """
    trust = trusting(ann.arn)
    trust["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": "between-us"}}
    guarded = role(aws, "Guarded", trust)
    with refused("AccessDenied"):
        assume(aws, ann, guarded)
    assume(aws, ann, guarded, ExternalId="between-us")
    auditor = role(aws, "Auditor", trusting(ann.arn, mfa=True))
    serial = str(ann.mfa_serial)
    mfa = {"SerialNumber": serial, "TokenCode": aws.iam.mfa_code(serial)}
    with refused("AccessDenied"):
        assume(aws, ann, auditor)
    assume(aws, ann, auditor, **mfa)
    with refused("AccessDenied", "invalid MFA one time pass code"):
        assume(aws, ann, auditor, **mfa)
    clock.advance(seconds=30)
    assume(aws, ann, auditor, **mfa | {"TokenCode": aws.iam.mfa_code(serial)})


def test_durations(aws: EmbeddedAws, ann: Signer, clock: Clock) -> None:
    """A session lasts as long as its role allows, an hour in a chain, and is over then.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    """
    trust = trusting("*")
    long = role(aws, "Long", trust, "sts:*", max_session_duration=7200)
    with refused("ValidationError", "exceeds the MaxSessionDuration"):
        assume(aws, ann, long, DurationSeconds=7201)
    session = assume(aws, ann, long, DurationSeconds=7200)
    with refused("ValidationError", "1 hour session limit for roles assumed by role chaining"):
        assume(aws, session, long, DurationSeconds=3601)
    clock.advance(seconds=7199)
    client(aws, "sts", session).get_caller_identity()
    clock.advance(seconds=1)
    with refused("ExpiredToken"):
        client(aws, "sts", session).get_caller_identity()


def test_session_policies(aws: EmbeddedAws, ann: Signer) -> None:
    """A session may do what its role and its session policies allow.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session
    """
    reader = role(aws, "Reader", trusting(ann.arn), "s3:List*", "s3:PutObject")
    managed = {"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}]}
    s3 = client(aws, "s3", assume(aws, ann, reader, **managed))
    s3.list_objects_v2(**BUCKET)
    with refused("AccessDenied", "because no session policy allows the s3:PutObject action"):
        s3.put_object(**BUCKET, Key="x")
    with refused("AccessDenied", "because no identity-based policy allows the s3:GetObject action"):
        s3.get_object(**BUCKET, Key="x")
    client(aws, "s3", assume(aws, ann, reader)).put_object(**BUCKET, Key="x")


def test_user_sessions(aws: EmbeddedAws) -> None:
    """A user's session can call IAM only with MFA, and only some actions of STS.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
    """
    bob = aws.iam.create_user("Bob", account=USER_ACCOUNT, policy=allow("*"), mfa=True)
    sts, serial = client(aws, "sts", bob), str(bob.mfa_serial)
    mfa = {"SerialNumber": serial, "TokenCode": aws.iam.mfa_code(serial)}
    without, with_mfa = sts.get_session_token(), sts.get_session_token(**mfa)
    assert client(aws, "iam", with_mfa["Credentials"]).list_users()["Users"] == []
    with refused("InvalidClientTokenId"):
        client(aws, "iam", without["Credentials"]).list_users()
    with refused("AccessDenied", "Cannot call GetSessionToken with session credentials"):
        client(aws, "sts", without["Credentials"]).get_session_token()


#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
NEEDED: dict[str, tuple[str, dict[str, Any]]] = {
    "s3:ListBucket": ("list_objects_v2", {}),
    "s3:ListBucketVersions": ("list_object_versions", {}),
    "s3:ListBucketMultipartUploads": ("list_multipart_uploads", {}),
    "s3:GetBucketLocation": ("get_bucket_location", {}),
    "s3:GetBucketTagging": ("get_bucket_tagging", {}),
    "s3:GetEncryptionConfiguration": ("get_bucket_encryption", {}),
    "s3:PutEncryptionConfiguration": ("delete_bucket_encryption", {}),
    "s3:DeleteBucketPolicy": ("delete_bucket_policy", {}),
    "s3:GetObject": ("head_object", {"Key": "x"}),
    "s3:GetObjectVersion": ("get_object", {"Key": "x", "VersionId": "null"}),
    "s3:GetObjectTagging": ("get_object_tagging", {"Key": "x"}),
    "s3:PutObject": ("create_multipart_upload", {"Key": "x"}),
    "s3:DeleteObject": ("delete_objects", {"Delete": {"Objects": [{"Key": "x"}]}}),
}


@pytest.mark.parametrize("action", NEEDED)
def test_actions_of_s3(aws: EmbeddedAws, action: str) -> None:
    """A request to S3 needs the action that AWS documents, and no other."""
    call, parameters = NEEDED[action]
    deny = {"Effect": "Deny", "NotAction": action, "Resource": "*"}
    policy = {"Statement": [*allow("*")["Statement"], deny]}
    bob = aws.iam.create_user("Bob", account=ROLE_ACCOUNT, policy=policy)
    try:
        getattr(client(aws, "s3", bob), call)(**BUCKET, **parameters)
    except ClientError as error:
        assert error.response["Error"]["Code"] not in {"AccessDenied", "403"}  # noqa: PT017
    assert [one.action for one in aws.calls] == [action]


def test_identity_center(aws: EmbeddedAws, clock: Clock) -> None:
    """A token gets the credentials of assigned roles only, and each refresh token works once.

    https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html
    https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_CreateToken.html
    """
    aws.sso.assign(ROLE_ACCOUNT, "Reader")
    where: Any = {"endpoint_url": aws.endpoint_url, "region_name": "us-east-1"}
    oidc, portal = boto3.client("sso-oidc", **where), boto3.client("sso", **where)
    scopes = ["sso:account:access"]
    registered = oidc.register_client(clientName="x", clientType="public", scopes=scopes)
    program = {name: registered[name] for name in ("clientId", "clientSecret")}
    started = oidc.start_device_authorization(**program, startUrl=aws.sso.start_url)
    grant = {"grantType": "urn:ietf:params:oauth:grant-type:device_code", **program}
    with refused("AuthorizationPendingException"):
        oidc.create_token(**grant, deviceCode=started["deviceCode"])
    aws.sso.approve(started["userCode"])
    tokens = oidc.create_token(**grant, deviceCode=started["deviceCode"])
    role_of = {"accountId": ROLE_ACCOUNT, "accessToken": tokens["accessToken"]}
    assert portal.get_role_credentials(roleName="Reader", **role_of)
    with refused("ForbiddenException"):
        portal.get_role_credentials(roleName="Admin", **role_of)
    again = {"grantType": "refresh_token", "refreshToken": tokens["refreshToken"], **program}
    clock.advance(seconds=3600)
    with refused("UnauthorizedException"):
        portal.get_role_credentials(roleName="Reader", **role_of)
    assert oidc.create_token(**again)["accessToken"]
    with refused("InvalidGrantException"):
        oidc.create_token(**again)


def test_a_client_that_hangs_up(aws: EmbeddedAws, caplog: pytest.LogCaptureFixture) -> None:
    """A client that is interrupted in the middle of a request leaves no message in the demo."""
    host, _, port = aws.endpoint_url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: aws\r\nContent-Length: 100\r\n\r\nAction=")
    with pytest.raises(HTTPError):  # the server accepts the connections in order
        urlopen(aws.endpoint_url)
    for thread in threading.enumerate():
        if "process_request" in thread.name:
            thread.join()
    assert [record for record in caplog.records if record.name == "werkzeug"] == []
