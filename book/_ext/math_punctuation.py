"""Keep a comma or a full stop on the line of the formula that it follows.

A typeset formula is a box, and a browser may break a line after every box. So the mark goes into
the box.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

MARKS = re.compile(r"[,.;:!?)\]]+")


class PunctuationIntoFormula(SphinxPostTransform):
    """Move the marks right behind an inline formula into it."""

    default_priority = 900
    builders = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Do so in one document."""
        for formula in list(self.document.findall(nodes.math)):
            parent = formula.parent
            place = parent.index(formula) + 1
            behind = parent[place] if place < len(parent) else None
            if not isinstance(behind, nodes.Text):
                continue
            if marks := MARKS.match(behind.astext()):
                source = f"{formula.astext()}\\text{{{marks[0]}}}"
                formula.children = []
                formula += nodes.Text(source)
                parent.replace(behind, nodes.Text(behind.astext()[marks.end() :]))


def setup(app: Any) -> dict[str, bool]:
    """Register the transform."""
    app.add_post_transform(PunctuationIntoFormula)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
