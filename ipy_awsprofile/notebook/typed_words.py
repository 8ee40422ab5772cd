"""Read the words of a line, and tolerate more mistakes than a magic's parser does.

The words can be in any order. Options can be misspelled or lack their dashes.
"""

from __future__ import annotations

import argparse
import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.names import has_wildcard
from ipy_awsprofile.config.parameters import PARAMETERS, seconds
from ipy_awsprofile.config.regions import known_regions, region_names_in
from ipy_awsprofile.config.request import SwitchRequest, options_of
from ipy_awsprofile.config.shared import NOTEBOOK, SHARED_PROFILES
from ipy_awsprofile.config.sign_ins import role_named
from ipy_awsprofile.notebook.options import choices_of, flags_of
from ipy_awsprofile.text import letters_of, misspelled

#: Answers to words and options that belong to other tools.
ANSWERS = {
    **dict.fromkeys(
        ("whoami", "who", "status", "current", "info", "identity", "show"),
        "`%aws_profile` shows the active identity.",
    ),
    **dict.fromkeys(("list", "ls", "profiles", "l"), "`%aws_profiles` lists the profiles."),
    "all": "`%aws_profiles` lists all profiles. `%%aws_profiles *` runs a cell for all of them.",
    "save": "`%aws_profile NAME --save NEW` saves a role as a profile. `%aws_calls --policy FILE` "
    "writes a draft policy to a file.",
    **dict.fromkeys(("help", "usage", "options"), "`%aws_profile -h` shows the options."),
    **dict.fromkeys(
        (
            *("reset", "exit", "quit", "undo", "stop", "unset", "none", "clear", "u"),
            *("deactivate", "disable", "remove", "unassume"),
        ),
        "`%aws_profile --off` undoes all switches.",
    ),
    **dict.fromkeys(
        ("unshare", "noshare", "stopshare", "endshare", "shareoff", "stopsharing", "nosharing"),
        "`%aws_profile --share off` stops sharing, and doesn't accept a name or other options.",
    ),
    **dict.fromkeys(
        ("export", "exec", "execute", "env", "shell"),
        "Programs that the notebook starts, such as `!aws s3 ls`, use the active identity. "
        "`%aws_profile --share` lets other programs use it.",
    ),
    "configure": "Run `aws configure` in a terminal to add a profile.",
    **dict.fromkeys(
        ("tokencode", "mfacode", "otp", "totp", "token", "mfatoken"),
        "The notebook prompts for the MFA code.",
    ),
    **dict.fromkeys(
        ("reason", "comment", "justification", "purpose", "ticket"),
        "`--session-name NAME` sets the name of a role session, which CloudTrail shows.",
    ),
    "serialnumber": "Write your MFA device's ARN as `mfa_serial` in the profile.",
    **dict.fromkeys(
        ("version", "v"),
        "Run `import ipy_awsprofile; ipy_awsprofile.__version__` to see the version.",
    ),
}

#: Words that ask for the profile that was active before, such as ``-`` in ``cd -``.
BACK = {"-", "back", "previous", "prev", "last", "former", "before", "switchback"}

#: Words after ``--share`` that add nothing to it, because all programs can use the profiles.
_SHARED_WITH_ALL = {"all", "everyone", "on", "programs", "start", "terminal", "true", "yes", "1"}

#: Words before a name that add nothing to it, such as the AWS CLI's `--profile`, and `--share on`.
FILLERS = {
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

#: Settings of a profile for IAM Identity Center, and the options with the same value.
_SIGN_IN_SETTINGS = {
    "sso_session": "--sso",
    "sso_account_id": "--account",
    "sso_role_name": "--role",
}

#: Options of other tools, without dashes and underscores, and our options with the same meaning.
_OF_OTHER_TOOLS = {
    **dict.fromkeys(("r", "regionname", "awsregion", "defaultregion"), "region"),
    **dict.fromkeys(("y", "force"), "yes"),
    **dict.fromkeys(("var", "alias"), "as"),
    **dict.fromkeys(("ro", "nowrite", "nowrites", "safe"), "read-only"),
    **dict.fromkeys(
        ("j", "jobs", "threads", "parallel", "concurrency", "maxworkers", "maxconcurrency"),
        "workers",
    ),
    "dryrun": "explain",
}

#: Dashes that chats and word processors also insert instead of `--`.
DASHES = "-–—"

_REGION = re.compile(r"[a-z]{2,3}(?:-[a-z]+)+-\d+[a-z]?")
#: A name and ``read-only``. After a slash, the word would be a role's name.
_READ_ONLY = re.compile(r"(.+?)(?:[^\w/]|_)+(read[\W_]?only)", re.IGNORECASE)

#: Words after an option without a value that turn the option on or off.
_ON = ("true", "yes", "on", "1")
_OFF = ("false", "no", "off", "0", "none")

#: How similar a word must be to an option.
_LIKE_OPTION = 0.7


@dataclass(slots=True)
class Words:
    """The words of a line, sorted into names and options with their values.

    ``names`` contains the words that aren't options. ``unknown`` contains the options that the
    magic doesn't have. ``problem`` describes a mistake that can be corrected only by leaving out a
    word. ``turned_off`` contains the options in ``options`` with a value such as ``off``.
    """

    names: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    problem: str = ""
    turned_off: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class WordReader:
    """Reads the words of a line with a magic.

    ``parsers`` maps the names of the magics to their parsers.
    """

    magic: str
    mark: str
    parsers: Mapping[str, argparse.ArgumentParser]

    @property
    def parser(self) -> argparse.ArgumentParser:
        """The argument parser of the magic."""
        return self.parsers[self.magic]

    def read(self, words: Sequence[str]) -> Words:
        """Return the words of a line, sorted into names and options.

        Options can be misspelled or lack their dashes.
        """
        read = Words()
        pending = deque(words)
        if len(words) == 1 and self._can_be_name(words[0]):
            self._sort(pending.popleft(), read, pending)
        while pending:
            is_first = len(pending) == len(words)
            self._read_word(pending.popleft(), read, pending, is_first=is_first)
        return read

    def _can_be_name(self, word: str) -> bool:
        """Return whether the only word in a line can be a name rather than an option."""
        if word.startswith(tuple(DASHES)) or "=" in word or _names_profile(word):
            return False
        return not choices_of(self.parser)

    def _read_word(self, word: str, read: Words, pending: deque[str], *, is_first: bool) -> None:
        """Add a word to ``read``, with its values if the ``pending`` words contain any values."""
        bare = word.lstrip(DASHES)
        choice = _CHOICES.get(bare, bare)
        if _names_profile(word) or (word == "-r" and self._begins_with_profile(pending)):
            key, _, value = word.partition("=")
            if value:
                pending.appendleft(value)
            if self.magic != "aws_profile" and not is_first:
                read.problem = f"`{self.mark}{self.magic}` doesn't have `{key}`."
        elif choice in choices_of(self.parser):
            read.names.append(choice)
        elif bare == word and "--share" in read.options and word_of_share(word):
            read.names.append(word)  # not the option `--off` or `--write`
        else:
            self._read_option(word, read, pending)

    def _begins_with_profile(self, pending: deque[str]) -> bool:
        """Return whether the pending words begin with the name of a profile."""
        return bool(pending) and is_profile(pending[0])

    def _read_option(self, word: str, read: Words, pending: deque[str]) -> None:
        """Add an option and its values to ``read``, or add a word that isn't an option."""
        flags = flags_of(self.parser)
        key, equals, value = word.partition("=")
        is_beginning = any(flag.startswith(key) for flag in flags)  # argparse accepts it
        if key in self._flags_of_others() - flags.keys() and not is_beginning:
            read.unknown.append(key)
            return
        flag = _flag_meant(key, flags)
        near = misspelled(word.lstrip(DASHES), choices_of(self.parser), _LIKE_OPTION)
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
            if not equals and pending and _is_switch_word(pending[0]):
                value = pending.popleft()
            self._sort_needless(flag, value, read)
            return
        if equals:
            pending.appendleft(value)
        if equals or (pending and not pending[0].startswith(tuple(DASHES))):
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
        """Remove and return the pending words that precede the next option or profile name."""
        values: list[str] = []
        while pending:
            word = pending[0]
            if word.startswith(tuple(DASHES)) or _flag_meant(word.partition("=")[0], flags):
                break
            if self.magic == "aws_profile" and is_profile(word):
                break
            values.append(pending.popleft())
        return values

    def _sort_needless(self, flag: str, value: str, read: Words) -> None:
        """Record a problem if an option that takes no value has a value (`--read-only=false`)."""
        if value.casefold() not in ("", *_ON):
            read.problem = f"`{flag}` doesn't take a value. To turn `{flag}` off, leave it out."
            read.turned_off.append(flag)

    def _sort(self, word: str, read: Words, pending: deque[str]) -> None:
        """Add a word that isn't an option of the magic to the names or to the unknown options."""
        bare = word.lstrip(DASHES)
        if bare != word and self.magic == "aws_profiles" and read.names:
            # The word after a pattern isn't another pattern but what the pattern is to leave out.
            names = read.names if _selects(bare) else read.unknown
            names.append(word)
            return
        if bare != word:
            names = read.names if is_profile(bare) else read.unknown
            names.append(bare)
            return
        limited = _READ_ONLY.fullmatch(word)
        if limited and self.magic == "aws_profile" and not is_profile(word):
            pending.appendleft("--read-only")
            word = limited[1]
        read.names.append(word)


def _is_switch_word(word: str) -> bool:
    """Return whether a word turns the option before it on or off, and isn't a profile's name."""
    return word.casefold() in (*_ON, *_OFF) and not is_profile(word)


def _names_profile(word: str) -> bool:
    """Return whether a word introduces the name of a profile, as in ``--profile NAME``."""
    key, equals, _ = word.partition("=")
    if key in ("-p", "profile"):
        return True
    is_option = bool(equals) or key.startswith(tuple(DASHES))
    return is_option and letters_of(key) in _NAMES_OF_PROFILE


def _add_values(flag: str, values: list[str], read: Words) -> None:
    """Add an option's values to ``read``, and join the values if the option accepts several.

    The option itself must already be in ``read``.
    """
    first, *others = values
    regions = region_names_in(" ".join(values))
    if not others:
        read.options.append(first)
    elif flag == "--exclude":  # brackets belong to its patterns
        read.options.append(",".join(filter(None, ",".join(values).split(","))))
    elif flag == "--regions" and set(regions) <= set(known_regions()):
        read.options.append(",".join(regions))
    elif flag == "--duration" and duration_in(values):
        read.options.append(duration_in(values))
    else:
        read.options.append(first)
        read.problem = (
            f"`{flag}` takes a single value, in quotation marks if it contains spaces. "
            f"Remove `{' '.join(others)}`, or add the option that it belongs to."
        )


def duration_in(words: Iterable[str]) -> str:
    """Return the duration that words such as `15 min` describe, or an empty string."""
    text = "".join(words)
    with suppress(ValueError):
        seconds(text)
        return text
    return ""


def word_of_share(name: str) -> str:
    """Return the word (``off`` or ``write``) that a name resembles, or an empty string."""
    if is_profile(name):
        return ""
    if name in ("stop", "end", "no", "none", "false", "0"):
        return "off"
    return next(iter(misspelled(name, ("off", "write"), _LIKE_OPTION)), "")


def is_shared(name: str) -> bool:
    """Return whether a word after ``--share`` adds nothing to it.

    For example, sharing adds a profile with this name, or with a name that ends with it.
    """
    if letters_of(name) in _SHARED_WITH_ALL:
        return True
    return name in SHARED_PROFILES or f"{NOTEBOOK}-{name}" in SHARED_PROFILES


def _flag_meant(word: str, flags: Mapping[str, argparse.Action]) -> str | None:
    """Return the option that a word stands for, or None for any other word.

    If a word doesn't begin with dashes, its letters must match the letters of the option exactly.
    """
    if has_wildcard(word):
        return None
    by_letters: dict[str, str] = {}
    options = options_of(SwitchRequest)
    for name in PARAMETERS.keys() & options.keys():
        if options[name].flag in flags:
            by_letters[letters_of(PARAMETERS[name].setting)] = options[name].flag
    for setting, flag in _SIGN_IN_SETTINGS.items():
        if flag in flags:
            by_letters[letters_of(setting)] = flag
    for flag, action in flags.items():
        by_letters[letters_of(action.dest)] = flag  # as in Python
        by_letters[letters_of(flag)] = flag
    bare = word.lstrip(DASHES)
    meant = by_letters.get(letters_of(bare))
    if meant or bare == word:
        return None if is_profile(word) else meant
    bare = _OF_OTHER_TOOLS.get(letters_of(bare), bare)
    if len(bare) == 1:  # a single letter can mean another tool's option
        return None
    longer = [flag for flag in flags if flag.startswith(f"--{bare}")]
    if longer:  # argparse accepts the beginning of one option, too
        return longer[0] if len(longer) == 1 else None
    near = misspelled(bare, by_letters, _LIKE_OPTION)
    return by_letters[near[0]] if near else None


def _selects(word: str) -> bool:
    """Return whether a word is a profile's name, or a pattern with wildcards."""
    return has_wildcard(word) or is_profile(word)


def profiles_in(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the names of profiles that the words contain, and the words that remain.

    The name of a profile can consist of several words.
    """
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
    """Return the number of words in the longest profile name with which ``words`` begins, or 0."""
    for length in range(len(words), 0, -1):
        if is_profile(" ".join(words[:length])):
            return length
    return 0


def is_profile(name: str) -> bool:
    """Return whether a profile or a role in IAM Identity Center has this name."""
    config = read_config()
    return name in config.profiles or role_named(name, config) is not None


def region_in(word: str) -> str:
    """Return the Region that a (possibly misspelled) word stands for, or an empty string."""
    for region in known_regions():
        if letters_of(region) == letters_of(word):
            return region
    if not _REGION.fullmatch(word):
        return ""
    near = misspelled(word, known_regions())
    return near[0] if near else word


def with_one_region(words: Sequence[str]) -> list[str]:
    """Return words with ``--region`` instead of ``--regions`` if its value is a single Region.

    The result is an empty list if the value isn't one known Region.
    """
    meant: list[str] = []
    pending = deque(words)
    while pending:
        flag, equals, value = pending.popleft().partition("=")
        if flag != "--regions":
            meant.append(flag + equals + value)
            continue
        if not equals and pending:
            value = pending.popleft()
        if value not in known_regions():
            return []
        meant += ["--region", value]
    return meant
