"""Connections to checked addresses, whose reads end in time.

They are urllib3's, which verifies certificates, and uses no proxy, password or cookie of the
environment. Two things are added. An address is checked before it is connected to. And whatever a
server does, a read ends with the request's time, or when all is stopped. urllib3's own time-outs
are for one read of a socket: a server that sends its headers byte by byte would hold a thread for
ever, before urllib3 gives anything back.
"""

import socket
import ssl
import time

from urllib3.connection import HTTPConnection, HTTPSConnection

from images.download.failures import Failure, failure_of
from images.download.links import address_problem

POLL = 0.25  # seconds after which a waiting read looks at the clock


class TimedReads:
    """A socket whose reads raise Failure when its pool says that the request is over, or when no
    byte comes. `pool`, a download.pool.Pool, is set once it is connected."""

    pool = None

    def recv_into(self, *args) -> int:
        """The number of bytes read, as socket.recv_into. Raises Failure as above."""
        patience = self.pool.settings.timeout
        start = time.monotonic()
        before = self.gettimeout()  # for what is written next: a slow uplink takes longer than POLL
        self.settimeout(POLL)

        try:
            while True:
                self.pool.seconds_left()
                try:
                    return super().recv_into(*args)
                except TimeoutError:
                    if time.monotonic() - start >= patience:
                        raise self.pool.failure(f"no byte for {patience:g} s") from None
        finally:
            self.settimeout(before)


class TcpSocket(TimedReads, socket.socket):
    """For http."""


class TlsSocket(TimedReads, ssl.SSLSocket):
    """For https: the class that the pool's TLS context makes of a TcpSocket."""


class CheckedConnection:
    """What both kinds of connection share: a host is resolved once, all its addresses are checked,
    and exactly these are connected to."""

    def __init__(self, pool, **options):
        super().__init__(**options)
        self.pool = pool

    def connect(self) -> None:
        """Raises Failure."""
        try:
            super().connect()
        except TimeoutError:
            self.pool.seconds_left()
            patience = self.pool.settings.connect
            raise self.pool.failure(f"no connection within {patience:g} s") from None
        except OSError as error:
            raise failure_of(error, answered=False) from None

        self.sock.pool = self.pool

    def _new_conn(self) -> socket.socket:
        """A connected socket. Raises OSError of the last address when none can be connected to."""
        infos = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        for *_, address in infos:
            reason = address_problem(address[0], self.pool.settings.networks)
            if reason:
                raise Failure(reason, again=False)

        self.pool.make_room()

        for family, kind, protocol, _, address in infos:
            seconds = min(self.timeout, self.pool.seconds_left())
            sock = TcpSocket(family, kind, protocol)

            try:
                sock.settimeout(seconds)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.connect(address)

                # for the handshake of TLS, which may take this long in all
                sock.settimeout(min(self.timeout, self.pool.seconds_left()))
                return sock
            except OSError as error:
                sock.close()
                last_error = error
            except Failure:
                sock.close()
                raise

        raise last_error


class Http(CheckedConnection, HTTPConnection):
    """Over TCP."""


class Https(CheckedConnection, HTTPSConnection):
    """Over TLS, whose certificate urllib3 checks."""
