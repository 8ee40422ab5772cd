"""``python -m ipy_awsprofile demo`` and ``… lab``: the main job, and the tutorials, to try out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status."""
    parser = argparse.ArgumentParser(prog="ipy-awsprofile", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("demo", help="do the main job on an embedded AWS, and print it")
    lab = commands.add_parser("lab", help="open the tutorials in JupyterLab on an embedded AWS")
    lab.add_argument("--no-browser", action="store_true", help="only print the address")
    options, more = parser.parse_known_args(argv)
    if more and options.command != "lab":
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    try:
        from ipy_awsprofile.demo.stages import commands as embedded
    except ImportError as error:
        print(  # noqa: T201
            f"The embedded AWS needs more than is installed ({error}).\n"
            'Run: pip install "ipy-awsprofile[demo]"',
            file=sys.stderr,
        )
        return 1
    if options.command == "demo":
        return embedded.show_main_job()
    return embedded.open_lab(more, browser=not options.no_browser)


if __name__ == "__main__":
    sys.exit(main())
