"""How tall each section of a page will be, roughly, written onto it.

book.css has a section laid out only when it comes near the window. Until then the browser needs a
height for it: with a good guess the scroll bar hardly moves, and a guess that is rather too large
than too small keeps sections from overlapping. Screen readers are told such a section all the same.
"""

import html
import re

EDGE = re.compile(r"<section\b([^>]*)>|</section>")
# The width of a line in characters and pixels: on a desktop, and on a phone.
WIDTHS = {"tall": (80, 690), "tall-phone": (36, 345)}


def guess(section: str, characters: int, pixels: int) -> int:
    """Return the height in pixels of a section in a column of this width."""
    # A solution is folded until it is opened: one line.
    section = re.sub(
        r'<div class="solution dropdown.*?(?=<div class="exercise|\Z)',
        "<p>",
        section,
        flags=re.DOTALL,
    )
    height = 90.0
    for width, image_height in re.findall(r'<img[^>]* width="(\d+)" height="(\d+)"', section):
        height += int(image_height) * min(1.0, pixels / int(width)) + 60
    for block in re.findall(r"<pre\b[^>]*>(.*?)</pre>", section, re.DOTALL):
        height += 21 * (block.rstrip().count("\n") + 1) + 65
    height += 75 * section.count('class="katex-display"')
    prose = re.sub(r"<pre\b.*?</pre>|<annotation\b.*?</annotation>", "", section, flags=re.DOTALL)
    prose = re.sub(r"<math\b.*?</math>", "", prose, flags=re.DOTALL)
    for block in re.split(r"<(?:p|li|tr|h\d|figcaption|dt|dd)\b", prose)[1:]:
        text = html.unescape(re.sub(r"<[^>]*>", "", "<" + block))
        height += 27 * (len(" ".join(text.split())) // characters + 1) + 16
    return round(height)


def name_paragraphs(text: str) -> str:
    """Return the page with a role on each paragraph that is not laid out from the start.

    While a section waits, Chromium tells a screen reader its headings, lists, formulas and pictures
    by their tags. A paragraph it passes over, unless the paragraph names its role.
    """
    depth, n_sections = 0, 0
    for edge in EDGE.finditer(text):
        depth += 1 if edge[0] != "</section>" else -1
        n_sections += edge[0] != "</section>" and depth == 2
        if n_sections == 3:  # as in book.css
            before, after = text[: edge.start()], text[edge.start() :]
            return before + re.sub(r"<p(?=[ >])(?![^>]* role=)", '<p role="paragraph"', after)
    return text


def measure(text: str) -> str:
    """Return the page with a height on each section of its article's first level."""
    text = name_paragraphs(text)
    depth, opened, pieces, last = 0, None, [], 0
    for edge in EDGE.finditer(text):
        if edge[0] != "</section>":
            depth += 1
            if depth == 2:
                opened = edge
            continue
        if depth == 2 and opened is not None and "--tall" not in opened[1]:
            section = text[opened.end() : edge.start()]
            sizes = ";".join(f"--{name}:{guess(section, *size)}px" for name, size in WIDTHS.items())
            pieces += [text[last : opened.start()], f'<section{opened[1]} style="{sizes}">']
            last = opened.end()
        depth -= 1
    return "".join(pieces) + text[last:]
