"""Find what a user can have meant by a line that a magic refuses.

The words of the line are read again, with more tolerance. A line in a hint has been parsed, and
names a profile that exists.
"""

from __future__ import annotations

import argparse
import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.names import account_text, has_wildcard
from ipy_awsprofile.config.parameters import PARAMETERS, seconds
from ipy_awsprofile.config.profiles import list_profiles
from ipy_awsprofile.config.regions import known_regions
from ipy_awsprofile.config.request import SESSION, SwitchRequest, options_of
from ipy_awsprofile.config.settings import known_settings
from ipy_awsprofile.config.sign_ins import role_named, sign_ins
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.notebook.options import (
    ACTIONS_ALONE,
    CellOptions,
    ProfileActions,
    choices_of,
    chosen,
    flags_of,
    joined,
    parse,
    words_in,
)
from ipy_awsprofile.text import letters_of, listed, misspelled, quoted, similar

#: What answers words and options of other tools.
_ANSWERS = {
    **dict.fromkeys(
        ("whoami", "who", "status", "current", "info", "identity", "show"),
        "`%aws_profile` shows the active identity.",
    ),
    **dict.fromkeys(("list", "ls", "profiles", "l"), "`%aws_profiles` lists the profiles."),
    **dict.fromkeys(("help", "usage", "options"), "`%aws_profile -h` shows the options."),
    **dict.fromkeys(
        ("reset", "exit", "quit", "undo", "back", "stop"),
        "`%aws_profile --off` undoes all switches.",
    ),
    **dict.fromkeys(
        ("unshare", "noshare", "stopshare", "endshare", "shareoff", "stopsharing", "nosharing"),
        "`%aws_profile --share off` stops sharing. It takes no name and no option.",
    ),
    "configure": "`aws configure`, in a terminal, adds a profile. `%aws_profiles` lists them.",
    **dict.fromkeys(
        ("tokencode", "mfacode", "otp", "totp"),
        "The notebook prompts for the MFA code.",
    ),
    "serialnumber": "Write your MFA device's ARN as `mfa_serial` in the profile.",
    **dict.fromkeys(
        ("version", "v"), "`import ipy_awsprofile; ipy_awsprofile.__version__` is the version."
    ),
}

#: Words before a name that add nothing to it, such as the AWS CLI's `--profile`, and `--share on`.
_FILLERS = {
    "switch",
    "use",
    "assume",
    "activate",
    "select",
    "set",
    "change",
    "to",
    "p",
    "profile",
    "on",
}

#: Other words for those that ``%aws_calls`` takes.
_CHOICES = {"start": "on", "stop": "off", "reset": "clear"}

#: The options and variables of other tools with the name of a profile.
_NAMES_OF_PROFILE = {"profile", "profilename", "name", "awsprofile", "awsdefaultprofile"}

#: Options of other tools, and ours.
_SHORT = {"r": "region", "y": "yes", "force": "yes"}

#: What chats and word processors make of `--`, too.
_DASHES = "-–—"

_REGION = re.compile(r"[a-z]{2,3}(?:-[a-z]+)+-\d+[a-z]?")
_READ_ONLY = re.compile(r"(.+?)[\W_]+(read[\W_]?only)", re.IGNORECASE)
_BRACES = re.compile(r"\{[\w*?.-]+(?:,[\w*?.-]+)+\}")
_CODE = re.compile(r"[;()=\[\]]")

#: How similar a word must be to an option, an action, or a profile in a line with other mistakes.
_LIKE_OPTION = 0.7
_LIKE_ACTION = 0.8
_LIKE_PROFILE = 0.7


@dataclass(slots=True)
class _Words:
    """The words of a line, sorted: the words that aren't options, and options with values.

    ``unknown`` has the options that the magic doesn't have. ``problem`` says what can't be written
    in another way without losing a word.
    """

    names: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class TypedLine:
    """A line with a magic, the parsers of all magics by name, and the notebook's variables.

    ``is_cell`` says that it is the first line of a cell magic.
    """

    magic: str
    line: str
    is_cell: bool
    parsers: Mapping[str, argparse.ArgumentParser]
    variables: Mapping[str, object]

    def __str__(self) -> str:
        return f"{self.mark}{self.magic} {self.line}".strip()

    @property
    def mark(self) -> str:
        """The percent signs before the magic's name."""
        return "%%" if self.is_cell else "%"

    @property
    def parser(self) -> argparse.ArgumentParser:
        """The parser of the magic."""
        return self.parsers[self.magic]

    def advice(self, name: str = "") -> str:
        """Return what to write instead, or an empty string for a line without a known mistake.

        ``name`` is the name that isn't a profile's, if the line was refused because of it.
        """
        # IPython leaves a line as it is if it can't fill in a variable.
        line = _BRACES.sub("", self.line)  # the error says what to write instead of alternatives
        if re.search(r"\{[^{}\"]+\}|\$\w", line) and "--save " not in line:
            return f"A variable in `{self}` isn't defined. Define it first."
        if f" {name}" in str(self) and isinstance(self.variables.get(name), str):
            filled = str(self).replace(f" {name}", f" {{{name}}}", 1)
            return f"For the variable's value, write `{filled}`."
        try:
            words = words_in(self.line)
            return self._advice_for(words)
        except (ValueError, AwsProfileError):  # such as an open quotation mark
            return ""

    def _advice_for(self, words: list[str]) -> str:
        if not words or "--" in words:
            return ""
        if words[0] == "aws":  # the AWS CLI
            return self._advice_for_aws_cli(words)
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
        read = self._read(words)
        if read.unknown:
            return self._advice_for_unknown(words, read)
        if "--share" in read.options:
            advice = self._advice_for_sharing(read)
            if advice:
                return advice
        if read.problem:
            return read.problem
        if self.magic == "aws_profile":
            return self._advice_for_names(words, read)
        return self._written([*read.names, *read.options])

    def _advice_for_aws_cli(self, words: list[str]) -> str:
        """Return how to run a command of the AWS CLI, or the line for a sign-in with it."""
        rest = [word for word in words[1:] if word != "sso"]
        if rest and rest[0] in ("login", "logout"):
            return self._advice_for(rest)
        if rest and rest[0] in _ANSWERS:
            return _ANSWERS[rest[0]]
        return f"Write `!{self.line}` to run the AWS CLI as the active identity."

    def _advice_for_unknown(self, words: list[str], read: _Words) -> str:
        """Return the line of another magic that has all options, or an empty string."""
        for magic in self.parsers:
            is_cell = self.is_cell or not _cell_flags().isdisjoint(read.unknown)
            other = replace(self, magic=magic, is_cell=is_cell)
            has_all = set(read.unknown) <= flags_of(other.parser).keys()
            line = other.good_line(words) if has_all else ""  # not the beginning of an option
            if line:
                return f"`{other.mark}{magic}` has {listed(read.unknown)}: write `{line}`."
        for name in read.unknown:
            setting = name.lstrip(_DASHES).replace("-", "_")
            if setting in known_settings():
                return f"It is a setting: write `{setting} = …` in the profile."
        return ""

    def _advice_for_sharing(self, read: _Words) -> str:
        """Return how to stop sharing, or let programs write, if a word after --share says so."""
        names: list[str] = []
        for name in read.names:
            word = _word_of_share(name)
            if word == "off":
                return _ANSWERS["unshare"]
            names.append(word or name)
        if names == read.names:
            return ""
        others = [option for option in read.options if option != "--share"]
        return self._written([*others, "--share", *names])

    def _advice_for_names(self, words: list[str], read: _Words) -> str:
        """Return what to write instead of a line of ``%aws_profile`` with these words."""
        name = " ".join(read.names)
        if not name or _is_profile(name):
            return self._written([*filter(None, [name]), *read.options])
        if has_wildcard(name):
            return self._advice_for_pattern(name, read)
        profiles, others = _profiles_in(read.names)
        options = list(read.options)
        rest: list[str] = []
        for word in others:
            region = _region_in(word)
            if region and "--region" not in options:
                options += ["--region", region]
            elif letters_of(word) not in _FILLERS:
                rest.append(word)
        if len(profiles) > 1:
            return self._advice_for_several(profiles, options)
        if profiles and self._has_code(name, rest):
            line = self.good_line([*profiles, *options])
            return f"Write `{line}`, and the code on the next line." if line else ""
        if profiles and rest:
            return self._advice_without(rest, [*profiles, *options])
        if profiles or not rest:
            return self._written([*profiles, *options])
        return self._advice_for_similar(" ".join(rest), options, words)

    def _advice_without(self, left_out: list[str], words: list[str]) -> str:
        """Return a question with a line of these words, which names the words that it lacks."""
        line = self.good_line(words)
        if not line:
            return ""
        lacking = [word for word in left_out if word not in words]
        if not lacking:
            return f"Did you mean `{line}`?"
        return f"Did you mean `{line}`, without {listed(lacking)}?"

    def _advice_for_similar(self, name: str, options: list[str], words: list[str]) -> str:
        """Return lines with similar names and these options, if the name alone was no mistake."""
        account = account_text(name)
        if account.isdigit():
            return _advice_for_account(account)
        sign_in = name.rstrip(":")
        if sign_in in sign_ins(read_config()):
            return f"`%aws_profiles --sso {quoted(sign_in)}` lists the roles of this sign-in."
        if self._parsed(words) == self._parsed([name, *options]):
            return ""  # the error suggests similar names
        names = misspelled(name, read_config().profiles, _LIKE_PROFILE)[:3]
        lines = list(filter(None, (self.good_line([close, *options]) for close in names)))
        return f"Did you mean {_either(lines)}?" if lines else ""

    def _advice_for_pattern(self, pattern: str, read: _Words) -> str:
        """Return the line of ``%aws_profiles`` for a pattern, if it matches a profile."""
        many = replace(self, magic="aws_profiles")
        line = many.good_line([*read.names, *read.options])
        if line and list_profiles(pattern):
            return f"For all profiles that match, write `{line}`."
        return ""

    def _advice_for_several(self, profiles: list[str], options: list[str]) -> str:
        """Return a line for each of several profiles, and the line of a cell for all of them."""
        lines = list(filter(None, (self.good_line([name, *options]) for name in profiles)))
        if not lines:
            return ""
        advice = f"Name one profile: {_either(lines)}."
        many = replace(self, magic="aws_profiles", is_cell=True)
        line = many.good_line([",".join(profiles), *options])
        if line:
            advice += f" To run a cell for each of them, begin it with `{line}`."
        return advice

    def _has_code(self, name: str, rest: list[str]) -> bool:
        """Return whether a name continues with Python code."""
        if not rest:
            return False
        return bool(_CODE.search(name)) or rest[0] == SESSION or rest[0] in self.variables

    def _answer_to(self, words: list[str]) -> str:
        """Return what answers a word or an option of another tool, or an empty string."""
        flags = flags_of(self.parser)
        is_alone = self.magic == "aws_profile" and len(words) == 1
        for word in words:
            asked = word.lstrip(_DASHES)
            is_option = asked != word and word not in flags
            answer = _ANSWERS.get(asked) or _ANSWERS.get(letters_of(asked))
            if answer and (is_option or is_alone):
                return answer
        return ""

    def _with_action(self, words: list[str]) -> str:
        """Return the line that begins with an action, if it lacks only its dashes."""
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
        rest = self._read(words[1:])
        if rest.unknown or rest.problem:
            return ""
        return self.good_line([*rest.names, f"--{first}", *rest.options])

    def _written(self, words: Iterable[str]) -> str:
        """Return the advice to write these words, or an empty string if they aren't good either."""
        line = self.good_line(words)
        return f"Write `{line}`." if line else ""

    def _parsed(self, words: Iterable[str]) -> argparse.Namespace | None:
        """Return the options in a line with these words, or None if they can't be parsed."""
        try:
            return parse(self.parser, " ".join(map(quoted, words)))
        except AwsProfileError:
            return None

    def good_line(self, words: Iterable[str]) -> str:
        """Return a line with these words; empty if the magic would refuse it, too."""
        words = list(words)
        options = self._parsed(words)
        if options is None:
            return ""
        if self.magic == "aws_profile" and not _is_complete(options, is_cell=self.is_cell):
            return ""
        return f"{self.mark}{self.magic} {' '.join(map(quoted, words))}".strip()

    def _read(self, words: Sequence[str]) -> _Words:
        """Return a line's words, where the spelling and the dashes of options don't matter."""
        choices = choices_of(self.parser)
        read = _Words()
        pending = deque(words)
        can_be_name = len(words) == 1 and not choices
        while pending:
            word = pending.popleft()
            bare = word.lstrip(_DASHES)
            key, _, value = word.partition("=")
            if _names_profile(word):
                if value:
                    pending.appendleft(value)
                if self.magic != "aws_profile" and word != words[0]:
                    read.problem = f"`{self.mark}{self.magic}` has no `{key}`."
            elif _CHOICES.get(bare, bare) in choices:
                read.names.append(_CHOICES.get(bare, bare))
            elif bare == word and "--share" in read.options and _word_of_share(word):
                read.names.append(word)  # not the option `--off` or `--write`
            elif key == bare and can_be_name:
                self._sort(word, read, pending)
            else:
                self._read_option(word, read, pending)
        return read

    def _read_option(self, word: str, read: _Words, pending: deque[str]) -> None:
        """Add an option with its values, or a word that isn't an option."""
        flags = flags_of(self.parser)
        key, equals, value = word.partition("=")
        if key in self._flags_of_others() - flags.keys():
            read.unknown.append(key)
            return
        flag = _flag_meant(key, flags)
        near = misspelled(word.lstrip(_DASHES), choices_of(self.parser))
        if flag is None and near:
            read.names.append(near[0])
            return
        if flag is None:
            self._sort(word, read, pending)
            return
        read.options.append(flag)
        if flag == "--share":  # its words are sorted with the names
            if value:
                read.names.append(value)
            return
        if flags[flag].nargs == 0:
            self._sort_needless(flag, value, read)
            return
        if equals:
            pending.appendleft(value)
        if equals or (pending and not pending[0].startswith(tuple(_DASHES))):
            values = [pending.popleft()]
            if read.names:  # otherwise, the next words are the names
                values += self._values_before_option(pending, flags)
            _add_values(flag, values, read)

    def _flags_of_others(self) -> set[str]:
        """Return the options of all magics."""
        flags: set[str] = set()
        for parser in self.parsers.values():
            flags |= flags_of(parser).keys()
        return flags

    def _values_before_option(
        self, pending: deque[str], flags: Mapping[str, argparse.Action]
    ) -> list[str]:
        """Remove and return the words until an option, or a name that ``%aws_profile`` can have."""
        values: list[str] = []
        while pending:
            word = pending[0]
            if word.startswith(tuple(_DASHES)) or _flag_meant(word.partition("=")[0], flags):
                break
            if self.magic == "aws_profile" and _is_profile(word):
                break
            values.append(pending.popleft())
        return values

    def _sort_needless(self, flag: str, value: str, read: _Words) -> None:
        """Note the problem of a value of an option that takes none, such as `--read-only=false`."""
        if value.casefold() not in ("", "true", "yes", "on", "1"):
            read.problem = f"`{flag}` takes no value. Leave it out if you don't want it."

    def _sort(self, word: str, read: _Words, pending: deque[str]) -> None:
        """Add a word that isn't an option to the names, or to the options that nothing has."""
        bare = word.lstrip(_DASHES)
        if bare != word:
            names = read.names if _is_profile(bare) else read.unknown
            names.append(bare)
            return
        limited = _READ_ONLY.fullmatch(word)
        if limited and self.magic == "aws_profile" and not _is_profile(word):
            pending.appendleft("--read-only")
            word = limited[1]
        read.names.append(word)


def _names_profile(word: str) -> bool:
    """Return whether the name of a profile follows a word, as in ``--profile NAME``."""
    key, equals, _ = word.partition("=")
    if key in ("-p", "profile"):
        return True
    is_option = bool(equals) or key.startswith(tuple(_DASHES))
    return is_option and letters_of(key) in _NAMES_OF_PROFILE


def _add_values(flag: str, values: list[str], read: _Words) -> None:
    """Add an option with its values, in the form in which the option takes several of them.

    ``read`` has the option already.
    """
    first, *others = values
    parts = list(filter(None, ",".join(values).split(",")))
    if not others:
        read.options.append(first)
    elif flag == "--exclude" or (flag == "--regions" and set(parts) <= set(known_regions())):
        read.options.append(",".join(parts))
    elif flag == "--duration" and _duration_in(values):
        read.options.append(_duration_in(values))
    else:
        read.options.append(first)
        read.problem = (
            f"`{flag}` takes one value, without spaces unless it is in quotation marks: "
            f"what does `{' '.join(others)}` belong to?"
        )


def _duration_in(words: Iterable[str]) -> str:
    """Return the duration in words such as `15 min`, or an empty string."""
    text = "".join(words).casefold()
    text = re.sub(r"(?<=\d)(h|m|s)(?:ours?|rs?|in(?:ute)?s?|ec(?:ond)?s?)?(?![a-z])", r"\1", text)
    with suppress(ValueError):
        seconds(text)
        return text
    return ""


def _word_of_share(name: str) -> str:
    """Return the word of ``--share`` that a name means, or an empty string."""
    if _is_profile(name):
        return ""
    if name in ("stop", "end", "no", "none", "false", "0"):
        return "off"
    return next(iter(misspelled(name, ("off", "write"), _LIKE_OPTION)), "")


def _flag_meant(word: str, flags: Mapping[str, argparse.Action]) -> str | None:
    """Return the option that a word stands for, or None for any other word.

    A word without dashes must have the letters of the option.
    """
    if has_wildcard(word):
        return None
    by_letters: dict[str, str] = {}
    options = options_of(SwitchRequest)
    for name in PARAMETERS.keys() & options.keys():
        if options[name].flag in flags:
            by_letters[letters_of(PARAMETERS[name].setting)] = options[name].flag
    for flag, action in flags.items():
        by_letters[letters_of(action.dest)] = flag  # as in Python
        by_letters[letters_of(flag)] = flag
    bare = word.lstrip(_DASHES)
    meant = by_letters.get(letters_of(bare))
    if meant or bare == word:
        return None if _is_profile(word) else meant
    bare = _SHORT.get(bare, bare)
    longer = [flag for flag in flags if flag.startswith(f"--{bare}")]
    if longer:  # argparse accepts the beginning of one option, too
        return longer[0] if len(longer) == 1 else None
    near = misspelled(bare, by_letters, _LIKE_OPTION)
    return by_letters[near[0]] if near else None


def _profiles_in(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the profiles that words name, which can have spaces, and the other words."""
    pending = re.split(r"[\s,;]+", " ".join(words))
    profiles: list[str] = []
    others: list[str] = []
    while pending:
        length = _length_of_name(pending)
        if length:
            profiles.append(" ".join(pending[:length]))
        else:
            others.append(pending[0])
        del pending[: length or 1]
    return list(dict.fromkeys(profiles)), list(filter(None, others))


def _length_of_name(words: list[str]) -> int:
    """Return how many words are the longest name of a profile that they begin with, or 0."""
    for length in range(len(words), 0, -1):
        if _is_profile(" ".join(words[:length])):
            return length
    return 0


def _is_profile(name: str) -> bool:
    """Return whether a name is a profile's, or a role's of IAM Identity Center."""
    config = read_config()
    return name in config.profiles or role_named(name, config) is not None


def _region_in(word: str) -> str:
    """Return the Region that a word stands for, which can be misspelled, or an empty string."""
    for region in known_regions():
        if letters_of(region) == letters_of(word):
            return region
    if not _REGION.fullmatch(word):
        return ""
    near = misspelled(word, known_regions())
    return near[0] if near else word


def _advice_for_account(account: str) -> str:
    """Return which profiles are in an account, or an empty string without one."""
    profiles = [profile for profile in list_profiles() if profile.account == account]
    if not profiles:
        return ""
    if len(profiles) == 1:
        return f"Did you mean {listed(profiles)}, which is in this account?"
    return f"`%aws_profiles {account}` lists the {len(profiles)} profiles of this account."


def _is_complete(options: argparse.Namespace, *, is_cell: bool) -> bool:
    """Return whether the options of ``%aws_profile`` are a switch to a profile, or an action."""
    actions = chosen(options, ProfileActions)
    names = list(options.profile)
    if options.share in ("off", "write"):
        return len(actions) == 1
    if options.share:  # `--share NAME` is `NAME --share`
        names.insert(0, options.share)
    request = SwitchRequest(joined(names), **chosen(options, SwitchRequest))
    if not actions:
        is_known = request.profile is None or _is_profile(request.profile)
        return is_known and request.names_one_identity
    if is_cell or len(actions) > 1:
        return False
    if not actions.keys().isdisjoint(ACTIONS_ALONE):
        return request == SwitchRequest()
    return request.profile is None or _is_profile(request.profile)


def _cell_flags() -> set[str]:
    return {declared.flag for declared in options_of(CellOptions).values()}


def _either(lines: Iterable[str]) -> str:
    return " or ".join(f"`{line}`" for line in lines)
