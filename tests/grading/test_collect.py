"""Submissions as learning management systems give them out."""

import json
import zipfile
from pathlib import Path

import pytest
from classroom import filled, release_of

from aelib.teach import students
from aelib.teach.__main__ import main
from aelib.teach.collect import collect
from aelib.teach.course import Course
from aelib.teach.students import Student


@pytest.fixture
def course(toy_course):
    return Course(toy_course)


def packed(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def files_of(course, student):
    folder = course.root / "submitted" / student / "toy"
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_moodle_with_a_folder_for_each_student(course, tmp_path):
    students.add(course, [Student("s17", "Ada", "Lovelace", "ada@example.org")])
    path = packed(
        tmp_path / "moodle.zip",
        {
            "Ada Lovelace_4711_assignsubmission_file_/toy.ipynb": "ada's",
            "José de la Cruz_4712_assignsubmission_file_/toy.ipynb": "jose's",
            "José de la Cruz_4712_assignsubmission_file_/notes/extra.txt": "more",
        },
    )
    result = collect(course, "toy", path)
    assert files_of(course, "s17") == {"toy.ipynb": "ada's"}
    assert files_of(course, "José-de-la-Cruz-4712") == {
        "notes/extra.txt": "more",
        "toy.ipynb": "jose's",
    }
    assert any("not on the class list" in note for note in result.notes)
    unknown = next(s for s in students.of_course(course) if s.id.startswith("José"))
    assert (unknown.first_name, unknown.last_name) == ("José de la", "Cruz")


def test_moodle_without_folders(course, tmp_path):
    path = packed(
        tmp_path / "moodle.zip",
        {"Ada Lovelace_4711_assignsubmission_file_my toy.ipynb": "ada's"},
    )
    collect(course, "toy", path)
    assert files_of(course, "Ada-Lovelace-4711") == {"my toy.ipynb": "ada's"}


def test_two_students_of_one_name_stay_apart(course, tmp_path):
    students.add(course, [Student("s1", "Kim", "Lee"), Student("s2", "Kim", "Lee")])
    path = packed(
        tmp_path / "moodle.zip",
        {
            "Kim Lee_1_assignsubmission_file_/toy.ipynb": "one",
            "Kim Lee_2_assignsubmission_file_/toy.ipynb": "two",
        },
    )
    collect(course, "toy", path)
    assert files_of(course, "Kim-Lee-1") == {"toy.ipynb": "one"}
    assert files_of(course, "Kim-Lee-2") == {"toy.ipynb": "two"}
    assert not files_of(course, "s1")


def test_canvas_knows_its_students_by_number(course, tmp_path):
    gradebook = tmp_path / "canvas.csv"
    gradebook.write_text(
        "Student,ID,SIS User ID,SIS Login ID,Section,toy (99)\n"
        "    Points Possible,,,,,5\n"
        '"Lovelace, Ada",71,u71,ada17,A,\n'
        '"Babbage, Jr, Charles",72,u72,charles,A,\n'
        '"Student, Test",73,,,A,\n',
        encoding="utf-8",
    )
    read = students.read_list(gradebook)
    assert [(s.id, s.lms_user_id) for s in read] == [("ada17", "71"), ("charles", "72")]
    assert read[0].first_name == "Ada"
    students.add(course, read)
    path = packed(
        tmp_path / "submissions.zip",
        {
            "lovelaceada_LATE_71_5001_toy-2.ipynb": "ada's",
            "lovelaceada_LATE_71_5003_more.txt": "ada's too",
            "babbagejrcharles_72_5002_toy.ipynb": "charles's",
        },
    )
    assert collect(course, "toy", path).notes == ["ada17: late (Canvas)"]
    assert files_of(course, "ada17") == {"more.txt": "ada's too", "toy.ipynb": "ada's"}
    assert files_of(course, "charles") == {"toy.ipynb": "charles's"}


def test_a_folder_of_folders_or_of_notebooks(course, tmp_path):
    folder = tmp_path / "in"
    (folder / "ann").mkdir(parents=True)
    (folder / "ann" / "toy.ipynb").write_text("ann's")
    (folder / "ben.ipynb").write_text("ben's")
    (folder / "link").symlink_to(Path(__file__))
    result = collect(course, "toy", folder)
    assert result.new == ["ann", "ben"]
    assert files_of(course, "ann") == {"toy.ipynb": "ann's"}
    assert files_of(course, "ben") == {"ben.ipynb": "ben's"}


def test_two_folders_are_never_taken_for_one_student(course, tmp_path):
    for name in ("a b", "a-b"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "toy.ipynb").write_text(name)
    with pytest.raises(ValueError, match="'a b' and 'a-b' would be one student"):
        collect(course, "toy", tmp_path / "in")
    assert not (course.root / "submitted").exists()


def test_a_later_submission_replaces_an_earlier_one_and_loses_nothing(course, tmp_path):
    folder = tmp_path / "in"
    (folder / "ann").mkdir(parents=True)
    (folder / "ann" / "toy.ipynb").write_text("first")
    assert collect(course, "toy", folder).new == ["ann"]
    assert collect(course, "toy", folder).same == ["ann"]
    (folder / "ann" / "toy.ipynb").write_text("second")
    assert collect(course, "toy", folder).changed == ["ann"]
    assert files_of(course, "ann") == {"toy.ipynb": "second"}
    kept = list((course.root / "superseded" / "ann" / "toy").rglob("toy.ipynb"))
    assert [path.read_text() for path in kept] == ["first"]
    assert (folder / "ann" / "toy.ipynb").read_text() == "second"


def test_a_zip_cannot_write_outside_its_student(course, tmp_path):
    path = packed(
        tmp_path / "evil.zip",
        {
            "ann/../../../escaped.ipynb": "one",
            "/etc/escaped.ipynb": "two",
            "../up.ipynb": "three",
            "ann/toy.ipynb": "four",
        },
    )
    collect(course, "toy", path)
    inside = {p for p in tmp_path.rglob("*.ipynb") if "escaped" in p.name or p.name == "up.ipynb"}
    assert all((course.root / "submitted") in p.parents for p in inside)
    assert not Path("/etc/escaped.ipynb").exists()
    assert files_of(course, "ann")["toy.ipynb"] == "four"


def test_a_zip_bomb_is_left_out(course, tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ann/toy.ipynb", bytes(201 * 2**20))
        archive.writestr("ben/toy.ipynb", "small")
    result = collect(course, "toy", path)
    assert result.new == ["ben"]
    assert any("left out" in note for note in result.notes)


def test_what_is_no_submission_is_refused(course, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no submission"):
        collect(course, "toy", tmp_path / "empty")
    text = tmp_path / "class.txt"
    text.write_text("hello")
    with pytest.raises(ValueError, match="neither a folder nor a zip"):
        collect(course, "toy", text)
    with pytest.raises(FileNotFoundError, match=r"gone\.zip is not there: name the zip or folder"):
        collect(course, "toy", tmp_path / "gone.zip")
    with pytest.raises(ValueError, match="assignments here"):
        collect(course, "nothing", tmp_path / "empty")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,age\nAda,36\n", "nothing to know the student by"),
        ("id,first_name\ns1,Ada\ns1,Bo\n", "more than one student"),
        ("id,first_name\n", "no student"),
        ("id\n///\n", "cannot be the id"),
    ],
)
def test_a_class_list_that_cannot_be_read_says_why(tmp_path, text, message):
    path = tmp_path / "list.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        students.read_list(path)


def test_a_class_list_that_is_not_there_says_where_it_is_looked_for(course, capsys):
    assert main(["students", "gone.csv", "--course", str(course.root)]) == 2
    said = capsys.readouterr().err
    assert "gone.csv is not there: name the class list by its path, or put it into" in said


def test_a_class_list_in_another_encoding_says_what_to_do(tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes("id,first_name\ns1,José\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"list\.csv is not UTF-8 text"):
        students.read_list(path)


def test_moodles_participants_are_known_by_their_number_or_mail(tmp_path):
    path = tmp_path / "participants.csv"
    path.write_text(
        "\ufeffFirst name,Last name,ID number,Email address\n"
        "Ada,Lovelace,17,ada@example.org\nBo,Bit,,bo@example.org\n",
        encoding="utf-8",
    )
    assert [s.id for s in students.read_list(path)] == ["17", "bo@example.org"]


def test_a_collected_notebook_is_graded(course, tmp_path, sandboxed):
    from aelib.teach.grade import grade

    answers = {"square": "def square(x):\n    return x * x"}
    notebook = filled(release_of(course.root, "toy"), answers)
    path = packed(
        tmp_path / "moodle.zip",
        {"Ada Lovelace_4711_assignsubmission_file_/toy.ipynb": json.dumps(notebook)},
    )
    collect(course, "toy", path)
    summary = grade(course, "toy", show_progress=False)
    assert [(o.student, o.reason) for o in summary.outcomes] == [("Ada-Lovelace-4711", "")]
