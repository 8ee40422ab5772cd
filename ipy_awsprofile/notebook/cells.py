"""Compile and run the code of cells, and switch to the first profile before a cell."""

from __future__ import annotations

import ast
import inspect
import re
import threading
from collections.abc import Callable
from inspect import CO_COROUTINE
from types import CodeType
from typing import TYPE_CHECKING, NamedTuple, cast

from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.gate import PROCESS

if TYPE_CHECKING:
    import boto3
    from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell

    from ipy_awsprofile.sessions.session import ProfileSession
    from ipy_awsprofile.switch.switcher import Switcher


def code_of(result: ExecutionResult) -> str:
    """Return the code of a cell that has run."""
    return (result.info.raw_cell or "") if result.info else ""


def compile_cell(
    shell: InteractiveShell, cell: str, *, instead_of_await: str
) -> tuple[CodeType, CodeType | None]:
    """Compile a cell, and return the code of its statements and the code of its last expression.

    The code of the last expression is None if the cell doesn't end with an expression. Raise
    `InvalidOption` for a cell with `await` at its top level, because a function can't run such a
    cell. ``instead_of_await`` is the hint in the error about `await`. Raise `InvalidOption` for a
    syntax error. IPython shows the error in the same way as a syntax error in a regular cell.
    """
    # In the user's cell, the first line is the magic's.
    source = "\n" + shell.transform_cell(cell)
    name = shell.compile.cache(source, shell.displayhook.prompt_count, raw_code=cell)
    flags = shell.compile.flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    expression: CodeType | None = None
    try:
        body = ast.parse(source, name)
        last = next(reversed(body.body), None)
        if isinstance(last, ast.Expr):
            body.body.pop()
            expression = compile(ast.Expression(last.value), name, "eval", flags, dont_inherit=True)
        statements: CodeType = compile(body, name, "exec", flags, dont_inherit=True)
    except SyntaxError as error:
        invalid = InvalidOption(f"{type(error).__name__}: {error}")
        _show_as(invalid, shell.SyntaxTB.structured_traceback(type(error), error, []))
        raise invalid from None
    if any(code.co_flags & CO_COROUTINE for code in (statements, expression) if code):
        raise InvalidOption("This cell can't use `await` outside a function.", instead_of_await)
    return statements, expression


def run_cell(shell: InteractiveShell, code: tuple[CodeType, CodeType | None]) -> object:
    """Run a compiled cell in the notebook's namespace, and return its last expression's value.

    The traceback of an error or a Ctrl-C contains only the frames of the user's code.
    """
    statements, expression = code
    try:
        exec(statements, shell.user_global_ns, shell.user_ns)  # noqa: S102  # the user's own cell
        if expression is None:
            return None
        return eval(expression, shell.user_global_ns, shell.user_ns)  # noqa: S307
    except (Exception, KeyboardInterrupt) as error:
        if not hasattr(error, "_render_traceback_") and error.__traceback__:
            frames = error.__traceback__.tb_next  # without the frame of this function
            render = shell.InteractiveTB.structured_traceback
            _show_as(error, render(type(error), error, frames, tb_offset=0))
        raise


def _show_as(error: BaseException, lines: list[str]) -> None:
    """Make IPython show ``lines`` as the traceback of an error, without the magic's frames."""
    error._render_traceback_ = lambda: lines  # type: ignore[attr-defined]


#: How to add up the values of a cell for many profiles.
_SUM = "Then sum the column `value` of the result."


def _hint_for_assignment(body: ast.Module) -> str:
    """Return a hint for a cell that ends with an assignment to a variable, or an empty string."""
    match body.body:
        case [*_, ast.AugAssign(target=ast.Name(id=name))]:
            return f"End the cell with the value that you add to `{name}`. {_SUM}"
        case [*_, ast.Assign(targets=[ast.Name(id=name)])]:
            return (
                f"Add `{name}` as the last line. To use the result in other cells, also add "
                f"`--into {name}` to the cell's first line."
            )
    return ""


def cell_function(shell: InteractiveShell, cell: str) -> Callable[[boto3.Session], object]:
    """Return a function that runs a cell with a session and returns the last expression's value.

    In the cell, ``session`` is the argument of the function, and ``profile`` is the session's
    `Profile`. Assignments in the cell don't change the notebook's variables. Raise `InvalidOption`
    if the cell can't run as a function or doesn't end with an expression.
    """
    # The function runs in a thread, which has no event loop yet.
    statements, expression = compile_cell(
        shell, cell, instead_of_await="Use `asyncio.run(…)` in the cell."
    )
    body = ast.parse(shell.transform_cell(cell))
    if expression is None:
        raise InvalidOption(
            "End the cell with an expression. The result contains the expression's value.",
            _hint_for_assignment(body),
        )
    for node in ast.walk(body):
        magic = _magic_in(node)
        if magic is None:
            continue
        if magic.has_cell:
            raise InvalidOption(
                f"`%%{magic.name}` would use the variables and session of the notebook.",
                f"Write `%%{magic.name}` above `%%aws_profiles`, or use Python in the cell.",
            )
        shell.find_line_magic(magic.name)  # IPython can't load a magic in several threads at once

    def function(session: boto3.Session) -> object:
        profile = cast("ProfileSession", session).target.profile
        names = {**shell.user_ns, "session": session, "profile": profile}
        exec(statements, names)  # noqa: S102  # it is the user's own cell
        return eval(expression, names)  # noqa: S307

    return function


def warn_about_totals(shell: InteractiveShell, cell: str) -> None:
    """Warn about the notebook's numbers and strings to which a cell for many profiles adds.

    A statement such as ``total += 1`` in the cell changes only a variable of one profile's code.
    """
    body = ast.parse(shell.transform_cell(cell))
    totals = [node.target for node in ast.walk(body) if isinstance(node, ast.AugAssign)]
    assigned: set[str] = set()
    for node in ast.walk(body):
        if not isinstance(node, ast.Name) or node in totals:
            continue
        if isinstance(node.ctx, ast.Store):
            assigned.add(node.id)
    names = {target.id for target in totals if isinstance(target, ast.Name)}
    for name in sorted(names - assigned):
        if isinstance(shell.user_ns.get(name), int | float | str):
            PROCESS.warn(
                f"The notebook's `{name}` doesn't change, because the code of each profile has its "
                "own variables. To add up values, end the cell with the value that you add to "
                f"`{name}`. {_SUM}"
            )


class _Magic(NamedTuple):
    """A magic call in a cell's code: the magic's name, its line, and whether it is a cell magic."""

    name: str
    line: str
    has_cell: bool


def _magic_in(node: ast.AST) -> _Magic | None:
    """Return the magic that a node in a cell's syntax tree calls, or None for any other node."""
    match node:
        case ast.Call(
            ast.Attribute(
                ast.Call(ast.Name("get_ipython")), "run_line_magic" | "run_cell_magic" as method
            ),
            [ast.Constant(str(name)), ast.Constant(str(line)), *_],
        ):
            return _Magic(name, line, method == "run_cell_magic")
    return None


#: Actions of ``%aws_profile`` that leave the identity as it is.
_LEAVES_IDENTITY = re.compile("--(console|explain|help|logout|pick)")


class CellBeginning:
    """Calls functions before each cell. If Ctrl-C interrupts a call, the cell doesn't run.

    After a KeyboardInterrupt in such a function, IPython itself shows only the traceback and then
    runs the cell. To prevent the cell from running, this class replaces the cell's code with a
    statement that raises KeyboardInterrupt.

    IPython calls `call_functions` before a cell, and then `visit` with the cell's code.
    """

    def __init__(self) -> None:
        #: The functions to call. Their argument is IPython's information about the cell.
        self.functions: list[Callable[[ExecutionInfo], object]] = []
        #: The code of the cell, as the user has written it.
        self.cell = ""
        self._was_interrupted = False

    def call_functions(self, info: ExecutionInfo) -> None:
        """Call the functions that are registered to run before a cell, and remember a Ctrl-C."""
        self.cell = info.raw_cell or ""
        self._was_interrupted = False
        try:
            for function in self.functions:
                function(info)
        except KeyboardInterrupt:
            self._was_interrupted = True

    def visit(self, cell: ast.Module) -> ast.Module:
        """Return the cell's code or, after a Ctrl-C, code that raises KeyboardInterrupt."""
        if self._was_interrupted:
            self._was_interrupted = False
            return ast.parse("raise KeyboardInterrupt")
        return cell


def needs_no_switch(switcher: Switcher) -> bool:
    """Return whether the user has already switched, which means that cells don't need a switch."""
    return switcher.request is not None or switcher.has_switched


#: A variable or an expression whose value IPython fills in.
_FILLED_IN = re.compile(r"\{[^{}]+\}|\$\{?\w+\}?")


def require_value(cell: str) -> None:
    """Raise InvalidOption if the value that IPython fills in is all that a switch's line contains.

    Call this function if the magic has received an empty line, which then comes from an empty
    value. Without a name, the magic wouldn't switch, and the next cells would use the former
    identity.
    """
    lines = re.findall(r"(?m)^[ \t]*%aws_profile\b[ \t]*(.*?)[ \t]*$", cell)
    values = list(filter(_FILLED_IN.fullmatch, lines))
    if values and values == lines:
        raise InvalidOption(
            f"The value of `{values[0]}` is empty.", "Set the value to the name of a profile."
        )


def may_run_shell(cell: str) -> bool:
    """Return whether a cell may run a shell with a variable of AWS or a magic of this package."""
    return ("!" in cell or "%%" in cell) and "aws_" in cell.casefold()


def runs_in_cell() -> bool:
    """Return whether a cell is running this code, and not a thread or the start of the kernel."""
    frame = inspect.currentframe()
    while frame:
        if frame.f_code.co_name == "run_code":  # `InteractiveShell.run_code` runs a cell
            return True
        frame = frame.f_back
    return False


def require_cell(magic: str) -> None:
    """Raise InvalidOption if a cell's code runs ``magic`` in a thread of its own.

    The switches of several threads would replace one another. A cell itself can run in a thread
    other than the main thread, for example in a subshell of ipykernel.
    """
    if threading.current_thread() is threading.main_thread() or runs_in_cell():
        return
    raise InvalidOption(
        f"{magic} works with the identity of the whole notebook, so it can't be used in a thread.",
        "In threads, use `open_session(NAME)`.",
    )


class FirstProfile:
    """Adds ``%aws_profile NAME`` to the beginning of each cell until a switch succeeds.

    Loading the extension doesn't switch, so a kernel that doesn't run any cells never prompts you.
    If the switch fails, its error ends the cell, because the cell would otherwise use a different
    identity. ``line`` is a function that returns the arguments of ``%aws_profile``, or an empty
    string if no first profile is set. ``switcher`` is a function that returns the Switcher and is
    called only if a first profile is set.

    IPython calls `visit` with each cell.

    https://ipython.readthedocs.io/en/stable/config/inputtransforms.html#syntax-transformations
    """

    def __init__(self, line: Callable[[], str], switcher: Callable[[], Switcher]) -> None:
        self._line = line
        self._switcher = switcher

    def visit(self, cell: ast.Module) -> ast.Module:
        """Return the cell's code, with a switch at the beginning if the cell needs one."""
        line = self._line()
        if not line or _chooses_identity(cell) or _only_sets_options(cell):
            return cell
        if not needs_no_switch(self._switcher()):
            switch = f"get_ipython().run_line_magic('aws_profile', {line!r})"
            cell.body[:0] = ast.parse(switch).body
        return cell


def _magic_of(statement: ast.stmt) -> _Magic | None:
    """Return the magic that a statement calls, or None if the statement isn't a call of a magic."""
    return _magic_in(statement.value) if isinstance(statement, ast.Expr) else None


def _only_sets_options(cell: ast.Module) -> bool:
    """Return whether a cell contains only ``%config`` lines, which set options."""
    magics = list(map(_magic_of, cell.body))
    names = {magic.name if magic else None for magic in magics}
    return names == {"config"}


def _chooses_identity(cell: ast.Module) -> bool:
    """Return whether a cell begins with a switch or ``--off``.

    Magics other than ``%aws_profile`` can come before the switch.

    The result is also true for a cell that contains only another action, such as ``--explain``.
    """
    for number, statement in enumerate(cell.body, 1):
        magic = _magic_of(statement)
        if magic is None:
            return False
        if magic.name == "aws_profile":
            is_alone = number == len(cell.body)
            is_switch = not _LEAVES_IDENTITY.search(magic.line)
            return bool(magic.line) and (is_switch or is_alone)
        if magic.has_cell:
            return False
    return False
