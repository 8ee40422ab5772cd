"""How a profile resolves, step by step, from what can be read on this machine.

botocore resolves profiles, this module only predicts the result; the tests compare it with
botocore. It doesn't use the network, run a process or write a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from ipy_awsprofile.config.arn import Arn
from ipy_awsprofile.config.assigned_role import with_assigned_role
from ipy_awsprofile.config.config import read_config
from ipy_awsprofile.config.environment import user_environment
from ipy_awsprofile.config.profiles import ProfileKind
from ipy_awsprofile.config.shared_files import SharedFiles
from ipy_awsprofile.explain.default_chain import explain_default, notes_with_name
from ipy_awsprofile.explain.records import Explanation, Inputs, Problem, Setting, Step, one_line
from ipy_awsprofile.explain.steps import steps_of

__all__ = ["Explanation", "Problem", "Setting", "Step", "explain"]


def explain(
    name: str | None = None,
    *,
    role_arn: str | None = None,
    region: str | None = None,
    options: Mapping[str, str] | None = None,
    variant: str = "",
    now: datetime | None = None,
) -> Explanation:
    """Return how a profile resolves: which settings are used, what is cached, what is missing.

    Without a name, it is explained what boto3 uses by itself. A broken profile is explained like
    any other: its problems are in the steps. ``role_arn`` is a role without a profile that is
    assumed with the profile. ``region`` is the Region that a switch was given, and ``options`` are
    the settings that it replaces, as `Target.settings`; ``variant`` is its `Target.cache_variant`.
    Cached sessions that expire before ``now`` aren't valid. Raises ConfigFileError if a file can't
    be read.

    https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
    """
    environ = user_environment()
    config = with_assigned_role(name or "", read_config(SharedFiles.from_environment(environ)))
    inputs = Inputs(environ, config, now or datetime.now(UTC), region, options or {}, variant)
    if name is None:
        return explain_default(inputs)
    return Explanation(
        name=role_arn or name,
        chosen="",
        steps=(*steps_of(name, inputs), *_role_without_profile(role_arn)),
        files=config.paths,
        notes=tuple(notes_with_name(name, inputs)),
    )


def _role_without_profile(role_arn: str | None) -> Iterator[Step]:
    if role_arn:
        arn = Arn.parse(role_arn)
        detail = one_line(" in ".join(filter(None, (arn.role, arn.account)))) if arn else ""
        yield Step(name=role_arn, kind=str(ProfileKind.ASSUME_ROLE), detail=detail)
