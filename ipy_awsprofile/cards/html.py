"""Build HTML that is safe by construction: this module escapes every text that it converts.

Notebooks don't sanitize a new output, and names come from files and servers. Therefore, cards use
only `tag`, `joined`, `with_code` and `with_breaks`. No other module creates `Html`.
"""

from __future__ import annotations

import re
from html import escape

from ipy_awsprofile.cards import styles
from ipy_awsprofile.text import LONGEST, shortened, visible


class Html(str):
    """HTML that can be inserted into other HTML as it is. Only this module creates it."""

    __slots__ = ()


def tag(name: str, style: str = "", *children: str, **attributes: object) -> Html:
    """Return an element with a CSS style and children. Children that aren't HTML are escaped.

    Attributes have Python names: ``class_`` is ``class``, ``data_left`` is ``data-left``. Their
    values are escaped.
    """
    if style:
        attributes["style"] = style
    words = [name]
    for attribute, value in attributes.items():
        words.append(f'{attribute.rstrip("_").replace("_", "-")}="{_escaped(str(value))}"')
    return Html(f"<{' '.join(words)}>{joined(*children)}</{name}>")


def joined(*children: str) -> Html:
    """Return the joined children. Children that aren't HTML are escaped and shortened."""
    return Html("".join(_escaped(_short(child)) for child in children))


def with_code(text: str) -> Html:
    """Return a text as HTML, with text between backticks formatted as code."""
    text = _short(text)
    parts = text.split("`")
    if len(parts) % 2 == 0:  # an unpaired backtick is an ordinary character
        return _escaped(text)
    marked = (tag("code", styles.CODE, part) if i % 2 else part for i, part in enumerate(parts))
    return joined(*marked)


def with_breaks(text: str) -> Html:
    """Return a text as HTML. An ARN or URL can have line breaks after its separators."""
    separators = next((found for start, found in _SEPARATORS.items() if text.startswith(start)), "")
    parts = re.split(f"(?<=[{separators}])(?=[^/])", _short(text)) if separators else [_short(text)]
    return Html("<wbr>".join(map(_escaped, parts)))


_SEPARATORS = {"arn:": ":/", "http://": "/", "https://": "/"}


def _short(text: str) -> str:
    return text if isinstance(text, Html) else shortened(text, LONGEST)


def _escaped(text: str) -> Html:
    return text if isinstance(text, Html) else Html(escape(visible(text)))
