"""Find out what the user meant when a magic rejects a line.

This module reads the words of the line again and tolerates more mistakes than the magic does. Hints
contain only lines that the magic can parse and that name existing profiles.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ipy_awsprofile.across.selection import excludes_some, split_exclusions
from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.listing import list_profiles
from ipy_awsprofile.config.names import IN_KERNEL, alternatives, has_wildcard
from ipy_awsprofile.config.organization import advice_to_write
from ipy_awsprofile.config.request import (
    SESSION,
    SessionRequest,
    SwitchRequest,
    arguments,
    options_of,
)
from ipy_awsprofile.config.settings import SETTINGS_OF_CLI, known_settings
from ipy_awsprofile.config.sign_ins import sign_in_of_pattern
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.errors import AwsProfileError, InvalidOption
from ipy_awsprofile.notebook.calls import advice_about_file, advice_about_rows
from ipy_awsprofile.notebook.filled_in import FilledInLine
from ipy_awsprofile.notebook.options import (
    ACTIONS_ALONE,
    CellOptions,
    ProfileActions,
    arguments_with_name,
    chosen,
    flags_of,
    joined,
    lacks_name,
    parse,
    words_in,
)
from ipy_awsprofile.notebook.typed_roles import RoleReader
from ipy_awsprofile.notebook.typed_words import (
    ANSWERS,
    BACK,
    DASHES,
    FILLERS,
    WordReader,
    Words,
    duration_in,
    is_profile,
    is_shared,
    profiles_in,
    region_in,
    with_one_region,
    word_of_share,
)
from ipy_awsprofile.text import letters_of, listed, misspelled, quoted, similar

#: The arguments of a call, as in ``aws_profile("NAME")``, which IPython takes for the magic.
_CALL = re.compile(r"\((.+)\)")

#: A session that is filled in or pasted, such as ``<session of RoleBeta ← UserAlpha, region R>``.
_SESSION = re.compile(r"<session of ([^<>,←]+?)(?: ←[^<>]*)?, region [^<>]*>")

_MFA_CODE = re.compile(r"\d{6}")
_CODE = re.compile(r"[;()=\[\]]")

#: How similar a word must be to an action, or to a profile in a line with other mistakes.
_LIKE_ACTION = 0.8
_LIKE_PROFILE = 0.7


#: What to write in a cell for many profiles in place of an option of a switch.
_OF_SWITCH = {
    "--as": f"In the cell, the session is the variable `{SESSION}`.",
    "--duration": "In the profile of a role, write `duration_seconds = …`.",
    "--expect-account": "The result's column `account` contains the account that STS reports.",
    "--quiet": "To leave out the progress bar, write `--no-progress`.",
    "--session-name": "In the profile of a role, write `role_session_name = …`.",
}

#: How to get the table of `%aws_profiles` without the AWS CLI's `--output`.
_TABLE_IN_PYTHON = "In Python, `list_profiles()` returns the profiles."


@dataclass(frozen=True, slots=True)
class TypedLine:
    """A typed line with a magic, the parsers of all magics by name, and the visible variables.

    ``is_cell`` is true if the line is the first line of a cell magic. ``active`` is the active
    switch if the line can be completed with its profile's name, or None. ``is_limited`` is true if
    the active session is read-only. ``before`` is the switch that was active before, or None.
    ``cell`` is the code of the cell that contains the line, as the user has written it.
    """

    magic: str
    line: str
    is_cell: bool
    parsers: Mapping[str, argparse.ArgumentParser]
    variables: Mapping[str, object]
    active: SwitchRequest | None = None
    is_limited: bool = False
    before: SwitchRequest | None = None
    cell: str = ""

    def __str__(self) -> str:
        return f"{self.mark}{self.magic} {self.line}".strip()

    @property
    def mark(self) -> str:
        """The percent signs in front of the magic's name."""
        return "%%" if self.is_cell else "%"

    @property
    def parser(self) -> argparse.ArgumentParser:
        """The argument parser of the magic."""
        return self.parsers[self.magic]

    @property
    def _reader(self) -> WordReader:
        return WordReader(self.magic, self.mark, self.parsers)

    def advice(self, name: str = "") -> str:
        """Return advice about what to write instead, or an empty string if the mistake isn't known.

        If the magic rejected the line because a profile doesn't exist, ``name`` is the profile's
        name, without quotation marks.
        """
        if name.endswith(IN_KERNEL):
            return self._advice_for_name_in_kernel(name)
        try:
            call = _CALL.fullmatch(self.line.strip())
            if call and self.magic == "aws_profile":
                return self._advice_for_call(call[1])
            session = _SESSION.search(self.line)
            if session:
                return self._advice_for_session(session)
            command = f"{self.mark}{self.magic}"
            filled_in = FilledInLine(command, self.line, self.cell, self.variables)
            advice = filled_in.advice(name.split())
            words = words_in(self.line)
            if self.magic == "aws_calls":
                advice = advice or advice_about_file(words_in(self.line))
            advice = advice or self._advice_for(words)
            if not advice and self.magic == "aws_calls" and self._parsed(words) is None:
                return advice_about_rows(words)
            return advice
        except (ValueError, AwsProfileError):  # such as an open quotation mark
            return ""

    def _advice_for(self, words: list[str]) -> str:
        if not words or "--" in words:
            return ""
        if words[0] == "aws" and words[1:] and not is_profile("aws"):
            return self._advice_for_aws_cli(words)
        of_cell = self._advice_for_cell(words)
        if of_cell:
            return of_cell
        if self.good_line(words):  # it is about what the words mean, such as a value
            return ""
        if words[0] == "sso" and words[1:]:
            words = words[1:]  # as in `aws sso login`
        answer = self._answer_to(words)
        if answer:
            return answer
        action = self._with_action(words)
        if action:
            return f"Write `{action}`."
        read = self._reader.read(words)
        if read.unknown:
            return self._advice_for_unknown(words, read)
        if "--share" in read.options:
            advice = self._advice_for_sharing(read)
            if advice:
                return advice
        if read.problem:
            return self._advice_to_write(read) or read.problem
        if self.magic == "aws_profile":
            return self._advice_for_names(words, read) or self._advice_for_magic(words)
        return self._written([*read.names, *read.options])

    def _advice_to_write(self, read: Words) -> str:
        """Return advice for a line that turns ``--read-only`` off, or an empty string."""
        if "--read-only" not in read.turned_off:
            return ""
        says = "`--read-only` doesn't take a value."
        if read.names:
            to_write = advice_to_write("If a pattern makes the profile read-only, add `--write`.")
            return f"{says} To turn `--read-only` off, leave it out. {to_write}"
        options = [option for option in read.options if option != "--read-only"]
        line = self.good_line([*options, "--write"])
        if not line:
            return ""
        return f"{says} {advice_to_write(f'For a session that can write, run `{line}`.')}"

    def _advice_for_name_in_kernel(self, name: str) -> str:
        """Return the line of the former switch whose session has this name, or ""."""
        for request in filter(None, (self.before, self.active)):
            if f"{request.profile}{IN_KERNEL}" == name:
                return (
                    "Only programs that the kernel starts can use this name. Write "
                    f"`%aws_profile {arguments(request)}`."
                )
        return ""

    def _advice_for_session(self, session: re.Match[str]) -> str:
        """Return advice for a session in place of its profile's name."""
        before, after = self.line[: session.start()], self.line[session.end() :]
        line = self.good_line(words_in(f"{before}{quoted(session[1])}{after}"))
        if not line:
            return ""
        return f"This value is a session, and not the name of its profile. Write `{line}`."

    def _advice_for_call(self, arguments: str) -> str:
        """Return advice for a magic that was called like a function, or an empty string."""
        read = self._reader.read(words_in(arguments.replace(",", " ")))
        if read.unknown or read.problem:
            return ""
        return self._written([*read.names, *read.options])

    def _advice_for_cell(self, words: list[str]) -> str:
        """Return advice for the first line of a cell for many profiles, or an empty string."""
        if self.magic != "aws_profiles" or not self.is_cell:
            return ""
        *others, before, name = ["", *words]
        if before == ">" and name.isidentifier():  # as in a terminal
            return self._written([*others[1:], "--into", name])
        return self._advice_for_pattern_of_cell(words)

    def _advice_for_pattern_of_cell(self, words: list[str]) -> str:
        """Return advice if the pattern of a cell for many profiles contains options, or "".

        The options can lack their dashes, as in ``*-dev read_only=True``, or be words such as
        ``except``, which leave out profiles.
        """
        read = self._reader.read(words)
        typed = self._parsed(words)
        if read.unknown or read.problem:
            return ""
        if read.names == ["all"] and not list_profiles("all"):
            return self._written(["*", *read.options])
        if typed and all(map(list_profiles, alternatives(" ".join(typed.pattern)))):
            return ""  # the pattern is right
        selecting, excluding = split_exclusions(" ".join(read.names))
        options = read.options
        if excluding and not excludes_some(selecting, excluding):
            return ""
        if excluding:
            options = [*options, "--exclude", excluding]
        if not options or not all(map(_can_select, alternatives(selecting))):
            return ""
        return self._written([selecting, *options])

    def _advice_for_aws_cli(self, words: list[str]) -> str:
        """Return advice for an AWS CLI command: how to run it, or which magic to use instead."""
        rest = [word for word in words[1:] if word != "sso"]
        if rest and rest[0] in ("login", "logout"):
            return self._advice_for(rest)
        if rest and rest[0] in ANSWERS:
            return ANSWERS[rest[0]]
        return f"Write `!{self.line}` to run the AWS CLI as the active identity."

    def _advice_for_magic(self, words: list[str]) -> str:
        """Return advice to use a different magic with the same words, or an empty string."""
        if self._parsed(words):
            return ""
        line = replace(self, magic="aws_profiles").good_line(words)
        return f"Write `{line}`." if line else ""

    def _advice_for_unknown(self, words: list[str], read: Words) -> str:
        """Return advice about unknown options, which may belong to another magic, or ""."""
        if self.magic == "aws_profiles" and read.unknown == ["--account"]:
            return self._written([*read.names, *read.options])  # an account's ID is a pattern
        if self.magic == "aws_profile" and read.unknown == ["--regions"]:
            region = self._written(with_one_region(words))
            if region:
                return region
        for magic in self.parsers:
            advice = self._advice_to_use(magic, words, read)
            if advice:
                return advice
        if self.magic == "aws_profiles" and self.is_cell:
            advice = _advice_for_option_of_switch(read.unknown)
            if advice:
                return advice
        for name in read.unknown:
            setting = name.lstrip(DASHES).replace("-", "_")
            if setting in SETTINGS_OF_CLI:
                table = _TABLE_IN_PYTHON if self.magic == "aws_profiles" else ""
                return f"`{setting}` is an option of the AWS CLI. Leave it out. {table}".strip()
            if setting in known_settings():
                written = f"Write `{setting} = …` in the profile, and leave out the option."
                return f"`{setting}` is a setting of a profile. {written}"
        return ""

    def _advice_to_use(self, magic: str, words: list[str], read: Words) -> str:
        """Return advice to use a magic that has the unknown options of a line, or ""."""
        is_cell = self.is_cell or not _cell_flags().isdisjoint(read.unknown)
        other = replace(self, magic=magic, is_cell=is_cell)
        if not set(read.unknown) <= flags_of(other.parser).keys():  # perhaps their beginnings
            return ""
        line = other.good_line(words)
        if not line and read.unknown == ["--regions"]:  # with spaces between the Regions
            with_values = WordReader(magic, other.mark, self.parsers).read(words)
            line = other.good_line([*with_values.names, *with_values.options])
        if not line:
            return ""
        says = f"`{other.mark}{magic}` has {listed(read.unknown)}: write `{line}`"
        return f"{says} above the code of a cell." if is_cell and not self.is_cell else f"{says}."

    def _advice_for_sharing(self, read: Words) -> str:
        """Return advice about the words after ``--share``, or an empty string.

        The words can resemble ``off`` or ``write``, be a time without ``write``, or be the name of
        a profile that sharing adds.
        """
        names: list[str] = []
        for name in read.names:
            word = word_of_share(name)
            if word == "off":
                return ANSWERS["unshare"]
            names.append(word or name)
        profiles, others = profiles_in(name for name in names if name != "write")
        time = duration_in(others)
        options = [option for option in read.options if option != "--share"]
        if time and "--policy" not in options:  # a policy can be for the profile or for programs
            return self._advice_to_let_write([*profiles, *options, "--share"], time)
        names = [name for name in names if is_profile(name) or not is_shared(name)]
        if names == read.names:
            return ""
        return self._written([*options, "--share", *names])

    def _advice_to_let_write(self, sharing: list[str], time: str) -> str:
        """Return advice about a line that shares an identity and contains a time.

        ``sharing`` contains the words that share the identity. Only a separate line can let
        programs write, and only if the identity can write.
        """
        if sharing == ["--share"] and not self.is_limited:
            return self._written(["--share", "write", time])
        line = self.good_line(sharing)
        if not line:
            return ""
        if "--read-only" in sharing or sharing == ["--share"]:
            return (
                f"Write `{line}`. A read-only identity can't let programs write. Sharing lasts "
                "until `%aws_profile --share off`."
            )
        return (
            f"Run `{line}`. Then, unless the card says that the identity is read-only, "
            f"`%aws_profile --share write {time}` lets programs write."
        )

    def _advice_for_names(self, words: list[str], read: Words) -> str:
        """Return advice about the names in a line of ``%aws_profile``, or an empty string."""
        name = " ".join(read.names)
        if not name or is_profile(name):
            right = [*filter(None, [name]), *read.options]
            return self._written(right) or self._advice_for_one_identity(right)
        has_options = not flags_of(self.parser).keys().isdisjoint(name.split())
        without_quotes = self.good_line([*name.split(), *read.options]) if has_options else ""
        if without_quotes:
            return f"Write `{without_quotes}`."
        if has_wildcard(name):
            return self._advice_for_pattern(name, read)
        role = self._roles(read.options).advice_for_words(read.names)
        if role:
            return role
        profiles, others = profiles_in(read.names)
        options, rest = _with_region(read.options, others)
        if len(profiles) > 1:
            return self._advice_for_several(profiles, options)
        if profiles and self._has_code(name, rest):
            line = self.good_line([*profiles, *options])
            return f"Write `{line}`, and put the code on the next line." if line else ""
        if profiles and "--mfa" in options and all(map(_MFA_CODE.fullmatch, rest)):
            return self._advice_for_code(profiles[0], options)
        if profiles and rest:
            return self._advice_without(rest, [*profiles, *options])
        if profiles or not rest:
            return self._written([*profiles, *options])
        return self._advice_for_similar(" ".join(rest), options, words)

    def _roles(self, options: Sequence[str]) -> RoleReader:
        return RoleReader(options, self.good_line)

    def _advice_without(self, left_out: list[str], words: list[str]) -> str:
        """Return a question that suggests a line and names the words that the line leaves out."""
        line = self.good_line(words)
        if not line:
            return ""
        lacking = [word for word in left_out if word not in words]
        if not lacking:
            return f"Did you mean `{line}`?"
        return f"Did you mean `{line}`, without {listed(lacking)}?"

    def _advice_for_one_identity(self, words: list[str]) -> str:
        """Return advice if an option and the name select different identities, or else ""."""
        options = self._parsed(words)
        if options is None or chosen(options, ProfileActions):
            return ""
        request = SwitchRequest(joined(options.profile), **chosen(options, SwitchRequest))
        meant = request.with_one_identity(read_config().profiles)
        return f"Write `{self.mark}{self.magic} {arguments(meant)}`." if meant else ""

    def _advice_for_code(self, profile: str, options: list[str]) -> str:
        """Return advice to leave out an MFA code, because the cell prompts for the code."""
        prompts = "The cell prompts for the MFA code."
        try:
            target = target_of(SessionRequest(profile, mfa=True), read_config())
        except InvalidOption as error:  # only long-term keys with an `mfa_serial` take `--mfa`
            without = [option for option in options if option != "--mfa"]
            line = self.good_line([profile, *without])
            target = target_of(SessionRequest(profile), read_config())
            if not any(each.mfa_serial for each in target.chain):
                return f"{error} {error.hint}"
        else:
            line = self.good_line([profile, *options])
        return f"Write `{line}`. {prompts}" if line else ""

    def _advice_for_similar(self, name: str, options: list[str], words: list[str]) -> str:
        """Return advice that suggests similar names with the same options, or an empty string."""
        profile, *others = re.split(r"[/:@]", name)
        region = region_in(others[0]) if len(others) == 1 else ""
        if region and is_profile(profile):  # as in `NAME/us-east-1`
            return self._written([profile, "--region", region, *options])
        advice = self._roles(options).advice(name)
        if advice:
            return advice
        if self._parsed(words) == self._parsed([name, *options]):
            return ""  # the error suggests similar names
        names = misspelled(name, read_config().profiles, _LIKE_PROFILE)[:3]
        lines = list(filter(None, (self.good_line([close, *options]) for close in names)))
        return f"Did you mean {_either(lines)}?" if lines else ""

    def _advice_for_pattern(self, pattern: str, read: Words) -> str:
        """Return advice to use ``%aws_profiles``, or "" if no profile matches the pattern."""
        many = replace(self, magic="aws_profiles")
        line = many.good_line([*read.names, *read.options])
        if line and list_profiles(pattern):
            return f"For all profiles that match the pattern, write `{line}`."
        return ""

    def _advice_for_several(self, profiles: list[str], options: list[str]) -> str:
        """Return advice for several profiles: a line for each profile, and a cell magic for all."""
        lines = list(filter(None, (self.good_line([name, *options]) for name in profiles)))
        if not lines:
            return ""
        advice = f"Name one profile: {_either(lines)}."
        many = replace(self, magic="aws_profiles", is_cell=True)
        line = many.good_line([",".join(profiles), *options])
        if line:
            advice += f" To run a cell for each profile, begin the cell with `{line}`."
        return advice

    def _has_code(self, name: str, rest: list[str]) -> bool:
        """Return whether Python code follows the name of the profile."""
        if not rest:
            return False
        if _CODE.search(name):
            return True
        return rest[0] in (SESSION, *self.variables)

    def _answer_to(self, words: list[str]) -> str:
        """Return advice about a word or option that belongs to another tool, or an empty string."""
        flags = flags_of(self.parser)
        is_alone = self.magic == "aws_profile" and len(words) == 1
        for word in words:
            asked = word.lstrip(DASHES) or word
            is_option = asked != word and word not in flags
            answer = ANSWERS.get(asked) or ANSWERS.get(letters_of(asked))
            is_back = asked in BACK or letters_of(asked) in BACK
            if is_back and self.magic != "aws_calls":  # its `--last 10` selects rows
                answer = self._answer_to_back()
            if answer and (is_option or is_alone):
                return answer
        return ""

    def _answer_to_back(self) -> str:
        """Return how to switch back to the profile from before, with its options, if there is one.

        The answer also says how to undo all switches.
        """
        answer = ANSWERS["undo"]
        if self.before is None:
            return answer
        line = f"%aws_profile {arguments(self.before)}"
        return f"`{line}` switches back to the profile from before. {answer}"

    def _with_action(self, words: list[str]) -> str:
        """Return a corrected line if only an action's dashes are missing, or an empty string."""
        first = words[0]
        if self.magic != "aws_profile":
            return ""
        if first not in options_of(ProfileActions):
            near = misspelled(first, options_of(ProfileActions), _LIKE_ACTION)
            if not near or similar(first, read_config().profiles):
                return ""
            first = near[0]
        line = self.good_line([f"--{first}", *words[1:]])
        if line:
            return line
        rest = self._reader.read(words[1:])
        if rest.unknown or rest.problem:
            return ""
        return self.good_line([*rest.names, f"--{first}", *rest.options])

    def _written(self, words: Iterable[str]) -> str:
        """Return advice to write a line with these words, or "" if that line would be invalid."""
        line = self.good_line(words)
        return f"Write `{line}`." if line else ""

    def _parsed(self, words: Iterable[str]) -> argparse.Namespace | None:
        """Parse a line with these words.

        Return the options of the line, or None if the line can't be parsed.
        """
        try:
            return parse(self.parser, " ".join(map(quoted, words)))
        except AwsProfileError:
            return None

    def good_line(self, words: Iterable[str]) -> str:
        """Return a line with these words, or an empty string if the magic would reject the line."""
        words = list(words)
        options = self._parsed(words)
        if options is None:
            return ""
        if self.magic == "aws_profile" and lacks_name(options):
            is_unclear = len(chosen(options, ProfileActions)) > 1
            if self.active is None or self.is_cell or is_unclear:
                return ""
            return f"%aws_profile {arguments_with_name(options, self.active)}"
        if self.magic == "aws_profile" and not _is_complete(options, is_cell=self.is_cell):
            return ""
        return f"{self.mark}{self.magic} {' '.join(map(quoted, words))}".strip()


def _with_region(options: Sequence[str], words: Iterable[str]) -> tuple[list[str], list[str]]:
    """If the words contain a Region, add the Region to the options.

    Return the new options and the words whose meaning isn't known.
    """
    with_region = list(options)
    unknown: list[str] = []
    for word in words:
        region = region_in(word)
        if region and "--region" not in with_region:
            with_region += ["--region", region]
        elif letters_of(word) not in FILLERS:
            unknown.append(word)
    return with_region, unknown


def _is_complete(options: argparse.Namespace, *, is_cell: bool) -> bool:
    """Return whether the options of ``%aws_profile`` describe a complete switch or action."""
    actions = chosen(options, ProfileActions)
    names = list(options.profile)
    if options.share in ("off", "write"):
        return len(actions) == 1
    if options.share:  # `--share NAME` is `NAME --share`
        names.insert(0, options.share)
    request = SwitchRequest(joined(names), **chosen(options, SwitchRequest))
    if not actions:
        is_known = request.profile is None or is_profile(request.profile)
        return is_known and request.names_one_identity
    if is_cell or len(actions) > 1:
        return False
    if not actions.keys().isdisjoint(ACTIONS_ALONE):
        return request == SwitchRequest()
    return request.profile is None or is_profile(request.profile)


def _advice_for_option_of_switch(flags: Sequence[str]) -> str:
    """Return advice about an option of a switch in the line of a cell for many profiles, or ""."""
    for flag in flags:
        if flag in _OF_SWITCH:
            instead = _OF_SWITCH[flag]
            return f"`{flag}` is an option of `%aws_profile`, and not of this cell. {instead}"
    return ""


def _can_select(pattern: str) -> bool:
    """Return whether a pattern matches a profile, or can match roles of a sign-in."""
    return bool(list_profiles(pattern) or sign_in_of_pattern(pattern, read_config()))


def _cell_flags() -> set[str]:
    return {declared.flag for declared in options_of(CellOptions).values()}


def _either(lines: Iterable[str]) -> str:
    return " or ".join(f"`{line}`" for line in lines)
