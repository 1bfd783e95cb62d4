"""Every page is checked by axe-core in light and dark, and what axe cannot see is checked here."""

from collections import Counter
from pathlib import Path

import axe_playwright_python
import pytest
from built_book import HTML, QUIET, find_browser

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ALL = {
    "runOnly": {"type": "tag", "values": STANDARDS},
    # Not on by default, but Lighthouse counts it.
    "rules": {"label-content-name-mismatch": {"enabled": True}},
    "resultTypes": ["violations"],
    "preload": False,
}
# In the dark only the colours differ, on a phone everything but the colours.
COLOURS = {
    "runOnly": ["color-contrast", "link-in-text-block"],
    "resultTypes": ["violations"],
    "preload": False,
}
PLACES = {**ALL, "rules": {**ALL["rules"], "color-contrast": {"enabled": False}}}
# axe takes its time with every element. A formula has the colour of its paragraph (what a screen
# reader gets of it is tested below), and the same kind of word in code the same colour everywhere.
SHORTEN = """() => {
  for (const formula of document.querySelectorAll(".katex")) formula.textContent = "formula";
  const seen = new Set();
  for (const word of document.querySelectorAll("pre span")) {
    if (word.childElementCount) continue;
    const kind = `${word.className} in ${word.closest("div[class], dl")?.className}`;
    if (seen.has(kind)) word.replaceWith(word.textContent);
    seen.add(kind);
  }
}"""


def everything(pages):
    return [*pages, Path("genindex.html"), Path("search.html")]


def violations(tab, options):
    tab.keyboard.press("Shift")  # the page prepares itself for whoever uses the keyboard
    tab.wait_for_function("document.documentElement.dataset.laidOut")
    tab.evaluate("document.fonts.ready.then(() => 0)")
    tab.wait_for_function("document.documentElement.dataset.scrollable")
    tab.evaluate(SHORTEN)
    tab.evaluate(AXE.read_text(encoding="utf-8"))
    found = tab.evaluate("options => axe.run(options)", options)
    return [
        f"{rule['id']}: {node['html'][:160]} ({node['failureSummary'][:200]})"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize(
    ("width", "scheme", "options"),
    [(1280, "light", ALL), (1280, "dark", COLOURS), (375, "light", PLACES)],
    ids=["light", "dark", "phone"],
)
def test_axe_finds_nothing(browser, pages, width, scheme, options):
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
    )
    tab = context.new_page()
    found = {}
    for path in everything(pages):
        tab.goto((HTML / path).as_uri(), wait_until="load")
        assert tab.evaluate("document.documentElement.dataset.theme") == scheme
        if wrong := violations(tab, options):
            found[str(path)] = wrong
    context.close()
    assert not found


def test_axe_would_find_a_mistake(browser):
    tab = browser.new_page()
    tab.set_content(
        '<html lang="en" data-scrollable="known" data-laid-out="whole"><title>t</title>'
        "<main><h1>h</h1>"
        '<p style="color:#aaa">faint</p><img src="data:,"></main>'
    )
    found = " ".join(violations(tab, ALL))
    tab.close()
    assert "color-contrast" in found
    assert "image-alt" in found


def test_a_screen_reader_is_given_formulas_as_mathematics(browser, pages):
    tab = browser.new_page()
    chapter = next(path for path in pages if path.stem.startswith("05-"))
    tab.goto((HTML / chapter).as_uri(), wait_until="load")
    formulas = tab.locator("article .katex").count()
    assert formulas > 100
    session = tab.context.new_cdp_session(tab)
    tab.wait_for_function("document.documentElement.dataset.laidOut")
    tree = session.send("Accessibility.getFullAXTree")["nodes"]
    roles = [node.get("role", {}).get("value") for node in tree]
    # Those in folded solutions are spoken once these are open.
    assert roles.count("MathMLMath") >= 0.8 * formulas
    assert roles.count("paragraph") > 50
    headings = tab.locator("article :is(h1, h2)").count()
    assert roles.count("heading") >= headings
    tab.close()


def test_a_screen_reader_need_not_wait_for_the_layout(browser, pages):
    # With a screen reader Chromium keeps its tree up to date; so it does with this switch.
    switches = [*QUIET, "--force-renderer-accessibility"]
    listening = browser.browser_type.launch(executable_path=find_browser(), args=switches)
    tab = listening.new_page()
    session = tab.context.new_cdp_session(tab)

    def roles():
        tree = session.send("Accessibility.getFullAXTree")["nodes"]
        return Counter(node["role"]["value"] for node in tree if not node["ignored"])

    chapter = next(path for path in pages if path.stem.startswith("05-"))
    tab.goto((HTML / chapter).as_uri(), wait_until="load")
    at_once = roles()
    assert not tab.evaluate("document.documentElement.dataset.laidOut")
    tab.wait_for_function("document.documentElement.dataset.laidOut")
    whole = roles()
    listening.close()
    assert whole["paragraph"] > 80
    assert whole["MathMLMath"] > 100
    for role in ("paragraph", "heading", "list", "listitem", "figure", "link", "MathMLMath"):
        assert at_once[role] >= whole[role], role


def test_each_id_stands_once_and_the_landmarks_are_there(pages):
    for path, page in pages.items():
        ids = [tag["id"] for tag in page.find_all(id=True)]
        twice = {name for name in ids if ids.count(name) > 1}
        assert not twice, (path, twice)
        assert len(page.select("h1")) == 1, path
        assert len(page.select("main")) == 1, path
        names = [nav.get("aria-label") for nav in page.select("nav, [role=navigation]")]
        assert {"Book", "Main", "Pages"} <= {name for name in names if name}, path
        for label in page.select("nav[aria-labelledby]"):
            assert label["aria-labelledby"] in ids, path


def test_the_first_tab_stop_skips_to_the_text_and_the_focus_can_be_seen(browser, pages):
    tab = browser.new_page(viewport={"width": 1280, "height": 800})
    tab.goto((HTML / "book" / "notation.html").as_uri(), wait_until="load")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.getAttribute('href')") == "#main-content"
    tab.keyboard.press("Enter")
    for _ in range(12):
        tab.keyboard.press("Tab")
        shown = tab.evaluate(
            "(() => { const s = getComputedStyle(document.activeElement);"
            " return [document.activeElement.outerHTML.slice(0, 90),"
            " (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2)"
            " || s.boxShadow !== 'none'] })()"
        )
        assert shown[1], shown[0]
    assert tab.evaluate("document.activeElement.closest('main') !== null")
    tab.close()
