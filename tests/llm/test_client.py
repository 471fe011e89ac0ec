"""One call to a server: to whom, with which key, and in whose words."""

import subprocess
import sys
from contextlib import contextmanager

import pytest

from chat_server import serving, stats
from common.errors import UserError
from llm.client import Client, address_and_key
from llm.endpoint import EndpointChat
from llm.messages import Question
from models.refine import Settings as Refine
from models.vlm import Settings as Vlm


def ask(chat: EndpointChat, questions) -> list:
    return sorted(chat.ask(questions), key=lambda reply: reply.row)


def test_a_model_that_is_not_there_stops_with_those_that_are(open_endpoint, questions):
    message = r"404 The model `gemma` does not exist.*refine.model=gemma \(there are: made-up\)"
    with serving() as address, pytest.raises(UserError, match=message):
        ask(open_endpoint(address, model="gemma"), questions(5))


def test_a_wrong_path_stops_with_the_setting(open_endpoint, questions):
    message = r"refine.endpoint \(most end in /v1\)"
    with serving() as address, pytest.raises(UserError, match=message):
        ask(open_endpoint(address, endpoint=address), questions(5))


def test_the_key_is_sent_where_it_is_named_and_shown_nowhere(
    open_endpoint, questions, answers, monkeypatch
):
    monkeypatch.setenv("OUR_KEY", "sk-secret-7")
    monkeypatch.setenv("OTHER_KEY", "sk-other-8")
    with serving("--key", "sk-secret-7") as address:
        with pytest.raises(UserError, match="401 invalid key None"):
            ask(open_endpoint(address), questions(5))
        assert stats(address)["key"] is None

        with pytest.raises(UserError, match=r"401 invalid key Bearer \*\*\*\)") as error:
            ask(open_endpoint(address, key_variable="OTHER_KEY"), questions(5))
        assert "other" not in str(error.value)

        chat = open_endpoint(address, key_variable="OUR_KEY")
        assert ask(chat, questions(5)) == answers(5)
        assert stats(address)["key"] == "Bearer sk-secret-7"
    assert "secret" not in str(chat.about)
    assert "127.0.0.1" not in str(chat.about)


@pytest.mark.parametrize("value", ["", "two words", "line\nbreak"])
def test_a_key_that_is_none_stops(value, monkeypatch):
    monkeypatch.setenv("OUR_KEY", value)
    with pytest.raises(UserError, match="no key in OUR_KEY"):
        address_and_key(Refine(endpoint="http://localhost:1", key_variable="OUR_KEY"))


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
    with pytest.raises(UserError, match="vlm.endpoint is no plain address") as error:
        Client(Vlm(endpoint=url))
    assert "secret" not in str(error.value)


def test_a_constraint_is_asked_for_in_every_servers_words_and_only_then(open_endpoint, texts):
    plain = ["max_tokens", "messages", "model", "n", "seed", "temperature"]
    constraint = ["guided_regex", "json_schema", "regex", "structured_outputs"]
    question = Question(0, texts[0], pattern="[0-9]+ (gram|ounce)")
    with serving() as address:
        ask(open_endpoint(address, constrained=True, max_new_tokens=7), [question])
        assert stats(address)["fields"] == sorted(plain + constraint)
        ask(open_endpoint(address), [question])
        assert stats(address)["fields"] == plain


def test_neither_redirects_nor_proxies_of_the_environment_are_followed(
    open_endpoint, questions, answers, monkeypatch
):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with serving() as address:
        assert ask(open_endpoint(address), questions(3)) == answers(3)
        with moved_to(address) as moved, pytest.raises(UserError, match="the last: 301"):
            ask(open_endpoint(moved), questions(3))
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
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **pipes, text=True) as server:
        try:
            port = int(server.stdout.readline())
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()
