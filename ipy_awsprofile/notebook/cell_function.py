"""Turn a cell into a function of a session, which runs it in a copy of the user namespace."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.errors import InvalidOption

if TYPE_CHECKING:
    import boto3
    from IPython.core.interactiveshell import InteractiveShell


@dataclass(frozen=True, slots=True)
class CellFunction:
    """A callable that runs a cell with a profile's session.

    In the cell, ``session`` is the argument and ``profile`` is the session's `Profile`. The cell's
    assignments don't change the notebook. The call returns the value of the last statement if it is
    an expression, otherwise None. ``lost_names`` are names that the cell defines and that the user
    may expect in the notebook.
    """

    run: Callable[[boto3.Session], Any]
    lost_names: tuple[str, ...]

    def __call__(self, session: boto3.Session) -> Any:
        """Run the cell with the session."""
        return self.run(session)


class InvalidCell(InvalidOption):
    """The cell for many profiles isn't valid Python, or has a cell magic in it. Nothing was run.

    ``rendered`` has the lines that IPython shows for a syntax error in a regular cell.
    """

    rendered: list[str] | None = None

    def _render_traceback_(self) -> list[str]:
        return self.rendered or super()._render_traceback_()


def cell_function(shell: InteractiveShell, cell: str) -> CellFunction:
    """Return a function that runs the cell.

    Raises InvalidCell for a syntax error, and for a cell magic in the cell.
    """
    try:
        return _compiled(shell, cell)
    except SyntaxError as error:
        # IPython would show a SyntaxError from a magic with all of the magic's frames.
        rendered = shell.SyntaxTB.structured_traceback(type(error), error, [])
        invalid = InvalidCell(f"{type(error).__name__}: {error}")
        invalid.rendered = rendered
        raise invalid from None


def _compiled(shell: InteractiveShell, cell: str) -> CellFunction:
    source = shell.transform_cell(cell)
    name = shell.compile.cache(source, shell.execution_count, raw_code=cell)  # for tracebacks
    body = ast.parse(source, name)
    _prepare_magics(shell, body)
    lost = tuple(dict.fromkeys(_lost_names(body.body)))
    last: ast.expr = ast.parse("None", mode="eval").body
    match body.body:
        case [*_, ast.Expr(value=last)]:
            body.body.pop()
    flags = shell.compile.flags  # the notebook's imports from __future__
    statements = compile(body, name, "exec", flags, dont_inherit=True)
    expression = compile(ast.Expression(last), name, "eval", flags, dont_inherit=True)

    def function(session: Any) -> Any:
        names = {**shell.user_ns, "session": session, "profile": session.target.chain[0]}
        exec(statements, names)  # noqa: S102  # it is the user's own cell
        return eval(expression, names)  # noqa: S307

    return CellFunction(function, lost)


def _prepare_magics(shell: InteractiveShell, body: ast.Module) -> None:
    """Load the cell's line magics. Raises InvalidCell for a cell magic.

    A cell magic would run its text in the notebook's namespace, with the notebook's ``session``.
    IPython loads some magics when they are first used, which fails in several threads at once.
    """
    for node in ast.walk(body):
        match node:
            case ast.Call(
                func=ast.Attribute(attr=kind, value=ast.Call(func=ast.Name("get_ipython"))),
                args=[ast.Constant(str(magic)), *_],
            ):
                if kind == "run_cell_magic":
                    problem = f"`%%{magic}` would run with the notebook's variables and session."
                    hint = "Write its line above `%%aws_profiles`, or use Python in the cell."
                    raise InvalidCell(problem, hint)
                if kind == "run_line_magic":
                    shell.find_line_magic(magic)


def _lost_names(body: list[ast.stmt]) -> Iterator[str]:
    """Yield the names whose values the user may expect after the cell.

    If the cell ends with an expression, the names are only steps towards its value, except for a
    variable of the notebook that the cell adds to. Imports and loop variables don't count.
    """
    has_result = bool(body) and isinstance(body[-1], ast.Expr)
    assigned: set[str] = set()
    for statement in _statements(body):
        if isinstance(statement, ast.AugAssign):
            names = [name for name in _targets([statement.target]) if name not in assigned]
            yield from names
        names = list(_defined_names(statement))
        assigned.update(names)
        if not has_result:
            yield from (name for name in names if not name.startswith("_"))


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements and the statements in their blocks, except in functions and classes."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for block in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(statement, block, ()))
        for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            yield from _statements(part.body)


def _defined_names(statement: ast.stmt) -> Iterator[str]:
    match statement:
        case ast.Assign():
            yield from _targets(statement.targets)
        case ast.AugAssign() | ast.AnnAssign(value=ast.expr()):
            yield from _targets([statement.target])
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield statement.name


def _targets(targets: Iterable[ast.expr]) -> Iterator[str]:
    """Yield the names of the variables that an assignment sets; skip attributes and items."""
    for target in targets:
        match target:
            case ast.Name():
                yield target.id
            case ast.Tuple() | ast.List():
                yield from _targets(target.elts)
            case ast.Starred():
                yield from _targets([target.value])
