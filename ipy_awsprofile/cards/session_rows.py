"""The card's rows about the session: its limits, its source identity and its tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipy_awsprofile.config.policies import READS

if TYPE_CHECKING:
    from ipy_awsprofile.config.target import Target

#: The limits of a read-only session, for a profile that assumes a role and for any other profile.
READ_ONLY = "read-only, limited by the session policy ReadOnlyAccess"
READ_ONLY_SCOPE = f"limited to read-only in {len(READS)} services; all others are denied"


def session_rows(target: Target) -> list[tuple[str, str]]:
    """Return the rows for the access or policy, source identity and tags."""
    said = target.parameters.get(target.chain[0].role_arn or "", {})
    tags = ", ".join(f"{one['Key']}={one['Value']}" for one in said.get("Tags", ()))
    policy, read_only = target.request.policy, target.request.read_only
    rows = {
        "access": read_only and (READ_ONLY_SCOPE if target.scope else READ_ONLY),
        "source identity": said.get("SourceIdentity"),
        "tags": tags,
        "policy": policy and f"limited by the session policy {policy}",
    }
    return [(name, value) for name, value in rows.items() if value]
