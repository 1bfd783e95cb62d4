"""What the theme leaves out for readers with a screen reader or a keyboard.

The theme's templates are left alone; a page that it wrote is completed here.
"""

import re

REPLACED = (
    # A second heading and table of contents that only printing shows: the article has its own.
    (r'<div id="jb-print-docs-body".*?(?=<div id="searchbox">)', ""),
    # A second header that no width shows. The theme's script asks for it, but it also ties the side
    # bars to the first button of their kind, which stands in here: on a phone they would not open.
    (
        r'<header id="pst-header"[^>]*>.*?</header>',
        '<header id="pst-header" class="bd-header" hidden></header>',
    ),
    (r'title="Toggle primary sidebar"', 'title="Contents of the book"'),
    (r'title="Toggle secondary sidebar"', 'title="On this page"'),
    # An empty place for advertisements.
    (
        r'<div class="sidebar-primary-item">\s*<div id="ethical-ad-placement"[^>]*>\s*</div></div>',
        "",
    ),
    # The name of a button must hold the words that are seen on it.
    (r'(<button class="btn search-button-field[^>]*) aria-label="Search"', r"\1"),
    (r'<summary aria-label="Toggle hidden content">', "<summary>"),
    # Each exercise and each solution repeats the same id.
    (r'<section id="(?:exercise|solution)-content">', "<section>"),
    # The reader's own choice of light or dark counts from the first moment: no flash, no jump.
    (
        r'dataset\.theme = localStorage\.getItem\("theme"\) \|\| "auto";',
        'dataset.theme = { light: "light", dark: "dark" }[localStorage.getItem("theme")]'
        ' ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");',
    ),
    # The logo and the search belong to a landmark.
    (
        r'<div id="pst-primary-sidebar" class="',
        '<div id="pst-primary-sidebar" role="navigation" aria-label="Book" class="',
    ),
    # A dialog has a name.
    (r'<dialog id="pst-search-dialog">', '<dialog id="pst-search-dialog" aria-label="Search">'),
    (
        r'<dialog id="pst-primary-sidebar-modal">',
        '<dialog id="pst-primary-sidebar-modal" aria-label="Book">',
    ),
    (
        r'<dialog id="pst-secondary-sidebar-modal">',
        '<dialog id="pst-secondary-sidebar-modal" aria-label="On this page">',
    ),
    # docutils' roles for entries of a bibliography are no longer part of ARIA.
    (r' role="doc-biblioentry"', ""),
    (r'<div role="list" class="citation-list">', '<div class="citation-list">'),
    # The empty corner of a table is no heading.
    (r"<th[^>]*>(?:<p>\s*</p>)?</th>", "<td></td>"),
    (r'<meta name="viewport" content="width=device-width, initial-scale=1" ?/>', ""),
    (r'[ \t]*<meta name="docsearch:[^>]*>\n?', ""),
    # Before and after: say which, where a screen reader lists the links of a page.
    (
        r'<div class="prev-next-area">',
        '<div class="prev-next-area" role="navigation" aria-label="Pages">',
    ),
    (r'\s+title="(?:previous|next) page"', ""),
)


def complete(text: str) -> str:
    """Return the page with landmarks, names and roles set right; doing it twice changes nothing."""
    for pattern, replacement in REPLACED:
        text = re.sub(pattern, replacement, text, flags=re.DOTALL)
    # The button that leads back to the top stands outside of every landmark: take it into main.
    button = re.search(
        r'<button type="button"[^>]*id="pst-back-to-top">.*?</button>', text, re.DOTALL
    )
    footer = text.find('<footer class="bd-footer-content">')
    if button and button.end() < footer:
        text = text[: button.start()] + text[button.end() : footer] + button[0] + text[footer:]
    return text
