"""Only the scripts that a page uses, and none of them before the page is shown."""

import re
from pathlib import Path

from aelib import whole

SCRIPT = re.compile(r"[ \t]*<script\b([^>]*)>(.*?)</script>\n?", re.DOTALL)
# A script's file and what a page that needs it contains.
NEEDS = {
    "fontawesome.js": None,
    "design-tabs.js": "sd-tab-set",
    "togglebutton.js": "dropdown",
    "clipboard.min.js": 'class="highlight"',
    "copybutton.js": 'class="highlight"',
    "searchtools.js": 'id="search-results"',
    "language_data.js": 'id="search-results"',
    "searchindex.js": 'id="search-results"',
    "search-offline.js": 'id="search-results"',
    "cards.js": 'class="reference internal" href="',
}
# Settings of a version switcher, of search as you type and of Thebe, which this book does not have.
SETTINGS = ("DOCUMENTATION_OPTIONS.", "kernelName", "binderOptions")


def leave_out_unused(text: str) -> str:
    """Return the page without the scripts that it does not use; the others are deferred."""

    def kept(match: re.Match[str]) -> str:
        attributes, body = match.groups()
        source = re.search(r'src="([^"?]*)', attributes)
        if not source:
            return "" if body.strip() and any(name in body for name in SETTINGS) else match[0]
        name = source[1].rsplit("/", 1)[-1]
        need = NEEDS.get(name, "")
        if need is None or need not in text:
            return ""
        if re.search(r"\b(defer|async|module)\b", attributes):
            return match[0]
        return match[0].replace("<script", "<script defer", 1)

    text = SCRIPT.sub(kept, text)
    # The browser finds the deferred scripts soon enough; the text comes first.
    text = re.sub(r'[ \t]*<link rel="preload" as="script"[^>]*>\n?', "", text)
    return re.sub(r"[ \t]*<!-- (So that users|Pre-loaded scripts|Loaded before).*?-->\n?", "", text)


# On loading, the theme reads and sets something of every code cell and table in turn, which lays
# out the whole page once for each of them. scrollable.js does that work in idle moments.
MEASURED = re.compile(r'\["pre",[^\]]*"\.pst-scrollable-table-container"\]')
CALM = '[":not(*)"]'


def calm(script: Path) -> None:
    """Empty the theme's list of areas to measure."""
    text = script.read_text(encoding="utf-8")
    text, n_lists = MEASURED.subn(CALM, text)
    if n_lists != 1 and CALM not in text:
        raise ValueError(f"{script.name} does not measure code cells as it did: see {__file__}")
    whole.write(script, text)
