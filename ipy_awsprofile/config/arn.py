"""Amazon Resource Names (ARNs) and their parts.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
"""

from __future__ import annotations

import re
from typing import NamedTuple, Self

_PARTS = 6


class Arn(NamedTuple):
    """The parts of an ARN, ``arn:partition:service:region:account:resource``. Some can be empty."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the parts of an ARN, or None if the text isn't an ARN."""
        scheme, *parts = text.split(":", _PARTS - 1)
        return cls(*parts) if scheme == "arn" and len(parts) == _PARTS - 1 else None

    @property
    def role(self) -> str:
        """The role's name with its path, or an empty text if this isn't a role ARN."""
        kind, _, name = self.resource.partition("/")
        return name if kind == "role" else ""

    def is_iam(self, kind: str) -> bool:
        """Return whether this can be the ARN of an IAM resource such as a ``role`` or ``mfa``."""
        place = (self.service, self.region) == ("iam", "")
        is_account = re.fullmatch(r"\d{12}", self.account, re.ASCII)
        return bool(place and is_account and re.fullmatch(rf"{kind}/\S+", self.resource))
