"""Explain step by step how a profile resolves, using only data on this machine.

botocore resolves profiles. This module only predicts the result, and the tests compare it with
botocore. It doesn't use the network, run a process or write a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from ipy_awsprofile.config.assigned_role import named_by_account
from ipy_awsprofile.config.chain import resolve
from ipy_awsprofile.config.config import Config, read_config
from ipy_awsprofile.config.default_chain import TOKEN, default_region, default_source
from ipy_awsprofile.config.missing_sections import files_not_there
from ipy_awsprofile.config.problem import Problem
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.shared_files import SharedFiles
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.config.user_environment import named_profile, user_environment
from ipy_awsprofile.errors import AwsProfileError, ProfileNotFound
from ipy_awsprofile.explain.advice import with_mistakes
from ipy_awsprofile.explain.credential_sources import (
    environment_keys,
    outside_profile,
    web_identity_step,
)
from ipy_awsprofile.explain.records import ExplainedStep, Explanation, Inputs, Setting, one_line
from ipy_awsprofile.explain.steps import explained_steps, missing_profile
from ipy_awsprofile.text import AssignedName, quoted

__all__ = ["ExplainedStep", "Explanation", "Problem", "Setting", "explain"]


def explain(request: SessionRequest | None = None, *, now: datetime | None = None) -> Explanation:
    """Explain how a profile resolves: the settings in use, cached sessions, and missing settings.

    Without a request, explain what boto3 uses by default. An explanation of a profile that doesn't
    work has problems in its steps. Cached sessions that expire before ``now`` aren't valid. Raises
    ConfigFileError if a file can't be read.

    https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
    """
    environ = user_environment()
    config = read_config(SharedFiles.from_environment(environ))
    inputs = Inputs(environ, config, now or datetime.now(UTC))
    if request is None or request.default:
        return explain_default(inputs)
    request = _with_known_ids(request, config)
    name = request.profile or request.source_profile or ""
    region = request.region or (default_region(environ) if request.role_arn else None)
    inputs = replace(inputs, region=region)
    steps = with_mistakes(
        name, config, lambda files: _steps(request, name, replace(inputs, config=files))
    )
    return Explanation(
        name=request.name,
        chosen="",
        steps=steps,
        files=config.paths,
        notes=tuple(_new_notes(notes_with_name(name, inputs), steps)),
    )


def _with_known_ids(request: SessionRequest, config: Config) -> SessionRequest:
    """Return the request with IDs in place of account names, if the accounts are listed."""
    if not request.needs_name:
        return request
    from ipy_awsprofile.sessions.role_list import name_with_known_id

    profile, source = request.profile, request.source_profile
    return replace(
        request,
        profile=profile and name_with_known_id(profile, config),
        source_profile=source and name_with_known_id(source, config),
    )


def _steps(request: SessionRequest, name: str, inputs: Inputs) -> tuple[ExplainedStep, ...]:
    try:
        chain = resolve(request, inputs.config)
    except ProfileNotFound as error:
        unlisted = named_by_account(name, inputs.config)
        return (_unlisted(name, unlisted) if unlisted else missing_profile(name, error),)
    given = {"role_arn", "source_profile", "credential_source"}
    options = given if request.role_arn else set()
    with suppress(AwsProfileError):  # the steps show the problem
        target = target_of(request, inputs.config)
        chain = replace(chain, steps=target.steps)
        inputs = replace(inputs, variant=target.cache_variant)
        options |= target.options.keys()
    inputs = replace(inputs, options=options)
    if chain.steps[-1].profile.name == TOKEN:  # the token is in variables, not in the files
        role = replace(chain, steps=chain.steps[:1], starts=chain.steps[0].kind)
        return (web_identity_step(inputs, ""), *explained_steps(role, inputs))
    return explained_steps(chain, inputs)


def _unlisted(name: str, parts: AssignedName) -> ExplainedStep:
    """Return the step for a role in an account with an unknown ID."""
    again = f"%aws_profiles --sso {quoted(parts.sign_in)} --refresh"
    problem = Problem(
        says=f"`{parts.account}` isn't one of the accounts that `{parts.sign_in}` has listed.",
        fix=f"Run `{again}`. --explain doesn't call AWS.",
    )
    return ExplainedStep(name=name, kind="not found", problems=(problem,))


def explain_default(inputs: Inputs) -> Explanation:
    """Return how boto3 gets credentials without a profile name."""
    variable, named = named_profile(inputs.environ)
    name = named if named is not None else "default"
    _, why = _default_steps(name, inputs)
    steps = with_mistakes(
        name, inputs.config, lambda files: _default_steps(name, replace(inputs, config=files))[0]
    )
    if not why:
        why = f"{variable}={one_line(name)}" if variable else "no profile is named"
        why += "" if variable else ", so it is `default`"
    return Explanation(
        name=name if steps[-1].file else steps[-1].name,
        chosen=f"boto3's default credentials: {why}",
        steps=steps,
        files=inputs.config.paths,
        notes=tuple(_new_notes(notes_without_name(name, inputs), steps)),
    )


def _default_steps(name: str, inputs: Inputs) -> tuple[tuple[ExplainedStep, ...], str]:
    """Return the steps of the default credentials, and why they aren't just the named profile's."""
    try:
        source = default_source(inputs.config, inputs.environ)
    except ProfileNotFound as error:
        return (missing_profile(name, error),), ""
    if source.credential_source == "Environment":
        return (environment_keys(inputs),), "keys in the environment take precedence over profiles"
    if source.name == TOKEN and not source.is_profile:
        return (web_identity_step(inputs, name),), "AWS_WEB_IDENTITY_TOKEN_FILE is set"
    if name in inputs.config.profiles:
        chain = resolve(SessionRequest(profile=name), inputs.config)
        return explained_steps(chain, inputs), ""
    return (outside_profile(inputs) or _NO_CREDENTIALS,), "the profile `default` doesn't exist"


_NO_CREDENTIALS = ExplainedStep(
    name="default",
    kind="no credentials",
    problems=(
        Problem(
            says="There are no credentials in a profile, the environment or a container.",
            fix="Name a profile: `%aws_profile --explain NAME`. `%aws_profiles` lists them.",
        ),
    ),
)


def notes_with_name(name: str, inputs: Inputs) -> Iterator[str]:
    """Yield what plain boto3 uses instead of the requested profile."""
    environ = inputs.environ
    variable, named = named_profile(environ)
    if environ.get("AWS_ACCESS_KEY_ID"):
        yield "`AWS_ACCESS_KEY_ID` is set: plain boto3 uses it, but a switch doesn't."
    elif environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
        yield "`AWS_WEB_IDENTITY_TOKEN_FILE` is set: plain boto3 reads it, but a switch doesn't."
    if variable and named != name:
        shown = one_line(named or "")
        yield f"`{variable}` is `{shown}`: plain boto3 uses it, but a switch doesn't."
    yield from _notes_always(inputs)


def notes_without_name(name: str, inputs: Inputs) -> Iterator[str]:
    """Yield the variables that boto3 uses instead of its profile's settings."""
    section = inputs.config.profiles.get(name)
    if section is not None and "web_identity_token_file" in section:
        for setting in ("role_arn", "role_session_name"):
            variable = f"AWS_{setting.upper()}"
            if inputs.environ.get(variable) and setting in section:
                yield f"`{variable}` takes precedence over the `{setting}` of `{one_line(name)}`."
    yield from _notes_always(inputs)


def _notes_always(inputs: Inputs) -> Iterator[str]:
    environ = inputs.environ
    if "AWS_DEFAULT_PROFILE" in environ and "AWS_PROFILE" in environ:
        yield "`AWS_DEFAULT_PROFILE` takes precedence over `AWS_PROFILE`."
    region = environ.get("AWS_REGION")
    if region and region != environ.get("AWS_DEFAULT_REGION"):
        yield "Unlike other tools, boto3 reads `AWS_DEFAULT_REGION`, not `AWS_REGION`."
    yield from files_not_there(inputs.config, environ)


def _new_notes(notes: Iterable[str], steps: Iterable[ExplainedStep]) -> Iterator[str]:
    """Yield the notes that the problems don't contain already."""
    advice = [problem.fix for step in steps for problem in step.problems]
    yield from (note for note in notes if not any(note in fix for fix in advice))
