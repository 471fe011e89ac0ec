"""Files of links: fetched in threads, checked as they come, tried again where that helps, and never
from where a link may not lead."""

import random
import re
import time
from http.client import responses
from itertools import count, islice
from os import getpid
from pathlib import Path
from queue import Empty, SimpleQueue
from socket import gethostname
from threading import Semaphore, Thread
from urllib.parse import urljoin

from images.download.connections import Failure, Pools, seconds
from images.download.hosts import Hosts, Job
from images.download.links import problem

WINDOW = (
    100_000  # links looked ahead, 20 MB, so that a slow host does not hold up the hosts behind it
)
PASSING = {408, 425, 429}  # and all from 500: worth another try


class Downloader:
    """Fetches links as section Download says. folder: the parts of files lie in <folder>/.parts;
    bytes: received up to now."""

    def __init__(self, settings, folder: Path):
        self.settings, self.bytes, self.parts, self.number = settings, 0, folder / ".parts", count()
        self.largest = settings.max_megabytes * 1e6
        self.headers = {
            "User-Agent": settings.agent,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
        }
        self.mine = f"{gethostname()}.{getpid()}.{id(self)}"
        self.parts.mkdir(parents=True, exist_ok=True)
        for left in self.parts.glob(
            f"{gethostname()}.*"
        ):  # machines that share the folder have their own
            if not Path(
                f"/proc/{left.name.split('.')[-3]}"
            ).exists():  # of a process that was killed
                left.unlink(missing_ok=True)

    def fetch_all(self, links, take):
        """Yield (link, result or Failure) of each distinct link, in any order. take(link, part) is
        called in a thread with the file of the whole body, which it may move away; what it returns
        is the result. It raises Failure where the bytes are broken: not final, they are fetched
        once more. Whatever else it raises, and what writing raises, is raised here and ends it all.

        Closing this generator, or an exception or Ctrl-C where it waits, stops all threads and
        removes all parts within a second or so.
        """
        hosts, pools, done, room = (
            Hosts(self.settings),
            Pools(self.settings),
            SimpleQueue(),
            Semaphore(self.settings.threads),
        )
        turns = (hosts, pools, done, room, take)
        threads = [
            Thread(None, self.work, f"download-{i}", turns, daemon=True)
            for i in range(self.settings.threads)
        ]
        threads.append(Thread(None, pools.watch, "download-watch", daemon=True))
        coming, pending, more = iter(dict.fromkeys(links)), 0, True
        try:
            for thread in threads:
                thread.start()
            while more or pending:
                some = list(islice(coming, 256)) if more and pending < WINDOW else []
                more = more and bool(some or pending >= WINDOW)
                for link in some:
                    if reason := problem(link):
                        yield link, Failure(reason, True)
                    else:
                        hosts.add(Job(link), link)
                        pending += 1
                while pending:
                    try:
                        link, result = done.get(not more or pending >= WINDOW)
                    except Empty:
                        break
                    room.release()
                    pending -= 1
                    if link is None:
                        raise result
                    yield link, result
        finally:
            self.shut(hosts, pools, room, threads)

    def shut(self, hosts: Hosts, pools: Pools, room: Semaphore, threads: list[Thread]) -> None:
        """Stop all threads, and remove what they leave behind where they still wait for a name
        server."""
        hosts.stop()
        pools.stop()
        room.release(len(threads))
        end = time.monotonic() + 1
        for thread in filter(Thread.is_alive, threads):
            thread.join(max(0, end - time.monotonic()))
        for left in self.parts.glob(f"{self.mine}.*"):
            left.unlink(missing_ok=True)

    def work(self, hosts: Hosts, pools: Pools, done: SimpleQueue, room: Semaphore, take) -> None:
        """What a thread does: one turn of a job after the other. room: for results that nobody has
        taken yet."""
        try:
            while job := hosts.take():
                if (result := self.turn(job, hosts, pools, take)) is not job:
                    room.acquire()
                    done.put((job.link, result))
        except BaseException as error:  # untold, it would leave the other side waiting for ever
            done.put((None, error))

    def turn(self, job: Job, hosts: Hosts, pools: Pools, take):
        """Ask once for a job's file. The result, a Failure, or the job itself when it is queued
        again."""
        if gone := hosts.gone(job.host):
            hosts.end(job, asked=False)
            return Failure(gone)
        part = self.parts / f"{self.mine}.{next(self.number)}"
        try:
            if moved := self.fetch(job, hosts, pools, part):
                return self.follow(job, hosts, moved)
            look(part)
        except Failure as failure:
            job.tries += 1
            return (
                self.again(job, hosts, failure.wait)
                if failure.again and job.tries < self.settings.tries
                else failure
            )
        else:
            return self.hand_over(job, hosts, part, take)
        finally:
            part.unlink(missing_ok=True)

    def hand_over(self, job: Job, hosts: Hosts, part: Path, take):
        """What take makes of a whole body; bytes that are broken a second time are so for good."""
        try:
            return take(job.link, part)
        except Failure as failure:
            if failure.final or job.broken:
                return Failure(failure.reason, True)
        job.broken = True
        return self.again(job, hosts)

    def again(self, job: Job, hosts: Hosts, wait: float = 0.0):
        """Queue a job once more, later: after 0.5, 1, 2 … seconds and by chance up to twice that,
        so that not all come at once."""
        wait = min(
            self.settings.max_wait, max(wait, 0.25 * 2 ** min(job.tries, 20) * random.uniform(1, 2))
        )
        job.hops = 0
        hosts.add(job, job.link, time.monotonic() + wait)
        return job

    def follow(self, job: Job, hosts: Hosts, location: str):
        """Queue a job where a redirect leads, or the Failure."""
        raw = re.sub(
            "[\x80-\xff]", lambda byte: f"%{ord(byte[0]):02X}", location
        )  # http.client reads UTF-8 as Latin-1
        try:
            to = urljoin(job.at, raw)
        except ValueError:
            to = ""
        job.hops += 1
        if job.hops > self.settings.redirects:
            return Failure(f"over {self.settings.redirects} redirects", True)
        if reason := problem(to):
            return Failure(f"redirected, and {reason}", True)
        hosts.add(job, to, time.monotonic())
        return job

    def fetch(self, job: Job, hosts: Hosts, pools: Pools, part: Path) -> str:
        """Write the whole body that a job's address gives to `part`; or say where it has moved.
        Raises Failure, and OSError of writing."""
        ended = Failure("stopped")
        try:
            with pools.ask(job.at, self.headers) as response:
                moved = response.get_redirect_location()
                if not moved:
                    self.judge(response)
                    self.save(pools.pieces(response), part)
            ended = None
            return moved
        except Failure as failure:
            ended = failure
            raise
        finally:
            hosts.end(job, ended)

    def judge(self, response) -> None:
        """Raise the Failure of an answer that is not to be read."""
        status = response.status
        if status not in (200, 203):
            final = status < 500 and status not in PASSING
            asked = seconds(response.headers.get("Retry-After", "")) if status in (429, 503) else 0
            raise Failure(
                f"{status} {responses.get(status, '')}".strip(),
                final,
                wait=asked or float(status == 429),
            )
        if (response.length_remaining or 0) > self.largest:
            raise too_large(self.settings)

    def save(self, chunks, part: Path) -> None:
        with open(part, "wb") as file:
            for chunk in chunks:
                self.bytes += len(chunk)
                if file.tell() + len(chunk) > self.largest:
                    raise too_large(self.settings)
                file.write(chunk)


def too_large(settings) -> Failure:
    return Failure(
        f"over {settings.max_megabytes:g} MB; download.max_megabytes can allow it", again=False
    )


def look(part: Path) -> None:
    """Raise a final Failure where a body is no picture by its first bytes."""
    with open(part, "rb") as file:
        start = file.read(512)
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        kind = "empty" if not start.strip(b"\0") else "text"
    elif text.startswith(b"<"):
        kind = "SVG" if b"<svg" in text.lower() else "XML" if text.startswith(b"<?xml") else "HTML"
    elif re.match(rb"P[1-6]\s", text) or re.search(rb"[\0-\x08\x0e-\x1f\x7f-\xff]", text):
        # PBM, PGM and PPM begin as text; JPEG, PNG, GIF, WebP and others soon hold what no text
        # does
        return
    else:
        kind = "JSON" if text[:1] in b"{[" else "text"
    raise Failure(f"{kind}, not a picture", True)
