"""The alias that people know an account by, where one may ask for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ipy_awsprofile.errors import AwsProfileError

if TYPE_CHECKING:
    import boto3


def alias_lookup(session: boto3.Session) -> Callable[[], str | None]:
    """Prepare to ask for the alias of a session's account; the call itself fits into any thread.

    It returns None if the account has no alias, or the answer is anything but one: an alias is
    never worth an error.

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
