"""Broken profiles that sign in with SSO."""

from __future__ import annotations

from ipy_awsprofile.errors import (
    EndpointUnreachable,
    InvalidOption,
    InvalidProfile,
    RoleNotAssigned,
    ServiceError,
    SignInRequired,
)
from tests.integration.broken_kinds.breaks import OVER, answers, down, stored, token
from tests.integration.broken_kinds.record import EXPLAIN, Broken
from tests.integration.broken_kinds.stage import HUSH, Break

_SIGN_INS: dict[str, Break] = {
    "missing": stored("sso", lambda _: None),
    "expired": stored("sso", token(expiresAt=OVER, refreshToken=None)),
    "no JSON": stored("sso", lambda _: "{"),
    "a list": stored("sso", lambda _: "[]"),
    "without a token": stored("sso", token(accessToken=None)),
    "a token that is a number": stored("sso", token(accessToken=7)),
    "without an end": stored("sso", token(expiresAt=None)),
    "an end that is none": stored("sso", token(expiresAt="soon")),
    "an end without a zone": stored("sso", token(expiresAt="2099-01-01T00:00:00")),
    "ended by AWS": lambda stage: stage.aws.sso.expire_tokens(refresh=True),
}

SIGN_INS = {
    f"{name}, {kind}": Broken(
        kind,
        SignInRequired,
        f"The sign-in of `{owner}` is missing or has expired",
        "Run `%aws_profile P --login` interactively, "
        f"or `aws sso login --profile {owner}` in a terminal",
        by=by,
    )
    for name, by in _SIGN_INS.items()
    for kind, owner in (("sso-session", "P"), ("legacy SSO", "P"), ("SSO as a source", "Corp"))
}

SSO: dict[str, Broken] = {
    "refresh token used up": Broken(
        "sso-session",
        SignInRequired,
        "The sign-in of `P` is missing or has expired",
        "--login",
        by=stored("sso", token(expiresAt=OVER, refreshToken=HUSH)),
    ),
    "registration over": Broken(
        "sso-session",
        SignInRequired,
        "The sign-in of `P` is missing or has expired",
        "--login",
        by=stored("sso", token(expiresAt=OVER, registrationExpiresAt=OVER)),
    ),
    "role not assigned": Broken(
        "sso-session",
        RoleNotAssigned,
        "`P` isn't allowed to call GetRoleCredentials: No access",
        "see sso_account_id and sso_role_name",
        {"= Reader": "= Writer"},
    ),
    "role not assigned, behind a role": Broken(
        "SSO as a source",
        RoleNotAssigned,
        "`Corp` isn't allowed to call GetRoleCredentials: No access. It is needed for `P`.",
        "see sso_account_id and sso_role_name",
        {"= Reader": "= Writer"},
    ),
    "account wrong": Broken(
        "legacy SSO",
        RoleNotAssigned,
        "`P` isn't allowed to call GetRoleCredentials: No access",
        "see sso_account_id and sso_role_name",
        {"{account}": "999999999999"},
    ),
    "account no number": Broken(
        "sso-session",
        RoleNotAssigned,
        "`P` isn't allowed to call GetRoleCredentials",
        "see sso_account_id",
        {"{account}": "prod"},
    ),
    "account missing": Broken(
        "sso-session",
        InvalidProfile,
        "missing required configuration: sso_account_id",
        EXPLAIN,
        {"sso_account_id = {account}": ""},
    ),
    "role missing": Broken(
        "legacy SSO",
        InvalidProfile,
        "missing required configuration: sso_role_name",
        EXPLAIN,
        {"sso_role_name = Reader": ""},
    ),
    "start URL missing": Broken(
        "sso-session",
        InvalidProfile,
        "missing required configuration: sso_start_url",
        EXPLAIN,
        {"sso_start_url = {start_url}": ""},
    ),
    "region missing": Broken(
        "SSO as a source",
        InvalidProfile,
        'The profile "Corp" is configured to use SSO but is missing required configuration: '
        "sso_region",
        EXPLAIN,
        {"sso_region = us-east-1": ""},
    ),
    "region malformed": Broken(
        "sso-session",
        InvalidOption,
        "`P` has an invalid AWS Region: `us_east`.",
        EXPLAIN,
        {"sso_region = us-east-1": "sso_region = us_east"},
    ),
    "session missing": Broken(
        "sso-session",
        InvalidProfile,
        'The specified sso-session does not exist: "corp"',
        EXPLAIN,
        {"[sso-session corp]": "[sso-session crop]"},
    ),
    "session's header": Broken(
        "sso-session",
        InvalidProfile,
        'The specified sso-session does not exist: "corp"',
        EXPLAIN,
        {"[sso-session corp]": "[corp]"},
    ),
    "settings that differ": Broken(
        "sso-session",
        InvalidProfile,
        "The value for sso_region is inconsistent",
        EXPLAIN,
        {"= Reader": "= Reader\nsso_region = eu-west-1"},
    ),
    "portal down": Broken("sso-session", EndpointUnreachable, "can't be reached for `P`.", by=down),
    "portal throttles": Broken(
        "legacy SSO",
        ServiceError,
        "GetRoleCredentials failed for `P`: ",
        "AWS limits how often",
        by=answers((429, '{"__type": "TooManyRequestsException", "message": "slowly"}')),
    ),
    "portal answers HTML": Broken(
        "SSO as a source",
        ServiceError,
        "`Corp` got a response that isn't from AWS. It is needed for `P`.",
        by=answers((200, "<html>")),
    ),
}
