"""The printed book: some of its pages, printed as `make pdf` prints all, and read back."""

import importlib.util
import json
import re
import subprocess
import sys

import pypdf
import pytest
import yaml
from built_book import HTML, ROOT

PROGRAM = ROOT / "book" / "print" / "make_pdf.py"
PAGES = [
    "book/notation",
    "notebooks/03-sparsity-constraint",
    "notebooks/04-kl-regulariser",
    "notebooks/assignments/kl-penalty",
]
POINTS_PER_MM = 72 / 25.4


@pytest.fixture(scope="module")
def make_pdf():
    spec = importlib.util.spec_from_file_location("make_pdf", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def printed(browser, tmp_path_factory):
    """The PDF of these pages, read by another library than the one that wrote it."""
    if not (HTML / "index.html").exists():
        pytest.fail("there is no built book: run `make book` first")
    target = tmp_path_factory.mktemp("pdf") / "book.pdf"
    # A process of its own, as `make pdf` has it; `browser` skips this where there is none.
    run = subprocess.run(
        [sys.executable, PROGRAM, *PAGES, "--out", target], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert [file.name for file in target.parent.iterdir()] == ["book.pdf"]
    return pypdf.PdfReader(target)


@pytest.fixture(scope="module")
def texts(printed):
    return [page.extract_text() for page in printed.pages]


def outline(reader, items=None, level=0):
    """Yield (level, title, page number) of each entry."""
    for item in reader.outline if items is None else items:
        if isinstance(item, list):
            yield from outline(reader, item, level + 1)
        else:
            yield level, item["/Title"], reader.get_destination_page_number(item) + 1


def test_the_order_is_that_of_the_table_of_contents(make_pdf):
    toc = make_pdf.read_toc(ROOT / "_toc.yml")
    config = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [
        (part["caption"], chapter["file"])
        for part in config["parts"]
        for chapter in part["chapters"]
    ]
    assert toc == [("", config["root"]), *chapters]


def test_pages_below_pages_and_addresses(make_pdf, tmp_path):
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: a\nparts:\n- caption: One\n  chapters:\n  - file: b\n"
        "    sections:\n    - file: c\n    - url: https://example.org\n      title: elsewhere\n"
        "  - file: d\n",
        encoding="utf-8",
    )
    toc = make_pdf.read_toc(tmp_path / "_toc.yml")
    assert toc == [("", "a"), ("One", "b"), ("One", "c"), ("One", "d")]


def test_it_says_what_it_is(printed):
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert printed.metadata.title == config["title"]
    assert printed.metadata.author == config["author"]
    assert printed.root_object["/Lang"] == "en"
    assert printed.root_object["/MarkInfo"]["/Marked"]


def test_each_page_is_a4_and_has_its_number_and_running_head(printed, texts):
    assert len(texts) > 10
    for number, (page, text) in enumerate(zip(printed.pages, texts, strict=True), start=1):
        assert [round(float(x) * 25.4 / 72) for x in page.mediabox] == [0, 0, 210, 297]
        if number > 1:
            assert str(number) in text.split(), number
    chapter = [text for text in texts if "3. The sparsity constraint" in text]
    assert len(chapter) > 8


def test_the_outline_leads_to_parts_chapters_and_sections(printed, texts):
    entries = list(outline(printed))
    titles = {title: (level, page) for level, title, page in entries}
    assert [level for level, *_ in entries[:3]] == [0, 0, 1]
    assert titles["Chapters"][0] == 0
    assert titles["3. The sparsity constraint"][0] == 1
    assert titles["From a constraint to a penalty"][0] == 2
    assert titles["Solutions of the exercises"][0] == 0
    for title, (_, page) in titles.items():
        if title not in ("Start here", "Chapters", "Assignments"):  # a part has no page of its own
            assert title in " ".join(texts[page - 1].split()), (title, page)


def test_the_contents_name_the_right_pages(printed, texts):
    listed = " ".join(texts[1].split())
    for level, title, page in outline(printed):
        if level == 2:
            assert re.search(rf"{re.escape(title)} {page}\b", listed), (title, page)


def test_links_stay_in_the_book_or_go_to_the_web(printed):
    inside, targets = 0, set(printed.named_destinations)
    for page in printed.pages:
        for annotation in page.get("/Annots", []):
            annotation = annotation.get_object()
            if "/Dest" in annotation:
                assert str(annotation["/Dest"]) in targets
                inside += 1
            else:
                assert annotation["/A"]["/URI"].startswith("https://")
    assert inside > 30


def test_nothing_of_this_machine_is_in_it(printed):
    texts = [value for value in walk(printed.trailer) if isinstance(value, str)]
    assert len(texts) > 100
    for text in texts:
        assert str(ROOT) not in text
        assert "file://" not in text


def walk(trailer):
    """Yield every value in a PDF that is no container, following each reference once."""
    seen, stack = set(), [trailer]
    while stack:
        value = stack.pop()
        if isinstance(value, pypdf.generic.IndirectObject):
            if value.idnum in seen:
                continue
            seen.add(value.idnum)
            value = value.get_object()
        if isinstance(value, dict):
            stack.extend(dict.values(value))
        elif isinstance(value, list):
            stack.extend(list.__iter__(value))
        else:
            yield value


def test_words_can_be_searched(texts):
    book = "".join(texts)
    assert "definition" in book
    assert not re.search("[\ufb00-\ufb04]", book)


def test_formulas_are_numbered_and_described(printed, texts):
    assert "(3.3)" in " ".join(texts)
    described = [str(value) for value in walk(printed.trailer) if "\\hat\\rho" in str(value)]
    assert len(described) > 10


def test_solutions_stand_at_the_end_and_exercises_say_where(printed, texts):
    start = next(page for _, title, page in outline(printed) if title.startswith("Solutions"))
    solutions = [n for n, text in enumerate(texts, start=1) if "Solution to" in text]
    assert solutions
    assert min(solutions) == start
    for text in texts[: start - 1]:
        for number in re.findall(r"Solution on page (\d+)", text):
            assert int(number) >= start
    assert sum(text.count("Solution on page") for text in texts) == sum(
        text.count("Solution to") for text in texts
    )


def pictures(page):
    """Yield (pixels wide, pixels high, width, height, left, bottom) of each picture, in points."""
    shown = []

    def look(operator, operands, matrix, _):
        if operator == b"Do":
            thing = page["/Resources"]["/XObject"][operands[0]]
            if thing["/Subtype"] == "/Image":
                shown.append((thing["/Width"], thing["/Height"], *matrix))

    page.extract_text(visitor_operand_before=look)
    for wide, high, a, b, c, d, left, bottom in shown:
        assert abs(b) + abs(c) < 1e-6
        yield wide, high, abs(a), abs(d), left, min(bottom, bottom + d)


def test_pictures_keep_their_shape_and_stay_between_the_margins(printed):
    seen = 0
    for number, page in enumerate(printed.pages, start=1):
        for wide, high, width, height, left, bottom in pictures(page):
            assert width / height == pytest.approx(wide / high, rel=0.02), number
            assert left > 22.5 * POINTS_PER_MM
            assert left + width < (210 - 22.5) * POINTS_PER_MM
            assert bottom > 17.5 * POINTS_PER_MM
            seen += 1
    assert seen >= 15


def test_a_heading_is_never_the_last_thing_on_its_page(printed):
    def places(items):
        for item in items:
            if isinstance(item, list):
                yield from places(item)
            else:
                yield item["/Title"], item["/Top"]

    tops = dict(places(printed.outline[1:]))  # "Contents" leads to a page, not to a place on it
    assert len(tops) > 20
    # The lower margin, the heading, and two lines of text.
    for title, top in tops.items():
        assert top > 18 * POINTS_PER_MM + 14 + 2 * 13, title


def test_what_comes_next_does_not_stand_alone(printed, texts):
    last = [text for text in texts if re.search(r"^Next$", text, re.MULTILINE)]
    assert len(last) == 2
    for text in last:
        assert text.count("Solution on page") >= 2


def test_pages_are_well_filled(printed):
    """White before a figure that did not fit is less than half a page, and rare."""
    starts = {page for level, title, page in outline(printed) if level == 1}
    starts.add(next(page for _, title, page in outline(printed) if title.startswith("Solutions")))
    foot, head = 18 * POINTS_PER_MM, (297 - 21) * POINTS_PER_MM
    white = []
    for number, page in enumerate(printed.pages, start=1):
        if number < min(starts) or number + 1 in starts or number == len(printed.pages):
            continue  # a chapter ends where it ends
        ends = [bottom for *_, bottom in pictures(page)]

        def look(text, matrix, text_matrix, *_, ends=ends):
            bottom = matrix[3] * text_matrix[5] + matrix[5]
            if text.strip() and bottom > foot:
                ends.append(bottom)

        page.extract_text(visitor_text=look)
        white.append((min(ends) - foot) / (head - foot))
    assert len(white) > 30
    assert max(white) < 0.45
    assert sum(white) / len(white) < 0.12


def test_what_moves_and_what_tests_is_left_to_the_notebook(texts):
    book = " ".join(" ".join(texts).split())
    assert "Fig. 4.7" in book  # the still picture of an interactive figure
    assert "widgets." not in book
    assert "Run this chapter" not in book
    assert "def kl_bernoulli(rho, rho_hat):" in book  # what a student writes
    assert "of this answer is in the notebook." in book
    assert "_np" not in book  # what tests it


def test_every_test_of_an_assignment_is_known(make_pdf):
    assignments = sorted((ROOT / "notebooks" / "assignments").glob("*.ipynb"))
    assert len(assignments) >= 4
    for notebook in assignments:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        tests = make_pdf.test_cells(notebook.relative_to(ROOT).with_suffix(".html"))
        assert len(tests) >= 10
        for place, source in enumerate(code):
            assert (place in tests) == ("numpy as _np" in source), (notebook.name, place)


def test_a_figure_is_drawn_by_the_size_that_matplotlib_was_told(make_pdf):
    dots = make_pdf.dots_per_inch([("", "notebooks/08-vector-field")])
    assert len(dots) >= 8
    assert len({round(value) for value in dots.values()}) > 1  # so the pixels alone do not tell it
    shown = {file.stem for file in (HTML / "_images").glob("*.webp")}
    assert set(dots) <= shown
