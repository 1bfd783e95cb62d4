"""Markdown that a student wrote, as HTML in which nothing runs and nothing is fetched."""

import re
from html import escape
from typing import Any

import bleach
from jinja2 import pass_context
from nbconvert.filters.markdown import markdown2html

TAGS = {
    "a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "div", "dl", "dt", "em", "h1", "h2",
    "h3", "h4", "h5", "h6", "hr", "i", "img", "li", "ol", "p", "pre", "s", "span", "strong", "sub",
    "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip

# Pygments' names of what is coloured in code; other classes would borrow the page's own looks.
COLOUR = re.compile(r"highlight|[a-z][a-z0-9]{0,2}")

# MathJax makes links and attributes of these.
ACTIVE_TEX = re.compile(r"\\(href|style|class|cssId|require|mmlToken|bbox)(?![A-Za-z])")

MOST_LETTERS = 20_000  # the time for nested marks grows with the square of their number
PASTED = re.compile(r"attachment:([^\s)\"'>]+)")


@pass_context
def harmless_html(context: Any, source: str) -> str:
    """Return Markdown as HTML, for a page of nbgrader's.

    Parameters
    ----------
    context : jinja2.runtime.Context or dict
        What the template knows; the pictures pasted into its ``cell`` are put into the page.
    source : str
        Markdown, perhaps with HTML in it.

    Returns
    -------
    str
        Its HTML: links lead to web pages or a mail program, pictures are part of the page, scripts
        and styles are gone. What is longer than an answer can be is shown as it was written.
    """
    if len(source) > MOST_LETTERS:
        return f"<pre>{escape(source)}</pre>"
    cell = context.get("cell") or {}
    pictures = cell.get("attachments") or {}

    def shown(match: re.Match[str]) -> str:
        kinds = pictures.get(match[1], {})
        return next((f"data:{kind};base64,{data}" for kind, data in kinds.items()), "#missing")

    html = markdown2html(PASTED.sub(shown, source))
    # Last: a formula may have been written with HTML's own names of its signs.
    html = ACTIVE_TEX.sub(r"\\text{\1}", html)
    return str(
        bleach.clean(html, TAGS, allowed_attribute, {"http", "https", "mailto", "data"}, strip=True)
    )


def allowed_attribute(tag: str, name: str, value: str) -> bool:
    """Say whether an attribute may stay."""
    value = value.strip().lower()
    if (tag, name) == ("img", "src"):
        # Fetching a picture from elsewhere would tell its owner who grades, and when.
        return value.startswith(("data:image/png;", "data:image/jpeg;"))
    if (tag, name) == ("a", "href"):
        return value.startswith(("http://", "https://", "mailto:", "#"))
    if name == "class":
        return tag in ("div", "span") and COLOUR.fullmatch(value) is not None
    return name in ("alt", "title", "align")
