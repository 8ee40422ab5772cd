"""Provenance of the sessions in the AWS CLI's cache.

The key of a cached session depends neither on the STS endpoint nor on the credentials that assumed
the role, so the session may come from another profile, server or program. This package adds a note
about the endpoint and the credentials to the sessions that it writes. Other programs don't.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Literal

from ipy_awsprofile.config.arn import Arn
from ipy_awsprofile.config.default_chain import source_in_words
from ipy_awsprofile.config.profiles import ProfileKind
from ipy_awsprofile.config.role_sources import role_sources, subject_of
from ipy_awsprofile.config.sts_endpoint import foreign_sts
from ipy_awsprofile.config.target import Target
from ipy_awsprofile.config.user_environment import user_environment

#: The field for the note in a cached document. Other programs ignore it.
_NOTE = "IpyAwsProfile"


#: The credentials that assumed a role: its source in the profile's role chain, other credentials,
#: or unknown because the cache doesn't say.
Source = Literal["chain", "other", "unknown"]


def noted_endpoint(document: Mapping[str, Any]) -> str | None:
    """Return the STS endpoint of a cached session: empty for AWS, None without a note."""
    note = document.get(_NOTE)
    return str(note["Endpoint"]) if isinstance(note, dict) and "Endpoint" in note else None


def is_of(document: Mapping[str, Any], token_file: str) -> bool:
    """Return whether a cached session belongs to the subject of a web identity token."""
    subject = subject_of(token_file)
    if subject is None or document.get("SubjectFromWebIdentityToken") != subject.subject:
        return False
    issuer = subject.issuer.partition("://")[2] or subject.issuer
    return str(document.get("Provider")).endswith(issuer)  # an ARN, or the issuer itself


def other_role(document: Mapping[str, Any], role_arn: str) -> str:
    """Describe the role of a cached session if it isn't ``role_arn``; otherwise return "".

    AWS-compatible servers can omit the role or the account.
    """
    named, expected = _assumed_role(document), _role(role_arn)
    if named is None or expected is None:
        return ""
    (account, name), (expected_account, expected_name) = named, expected
    if name == expected_name and (
        account == expected_account or not (account and expected_account)
    ):
        return ""
    return f"the role {name} in account {account}"


class Provenance:
    """Provenance of the sessions in a target's role chain, as far as it is known.

    ``accepts`` calls STS to check whether it accepts a session. It returns None if the server can't
    tell.
    """

    def __init__(self, target: Target, accepts: Callable[[Any], bool | None]) -> None:
        self._target = target
        self._accepts = accepts
        #: By the role's index in the chain.
        self._found: dict[int, Source] = {}

    @property
    def chain(self) -> tuple[str, ...]:
        """The names of the profiles that provided credentials, as far as they are known.

        If the chain doesn't start with a profile, the last item describes its source, such as
        ``ECS container``.
        """
        chain = self._target.chain
        if self._known_steps < len(chain) or not (source := self._target.ambient_source):
            return chain[: self._known_steps + 1]
        return (*chain, source_in_words(source, user_environment()))

    @property
    def source(self) -> Source:
        """The credentials that assumed the last role of `chain`."""
        return self._found.get(self._known_steps, "chain")

    @property
    def _known_steps(self) -> int:
        others = (step for step, source in self._found.items() if source != "chain")
        return min(others, default=len(self._target.chain))

    def follow(self, source: Provenance) -> None:
        """Copy the provenance of the first role's source, which has a separate session."""
        for step, found in source._found.items():
            self._found[step + 1] = found

    def noted(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return a new session with a note about its provenance."""
        note, step = {"Endpoint": self.foreign_sts}, self._step(document)
        if step is not None:
            self._found[step] = "chain"
            used = (source for place, source in self._found.items() if place > step)
            if all(source == "chain" for source in used):
                note["Source"] = self._sources[step]
        return {**document, _NOTE: note}

    def takes(self, document: Mapping[str, Any]) -> bool:
        """Return whether a cached session can be used, and record its provenance.

        A session from another endpoint can't be used. Ask STS about a session without a note,
        unless the endpoint is AWS's own, and about a session without an identity, because its
        identity is needed anyway.
        """
        note, step = document.get(_NOTE), self._step(document)
        if not isinstance(note, dict):
            note = {}
        if note.get("Endpoint", self.foreign_sts) != self.foreign_sts:
            return False
        if not self._has_subject(document, step):
            return False
        if (not note and self.foreign_sts) or "AssumedRoleUser" not in document:
            accepted = self._accepts(document["Credentials"])
            if accepted is False or (accepted is None and not note):
                return False
        if step is not None:
            self._found[step] = self._source_of(document, note, step)
        return True

    def _source_of(self, document: Mapping[str, Any], note: Mapping[str, Any], step: int) -> Source:
        if self._is_web_identity(step):
            return "chain"  # depends on its token; see `_has_subject`
        if "SubjectFromWebIdentityToken" in document:
            return "other"
        if "Source" not in note:
            return "unknown"
        return "chain" if note["Source"] == self._sources[step] else "other"

    def _has_subject(self, document: Mapping[str, Any], step: int | None) -> bool:
        """Return whether a web identity session belongs to the current subject of its token."""
        last = len(self._target.steps) - 1
        step = last if step is None else step
        if not self._is_web_identity(step):
            return True
        settings = self._target.steps[step].settings
        return is_of(document, str(settings["web_identity_token_file"]))

    def _is_web_identity(self, step: int) -> bool:
        return self._target.steps[step].kind is ProfileKind.WEB_IDENTITY

    @cached_property
    def foreign_sts(self) -> str:
        """The STS endpoint if it isn't AWS's own; otherwise empty."""
        return foreign_sts(self._target.full_config(), self._target.name)

    @cached_property
    def _sources(self) -> tuple[str, ...]:
        return role_sources(self._target.steps)

    def _step(self, document: Mapping[str, Any]) -> int | None:
        """Return the index of a session's role in the chain, or None if it is unknown."""
        role = _assumed_role(document)
        roles = (_role(profile.role_arn) for profile in self._target.profiles)
        places = (step for step, one in enumerate(roles) if one == role)
        return next(places, None) if role else None


def _assumed_role(document: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the account and name of a session's role, or None if they are missing."""
    user = document.get("AssumedRoleUser")
    arn = Arn.parse(str(user.get("Arn"))) if isinstance(user, dict) else None
    kind, _, rest = arn.resource.partition("/") if arn else ("", "", "")
    return (arn.account, rest.partition("/")[0]) if arn and kind == "assumed-role" else None


def _role(role_arn: str | None) -> tuple[str, str] | None:
    """Return the account and name of a role. Names are unique in an account, even across paths."""
    arn = Arn.parse(role_arn) if role_arn else None
    return (arn.account, arn.role.rpartition("/")[2]) if arn else None
