"""The card's rows about the session: its limits, its source identity and its tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipy_awsprofile.config.read_only import READS

if TYPE_CHECKING:
    from ipy_awsprofile.config.target import Target

#: The limits of a read-only session, for a profile that assumes a role and for any other profile.
READ_ONLY = "read-only, limited by the session policy ReadOnlyAccess"
READ_ONLY_SCOPE = f"limited to read-only in {len(READS)} services; all others are denied"


def session_rows(target: Target) -> list[tuple[str, str]]:
    """Return the rows for the access or policy, source identity and tags."""
    said = target.parameters.get(target.role_arn or "", {})
    tags = ", ".join(f"{one['Key']}={one['Value']}" for one in said.get("Tags", ()))
    policy = target.policy
    rows = {
        "access": policy and policy.is_read_only and (READ_ONLY if policy.arn else READ_ONLY_SCOPE),
        "source identity": said.get("SourceIdentity"),
        "tags": tags,
        "policy": policy and policy.name and f"limited by the session policy {policy.name}",
    }
    return [(name, value) for name, value in rows.items() if value]
