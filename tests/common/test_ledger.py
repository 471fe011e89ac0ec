"""A growing table: whole records after kills, full disks and lost blocks; one writer; any text."""

import os
import random
import subprocess
import sys
import time

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from common import ledger as module
from common.errors import UserError
from common.ledger import Ledger
from conftest import ROOT

NASTY = [
    "",
    "a,b",
    'say "hi"',
    "one\ntwo",
    "one\rtwo",
    "one\r\n",
    "\u2028 1 \x0b\x1c",
    "ñ 😀",
    "\ufeffmark",
    "NA",
    " 12.5 gram ",
    "\\",
    "'",
    '"',
]
ROWS = [(f"test:{i}", cell, cell[::-1]) for i, cell in enumerate(NASTY)]


def open_ledger(folder, key="k"):
    return Ledger(folder / "replies", ("id", "reply", "more"), key)


def test_any_text_comes_back_before_and_after_a_restart_and_in_the_csv(tmp_path):
    with open_ledger(tmp_path) as ledger:
        ledger.add(ROWS)
        assert ledger.rows() == ROWS
    backwards = ROWS[::-1]
    with open_ledger(tmp_path) as ledger:
        assert ledger.rows() == ROWS
        assert list(ledger.done) == [row[0] for row in ROWS]
        ledger.finish(tmp_path / "tmp.csv", [row[0] for row in backwards])

    table = pd.read_csv(tmp_path / "tmp.csv", dtype=str, keep_default_na=False)
    assert list(table) == ["id", "reply", "more"]
    assert list(table.itertuples(index=False, name=None)) == backwards


def test_what_neither_csv_nor_utf8_can_hold_is_replaced_at_once(tmp_path):
    with open_ledger(tmp_path) as ledger:
        ledger.add([("a\0", "\ud800x", "\ud83d\ude00")])
        assert ledger.rows() == [("a\ufffd", "\ufffdx", "😀")]
        ledger.finish(tmp_path / "tmp.csv", ["a\0"])
    assert (tmp_path / "tmp.csv").read_text() == "id,reply,more\na\ufffd,\ufffdx,😀\n"


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(*[st.text(st.characters(codec=None), max_size=6)] * 3), max_size=5))
def test_what_add_keeps_is_what_is_read(tmp_path, rows):
    (tmp_path / "replies").unlink(missing_ok=True)
    with open_ledger(tmp_path) as ledger:
        ledger.add(rows)
        kept = ledger.rows()
    with open_ledger(tmp_path) as ledger:
        assert ledger.rows() == kept
    assert len(kept) == len({module.clean(row[0]) for row in rows})


def test_a_later_row_takes_the_place_of_the_earlier_one(tmp_path):
    with open_ledger(tmp_path) as ledger:
        ledger.add([("a", "", "failed"), ("b", "2", "")])
        ledger.add([("a", "1", "")])
    with open_ledger(tmp_path) as ledger:
        assert ledger.rows() == [("a", "1", ""), ("b", "2", "")]


@pytest.mark.parametrize(
    "columns, key", [(("id", "reply", "more"), "other"), (("id", "reply"), "k")]
)
def test_another_key_or_other_columns_start_anew(tmp_path, columns, key):
    with open_ledger(tmp_path) as ledger:
        ledger.add(ROWS)
    with Ledger(tmp_path / "replies", columns, key) as ledger:
        assert ledger.rows() == []
        ledger.add([("x", "y", "z")[: len(columns)]])
    with Ledger(tmp_path / "replies", columns, key) as ledger:
        assert list(ledger.done) == ["x"]


def test_a_file_cut_at_any_byte_holds_its_whole_records_and_goes_on(tmp_path):
    with open_ledger(tmp_path) as ledger:
        ledger.add(ROWS[:4])
    data = (tmp_path / "replies").read_bytes()
    for end in range(len(data) + 1):
        (tmp_path / "replies").write_bytes(data[:end])
        n_whole = max(data[:end].count(b"\n") - 1, 0)  # without the header
        with open_ledger(tmp_path) as ledger:
            assert ledger.rows() == ROWS[:n_whole]
            ledger.add(ROWS[4:5])
        with open_ledger(tmp_path) as ledger:
            assert ledger.rows() == ROWS[:n_whole] + ROWS[4:5]


def test_lines_that_the_disk_lost_are_logged_and_done_again(tmp_path, capsys):
    with open_ledger(tmp_path) as ledger:
        ledger.add(ROWS)
    lines = (tmp_path / "replies").read_bytes().split(b"\n")
    lines[2] = bytes(len(lines[2]))  # zeros
    lines[4] = b'["test:3", 4, "not a string"]'
    (tmp_path / "replies").write_bytes(b"\n".join(lines))
    with open_ledger(tmp_path) as ledger:
        assert ledger.rows() == [ROWS[0], ROWS[2], *ROWS[4:]]
    assert "unreadable 2" in capsys.readouterr().out


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from common.ledger import Ledger
with Ledger(Path(sys.argv[2]), ("id", "reply"), "k") as ledger:
    for i in range(len(ledger.done), LAST, 2):
        ledger.add([(str(k), "reply, of\\nseveral lines " * (k % 40)) for k in (i, i + 1)])
        print(i + 1, flush=True)
"""


def start_writer(folder, last=10**9):
    """A process that adds two rows at a time and prints the number of the last one that is in.

    It goes on from the rows that are there.
    """
    code = WRITER.replace("LAST", str(last))
    return subprocess.Popen(
        [sys.executable, "-c", code, ROOT / "scripts", folder / "replies"],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_killed_at_random_moments_no_row_that_was_added_is_lost_or_torn(tmp_path):
    rng = random.Random(0)
    for _ in range(4):
        process = start_writer(tmp_path)
        output = process.stdout.readline()
        time.sleep(rng.random() * 0.1)
        process.kill()
        output += process.stdout.read()
        process.wait()
        last_added = int(output.split("\n")[-2])  # in its last whole line

        with Ledger(tmp_path / "replies", ("id", "reply"), "k") as ledger:
            n = len(ledger.done)
            assert n > last_added
            for k, row in enumerate(ledger.rows()):
                assert row == (str(k), "reply, of\nseveral lines " * (k % 40))
        assert (tmp_path / "replies").read_bytes().count(b"\n") == n + 1  # no row is there twice


def test_two_processes_do_not_write_one_file(tmp_path):
    process = start_writer(tmp_path)
    process.stdout.readline()
    with pytest.raises(UserError, match="another process is writing .*replies"):
        with open_ledger(tmp_path):
            pass
    process.kill()
    process.wait()
    process.stdout.close()
    with Ledger(tmp_path / "replies", ("id", "reply"), "k") as ledger:
        assert ledger.done


def test_a_file_that_another_process_removed_meanwhile_is_not_written(tmp_path, monkeypatch):
    ledger = open_ledger(tmp_path)
    monkeypatch.setattr(module.fcntl, "lockf", lambda *_: ledger.remove())
    with pytest.raises(UserError, match="another process is writing"), ledger:
        pass


def test_a_forked_worker_does_not_hold_the_lock(tmp_path):
    with open_ledger(tmp_path):
        child = os.fork()
        if not child:
            time.sleep(60)
            os._exit(0)
    process = start_writer(tmp_path, last=1)
    process.communicate()
    os.kill(child, 9)
    os.waitpid(child, 0)
    assert process.returncode == 0


def test_a_full_disk_leaves_whole_records_only(tmp_path, monkeypatch):
    write = os.write
    room = 50

    def write_until_full(fd, data):
        nonlocal room
        if not room:
            raise OSError(28, "No space left on device")
        n_written = write(fd, data[:room])
        room -= n_written
        return n_written

    with open_ledger(tmp_path) as ledger:
        ledger.add(ROWS[:3])
        monkeypatch.setattr(os, "write", write_until_full)
        with pytest.raises(OSError, match="No space left"):
            ledger.add(ROWS[3:])
        monkeypatch.undo()
        assert ledger.rows() == ROWS[:3]
        assert (tmp_path / "replies").read_bytes().endswith(b"]\n")
        ledger.add(ROWS[5:6])
    with open_ledger(tmp_path) as ledger:
        assert ledger.rows() == ROWS[:3] + ROWS[5:6]


def test_a_disk_that_says_late_that_it_is_full_keeps_what_it_had_taken(tmp_path, monkeypatch):
    def fail(fd):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"), open_ledger(tmp_path) as ledger:
        ledger.add(ROWS[:2])
        ledger.sync()
        ledger.add(ROWS[2:])
        monkeypatch.setattr(os, "fsync", fail)
    monkeypatch.undo()
    with open_ledger(tmp_path) as ledger:
        assert ledger.rows() == ROWS[:2]


def test_fsync_comes_every_few_seconds_not_with_every_row(tmp_path, monkeypatch):
    calls = []
    now = 0.0
    monkeypatch.setattr(os, "fsync", calls.append)
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    with open_ledger(tmp_path) as ledger:
        for i in range(120):
            now += 0.1
            ledger.add([(str(i), "", "")])
        assert len(calls) == 2
    assert len(calls) == 3


def test_finish_asks_for_every_row_and_remove_takes_the_file(tmp_path):
    with open_ledger(tmp_path) as ledger:
        ledger.add(ROWS[:2])
        with pytest.raises(
            UserError, match="1 of 2 rows are not done, e.g. test:9; run the same command again"
        ):
            ledger.finish(tmp_path / "tmp.csv", ["test:1", "test:9"])
        with pytest.raises(ValueError, match="not a cell for each of id, reply, more"):
            ledger.add([("a", "b")])
        ledger.finish(tmp_path / "tmp.csv", ["test:1"])
        ledger.remove()
    assert [path.name for path in tmp_path.iterdir()] == ["tmp.csv"]
