"""`aelib.whole.write`: the old file or the new one, and nothing beside it."""

import os

import pytest

from aelib import whole


def test_texts_and_bytes_arrive_as_they_are(tmp_path):
    path = tmp_path / "file"
    whole.write(path, "Cireşan\r\n…\n")
    assert path.read_bytes() == "Cireşan\r\n…\n".encode()
    whole.write(str(path), b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_what_fails_on_the_way_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, step):
    def full(*_):
        raise OSError("no space left on device")

    path = tmp_path / "file"
    whole.write(path, "old")
    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match="no space left"):
        whole.write(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_text_that_cannot_be_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    whole.write(path, "old")
    with pytest.raises(UnicodeEncodeError):
        whole.write(path, "half a pair: \ud83d")
    assert path.read_text() == "old"


def test_the_new_file_is_on_the_disk_before_it_takes_the_place(tmp_path, monkeypatch):
    order, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda *a: (order.append("fsync"), fsync(*a)))
    monkeypatch.setattr(os, "replace", lambda *a: (order.append("replace"), replace(*a)))
    whole.write(tmp_path / "file", "text")
    assert order == ["fsync", "replace"]
