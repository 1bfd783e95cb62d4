"""Leave Thebe's scripts out of the pages.

Jupyter Book loads sphinx-thebe whether or not a book uses it. Its settings stand twice on every
page, which is an error in the browser, and name a foreign host; this book has no Thebe buttons.
"""

from typing import Any


def drop_scripts(
    app: Any, pagename: str, template: str, context: dict[str, Any], tree: Any
) -> None:
    """Take the two kinds of scripts that sphinx-thebe adds off the page."""
    for kind in ("script_files", "css_files"):
        context[kind] = [
            file
            for file in context.get(kind, [])
            # The state of a page's widgets holds base64, in which any word may turn up.
            if "json" in str(file.attributes.get("type", ""))
            or "thebe" not in str(file.filename or file.attributes.get("body", "")).lower()
        ]


def setup(app: Any) -> dict[str, bool]:
    """Run after the extensions that add files to a page."""
    app.connect("html-page-context", drop_scripts, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
