"""What search engines, shared links and browsers read in the head of a page.

The description of a page is its question, or else its first paragraph. Canonical address, social
card and sitemap need the book's public address: ``baseurl`` in _config.yml; without one they are
left out.
"""

import html
import re
from pathlib import Path
from typing import Any

from docutils import nodes

from aelib import whole

LONGEST = 200


def plain(node: nodes.Node) -> str:
    """Return a paragraph's text on one line; a formula stands as its source without commands."""
    text = "".join(
        re.sub(r"\\(?:mathrm|text|tilde|hat|,|;|!)|[\\{}$]", "", piece.astext())
        if isinstance(piece.parent, nodes.math)
        else piece.astext()
        for piece in node.findall(nodes.Text)
    )
    return " ".join(text.split())


def description(doctree: nodes.document) -> str:
    """Return at most 200 characters that say what the page is about, cut after a sentence."""
    boxes = list(doctree.findall(nodes.Admonition))
    scopes = [box for box in boxes[:1] if "question" in box.astext()[:40].lower()] or [doctree]
    paragraphs = [
        plain(paragraph)
        for paragraph in scopes[0].findall(nodes.paragraph)
        if isinstance(paragraph.parent, nodes.section | nodes.Admonition | nodes.document)
    ]
    text = next((paragraph for paragraph in paragraphs if len(paragraph) > 40), "")
    if len(text) <= LONGEST:
        return text
    whole = text[: LONGEST + 1]
    end = max(whole.rfind(mark) for mark in (". ", "? "))
    if end > LONGEST // 4:
        return whole[: end + 1]
    return whole[: whole.rfind(" ")].rstrip(",;:") + " …"


def add_tags(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Put description and social card among the page's meta tags."""
    names = {"genindex": "Every name of the package aelib, in alphabetical order."}
    says = description(doctree) if doctree is not None else names.get(page, "")
    title = re.sub(r"<[^>]*>", "", str(context.get("title", "")))
    tags = []

    def tag(kind: str, name: str, content: str) -> None:
        tags.append(f'<meta {kind}="{name}" content="{html.escape(html.unescape(content))}" />')

    written = 'name="description"' in context.get("metatags", "")  # in the page's own front matter
    if says and not written:
        tag("name", "description", says)
    tag("property", "og:type", "article")
    tag("property", "og:site_name", app.config.project or app.config.html_title)
    tag("property", "og:title", title or app.config.html_title)
    if says:
        tag("property", "og:description", says)
    if app.config.html_baseurl:
        address = app.config.html_baseurl.rstrip("/")
        tag("property", "og:url", f"{address}/{page}.html")
        tag("property", "og:image", f"{address}/_static/social-card.png")
        tag(
            "property",
            "og:image:alt",
            "A network with a wide hidden layer in which one unit is active",
        )
        tag("name", "twitter:card", "summary_large_image")
    tag("name", "theme-color", "#0b3c5d")
    context["metatags"] = context.get("metatags", "") + "\n" + "\n".join(tags) + "\n"


def write_entrance(app: Any, exception: Exception | None) -> None:
    """Write robots.txt, the sitemap, and the page that leads from the folder to the book."""
    if exception or app.builder.name != "html":
        return
    out = Path(app.outdir)
    address = app.config.html_baseurl.rstrip("/")
    robots = "User-agent: *\nAllow: /\n"
    if address:
        robots += f"Sitemap: {address}/sitemap.xml\n"
        places = "".join(
            f"<url><loc>{html.escape(f'{address}/{name}.html')}</loc></url>\n"
            for name in sorted(app.env.found_docs)
        )
        whole.write(
            out / "sitemap.xml",
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{places}</urlset>\n',
        )
    whole.write(out / "robots.txt", robots)
    first = f"{app.config.root_doc}.html"
    title = html.escape(app.config.html_title)
    canonical = f'<link rel="canonical" href="{address}/{first}" />\n' if address else ""
    whole.write(
        out / "index.html",
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8" />\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1" />\n'
        f'<meta http-equiv="Refresh" content="0; url={first}" />\n{canonical}'
        f"<title>{title}</title>\n</head>\n"
        f'<body><main><h1>{title}</h1><p><a href="{first}">Open the book</a></p></main></body>\n'
        "</html>\n",
    )


def name_logo(app: Any, config: Any) -> None:
    """Put the book's title beside its logo, which then needs no words of its own."""
    # In _config.yml this would replace all other options of the theme, the launch buttons too.
    config.html_theme_options["logo"] = {"text": config.html_title, "alt_text": ""}


def setup(app: Any) -> dict[str, bool]:
    """Describe each page while it is written, and the whole when all are."""
    app.connect("config-inited", name_logo)
    app.connect("html-page-context", add_tags)
    app.connect("build-finished", write_entrance, priority=800)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
