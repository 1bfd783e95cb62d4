"""The printed book: two of its pages, printed as `make pdf` prints all, and read back."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pypdf
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
PROGRAM = ROOT / "book" / "print" / "make_pdf.py"
PAGES = ["book/notation", "notebooks/03-sparsity-constraint"]


@pytest.fixture(scope="module")
def make_pdf():
    spec = importlib.util.spec_from_file_location("make_pdf", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def printed(browser, tmp_path_factory):
    """The PDF of two pages, read by another library than the one that wrote it."""
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
        if title not in ("Start here", "Chapters"):  # a part has no page of its own
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
