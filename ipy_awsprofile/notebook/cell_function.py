"""A cell as a function of a session. Its value is that of the cell's last expression."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.errors import InvalidCell

if TYPE_CHECKING:
    import boto3
    from IPython.core.interactiveshell import InteractiveShell


def cell_function(shell: InteractiveShell, cell: str) -> Callable[[boto3.Session], Any]:
    """Return a function that runs the cell in a copy of the notebook's namespace.

    In it, ``session`` is the function's argument and ``profile`` the session's `Profile`. The
    cell's assignments don't change the notebook. The function returns the value of the last
    statement if that is an expression, else None. Raises InvalidCell.
    """
    try:
        return _compiled(shell, cell)
    except SyntaxError as error:
        # A SyntaxError from a magic would be shown with all frames between the two.
        rendered = shell.SyntaxTB.structured_traceback(type(error), error, [])
        raise InvalidCell(f"{type(error).__name__}: {error}", rendered) from None


def _compiled(shell: InteractiveShell, cell: str) -> Callable[[boto3.Session], Any]:
    source = shell.transform_cell(cell)
    name = shell.compile.cache(source, shell.execution_count, raw_code=cell)  # for tracebacks
    body = ast.parse(source, name)
    last: ast.expr = ast.parse("None", mode="eval").body
    match body.body:
        case [*_, ast.Expr(value=last)]:
            body.body.pop()
    flags = shell.compile.flags  # what the notebook has imported from __future__
    statements = compile(body, name, "exec", flags, dont_inherit=True)
    expression = compile(ast.Expression(last), name, "eval", flags, dont_inherit=True)

    def function(session: Any) -> Any:
        names = {**shell.user_ns, "session": session, "profile": session.target.profiles[0]}
        exec(statements, names)  # noqa: S102  # it is the user's own cell
        return eval(expression, names)  # noqa: S307

    return function
