"""Where the sessions in the AWS CLI's cache come from.

The key of a cached session depends neither on STS's endpoint nor on the credentials that the role
was assumed with: another profile, another server, or another program may have got the session. What
this package writes contains a note about both; what other programs write doesn't.
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

#: Contains the note in a document of the cache. Other programs pass over it.
_NOTE = "IpyAwsProfile"


#: The credentials that assumed a role: its source's in the profile's role chain, others, or
#: unknown because the cache doesn't say.
Source = Literal["chain", "other", "unknown"]


def noted_endpoint(document: Mapping[str, Any]) -> str | None:
    """Return which endpoint a session of the cache is from, empty for AWS; None without a note."""
    note = document.get(_NOTE)
    return str(note["Endpoint"]) if isinstance(note, dict) and "Endpoint" in note else None


def is_of(document: Mapping[str, Any], token_file: str) -> bool:
    """Return whether a session of the cache is of the subject that a web identity token names."""
    subject = subject_of(token_file)
    if subject is None or document.get("SubjectFromWebIdentityToken") != subject.subject:
        return False
    issuer = subject.issuer.partition("://")[2] or subject.issuer
    return str(document.get("Provider")).endswith(issuer)  # an ARN, or the issuer itself


def other_role(document: Mapping[str, Any], role_arn: str) -> str:
    """Return in words of which role a session of the cache is, if it isn't this one; else empty.

    Servers that aren't AWS can leave out the role, or the account.
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
    """Where the sessions of a target's role chain come from, as far as is known.

    ``accepts`` asks STS whether it accepts a session.
    """

    def __init__(self, target: Target, accepts: Callable[[Any], bool]) -> None:
        self._target = target
        self._accepts = accepts
        #: By the role's place in the chain.
        self._found: dict[int, Source] = {}

    @property
    def chain(self) -> tuple[str, ...]:
        """The names of the profiles whose credentials were used, as far as is known.

        What starts the chain without a profile comes last, in words: such as ``ECS container``.
        """
        chain = self._target.chain
        if self._known_steps < len(chain) or not (source := self._target.ambient_source):
            return chain[: self._known_steps + 1]
        return (*chain, source_in_words(source, user_environment()))

    @property
    def source(self) -> Source:
        """With whose credentials the last role of `chain` was assumed."""
        return self._found.get(self._known_steps, "chain")

    @property
    def _known_steps(self) -> int:
        others = (step for step, source in self._found.items() if source != "chain")
        return min(others, default=len(self._target.chain))

    def follow(self, source: Provenance) -> None:
        """Take over the provenance of the first role's source, which has a separate session."""
        for step, found in source._found.items():
            self._found[step + 1] = found

    def noted(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return a session that was just got, with a note about where it comes from."""
        note, step = {"Endpoint": self.foreign_sts}, self._step(document)
        if step is not None:
            self._found[step] = "chain"
            used = (source for place, source in self._found.items() if place > step)
            if all(source == "chain" for source in used):
                note["Source"] = self._sources[step]
        return {**document, _NOTE: note}

    def takes(self, document: Mapping[str, Any]) -> bool:
        """Return whether a session of the cache can be used, and remember where it comes from.

        One of another endpoint can't. STS is asked about a session without a note, unless the
        endpoint is AWS's own.
        """
        note, step = document.get(_NOTE), self._step(document)
        if not isinstance(note, dict):
            note = {}
        if note.get("Endpoint", self.foreign_sts) != self.foreign_sts:
            return False
        if not self._has_subject(document, step):
            return False
        if not note and self.foreign_sts and not self._accepts(document["Credentials"]):
            return False
        if step is not None:
            self._found[step] = self._source_of(document, note, step)
        return True

    def _source_of(self, document: Mapping[str, Any], note: Mapping[str, Any], step: int) -> Source:
        if self._is_web_identity(step):
            return "chain"  # its own token decides; see `_has_subject`
        if "SubjectFromWebIdentityToken" in document:
            return "other"
        if "Source" not in note:
            return "unknown"
        return "chain" if note["Source"] == self._sources[step] else "other"

    def _has_subject(self, document: Mapping[str, Any], step: int | None) -> bool:
        """Return whether a web identity's session is of the subject that its token names now."""
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
        """STS's endpoint if it isn't AWS's own, otherwise empty."""
        return foreign_sts(self._target.full_config(), self._target.name)

    @cached_property
    def _sources(self) -> tuple[str, ...]:
        return role_sources(self._target.steps)

    def _step(self, document: Mapping[str, Any]) -> int | None:
        """Return the place of a session's role in the chain, if the session tells its role."""
        role = _assumed_role(document)
        roles = (_role(profile.role_arn) for profile in self._target.profiles)
        places = (step for step, one in enumerate(roles) if one == role)
        return next(places, None) if role else None


def _assumed_role(document: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the account and the name of a session's role; None if the session doesn't tell."""
    user = document.get("AssumedRoleUser")
    arn = Arn.parse(str(user.get("Arn"))) if isinstance(user, dict) else None
    kind, _, rest = arn.resource.partition("/") if arn else ("", "", "")
    return (arn.account, rest.partition("/")[0]) if arn and kind == "assumed-role" else None


def _role(role_arn: str | None) -> tuple[str, str] | None:
    """Return the account and the name of a role, which an account has once, whatever its path."""
    arn = Arn.parse(role_arn) if role_arn else None
    return (arn.account, arn.role.rpartition("/")[2]) if arn else None
