"""Cutting a csv in parts and putting it together: the same bytes back, and every kind of damage
named with the part to run again."""

import csv
import io
import json
import os

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from common.errors import UserError
from pipeline import parts as module
from pipeline.csv_records import read_table
from pipeline.parts import merge_csv, split_csv

CELLS = st.text(
    st.one_of(st.sampled_from(",\"\n\r\t ;'\u2028\x0b"), st.characters(codec="utf-8")), max_size=6
)


@st.composite
def tables(draw):
    """(rows of cells, header first; how they are written: line ending, byte order mark, whether the
    last line is ended, quotes)."""
    width, ids = (
        draw(st.integers(2, 4)),
        draw(st.lists(CELLS.filter(str.strip), min_size=2, max_size=9, unique=True)),
    )
    rows = [[id, *draw(st.lists(CELLS, min_size=width - 1, max_size=width - 1))] for id in ids]
    rows[0][1:] = [f"column {i}" for i in range(1, width)]
    rows[0][0] = "the id" if rows[0][0].startswith("column") else rows[0][0].replace("\ufeff", "x")
    return (
        rows,
        draw(st.sampled_from(["\n", "\r\n", "\r"])),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.booleans()),
    )


def written(rows, ending="\n", mark=False, ended=True, all_quoted=True) -> bytes:
    text = io.StringIO()
    plain = not all_quoted and not any(
        "\r" in cell or "\n" in cell for row in rows for cell in row
    )  # 3.11 leaves them bare
    csv.writer(
        text, lineterminator=ending, quoting=csv.QUOTE_MINIMAL if plain else csv.QUOTE_ALL
    ).writerows(rows)
    return (
        ("\ufeff" if mark else "") + text.getvalue()[: None if ended else -len(ending)]
    ).encode()


def parsed(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(tables(), st.integers(1, 8), st.data())
def test_any_csv_comes_back_with_the_same_bytes(tmp_path, monkeypatch, table, n, data):
    monkeypatch.setattr(
        os, "fsync", lambda fd: None
    )  # a thousand of them are most of the time, and not what is tested here
    rows, ending, mark, ended, all_quoted = table
    n, folder = min(n, len(rows) - 1), tmp_path / "parts"
    for path in folder.glob("*"):
        path.unlink()
    (tmp_path / "all.csv").write_bytes(written(*table))
    manifest = split_csv(tmp_path / "all.csv", folder, n)
    assert merge_csv(folder, tmp_path / "out.csv") == {"rows": len(rows) - 1, "parts": n}
    assert (tmp_path / "out.csv").read_bytes() == written(rows, ending, mark, True, all_quoted)
    cut = [parsed((folder / part["name"]).read_bytes()) for part in manifest["parts"]]
    assert [row for part in cut for row in part[1:]] == rows[1:] and all(
        part[0] == rows[0] for part in cut
    )
    sizes = [part["rows"] for part in manifest["parts"]]
    assert sizes == [len(part) - 1 for part in cut] and max(sizes) - min(sizes) <= 1
    # worked on by somebody whose tool writes in its own way and order, with an answer: the same
    # rows in the first order
    worked = [
        data.draw(st.permutations([[*row, "12.5 gram, or 1\n2"] for row in part[1:]]))
        for part in cut
    ]
    for part, more in zip(manifest["parts"], worked, strict=True):
        (folder / part["name"]).write_bytes(
            written([[*rows[0], "answer"], *more], data.draw(st.sampled_from(["\n", "\r\n"])))
        )
    merge_csv(folder, tmp_path / "out.csv")
    assert parsed((tmp_path / "out.csv").read_bytes()) == [
        [*rows[0], "answer"],
        *([*row, "12.5 gram, or 1\n2"] for row in rows[1:]),
    ]


ALL = "image,index,kind\n" + "".join(f"{i}.jpg,{2 * i},depth\n" for i in range(10))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "test.csv").write_text(ALL)
    split_csv(tmp_path / "test.csv", tmp_path / "parts", 4, "index")
    return tmp_path / "parts"


def test_the_manifest_says_what_each_part_holds(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert {key: manifest[key] for key in ("file", "rows", "columns", "id")} == {
        "file": "test.csv",
        "rows": 10,
        "columns": ["image", "index", "kind"],
        "id": "index",
    }
    assert [(p["name"], p["rows"], p["first"], p["last"]) for p in manifest["parts"]] == [
        ("part_000.csv", 2, "0", "2"),
        ("part_001.csv", 3, "4", "8"),
        ("part_002.csv", 2, "10", "12"),
        ("part_003.csv", 3, "14", "18"),
    ]
    assert (
        len({p["sha256"] for p in manifest["parts"]}) == 4
        and len((folder / "manifest.json").read_text().splitlines()) == 5
    )


@pytest.mark.parametrize(
    "text, n, says",
    [
        ("", 1, "its first line must be distinct columns, an id among them; it is ''"),
        ("a,b\n", 1, "it has no rows"),
        ("a,b\n\n\n", 1, "it has no rows"),
        ("a,b\n1,2\n3\n", 1, "line 3 has 1 cells, the header 2"),
        ("a,b\n1,2,3\n", 1, "line 2 has 3 cells, the header 2"),
        ("a,a\n1,2\n", 1, "distinct columns, an id among them; it is 'a,a'"),
        ("a,b\n1,2\n1,3\n", 1, "none empty: a is '1' 2 times"),
        ("a,b\n,2\n2,3\n", 1, "none empty: a is '' 1 times"),
        ('a,b\n1,"2\n3,4\n', 1, "line 3: unexpected end of data"),
        ("a,b\n1,2\n3,4\n", 3, "has 2 rows and cannot be cut in 3 parts"),
        ("a,b\n1,2\n", 0, "cannot be cut in 0 parts"),
        (b"a,b\n1,\xff\n", 1, "utf-8"),
    ],
)
def test_what_is_no_table_is_not_split(tmp_path, text, n, says):
    (tmp_path / "x.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=says):
        split_csv(tmp_path / "x.csv", tmp_path / "parts", n)
    assert not (tmp_path / "parts").exists()


def test_the_id_column_must_be_there(folder):
    with pytest.raises(
        UserError, match="distinct columns, id among them; it is 'image,index,kind'"
    ):
        split_csv(folder.parent / "test.csv", folder.parent / "other", 4, "id")
    with pytest.raises(UserError, match="cannot split .*none.csv: .*No such file"):
        split_csv(folder.parent / "none.csv", folder.parent / "other", 4)


def test_a_stopped_split_goes_on_and_work_is_never_overwritten(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "manifest.json").unlink()
    (folder / "part_002.csv").unlink()

    def split(n=4):
        return split_csv(folder.parent / "test.csv", folder, n, "index")

    split()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    (folder / "part_002.csv").write_text("index,answer\n10,1 gram\n12,\n")
    with pytest.raises(
        UserError,
        match="holds part_002.csv of another split, or worked on since; name another folder",
    ):
        split()
    with pytest.raises(UserError, match="holds manifest.json and 4 more of another split"):
        split(2)
    assert (folder / "part_002.csv").read_text() == "index,answer\n10,1 gram\n12,\n"


def test_the_manifest_comes_last(tmp_path, monkeypatch):
    replacing = module.replacing

    def full(path):
        if path.name == "part_002.csv":
            raise OSError(28, "No space left on device")
        return replacing(path)

    (tmp_path / "test.csv").write_text(ALL)
    monkeypatch.setattr(module, "replacing", full)
    with pytest.raises(OSError, match="No space left"):
        split_csv(tmp_path / "test.csv", tmp_path / "parts", 4)
    assert "manifest.json" not in {path.name for path in (tmp_path / "parts").iterdir()}


DAMAGE = {
    "part_001.csv: is not there": lambda text: None,
    "part_001.csv: its first line must be": lambda text: "",
    "part_001.csv: it has no rows": lambda text: "image,index,kind\n",
    "1 of its 3 rows are missing, e.g. index 6": lambda text: text.replace("3.jpg,6,depth\n", ""),
    "none empty: index is '6' 2 times": lambda text: text + "x.jpg,6,width\n",
    "none empty: index is '' 1 times": lambda text: text.replace(",6,", ",,"),
    "1 of its 4 rows are not its own, e.g. index 99 of no part": lambda text: (
        text + "x.jpg,99,width\n"
    ),
    "1 of its 4 rows are not its own, e.g. index 12 of part_002.csv": lambda text: (
        text + "6.jpg,12,depth\n"
    ),
    "1 of its 3 rows are missing, e.g. index 6; 1 of its 3 rows are not its own, e.g. "
    "index 6.0 of no part": lambda text: text.replace(",6,", ",6.0,"),
    "line 3 has 2 cells, the header 3": lambda text: text.replace(",6,depth", ",6"),
    "line 4 has 2 cells, the header 3": lambda text: text[:-7],
    "line is not ended and may be half written": lambda text: text[:-3],
    "line 4: unexpected end of data": lambda text: text[:-6] + '"dept',
    "distinct columns, index among them; it is 'image,id,kind'": lambda text: text.replace(
        "index", "id"
    ),
    "utf-8": lambda text: b"\xff" + text.encode(),
}


@pytest.mark.parametrize("says", DAMAGE)
def test_damage_is_named_with_the_part_to_run_again(folder, says):
    file, damaged = folder / "part_001.csv", DAMAGE[says]((folder / "part_001.csv").read_text())
    file.unlink() if damaged is None else file.write_bytes(
        damaged if isinstance(damaged, bytes) else damaged.encode()
    )
    with pytest.raises(UserError, match=says) as stop:
        merge_csv(folder, folder.parent / "out.csv")
    assert (
        str(stop.value).endswith("parts to run again: 1") and len(str(stop.value).splitlines()) == 3
    )
    assert not (folder.parent / "out.csv").exists()


def test_parts_not_worked_on_are_told_from_those_that_were(folder):
    (folder / "part_003.csv").write_text("index,answer\n14,1 gram\n16,\n18,\n")
    with pytest.raises(
        UserError,
        match="part_000.csv and 2 more: has the columns image, index, kind; others have index, "
        "answer\n",
    ):
        merge_csv(folder, folder.parent / "out.csv")
    for i, ids in enumerate(((0, 2), (4, 6, 8), (10, 12))):
        columns = "answer,index" if i == 1 else "index,answer"
        (folder / f"part_00{i}.csv").write_text(
            columns + "\n" + "".join(f"{id},{id}\n" for id in ids)
        )
    with pytest.raises(
        UserError,
        match="  part_001.csv: has the columns answer, index; others have index, answer\n  "
        "parts to run again: 1$",
    ):
        merge_csv(folder, folder.parent / "out.csv")


def test_a_stray_part_is_named_and_a_message_has_ten_lines_at_most(tmp_path):
    (tmp_path / "test.csv").write_text("index\n" + "".join(f"{i}\n" for i in range(40)))
    split_csv(tmp_path / "test.csv", tmp_path / "parts", 20)
    (tmp_path / "parts/part_020.csv").write_text("index\n40\n")
    for i in (0, *range(3, 15), 19):
        (tmp_path / f"parts/part_{i:03d}.csv").write_text(f"index\n{2 * i}\n")
    with pytest.raises(UserError) as stop:
        merge_csv(tmp_path / "parts", tmp_path / "out.csv")
    lines = str(stop.value).splitlines()
    assert len(lines) == 10 and lines[1] == "  part_020.csv: is no part of this split; move it away"
    assert lines[-2:] == [
        "  and 8 more such lines",
        "  parts to run again: 0 3 4 5 6 7 8 9 10 11 12 13 14 19",
    ]


def test_parts_under_another_name_are_merged_by_their_numbers(folder):
    (folder / "answers").mkdir()
    for i in range(4):
        ids = read_table(folder / f"part_{i:03d}.csv", "index").ids
        (folder / f"answers/reply_{i:03d}.csv").write_text(
            "index,answer\n" + "".join(f"{id},{id} gram\n" for id in ids[::-1])
        )
    merge_csv(folder, folder.parent / "out.csv", "answers/reply_*.csv")
    assert (folder.parent / "out.csv").read_text() == "index,answer\n" + "".join(
        f"{2 * i},{2 * i} gram\n" for i in range(10)
    )
    with pytest.raises(UserError, match="must have one"):
        merge_csv(folder, folder.parent / "out.csv", "reply.csv")


@pytest.mark.parametrize(
    "manifest", [None, '{"id": "index", "par', '{"id": "index"}', '{"parts": []}', "[]"]
)
def test_without_a_whole_manifest_nothing_is_merged(folder, manifest):
    (folder / "manifest.json").unlink() if manifest is None else (
        folder / "manifest.json"
    ).write_text(manifest)
    with pytest.raises(
        UserError, match="manifest.json: .*; it is made with the parts: bring it, or split again"
    ):
        merge_csv(folder, folder.parent / "out.csv")
