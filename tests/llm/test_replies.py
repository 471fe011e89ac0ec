"""Parts of a language model: every row has its own reply, whatever fails, is killed, or comes in
another order; and the merge says so."""

import json

import pandas as pd
import pytest

from common.errors import UserError
from common.files import read_record, record_path
from common.paths import Paths
from config import load
from conftest import PREPARATION
from fake_chat import FakeChat, write_rows
from images.locate import ImageFiles
from images.names import link_name
from llm import replies
from llm.messages import Question
from pipeline import graph, staleness

SETTINGS = [
    "data.folder=shelf",
    "data.train_image=images/{image_link:name}",
    "data.test_image=images/{image_link:name}",
    "data.parts=3",
    "data.max_train_rows=0",
    "data.n_folds=2",
    "images.min_side=4",
    "vlm.endpoint=http://127.0.0.1:1/v1",
    "refine.endpoint=http://127.0.0.1:1/v1",
]
N_TRAIN, N_TEST = 20, 30


@pytest.fixture
def run(folders, script, monkeypatch):
    """run(chat, member, *settings): the table of replies of one of three parts of the test rows."""
    shelf = folders / "input/shelf"
    write_rows(shelf, [f"p{i + 1}" for i in range(N_TRAIN)], "train")
    write_rows(shelf, [f"p{i + 101}" for i in range(N_TEST)], "test")
    prepare(script)

    def infer(chat: FakeChat, member: str, *settings, rows: str = "test") -> pd.DataFrame:
        monkeypatch.setattr(replies, "open_chat", lambda *_: chat)
        of_rows = ["--rows", rows] if rows else []
        script("infer").main(["entity", "--member", member, *of_rows, *SETTINGS, *settings])
        return read_replies(member, rows).set_index("id")

    return infer


def prepare(script) -> None:
    for name, *rows in (*PREPARATION, ("split_files", "--rows", "test")):
        script(name).main(["entity", *SETTINGS, *rows])


def replies_file(member: str, rows: str = "test"):
    return Paths("entity", rows).replies(member)


def read_replies(member: str, rows: str = "test") -> pd.DataFrame:
    return pd.read_csv(replies_file(member, rows), keep_default_na=False)


def read_rows() -> pd.DataFrame:
    return pd.read_csv(Paths("entity", "test").table)


def submit(script) -> bytes:
    script("merge_files").main(["entity", *SETTINGS])
    script("merge_files").main(["entity", *SETTINGS, "--rows", "test"])
    script("post_process").main(["entity", *SETTINGS])
    return Paths("entity").submission.read_bytes()


def run_all(script, run, chat: FakeChat | None = None) -> bytes:
    """The submission of all parts."""
    for rows in ("", "test"):
        for k in range(3):
            run(chat or FakeChat(), f"vlm_{k}", rows=rows)
            run(chat or FakeChat(), f"refine_{k}", rows=rows)
    return submit(script)


def test_every_row_gets_its_own_reply(run, script):
    lines = run_all(script, run).decode().splitlines()
    assert lines[:3] == ["index,prediction", "5,101.0 gram", "6,102.0 gram"]
    assert len(lines) == 1 + N_TEST
    assert read_record(Paths("entity").submission)["score"] == 1
    for rows, n in (("", N_TRAIN), ("test", N_TEST)):
        assert sum(read_record(replies_file(f"vlm_{k}", rows))["rows"] for k in range(3)) == n


def test_what_fails_is_asked_once_more_and_no_other_is(run):
    chat = FakeChat(passing=["p112", "p111"])
    table = run(chat, "vlm_1")
    assert (table.reason == "").all()
    assert len(chat.asked) == (read_rows().part == 1).sum() + 2
    assert chat.asked.count("p112") == 2


def test_a_bad_image_is_a_row_with_its_reason_and_is_asked_again_when_it_is_mended(run, folders):
    image = folders / "input/shelf/images/p112.jpg"
    whole = image.read_bytes()
    image.write_bytes(whole[:50])
    table = run(FakeChat(final=["p112"]), "vlm_1")
    assert table.reason[table.reason != ""].to_dict() == {"test:16": "image: broken"}

    image.write_bytes(whole)
    chat = FakeChat()
    table = run(chat, "vlm_1")
    assert chat.asked == ["p112"]
    assert (table.reason == "").all()


def test_a_question_is_known_by_its_words_and_the_file_it_shows(tmp_path):
    link = "https://x.test/a.jpg"
    downloaded = tmp_path / "downloads" / link_name(link)
    files = [tmp_path / "i/0.jpg", tmp_path / "i/1.jpg", downloaded]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"0")
    image_files = ImageFiles(tmp_path, tmp_path / "downloads")
    questions = [
        Question(0, "a"),
        Question(0, "a", pattern="b"),
        Question(0, "b"),
        Question(0, "a", "i/0.jpg"),
        Question(0, "a", "i/1.jpg"),
        Question(0, "a", link),
    ]

    def hashes() -> list[str]:
        return [replies.question_hash(question, image_files) for question in questions]

    first = hashes()
    assert len(set(first)) == 6
    assert hashes() == first
    other_row = Question(9, "a", "i/0.jpg")
    assert replies.question_hash(other_row, image_files) == first[3]

    (tmp_path / "i/1.jpg").write_bytes(b"larger")
    second = hashes()
    assert second[:4] + second[5:] == first[:4] + first[5:]
    assert second[4] != first[4]
    downloaded.write_bytes(b"larger")
    third = hashes()
    assert third[:5] == second[:5]
    assert third[5] != second[5]


def test_a_wrong_address_is_found_before_anything_is_made(run, script):
    with pytest.raises(UserError, match="refine.endpoint is no plain address"):
        script("split_files").main(["entity", *SETTINGS[:-1], "refine.endpoint=127.0.0.1:8000"])


def test_without_any_image_nothing_is_asked_and_nothing_submitted(run, script, folders):
    for file in (folders / "input/shelf/images").glob("p1??.jpg"):
        file.unlink()
    with pytest.raises(UserError, match="none of 30 test images can be read in .*missing"):
        script("download_images").main(["entity", *SETTINGS, "--rows", "test"])

    chat = FakeChat(final=[f"p{i + 101}" for i in range(N_TEST)])
    chat.reason = "image: missing"
    with pytest.raises(UserError, match="none of the 30 test rows' images could be read"):
        run_all(script, run, chat)
    assert not Paths("entity").submission.exists()


def test_an_endpoint_that_fails_leaves_the_part_open_and_the_next_run_asks_what_is_left(run):
    message = (
        "rows of vlm_1 failed, e.g. .*connection refused; the same command asks these "
        "again, and no others"
    )
    with pytest.raises(UserError, match=message):
        run(FakeChat(lost=range(0, 50, 5)), "vlm_1")
    assert not replies_file("vlm_1").exists()

    chat = FakeChat()
    table = run(chat, "vlm_1")
    assert (table.reason == "").all()
    assert 0 < len(chat.asked) < 8


@pytest.mark.parametrize("after", [1, 4, 9])
def test_killed_anywhere_the_part_goes_on_to_the_same_table(run, after):
    uninterrupted = run(FakeChat(), "vlm_2").to_csv()
    replies_file("vlm_2").unlink()
    killed = FakeChat(stops_after=after)
    with pytest.raises(KeyboardInterrupt):
        run(killed, "vlm_2")
    resumed = FakeChat()
    assert run(resumed, "vlm_2").to_csv() == uninterrupted
    assert not set(killed.asked) & set(resumed.asked)
    assert len(killed.asked) + len(resumed.asked) == len(uninterrupted.splitlines()) - 1


def test_rows_that_were_left_are_asked_when_they_may_be_again(run):
    table = run(FakeChat(lost=[30]), "vlm_1", "run.leave_failed=true")
    assert (table.reason != "").sum() == 1
    assert read_record(replies_file("vlm_1"))["bad"] == {}
    config = load("entity", SETTINGS)
    reasons = staleness.stale(config, graph.steps(config, Paths("entity")))
    assert reasons[replies_file("vlm_1")] == "has 1 questions without an answer"

    chat = FakeChat()
    table = run(chat, "vlm_1")
    assert (table.reason == "").all()
    assert len(chat.asked) == 1


def test_a_part_may_have_no_row_at_all(run, script):
    for rows in ([], ["--rows", "test"]):
        script("split_files").main(["entity", *SETTINGS, "data.parts=90", *rows])
    empty = min(set(range(90)) - set(read_rows().part))
    assert len(run(FakeChat(), f"vlm_{empty}", "data.parts=90")) == 0


def test_a_mended_reply_of_vlm_costs_refine_no_other_question(run):
    run(FakeChat(unclear=["p103", "p104"], final=["p105"]), "vlm_0")
    run(FakeChat(), "refine_0")
    n = len(read_replies("vlm_0"))
    record_path(replies_file("vlm_0")).unlink()
    run(FakeChat(unclear=["p103", "p104", "p105"]), "vlm_0")
    chat = FakeChat()
    run(chat, "refine_0")
    assert chat.asked == ["p105"]
    assert len(read_replies("vlm_0")) == n


def test_other_settings_start_a_part_anew(run):
    with pytest.raises(KeyboardInterrupt):
        run(FakeChat(stops_after=5), "vlm_2")
    chat = FakeChat()
    run(chat, "vlm_2", "vlm.max_pixels=5000")
    assert len(chat.asked) == (read_rows().part == 2).sum()


def test_only_replies_that_cannot_be_read_are_refined(run):
    run(FakeChat(unclear=["p103", "p104"], final=["p105"]), "vlm_0")
    chat = FakeChat()
    table = run(chat, "refine_0")
    assert sorted(chat.asked) == ["p103", "p104"]
    assert table.reply["test:7"] == "103 gram"
    assert table.reply["test:5"] == "101 gram"
    assert table.reply["test:9"] == ""


def without_first(table: pd.DataFrame) -> pd.DataFrame:
    return table.iloc[1:]


def with_first_twice(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table, table[:1]])


def with_row_of_another_part(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table, table[:1].assign(id="test:5")])


def with_unknown_row(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table, table[:1].assign(id="test:9999")])


@pytest.mark.parametrize(
    "change, message",
    [
        (without_first, "vlm_1 does not predict"),
        (with_first_twice, "twice"),
        (with_row_of_another_part, "vlm_1 predicts test:5 of another fold or part"),
        (with_unknown_row, "not in folds.csv"),
    ],
)
def test_the_merge_says_which_part_is_not_whole(run, script, change, message):
    run_all(script, run)
    file = replies_file("vlm_1")
    change(read_replies("vlm_1")).to_csv(file, index=False)
    record = read_record(file) | {"bytes": file.stat().st_size}
    record_path(file).write_text(json.dumps(record))
    with pytest.raises(UserError, match=f"{message}.*run again: python scripts/06_infer.py"):
        script("merge_files").main(["entity", *SETTINGS, "--rows", "test"])


def test_parts_answered_on_another_machine_belong_to_the_same_rows(
    run, script, folders, monkeypatch
):
    expected = run_all(script, run)
    other = folders / "elsewhere"
    monkeypatch.setenv("working_path", str(other))
    prepare(script)
    run(FakeChat(), "vlm_0")
    for file in other.glob("entity/answers/test/pred/*"):
        file.rename(folders / "working/entity/answers/test/pred" / file.name)
    monkeypatch.setenv("working_path", str(folders / "working"))
    run(FakeChat(), "refine_0")
    assert submit(script) == expected
