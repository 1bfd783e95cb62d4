"""The interactive figures as a reader meets them: in a page opened from a folder, with no network.

Every figure writes its numbers, unrounded, to data attributes; here they are compared with aelib's.
"""

import json
from itertools import pairwise

import numpy as np
import pytest
from built_book import HTML
from scipy.special import softmax

from aelib import byhand, sparsity
from aelib.widgets import sparse_grid, unpack

CHAPTERS = {
    "04": "kl-curve-1",
    "05": "modified-delta-1",
    "06": "sparse-grid-1",
    "07": "corrupt-digit-1",
    "08": "vector-field-1",
    "14": "frontier-1",
}
FIGURE = ".ae-figure"
STILL = "figure.is-live > img"
every_chapter = pytest.mark.parametrize("chapter", CHAPTERS)


def address(chapter):
    (page,) = (HTML / "notebooks").glob(f"{chapter}-*.html")
    return page.as_uri()


def open_tab(browser, chapter, *, before="", **settings):
    """Open a chapter's page with the network off; `tab.complaints` collects what goes wrong."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True, **settings)
    tab = context.new_page()
    tab.complaints = []
    tab.on("console", lambda m: tab.complaints.append(m.text) if m.type == "error" else None)
    tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
    tab.on("requestfailed", lambda request: tab.complaints.append(request.url))
    if before:
        tab.add_init_script(before)
    tab.goto(address(chapter), wait_until="load")
    return tab


@pytest.fixture(scope="module")
def open_tabs(browser, pages):
    """The tabs of this module by chapter: opening a page takes longer than anything else here."""
    tabs = {}
    yield tabs
    for tab in tabs.values():
        tab.context.close()


@pytest.fixture
def visit(browser, open_tabs):
    """Return a function that shows a chapter's page, wide and light, and must not complain."""

    def show(chapter):
        if chapter not in open_tabs:
            open_tabs[chapter] = open_tab(browser, chapter)
        return open_tabs[chapter]

    yield show
    for tab in open_tabs.values():
        tab.set_viewport_size({"width": 1280, "height": 800})
        tab.emulate_media(media="screen", color_scheme="light")
    assert not [complaint for tab in open_tabs.values() for complaint in tab.complaints]


def live(tab):
    """Go to the figure, as a reader would, wait until it is drawn, and return it."""
    figure = tab.locator(FIGURE)
    figure.wait_for(state="attached")
    figure.evaluate("e => e.scrollIntoView({block: 'center'})")
    figure.locator(".ae-stage > *").first.wait_for()
    return figure


def numbers(figure):
    """Return the figure's data attributes, as Python values."""

    def value(text):
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text

    return {name: value(text) for name, text in figure.evaluate("e => ({...e.dataset})").items()}


def state(tab, chapter):
    """Return the figure's state as it is stored in the page."""
    text = tab.locator('script[type="application/vnd.jupyter.widget-state+json"]').text_content()
    return json.loads(text)["state"][CHAPTERS[chapter]]["state"]


def set_to(figure, label, value):
    """Set a slider as a reader would, but in one go."""
    figure.get_by_label(label, exact=True).evaluate(
        "(e, v) => { e.value = v; e.dispatchEvent(new Event('input', {bubbles: true})) }",
        str(value),
    )


# --- in the page ---------------------------------------------------------------------------------


@every_chapter
@pytest.mark.parametrize("width", [1280, 375, 320])
def test_a_figure_comes_to_life_and_fits_the_page(visit, chapter, width):
    tab = visit(chapter)
    tab.set_viewport_size({"width": width, "height": 800})
    figure = live(tab)
    assert figure.count() == 1
    assert figure.is_visible()
    still = tab.locator(STILL)
    assert still.count() == 1
    assert not still.is_visible()
    assert tab.locator("figure.is-live figcaption").is_visible()
    # Redrawn for the new width before the next frame.
    tab.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")
    wide, inner = tab.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= inner
    box = figure.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert figure.evaluate("e => e.scrollWidth <= e.clientWidth")
    assert len(figure.get_by_role("status").inner_text()) > 40


def test_only_pages_with_a_figure_load_the_script(pages):
    with_figure = {path for path in pages if path.stem[:2] in CHAPTERS}
    assert len(with_figure) == len(CHAPTERS)
    for path, page in pages.items():
        scripts = [tag["src"] for tag in page.select("script[src]")]
        assert any("widgets.js" in source for source in scripts) == (path in with_figure), path
        assert not any("require" in s or "embed-amd" in s for s in scripts), path
        views = page.select('script[type="application/vnd.jupyter.widget-view+json"]')
        assert len(views) == (path in with_figure), path


@every_chapter
def test_without_scripts_the_still_picture_is_seen(browser, pages, chapter):
    tab = open_tab(browser, chapter, java_script_enabled=False)
    assert tab.locator(FIGURE).count() == 0
    caption = tab.locator("figcaption", has_text="(In print:")
    assert caption.is_visible()
    assert caption.locator("xpath=preceding-sibling::img").is_visible()
    tab.context.close()


@every_chapter
def test_print_shows_the_still_picture(visit, chapter):
    tab = visit(chapter)
    live(tab)
    tab.emulate_media(media="print")
    assert not tab.locator(FIGURE).is_visible()
    assert tab.locator(STILL).is_visible()


def test_a_figure_that_fails_leaves_its_still_picture_and_says_so(browser, pages):
    fail = "URL.createObjectURL = () => { throw new Error('not today') }"
    tab = open_tab(browser, "04", before=fail)
    caption = tab.locator("figcaption", has_text="(In print:")
    assert caption.locator("xpath=preceding-sibling::img").is_visible()
    assert tab.locator(".live-figure").count() == 0
    assert any("could not be shown" in complaint for complaint in tab.complaints)
    tab.context.close()


# --- for everyone --------------------------------------------------------------------------------


@every_chapter
def test_every_control_has_a_name_and_every_picture_a_description(visit, chapter):
    figure = live(visit(chapter))
    controls = figure.locator("input, select, button")
    assert controls.count() >= 2
    for control in controls.all():
        name = control.evaluate("e => (e.labels?.[0] ?? e).textContent.trim()")
        assert len(name) > 3
    for picture in figure.locator(".ae-stage svg, .ae-stage canvas").all():
        hidden = picture.evaluate("e => e.closest('[role=img], [aria-hidden=true]') !== null")
        assert hidden
    for picture in figure.locator("[role=img]").all():
        assert len(picture.get_attribute("aria-label")) > 15
    assert figure.get_by_role("group").count() == 0
    assert figure.get_attribute("aria-label")


@every_chapter
def test_sliders_follow_the_arrow_keys_and_show_the_focus(visit, chapter):
    figure = live(visit(chapter))
    for slider in figure.locator("input[type=range]").all():
        before, said = slider.input_value(), figure.get_by_role("status").inner_text()
        spoken = slider.get_attribute("aria-valuetext")
        slider.focus()
        key = "ArrowRight" if before != slider.get_attribute("max") else "ArrowLeft"
        slider.press(key)
        assert slider.input_value() != before
        assert slider.get_attribute("aria-valuetext") != spoken
        assert figure.get_by_role("status").inner_text() != said
        outline = slider.evaluate("e => getComputedStyle(e).outlineStyle")
        assert outline == "solid"


@every_chapter
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_their_ground(visit, chapter, scheme):
    tab = visit(chapter)
    tab.emulate_media(color_scheme=scheme)
    figure = live(tab)
    assert tab.evaluate("document.documentElement.dataset.theme") == scheme
    colours = figure.evaluate(
        """e => {
          const style = getComputedStyle(e);
          const colour = (name) => style.getPropertyValue(name).trim();
          return ['back', 'ink', 'soft', 'first', 'second', 'third', 'fourth']
            .map((name) => colour(`--ae-${name}`));
        }"""
    )

    def luminance(colour):
        channels = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        return linear @ [0.2126, 0.7152, 0.0722]

    ground, *inks = (luminance(colour) for colour in colours)
    assert (ground < 0.1) == (scheme == "dark")
    for ink in inks:
        low, high = sorted((ground, ink))
        assert (high + 0.05) / (low + 0.05) > 4.5  # WCAG 2.2, level AA


# --- the numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rho", "rho_hat"), [(0.2, 0.6), (0.01, 0.001), (0.99, 0.5), (0.3, 0.3), (0.05, 0.999)]
)
def test_the_penalties_equal_aelibs(visit, rho, rho_hat):
    figure = live(visit("04"))
    set_to(figure, "target ρ", rho)
    set_to(figure, "mean activation ρ̂", rho_hat)
    drawn = numbers(figure)
    close = {"rtol": 1e-12, "atol": 1e-14}
    np.testing.assert_allclose(drawn["kl"], sparsity.kl_bernoulli(rho, rho_hat), **close)
    np.testing.assert_allclose(drawn["klSlope"], sparsity.kl_bernoulli_grad(rho, rho_hat), **close)
    curvature = 1 / (rho * (1 - rho))
    np.testing.assert_allclose(drawn["square"], 0.5 * curvature * (rho_hat - rho) ** 2, **close)
    np.testing.assert_allclose(drawn["squareSlope"], curvature * (rho_hat - rho), **close)
    row = figure.get_by_role("row", name="KL").inner_text().split()
    assert row[1] == f"{sparsity.kl_bernoulli(rho, rho_hat):.3f}"


def test_the_point_on_the_curve_follows_the_pointer(visit):
    tab = visit("04")
    figure = live(tab)
    set_to(figure, "target ρ", 0.2)
    set_to(figure, "mean activation ρ̂", 0.6)
    figure.scroll_into_view_if_needed()
    handle = figure.locator(".ae-handle").bounding_box()
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x - 100, y, steps=5)
    moved = numbers(figure)["kl"]
    tab.mouse.move(x + 2000, y, steps=2)  # beyond the edge it stays at the end
    tab.mouse.up()
    assert moved != pytest.approx(sparsity.kl_bernoulli(0.2, 0.6))
    assert figure.get_by_label("mean activation ρ̂").input_value() == "0.999"
    assert numbers(figure)["kl"] == pytest.approx(sparsity.kl_bernoulli(0.2, 0.999), rel=1e-12)
    tab.mouse.move(x, y)  # and lets go
    assert figure.get_by_label("mean activation ρ̂").input_value() == "0.999"


@pytest.mark.parametrize(
    ("o", "rho", "rho_hat", "weight", "m", "back"),
    [(0.7, 0.05, 0.7, 3.0, 6, 0.1), (0.03, 0.2, 0.2, 10.0, 1, -0.5), (0.9, 0.5, 0.05, 0.0, 100, 0)],
)
def test_the_delta_equals_the_formula_and_the_packages_gradient(
    visit, o, rho, rho_hat, weight, m, back
):
    figure = live(visit("05"))
    for label, value in {
        "activation Oᵢ": o,
        "target ρ": rho,
        "mean activation ρ̂ᵢ": rho_hat,
        "sparsity weight λ": weight,
        "samples m": m,
        "back-propagated Σ δⱼWᵢⱼ": back,
    }.items():
        set_to(figure, label, value)
    drawn = numbers(figure)
    local = o * (1 - o)
    penalty = weight / m * sparsity.kl_bernoulli_grad(rho, rho_hat)
    close = {"rtol": 1e-12, "atol": 1e-14}
    np.testing.assert_allclose(drawn["local"], local, **close)
    np.testing.assert_allclose(drawn["penalty"], penalty, **close)
    np.testing.assert_allclose(drawn["derived"], local * (back + penalty), **close)
    np.testing.assert_allclose(drawn["slide"], local * back + penalty, **close)

    # With every sample at O the mean is O, and the package's own gradient can be asked.
    set_to(figure, "mean activation ρ̂ᵢ", o)
    z = np.full((m, 1), np.log(o / (1 - o)))
    _, gradient = sparsity.kl_from_preactivation(rho, z)
    expected = local * back + weight * gradient[0, 0]
    np.testing.assert_allclose(numbers(figure)["derived"], expected, rtol=1e-10, atol=1e-14)


def test_the_delta_says_when_the_two_forms_agree(visit):
    figure = live(visit("05"))
    set_to(figure, "sparsity weight λ", 3.0)
    set_to(figure, "target ρ", 0.05)
    set_to(figure, "mean activation ρ̂ᵢ", 0.05)
    drawn = numbers(figure)
    assert drawn["derived"] == drawn["slide"]
    assert "the two agree" in figure.get_by_role("status").inner_text()
    set_to(figure, "mean activation ρ̂ᵢ", 0.2)
    assert "times too strong" in figure.get_by_role("status").inner_text()


def test_the_delta_says_when_no_batch_has_such_a_mean(visit):
    figure = live(visit("05"))
    set_to(figure, "activation Oᵢ", 0.7)
    set_to(figure, "mean activation ρ̂ᵢ", 0.7)
    set_to(figure, "samples m", 6)
    assert "no batch" not in figure.get_by_role("status").inner_text()
    set_to(figure, "samples m", 1)
    assert "no batch" not in figure.get_by_role("status").inner_text()
    set_to(figure, "mean activation ρ̂ᵢ", 0.3)
    assert "no batch of 1" in figure.get_by_role("status").inner_text()


def test_the_grid_shows_the_chosen_pair(visit):
    figure = live(visit("06"))
    grid = sparse_grid()
    targets, weights = grid["settings"]["rho"], grid["settings"]["sparsity_weight"]
    rho_hat = unpack(grid["rho_hat"])
    for i, j in ((0, 4), (4, 5), (2, 0)):
        set_to(figure, "target ρ", i)  # the place in the list
        set_to(figure, "sparsity weight λ", j)
        drawn, run = numbers(figure), i * len(weights) + j
        assert drawn["error"] == grid["error"][run]
        np.testing.assert_allclose(drawn["rhoHat"], rho_hat[run], rtol=1e-12)
        words = figure.get_by_role("status").inner_text()
        assert f"ρ = {targets[i]:g}, λ = {weights[j]:g}:" in words
        assert f"between {rho_hat[run].min():.3f} and {rho_hat[run].max():.3f}" in words
        # The grey values on the screen are the stored ones, without their frames.
        pixels = figure.locator("canvas").first.evaluate(
            "c => Array.from(c.getContext('2d').getImageData(0, 0, 8, 8).data)"
        )
        np.testing.assert_array_equal(pixels[::4], unpack(grid["features"])[run, 0])
        # All units are in the histogram, none above the top.
        bars = figure.locator(".ae-bar").all()
        heights = [float(bar.get_attribute("height")) for bar in bars]
        assert sum(heights) == pytest.approx(max(170 - 52, 0), rel=1e-6)


def test_the_frontier_tells_the_chosen_setting(visit):
    tab = visit("14")
    figure, lines = live(tab), state(tab, "14")["lines"]
    names = {"kl": "KL", "topk": "TopK", "jumprelu": "JumpReLU"}
    measures = {"fvu": "FVU", "dead": "dead units"}
    for (kind, name), position in zip(names.items(), (0, 2, 1), strict=True):
        for measure, short in measures.items():
            figure.get_by_label("show", exact=True).select_option(label=short)
            figure.get_by_label("walk along", exact=True).select_option(label=name)
            set_to(figure, "its setting", position)
            run, drawn = lines[kind][position], numbers(figure)
            assert [drawn["setting"], drawn["l0"]] == [run["setting"], run["l0"][0]]
            assert [drawn["mean"], drawn["least"], drawn["greatest"]] == run[measure]
            said = figure.get_by_role("status").inner_text()
            assert f"{name} with" in said
            if (kind, measure) == ("kl", "dead"):
                assert "dead units are not counted" in said
            else:
                assert f"over {run['seeds']} seeds" in said
            spoken = figure.get_by_label("its setting", exact=True).get_attribute("aria-valuetext")
            assert spoken.endswith(f"= {run['setting']:g}")
    # The chosen kind is drawn last, and with a thicker line.
    widths = figure.locator(".ae-stage > svg g > path.ae-curve:first-child").evaluate_all(
        "all => all.map((e) => getComputedStyle(e).strokeWidth)"
    )
    assert widths == ["1.5px"] * (len(widths) - 1) + ["3px"]
    # One mark a setting and kind, circles for L1. None of the KL's units can be dead.
    n_settings = len(lines["l1"])
    for short, n_others in (("dead units", 3), ("FVU", 4)):
        figure.get_by_label("show", exact=True).select_option(label=short)
        assert figure.locator(".ae-stage > svg circle.ae-dot").count() == n_settings
        assert figure.locator(".ae-stage > svg path.ae-dot").count() == n_others * n_settings


def network(packed):
    return {
        f"{layer}_{part}": value
        for layer in ("encoder", "decoder")
        for part, value in (
            ("weight", unpack(packed[layer]["weight"]) * unpack(packed[layer]["scale"])),
            ("bias", unpack(packed[layer]["bias"])),
        )
    }


def test_the_repair_equals_the_packages_forward_pass(visit):
    tab = visit("07")
    figure = live(tab)
    stored = state(tab, "07")
    x = unpack(stored["digits"])[7].astype(float)
    normal, uniform = (unpack(stored[name]).astype(float) for name in ("normal", "uniform"))
    figure.get_by_label("digit", exact=True).select_option("7")
    set_to(figure, "level", 0.4)
    seen = []
    for words in ("Gaussian noise", "masking noise", "salt-and-pepper noise"):
        figure.get_by_label("spoiled by").select_option(label=words)
        for packed in stored["networks"]:
            figure.get_by_label("network trained on").select_option(label=packed["name"])
            drawn = numbers(figure)
            u, e = uniform[len(seen) % len(uniform)], normal[len(seen) % len(normal)]
            # aelib.corruption, line by line, with the numbers that were drawn
            expected = {
                "Gaussian noise": x + 0.4 * e,
                "masking noise": np.where(u < 0.4, 0.0, x),
                "salt-and-pepper noise": np.where(u < 0.2, 0.0, np.where(u < 0.4, 1.0, x)),
            }[words]
            np.testing.assert_allclose(drawn["corrupted"], expected, rtol=1e-12)
            params = network(packed)
            repaired = byhand.decode(params, byhand.encode(params, expected[None]))[0]
            np.testing.assert_allclose(drawn["repaired"], repaired, rtol=1e-10)
            before, after = (0.5 * np.sum((y - x) ** 2) for y in (expected, repaired))
            np.testing.assert_allclose(drawn["before"], before, rtol=1e-12)
            np.testing.assert_allclose(drawn["after"], after, rtol=1e-9)
            seen.append(tuple(drawn["corrupted"]))
            figure.get_by_role("button").press("Enter")  # noise anew
    assert len(set(seen)) == len(seen) == 12


def posterior_mean(place, points, sigma):
    distances = np.sum((points - place) ** 2, axis=1)
    return softmax(-distances / (2 * sigma**2)) @ points


@pytest.mark.parametrize(
    ("sigma", "start", "n_steps"),
    [(0.1, (0.3, -1.2), 5), (0.02, (1.4, 1.4), 60), (0.8, (-1, 0), 1)],
)
def test_the_walk_goes_to_the_posterior_mean_step_by_step(visit, sigma, start, n_steps):
    tab = visit("08")
    figure = live(tab)
    points = unpack(state(tab, "08")["points"]).astype(float)
    set_to(figure, "noise level σ", sigma)
    set_to(figure, "steps of the walk", n_steps)
    set_to(figure, "start, first coordinate", start[0])
    set_to(figure, "start, second coordinate", start[1])
    walk = np.array(numbers(figure)["walk"])
    assert walk.shape == (n_steps + 1, 2)
    np.testing.assert_allclose(walk[0], start)
    for here, there in pairwise(walk):
        np.testing.assert_allclose(there, posterior_mean(here, points, sigma), atol=1e-10)


def test_the_start_can_be_dragged_and_tapped(browser, pages):
    tab = open_tab(browser, "08", has_touch=True)
    figure = live(tab)
    figure.scroll_into_view_if_needed()

    def centre():
        box = figure.locator(".ae-handle").bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    x, y = centre()
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + 60, y - 80, steps=4)
    tab.mouse.up()
    np.testing.assert_allclose(centre(), (x + 60, y - 80), atol=2)
    first = numbers(figure)["walk"][0]
    assert first[0] > 0.3
    assert first[1] > -1.2
    assert figure.get_by_label("start, first coordinate").input_value() == f"{first[0]:g}"

    tab.touchscreen.tap(x - 50, y - 120)
    np.testing.assert_allclose(centre(), (x - 50, y - 120), atol=2)
    assert not tab.complaints
    tab.context.close()
