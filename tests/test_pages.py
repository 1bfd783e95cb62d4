"""How the built pages behave in the reader's browser: light, quick to use, complete offline."""

import gzip
import re
import sys
from types import SimpleNamespace
from urllib.parse import unquote, urlparse
from xml.etree import ElementTree

import pytest
import yaml
from bs4 import BeautifulSoup
from built_book import HTML, ROOT

sys.path.insert(0, str(ROOT / "book" / "_ext"))

import page_head


@pytest.fixture
def tab(browser):
    """A window of a desktop's width without a network, in which nothing may go wrong."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True)
    context.set_default_timeout(20_000)
    page = context.new_page()
    complaints = []
    page.on("console", lambda message: complaints.append(message) if message.type == "error" else 0)
    page.on("pageerror", lambda error: complaints.append(error))
    page.on(
        "request",
        lambda request: (
            complaints.append(request.url) if request.url.startswith(("http:", "https:")) else None
        ),
    )
    yield page
    context.close()
    assert not complaints, [str(complaint) for complaint in complaints]


def chapter(number):
    (path,) = (HTML / "notebooks").glob(f"{number:02}-*.html")
    return path


def test_a_page_weighs_less_than_a_megabyte(pages):
    text = {".html", ".css", ".js", ".svg"}
    for path, page in pages.items():
        files = {HTML / path}
        for tag in page.select("script[src], img[src], link[rel=stylesheet], link[rel=icon]"):
            address = urlparse(tag.get("src") or tag["href"]).path
            files.add(((HTML / path).parent / unquote(address)).resolve())
        sheet = HTML / "_static" / "pages.css"
        assert sheet in {file.resolve() for file in files}, path
        if page.select(".katex"):
            files |= set((HTML / "_static" / "vendor" / "katex" / "fonts").glob("*.woff2"))
        weight = sum(
            len(gzip.compress(file.read_bytes())) if file.suffix in text else file.stat().st_size
            for file in files
        )
        assert weight < 1_000_000, (path, weight)


def test_pictures_keep_their_place_and_wait_until_they_are_near(pages):
    n_lazy = 0
    for path, page in pages.items():
        for image in page.select("article img"):
            assert int(image["width"]) > 0, (path, image)
            assert int(image["height"]) > 0, (path, image)
            n_lazy += image.get("loading") == "lazy"
    assert n_lazy > 30


def test_no_script_holds_up_a_page_and_no_unused_ones_are_sent(pages):
    for path, page in pages.items():
        sources = page.select("script[src]")
        assert all(script.has_attr("defer") for script in sources), path
        names = " ".join(script["src"] for script in sources)
        assert not re.search("fontawesome|searchindex|thebe", names), path
        assert len(page.select("link[rel=stylesheet]")) == 1, path


def test_each_page_says_what_it_is_about(pages):
    said = {}
    for path, page in pages.items():
        (description,) = page.select("meta[name=description]")
        assert 40 <= len(description["content"]) <= 210, (path, description["content"])
        assert "\\" not in description["content"], path
        assert page.title.text.strip(), path
        said.setdefault(description["content"], []).append(path)
    assert all(len(paths) == 1 for paths in said.values()), said


def test_the_public_address_is_used_where_it_is_known(pages):
    address = yaml.safe_load((ROOT / "_config.yml").read_text())["html"]["baseurl"].rstrip("/")
    sitemap = HTML / "sitemap.xml"
    assert sitemap.exists() == bool(address)
    for path, page in pages.items():
        canonical = [link["href"] for link in page.select("link[rel=canonical]")]
        assert canonical == ([f"{address}/{path.as_posix()}"] if address else []), path
        if address:
            assert f"{address}/{path.as_posix()}" in sitemap.read_text()
    assert (HTML / "robots.txt").read_text().startswith("User-agent: *")
    entrance = (HTML / "index.html").read_text()
    assert "book/index.html" in entrance
    assert "<title>" in entrance


@pytest.mark.parametrize("written", ["https://example.org/book", "https://example.org/book/"])
def test_an_address_gives_a_sitemap_and_cards_that_lead_to_it(tmp_path, written):
    # The book as it is has no address, so the functions are called with one.
    names = ["book/index", "notebooks/01-a", "notebooks/assignments/b"]
    config = SimpleNamespace(
        html_baseurl=written, html_title="A & B", project="A & B", root_doc=names[0]
    )
    app = SimpleNamespace(
        outdir=tmp_path,
        config=config,
        builder=SimpleNamespace(name="html"),
        env=SimpleNamespace(found_docs=set(names)),
    )
    page_head.write_entrance(app, None)
    tree = ElementTree.fromstring((tmp_path / "sitemap.xml").read_bytes())
    places = [place.text for place in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]
    assert places == [f"https://example.org/book/{name}.html" for name in names]
    assert (
        "Sitemap: https://example.org/book/sitemap.xml\n" in (tmp_path / "robots.txt").read_text()
    )
    entrance = BeautifulSoup((tmp_path / "index.html").read_text(), "html.parser")
    assert entrance.select_one("link[rel=canonical]")["href"] == places[0]

    for name, place in zip(names, places, strict=True):
        context = {"title": "A <em>title</em>"}
        page_head.add_tags(app, name, "page.html", context, None)
        tags = BeautifulSoup(context["metatags"], "html.parser")
        said = {tag.get("property") or tag["name"]: tag["content"] for tag in tags.select("meta")}
        assert len(said) == len(tags.select("meta"))
        assert said["og:url"] == place
        assert said["og:image"] == "https://example.org/book/_static/social-card.png"
        assert said["og:title"] == "A title"
    assert (ROOT / "book" / "_static" / "social-card.png").is_file()


@pytest.mark.parametrize(
    ("words", "expected"), [("KL", "The KL regulariser"), ("sparsity", "The sparsity constraint")]
)
def test_search_finds_the_books_words(tab, words, expected):
    tab.goto((HTML / "book" / "index.html").as_uri(), wait_until="load")
    tab.locator(".bd-sidebar-primary .search-button__button").click()
    field = tab.locator("#pst-search-dialog input")
    field.fill(words)
    field.press("Enter")
    tab.wait_for_url("**/search.html?*")
    results = tab.locator("#search-results ul.search li")
    results.first.wait_for()
    tab.wait_for_function(
        "w => [...document.querySelectorAll('#search-results li')]"
        ".some(li => li.textContent.includes(w))",
        arg=expected,
    )
    assert results.count() >= 4
    tab.locator("#search-results li a", has_text=expected).first.click()
    tab.wait_for_load_state("load")
    assert tab.locator("article h1").count() == 1


def test_the_switch_turns_the_page_dark_and_the_next_page_remembers(tab):
    tab.goto(chapter(3).as_uri(), wait_until="load")
    seen = []
    for _ in range(3):
        tab.locator(".theme-switch-button").click()
        seen.append(tab.evaluate("document.documentElement.dataset.mode"))
        if seen[-1] == "dark":
            break
    assert seen[-1] == "dark"

    def brightness(selector):
        color = tab.evaluate(
            f"getComputedStyle(document.querySelector('{selector}')).backgroundColor"
        )
        return sum(float(part) for part in re.findall(r"[\d.]+", color)[:3]) / 3

    assert brightness("body") < 60
    # A figure keeps its own colours, on a light card.
    assert brightness("article img") > 200
    assert "invert" not in tab.evaluate(
        "getComputedStyle(document.querySelector('article img')).filter"
    )
    tab.locator(".right-next").click()
    tab.wait_for_load_state("load")
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"


def test_next_leads_through_all_chapters_and_previous_back(pages):
    parsed = {(HTML / path).resolve(): page for path, page in pages.items()}

    def follow(start, kind):
        seen = [start.resolve()]
        while link := parsed[seen[-1]].select_one(f"a.{kind}"):
            seen.append((seen[-1].parent / link["href"]).resolve())
            assert len(seen) <= len(parsed)
        return seen

    forth = follow(HTML / "book" / "index.html", "right-next")
    assert forth == follow(forth[-1], "left-prev")[::-1]
    assert set(forth) == set(parsed)
    chapters = [path.stem for path in forth if path.parent.name == "notebooks"]
    assert chapters == sorted(chapters)
    assert len(chapters) >= 12


def test_a_click_copies_a_cell(browser):
    context = browser.new_context(offline=True)
    tab = context.new_page()
    # What a page may write to the clipboard depends on the machine; what it asks for does not.
    tab.add_init_script(
        "window.copied = null; document.addEventListener('copy', () => {"
        " const a = document.activeElement;"
        " window.copied = a.value?.slice(a.selectionStart, a.selectionEnd)"
        " ?? String(getSelection()); }, true)"
    )
    tab.goto(chapter(5).as_uri(), wait_until="load")
    cell = tab.locator(".cell_input .highlight").first
    cell.hover()
    cell.locator("button.copybtn").click()
    tab.wait_for_function("window.copied !== null", timeout=5000)
    assert tab.evaluate("window.copied").strip() == cell.locator("pre").inner_text().strip()
    context.close()


def test_a_definition_opens_with_pointer_and_keyboard_and_closes_with_escape(tab):
    tab.goto(chapter(1).as_uri(), wait_until="load")
    word = tab.locator("article a.reference:has(.std-term)").first
    card = tab.locator("#book-card")
    assert not card.is_visible()
    word.hover()
    card.wait_for(state="visible")
    assert "trained to return its own input" in card.inner_text()
    card.hover()
    tab.wait_for_timeout(500)
    assert card.is_visible()
    tab.mouse.move(5, 5)
    card.wait_for(state="hidden")

    tab.evaluate("document.querySelector('article a.reference:has(.std-term)').focus()")
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Tab")
    card.wait_for(state="visible")
    assert tab.evaluate("document.activeElement.getAttribute('aria-describedby')") == "book-card"
    tab.keyboard.press("Escape")
    assert not card.is_visible()
    assert tab.evaluate("document.activeElement.getAttribute('aria-describedby')") is None


def test_a_formula_opens_at_its_number(tab):
    tab.goto(chapter(5).as_uri(), wait_until="load")
    mention = tab.locator("article a.reference[href^='#equation-']").first
    mention.scroll_into_view_if_needed()
    mention.hover()
    tab.locator("#book-card .katex-display").wait_for(state="visible")
    box = tab.locator("#book-card").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 1280


def test_paper_shows_the_text_and_not_the_frame(tab):
    tab.goto(chapter(3).as_uri(), wait_until="load")
    tab.emulate_media(media="print", color_scheme="dark")
    for frame in (
        ".bd-sidebar-primary", ".bd-sidebar-secondary", ".bd-header-article", ".prev-next-footer",
    ):  # fmt: skip
        assert not tab.locator(frame).first.is_visible(), frame
    assert tab.locator("article h1").is_visible()
    style = tab.evaluate(
        "(() => { const of = s => getComputedStyle(document.querySelector(s));"
        " return [of('body').backgroundColor, of('article figure').breakInside,"
        " of('article p a.reference').color, of('article pre').whiteSpace,"
        " of('article .cell_input pre span:not(:empty)').color,"
        " document.querySelector('article').getBoundingClientRect().width] })()"
    )
    assert style[0] in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")
    assert style[1] == "avoid"
    assert sum(map(int, re.findall(r"\d+", style[2])[:3])) < 300  # dark enough on paper
    assert style[3] == "pre-wrap"
    assert sum(map(int, re.findall(r"\d+", style[4])[:3])) < 300
    assert style[5] > 1100
    assert tab.pdf(format="A4").startswith(b"%PDF")


def test_on_a_phone_the_side_bars_open_and_close(browser):
    context = browser.new_context(
        viewport={"width": 375, "height": 700}, has_touch=True, offline=True
    )
    tab = context.new_page()
    tab.goto(chapter(2).as_uri(), wait_until="load")
    contents = tab.locator("nav.bd-links")
    assert not contents.is_visible()
    tab.locator(".bd-header-article .primary-toggle").click()
    contents.wait_for(state="visible")
    tab.keyboard.press("Escape")
    contents.wait_for(state="hidden")
    size = tab.evaluate(
        "(() => { const of = s => parseFloat(getComputedStyle(document.querySelector(s)).fontSize);"
        " return [of('article p'), of('article .cell_input pre'), of('article .katex')] })()"
    )
    assert size[0] >= 16
    assert size[1] >= 12
    assert size[2] >= 16
    context.close()


def test_a_chapter_tells_how_long_it_takes_to_read(pages):
    for path, page in pages.items():
        if path.parent.as_posix() == "notebooks":
            line = page.select_one("article .admonition").get_text(" ")
            (said,) = re.findall(r"Reads in\s+about (\d+) minutes", line)
            assert 5 <= int(said) <= 90, path


def test_a_long_formula_can_be_read_from_its_beginning(browser, pages):
    context = browser.new_context(viewport={"width": 375, "height": 800}, offline=True)
    tab = context.new_page()
    longer = 0
    for path in pages:
        tab.goto((HTML / path).as_uri(), wait_until="load")
        tab.add_style_tag(content="* { content-visibility: visible !important; }")
        tab.evaluate("document.fonts.ready.then(() => 0)")
        formulas = tab.evaluate("""() => [...document.querySelectorAll("article .katex-display")]
            .filter(formula => formula.clientWidth).map(formula => {
              const lefts = [...formula.querySelectorAll(".katex-html .base")]
                .map(part => part.getBoundingClientRect().left);
              return [
                Math.min(...lefts) - formula.parentElement.getBoundingClientRect().left,
                formula.scrollWidth - formula.clientWidth,
                formula.querySelector("annotation").textContent,
              ];
            })""")
        for left, hidden, source in formulas:
            assert left > -1, (path, source)
            longer += hidden > 10
    context.close()
    assert longer > 5  # there are such formulas, and one can scroll to their ends


def test_no_mark_stands_alone_behind_a_formula(pages):
    seen = 0
    for path, page in pages.items():
        for formula in page.select("article span.math"):
            behind = formula.next_sibling
            if isinstance(behind, str):
                assert not re.match(r"[,.;:!?)\]]", behind), (path, formula.annotation, behind)
        seen += len(page.select("article span.math annotation"))
    assert seen > 1000


def test_the_magnifier_leaves_room_for_what_is_typed(tab):
    tab.goto((HTML / "search.html").as_uri() + "?q=KL", wait_until="load")
    form = tab.locator(".bd-search-container form")
    icon, field = form.locator("svg").bounding_box(), form.locator("input").bounding_box()
    assert icon["x"] + icon["width"] <= field["x"]


def test_results_have_no_copy_button(tab):
    tab.goto(chapter(3).as_uri(), wait_until="load")
    tab.locator(".cell_input button.copybtn").first.wait_for(state="attached")
    assert tab.locator(".cell_input button.copybtn").count() > 20
    assert tab.locator(".output pre").count() > 10
    assert tab.locator(".output button.copybtn").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_small_picture_stands_in_the_middle(browser, scheme):
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, color_scheme=scheme, offline=True
    )
    tab = context.new_page()
    tab.goto(chapter(8).as_uri(), wait_until="load")
    sides = tab.evaluate("""() => [...document.querySelectorAll("figure img")]
      .filter(image => image.clientWidth).map(image => {
      const picture = image.getBoundingClientRect();
      const figure = image.closest("figure").getBoundingClientRect();
      return [picture.left - figure.left, figure.right - picture.right];
    })""")
    context.close()
    assert max(left for left, _ in sides) > 50  # some are small
    assert all(abs(left - right) < 2 for left, right in sides)
