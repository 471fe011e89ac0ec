"""A model behind an address: every question gets its own reply whatever the server does, and what
is wrong is told in a line."""

import base64
import io
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import urllib3
from PIL import Image

from chat_server import reply
from common.errors import UserError
from conftest import ROOT, wait_until
from images.locate import ImageFiles
from images.settings import Images
from llm.client import CallError
from llm.data_url import load_data_url
from llm.endpoint import EndpointChat
from llm.messages import Question, Reply
from models.refine import Settings as Refine
from models.vlm import Settings as Vlm

TEXTS = [
    f"What is the item weight of product {i}? Use one of these units, in full: gram, "
    "kilogram, ounce."
    for i in range(200)
]


@contextmanager
def serving(*options):
    """The address of a server of our own, in a process of its own."""
    command = [sys.executable, ROOT / "tests/chat_server.py", *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.kill()


def stats(address: str) -> dict:
    return urllib3.request("GET", f"{address}/stats").json()


def chat(address: str, pictures=None, **settings):
    section = Vlm if pictures else Refine
    return EndpointChat(
        section(endpoint=f"{address}/v1", **{"model": "made-up", **settings}), Images(), pictures
    )


def questions(n: int):
    return [Question(i, text) for i, text in enumerate(TEXTS[:n])]


def answers(n: int):
    return [Reply(i, reply(text, b"")) for i, text in enumerate(TEXTS[:n])]


def by_row(replies):
    return sorted(replies, key=lambda r: r.row)


def photo(file: Path, size=(60, 40), **how):
    """A picture of soft noise."""
    pixels = np.random.default_rng(size[0]).integers(0, 255, (4, 5, 3), np.uint8)
    Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).save(file, **how)


def test_every_question_is_answered_by_its_own_reply_though_a_tenth_of_the_calls_fail():
    with serving("--fail", 0.1) as address:
        asked = chat(address, at_once=16, retries=5)
        assert by_row(asked.ask(questions(200))) == answers(200)
        seen = stats(address)
    assert (
        seen["calls"] > 205
        and {"500", "drop", "429", "truncated", "garbage", "no choices", "huge"} <= seen.keys()
    ), seen
    served = {
        "id": "made-up",
        "owned_by": "nobody",
        "max_model_len": 4096,
    }  # and no folder of that machine
    assert asked.about == {"model": "made-up", "constrained": False, "served": served}


def test_no_more_calls_than_at_once_on_connections_that_are_kept():
    with serving("--delay", 0.02) as address:
        assert by_row(chat(address, at_once=4).ask(questions(100))) == answers(100)
        seen = stats(address)
    assert seen["most_in_flight"] == 4 and seen["calls"] == 100 and seen["connections"] <= 5, (
        seen
    )  # and one for this question


def test_questions_are_taken_only_when_they_will_soon_be_asked():
    taken = []

    def endless():
        for i in range(10**9):
            taken.append(i)
            yield Question(i, TEXTS[i % 200])

    with serving("--delay", 0.01) as address:
        replies = chat(address, at_once=2).ask(endless())
        assert len({next(replies).row for _ in range(20)}) == 20
        time.sleep(0.2)
        next(replies), next(replies)  # of one who is slow to take replies none are hoarded
        replies.close()
        assert len(taken) <= 22 + 2 + 2 + 1

        def calls_rest():
            calls = stats(address)["calls"]
            time.sleep(0.3)
            return stats(address)["calls"] == calls

        wait_until(calls_rest)  # who closes it is not asked for any longer
        assert stats(address)["calls"] <= 27


def test_pictures_are_sent_once_read_and_a_bad_one_harms_no_other(tmp_path):
    photo(tmp_path / "a.jpg")
    photo(tmp_path / "c.png")
    (tmp_path / "b.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:300])
    names, pictures = (
        ["a.jpg", "a.jpg", "b.jpg", "b.jpg", "c.png", "missing.jpg", ""],
        ImageFiles(tmp_path, tmp_path / "downloads"),
    )
    with serving() as address:
        replies = by_row(
            chat(address, pictures, at_once=3).ask(
                Question(i, TEXTS[i], name) for i, name in enumerate(names)
            )
        )
        assert stats(address)["calls"] == 3
    own = (tmp_path / "a.jpg").read_bytes()
    assert replies[:2] == [Reply(i, reply(TEXTS[i], own)) for i in (0, 1)]
    assert all(
        r.text == "" and r.reason.startswith("picture: broken") and r.final for r in replies[2:4]
    )
    png = base64.b64decode(load_data_url(pictures, "c.png", Images(), 10**6)[0].partition(",")[2])
    assert replies[4:] == [
        Reply(4, reply(TEXTS[4], png)),
        Reply(5, "", "picture: missing"),
        Reply(6, "", "picture: missing"),
    ]


def test_one_picture_asked_much_is_read_once_for_its_neighbours(tmp_path, monkeypatch):
    read, pictures = [], ImageFiles(tmp_path, tmp_path / "downloads")
    own = pictures.read
    monkeypatch.setattr(pictures, "read", lambda name: read.append(name) or own(name))
    photo(tmp_path / "a.jpg")
    photo(tmp_path / "b.jpg", (50, 40))
    with serving() as address:
        asked = [Question(i, TEXTS[i], "a.jpg" if i < 8 else "b.jpg") for i in range(12)]
        assert all(r.text for r in chat(address, pictures, at_once=8).ask(asked))
    assert sorted(read) == ["a.jpg", "b.jpg"]


def test_a_picture_is_its_own_bytes_or_upright_and_no_larger_than_allowed(tmp_path):
    def load(name, most):
        address, reason = load_data_url(ImageFiles(tmp_path, tmp_path), name, Images(), most)
        head, _, data = address.partition(",")
        assert not reason and head == "data:image/jpeg;base64"
        data = base64.b64decode(data, validate=True)
        return Image.open(io.BytesIO(data)), data == (tmp_path / name).read_bytes()

    photo(tmp_path / "a.jpg", (2400, 1600))
    exif = Image.Exif()
    exif[0x0112] = 6
    photo(tmp_path / "turned.jpg", (60, 40), exif=exif)
    photo(tmp_path / "deep.png", (60, 40))
    assert load("a.jpg", 2400 * 1600)[1]
    large, own = load(
        "a.jpg", 3 * 10**6
    )  # decoded whole, though images.size is 512, then made smaller
    assert not own and large.size == (2121, 1414)
    small, own = load("a.jpg", 2000)
    assert not own and small.size == (54, 36)
    with Image.open(tmp_path / "a.jpg") as whole:
        assert (
            abs(
                np.asarray(small, int)
                - np.asarray(whole.resize(small.size, Image.Resampling.LANCZOS), int)
            ).mean()
            < 3
        )
    turned, own = load("turned.jpg", 10**6)
    assert not own and turned.size == (40, 60) and not turned.getexif()
    assert load("deep.png", 10**6)[0].format == "JPEG"


def test_what_is_refused_is_final_and_told_in_the_servers_words():
    with serving("--refuse", "product 3?") as address:
        replies = by_row(chat(address, retries=2).ask(questions(30)))
        assert stats(address)["calls"] == 30
    assert replies[3] == Reply(3, "", "400 this server takes no product 3?", final=True)
    assert replies[:3] + replies[4:] == answers(3) + answers(30)[4:]


def test_where_all_are_refused_none_is_told_so_unless_a_plain_question_is_answered(tmp_path):
    photo(tmp_path / "a.jpg")
    with serving(
        "--refuse", "product"
    ) as address:  # a plain question is answered: these are at fault
        assert [r.reason for r in chat(address).ask(questions(50))] == [
            "400 this server takes no product"
        ] * 50
    with serving("--refuse", "a") as address:  # nothing is answered
        told = []
        with pytest.raises(
            UserError,
            match=r"20 calls in a row, the last: 400 this server takes no a\)\. Is it well\?",
        ):
            told += chat(address, ImageFiles(tmp_path, tmp_path), at_once=2).ask(
                Question(i, text, "a.jpg") for i, text in enumerate(TEXTS)
            )
        assert not told and stats(address)["calls"] <= 23


def test_a_question_that_fails_to_the_end_is_worth_asking_again():
    with serving("--fail", 1, "--delay", 0.001) as address:
        replies = list(chat(address, retries=1, at_once=2).ask(questions(4)))
    assert {r.row for r in replies} == {0, 1, 2, 3} and all(
        r.reason and not r.text and not r.final for r in replies
    ), replies


def test_waits_grow_by_themselves_or_are_the_servers_up_to_a_minute(monkeypatch):
    asked, waits = chat("http://127.0.0.1:9", retries=5), []

    for wait, bounds in ((None, [0.5, 1, 2, 4, 8]), (0.05, [0.05] * 5), (10.0**6, [60 / 1.5] * 5)):
        monkeypatch.setattr(
            asked.client, "call", lambda *_: (_ for _ in ()).throw(CallError("429 later", 429, wait))
        )
        assert asked.ask_one(Question(3, "a"), "", SimpleNamespace(wait=waits.append)) == Reply(
            3, "", "429 later", final=False
        )
        assert len(waits) == 5 and all(
            low <= w <= 1.5 * low for low, w in zip(bounds, waits, strict=True)
        ), (
            wait,
            waits,
        )
        waits.clear()
        asked.failed = 0


def test_calls_that_go_wrong_take_no_connection_away(monkeypatch):
    with serving("--fail", 0.5) as address:
        asked = chat(address, at_once=1, retries=20)
        monkeypatch.setattr(asked, "random", SimpleNamespace(uniform=lambda *_: 0))  # no waiting
        assert by_row(asked.ask(questions(16))) == answers(16)  # hangs where one is taken away
        assert {"drop", "truncated", "huge"} <= stats(address).keys()


@pytest.mark.parametrize("at_once", [5, 16])
def test_an_address_where_nobody_listens_stops_in_a_line_that_names_it(at_once):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address, start = f"http://127.0.0.1:{free.getsockname()[1]}", time.time()
        with pytest.raises(
            UserError,
            match=r"20 calls in a row, the last: \[Errno 111\] Connection refused\).*the same "
            r"command",
        ) as stop:
            list(chat(address, at_once=at_once, retries=2).ask(questions(100)))
    assert (
        address in str(stop.value)
        and "refine.endpoint" in str(stop.value)
        and "\n" not in str(stop.value)
    )
    assert time.time() - start < 60 and stop.value.code == 1


def test_a_server_that_goes_away_stops_too_and_keeps_what_was_answered():
    with serving("--delay", 0.01) as address:
        replies = chat(address, at_once=8, retries=1).ask(questions(200))
        told = [next(replies) for _ in range(10)]
    with pytest.raises(UserError, match="40 calls in a row"):
        told += replies
    assert len(told) >= 10


def test_one_that_listens_and_says_nothing_is_given_up_in_time():
    with socket.create_server(("127.0.0.1", 0), backlog=100) as mute:
        start = time.time()
        with pytest.raises(UserError, match=r"Read timed out"):
            list(
                chat(
                    f"http://127.0.0.1:{mute.getsockname()[1]}", timeout=0.1, at_once=20, retries=1
                ).ask(questions(40))
            )
    assert time.time() - start < 60


def test_a_model_that_is_not_there_stops_with_those_that_are():
    with serving() as address:
        with pytest.raises(
            UserError,
            match=r"404 The model `gemma` does not exist.*refine.model=gemma \(there are: "
            r"made-up\)",
        ):
            list(chat(address, model="gemma").ask(questions(5)))
        with pytest.raises(UserError, match=r"refine.endpoint \(most end in /v1\)"):
            list(
                EndpointChat(Refine(endpoint=address, model="made-up"), Images(), None).ask(
                    questions(5)
                )
            )


def test_the_key_is_sent_where_it_is_named_and_shown_nowhere(monkeypatch):
    monkeypatch.setenv("OUR_KEY", "sk-secret-7")
    monkeypatch.setenv("OTHER_KEY", "sk-other-8")
    with serving("--key", "sk-secret-7") as address:
        with pytest.raises(UserError, match="401 invalid key None"):
            list(chat(address).ask(questions(5)))
        assert stats(address)["key"] is None
        with pytest.raises(UserError, match=r"401 invalid key Bearer \*\*\*\)") as stop:
            list(chat(address, key_variable="OTHER_KEY").ask(questions(5)))
        asked = chat(address, key_variable="OUR_KEY")
        assert by_row(asked.ask(questions(5))) == answers(5)
        assert stats(address)["key"] == "Bearer sk-secret-7"
    assert (
        "other" not in str(stop.value)
        and "secret" not in str(asked.about)
        and "127.0.0.1" not in str(asked.about)
    )
    for value in ("", "two words", "line\nbreak"):
        monkeypatch.setenv("OUR_KEY", value)
        with pytest.raises(UserError, match="no key in OUR_KEY"):
            chat("http://localhost:1", key_variable="OUR_KEY")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/v1",
        "host:8000/v1",
        "http://",
        "http://me:secret@host/v1",
        "http://host:port/v1",
        "file:///etc",
        "http://host/v1?key=secret",
        "http://ho st/v1",
        "http://host/v1\r\nX: y",
    ],
)
def test_what_is_no_plain_address_stops_and_is_not_shown(url):
    with pytest.raises(UserError, match="vlm.endpoint is no plain address") as stop:
        EndpointChat(Vlm(endpoint=url), Images(), None)
    assert "secret" not in str(stop.value)


def test_a_bound_is_asked_for_in_every_servers_words_and_only_then():
    with serving() as address:
        asked = [Question(0, TEXTS[0], pattern="[0-9]+ (gram|ounce)")]
        list(chat(address, constrained=True, max_new_tokens=7).ask(asked))
        bound = stats(address)["fields"]
        list(chat(address).ask(asked))
        free = stats(address)["fields"]
    assert free == ["max_tokens", "messages", "model", "n", "seed", "temperature"]
    assert sorted({*bound} - {*free}) == [
        "guided_regex",
        "json_schema",
        "regex",
        "structured_outputs",
    ]


def test_neither_redirects_nor_proxies_of_the_environment_are_followed(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with serving() as address:
        assert by_row(chat(address).ask(questions(3))) == answers(3)
        with moved_to(address) as moved, pytest.raises(UserError, match="the last: 301"):
            list(chat(moved).ask(questions(3)))
        assert stats(address)["calls"] == 3


MOVED = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(301)
        self.send_header("Location", sys.argv[1] + self.path)
        self.send_header("Content-Length", "0")
        self.end_headers()
    do_GET = do_POST
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


@contextmanager
def moved_to(address: str):
    """The address of a server that sends whoever comes to another one."""
    command = [sys.executable, "-c", MOVED, address]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.kill()


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
    assert (asking.returncode, error) == (130, "stopped; the same command goes on from here\n")


def test_a_mistake_of_ours_in_a_thread_is_raised(monkeypatch):
    monkeypatch.setattr("llm.endpoint.request_body", lambda *_: 1 / 0)
    with serving() as address, pytest.raises(ZeroDivisionError):
        list(chat(address).ask(questions(5)))


def test_the_server_answers_in_the_units_that_are_asked_for():
    values = {reply(text, b"") for text in TEXTS}
    assert "none" in values and {value.split()[-1] for value in values - {"none"}} == {
        "gram",
        "kilogram",
        "ounce",
    }
    assert reply(TEXTS[0], b"a") == reply(TEXTS[0], b"a") != reply(TEXTS[0], b"b")
