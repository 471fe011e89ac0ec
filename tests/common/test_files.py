"""Files: whole or not at all, with a record; staleness by content."""

import json
from contextlib import suppress

import pytest

from common.files import digest, read_record, record_path, writing


def test_a_failed_write_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), writing(tmp_path / "x.csv", {}) as part:
        part.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_failed_rewrite_keeps_the_old_file(tmp_path):
    for text in ("old", "new"):
        with suppress(OSError), writing(tmp_path / "x.csv", {"text": text}) as part:
            part.write_text(text)
            if text == "new":
                raise OSError(28, "No space left on device")
    assert (tmp_path / "x.csv").read_text() == "old" and read_record(tmp_path / "x.csv")[
        "text"
    ] == "old"


def test_a_record_that_cannot_be_written_leaves_no_file_without_one(tmp_path):
    with pytest.raises(TypeError), writing(tmp_path / "x.csv", {("a", "tuple"): 1}) as part:
        part.write_text("whole")
    assert not (tmp_path / "x.csv").exists() and read_record(tmp_path / "x.csv") is None


def test_leftovers_of_killed_processes_go(tmp_path):
    (tmp_path / ".999999.x.csv").write_text("half")
    with writing(tmp_path / "x.csv", {}) as part:
        part.write_text("whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.csv", "x.csv.json"]


def test_digest_reads_again_only_what_changed(tmp_path):
    file = tmp_path / "x"
    file.write_text("a")
    first = digest(file)
    assert digest(file, first | {"sha256": "known"})["sha256"] == "known"
    file.write_text("bb")
    assert digest(file, first)["sha256"] != first["sha256"]


def test_a_broken_record_is_no_record(tmp_path):
    (tmp_path / "x").touch()
    record_path(tmp_path / "x").write_text('{"created":')
    assert read_record(tmp_path / "x") is None
    record_path(tmp_path / "x").write_text(json.dumps({"created": 1}))
    assert read_record(tmp_path / "x") == {"created": 1}
