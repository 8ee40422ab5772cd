"""Run today's AWS libraries through the switches of a notebook, and print who signed.

Usage: python -m matrix [-j N] [-v] [NAME ...]. It exits with 1 if another identity signed and
nothing said so, unless the reason is in KNOWN, and after a false alarm.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from matrix.phases import NOTEBOOKS, PHASES, Observed
from matrix.recorder import REGION, ROLES, SECRET, USER, USER_KEY, recording
from matrix.uses import USES, Use
from matrix.verdicts import Verdict, verdict

#: Silent cells that can't be helped, by library and phase, and the reason.
KNOWN: Mapping[tuple[str, str], str] = {
    # A run's function can read with `libraries.spark_options(session)`, so it isn't refused.
    ("pyspark", "rows"): "Spark's Python functions keep the identity that Spark was started with",
    ("pyspark", "rows old"): "the same",
}

#: How long the phases of one notebook can take, in seconds.
_LONGEST = 120

_NAME_WIDTH = 22
_VERSION_WIDTH = 11


@dataclass(frozen=True, slots=True)
class Row:
    """A library's line of the table, the details of each phase, and what went wrong."""

    use: Use
    cells: Mapping[str, Verdict]
    details: Sequence[str]
    failures: Sequence[str]

    def problems(self) -> Iterator[str]:
        """Yield what makes the run fail: an unfinished notebook, a false or a missing warning."""
        yield from self.failures
        for phase, cell in self.cells.items():
            if cell is Verdict.FALSE:
                yield f"{self.use.name} has a false alarm: {phase}"
        phases = [phase for phase, cell in self.cells.items() if cell is Verdict.SILENT]
        unknown = [phase for phase in phases if (self.use.name, phase) not in KNOWN]
        if unknown:
            yield f"{self.use.name} is silent: {', '.join(unknown)}"

    def __str__(self) -> str:
        letters = "".join(f"{self.cells[phase].letter:>3}" for phase in PHASES)
        installed = version(self.use.distribution)
        return f"{self.use.name:{_NAME_WIDTH}}{installed:{_VERSION_WIDTH}}{letters}"


def write_files(home: Path, address: str) -> None:
    """Write a user's shared files, with long-term keys and two roles."""
    folder = home / ".aws"
    folder.mkdir()
    settings = f"region = {REGION}\nendpoint_url = {address}\n"
    sections = [f"[profile {USER}]\n{settings}"]
    for role, account in ROLES.items():
        role_arn = f"arn:aws:iam::{account}:role/{role}"
        chain = f"role_arn = {role_arn}\nsource_profile = {USER}\n"
        sections.append(f"[profile {role}]\n{chain}{settings}")
    (folder / "config").write_text("\n".join(sections), "utf-8")
    keys = f"aws_access_key_id = {USER_KEY}\naws_secret_access_key = {SECRET}\n"
    (folder / "credentials").write_text(f"[{USER}]\n{keys}", "utf-8")


def environment(home: Path, address: str, use: Use) -> dict[str, str]:
    """Return the environment of a notebook whose only AWS is the recorder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    # A user's libraries have bytecode. Without it, importing them takes most of the time.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    scripts = str(Path(sys.executable).parent)
    host = address.removeprefix("http://")
    identity = {"AWS_PROFILE": USER}
    if not use.reads_profiles:
        identity = {"AWS_ACCESS_KEY_ID": USER_KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    return {
        **kept,
        **identity,
        "PATH": os.pathsep.join([scripts, kept.get("PATH", "")]),
        "HOME": str(home),
        "USERPROFILE": str(home),  # the home folder on Windows
        "IPYTHONDIR": str(home / "ipython"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": address,
        "AWS_ALLOW_HTTP": "true",  # these three are for Rust's object_store
        "AWS_S3_ALLOW_UNSAFE_RENAME": "true",
        "AWS_METADATA_ENDPOINT": address,
        "AWS_HTTPS": "NO",  # these five are for GDAL
        "AWS_VIRTUAL_HOSTING": "FALSE",
        "AWS_S3_ENDPOINT": host,
        "AWS_STS_ENDPOINT": host,
        "CPL_AWS_STS_ROOT_URL": address,
        "ANTHROPIC_BEDROCK_BASE_URL": address,
        "AWS_BEDROCK_RUNTIME_ENDPOINT": address,  # for litellm
        "MLFLOW_S3_ENDPOINT_URL": address,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "HAYSTACK_TELEMETRY_ENABLED": "False",
        "DO_NOT_TRACK": "1",
    }


def run(use: Use, notebook: str) -> tuple[list[Observed], str]:
    """Run a notebook in a new process. Return the observations and the error that ended it."""
    failure = ""
    with tempfile.TemporaryDirectory() as folder, recording() as address:
        home = Path(folder)
        write_files(home, address)
        lines = home / "phases.jsonl"
        lines.touch()
        program = [sys.executable, "-m", "matrix.phases", use.name, notebook, str(lines)]
        try:
            subprocess.run(
                program,
                env=environment(home, address, use),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=_LONGEST,
                check=True,
                text=True,
                errors="replace",
            )
        except subprocess.TimeoutExpired:
            failure = f"{use.name}: the notebook took more than {_LONGEST} seconds."
        except subprocess.CalledProcessError as error:
            failure = f"{use.name}: {error}\n{error.stderr[-2000:]}"
        observed = [Observed(**json.loads(line)) for line in lines.read_text("utf-8").splitlines()]
    return observed, failure


def row_of(use: Use) -> Row:
    """Run a library's notebooks, and judge each phase."""
    cells: dict[str, Verdict] = {}
    details: list[str] = []
    failures: list[str] = []
    for notebook, phases in NOTEBOOKS.items():
        observed, failure = run(use, notebook)
        if failure:
            failures.append(failure)
        for phase in phases:
            cells[phase] = Verdict.BROKEN if failure else Verdict.NOT_APPLICABLE
        judged: dict[str, list[Verdict]] = {}
        for observation in observed:
            judgement = verdict(observation, use, observed[0])
            judged.setdefault(observation.phase, []).append(judgement)
            details.append(f"  {observation.phase or 'at first'}: {judgement.name}, {observation}")
        # Of the calls for each profile, the worst one counts.
        for phase, verdicts in judged.items():
            cells[phase] = max(verdicts, key=list(Verdict).index)
    return Row(use, {phase: cells[phase] for phase in PHASES}, details, failures)


def heading() -> str:
    """Return the numbers of the columns."""
    numbers = "".join(f"{number:>3}" for number in range(1, len(PHASES) + 1))
    return " " * (_NAME_WIDTH + _VERSION_WIDTH) + numbers


def legend() -> str:
    """Return the meanings of the columns and letters."""
    columns = ", ".join(f"{number} {phase}" for number, phase in enumerate(PHASES, 1))
    letters = [f"  {each.letter}  {each.meaning}" for each in Verdict]
    return "\n".join([f"Columns: {columns}", *letters])


def main() -> int:
    """Print the table line by line, and return the exit status."""
    about, _, usage = str(__doc__).partition("\n\n")
    parser = argparse.ArgumentParser("python -m matrix", description=about, epilog=usage)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a library; without one, all")
    parser.add_argument("-j", type=int, default=2, metavar="N", help="libraries at the same time")
    parser.add_argument("-v", action="store_true", help="print the details of each phase, too")
    options = parser.parse_args()
    unknown = set(options.names) - USES.keys()
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}. The table has {', '.join(USES)}.")
    uses = [USES[name] for name in options.names] or list(USES.values())
    rows: list[Row] = []
    with ThreadPoolExecutor(options.j) as pool:
        for row in pool.map(row_of, uses):
            if not rows:
                print(heading())
            if not rows or row.use.group != rows[-1].use.group:
                print(row.use.group)
            print(row, *(row.details if options.v else ()), sep="\n", flush=True)
            rows.append(row)
    counts = Counter(cell for row in rows for cell in row.cells.values())
    totals = ", ".join(f"{counts[each]} {each.word}" for each in Verdict)
    print(f"\n{legend()}\n\n{len(uses)} uses: {totals}")
    problems = [problem for row in rows for problem in row.problems()]
    print(*problems, sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
