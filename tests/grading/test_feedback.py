"""Feedback pages: none shows a 0 for an answer that nobody has read, and none outlives its grade.

The submissions are a few harmless lines, so they run here without the sandbox.
"""

import nbformat
import pytest
from bs4 import BeautifulSoup
from classroom import EXERCISES, cell_of, filled, hand_in, release_of

from aelib.teach.__main__ import main
from aelib.teach.course import Course
from aelib.teach.export import grades
from aelib.teach.feedback import feedback, headings
from aelib.teach.grade import grade

RIGHT = {"square": "def square(x):\n    return x * x", "written": "It is a product."}


@pytest.fixture
def course(toy_course):
    """A course in which Ann's written answer waits, and Ben wrote none."""
    release = release_of(toy_course, "toy")
    hand_in(toy_course, "toy", "ann", filled(release, RIGHT))
    hand_in(toy_course, "toy", "ben", filled(release, {"square": RIGHT["square"]}))
    course = Course(toy_course)
    grade(course, "toy", sandboxed=False, show_progress=False)
    return course


def grade_by_hand(course, student, points):
    with course.gradebook() as gradebook:
        given = gradebook.find_grade("written", "toy", "toy", student)
        given.manual_score, given.needs_manual_grade = points, False
        gradebook.db.commit()


def page_of(course, student):
    return course.root / "feedback" / student / "toy" / "toy.html"


def text_of(page):
    return " ".join(BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").text.split())


def test_an_answer_that_nobody_has_read_is_no_zero(course, capsys):
    written, refused = feedback(course, "toy", show_progress=False)
    assert written == [page_of(course, "ben")]
    # The words are those of the export.
    assert refused == {g.student.id: g.reason for g in grades(course, "toy") if g.reason}
    assert refused == {"ann": "written answers wait to be graded"}
    assert not page_of(course, "ann").exists()
    assert main(["feedback", "toy", "--course", str(course.root)]) == 1
    assert "ann                      no feedback: written answers wait" in capsys.readouterr().out


def test_an_unfinished_page_says_what_is_not_graded_yet(course, capsys):
    assert main(["feedback", "toy", "--unfinished", "--course", str(course.root)]) == 0
    assert "2 written" in capsys.readouterr().out
    text = text_of(page_of(course, "ann"))
    assert "(Score: 3.0 / 5.0 so far; 2 of these points not graded yet)" in text
    assert text.count("not graded yet") == 3
    assert "0.0 / 2.0" not in text
    # A blank answer has its 0, and a page without a word of this.
    assert "not graded yet" not in text_of(page_of(course, "ben"))

    grade_by_hand(course, "ann", 1.5)
    assert feedback(course, "toy", show_progress=False)[1] == {}
    text = text_of(page_of(course, "ann"))
    assert "(Score: 4.5 / 5.0)" in text
    assert "not graded yet" not in text

    # Graded again, the points given by hand are kept for a second look.
    grade(course, "toy", students=["ann"], again=True, sandboxed=False, show_progress=False)
    assert "ann" in feedback(course, "toy", show_progress=False)[1]
    feedback(course, "toy", unfinished=True, show_progress=False)
    assert "Score: 1.5 / 2.0, not final yet" in text_of(page_of(course, "ann"))


def test_an_empty_written_answer_is_noted_and_looked_for_in_added_cells(toy_course, capsys):
    release = release_of(toy_course, "toy")
    text = {"cell_type": "markdown", "metadata": {}, "source": "It is a product of equals."}
    short = {**text, "source": "Nothing to say here"}
    code = {**text, "cell_type": "code", "source": "product = 'It is a product of equals.'"}
    comment = {**code, "source": "# It is a product of equals."}
    browser = {**text, "id": "in-your-browser", "source": "```{tip} This copy runs\nSelect.\n```"}
    added = {"untouched": [short, code, browser], "elsewhere": [text], "comment": [comment]}
    added["prose"] = [{**code, "source": "It is a product of equals."}]
    below_the_note = browser["source"] + "\nIt is a product of equals.\n```\nx * x\n```"
    added["note"] = [{**browser, "source": below_the_note}]
    for name, cells in added.items():
        notebook = filled(release, {"square": RIGHT["square"]})
        notebook["cells"] += cells
        hand_in(toy_course, "toy", name, notebook)
    below = "".join(cell_of(release, "title")["source"]) + "\n\nIt is a product of equals."
    notebook = filled(release, {"square": RIGHT["square"], "title": below})
    hand_in(toy_course, "toy", "question", notebook)
    over = filled(release, {"square": RIGHT["square"], "title": "It is a product of equals."})
    hand_in(toy_course, "toy", "over", over)
    hand_in(toy_course, "toy", "blank", filled(release, {**RIGHT, "written": " \n"}))
    hand_in(toy_course, "toy", "written", filled(release, RIGHT))
    assert main(["grade", "toy", "--no-sandbox", "--course", str(toy_course)]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    for name, by_hand, note in (
        ("untouched", False, "written: written answer empty"),
        ("elsewhere", True, "written: written answer empty, but there is text elsewhere"),
        *(
            (name, True, "written: written answer empty, but there is text elsewhere")
            for name in ("comment", "prose", "note", "question", "over")
        ),
        ("blank", True, "written: written answer empty"),
        ("written", True, ""),
    ):
        assert ("+ by hand" in lines[name]) == by_hand, lines[name]
        assert note in lines[name]
        assert ("empty" in lines[name]) == bool(note)
    waiting = {g.student.id for g in grades(Course(toy_course), "toy") if g.reason}
    expected = {*added, "question", "over", "blank", "written"} - {"untouched"}
    assert waiting == expected
    graded = toy_course / "autograded" / "question" / "toy" / "toy.ipynb"
    assert "It is a product of equals." in graded.read_text(encoding="utf-8")


def test_a_page_does_not_outlive_the_submission_that_it_is_about(course):
    feedback(course, "toy", unfinished=True, show_progress=False)
    earlier = page_of(course, "ben").read_bytes()
    hand_in(course.root, "toy", "ben", filled(release_of(course.root, "toy"), RIGHT))
    written, refused = feedback(course, "toy", unfinished=True, show_progress=False)
    assert written == [page_of(course, "ann")]
    said, _, place = refused["ben"].partition("; the earlier page is in ")
    assert said == "handed in again since it was graded: grade it first"
    assert place.startswith("superseded/ben/toy/")
    assert (course.root / place / "toy.html").read_bytes() == earlier
    assert not page_of(course, "ben").parent.exists()
    # There is nothing to move the second time.
    assert feedback(course, "toy", unfinished=True, show_progress=False)[1] == {"ben": said}


def test_a_page_has_a_language_a_title_and_links_that_say_where_they_lead(course):
    feedback(course, "toy", unfinished=True, show_progress=False)
    page = BeautifulSoup(page_of(course, "ann").read_text(encoding="utf-8"), "html.parser")
    assert page.html["lang"] == "en"
    assert page.title.text == "Feedback: toy"
    links = {link["href"]: link.text for link in page.find(id="toc").find_all("a")}
    assert links == {
        "#test-visible": "Squares: test-visible",
        "#test-partial": "Squares: test-partial",
        "#written": "Squares: your answer",
    }


def test_links_are_named_by_the_part_and_not_by_its_points():
    nb = nbformat.read(EXERCISES / "delta" / "delta.ipynb", as_version=4)
    found = headings(nb)
    assert found["test-output-mean"] == "Part 3: the output delta"
    assert found["test-together"] == "Part 6: the whole loss and its gradient"
    assert found["written-answer"] == "Part 9: in your own words"
    assert len(found) == 17
