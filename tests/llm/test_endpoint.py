"""A model behind an endpoint: every question gets its own reply whatever the server does, and what
is wrong is told in a line."""

import base64
import os
import signal
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from chat_server import reply, serving, stats
from common.errors import UserError
from conftest import ROOT, wait_until
from images.locate import ImageFiles
from images.settings import Images
from llm.client import CallError
from llm.data_url import load_data_url
from llm.endpoint import unquoted
from llm.messages import Question, Reply


def by_row(replies) -> list[Reply]:
    return sorted(replies, key=lambda reply: reply.row)


def test_every_question_gets_its_own_reply_though_a_tenth_of_the_calls_fail(
    open_endpoint, questions, answers
):
    with serving("--fail", 0.1) as address:
        chat = open_endpoint(address, at_once=16, retries=5)
        assert by_row(chat.ask(questions(200))) == answers(200)
        counts = stats(address)
    assert counts["calls"] > 205
    assert {"500", "drop", "429", "truncated", "garbage", "no choices", "huge"} <= counts.keys()
    # and no folder of that machine
    served = {"id": "made-up", "owned_by": "nobody", "max_model_len": 4096}
    assert chat.about == {"model": "made-up", "constrained": False, "served": served}


def test_no_more_calls_than_at_once_on_connections_that_are_kept(open_endpoint, questions, answers):
    with serving("--delay", 0.02) as address:
        chat = open_endpoint(address, at_once=4)
        assert by_row(chat.ask(questions(100))) == answers(100)
        counts = stats(address)
    assert counts["most_in_flight"] == 4
    assert counts["calls"] == 100
    assert counts["connections"] <= 5  # one is that of stats


def test_questions_are_taken_only_when_they_will_soon_be_asked(open_endpoint, texts):
    taken = []

    def endless():
        for i in range(10**9):
            taken.append(i)
            yield Question(i, texts[i % 200])

    with serving("--delay", 0.01) as address:
        replies = open_endpoint(address, at_once=2).ask(endless())
        rows = {next(replies).row for _ in range(20)}
        assert len(rows) == 20
        time.sleep(0.2)
        next(replies)  # of one who is slow to take replies none are hoarded
        next(replies)
        replies.close()
        assert len(taken) <= 22 + 2 + 2 + 1

        def calls_rest() -> bool:
            calls = stats(address)["calls"]
            time.sleep(0.3)
            return stats(address)["calls"] == calls

        wait_until(calls_rest)  # nothing is asked after close()
        assert stats(address)["calls"] <= 27


def test_images_are_sent_and_a_bad_one_harms_no_other(tmp_path, open_endpoint, write_photo, texts):
    write_photo(tmp_path / "a.jpg")
    write_photo(tmp_path / "c.png")
    half = (tmp_path / "a.jpg").read_bytes()[:300]
    (tmp_path / "b.jpg").write_bytes(half)
    names = ["a.jpg", "a.jpg", "b.jpg", "b.jpg", "c.png", "missing.jpg", ""]
    questions = [Question(i, texts[i], name) for i, name in enumerate(names)]
    image_files = ImageFiles(tmp_path, tmp_path / "downloads")
    with serving() as address:
        chat = open_endpoint(address, image_files, at_once=3)
        replies = by_row(chat.ask(questions))
        assert stats(address)["calls"] == 4

    own = (tmp_path / "a.jpg").read_bytes()
    assert replies[0] == Reply(0, reply(texts[0], own))
    assert replies[1] == Reply(1, reply(texts[1], own))
    for broken in replies[2:4]:
        assert broken.text == ""
        assert broken.reason.startswith("image: broken")
        assert broken.final
    url, _ = load_data_url(image_files, "c.png", Images(), 10**6)
    sent = base64.b64decode(url.partition(",")[2])
    assert replies[4] == Reply(4, reply(texts[4], sent))
    assert replies[5] == Reply(5, "", "image: missing")
    # one that names no image is asked without
    assert replies[6] == Reply(6, reply(texts[6], b""))


def test_an_image_asked_about_much_is_read_once_for_neighbours(
    tmp_path, open_endpoint, write_photo, texts, monkeypatch
):
    image_files = ImageFiles(tmp_path, tmp_path / "downloads")
    read, names = image_files.read, []

    def counted(name: str) -> bytes:
        names.append(name)
        return read(name)

    monkeypatch.setattr(image_files, "read", counted)
    write_photo(tmp_path / "a.jpg")
    write_photo(tmp_path / "b.jpg", (50, 40))
    questions = [Question(i, texts[i], "a.jpg" if i < 8 else "b.jpg") for i in range(12)]
    with serving() as address:
        replies = list(open_endpoint(address, image_files, at_once=8).ask(questions))
    assert all(reply.text for reply in replies)
    assert sorted(names) == ["a.jpg", "b.jpg"]


def test_what_is_refused_is_final_and_told_in_the_servers_words(open_endpoint, questions, answers):
    with serving("--refuse", "product 3?") as address:
        replies = by_row(open_endpoint(address, retries=2).ask(questions(30)))
        assert stats(address)["calls"] == 30
    expected = answers(30)
    expected[3] = Reply(3, "", "400 this server takes no product 3?", final=True)
    assert replies == expected


def test_a_server_that_refuses_all_but_a_plain_question_is_well(open_endpoint, questions):
    with serving("--refuse", "product") as address:
        replies = list(open_endpoint(address).ask(questions(50)))
    assert [reply.reason for reply in replies] == ["400 this server takes no product"] * 50


def test_a_server_that_refuses_a_plain_question_too_is_not(
    tmp_path, open_endpoint, write_photo, texts
):
    write_photo(tmp_path / "a.jpg")
    questions = [Question(i, text, "a.jpg") for i, text in enumerate(texts)]
    replies = []
    message = r"20 calls in a row, the last: 400 this server takes no a\)\. Is it well\?"
    with serving("--refuse", "a") as address:
        chat = open_endpoint(address, ImageFiles(tmp_path, tmp_path), at_once=2)
        with pytest.raises(UserError, match=message):
            replies += chat.ask(questions)
        assert replies == []
        assert stats(address)["calls"] <= 23


def test_a_question_that_fails_to_the_end_is_worth_asking_again(open_endpoint, questions):
    with serving("--fail", 1, "--delay", 0.001) as address:
        replies = list(open_endpoint(address, retries=1, at_once=2).ask(questions(4)))
    assert {reply.row for reply in replies} == {0, 1, 2, 3}
    for failed in replies:
        assert failed.reason
        assert failed.text == ""
        assert not failed.final


@pytest.mark.parametrize(
    "asked_for, waits",
    [
        (None, [0.5, 1, 2, 4, 8]),
        (0.05, [0.05] * 5),
        (10.0**6, [60 / 1.5] * 5),
    ],
)
def test_waits_grow_by_themselves_or_are_the_servers_up_to_a_minute(
    open_endpoint, monkeypatch, asked_for, waits
):
    def refuse(*_):
        raise CallError("429 later", 429, asked_for)

    chat = open_endpoint("http://127.0.0.1:9", retries=5)
    monkeypatch.setattr(chat.client, "call", refuse)
    waited = []
    stop = SimpleNamespace(wait=waited.append)
    reply = chat.ask_one(Question(3, "a"), "", stop)
    assert reply == Reply(3, "", "429 later", final=False)
    assert len(waited) == 5
    for seconds, least in zip(waited, waits, strict=True):
        assert least <= seconds <= 1.5 * least


def test_calls_that_go_wrong_take_no_connection_away(
    open_endpoint, questions, answers, monkeypatch
):
    with serving("--fail", 0.5) as address:
        chat = open_endpoint(address, at_once=1, retries=20)
        monkeypatch.setattr(chat, "seconds_to_wait", lambda *_: 0)
        # hangs where a connection is taken away
        assert by_row(chat.ask(questions(16))) == answers(16)
        assert {"drop", "truncated", "huge"} <= stats(address).keys()


@pytest.mark.parametrize("at_once", [5, 16])
def test_an_address_where_nobody_listens_stops_in_a_line_that_names_it(
    open_endpoint, questions, at_once
):
    message = r"20 calls in a row, the last: \[Errno 111\] Connection refused\).*the same command"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
        start = time.time()
        with pytest.raises(UserError, match=message) as error:
            list(open_endpoint(address, at_once=at_once, retries=2).ask(questions(100)))
    assert time.time() - start < 60
    assert error.value.code == 1
    line = str(error.value)
    assert address in line
    assert "refine.endpoint" in line
    assert "\n" not in line


def test_a_server_that_goes_away_stops_too_and_keeps_what_was_answered(open_endpoint, questions):
    with serving("--delay", 0.01) as address:
        replies = open_endpoint(address, at_once=8, retries=1).ask(questions(200))
        kept = [next(replies) for _ in range(10)]
    with pytest.raises(UserError, match="40 calls in a row"):
        kept += replies
    assert len(kept) >= 10


def test_one_that_listens_and_says_nothing_is_given_up_in_time(open_endpoint, questions):
    with socket.create_server(("127.0.0.1", 0), backlog=100) as mute:
        address = f"http://127.0.0.1:{mute.getsockname()[1]}"
        start = time.time()
        chat = open_endpoint(address, timeout=0.1, at_once=20, retries=1)
        with pytest.raises(UserError, match="Read timed out"):
            list(chat.ask(questions(40)))
    assert time.time() - start < 60


ASKING = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background shells have it ignored
from llm.messages import Question
from llm.endpoint import EndpointChat
from images.settings import Images
from models.refine import Settings as Refine
from pipeline.stops import run
def main():
    chat = EndpointChat(Refine(endpoint=sys.argv[1], model="made-up"), Images(), None)
    print("asking", flush=True)
    list(chat.ask(Question(i, "a") for i in range(100)))
run(main)
"""


@pytest.mark.slow
def test_ctrl_c_waits_for_no_answer():
    with serving("--delay", 60) as address:
        asking = subprocess.Popen(
            [sys.executable, "-c", ASKING, f"{address}/v1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT / "scripts")},
        )
        assert asking.stdout.readline() == "asking\n"
        wait_until(lambda: stats(address)["in_flight"] == 16)
        asking.send_signal(signal.SIGINT)
        _, error = asking.communicate(timeout=40)  # an answer would take 60 s
    assert asking.returncode == 130
    assert error == "stopped; the same command goes on from here\n"


def test_a_mistake_of_ours_in_a_thread_is_raised(open_endpoint, questions, monkeypatch):
    monkeypatch.setattr("llm.endpoint.request_body", lambda *_: 1 / 0)
    with serving() as address, pytest.raises(ZeroDivisionError):
        list(open_endpoint(address).ask(questions(5)))


def test_the_server_answers_in_the_units_that_are_asked_for(texts):
    values = {reply(text, b"") for text in texts}
    assert "none" in values
    units = {value.split()[-1] for value in values - {"none"}}
    assert units == {"gram", "kilogram", "ounce"}
    assert reply(texts[0], b"a") == reply(texts[0], b"a")
    assert reply(texts[0], b"a") != reply(texts[0], b"b")


def test_a_constrained_reply_is_taken_out_of_the_quotes_of_llama_cpp():
    replies = {
        '"500 gram"': "500 gram",
        '"colour: red\\nneck: v"': "colour: red\nneck: v",
        '"colour: red\nneck: v"': "colour: red\nneck: v",
        r'"a \"b\""': 'a "b"',
        '"not whole': "not whole",
        "500 gram": "500 gram",
        "12.99": "12.99",
    }
    for reply_text, text in replies.items():
        assert unquoted(reply_text) == text
