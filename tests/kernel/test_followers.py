"""The records of libraries: which are loaded, and that the index has each of them."""

from __future__ import annotations

import importlib
import json
import sys
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from ipy_awsprofile.follower import INDEX, all_followers
from tests.aws import EmbeddedAws
from tests.shells import Shell, run_python

#: A notebook that switches, uses libraries, and switches again. After each switch, it notes the
#: files of records that are loaded, and those of the libraries that are imported.
NOTEBOOK = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell

def note():
    from ipy_awsprofile.follower import INDEX
    files = "ipy_awsprofile.followers."
    loaded = {name.removeprefix(files) for name in sys.modules if name.startswith(files)}
    used = {INDEX[name] for name in INDEX if name in sys.modules}
    seen.append([sorted(loaded), sorted(used)])

def run(cell):
    shell.run_cell(cell, silent=True).raise_error()

shell = InteractiveShell.instance()
seen = []
run("%load_ext ipy_awsprofile")
run("%aws_profile RoleBeta --quiet")
note()
run("from ipy_awsprofile import libraries, list_buckets")
run("list_buckets(session)")
run("%aws_profile UserAlpha --quiet")
note()
run("import fsspec")
run("%aws_profile RoleBeta --quiet")
note()
run("%aws_profile --off")
print(json.dumps(seen))
"""


def test_only_the_records_that_are_used(aws: EmbeddedAws) -> None:
    """A kernel loads the record of a library only if the library is imported."""
    first, second, third = json.loads(run_python(NOTEBOOK).splitlines()[-1])
    for loaded, used in (first, second, third):
        assert loaded == used
    assert set(first[0]) <= {"processes"}  # of Python
    assert "fsspec" not in second[0]
    assert "fsspec" in third[0]


def test_the_index_is_complete() -> None:
    """The index has each record of each file, and each record says what it was tried with."""
    folder = Path(str(importlib.import_module("ipy_awsprofile.followers").__file__)).parent
    in_files = set()
    for path in folder.glob("[!_]*.py"):
        file = importlib.import_module(f"ipy_awsprofile.followers.{path.stem}")
        in_files |= {(record.package, path.stem) for record in file.FOLLOWERS}
    assert in_files == set(INDEX.items())
    for record in all_followers():
        assert record.why.endswith(".")
        assert any(letter.isdigit() for letter in record.tried)


def test_the_order_of_clearing(notebook: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A switch clears libraries in the order of the index, whatever was imported first."""
    cleared: list[str] = []
    for module, function in {
        "aws_lambda_powertools.utilities.parameters": "clear_caches",
        "osgeo.gdal": "VSICurlClearCache",
    }.items():
        clear = partial(cleared.append, module)
        monkeypatch.setitem(sys.modules, module.partition(".")[0], ModuleType("package"))
        monkeypatch.setitem(sys.modules, module, SimpleNamespace(**{function: clear}))
    notebook.good("%aws_profile RoleBeta")
    assert cleared == ["osgeo.gdal", "aws_lambda_powertools.utilities.parameters"]
