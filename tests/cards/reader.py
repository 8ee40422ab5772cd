"""A parser that reads a card's HTML as a browser does."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Protocol


class Shown(Protocol):
    """An object that a notebook renders as HTML."""

    def _repr_html_(self) -> str: ...


class Reader(HTMLParser):
    """The text, tags and attributes of HTML. Raises AssertionError if it isn't well-formed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record an opening tag."""
        self.tags.append(tag)
        self.attributes += attrs
        if tag != "wbr":  # it has no closing tag
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Check that a closing tag matches the last opening tag."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Collect the text."""
        self.text += data

    def handle_comment(self, data: str) -> None:
        """Refuse comments, which cards never contain."""
        raise AssertionError(data)


def read(card: Shown) -> Reader:
    """Read the HTML that a notebook renders for a card."""
    return Reader(card._repr_html_())
