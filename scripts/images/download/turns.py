"""One turn of a job: its link is asked for once, and the answer checked as it comes.

in: Job("http://a/1.jpg") → out: what `take` makes of its file, a Failure, or AGAIN
"""

import random
import re
import time
from http.client import responses
from itertools import count
from os import getpid
from pathlib import Path
from socket import gethostname
from urllib.parse import quote, urljoin

from images.download.failures import Failure
from images.download.hosts import Hosts, Job
from images.download.links import problem
from images.download.pool import Pool, retry_after

AGAIN = object()  # the result of a turn whose job is queued once more
# Statuses that are worth another try; so are all from 500.
PASSING = {408, 425, 429}
TAKEN = {200, 203}
FIRST_BYTES = 512  # by which a body that is no image is told
ASCII = "".join(map(chr, range(128)))
BINARY = re.compile(rb"[\0-\x08\x0e-\x1f\x7f-\xff]")  # what no text holds


class Turns:
    """turn(job), for any number of threads.

    tmp_folder: where bodies lie until `take` has them; received: bytes up to now.
    """

    def __init__(self, settings, hosts: Hosts, tmp_folder: Path, take):
        self.settings = settings
        self.hosts = hosts
        self.pool = Pool(settings)
        self.take = take
        self.tmp_folder = tmp_folder
        self.tmp_prefix = f"{gethostname()}.{getpid()}.{id(self)}"
        self.number = count()
        self.received = 0
        self.largest = settings.max_megabytes * 1e6
        self.headers = {
            "User-Agent": settings.agent,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
        }

    def turn(self, job: Job):
        """Ask once for what a job is after. Returns the result of `take`, a Failure, or AGAIN.
        Raises what writing raises, and what `take` raises besides Failure."""
        given_up = self.hosts.given_up(job.host)
        if given_up:
            self.hosts.release(job)
            return Failure(given_up)

        tmp = self.tmp_folder / f"{self.tmp_prefix}.{next(self.number)}"
        try:
            location = self.fetch(job, tmp)
            if location:
                return self.follow(job, location)

            require_image(tmp)
        except Failure as failure:
            job.tries += 1
            if failure.again and job.tries < self.settings.tries:
                return self.retry(job, failure.wait)

            return failure
        else:
            return self.hand_over(job, tmp)
        finally:
            tmp.unlink(missing_ok=True)

    def fetch(self, job: Job, tmp: Path) -> str:
        """Write the body of what a job asks for to `tmp`; or return where a redirect leads. Raises
        Failure."""
        ended = Failure("stopped")
        try:
            with self.pool.get(job.url, self.headers) as response:
                location = response.get_redirect_location()
                if not location:
                    self.check(response)
                    self.save(self.pool.body(response), tmp)

            ended = None
        except Failure as failure:
            ended = failure
            raise
        finally:
            self.hosts.end(job, ended)

        return location or ""

    def check(self, response) -> None:
        """Raises Failure when the status or the headers say that the body is not worth reading."""
        status = response.status
        if status in TAKEN:
            length = response.length_remaining or 0
            if length > self.largest:
                raise self.too_large()

            return

        wait = 0.0
        if status in (429, 503):
            header = response.headers.get("Retry-After", "")
            wait = retry_after(header)

        if status == 429:
            wait = wait or 1.0

        name = responses.get(status, "")
        final = status < 500 and status not in PASSING
        raise Failure(f"{status} {name}".strip(), final, wait=wait)

    def save(self, chunks, tmp: Path) -> None:
        with open(tmp, "wb") as file:
            size = 0
            for chunk in chunks:
                size += len(chunk)
                self.received += len(chunk)
                if size > self.largest:
                    raise self.too_large()

                file.write(chunk)

    def too_large(self) -> Failure:
        limit = self.settings.max_megabytes
        return Failure(f"over {limit:g} MB; download.max_megabytes can allow it", again=False)

    def follow(self, job: Job, location: str):
        """Queue a job where a redirect leads. Returns AGAIN, or a Failure."""
        # http.client reads headers as Latin-1
        location = quote(location.encode("latin-1"), safe=ASCII)
        try:
            url = urljoin(job.url, location)
        except ValueError:
            url = ""

        job.redirects += 1
        if job.redirects > self.settings.redirects:
            return Failure(f"over {self.settings.redirects} redirects", True)

        reason = problem(url)
        if reason:
            return Failure(f"redirected, and {reason}", True)

        self.hosts.add(job, url, time.monotonic())
        return AGAIN

    def hand_over(self, job: Job, tmp: Path):
        """What `take` makes of a whole body. One that is broken is asked for once more; a second
        time it is so for good."""
        try:
            return self.take(job.link, tmp)
        except Failure as failure:
            if failure.final or job.was_broken:
                return Failure(failure.reason, True)

        job.was_broken = True
        return self.retry(job)

    def retry(self, job: Job, wait: float = 0.0):
        """Queue a job once more, not before `wait` seconds: after 0.5, 1, 2 … seconds, and by
        chance up to twice that, so that not all come at once. Returns AGAIN."""
        doublings = min(job.tries, 20)
        backoff = 0.25 * 2**doublings
        backoff *= random.uniform(1, 2)
        seconds = max(wait, backoff)
        seconds = min(seconds, self.settings.max_wait)

        job.redirects = 0
        due = time.monotonic() + seconds
        self.hosts.add(job, job.link, due)
        return AGAIN

    def remove_leftovers(self) -> None:
        """Remove the files of threads that still wait for a name server."""
        for file in self.tmp_folder.glob(f"{self.tmp_prefix}.*"):
            file.unlink(missing_ok=True)


def require_image(file: Path) -> None:
    """Raise a final Failure where a body is no image by its first bytes."""
    with open(file, "rb") as opened:
        start = opened.read(FIRST_BYTES)

    kind = kind_of_text(start)
    if kind:
        raise Failure(f"{kind}, not an image", True)


def kind_of_text(start: bytes) -> str:
    """What a body is that begins like this: "HTML", "XML", "SVG", "JSON", "text" or "empty"; "" of
    what may be an image."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        return "text" if start.strip(b"\0") else "empty"

    if text.startswith(b"<"):
        if b"<svg" in text.lower():
            return "SVG"

        return "XML" if text.startswith(b"<?xml") else "HTML"

    # PBM, PGM and PPM begin as text; JPEG, PNG, GIF, WebP and others soon hold what no text does.
    if re.match(rb"P[1-6]\s", text) or BINARY.search(text):
        return ""

    return "JSON" if text[:1] in b"{[" else "text"
