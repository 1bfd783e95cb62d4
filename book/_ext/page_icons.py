"""Icons drawn into the page.

The theme's way is a script of 1.5 MB that holds every icon of Font Awesome. A page uses about ten:
their outlines are taken from that script and written into the page.
"""

import re
import shutil
from pathlib import Path

# "bars":[448,512,["navicon"],"f0c9","M0 96C0 ..."]; the solid style comes last in the file.
OUTLINE = re.compile(r'"?([a-z][a-z0-9-]*)"?:\[(\d+),(\d+),\[[^\]]*\],"[0-9a-f]+","(M[^"]+)"\]')
ICON = re.compile(r'<(i|span) class="([^"]*\bfa-[^"]*)"([^>]*)></\1>')
STYLES = {"fa", "fas", "far", "fab", "fa-solid", "fa-regular", "fa-brands"}
SIZES = {"fa-lg", "fa-sm", "fa-fw"}


def load(script: Path) -> dict[str, tuple[str, str, str]]:
    """Return width, height and outline of each icon in the theme's script."""
    if not script.exists():  # dropped after an earlier build, whose pages are finished already
        return {}
    text = script.read_text(encoding="utf-8")
    return {name: (width, height, path) for name, width, height, path in OUTLINE.findall(text)}


def draw(text: str, icons: dict[str, tuple[str, str, str]]) -> str:
    """Replace each icon of a page by its outline; an unknown name is an error."""

    def drawn(match: re.Match[str]) -> str:
        names = match[2].split()
        (name,) = (n for n in names if n.startswith("fa-") and n not in STYLES | SIZES)
        width, height, path = icons[name.removeprefix("fa-")]
        kept = " ".join(["icon", *(n for n in names if not n.startswith("fa"))])
        mode = re.search(r'data-mode="\w+"', match[3])
        attributes = f'class="{kept}" viewBox="0 0 {width} {height}" aria-hidden="true"'
        if mode:
            attributes += f" {mode[0]}"
        return f'<svg {attributes}><path fill="currentColor" d="{path}"/></svg>'

    return ICON.sub(drawn, text)


def drop_fonts(static: Path) -> None:
    """Take the script and the fonts that nothing asks for any more out of the built book."""
    (static / "scripts" / "fontawesome.js").unlink(missing_ok=True)
    shutil.rmtree(static / "vendor" / "fontawesome", ignore_errors=True)
