"""A cell as a function of a session: its names are its own, its last expression is its value."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.profiles import find_profile
from ipy_awsprofile.sessions import chain_of

if TYPE_CHECKING:
    import boto3
    from IPython.core.interactiveshell import InteractiveShell


def cell_function(shell: InteractiveShell, cell: str) -> Callable[[boto3.Session], Any]:
    """Make a function of a cell, which runs in a copy of the notebook's names.

    In it, ``session`` is the function's argument and ``profile`` its `Profile`. What the cell
    assigns stays in the copy. The function returns the value of the last line if that is an
    expression, else None. Raises SyntaxError.
    """
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

    def function(session: boto3.Session) -> Any:
        names = {**shell.user_ns, "session": session, "profile": find_profile(chain_of(session)[0])}
        exec(statements, names)  # noqa: S102  # it is the user's own cell
        return eval(expression, names)  # noqa: S307

    return function
