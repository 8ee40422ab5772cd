"""The alias of an account."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ipy_awsprofile.errors import AwsProfileError

if TYPE_CHECKING:
    import boto3


def alias_lookup(session: boto3.Session) -> Callable[[], str | None]:
    """Return a function that asks for the alias of a session's account, in any thread.

    It returns None if the account has no alias, or if AWS doesn't answer: an alias isn't worth an
    error.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccountAliases.html
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from ipy_awsprofile.credentials.retries import give_up_soon

    # A client may be used in several threads, a session may not.
    iam = session.client("iam", config=give_up_soon(5.0))

    def lookup() -> str | None:
        try:
            aliases = iam.list_account_aliases()["AccountAliases"]
        except (AwsProfileError, BotoCoreError, ClientError, KeyError):
            return None
        return aliases[0] if aliases else None

    return lookup
