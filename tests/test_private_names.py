"""Each private name of another package that the package uses exists, with the expected shape.

The nightly run has the newest versions. A failure says which file has to follow which package.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dis import get_instructions
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import find_spec
from inspect import Parameter, signature
from pathlib import Path
from pkgutil import resolve_name
from platform import python_version
from types import CodeType, FunctionType

import pytest

import ipy_awsprofile
from tests.private_names import DOCUMENTED, OURS, SINCE, Use, file_of, folder_of, listed_uses
from tests.review import PACKAGES, unread
from tests.test_readme import ROOT

PACKAGE = Path(ipy_awsprofile.__file__).parent
CONSTRAINTS = (ROOT / "constraints.txt").read_text()
USES = list(listed_uses())

#: Only the text of other packages is read, because importing them takes seconds, and because a
#: switch changes each library that is imported.
IMPORTED = {"IPython", "argparse", "boto3", "botocore"}

# Names ---


@cache
def assigned(owner: object) -> set[str]:
    """Return the attributes that are assigned in the methods of a class, or in a function."""
    kinds = getattr(owner, "__mro__", ())
    functions = [owner, *(value for kind in kinds for value in vars(kind).values())]
    codes = [each.__code__ for each in functions if isinstance(each, FunctionType)]
    for code in codes:  # the list grows
        codes += [inner for inner in code.co_consts if isinstance(inner, CodeType)]
    steps = (step for code in codes for step in get_instructions(code))
    return {step.argval for step in steps if step.opname == "STORE_ATTR"}


@cache
def text_of(module: Path) -> str:
    """Return a module's text, with the files that Cython includes."""
    files = [module, *module.parent.glob("*.pxi")] if module.suffix == ".pyx" else [module]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def is_in_text(name: str) -> bool:
    """Return whether the text of the name's module defines or assigns the rest of the name."""
    module, names = file_of(name, folder_of(name.partition(".")[0]))
    text = text_of(module)
    defined = r"^\s*((cdef |async )?(class|def) {0}\b|(self\.)?{0}\s*[:=])"
    return all(re.search(defined.format(each), text, re.MULTILINE) for each in names)


def exists(name: str) -> bool:
    """Return whether the installed version of a package has a name."""
    if name.partition(".")[0] not in IMPORTED:
        return is_in_text(name)
    owner, _, attribute = name.rpartition(".")
    try:
        value = resolve_name(owner)
    except (AttributeError, ImportError):
        return False
    return hasattr(value, attribute) or attribute in assigned(value)


def installed(name: str) -> str:
    """Return the distribution that has a name, and its version."""
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names:
        return f"Python {python_version()}"
    try:
        return f"{top} {version(top)}"
    except PackageNotFoundError:
        distribution = packages_distributions()[top][0]
        return f"{distribution} {version(distribution)}"


def fault_of(use: Use) -> str:
    """Return what is wrong with a name: it is missing or has other parameters. Otherwise, ""."""
    names = " or ".join(use.names)
    if not any(map(exists, use.names)):
        return f"`{use.file}` uses {names}, which {installed(names)} doesn't have."
    if use.parameters is None:
        return ""
    parameters = dict(signature(resolve_name(names)).parameters)
    parameters.pop("self", None)
    needed = tuple(
        name
        for name, parameter in parameters.items()
        if use.is_overridden or name in use.parameters or parameter.default is Parameter.empty
    )
    if needed == use.parameters:
        return ""
    verb = "overrides" if use.is_overridden else "calls"
    ours = ", ".join(use.parameters)
    theirs = ", ".join(parameters)
    return f"`{use.file}` {verb} {names}({ours}), but {installed(names)} has ({theirs})."


@pytest.mark.parametrize("use", USES, ids=str)
def test_private_name(use: Use) -> None:
    """The installed version of a package has what a file uses."""
    if find_spec(use.names[0].partition(".")[0]) is None:
        pytest.skip("the library isn't installed here; `make libraries` tries most of these")
    since = SINCE.get(use.names[0])
    if since and int(installed(use.names[0]).split()[1].partition(".")[0]) < since:
        pytest.skip("the installed version doesn't have it yet, and doesn't need it")
    fault = fault_of(use)
    if fault:
        pytest.fail(fault, pytrace=False)


@pytest.mark.parametrize("package", PACKAGES)
def test_review(package: str) -> None:
    """Somebody has read the code on which this package relies in the pinned versions."""
    pinned = f"{package.lower()}=={version(package)}"
    if not re.search(rf"^{re.escape(pinned)}\s", CONSTRAINTS, re.MULTILINE):
        pytest.skip("`make review` compares other versions")
    changed = [name for name in unread() if name.startswith(f"{package}.")]
    advice = "run `.venv/bin/python -m tests.review`, and see CONTRIBUTING"
    assert not changed, f"{pinned} has changed {', '.join(changed)}: {advice}"


# The list ---


def names_in(module: ast.AST) -> Iterator[str]:
    """Yield the names that a module takes from other objects and modules."""
    for node in ast.walk(module):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                pass
            case ast.Attribute(attr=name) | ast.alias(name=name):
                yield name
            case ast.Call(args=[_, ast.Constant(value=str(name)), *_]):
                yield name.partition(".")[0]  # of `getattr`, `hasattr` and `Cache`


def test_list() -> None:
    """The list has each private name that a file uses, and no name that it doesn't use."""
    listed = {(use.file, name.rpartition(".")[2]) for use in USES for name in use.names}
    problems = []
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE).as_posix()
        if file.startswith("demo/"):
            continue
        text = path.read_text(encoding="utf-8")
        private = {name for name in names_in(ast.parse(text)) if re.match("_[a-zA-Z]", name)}
        for name in sorted(private - DOCUMENTED - OURS):
            if (file, name) not in listed:
                advice = "add it to PRIVATE in tests/private_names.py"
                problems.append(f"`{file}` uses `.{name}` of another package: {advice}")
        for user, name in sorted(listed):
            if user == file and not re.search(rf"\b{name}\b", text):
                problems.append(f"`{file}` doesn't use `{name}`: remove it from PRIVATE")
    assert not problems, "\n".join(problems)
