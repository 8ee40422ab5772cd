"""Find mistakes in how a line writes the values that IPython fills in.

IPython fills in ``{EXPRESSION}`` and ``$NAME``. If IPython can't fill in one of the values, IPython
passes the line to the magic unchanged.
"""

from __future__ import annotations

import ast
import builtins
import os
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ipy_awsprofile.notebook.options import WITHOUT_QUOTATION_MARKS
from ipy_awsprofile.text import listed

#: What IPython fills in: ``{EXPRESSION}``, ``$NAME`` and ``${NAME}``.
_FILLED_IN = re.compile(r"\$\{?(?P<variable>[A-Za-z_]\w*)\}?|\{(?P<expression>[^{}\"]+)\}")

#: A shell's notation for a variable or an item, of which IPython fills in only a part.
_OF_SHELL = re.compile(
    r"\$(?:\{(?P<braces>[^{}]+)\}|(?P<name>[A-Za-z_][\w.]*)(?P<items>(?:\[[^\[\]]+\])+))"
)

#: A value in a line as the user has written it.
_VALUE = re.compile(r"\$?\{[^{}]*\}|\$[A-Za-z_][\w.]*")

#: A variable, its attributes and items, such as ``row.profile`` or ``config['profile']``.
_EXPRESSION = re.compile(
    r"(?<![^\s])(?P<name>[A-Za-z_]\w*)(?P<rest>(?:\.[A-Za-z_]\w*|\[[^\[\]]+\])*)(?![^\s])"
)

#: The usual keys of a profile's name in a dict.
_PROFILE_KEYS = ("profile", "profile_name", "aws_profile", "name")

_BRACES = re.compile(r"\{[\w*?.-]+(?:,[\w*?.-]+)+\}")


@dataclass(frozen=True, slots=True)
class FilledInLine:
    """A magic's line after IPython has filled in its values, and the visible variables.

    ``command`` is the magic's name with its percent signs. ``cell`` is the code of the cell, as the
    user has written it, or an empty string.
    """

    command: str
    line: str
    cell: str
    variables: Mapping[str, object]

    def advice(self, rejected: Container[str]) -> str:
        """Return advice about Python values in the line, or an empty string.

        ``rejected`` contains the words of the profile name that doesn't exist, without quotation
        marks.
        """
        # `--save` accepts braces, and the error says what to write instead of alternatives.
        line = "" if "--save " in self.line else _BRACES.sub("", self.line)
        problem = self._problem_as_written() or self._problem_of([*_FILLED_IN.finditer(line)])
        if problem:
            return problem
        for expression in _EXPRESSION.finditer(self.line):
            if expression[0].translate(WITHOUT_QUOTATION_MARKS) not in rejected:
                continue
            name = expression["name"]
            is_value = isinstance(self.variables.get(name), str) or expression["rest"]
            if name in self.variables and is_value:
                before, after = self.line[: expression.start()], self.line[expression.end() :]
                filled = f"{before}{{{expression[0]}}}{after}"
                return f"To use the value, write `{self.command} {filled}`."
        return ""

    def _problem_as_written(self) -> str:
        """Return advice about the values before IPython has filled them in, or an empty string."""
        candidates = list(self._candidates())
        for written, values in candidates:
            advice = self._advice_for_shell(written, values)
            if advice:
                return advice
            for value, filled_in in values.items():
                advice = self._advice_for_dict(value)
                if advice:
                    return advice
                if filled_in == str(None) and len(candidates) == 1:
                    return f"The value of `{value}` is None. Set it first."
        return ""

    def _advice_for_dict(self, value: str) -> str:
        """Return advice for a dict in place of its values, or an empty string."""
        name = value.strip("${}")
        settings = self.variables.get(name)
        if not isinstance(settings, Mapping):
            return ""
        profile = next((key for key in _PROFILE_KEYS if key in settings), "NAME")
        return (
            f"`{name}` is a dict. Fill in its values one by one, for example "
            f"`{self.command} {{{name}[{profile!r}]}}`."
        )

    def _advice_for_shell(self, written: str, values: Mapping[str, str]) -> str:
        """Return advice if IPython has filled in only a part of a shell's notation, or ""."""
        value = _OF_SHELL.search(written)
        if value is None:
            return ""
        says = f"IPython fills in only `${value['name']}` of `{value[0]}`."
        if value["braces"]:
            if not values[value[0]].startswith("$"):  # the line comes from another one
                return ""
            says = f"IPython keeps the `$` of `{value[0]}`."
        line = _OF_SHELL.sub(_in_braces, written)
        return f"{says} Write `{self.command} {line}`."

    def _candidates(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield each line of the cell that can be this line, and what IPython has filled in.

        The result doesn't contain lines in which IPython hasn't filled in anything.
        """
        pattern = rf"(?m)^[ \t]*{re.escape(self.command)}[ \t]+(.*?)[ \t]*$"
        line = self.line.strip()
        for written in dict.fromkeys(re.findall(pattern, self.cell)):
            parts = map(re.escape, _VALUE.split(written))
            filled_in = re.fullmatch("(.*)".join(parts), line, re.DOTALL)
            if filled_in and written != line:
                yield written, dict(zip(_VALUE.findall(written), filled_in.groups(), strict=True))

    def _problem_of(self, values: Iterable[re.Match[str]]) -> str:
        """Return the reason why IPython couldn't fill in the values, or an empty string."""
        failing: list[str] = []
        typed = f"{self.command} {self.line}".strip()
        for value in values:
            name = value["variable"]
            if name and name not in self.variables and name in os.environ:
                written = typed.replace(value[0], f"{{os.environ['{name}']}}", 1)
                return (
                    "IPython doesn't fill in environment variables. Run `import os`, and write "
                    f"`{written}`."
                )
            expression = (name or value["expression"]).strip()
            for name in _names_in(expression):
                if name not in self.variables and not hasattr(builtins, name):
                    return f"The variable `{name}` in `{typed}` isn't defined. Define it first."
            if _names_in(expression) not in ([], [expression]):
                failing.append(expression)
        if not failing:
            return ""
        return (
            f"IPython can't fill in {listed(failing)}, because Python raises an error. To see the "
            f"error, run `{'; '.join(failing)}` in a cell."
        )


def _in_braces(value: re.Match[str]) -> str:
    """Return a value in a shell's notation in IPython's notation."""
    expression = value["braces"] or value["name"] + value["items"]
    return f"{{{expression}}}"


def _names_in(expression: str) -> list[str]:
    """Return the names of the variables in an expression, or an empty list for invalid code."""
    try:
        nodes = ast.walk(ast.parse(expression, mode="eval"))
    except SyntaxError:
        return []
    return [node.id for node in nodes if isinstance(node, ast.Name)]
