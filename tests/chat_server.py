"""A small OpenAI-compatible server that makes its answers up, and fails as servers do: for tests,
and to try out an endpoint.

What it answers is decided by the question and the picture's bytes, so two runs can be compared. GET
/stats tells what it saw.

Run     python tests/chat_server.py --port 8000 --fail 0.1 [--seed 0] [--delay 0.5] [--model NAME]
        [--key SECRET] [--refuse WORD] and then make with vlm.endpoint=http://localhost:8000/v1
        vlm.model=made-up
        --port 0 takes a free port; the first line printed is the port
"""

import argparse
import base64
import hashlib
import json
import random
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle

FAULTS = ("500", "drop", "429", "truncated", "garbage", "no choices", "huge")


def reply(text: str, picture: bytes) -> str:
    """A value by hash, in one of the units that the question names after "units ...:"; "none" for
    one in eight."""
    dice = random.Random(hashlib.sha256(text.encode() + b"\0" + picture).digest())
    units = re.search(r"units[^:.]*: ([a-z ,]+)", text)
    value = dice.choice((dice.randint(1, 40), dice.randint(1, 200) * 5, dice.randint(1, 999) / 10))
    return (
        "none"
        if dice.random() < 1 / 8
        else f"{value} {dice.choice(units[1].split(', ') if units else ['gram'])}"
    )


class Handler(BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

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
        options, body = self.server.options, self.rfile.read(int(self.headers["Content-Length"]))
        self.server.count(calls=1, in_flight=1)
        try:
            fault = self.server.fault()
            time.sleep(options.delay)
            self.fail(fault) if fault else self.answer(json.loads(body), options)
        finally:
            self.server.count(in_flight=-1)

    def answer(self, body: dict, options) -> None:
        """What a good call gets."""
        content = body["messages"][0]["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        text = "".join(part["text"] for part in parts if part["type"] == "text")
        shown = [
            part["image_url"]["url"].partition(",")[2]
            for part in parts
            if part["type"] == "image_url"
        ]
        pictures = [base64.b64decode(data, validate=True) for data in shown]
        self.server.saw(
            key=self.headers.get("Authorization"),
            fields=sorted(body),
            sizes=[len(picture) for picture in pictures],
        )
        if self.path != "/v1/chat/completions":
            self.refuse(404, "Not Found")
        elif options.key and self.headers.get("Authorization") != f"Bearer {options.key}":
            self.refuse(401, f"invalid key {self.headers.get('Authorization')}")
        elif body["model"] != options.model:
            self.refuse(404, f"The model `{body['model']}` does not exist.")
        elif options.refuse and options.refuse in text:
            self.refuse(400, f"this server takes no {options.refuse}")
        else:
            message = {"role": "assistant", "content": reply(text, b"".join(pictures))}
            self.send(
                200,
                {
                    "object": "chat.completion",
                    "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                },
            )

    def fail(self, fault: str) -> None:
        self.server.count(**{fault: 1})
        self.close_connection = fault in ("drop", "truncated")
        if fault == "500":
            self.refuse(500, "out of luck")
        elif fault == "429":
            self.refuse(429, "too many", {"Retry-After": "0.05"})
        elif fault == "no choices":
            self.send(200, {"choices": []})
        elif fault != "drop":
            self.send(
                200,
                b"x" * (1 << 21 if fault == "huge" else 100),
                cut=50 if fault == "truncated" else 0,
            )

    def refuse(self, status: int, message: str, headers=None) -> None:
        self.send(
            status, {"error": {"message": message, "type": "made up", "code": status}}, headers
        )

    def send(self, status: int, body: dict | bytes, headers=None, cut: int = 0) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for key, value in {
            "Content-Type": "application/json",
            "Content-Length": len(data),
            **(headers or {}),
        }.items():
            self.send_header(key, str(value))
        self.end_headers()
        self.wfile.write(data[: len(data) - cut])

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 128

    def __init__(self, options):
        super().__init__(("127.0.0.1", options.port), Handler)
        self.options, self.lock, self.dice, self.faults = (
            options,
            threading.Lock(),
            random.Random(options.seed),
            cycle(FAULTS),
        )
        self.stats = {
            "calls": 0,
            "in_flight": 0,
            "most_in_flight": 0,
            "connections": 0,
            "key": None,
            "fields": [],
            "sizes": [],
        }

    def count(self, **more: int) -> None:
        with self.lock:
            for name, number in more.items():
                self.stats[name] = self.stats.get(name, 0) + number
            self.stats["most_in_flight"] = max(
                self.stats["most_in_flight"], self.stats["in_flight"]
            )

    def saw(self, **last) -> None:
        with self.lock:
            self.stats |= last

    def fault(self) -> str:
        with self.lock:
            return next(self.faults) if self.dice.random() < self.options.fail else ""

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
    server = Server(parser.parse_args(argv))
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
