"""A server of images that fails in every way that servers do: for tests, and to try out a
download. It counts what it is asked.

    /ok/<i>.jpg        a JPEG, other bytes for each i           /faulty/<i>.jpg    with probability
                       --faults first a fault of FAULTS
    /404 /403 /429 /503  these; 429 once and 503 twice for each path below, e.g. /503/7.jpg, then a
                         JPEG
    /drip /dripping-headers /dripping-chunks           a byte now and then: of the body, the
    headers, as chunks
    /hang /hang-before                                 silent after the headers, and before them
    /truncated /wrong-length /broken-chunks /reset     a body that ends early, says less than it is,
    is no chunks; a reset connection
    /html.jpg /page.jpg /text /json /svg /empty        200 and no image
    /large /large-chunked /bomb.png                    200 MB with and without a length; 50,000 x
    50,000 pixels in a few bytes
    /gzip-encoded /gzip-cut /gzip-bomb                 compressed without being asked; the bomb is
    200 MB
    /loop /redirect-to?to=LINK                         redirects

Run     python tests/picture_server.py --port 8000 [--latency 0.02] [--faults 0.05] [--seed 0]
        [--tls]
        --port 0 takes a free port; the first line printed is the port
"""

import argparse
import gzip
import io
import random
import socket
import ssl
import struct
import threading
import time
import zlib
from collections import Counter
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

FAULTS = ("503", "reset", "truncated", "hang", "429")
PEM = Path(__file__).with_suffix(
    ".pem"
)  # key and certificate of localhost and 127.0.0.1, signed by itself, for a hundred years
LARGE = 200_000_000  # bytes


@cache
def drawn(side: int) -> bytes:
    """A JPEG of side x side pixels; 260 of them are 60 kB."""
    from PIL import Image

    noise = Image.frombytes("RGB", (side, side), random.Random(0).randbytes(3 * side * side))
    data = io.BytesIO()
    noise.save(data, "JPEG", quality=90)
    return data.getvalue()


def jpeg(name: str, side: int = 32) -> bytes:
    """That JPEG with the name as a comment."""
    note = name.encode()
    return drawn(side)[:2] + b"\xff\xfe" + struct.pack(">H", len(note) + 2) + note + drawn(side)[2:]


def bomb() -> bytes:
    """A PNG whose header says 50,000 x 50,000."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(150_001)))
        + chunk(b"IEND", b"")
    )


class Handler(BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

    def setup(self):
        time.sleep(self.server.options.latency)
        if self.server.tls:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def do_GET(self):
        path = urlsplit(self.path).path
        with self.server.lock:
            self.server.counts[path] += 1
            self.server.agents.add(self.headers.get("User-Agent"))
            self.server.headers |= {name.lower() for name in self.headers}
            self.attempt, self.server.running = self.server.counts[path], self.server.running + 1
            self.server.most = max(self.server.most, self.server.running)
            self.server.times.append((time.monotonic(), path))
        try:
            time.sleep(self.server.options.latency)
            self.answer(path)
        except OSError:  # the caller has gone
            self.close_connection = True
        finally:
            with self.server.lock:
                self.server.running -= 1

    def answer(self, path: str) -> None:
        kind, _, name = path.strip("/").partition("/")
        if kind == "faulty":
            dice = random.Random(f"{self.server.options.seed} {name} {self.attempt}")
            kind = dice.choice(FAULTS) if dice.random() < self.server.options.faults else "ok"
            self.attempt = 1  # whatever it is, it comes now
        if kind in ("404", "403") or kind == "503" and self.attempt <= 2:
            self.send(b"no such image", int(kind))
        elif kind == "429" and self.attempt == 1:
            self.send(b"", 429, **{"Retry-After": "1"})
        elif kind in ("ok", "429", "503"):
            self.send(jpeg(name, self.server.options.side))
        elif hasattr(self, f"do_{kind.partition('.')[0].replace('-', '_')}"):
            getattr(self, f"do_{kind.partition('.')[0].replace('-', '_')}")(jpeg(path))
        else:
            self.send(b"no such path", 404)

    def send(self, body: bytes, status: int = 200, length: int | None = None, **headers) -> None:
        headers = {
            "Content-Type": "image/jpeg",
            "Content-Length": len(body) if length is None else length,
        } | headers
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value != "")
        self.wfile.write(f"HTTP/1.1 {status} -\r\n{lines}\r\n".encode() + body)

    def slowly(self, pieces) -> None:
        for piece in pieces:
            self.wfile.write(piece)
            time.sleep(0.05)

    def wait(self) -> None:
        """Until the caller has gone."""
        self.connection.settimeout(60)
        self.connection.recv(1)
        self.close_connection = True

    def do_drip(self, data):
        self.send(data[:1], length=10**6)
        self.slowly(bytes(1) for _ in range(10**6))

    def do_dripping_headers(self, data):
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        self.slowly(f"X-{i}: 1\r\n".encode()[j : j + 1] for i in range(90) for j in range(8))

    def do_dripping_chunks(self, data):
        self.send(b"", length="", **{"Transfer-Encoding": "chunked"})
        self.slowly(b"1\r\nx\r\n" for _ in range(10**6))

    def do_hang(self, data):
        self.send(data[:20], length=len(data))
        self.wait()

    def do_hang_before(self, data):
        self.wait()

    def do_truncated(self, data):
        self.send(data[:-30], length=len(data))
        self.close_connection = True

    def do_wrong_length(self, data):
        self.send(data, length=len(data) - 30)

    def do_broken_chunks(self, data):
        self.send(
            b"10\r\n0123456789abcdef\r\nxyz\r\n", length="", **{"Transfer-Encoding": "chunked"}
        )
        self.close_connection = True

    def do_reset(self, data):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def do_html(self, data):
        self.send(b"\n<!DOCTYPE html><html><body>The image has moved.</body></html>")

    def do_page(self, data):
        self.send(b"\xef\xbb\xbf<html>")

    def do_text(self, data):
        self.send(b"Too many requests. Try again later.")

    def do_json(self, data):
        self.send(b'{"error": "none"}')

    def do_svg(self, data):
        self.send(b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>')

    def do_empty(self, data):
        self.send(b"")

    def do_large(self, data):
        self.send(data, length=LARGE)
        for _ in range(LARGE // 100_000):
            self.wfile.write(bytes(100_000))

    def do_large_chunked(self, data):
        self.send(b"", length="", **{"Transfer-Encoding": "chunked"})
        for _ in range(LARGE // 100_000):
            self.wfile.write(b"186a0\r\n" + bytes(100_000) + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def do_bomb(self, data):
        self.send(bomb())

    def do_gzip_encoded(self, data):
        self.send(gzip.compress(data), **{"Content-Encoding": "gzip"})

    def do_gzip_cut(self, data):
        self.send(gzip.compress(data)[:-20], **{"Content-Encoding": "gzip"})

    def do_gzip_bomb(self, data):
        self.send(zeros(), **{"Content-Encoding": "gzip"})

    def do_loop(self, data):
        self.send(b"", 302, Location="/loop")

    def do_redirect_to(self, data):
        self.send(b"moved", 301, Location=parse_qs(urlsplit(self.path).query)["to"][0])

    def log_message(self, *_):
        pass


@cache
def zeros() -> bytes:
    return gzip.compress(bytes(LARGE), 1)


class Server(ThreadingHTTPServer):
    """`counts` {path: requests}, `connections`, `most` requests at a time, `times`
    [(time.monotonic(), path)], `agents`, `headers`."""

    daemon_threads, request_queue_size = True, 512

    def __init__(self, options):
        super().__init__(("127.0.0.1", options.port), Handler)
        self.options, self.lock = options, threading.Lock()
        self.counts, self.connections, self.running, self.most, self.times = Counter(), 0, 0, 0, []
        self.agents, self.headers, self.tls = set(), set(), None
        if options.tls:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(PEM)
        self.address = f"http{'s' * options.tls}://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_):  # a caller that went away
        pass


@contextmanager
def serving(*options: str):
    """A server in a thread, as `main` would start it."""
    server = Server(parser().parse_args(options))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def listening(talk=lambda connection: None):
    """A bare port of the loopback; talk(socket) is what is done with every connection. Yields it:
    `port`, and `seen`, how many came."""
    server = socket.create_server(("127.0.0.1", 0))
    listener = SimpleNamespace(port=server.getsockname()[1], seen=0)

    def accept():
        try:
            while True:
                connection, _ = server.accept()
                listener.seen += 1
                threading.Thread(target=once, args=(connection,), daemon=True).start()
        except OSError:  # closed
            pass

    def once(connection):
        with connection:
            try:
                talk(connection)
            except OSError:
                pass

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument(
        "--latency",
        type=float,
        default=0.0,
        help="seconds before a connection, and before each answer",
    )
    parser.add_argument(
        "--faults",
        type=float,
        default=0.0,
        help="share of requests to /faulty/ that fail, by: " + ", ".join(FAULTS),
    )
    parser.add_argument("--seed", type=int, default=0, help="of which of them fail")
    parser.add_argument("--side", type=int, default=32, help="pixels of the JPEGs; 260 are 60 kB")
    parser.add_argument(
        "--tls", action="store_true", help=f"https with the certificate of {PEM.name}"
    )
    return parser


def main(argv=None):
    server = Server(parser().parse_args(argv))
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
