"""A small OpenAI-compatible server that makes its answers up, and fails as servers do: for tests,
and to try out an endpoint.

An answer depends on the question and the image's bytes alone, so two runs can be compared. GET
/stats returns counts of calls and faults, and what the last good call held.

Run     python tests/chat_server.py --port 8000 --fail 0.1 [--seed 0] [--delay 0.5] [--model NAME]
        [--key SECRET] [--refuse WORD] [--known FILE] and then make with
        vlm.endpoint=http://localhost:8000/v1 vlm.model=made-up
        --port 0 takes a free port; the first line printed is the port
"""

import argparse
import base64
import hashlib
import json
import random
import re
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path

FAULTS = ("500", "drop", "429", "truncated", "garbage", "no choices", "huge")


@contextmanager
def serving(*options):
    """The address of a server with these options, in a process of its own."""
    command = [sys.executable, __file__, *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = int(server.stdout.readline())
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()


def stats(address: str) -> dict:
    """What the server at the address has counted."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{address}/stats") as answer:
        return json.load(answer)


def reply(text: str, image: bytes) -> str:
    """A value by hash, in one of the units that the question names after "units ...:"; "none" for
    one question in eight."""
    dice = random.Random(hashlib.sha256(text.encode() + b"\0" + image).digest())
    match = re.search(r"units[^:.]*: ([a-z ,]+)", text)
    units = match[1].split(", ") if match else ["gram"]
    values = (dice.randint(1, 40), dice.randint(1, 200) * 5, dice.randint(1, 999) / 10)
    value = dice.choice(values)
    if dice.random() < 1 / 8:
        return "none"
    return f"{value} {dice.choice(units)}"


def known_reply(known: dict[str, str], text: str, image: bytes) -> str | None:
    """The reply of the first key that stands in the question, or is its image's sha256; None where
    there is none."""
    digest = hashlib.sha256(image).hexdigest()
    for key, answer in known.items():
        if key in text or key == digest:
            return answer
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.server.count(connections=1)

    def do_GET(self):
        if self.path == "/stats":
            return self.send(200, self.server.stats)
        if self.path != "/v1/models":
            return self.refuse(404, "Not Found")
        entry = {
            "id": self.server.options.model,
            "owned_by": "nobody",
            "max_model_len": 4096,
            "root": "/a/folder",
        }
        self.send(200, {"object": "list", "data": [entry]})

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        self.server.count(calls=1, in_flight=1)
        try:
            fault = self.server.fault()
            time.sleep(self.server.options.delay)
            if fault:
                self.fail(fault)
            else:
                self.answer(json.loads(body))
        finally:
            self.server.count(in_flight=-1)

    def answer(self, body: dict) -> None:
        """What a good call gets."""
        text, images = read_content(body["messages"][0]["content"])
        key = self.headers.get("Authorization")
        self.server.set(key=key, fields=sorted(body), sizes=[len(image) for image in images])

        options = self.server.options
        if self.path != "/v1/chat/completions":
            self.refuse(404, "Not Found")
        elif options.key and key != f"Bearer {options.key}":
            self.refuse(401, f"invalid key {key}")
        elif body["model"] != options.model:
            self.refuse(404, f"The model `{body['model']}` does not exist.")
        elif options.refuse and options.refuse in text:
            self.refuse(400, f"this server takes no {options.refuse}")
        else:
            image = b"".join(images)
            content = known_reply(self.server.known, text, image)
            if content is None:
                content = reply(text, image)
            elif not re.fullmatch(body.get("regex", "(?s:.*)"), content):
                return self.refuse(400, f"{content!r} is no {body['regex']}")
            message = {"role": "assistant", "content": content}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self.send(200, {"object": "chat.completion", "choices": [choice]})

    def fail(self, fault: str) -> None:
        """What a call gets that fails by `fault`, one of FAULTS."""
        self.server.count(**{fault: 1})
        self.close_connection = fault in ("drop", "truncated")
        if fault == "500":
            self.refuse(500, "out of luck")
        elif fault == "429":
            self.refuse(429, "too many", {"Retry-After": "0.05"})
        elif fault == "truncated":
            self.send(200, b"x" * 100, cut=50)
        elif fault == "garbage":
            self.send(200, b"x" * 100)
        elif fault == "no choices":
            self.send(200, {"choices": []})
        elif fault == "huge":
            self.send(200, b"x" * (1 << 21))

    def refuse(self, status: int, message: str, headers: dict | None = None) -> None:
        error = {"message": message, "type": "made up", "code": status}
        self.send(status, {"error": error}, headers)

    def send(
        self, status: int, body: dict | bytes, headers: dict | None = None, cut: int = 0
    ) -> None:
        """Answer with JSON, or bytes; cut: bytes that are promised and not sent."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        all_headers = {"Content-Type": "application/json", "Content-Length": len(data)}
        all_headers |= headers or {}
        self.send_response(status)
        for name, value in all_headers.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(data[: len(data) - cut])

    def log_message(self, *_):
        pass


def read_content(content: str | list) -> tuple[str, list[bytes]]:
    """The text and the images of a message."""
    if isinstance(content, str):
        return content, []
    text, images = "", []
    for part in content:
        if part["type"] == "text":
            text += part["text"]
        if part["type"] == "image_url":
            data = part["image_url"]["url"].partition(",")[2]
            images.append(base64.b64decode(data, validate=True))
    return text, images


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, options):
        super().__init__(("127.0.0.1", options.port), Handler)
        self.options = options
        self.known = {}
        if options.known:
            self.known = json.loads(Path(options.known).read_text())
        self.lock = threading.Lock()
        self.dice = random.Random(options.seed)
        self.faults = cycle(FAULTS)
        self.stats = {
            "calls": 0,
            "in_flight": 0,
            "most_in_flight": 0,
            "connections": 0,
            "key": None,
            "fields": [],
            "sizes": [],
        }

    def count(self, **changes: int) -> None:
        """Add to the counts of /stats."""
        with self.lock:
            for name, change in changes.items():
                self.stats[name] = self.stats.get(name, 0) + change
            most = max(self.stats["most_in_flight"], self.stats["in_flight"])
            self.stats["most_in_flight"] = most

    def set(self, **values) -> None:
        """What the last good call held, for /stats."""
        with self.lock:
            self.stats |= values

    def fault(self) -> str:
        """How the next call fails; "" = it does not."""
        with self.lock:
            fails = self.dice.random() < self.options.fail
            return next(self.faults) if fails else ""

    def handle_error(self, *_):  # a caller that went away
        pass


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument(
        "--fail",
        type=float,
        default=0.0,
        help="share of calls that fail, in turn by: " + ", ".join(FAULTS),
    )
    parser.add_argument("--seed", type=int, default=0, help="of which calls fail")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--model", default="made-up")
    parser.add_argument("--key", default="", help="calls without it get 401")
    parser.add_argument("--refuse", default="", help="questions with this word get 400")
    parser.add_argument(
        "--known",
        default="",
        help="JSON of replies by words of their questions, or by sha256 of their images; one that "
        "is not what the question's regex allows gets 400",
    )
    server = Server(parser.parse_args(argv))
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
