"""Progress bars for a run over many profiles and for a listing.

Notebooks save the text of a widget's first state, 0 %. Therefore, text of the last state replaces
the widget at the end.

https://tqdm.github.io/docs/notebook/
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from IPython.display import display

from ipy_awsprofile.bindings.uninterrupted import Uninterrupted

T = TypeVar("T")

#: The delay before a listing shows its progress, in seconds.
_DELAY = 2.0


@contextmanager
def progress_bar(items: Sequence[T], *, unit: str, shown: bool) -> Iterator[Iterable[T]]:
    """Yield an iterator over the items that shows its progress."""
    with _bar(items, unit=unit, shown=shown) as bar:
        taken = iter(bar)
        try:
            yield taken
        finally:
            if shown and _is_widget(type(bar)):
                taken.close()  # the bar counts all items only after this


@contextmanager
def counting_bar(unit: str, *, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """Yield a function to call with the number done and the total.

    The bar appears after two seconds.
    """
    began = time.monotonic()
    bars: list[Any] = []
    with ExitStack() as ending:

        def done(number: int, count: int) -> None:
            if not bars and shown and time.monotonic() - began >= _DELAY:
                bars.append(
                    ending.enter_context(_bar(total=count, unit=unit, leave=False, shown=True))
                )
            for bar in bars:
                bar.update(number - bar.n)

        yield done


@contextmanager
def _bar(*items: Sequence[object], shown: bool, **options: Any) -> Iterator[Any]:
    from tqdm.auto import tqdm

    if not (shown and _is_widget(tqdm)):
        with tqdm(*items, **options, disable=not shown) as bar:
            yield bar
        return
    with tqdm(*items, **options, display=False) as bar:
        output = display(bar.container, display_id=True)
        try:
            yield bar
        finally:
            output.update({"text/plain": str(bar)}, raw=True)
            for widget in (*bar.container.children, bar.container):
                widget.close()


def _is_widget(bar: type[Any]) -> bool:
    notebook = sys.modules.get("tqdm.notebook")  # tqdm imports it only in a kernel
    return notebook is not None and issubclass(bar, notebook.tqdm)


#: The interval to check for Ctrl-C while waiting for the next profile, in seconds.
_POLL_INTERVAL = 0.2


def waited_in_vain(done: SimpleQueue[object], block: Uninterrupted) -> bool:
    """Wait for the next profile. Return True if Ctrl-C ended the wait."""
    while not block.took_interrupt():
        with suppress(Empty):
            done.get(timeout=_POLL_INTERVAL)
            return False
    return True
