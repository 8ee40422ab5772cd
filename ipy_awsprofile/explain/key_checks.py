"""Checks of access keys, and of profiles that don't have all settings of a kind."""

from __future__ import annotations

from collections.abc import Iterator

from ipy_awsprofile.config.profiles import has_session_token
from ipy_awsprofile.config.settings import CREDENTIAL_SETTINGS
from ipy_awsprofile.explain.credential_sources import container_or_instance
from ipy_awsprofile.explain.records import Finding, Link, Problem, place


def check_empty_keys(link: Link) -> Iterator[Finding]:
    """Yield a problem for each access-key setting that is empty."""
    for name in ("aws_access_key_id", "aws_secret_access_key"):
        if not link.section.text(name):
            yield Problem(says=f"`{name}` is empty.", fix=f"Set its value. {link.at(name)}")


def check_expiry(link: Link) -> Iterator[Finding]:
    """Yield that it isn't known when temporary keys expire: no AWS setting in a file says it."""
    if has_session_token(link.section):
        yield "The keys are temporary (they have a session token); expires: unknown."


def check_any_credentials(link: Link) -> Iterator[Finding]:
    """Yield a problem for a profile without credentials, which a container may provide."""
    if not link.section.keys().isdisjoint(CREDENTIAL_SETTINGS):
        return
    yield Problem(
        says=f"`{link.profile.name}` has no credentials.",
        fix="Add keys, a role, SSO or a credential_process. "
        f"See {place(link.profile.file, link.profile.line)}.",
        fatal=container_or_instance(link.inputs) is None,
    )


def check_missing_settings(link: Link) -> Iterator[Finding]:
    """Yield a problem for each setting that another one needs: botocore raises an error then."""
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
                says=f"`{present[0]}` is set, but `{needed}` isn't.", fix=f"Add it. See {where}."
            )


def check_split_keys(link: Link) -> Iterator[Finding]:
    """Yield a problem if each file has one of the keys: botocore reads both from the same file."""
    pair = {"aws_access_key_id", "aws_secret_access_key"}
    section = link.section
    if section.keys() >= pair and not any(
        file >= pair for file in (section.in_config, section.in_credentials)
    ):
        yield Problem(
            says="The two access-key settings are in different files.",
            fix=f"Put them into the same file. {link.at('aws_access_key_id')}",
        )
