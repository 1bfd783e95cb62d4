"""Print the built book as one PDF: ``_build/autoencoder-variants.pdf``.

The articles of all built pages are put into one document in the order of ``_toc.yml``, with a cover
and a table of contents before them and the solutions of the exercises behind, and Chromium prints
that. One document, and not one PDF a page, because then links between chapters become links of the
PDF, and its outline and its tags for screen readers are made from the whole.

It is printed twice: page numbers can be written into the contents only when they are known.
"""

import argparse
import base64
import hashlib
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import pikepdf
import yaml
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from pygments.formatters import HtmlFormatter
from sphinx_external_toc.parsing import parse_toc_yaml

from aelib import whole

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MM = 96 / 25.4  # CSS pixels in a millimetre
# A page's text, as print.css has it: A4 without its margins.
TEXT_WIDTH, TEXT_HEIGHT = 164 * MM, 258 * MM
# An inch of a figure, as Matplotlib was told its size, on paper. Letters of 10 points come out at
# 9, and at 7 where a smaller figure closes a gap.
FIGURE_INCH, SMALLEST_INCH = 0.9 * 96, 0.7 * 96


class Article(NamedTuple):
    """A page of the book, as article.js takes it out of the browser."""

    name: str
    part: str
    title: str
    sections: list[dict[str, str]]
    html: str
    solutions: str


class Place(NamedTuple):
    """Where something stands in the PDF."""

    page: int
    top: float


def read_toc(path: Path) -> list[tuple[str, str]]:
    """Return (caption of the part, page) for each page, in reading order; the root has no part."""
    site_map = parse_toc_yaml(path)

    def below(page: str, part: str) -> Iterator[tuple[str, str]]:
        for tree in site_map[page].subtrees:
            caption = tree.caption or part
            for item in tree.items:
                if str(item) in site_map:  # neither an address nor a pattern
                    yield caption, str(item)
                    yield from below(str(item), caption)

    root = site_map.root.docname
    return [("", root), *below(root, "")]


def find_browser() -> str | None:
    """Return a browser named by the environment, else the system's, else None: Playwright's own."""
    if os.environ.get("CHROMIUM"):
        return os.environ["CHROMIUM"]
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


def collect(tab: Page, html: Path, toc: list[tuple[str, str]], book_title: str) -> list[Article]:
    """Open each page and take its article out; links are rewritten to stay in one document."""
    script = (HERE / "article.js").read_text(encoding="utf-8")
    files = [html / f"{page}.html" for _, page in toc]
    names = {file.as_uri(): f"p{number}" for number, file in enumerate(files)}
    articles = []
    for (part, _), file in zip(toc, files, strict=True):
        if not file.exists():
            raise FileNotFoundError(f"{file} is not built: run `make book` first")
        name = names[file.as_uri()]
        tab.goto(file.as_uri(), wait_until="domcontentloaded")
        tests = test_cells(file.relative_to(html))
        found = tab.evaluate(
            script, {"name": name, "names": names, "bookTitle": book_title, "tests": tests}
        )
        articles.append(Article(name=name, part=part, **found))
    return articles


def test_cells(page: Path) -> list[int]:
    """Return which of a page's code cells nbgrader has as tests, counted from 0."""
    notebook = ROOT / page.with_suffix(".ipynb")
    if not notebook.exists():  # a page of prose
        return []
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = [cell["metadata"].get("nbgrader", {}) for cell in cells if cell["cell_type"] == "code"]
    return [place for place, role in enumerate(code) if role.get("grade") and role.get("locked")]


def dots_per_inch(toc: list[tuple[str, str]]) -> dict[str, float]:
    """Return the resolution of each stored figure, by the name that its file has in the book."""
    found = {}
    for _, page in toc:
        notebook = ROOT / f"{page}.ipynb"
        if not notebook.exists():
            continue
        for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", []):
                if "image/png" not in output.get("data", {}):
                    continue
                content = base64.b64decode(output["data"]["image/png"])
                with Image.open(BytesIO(content)) as image:
                    found[hashlib.sha256(content).hexdigest()] = float(image.info["dpi"][0])
    return found


def cover(config: dict[str, Any], citation: dict[str, Any]) -> str:
    """Return the first page: title, authors, version, licence, and what is not printed."""
    imprint = [
        f"Version {citation['version']}, {citation['date-released']}.",
        f"© {config['copyright']} {config['author']}.",
        config["html"]["extra_footer"].strip(),
        "Every number and figure was computed by the code printed beside it. Code that only draws "
        "a diagram is left out here, and so are the assignments' tests and what moves; all of it "
        "is in the notebooks. The solutions of the exercises stand at the end.",
    ]
    return (
        f'<div class="cover"><p class="title">{escape(config["title"])}</p>'
        f'<p class="author">{escape(config["author"])}</p>'
        f'<div class="imprint"><p>{"</p><p>".join(imprint)}</p></div></div>'
    )


def contents(articles: list[Article]) -> str:
    """Return the table of contents: parts, chapters and sections, page numbers to be filled in."""

    def line(target: str, words: str) -> str:
        return (
            f'<a href="#{target}"><span class="words">{words}</span><span class="dots"></span>'
            f'<span class="page-number"></span></a>'
        )

    parts = []
    last = ""
    for article in articles:
        if article.part != last:
            if article.part:
                parts.append(f'<p class="part">{escape(article.part)}</p>')
            last = article.part
        sections = "".join(f"<li>{line(s['id'], s['html'])}</li>" for s in article.sections)
        parts.append(
            f'<ol><li><div class="chapter">{line(article.name, escape(article.title))}</div>'
            f'<ol class="sections">{sections}</ol></li></ol>'
        )
    return f'<div class="contents"><h1>Contents</h1>{"".join(parts)}</div>'


def solutions(articles: list[Article]) -> list[Article]:
    """Return the last chapter, if any: the solutions of all exercises, by chapter."""
    found = [article for article in articles if article.solutions]
    if not found:
        return []
    sections = [
        {"id": f"{a.name}-solutions", "text": a.title, "html": escape(a.title)} for a in found
    ]
    blocks = (
        f'<section id="{section["id"]}"><h2>{section["html"]}</h2>{article.solutions}</section>'
        for section, article in zip(sections, found, strict=True)
    )
    title = "Solutions of the exercises"
    html = f"<h1>{title}</h1>{''.join(blocks)}"
    return [Article("solutions", "", title, sections, html, "")]


def style(articles: list[Article]) -> str:
    """Return the style sheet: fonts, code colours, print.css, and each chapter's running head."""
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    faces = [
        ("Text", "normal", "normal", "STIXGeneral"),
        ("Text", "bold", "normal", "STIXGeneralBol"),
        ("Text", "normal", "italic", "STIXGeneralItalic"),
        ("Text", "bold", "italic", "STIXGeneralBolIta"),
        ("Code", "normal", "normal", "DejaVuSansMono"),
        ("Code", "bold", "normal", "DejaVuSansMono-Bold"),
        ("Code", "normal", "italic", "DejaVuSansMono-Oblique"),
    ]
    rules = [
        f"@font-face {{ font-family: {family}; font-weight: {weight}; font-style: {slant}; "
        f'src: url("{(fonts / file).with_suffix(".ttf").as_uri()}"); }}'
        for family, weight, slant, file in faces
    ]
    for article in articles:
        title = article.title.replace("\\", r"\\").replace('"', r"\"")
        rules.append(f"#{article.name} {{ page: {article.name}; }}")
        rules.append(
            f"@page {article.name} {{ @top-left {{ width: 100%; font: italic 9.5pt Text; "
            f'color: #333; content: "{title}"; }} }}'
        )
    rules.append(HtmlFormatter(style="tango").get_style_defs(".highlight"))
    rules.append((HERE / "print.css").read_text(encoding="utf-8"))
    return "\n".join(rules)


def whole_document(
    articles: list[Article], config: dict[str, Any], citation: dict[str, Any]
) -> str:
    """Return the HTML of the printed book."""
    katex = (ROOT / "book" / "_static" / "vendor" / "katex" / "katex.min.css").as_uri()
    body = "".join(f'<article id="{a.name}">{a.html}</article>' for a in articles)
    return (
        f'<!DOCTYPE html><html lang="{config["sphinx"]["config"]["language"]}"><head>'
        f'<meta charset="utf-8"><title>{escape(config["title"])}</title>'
        f'<link rel="stylesheet" href="{katex}"><style>{style(articles)}</style></head><body>'
        f"<main>{cover(config, citation)}{contents(articles)}{body}</main></body></html>"
    )


WRITE_PAGE_NUMBERS = """numbers => {
  for (const place of document.querySelectorAll(".page-number")) {
    const target = place.closest("a").getAttribute("href").slice(1);
    place.textContent = numbers ? numbers[target] : "000";
  }
}"""


def print_pages(
    tab: Page, document: str, dots: dict[str, float], folder: Path
) -> tuple[Path, list[str]]:
    """Print twice, the second time with page numbers; return the PDF and what is too wide."""
    source, target = folder / "book.html", folder / "book.pdf"
    source.write_text(document, encoding="utf-8")
    tab.emulate_media(media="print", color_scheme="light")
    tab.set_viewport_size({"width": round(TEXT_WIDTH), "height": 1000})
    tab.goto(source.as_uri(), wait_until="load")
    tab.evaluate("document.fonts.ready.then(() => true)")
    tab.evaluate(WRITE_PAGE_NUMBERS, None)
    fit = {
        "width": TEXT_WIDTH,
        "height": TEXT_HEIGHT,
        "inch": FIGURE_INCH,
        "smallest": SMALLEST_INCH,
        "dots": dots,
        "usualDots": 130,  # as in aelib/book.mplstyle
    }
    beyond = tab.evaluate((HERE / "fit.js").read_text(encoding="utf-8"), fit)

    def printed() -> dict[str, int]:
        tab.pdf(path=target, prefer_css_page_size=True, tagged=True)
        with pikepdf.open(target) as pdf:
            return {name: place.page for name, place in places(pdf).items()}

    numbers = printed()
    tab.evaluate(WRITE_PAGE_NUMBERS, numbers)
    if printed() != numbers:
        raise RuntimeError("writing the page numbers moved the pages: widen .page-number")
    return target, beyond


def places(pdf: pikepdf.Pdf) -> dict[str, Place]:
    """Return where each target of a link stands: its page, counted from 1, and its height there."""
    numbers = {page.objgen: number for number, page in enumerate(pdf.pages, start=1)}
    return {
        name.removeprefix("/"): Place(numbers[to[0].objgen], float(to[3]))
        for name, to in pdf.Root.Dests.items()
    }


def finish(source: Path, target: Path, articles: list[Article], config: dict[str, Any]) -> None:
    """Add title, author and outline, pack the PDF, and put it in its place as a whole."""
    with pikepdf.open(source) as pdf:
        if wrong := wrong_links(pdf):
            raise RuntimeError(f"links that lead nowhere, or into this machine: {wrong}")
        add_outline(pdf, articles)
        with pdf.open_metadata() as metadata:
            metadata["dc:title"] = config["title"]
            metadata["dc:creator"] = [config["author"]]
            metadata["dc:language"] = [config["sphinx"]["config"]["language"]]
        pdf.Root.Lang = config["sphinx"]["config"]["language"]
        pdf.Root.PageMode = pikepdf.Name.UseOutlines
        pdf.Root.ViewerPreferences = pikepdf.Dictionary(DisplayDocTitle=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        printed = io.BytesIO()
        # The tags are a hundred thousand small objects: packed, they take a tenth of the space.
        pdf.save(printed, object_stream_mode=pikepdf.ObjectStreamMode.generate, linearize=True)
    whole.write(target, printed.getvalue())


def add_outline(pdf: pikepdf.Pdf, articles: list[Article]) -> None:
    """Give the PDF an outline: parts, chapters, sections."""
    # Chromium's own has each heading at the top of a page twice, and no parts.
    where = places(pdf)

    def entry(title: str, name: str) -> pikepdf.OutlineItem:
        place = where[name]
        item = pikepdf.OutlineItem(title, place.page - 1, "XYZ", left=0, top=place.top, zoom=0)
        item.is_closed = True
        return item

    with pdf.open_outline() as outline:
        level, last = outline.root, ""
        level.append(pikepdf.OutlineItem("Contents", 1))  # behind the cover
        for article in articles:
            if not article.part:
                level = outline.root
            elif article.part != last:
                part = entry(article.part, article.name)
                part.is_closed = False
                outline.root.append(part)
                level = part.children
            last = article.part
            chapter = entry(article.title, article.name)
            chapter.children.extend(entry(s["text"], s["id"]) for s in article.sections)
            level.append(chapter)


def wrong_links(pdf: pikepdf.Pdf) -> list[str]:
    """Return the targets of links to a place that is not in the PDF, or only on this machine."""
    known = set(pdf.Root.Dests.keys())
    found = []
    for page in pdf.pages:
        for annotation in page.get("/Annots", []):
            inside, address = annotation.get("/Dest"), annotation.get("/A", {}).get("/URI")
            if inside is not None and str(inside) not in known:
                found.append(str(inside))
            if address is not None and not str(address).startswith(("http:", "https:", "mailto:")):
                found.append(str(address))
    return found


def make_pdf(html: Path, toc: list[tuple[str, str]], target: Path) -> list[str]:
    """Print the pages of the built book named in toc; return what is wider than the paper."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    switches = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=switches)
        # The pages' own scripts stay off: a widget's place is taken by its still picture.
        context = browser.new_context(offline=True, java_script_enabled=False)
        context.set_default_timeout(600_000)
        tab = context.new_page()
        articles = collect(tab, html, toc, config["title"])
        articles += solutions(articles)
        document = whole_document(articles, config, citation)
        pdf, beyond = print_pages(tab, document, dots_per_inch(toc), Path(folder))
        browser.close()
        finish(pdf, target, articles, config)
    return beyond


def main() -> int:
    """Print all, or the pages named; fail if something does not fit on the paper."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", help="as in _toc.yml; all if none is named")
    parser.add_argument("--out", type=Path, default=ROOT / "_build" / "autoencoder-variants.pdf")
    options = parser.parse_args()
    toc = read_toc(ROOT / "_toc.yml")
    if options.pages:
        toc = [entry for entry in toc if entry[1] in options.pages]
    beyond = make_pdf(ROOT / "_build" / "html", toc, options.out)
    for line in beyond:
        print("too wide for the paper:", line, file=sys.stderr)
    with pikepdf.open(options.out) as pdf:
        n_pages = len(pdf.pages)
    print(f"{n_pages} pages, {options.out.stat().st_size / 1e6:.1f} MB: {options.out}")
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())
