"""Accounts and policy documents shared by the tests."""

from __future__ import annotations

from typing import Any

HOME = "111111111111"
AWAY = "222222222222"


def policy(*statements: dict[str, Any]) -> dict[str, Any] | None:
    """Return a policy with these statements, which apply to all resources unless they name some."""
    if not statements:
        return None
    return {"Version": "2012-10-17", "Statement": [{"Resource": "*"} | s for s in statements]}


def allows(*actions: str, **more: Any) -> dict[str, Any]:
    """Return a statement that allows these actions."""
    return {"Effect": "Allow", "Action": list(actions), **more}


def denies(*actions: str, **more: Any) -> dict[str, Any]:
    """Return a statement that denies these actions."""
    return {"Effect": "Deny", "Action": list(actions), **more}


def trusts(principal: object, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    """Return a trust policy with one statement; a bare ARN is an AWS principal."""
    element = {"AWS": principal} if isinstance(principal, str) and principal != "*" else principal
    statement = {"Effect": effect, "Principal": element, "Action": "sts:AssumeRole", **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


def root(account: str) -> str:
    """Return the ARN that stands for a whole account in a trust policy."""
    return f"arn:aws:iam::{account}:root"
