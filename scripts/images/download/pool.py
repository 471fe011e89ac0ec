"""Requests over connections that are kept open, each within its time.

in: "https://a.test/1.jpg" → out: status, headers, and the body in chunks
"""

import ssl
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from gzip import GzipFile
from itertools import count
from threading import Event, local
from types import SimpleNamespace

from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError

from images.download.connections import Http, Https, TlsSocket
from images.download.failures import ERRORS, Failure, failure_of
from images.download.links import split_link

CHUNK = 1 << 16  # bytes read at a time
# Bytes of an error page or a redirect that are read to keep a connection; with more it is closed.
REST = 1 << 13
# Connections made before those that are idle are closed: a process may have 1,024 files.
OPEN = 256
ONCE = Retry(False, redirect=False)  # what is to be asked for again goes back into its host's queue


@dataclass
class Request:
    """What a thread asks for at the moment."""

    due: float  # time.monotonic() at which it is given up
    answered: bool = False  # its answer has begun


class Pool(PoolManager):
    """urllib3's connections by host, kept as long as they are good, with one request per thread."""

    def __init__(self, settings):
        context = ssl.create_default_context()
        context.sslsocket_class = TlsSocket
        timeout = Timeout(connect=settings.connect, read=settings.timeout)
        super().__init__(OPEN, maxsize=settings.per_host, timeout=timeout, ssl_context=context)

        self.settings = settings
        self.opened = count(1)
        self.stopped = Event()
        # .request is what this thread asks for at the moment
        self.thread = local()

    def _new_pool(self, scheme, *args, **options):
        pool = super()._new_pool(scheme, *args, **options)
        connection = Https if scheme == "https" else Http
        pool.ConnectionCls = partial(connection, self)
        return pool

    def make_room(self) -> None:
        """Close idle connections now and then, before another is made."""
        if next(self.opened) % OPEN == 0:
            self.clear()

    def seconds_left(self) -> float:
        """Of this thread's request. Raises Failure when there are none, or all is stopped."""
        if self.stopped.is_set():
            raise Failure("stopped")

        request = self.thread.request
        seconds = request.due - time.monotonic()
        if seconds <= 0:
            longest = self.settings.longest
            raise self.failure(f"took longer than {longest:g} s")

        return seconds

    def failure(self, reason: str) -> Failure:
        return Failure(reason, answered=self.thread.request.answered)

    @contextmanager
    def get(self, link: str, headers: dict):
        """Yield the answer to a request for a link; its body is still to be read. Raises
        Failure."""
        target = split_link(link)
        request = Request(due=time.monotonic() + self.settings.longest)
        self.thread.request = request

        try:
            pool = self.connection_from_host(target.host, target.port, target.scheme)
            response = pool.urlopen(
                "GET",
                target.path,
                headers=headers,
                retries=ONCE,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except ERRORS as error:
            raise failure_of(error, answered=False) from None

        request.answered = True
        try:
            yield response
        finally:
            rest = response.length_remaining
            if rest is not None and rest <= REST:
                with suppress(Failure):
                    response.drain_conn()

            response.close()

    def body(self, response):
        """Yield an answer's body in chunks. A server may have compressed it, though nobody asked it
        to. Raises Failure."""
        coding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if coding not in ("identity", "", "gzip", "x-gzip"):
            raise Failure("compressed in a way that was not asked for", final=True)

        # Not `read`: it takes a chunk of length -1 for all that comes, and holds it in memory.
        read = response.read1
        if "gzip" in coding:  # urllib3 would not notice that it is cut off
            read = GzipFile(fileobj=SimpleNamespace(read=response.read1)).read1

        try:
            while chunk := read(CHUNK):
                yield chunk
        except ERRORS as error:
            raise failure_of(error, answered=True) from None

    def stop(self) -> None:
        """End every read within POLL seconds, and close the connections that are idle."""
        self.stopped.set()
        self.clear()


def retry_after(text: str) -> float:
    """Seconds of a Retry-After header, a number or a date; 0 where it is past or neither."""
    try:
        return ONCE.parse_retry_after(text)
    except (HTTPError, ValueError, OverflowError):
        return 0.0
