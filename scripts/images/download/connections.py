"""Connections that files are fetched over: to addresses that were looked at, with what can go wrong
named in few words.

They are urllib3's, which keeps, drops and verifies them, and uses no proxy, password or cookie of
the environment.
"""

import socket
import ssl
import time
import zlib
from contextlib import contextmanager, suppress
from functools import partial
from gzip import BadGzipFile, GzipFile
from http.client import HTTPException, IncompleteRead
from itertools import count
from threading import Event, Lock, local
from types import SimpleNamespace

from urllib3 import PoolManager, Retry, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, ReadTimeoutError

from images.download.links import address_problem, split_link

CHUNK = 1 << 16  # bytes read at a time
# bytes of an error page or a redirect that are read to keep a connection; after more it is closed
REST = 1 << 13
OPEN = 256  # connections made before those that are idle are closed: a process may have 1,024 files
ONCE = Retry(False, redirect=False)  # what is to be asked for again goes back into its host's queue


class Failure(Exception):
    """Why a link's picture is not had; final: another try changes nothing unless the link or its
    file changes. Inside: whether it is tried again in this run, the seconds that its host wants to
    be left alone, and whether the host has answered at all."""

    def __init__(
        self,
        reason: str,
        final: bool = False,
        again: bool = True,
        wait: float = 0.0,
        heard: bool = True,
    ):
        super().__init__(reason)
        self.reason, self.final, self.again, self.wait, self.heard = (
            reason,
            final,
            again and not final,
            wait,
            heard,
        )


class Checked:
    """What both kinds of connection do: a host is resolved once, and what comes out of that is
    checked and connected to."""

    def __init__(self, pools: "Pools", **more):
        super().__init__(**more)
        self.pools = pools

    def connect(self) -> None:
        try:
            super().connect()
        except OSError as error:
            raise self.pools.explain(error, ready=False) from None

    def _new_conn(self) -> socket.socket:
        places = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        if reason := next(
            filter(
                None,
                (address_problem(place[4][0], self.pools.settings.networks) for place in places),
            ),
            "",
        ):
            raise Failure(reason, again=False)
        if not next(self.pools.made) % OPEN:
            self.pools.clear()
        for left, (family, kind, protocol, _, address) in zip(
            range(len(places) - 1, -1, -1), places, strict=True
        ):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(self.timeout)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.pools.hold(sock)
                sock.connect(address)
                return sock
            except OSError:
                sock.close()
                if self.pools.thread.now.late or not left:
                    raise

    def request(self, *what, **more) -> None:
        if self.sock:  # kept from the request before
            self.pools.hold(self.sock)
        super().request(*what, **more)


class Http(Checked, HTTPConnection):
    """Over TCP."""


class Https(Checked, HTTPSConnection):
    """Over TLS, whose certificate urllib3 checks."""


class Pools(PoolManager):
    """Connections by host, kept as long as they are good, and what is under way: one request a
    thread. Each has `due`, when it is cut by `watch`; `late`, whether it was; and `twin`, a second
    handle of its socket, shut to end whatever is done with the first."""

    def __init__(self, settings):
        patience = Timeout(connect=settings.connect, read=settings.timeout)
        super().__init__(
            OPEN,
            maxsize=settings.per_host,
            timeout=patience,
            ssl_context=ssl.create_default_context(),
        )
        self.settings, self.made, self.lock, self.stopped, self.busy, self.thread = (
            settings,
            count(1),
            Lock(),
            Event(),
            [],
            local(),
        )

    def _new_pool(self, scheme, *rest, **more):
        pool = super()._new_pool(scheme, *rest, **more)
        pool.ConnectionCls = partial(Https if scheme == "https" else Http, self)
        return pool

    @contextmanager
    def ask(self, link: str, headers: dict):
        """The answer to a request for a link, up to its body; what little is left of that is read
        at last. Raises Failure."""
        scheme, host, port, target = split_link(link)
        now = self.thread.now = SimpleNamespace(
            due=time.monotonic() + self.settings.longest, late=False, twin=None
        )
        response = None
        with self.lock:
            self.busy.append(now)
            now.late = self.stopped.is_set()
        try:
            try:
                response = self.connection_from_host(host, port, scheme).urlopen(
                    "GET",
                    target,
                    headers=headers,
                    retries=ONCE,
                    redirect=False,
                    preload_content=False,
                    decode_content=False,
                )
            except (OSError, HTTPError, ValueError) as error:
                raise self.explain(error) from None
            yield response
        finally:
            if response:
                if response.length_remaining is not None and response.length_remaining <= REST:
                    response.drain_conn()
                response.close()
            with self.lock:
                self.busy.remove(now)
            self.hold(None)

    def pieces(self, response):
        """Yield an answer's body in pieces, as it was before the server compressed it, though
        nobody asked it to. Raises Failure."""
        coding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if coding not in ("identity", "", "gzip", "x-gzip"):
            raise Failure("compressed in a way that was not asked for", True)
        read = (
            response.read1
        )  # not `read`, which takes a chunk of length -1 for all that comes, and holds it in memory
        if "gzip" in coding:  # urllib3 would not notice that it is cut off
            read = GzipFile(fileobj=SimpleNamespace(read=read)).read1
        try:
            while chunk := read(CHUNK):
                yield chunk
        except (OSError, HTTPError, ValueError, EOFError, zlib.error) as error:
            raise self.explain(error, heard=True) from None
        if self.thread.now.late:  # a body without a length ends as if it were whole
            raise self.explain(TimeoutError())

    def hold(self, sock) -> None:
        """Make a twin of what this thread's try waits for from now on, or none. Raises TimeoutError
        when it was cut already."""
        now, twin = self.thread.now, sock and socket.fromfd(sock.fileno(), sock.family, sock.type)
        with self.lock:  # else cut could shut what has the closed one's number by then
            if now.twin:
                now.twin.close()
            now.twin = twin
        if now.late and twin:
            raise TimeoutError

    def cut(self, until: float) -> None:
        """End every try that was due."""
        with self.lock:
            for now in self.busy:
                if now.due <= until:
                    now.late = True
                    with suppress(OSError, AttributeError):  # not connected any more, or not yet
                        now.twin.shutdown(socket.SHUT_RDWR)

    def watch(self) -> None:
        """Cut every request that takes longer than it may; a thread's work."""
        while not self.stopped.wait(min(1, self.settings.longest / 4)):
            self.cut(time.monotonic())

    def stop(self) -> None:
        """Cut every request, close every connection."""
        self.stopped.set()
        self.cut(float("inf"))
        self.clear()

    def explain(self, error: Exception, heard: bool = False, ready: bool = True) -> Failure:
        """The Failure that an error of the network is. heard: the host had begun to answer; ready:
        it was connected to."""
        error, again = (
            next((arg for arg in error.args if isinstance(arg, Exception)), error),
            True,
        )  # urllib3 wraps what it caught
        if self.thread.now.late:
            reason = f"took longer than {self.settings.longest:g} s"
        elif isinstance(error, ssl.SSLCertVerificationError):
            reason, again = f"certificate: {error.verify_message}", False
        elif isinstance(error, (TimeoutError, ReadTimeoutError)):
            reason = (
                f"no byte for {self.settings.timeout:g} s"
                if ready
                else f"no connection within {self.settings.connect:g} s"
            )
        elif isinstance(error, socket.gaierror):
            reason, again = (
                f"DNS: {error.strerror}",
                error.errno not in (socket.EAI_NONAME, socket.EAI_NODATA),
            )
        elif isinstance(error, ssl.SSLError):
            reason = f"TLS: {(error.reason or 'cut off').replace('_', ' ').lower()}"
        elif isinstance(error, (BadGzipFile, zlib.error)):
            reason = "its gzip is broken"
        elif isinstance(error, IncompleteRead):
            reason = (
                f"cut off, {error.expected:,} bytes are missing" if error.expected else "cut off"
            )
        elif isinstance(
            error, ConnectionResetError
        ):  # http.client's for a connection that ends before an answer is one too
            reason = "the connection was reset"
        elif isinstance(error, (HTTPException, HTTPError, ValueError, EOFError)):
            reason = "cut off" if heard else "its answer is not HTTP"
        else:
            reason = (getattr(error, "strerror", "") or type(error).__name__).lower()
        return Failure(reason, again=again, heard=heard)


def seconds(text: str) -> float:
    """What a Retry-After says, a number or a date; 0 where that is past or neither."""
    try:
        return ONCE.parse_retry_after(text)
    except (HTTPError, ValueError, OverflowError):
        return 0.0
