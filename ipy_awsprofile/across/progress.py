"""The progress bar of a run over many profiles."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from IPython.display import display


@contextmanager
def progress_bar(names: Sequence[str], *, shown: bool) -> Iterator[Iterable[str]]:
    """Yield the names, and show how many of them were taken.

    A notebook is saved with the text of a widget's first state, 0 %. So at the end, text of the
    last state replaces the widget.

    https://tqdm.github.io/docs/notebook/
    """
    from tqdm.auto import tqdm

    if not (shown and _is_widget(tqdm)):
        with tqdm(names, unit=" profiles", disable=not shown) as bar:
            yield iter(bar)
        return
    with tqdm(names, unit=" profiles", display=False) as bar:
        output, taken = display(bar.container, display_id=True), iter(bar)
        try:
            yield taken
        finally:
            taken.close()  # only then it has counted all of them
            output.update({"text/plain": str(bar)}, raw=True)
            for widget in (*bar.container.children, bar.container):
                widget.close()


def _is_widget(bar: type[Any]) -> bool:
    notebook = sys.modules.get("tqdm.notebook")  # tqdm imports it in a kernel alone
    return notebook is not None and issubclass(bar, notebook.tqdm)
