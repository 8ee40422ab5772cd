"""Broken profiles that sign in with SSO."""

from __future__ import annotations

from ipy_awsprofile.errors import (
    EndpointUnreachable,
    InvalidOption,
    InvalidSource,
    RoleNotAssigned,
    ServiceError,
    SignInRequired,
)
from tests.integration.broken_kinds.breaks import OVER, answers, down, stored, token
from tests.integration.broken_kinds.record import EXPLAIN, Broken
from tests.integration.broken_kinds.stage import HUSH, Break

_NOBODY = "You aren't signed in: no SSO token is cached."
_SIGN_INS: dict[str, tuple[Break, str]] = {
    "missing": (stored("sso", lambda _: None), _NOBODY),
    "expired": (stored("sso", token(expiresAt=OVER, refreshToken=None)), "token expired at"),
    "no JSON": (stored("sso", lambda _: "{"), _NOBODY),
    "a list": (stored("sso", lambda _: "[]"), _NOBODY),
    "without a token": (stored("sso", token(accessToken=None)), _NOBODY),
    "a token that is a number": (stored("sso", token(accessToken=7)), _NOBODY),
    "without an end": (stored("sso", token(expiresAt=None)), _NOBODY),
    "an end that is none": (stored("sso", token(expiresAt="soon")), _NOBODY),
    "an end without a zone": (stored("sso", token(expiresAt="2099-01-01T00:00:00")), _NOBODY),
    "ended by AWS": (lambda stage: stage.aws.sso.expire_tokens(refresh=True), ""),
}

SIGN_INS = {
    f"{name}, {kind}": Broken(
        kind,
        SignInRequired,
        f"The sign-in of `{owner}` is missing or has expired",
        "Run `%aws_profile P --login` interactively, "
        f"or `aws sso login --profile {owner}` in a terminal",
        by=by,
        seen=seen,
    )
    for name, (by, seen) in _SIGN_INS.items()
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
        seen="The SSO token expired at",
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
        seen="`prod` isn't an account ID.",
    ),
    "account missing": Broken(
        "sso-session",
        InvalidSource,
        "missing required configuration: sso_account_id",
        EXPLAIN,
        {"sso_account_id = {account}": ""},
        seen="`sso_account_id` isn't. Add it. See config:10.",
    ),
    "role missing": Broken(
        "legacy SSO",
        InvalidSource,
        "missing required configuration: sso_role_name",
        EXPLAIN,
        {"sso_role_name = Reader": ""},
        seen="`sso_role_name` isn't",
    ),
    "start URL missing": Broken(
        "sso-session",
        InvalidSource,
        "missing required configuration: sso_start_url",
        EXPLAIN,
        {"sso_start_url = {start_url}": ""},
        seen="`sso_start_url` is missing.",
    ),
    "region missing": Broken(
        "SSO as a source",
        InvalidSource,
        'The profile "Corp" is configured to use SSO but is missing required configuration: '
        "sso_region",
        EXPLAIN,
        {"sso_region = us-east-1": ""},
        seen="`sso_region` is missing.",
    ),
    "region malformed": Broken(
        "sso-session",
        InvalidOption,
        "`P` has an invalid AWS Region: `us_east`.",
        EXPLAIN,
        {"sso_region = us-east-1": "sso_region = us_east"},
        seen="`us_east` isn't an AWS Region.",
    ),
    "session missing": Broken(
        "sso-session",
        InvalidSource,
        'The specified sso-session does not exist: "corp"',
        EXPLAIN,
        {"[sso-session corp]": "[sso-session crop]"},
        seen="There is no [sso-session corp]. Did you mean `crop`?",
    ),
    "session's header": Broken(
        "sso-session",
        InvalidSource,
        'The specified sso-session does not exist: "corp"',
        EXPLAIN,
        {"[sso-session corp]": "[corp]"},
        seen="There is no [sso-session corp].",
    ),
    "settings that differ": Broken(
        "sso-session",
        InvalidSource,
        "The value for sso_region is inconsistent",
        EXPLAIN,
        {"= Reader": "= Reader\nsso_region = eu-west-1"},
        seen="`sso_region` differs between the profile and its [sso-session]. Remove it",
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
