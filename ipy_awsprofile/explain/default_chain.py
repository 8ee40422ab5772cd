"""What boto3 uses if no profile is named, in the order of botocore's providers.

https://docs.aws.amazon.com/boto3/latest/guide/credentials.html
"""

from __future__ import annotations

from ipy_awsprofile.config.environment import named_profile
from ipy_awsprofile.errors import ProfileNotFound
from ipy_awsprofile.explain.credential_sources import (
    environment_keys,
    outside_profile,
    web_identity_step,
)
from ipy_awsprofile.explain.environment_notes import notes_without_name
from ipy_awsprofile.explain.records import Explanation, Inputs, Problem, Step, one_line
from ipy_awsprofile.explain.steps import missing_profile, steps_of


def explain_default(inputs: Inputs) -> Explanation:
    """Return how boto3 gets credentials if no profile is named."""
    environ = inputs.environ
    variable, named = named_profile(environ)
    name = named if named is not None else "default"
    section = inputs.sections.profiles.get(name)
    why = f"{variable}={one_line(name)}" if variable else "no profile is named, so it is `default`"
    steps: tuple[Step, ...]
    if variable and section is None:
        steps = (missing_profile(name, inputs, ProfileNotFound(name)),)
    elif environ.get("AWS_ACCESS_KEY_ID"):
        steps = (environment_keys(inputs),)
        why = "keys in the environment take precedence over profiles"
    elif section is not None and "role_arn" in section and "web_identity_token_file" not in section:
        steps = steps_of(name, inputs)
    elif environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
        steps, why = (web_identity_step(inputs, name),), "AWS_WEB_IDENTITY_TOKEN_FILE is set"
    elif section is not None:
        steps = steps_of(name, inputs)
    else:
        steps = (outside_profile(inputs) or _NO_CREDENTIALS,)
        why = "there is no profile `default`"
    return Explanation(
        name=name if steps[-1].file else steps[-1].name,
        chosen=f"what boto3 uses by itself: {why}",
        steps=steps,
        files=inputs.files,
        notes=tuple(notes_without_name(name, inputs)),
    )


_NO_CREDENTIALS = Step(
    name="nothing",
    kind="no credentials",
    problems=(
        Problem(
            says="There are no credentials: no profile, no variable, no container.",
            fix="`%aws_profiles` lists the profiles.",
        ),
    ),
)
