"""Show mistakes in the files instead of the problems that they cause.

For example, if ``source_profile`` is misspelled, botocore complains that the profile has no source.
An explanation shows only the misspelled name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from ipy_awsprofile.config.config import Config
from ipy_awsprofile.config.missing_sections import misspelled_headers, sections_of
from ipy_awsprofile.config.problem import Problem
from ipy_awsprofile.config.setting_mistakes import setting_mistakes
from ipy_awsprofile.config.shared_files import Section
from ipy_awsprofile.explain.records import ExplainedStep

Steps = tuple[ExplainedStep, ...]


def with_mistakes(name: str, config: Config, steps_of: Callable[[Config], Steps]) -> Steps:
    """Return a profile's steps, with mistakes in place of the problems that they cause.

    ``steps_of`` returns the steps for given content of the files. A mistake is fatal if it keeps
    the profile from working.
    """
    steps = steps_of(config)
    corrected, mistakes = follow_advice(name, config)
    if not any(mistakes.values()):
        return steps
    meant = steps_of(corrected)
    remaining = _problems(meant)

    def has_fatal_consequences(explained: Steps) -> bool:
        return any(problem.fatal for problem in _problems(explained) - remaining)

    does_not_work = has_fatal_consequences(steps)

    def judged(mistake: Problem) -> Problem:
        if mistake.fatal or not does_not_work:
            return mistake
        others_corrected, _ = follow_advice(name, config, but=mistake)
        return replace(mistake, fatal=has_fatal_consequences(steps_of(others_corrected)))

    own = _by_step(steps, {name: mistakes[name] for name in mistakes if _has(name, steps, meant)})

    def problems_of(position: int, step: ExplainedStep) -> Iterator[Problem]:
        yield from map(judged, dict.fromkeys(own.get(position, ())))
        yield from (problem for problem in step.problems if problem in remaining)

    return tuple(
        replace(step, problems=tuple(sorted(problems_of(position, step), key=_is_harmless)))
        for position, step in enumerate(steps)
    )


def _is_harmless(problem: Problem) -> bool:
    return not problem.fatal


def _has(name: str, *explained: Steps) -> bool:
    """Return whether a profile is a step of one of these chains."""
    return any(step.name == name for steps in explained for step in steps)


def _by_step(
    steps: Steps, mistakes: Mapping[str, Iterable[Problem]]
) -> Mapping[int, list[Problem]]:
    """Return the mistakes by the position of the step that displays them.

    The mistakes of a profile that isn't found are displayed by the step that refers to it.
    """
    positions = {step.name: position for position, step in enumerate(steps)}
    position = len(steps) - 1
    by_step: dict[int, list[Problem]] = defaultdict(list)
    for name, problems in mistakes.items():
        position = positions.get(name, position)
        by_step[position] += problems
    return by_step


def _problems(steps: Steps) -> set[Problem]:
    return {problem for step in steps for problem in step.problems}


def follow_advice(
    name: str, config: Config, but: Problem | None = None
) -> tuple[Config, dict[str, tuple[Problem, ...]]]:
    """Return the files' content with the mistakes of a profile and its sources corrected.

    Also return the mistakes by profile. ``but`` is a mistake to keep. No file is written.
    """
    meant = Config(config.paths)
    meant.others, meant.unnamed = config.others, config.unnamed
    meant.profiles = dict(config.profiles)
    meant.sso_sessions, meant.services = dict(config.sso_sessions), dict(config.services)
    problems: dict[str, tuple[Problem, ...]] = {}
    while name and name not in problems:
        found = list(_follow_for("profile", name, meant, but))
        section = meant.profiles.get(name, Section(config.paths.config, 0))
        for kind, setting in (("sso-session", "sso_session"), ("services", "services")):
            if other := section.text(setting):
                found += _follow_for(kind, other, meant, but)
        problems[name] = tuple(found)
        name = section.text("source_profile") or ""
    return meant, problems


def _follow_for(kind: str, name: str, meant: Config, but: Problem | None) -> Iterator[Problem]:
    """Yield the problems of a section and correct them."""
    sections = sections_of(kind, meant)
    for problem, lost in list(misspelled_headers(kind, name, meant)):
        yield problem
        if problem != but:
            sections[name] = _merged(sections.get(name), lost, meant)
    section = sections.get(name)
    if section is not None and kind != "services":
        mistakes = list(setting_mistakes(section))
        yield from (mistake.problem for mistake in mistakes)
        sections[name] = section.with_renamed(
            {one.setting: one.instead for one in mistakes if one.problem != but}
        )


def _merged(own: Section | None, lost: Section, config: Config) -> Section:
    """Return a profile's section, merged with the section that had the misspelled header."""
    in_credentials = lost.file == config.paths.credentials
    if own is None:
        own = Section(lost.file, lost.line)
    elif all(part.file != lost.file for part in own.parts):  # the profile is in the other file
        first, second = (own, lost) if in_credentials else (lost, own)
        merged = first.with_replaced({})
        merged.override(second)
        return merged
    merged = own.with_replaced({**lost, **own})  # its own settings take precedence
    merged.lines = {**lost.lines, **own.lines}
    if in_credentials:
        merged.in_credentials |= lost.keys() - own.keys()
    return merged
