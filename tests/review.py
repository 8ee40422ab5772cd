"""Print the code of other packages that has changed since somebody read it.

`test_private_names` notices a name or parameter that changes, but not a function that now does
something else. `reviewed.txt` has a hash of each text that somebody has read, with its version.
"""

from __future__ import annotations

import ast
import hashlib
import re
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from difflib import unified_diff
from functools import cache
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from packaging.version import Version

from tests.private_names import file_of, folder_of, listed_uses

PACKAGES = ("boto3", "botocore", "comm", "IPython", "ipykernel")
REVIEWED = Path(__file__).with_name("reviewed.txt")


def names_of(statement: ast.AST) -> list[str]:
    """Return the names that a statement defines."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.ImportFrom(names=imported):
            return [each.asname or each.name for each in imported]
    return []


@cache
def definitions(file: Path) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the texts of what a module and its classes define, and the bases of each class."""
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    texts: dict[str, str] = {}
    bases: dict[str, list[str]] = {}

    def add(statements: Iterable[ast.AST], prefix: str) -> None:
        for statement in statements:
            if isinstance(statement, ast.If | ast.Try | ast.ExceptHandler):
                add(ast.iter_child_nodes(statement), prefix)
            if not isinstance(statement, ast.stmt):
                continue
            for name in names_of(statement):
                decorators = getattr(statement, "decorator_list", [])
                start = min(node.lineno for node in (statement, *decorators))
                own = "".join(lines[start - 1 : statement.end_lineno])
                # The functions of a property have one name.
                texts[prefix + name] = texts.get(prefix + name, "") + own
                if isinstance(statement, ast.ClassDef):
                    bases[prefix + name] = [ast.unparse(base) for base in statement.bases]
                    add(statement.body, f"{prefix}{name}.")

    add(ast.parse(text).body, "")
    return texts, bases


def texts_of(name: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the names and texts of the code that decides what a listed name does.

    For a class, that is everything in it and in its base classes. For an attribute, it is what
    mentions it there.
    """
    file, names = file_of(name, folder)
    listed = ".".join(names)
    module = name.removesuffix(listed)
    texts, bases = definitions(file)
    owner, _, attribute = listed.rpartition(".")
    for function in (listed, owner):  # the owner of a variable can be a function
        if function in texts and function not in bases:
            yield module + function, texts[function]
            return
    classes = [owner]
    if listed in bases:
        classes, attribute = [listed], ""
    for each in classes:  # the list grows
        classes += bases.get(each, [])
    for member, text in texts.items():
        is_mentioned = re.search(rf"\b{attribute}\b", text)
        if member.rpartition(".")[0] in classes and is_mentioned:
            yield module + member, text


def relied_on(folders: dict[str, Path]) -> dict[str, str]:
    """Return the names and texts of the code that the package relies on, in these folders."""
    texts: dict[str, str] = {}
    for use in listed_uses():
        for name in use.names:
            package = name.partition(".")[0]
            if package in folders:
                texts.update(texts_of(name, folders[package]))
    return texts


def digest(text: str) -> str:
    """Return the hash of a text in `reviewed.txt`."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def reviewed() -> list[list[str]]:
    """Return the name, hash and version of each text that somebody has read, newest last."""
    rows = [line.split() for line in REVIEWED.read_text(encoding="utf-8").splitlines()]
    return sorted(rows, key=lambda row: Version(row[2]))


def unread() -> dict[str, str]:
    """Return the names and texts of the installed packages that nobody has read."""
    known = {(name, hashed) for name, hashed, _ in reviewed()}
    texts = relied_on({package: folder_of(package) for package in PACKAGES})
    return {name: text for name, text in texts.items() if (name, digest(text)) not in known}


@cache
def texts_in(package: str, release: str) -> dict[str, str]:
    """Return the texts of a release of a package, which pip downloads."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    with TemporaryDirectory() as folder:
        wheel_of = [
            "--no-deps",
            "--only-binary",
            ":all:",
            "--dest",
            folder,
            f"{package}=={release}",
        ]
        subprocess.run([*pip, *wheel_of], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        ZipFile(wheel).extractall(folder)
        return relied_on({package: Path(folder)})


def print_changes(texts: dict[str, str]) -> None:
    """Print texts as diffs to the version that somebody read last. New ones are only added."""
    releases = {name: release for name, _, release in reviewed()}
    for name, text in texts.items():
        package = name.partition(".")[0]
        before, release = "", "nobody has read it"
        if name in releases:
            release = releases[name]
            before = texts_in(package, release)[name]
        lines = (before.splitlines(), text.splitlines())
        titles = (f"{name} ({release})", f"{name} ({version(package)})")
        print("\n".join(unified_diff(*lines, *titles, lineterm="")), end="\n\n")


def accept(texts: dict[str, str]) -> None:
    """Add texts to `reviewed.txt`, with the installed version."""
    lines = REVIEWED.read_text(encoding="utf-8").splitlines()
    for name, text in texts.items():
        lines.append(f"{name} {digest(text)} {version(name.partition('.')[0])}")
    REVIEWED.write_text("\n".join(sorted(lines)) + "\n", encoding="utf-8")


def main() -> int:
    """Print what has changed, or record that you have read it. Return the exit status."""
    parser = ArgumentParser("python -m tests.review", description=__doc__)
    parser.add_argument("--accept", action="store_true", help="record that you have read it")
    options = parser.parse_args()
    texts = unread()
    if options.accept:
        accept(texts)
        return 0
    print_changes(texts)
    if texts:
        print(f'{len(texts)} changes. See CONTRIBUTING, "Review what other packages change".')
    return bool(texts)


if __name__ == "__main__":
    sys.exit(main())
