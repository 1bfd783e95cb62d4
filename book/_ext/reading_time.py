"""How long a chapter takes to read, in the last line of its question box.

Prose at 200 words a minute, ten seconds for a displayed formula, a second and a half for a line of
code; folded solutions are not counted. Rounded to five minutes: it is an estimate.
"""

from typing import Any

from docutils import nodes


def minutes(doctree: nodes.document) -> int:
    """Return the estimate for a page."""
    seconds = 0.0
    for node in doctree.findall():
        if inside(node, "solution"):
            continue
        if isinstance(node, nodes.literal_block):
            seconds += 1.5 * node.astext().count("\n") + 1.5
        elif isinstance(node, nodes.math_block):
            seconds += 10
        elif isinstance(node, nodes.Text) and not inside(node, "literal_block", "math_block"):
            seconds += 60 / 200 * len(node.astext().split())
    return max(5, 5 * round(seconds / 60 / 5))


def inside(node: nodes.Node, *kinds: str) -> bool:
    """Tell whether a node stands in a node of one of these kinds."""
    while node is not None:
        if node.__class__.__name__.removesuffix("_node") in kinds:
            return True
        node = node.parent
    return False


def add_line(app: Any, doctree: nodes.document) -> None:
    """Say it after the time that the chapter takes to run."""
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.Admonition) and "Runs in" in paragraph.astext():
            paragraph += nodes.Text(" · ")
            paragraph += nodes.strong("", "Reads in")
            paragraph += nodes.Text(f" about {minutes(doctree)} minutes")
            return


def setup(app: Any) -> dict[str, bool]:
    """Work on each page as soon as it is read."""
    app.connect("doctree-read", add_line)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
