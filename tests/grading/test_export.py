"""Grades for the learning management systems: a missing grade is empty, never a 0."""

import csv

import pytest
from classroom import filled, hand_in, release_of

from aelib.teach import students
from aelib.teach.__main__ import main
from aelib.teach.course import Course
from aelib.teach.export import export
from aelib.teach.grade import grade
from aelib.teach.students import Student

RIGHT = {"square": "def square(x):\n    return x * x", "written": "It is a product."}
CLASS = [
    Student("ann", "Ann", 'O"Hara', "ann@example.org", "11"),
    Student("ben", "Ben", "Smith, Jr", "ben@example.org", "12"),
    Student("cy", "Cy", "=cmd|evil", "cy@example.org", "13"),
    Student("di", "Di", "Absent", "di@example.org", "14"),
]


@pytest.fixture
def course(toy_course, sandboxed):
    course = Course(toy_course)
    students.add(course, CLASS)
    release = release_of(toy_course, "toy")
    hand_in(toy_course, "toy", "ann", filled(release, RIGHT))
    hand_in(toy_course, "toy", "ben", filled(release, {"square": "def square(x):\n    return 4.0"}))
    hand_in(toy_course, "toy", "cy", {"cells": []})
    grade(course, "toy", show_progress=False)
    return course


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_nbgraders_columns(course, tmp_path):
    target = tmp_path / "grades.csv"
    export(course, "toy", target)
    found = {row["student_id"]: row for row in rows(target)}
    assert list(found) == ["ann", "ben", "cy", "di"]
    # Ann's written answer waits for a person; Ben wrote none, so nothing waits.
    assert found["ann"]["score"] == ""
    assert found["ann"]["raw_score"] == "3"
    assert found["ann"]["reason"] == "written answers wait to be graded"
    assert (found["ben"]["score"], found["ben"]["reason"]) == ("1", "")
    assert found["cy"]["score"] == ""
    assert "no cell of this assignment" in found["cy"]["reason"]
    assert (found["di"]["score"], found["di"]["reason"]) == ("", "no submission")
    assert found["ben"]["last_name"] == "Smith, Jr"
    assert found["ann"]["last_name"] == 'O"Hara'
    assert found["ann"]["max_score"] == "5"


def test_a_graded_written_answer_completes_the_grade(course, tmp_path):
    with course.gradebook() as gradebook:
        given = gradebook.find_grade("written", "toy", "toy", "ann")
        given.manual_score, given.needs_manual_grade = 1.5, False
        gradebook.db.commit()
    export(course, "toy", tmp_path / "grades.csv")
    assert rows(tmp_path / "grades.csv")[0]["score"] == "4.5"


def test_canvas(course, tmp_path):
    template = tmp_path / "canvas.csv"
    template.write_text(
        "Student,ID,SIS User ID,SIS Login ID,Section,toy (99),Final (100)\n"
        "    Points Possible,,,,,5,100\n"
        '"O""Hara, Ann",11,u11,ann,A,,50\n'
        '"Smith, Jr, Ben",12,u12,ben,A,,60\n'
        '"Evil, Cy",13,u13,cy,A,2,70\n',
        encoding="utf-8",
    )
    export(course, "toy", tmp_path / "out.csv", columns="canvas", template=template,
           unfinished=True)  # fmt: skip
    found = rows(tmp_path / "out.csv")
    # Cy's new submission could not be graded: an older grade does not stay.
    assert [row["toy (99)"] for row in found] == ["5", "3", "1", ""]
    assert [row["Final (100)"] for row in found] == ["100", "50", "60", "70"]
    export(course, "toy", tmp_path / "plain.csv", columns="canvas", unfinished=True)
    plain = rows(tmp_path / "plain.csv")
    assert [row["toy"] for row in plain] == ["3", "1", "", ""]
    assert list(plain[0])[:5] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    assert plain[1]["Student"] == "Smith, Jr, Ben"


def test_moodle(course, tmp_path):
    worksheet = tmp_path / "worksheet.csv"
    worksheet.write_text(
        "Identifier,Full name,Email address,Status,Grade,Maximum Grade\n"
        "Participant 501,Ben Smith,ben@example.org,Submitted,,5.00\n"
        "Participant 502,Nobody Known,nobody@example.org,,,5.00\n",
        encoding="utf-8",
    )
    export(course, "toy", tmp_path / "out.csv", columns="moodle", template=worksheet)
    assert [row["Grade"] for row in rows(tmp_path / "out.csv")] == ["1", ""]
    export(course, "toy", tmp_path / "plain.csv", columns="moodle", unfinished=True)
    plain = {row["Email address"]: row for row in rows(tmp_path / "plain.csv")}
    assert plain["ann@example.org"]["toy"] == "3"
    assert plain["cy@example.org"]["toy"] == ""
    assert "no cell of this assignment" in plain["cy@example.org"]["Feedback comments"]


def test_what_cannot_be_exported_says_why(course, tmp_path):
    wrong = tmp_path / "other.csv"
    wrong.write_text("Student,ID,quiz (1)\nAnn,11,\n", encoding="utf-8")
    with pytest.raises(ValueError, match="one column for the grades of 'toy'"):
        export(course, "toy", tmp_path / "out.csv", columns="canvas", template=wrong)
    assert not (tmp_path / "out.csv").exists()
    with pytest.raises(FileNotFoundError, match=r"gone\.csv is not there: name the downloaded"):
        export(
            course, "toy", tmp_path / "out.csv", columns="canvas", template=tmp_path / "gone.csv"
        )
    with pytest.raises(ValueError, match="columns must be one of"):
        export(course, "toy", tmp_path / "out.csv", columns="blackboard")
    with pytest.raises(ValueError, match=r"the assignments here are \['toy'\]"):
        export(course, "tow", tmp_path / "out.csv")
    with pytest.raises(ValueError, match="one column 'Grade', as Moodle's grading worksheet"):
        export(course, "toy", tmp_path / "out.csv", columns="moodle", template=wrong)
    (course.root / "gradebook.db").unlink()
    with pytest.raises(ValueError, match=r"put gradebook\.db back"):
        export(course, "toy", tmp_path / "out.csv")


def test_a_grade_without_a_row_is_told_and_not_counted(course, tmp_path, capsys):
    worksheet = tmp_path / "worksheet.csv"
    worksheet.write_text("Identifier,Email address,Grade\nParticipant 1,ann@example.org,\n")
    words = ["--format", "moodle", "--template", str(worksheet), "--unfinished"]
    assert main(["export", "toy", "--course", str(course.root), *words]) == 0
    said = capsys.readouterr().out
    assert "ben                      1 points, but no row in worksheet.csv: enter them" in said
    assert "1 of 4 grades in" in said


def test_whoever_the_list_knows_otherwise_gets_the_grade_of_the_files(course, tmp_path):
    # On the list as "di" with an address; Moodle's files made a second person of her.
    students.add(course, [Student("Di-Missing-77", "Di", "Missing")])
    hand_in(course.root, "toy", "Di-Missing-77", filled(release_of(course.root, "toy"), RIGHT))
    grade(course, "toy", show_progress=False)
    worksheet = tmp_path / "worksheet.csv"
    worksheet.write_text(
        "Identifier,Full name,Email address,Grade\n"
        "Participant 77,Di Missing,di@example.org,\n"
        "Participant 78,Di Missing,di@example.org,\n",
        encoding="utf-8",
    )
    export(course, "toy", tmp_path / "out.csv", columns="moodle", template=worksheet,
           unfinished=True)  # fmt: skip
    assert [row["Grade"] for row in rows(tmp_path / "out.csv")] == ["3", ""]


def test_nobody_gets_the_grade_of_another(toy_course, tmp_path, sandboxed):
    course = Course(toy_course)
    students.add(
        course,
        [
            Student("1", "Ada", "Love", lms_user_id="2"),
            Student("2", "Ben", "Li", lms_user_id="7"),
            Student("Ada-Love-99", "Ada", "Love"),
            Student("Eve-Os-5", "Eve", "Os"),
        ],
    )
    release = release_of(toy_course, "toy")
    half = {"square": "def square(x):\n    return 4.0"}
    hand_in(toy_course, "toy", "1", filled(release, {"square": RIGHT["square"]}))
    hand_in(toy_course, "toy", "2", filled(release, half))
    hand_in(toy_course, "toy", "Eve-Os-5", filled(release, half))
    grade(course, "toy", show_progress=False)
    worksheet = tmp_path / "worksheet.csv"
    worksheet.write_text(
        "Identifier,Full name,Email address,Grade,Note,Note\n"
        "Participant 1,Ben Li,,,a,b\n"  # Moodle's numbers are not the students' ids
        "Participant 2,Ada Love,,,a,b\n"
        "Participant 3,Ada Love,,,a,b\n"
        "Participant 5,Somebody Else,,9,a,b\n"
        "short,row\n",
        encoding="utf-8",
    )
    # An id that only looks like one of Moodle's numbers wins over no address.
    students.add(course, [Student("bob", "Bob", "Baker", "bob@example.org")])
    with worksheet.open("a", encoding="utf-8") as file:
        file.write("Participant 5,Bob Baker,bob@example.org,,a,b\n")
    export(course, "toy", tmp_path / "out.csv", columns="moodle", template=worksheet)
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.reader(file))
    assert [row[3] for row in table[1:5]] == ["1", "", "", "1"]
    assert table[0][4:] == ["Note", "Note"]
    assert table[1][4:] == ["a", "b"]
    assert table[5] == ["short", "row"]
    assert table[6][3] == ""
    canvas = tmp_path / "canvas.csv"
    canvas.write_text("Student,ID,SIS Login ID,toy (9)\nLove,2,1,\nLi,7,2,\n", encoding="utf-8")
    export(course, "toy", tmp_path / "out.csv", columns="canvas", template=canvas)
    assert [row["toy (9)"] for row in rows(tmp_path / "out.csv")] == ["3", "1"]
    canvas.write_bytes("Student,ID,toy\nJos\xe9,2,\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"canvas\.csv is not UTF-8"):
        export(course, "toy", tmp_path / "out.csv", columns="canvas", template=canvas)
