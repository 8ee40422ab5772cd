"""Check access keys, and profiles with missing settings."""

from __future__ import annotations

from collections.abc import Iterator

from ipy_awsprofile.config.problem import Problem, place
from ipy_awsprofile.config.profiles import KEY_PAIR, SESSION_TOKENS, has_session_token
from ipy_awsprofile.config.settings import CREDENTIAL_SETTINGS
from ipy_awsprofile.credentials.validation import is_temporary, unusable_key
from ipy_awsprofile.explain.credential_sources import outside_profile
from ipy_awsprofile.explain.records import Finding, Link

#: Without any of these settings, botocore looks for credentials outside the profile.
BEGINS = frozenset(
    {"aws_access_key_id", "sso_account_id", "sso_role_name", "web_identity_token_file"}
)


def check_empty_keys(link: Link) -> Iterator[Finding]:
    """Yield a problem for each access-key setting that is empty or has invalid characters."""
    for name in KEY_PAIR:
        if not link.section.text(name):
            yield Problem(says=f"`{name}` is empty.", fix=f"Set its value. {link.at(name)}")
    for name in (KEY_PAIR[0], *SESSION_TOKENS):
        if unusable_key(name, link.section.text(name) or ""):
            yield Problem(
                says=f"`{name}` contains characters that a key can't have.",
                fix=f"Copy it again. {link.at(name)}",
            )


def check_expiry(link: Link) -> Iterator[Finding]:
    """Yield a fact if the keys are temporary, because no AWS setting says when they expire.

    Yield a problem if their session token is missing, because AWS rejects keys without it.
    """
    if has_session_token(link.section):
        yield "The keys are temporary (they have a session token). Their expiry is unknown."
    elif is_temporary(link.section.text(KEY_PAIR[0]) or ""):
        yield Problem(
            says="The keys are temporary (their ID begins with ASIA), but have no session token.",
            fix=f"Add the `aws_session_token` that was issued with them. {link.at(KEY_PAIR[0])}",
        )


def check_incomplete(link: Link) -> Iterator[Finding]:
    """Yield what a profile without credentials lacks. Other sources can provide credentials."""
    found = [*_check_missing_settings(link), *_check_split_keys(link)]
    yield from found
    if found:
        return
    alone = [name for name in link.section if name in CREDENTIAL_SETTINGS]
    only = f", only {', '.join(alone)}" if alone else ""
    yield Problem(
        says=f"`{link.profile.name}` has no credentials{only}.",
        fix="Add keys, a role, SSO or a credential_process. "
        f"See {place(link.profile.file, link.profile.line)}.",
        fatal=_ends(link),
    )


def _ends(link: Link) -> bool:
    """Return whether nothing else can provide credentials in place of the profile."""
    return not link.is_target or outside_profile(link.inputs) is None


def _check_missing_settings(link: Link) -> Iterator[Finding]:
    """Yield a problem for each missing setting that another setting needs.

    Without it, botocore raises an error or looks for credentials outside the profile.
    """
    section = link.section
    for needed, names in (
        ("sso_account_id", {"sso_role_name"}),
        ("sso_role_name", {"sso_account_id"}),
        ("aws_secret_access_key", {"aws_access_key_id"}),
        ("aws_access_key_id", {"aws_secret_access_key"}),
        ("role_arn", {"web_identity_token_file", "source_profile", "credential_source"}),
    ):
        present = sorted(names & section.keys())
        if needed not in section and present:
            where = place(*section.origins[present[0]])
            yield Problem(
                says=f"`{present[0]}` is set, but `{needed}` isn't.",
                fix=f"Add it. See {where}.",
                fatal=bool(BEGINS.intersection(present)) or _ends(link),
            )


def _check_split_keys(link: Link) -> Iterator[Finding]:
    """Yield a problem if the file that botocore reads keys from has only one of the two keys."""
    section = link.section
    of_id = section.in_credentials if KEY_PAIR[0] in section.in_credentials else section.in_config
    if section.keys() >= set(KEY_PAIR) and not of_id >= set(KEY_PAIR):
        yield Problem(
            says="The two access-key settings are in different files.",
            fix=f"Put them into the same file. {link.at('aws_access_key_id')}",
        )
