"""Parts of a language model: every row has its own reply, whatever fails, is killed, or comes in
another order; and the merge says so."""

import random
from pathlib import PurePosixPath

import pandas as pd
import pytest

from common.errors import UserError
from common.files import read_record
from common.paths import Paths
from llm import replies
from llm.messages import Reply

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
N = {"train": 20, "test": 30}


class Chat:
    """A model that weighs everything by its row's picture, in any order, and fails as it is
    told."""

    about = {"model": "fake"}

    def __init__(self, fails=(), final=(), stops_after=None, unclear=(), reason="picture: broken"):
        self.reason = reason
        self.fails, self.final, self.unclear, self.asked, self.left = (
            set(fails),
            set(final),
            set(unclear),
            [],
            stops_after,
        )

    def ask(self, questions, answered=()):
        questions = [question for question in questions if question.row not in answered]
        random.Random(len(self.asked)).shuffle(questions)
        for question in questions:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left = self.left and self.left - 1
            name = (
                PurePosixPath(question.image).stem
                if question.image
                else question.text.split('"')[1].split()[-1]
            )
            self.asked.append(name)
            if name in self.fails:
                self.fails.discard(name)
                yield Reply(question.row, "", "HTTP 503", final=False)
            elif name in self.final:
                yield Reply(question.row, "", self.reason)
            else:
                yield Reply(
                    question.row,
                    f"{name.strip('p')} stones {name}"
                    if name in self.unclear and question.image
                    else f"{name.strip('p')} gram",
                )


@pytest.fixture
def shelf(folders, script, monkeypatch):
    """Questions about pictures that are named like their weight, cut in three parts; run(chat,
    member, *settings) asks one."""
    from PIL import Image

    folder = folders / "input/shelf"
    (folder / "images").mkdir(parents=True)
    for split, n in N.items():
        names = [f"p{i + 1 + 100 * (split == 'test')}" for i in range(n)]
        for name in names:
            Image.new("RGB", (8, 8)).save(folder / f"images/{name}.jpg")
        table = pd.DataFrame(
            {
                "index": range(5, 5 + n),
                "image_link": [f"https://x.test/{name}.jpg" for name in names],
                "group_id": 1,
                "entity_name": "item_weight",
                "entity_value": [f"{name[1:]}.0 gram" for name in names],
            }
        )
        table.drop(columns=["index"] if split == "train" else ["entity_value"]).to_csv(
            folder / f"{split}.csv", index=False
        )
    for name in ("download_images", "split_files"):
        script(name).main(["entity", *SETTINGS])

    def run(chat, member: str, *settings):
        monkeypatch.setattr(replies, "open_chat", lambda *a: chat)
        script("infer").main(["entity", "--member", member, *SETTINGS, *settings])
        return pd.read_csv(Paths("entity").replies(member), keep_default_na=False).set_index("id")

    return run


def finish(script, run, chat=None):
    for k in range(3):
        for model in ("vlm", "refine"):
            run(chat or Chat(), f"{model}_{k}")
    script("merge_files").main(["entity", *SETTINGS])
    script("post_process").main(["entity", *SETTINGS])
    return Paths("entity").submission.read_bytes()


def test_every_row_gets_its_own_reply(shelf, script):
    made = finish(script, shelf).decode().splitlines()
    assert (
        made[:3] == ["index,prediction", "5,101.0 gram", "6,102.0 gram"]
        and len(made) == 1 + N["test"]
    )
    assert read_record(Paths("entity").submission)["score"] == 1
    assert sum(read_record(Paths("entity").replies(f"vlm_{k}"))["rows"] for k in range(3)) == sum(
        N.values()
    )


def test_what_fails_is_asked_once_more_and_no_other_is(shelf):
    folds = pd.read_csv(Paths("entity").folds)
    first = folds[folds.part == 1]
    chat = Chat(fails=["p112", "p111"])
    table = shelf(chat, "vlm_1")
    assert (
        (table.reason == "").all()
        and len(chat.asked) == len(first) + 2
        and chat.asked.count("p112") == 2
    )


def test_a_bad_picture_is_a_row_with_its_reason_and_is_asked_again_when_it_is_mended(
    shelf, folders
):
    picture = folders / "input/shelf/images/p112.jpg"
    whole = picture.read_bytes()
    picture.write_bytes(whole[:50])
    table = shelf(Chat(final=["p112"]), "vlm_1")
    assert table.reason[table.reason != ""].to_dict() == {"test:16": "picture: broken"}
    picture.write_bytes(whole)
    chat = Chat()
    table = shelf(chat, "vlm_1")
    assert chat.asked == ["p112"] and (table.reason == "").all()


def test_a_question_is_known_by_its_words_and_the_file_it_shows(tmp_path):
    from images.locate import ImageFiles
    from images.names import link_name
    from llm.messages import Question

    link, pictures = "https://x.test/a.jpg", ImageFiles(tmp_path, tmp_path / "downloads")

    def write(name, data):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)

    def hashes():
        asked = [
            Question(0, "a"),
            Question(0, "a", pattern="b"),
            Question(0, "b"),
            *(Question(0, "a", name) for name in ("i/0.jpg", "i/1.jpg", link)),
        ]
        return [replies.question_hash(question, pictures) for question in asked]

    for name in ("i/0.jpg", "i/1.jpg", f"downloads/{link_name(link)}"):
        write(name, b"0")
    first = hashes()
    assert (
        len(set(first)) == 6
        and hashes() == first
        and replies.question_hash(Question(9, "a", "i/0.jpg"), pictures) == first[3]
    )
    write("i/1.jpg", b"larger")
    assert [a == b for a, b in zip(hashes(), first, strict=True)] == [True] * 4 + [False, True]
    write(f"downloads/{link_name(link)}", b"larger")
    assert [a == b for a, b in zip(hashes(), first, strict=True)] == [True] * 4 + [False] * 2


def test_a_wrong_address_is_found_before_anything_is_made(shelf, script):
    with pytest.raises(UserError, match="refine.endpoint is no plain address"):
        script("split_files").main(["entity", *SETTINGS[:-1], "refine.endpoint=127.0.0.1:8000"])


def test_without_any_picture_nothing_is_asked_and_nothing_submitted(shelf, script, folders):
    for file in (folders / "input/shelf/images").glob("p1??.jpg"):
        file.unlink()
    names = [f"p{i + 101}" for i in range(N["test"])]
    with pytest.raises(UserError, match="none of 30 test pictures can be read in .*missing"):
        script("download_images").main(["entity", *SETTINGS])
    with pytest.raises(UserError, match="none of the 30 test rows' pictures could be read"):
        finish(script, shelf, Chat(final=names, reason="picture: missing"))
    assert not Paths("entity").submission.exists()


def test_an_endpoint_that_fails_leaves_the_part_open_and_the_next_run_asks_what_is_left(shelf):
    class Dead(Chat):
        def ask(self, questions, answered=()):
            for reply in super().ask(questions, answered):
                yield (
                    Reply(reply.row, "", "connection refused", final=False)
                    if reply.row % 5 == 0
                    else reply
                )

    with pytest.raises(
        UserError,
        match="rows of vlm_1 failed, e.g. .*connection refused; the same command asks these "
        "again, and no others",
    ):
        shelf(Dead(), "vlm_1")
    assert not Paths("entity").replies("vlm_1").exists()
    chat = Chat()
    assert (shelf(chat, "vlm_1").reason == "").all() and 0 < len(chat.asked) < 8


@pytest.mark.parametrize("after", [1, 7, 15])
def test_killed_anywhere_the_part_goes_on_to_the_same_table(shelf, after):
    quiet = shelf(Chat(), "vlm_2").to_csv()
    Paths("entity").replies("vlm_2").unlink()
    chat = Chat(stops_after=after)
    with pytest.raises(KeyboardInterrupt):
        shelf(chat, "vlm_2")
    again = Chat()
    assert shelf(again, "vlm_2").to_csv() == quiet
    assert (
        not set(chat.asked) & set(again.asked)
        and len(chat.asked) + len(again.asked) == len(quiet.splitlines()) - 1
    )


def test_rows_that_were_left_are_asked_when_they_may_be_again(shelf, script):
    class Broken(Chat):
        def ask(self, questions, answered=()):
            for reply in super().ask(questions, answered):
                yield (
                    Reply(reply.row, "", "500 out of luck", final=False)
                    if reply.row == 30
                    else reply
                )

    table = shelf(Broken(), "vlm_1", "run.leave_failed=true")
    assert (table.reason != "").sum() == 1 and read_record(Paths("entity").replies("vlm_1"))[
        "bad"
    ] == {}
    from config import load
    from pipeline import graph, staleness

    why = staleness.stale(
        load("entity", SETTINGS), graph.steps(load("entity", SETTINGS), Paths("entity"))
    )
    assert why[Paths("entity").replies("vlm_1")] == "has 1 questions without an answer"
    chat = Chat()
    assert (shelf(chat, "vlm_1").reason == "").all() and len(chat.asked) == 1


def test_a_part_may_have_no_training_row_and_no_row_at_all(shelf, script, folders):
    script("split_files").main(["entity", *SETTINGS, "data.parts=40"])
    counts = (
        pd.read_csv(Paths("entity").folds)
        .groupby("part")
        .split.value_counts()
        .unstack(fill_value=0)
        .reindex(range(40), fill_value=0)
    )
    k = int(counts.index[(counts.train == 0) & (counts.test > 0)][0])
    assert len(shelf(Chat(), f"vlm_{k}", "data.parts=40")) == counts.test[k]
    script("split_files").main(["entity", *SETTINGS, "data.parts=90"])
    empty = next(k for k in range(90) if k not in set(pd.read_csv(Paths("entity").folds).part))
    assert len(shelf(Chat(), f"vlm_{empty}", "data.parts=90")) == 0


def test_a_mended_reply_of_vlm_costs_refine_no_other_question(shelf):
    shelf(Chat(unclear=["p103", "p104"], final=["p105"]), "vlm_0")
    shelf(Chat(), "refine_0")
    table = pd.read_csv(Paths("entity").replies("vlm_0"), keep_default_na=False)
    from common.files import record_path

    record_path(Paths("entity").replies("vlm_0")).unlink()
    shelf(Chat(unclear=["p103", "p104", "p105"]), "vlm_0")
    chat = Chat()
    shelf(chat, "refine_0")
    assert chat.asked == ["p105"] and len(table) == len(
        pd.read_csv(Paths("entity").replies("vlm_0"))
    )


def test_other_settings_start_a_part_anew(shelf):
    with pytest.raises(KeyboardInterrupt):
        shelf(Chat(stops_after=5), "vlm_2")
    chat = Chat()
    shelf(chat, "vlm_2", "vlm.max_pixels=5000")
    assert len(chat.asked) == len(pd.read_csv(Paths("entity").folds).query("part == 2"))


def test_only_replies_that_cannot_be_read_are_refined(shelf):
    shelf(Chat(unclear=["p103", "p104"], final=["p105"]), "vlm_0")
    chat = Chat()
    table = shelf(chat, "refine_0")
    assert sorted(chat.asked) == ["p103", "p104"]
    assert (
        table.reply["test:7"] == "103 gram"
        and table.reply["test:5"] == "101 gram"
        and table.reply["test:9"] == ""
    )


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda t: t.iloc[1:], "vlm_1 does not predict"),
        (lambda t: pd.concat([t, t[:1]]), "twice"),
        (
            lambda t: pd.concat([t, t[:1].assign(id="test:5")]),
            "vlm_1 predicts test:5 of another fold or part",
        ),
        (lambda t: pd.concat([t, t[:1].assign(id="test:9999")]), "not in folds.csv"),
    ],
)
def test_the_merge_says_which_part_is_not_whole(shelf, script, change, says):
    finish(script, shelf)
    file = Paths("entity").replies("vlm_1")
    change(pd.read_csv(file, keep_default_na=False)).to_csv(file, index=False)
    record = read_record(file)
    import json

    from common.files import record_path

    record_path(file).write_text(json.dumps(record | {"bytes": file.stat().st_size}))
    with pytest.raises(UserError, match=f"{says}.*run again: python scripts/06_infer.py"):
        script("merge_files").main(["entity", *SETTINGS])


def test_parts_answered_on_another_machine_belong_to_the_same_rows(
    shelf, script, folders, monkeypatch
):
    made = finish(script, shelf)
    other = folders / "elsewhere"
    monkeypatch.setenv("working_path", str(other))
    for name in ("download_images", "split_files"):
        script(name).main(["entity", *SETTINGS])
    shelf(Chat(), "vlm_0")
    for file in other.glob("entity/pred/*"):
        file.rename(folders / "working/entity/pred" / file.name)
    monkeypatch.setenv("working_path", str(folders / "working"))
    chat = Chat()
    shelf(chat, "refine_0")
    script("merge_files").main(["entity", *SETTINGS])
    script("post_process").main(["entity", *SETTINGS])
    assert Paths("entity").submission.read_bytes() == made
