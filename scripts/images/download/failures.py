"""Why a link's image could not be downloaded, in a few words.

in: ConnectionResetError(104, "Connection reset by peer") → out: Failure("the connection was reset")
"""

import socket
import ssl
import zlib
from gzip import BadGzipFile
from http.client import HTTPException, IncompleteRead

from urllib3.exceptions import HTTPError

# Errors of the network, of TLS, of HTTP, and of a body that was compressed.
ERRORS = (OSError, HTTPError, ValueError, EOFError, zlib.error)
FINAL_DNS = (socket.EAI_NONAME, socket.EAI_NODATA)


class Failure(Exception):
    """Why a link's image was not downloaded.

    reason: for people. final: another try changes nothing unless the link or its file changes.
    again: it is tried again in this run. wait: seconds that the host wants to be left alone.
    answered: the host has answered at all.
    """

    def __init__(
        self,
        reason: str,
        final: bool = False,
        again: bool = True,
        wait: float = 0.0,
        answered: bool = True,
    ):
        super().__init__(reason)
        self.reason = reason
        self.final = final
        self.again = again and not final
        self.wait = wait
        self.answered = answered


def failure_of(error: Exception, answered: bool) -> Failure:
    """The Failure that one of ERRORS is. answered: the host had begun to answer."""
    for inner in error.args:
        if isinstance(inner, Exception):  # urllib3 wraps what it caught
            error = inner
            break

    if isinstance(error, ssl.SSLCertVerificationError):
        reason = f"certificate: {error.verify_message}"
        return Failure(reason, again=False, answered=answered)

    if isinstance(error, socket.gaierror):
        again = error.errno not in FINAL_DNS
        return Failure(f"DNS: {error.strerror}", again=again, answered=answered)

    reason = reason_of(error, answered)
    return Failure(reason, answered=answered)


def reason_of(error: Exception, answered: bool) -> str:
    """A few words on an error of the network, of TLS, of HTTP or of a compressed body."""
    if isinstance(error, ssl.SSLError):
        what = error.reason or "cut off"
        words = what.replace("_", " ").lower()
        return f"TLS: {words}"

    if isinstance(error, (BadGzipFile, zlib.error)):
        return "its gzip is broken"

    if isinstance(error, IncompleteRead):
        if not error.expected:
            return "cut off"

        return f"cut off, {error.expected:,} bytes are missing"

    # Of http.client's errors, the one for a connection that ends before an answer is of this kind.
    if isinstance(error, ConnectionResetError):
        return "the connection was reset"

    if isinstance(error, (HTTPException, HTTPError, ValueError, EOFError)):
        return "cut off" if answered else "its answer is not HTTP"

    words = getattr(error, "strerror", "") or type(error).__name__
    return words.lower()
