"""The last step of the build: every page becomes lighter, and complete for screen readers.

The theme sends each page a megabyte and a half of icons, a dozen style sheets and the index of the
search. What a page does not need is taken off it here; the modules beside this one say how.
"""

from pathlib import Path
from typing import Any

import page_cards
import page_icons
import page_images
import page_roles
import page_scripts
import page_sections
import page_styles

from aelib import whole


def written_pages(app: Any) -> list[Path]:
    """Return the pages that Sphinx wrote, and no others that may lie in the same folder."""
    out = Path(app.outdir)
    pages = [Path(app.builder.get_outfilename(name)) for name in sorted(app.env.found_docs)]
    pages += [out / f"{name}.html" for name in ("genindex", "py-modindex", "search")]
    return [page for page in pages if page.exists()]


def finish(app: Any, exception: Exception | None) -> None:
    """Rework each page that was written; a page that was finished before stays as it is."""
    if exception or app.builder.name != "html":
        return
    out = Path(app.outdir)
    texts = {page: page.read_text(encoding="utf-8") for page in written_pages(app)}
    icons = page_icons.load(out / "_static" / "scripts" / "fontawesome.js")
    for page, text in texts.items():
        text = page_roles.complete(text)
        text = page_scripts.leave_out_unused(text)
        text = page_icons.draw(text, icons)
        texts[page] = page_images.lighten(text, page, cache=Path(app.doctreedir) / "webp")
        texts[page] = page_sections.measure(texts[page])
    cards = page_cards.definitions(out / "book" / "glossary.html")
    texts = {page: page_cards.put_in(text, cards) for page, text in texts.items()}
    texts = page_styles.one_sheet(texts, out)
    page_scripts.calm(out / "_static" / "scripts" / "pydata-sphinx-theme.js")
    for page, text in texts.items():
        whole.write(page, text)
    page_images.drop_replaced(texts.values(), out / "_images")
    page_icons.drop_fonts(out / "_static")
    for source_map in [*out.glob("_static/scripts/*.map"), *out.glob("_static/styles/*.map")]:
        source_map.unlink()


def setup(app: Any) -> dict[str, bool]:
    """Run after every other extension has written its files."""
    app.connect("build-finished", finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
