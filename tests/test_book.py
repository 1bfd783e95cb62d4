"""The built book: its pages as files, and in a real browser with no server and no network."""

import copy
from urllib.parse import unquote, urlparse

import pytest
from built_book import HTML, ROOT


def test_every_chapter_is_in_the_book(pages):
    chapters = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert chapters <= {path.stem for path in pages}


def test_each_page_has_one_heading_and_a_language(pages):
    for path, page in pages.items():
        assert len(page.select("article h1")) == 1, path
        assert page.html["lang"] == "en", path


def test_each_picture_is_described(pages):
    for path, page in pages.items():
        for image in page.select("main img"):
            assert len(image.get("alt", "")) >= 20, (path, image.get("src"), image.get("alt"))


def test_formulas_are_typeset_and_none_is_left_as_source(pages):
    n_formulas = 0
    for path, page in pages.items():
        main = copy.copy(page.select_one("main"))  # other tests look at the page too
        assert not main.select(".katex-error"), path
        n_formulas += len(main.select(".katex"))
        # KaTeX keeps the source for screen readers; code may hold backslashes of its own.
        for hidden in main.select(".katex, pre, code"):
            hidden.extract()
        assert "\\frac" not in main.text, path
        assert "\\rho" not in main.text, path
        assert "$" not in main.text, path
    assert n_formulas > 500


def test_links_within_the_book_lead_somewhere(pages):
    anchors = {
        (HTML / path).resolve(): {tag["id"] for tag in page.find_all(id=True)}
        for path, page in pages.items()
    }
    for path, page in pages.items():
        for link in page.select("a[href]"):
            url = urlparse(link["href"])
            if url.scheme or link["href"].startswith("//"):
                continue
            here = (HTML / path).resolve()
            target = (here.parent / unquote(url.path)).resolve() if url.path else here
            assert target.exists(), (path, link["href"])
            if url.fragment and target in anchors:
                assert unquote(url.fragment) in anchors[target], (path, link["href"])


def test_pages_take_nothing_from_another_host(pages):
    for path, page in pages.items():
        sources = [tag["src"] for tag in page.select("[src]")]
        sources += [tag["href"] for tag in page.select("link[rel~=stylesheet], link[rel~=preload]")]
        foreign = [source for source in sources if urlparse(source).netloc]
        assert not foreign, (path, foreign)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_pages_open_from_a_folder_without_complaint(browser, pages, width, scheme):
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True
    )
    tab = context.new_page()
    complaints = []
    tab.on("console", lambda message: complaints.append(message) if message.type == "error" else 0)
    tab.on("pageerror", lambda error: complaints.append(error))
    tab.on("requestfailed", lambda request: complaints.append(request.url))
    for path in pages:
        tab.goto((HTML / path).as_uri(), wait_until="load")
        assert not complaints, (path, [str(complaint) for complaint in complaints])
        wider = tab.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wider <= 0, f"{path} is {wider} px wider than a window of {width} px"
        # Waited for, also because leaving the page would end their requests.
        unshown = tab.evaluate(
            "Promise.all([...document.querySelectorAll('main img')].map(i => {"
            "  i.loading = 'eager';"
            "  return i.decode().then(() => null, () => i.src);"
            "})).then(found => found.filter(Boolean))"
        )
        assert not unshown, (path, unshown)
        if tab.locator(".katex").count():
            assert tab.evaluate("document.fonts.load('16px KaTeX_Main').then(f => f.length)")
    context.close()


def test_a_solution_stays_folded_until_it_is_opened(browser, pages):
    context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True)
    tab = context.new_page()
    chapter = next(path for path in pages if path.stem.startswith("05-"))
    tab.goto((HTML / chapter).as_uri(), wait_until="load")
    solution = tab.locator(".solution.dropdown").first
    content = solution.locator(":scope > :not(.admonition-title)").first
    assert not content.is_visible()
    solution.locator("button").first.click()
    content.wait_for(state="visible", timeout=5000)
    context.close()
