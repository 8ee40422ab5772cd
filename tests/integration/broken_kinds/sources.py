"""Broken profiles whose credentials come from a sign-in, a machine, a token or a process."""

from __future__ import annotations

from ipy_awsprofile.errors import (
    CredentialsExpired,
    CredentialsRejected,
    CredentialsUnavailable,
    EndpointUnreachable,
    InvalidOption,
    InvalidProfile,
    RoleNotAssigned,
    SignInRequired,
)
from tests.integration.broken_kinds.breaks import (
    OVER,
    down,
    expired_variables,
    identity,
    identity_with,
    login_is_over,
    service_down,
    stored,
    token,
    tool,
    variables,
    without_crt,
)
from tests.integration.broken_kinds.keys_and_roles import EXPLAIN
from tests.integration.broken_kinds.stage import HUSH, Break, Broken

_SSO: dict[str, Break] = {
    "missing": stored("sso", lambda _: None),
    "expired": stored("sso", token(expiresAt=OVER, refreshToken=None)),
    "no JSON": stored("sso", lambda _: "{"),
    "without an end": stored("sso", token(expiresAt=None)),
    "ended by AWS": lambda stage: stage.aws.sso.expire_tokens(refresh=True),
}
_LOGIN: dict[str, Break] = {
    "missing": stored("login", lambda _: None),
    "no JSON": stored("login", lambda _: "{"),
    "a list": stored("login", lambda _: "[]"),
    "expired": login_is_over,
}

SIGN_INS = {
    **{
        f"{name}, {kind}": Broken(
            kind,
            SignInRequired,
            f"The sign-in of `{owner}` is missing or has expired",
            "Run `%aws_profile P --login` interactively, "
            f"or `aws sso login --profile {owner}` in a terminal",
            by=by,
        )
        for name, by in _SSO.items()
        for kind, owner in (("sso-session", "P"), ("legacy SSO", "P"), ("SSO as a source", "Corp"))
    },
    **{
        f"{name}, login": Broken(
            "login session",
            SignInRequired,
            "The sign-in of `P` is missing or has expired",
            "`aws login --profile P` in a terminal",
            by=by,
        )
        for name, by in _LOGIN.items()
    },
    "login without crt": Broken(
        "login session",
        CredentialsUnavailable,
        "a part of botocore that isn't installed",
        '%pip install "botocore[crt]"',
        by=without_crt,
    ),
    "refresh token used up": Broken(
        "sso-session",
        SignInRequired,
        "The sign-in of `P` is missing or has expired",
        "--login",
        by=stored("sso", token(expiresAt=OVER, refreshToken=HUSH)),
    ),
    "role not assigned": Broken(
        "sso-session",
        RoleNotAssigned,
        "The signed-in user isn't assigned the role of `P`: No access.",
        "`%aws_profiles --sso` lists the values",
        {"= Reader": "= Writer"},
    ),
    "role not assigned, behind a role": Broken(
        "SSO as a source",
        RoleNotAssigned,
        "The signed-in user isn't assigned the role of `Corp`: No access.",
        "`%aws_profiles --sso` lists the values",
        {"= Reader": "= Writer"},
    ),
    "account missing": Broken(
        "sso-session",
        InvalidProfile,
        "missing required configuration: sso_account_id",
        EXPLAIN,
        {"sso_account_id = {account}": ""},
    ),
    "SSO Region malformed": Broken(
        "sso-session",
        InvalidOption,
        "`P` has no valid AWS Region: Provided region_name 'us_east' doesn't match",
        "`us_east` isn't an AWS Region that botocore knows. Did you mean `us-east-",
        {"sso_region = us-east-1": "sso_region = us_east"},
    ),
    "session missing": Broken(
        "sso-session",
        InvalidProfile,
        'The specified sso-session does not exist: "corp"',
        EXPLAIN,
        {"[sso-session corp]": "[sso-session crop]"},
    ),
    "portal down": Broken(
        "sso-session", EndpointUnreachable, "AWS can't be reached for `P`: ", by=down
    ),
}

_NOTHING = "The credential source of `P` returned no credentials"

MACHINES: dict[str, Broken] = {
    "variables missing": Broken(
        "credential_source Environment",
        CredentialsUnavailable,
        f"{_NOTHING} (Environment).",
        "Environment needs AWS_ACCESS_KEY_ID",
        by=variables(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None),
    ),
    "variable wrong": Broken(
        "credential_source Environment",
        CredentialsRejected,
        "AWS doesn't accept the keys of `P`",
        EXPLAIN,
        by=variables(AWS_SECRET_ACCESS_KEY=HUSH),
    ),
    "variables expired": Broken(
        "credential_source Environment",
        CredentialsExpired,
        "The credentials of `P` have expired.",
        by=expired_variables,
    ),
    "source misspelled": Broken(
        "credential_source Environment",
        InvalidProfile,
        'The credential source "environment" referenced in profile "P" is not valid.',
        EXPLAIN,
        {"= Environment": "= environment"},
    ),
    "no instance": Broken(
        "credential_source Ec2InstanceMetadata",
        CredentialsUnavailable,
        _NOTHING,
        "Ec2InstanceMetadata an EC2 instance with a role",
        by=service_down("AWS_EC2_METADATA_SERVICE_ENDPOINT"),
    ),
    "no container": Broken(
        "credential_source EcsContainer",
        CredentialsUnavailable,
        _NOTHING,
        "EcsContainer a container of ECS or EKS",
        by=variables(AWS_CONTAINER_CREDENTIALS_FULL_URI=None),
    ),
    "container's token wrong": Broken(
        "credential_source EcsContainer",
        CredentialsUnavailable,
        _NOTHING,
        by=variables(AWS_CONTAINER_AUTHORIZATION_TOKEN=HUSH),
    ),
    "container elsewhere": Broken(
        "credential_source EcsContainer",
        InvalidProfile,
        "`P` can't be used: Unsupported host '192.0.2.1'",
        by=variables(AWS_CONTAINER_CREDENTIALS_FULL_URI="http://192.0.2.1/x"),
    ),
}

WEB_IDENTITIES: dict[str, Broken] = {
    "file missing": Broken(
        "web identity",
        CredentialsUnavailable,
        "A file that `P` needs can't be used: [Errno 2] No such file or directory: '/none'.",
        "Correct its path",
        {"{token_file}": "/none"},
    ),
    "file empty": Broken(
        "web identity",
        InvalidOption,
        "A setting or an option of `P` is invalid: ",
        EXPLAIN,
        by=identity(""),
    ),
    "token expired": Broken(
        "web identity as a source",
        CredentialsRejected,
        "AWS doesn't accept the web identity token of `Pod` for its role: Token expired",
        "Check the role's trust policy, and the token",
        by=identity_with(expires_in=-60),
    ),
    "token for another audience": Broken(
        "web identity",
        CredentialsRejected,
        "AWS doesn't accept the web identity token of `P` for its role: Incorrect token audience",
        by=identity_with(audience="somebody"),
    ),
    "role doesn't trust it": Broken(
        "web identity",
        CredentialsRejected,
        "AWS doesn't accept the web identity token of `P` for its role: ",
        "Check the role's trust policy",
        {"{pod}": "{hop1}"},
    ),
    "role_arn missing": Broken(
        "web identity",
        InvalidProfile,
        "has no role ARN configured",
        EXPLAIN,
        {"role_arn = {pod}": ""},
    ),
}

PROCESSES: dict[str, Broken] = {
    "fails": Broken(
        "credential_process",
        CredentialsUnavailable,
        "The credential_process of `P` ",
        "Run its command in a terminal",
        by=tool(f"import sys; print({HUSH!r}); sys.exit({HUSH!r})"),
    ),
    "missing": Broken(
        "credential_process",
        CredentialsUnavailable,
        "The credential_process of `P` ",
        "Run its command in a terminal",
        instead={'"{python}"': "no-such-program"},
    ),
    "prints rubbish": Broken(
        "credential_process", CredentialsUnavailable, "`P`", by=tool(f"print({HUSH!r})")
    ),
    "prints half of the keys": Broken(
        "credential_process",
        CredentialsUnavailable,
        "The credential_process of `P` ",
        by=tool(f'print(\'{{"Version": 1, "AccessKeyId": "{HUSH}"}}\')'),
    ),
}
