"""Hosts that files are fetched from: what may be asked of which, and when.

One request is one turn: a redirect or a retry goes back into its host's queue, so that no thread
waits for a host, and what is asked of a host is counted in one place.
"""

import time
from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from math import inf
from threading import Condition

from images.download.connections import Failure
from images.download.links import split_link

SHAKY, LOST = (
    8,
    50,
)  # times in a row that a host gave no answer: then it gets one try a second; then it is given up
DEAD = 1_000  # the same for all hosts: the network is gone


@dataclass(slots=True, eq=False)
class Job:
    """A link on its way."""

    link: str
    at: str = ""  # what is asked for next: the link, or where a redirect led
    hops: int = 0
    tries: int = 0
    broken: bool = False  # whether its bytes came once, and were no good
    host: "Host | None" = None


class Host:
    """What waits for one scheme, host and port, and from when on it may be asked."""

    def __init__(self, name: str, limit: float):
        self.name, self.limit = name, limit  # limit: requests at a time
        self.fresh, self.later = deque(), []  # later: a heap of (due, number, job)
        self.running, self.until, self.place = 0, 0.0, inf  # place: its time in the line
        self.lost, self.since, self.gone = (
            0,
            0.0,
            "",
        )  # times in a row without an answer; why it is given up

    def due(self) -> float:
        """From when on it has a job: at once where one is fresh."""
        return 0 if self.fresh else self.later[0][0] if self.later else inf

    def pop(self, now: float) -> Job:
        """The next job; what was put off comes first, a redirect or a retry, when its time has
        come."""
        return (
            heappop(self.later)[2]
            if self.later and self.later[0][0] <= now
            else self.fresh.popleft()
        )

    def count(self, failure: Failure | None, most: int, patience: float) -> None:
        """Count how a request ended; the host is given up after `most` in a row without an answer,
        over `patience` seconds or more."""
        now = time.monotonic()
        if failure is None or failure.heard:
            self.lost, self.gone = 0, ""
            return
        self.lost, self.since = self.lost + 1, self.since if self.lost else now
        if self.lost >= most and now - self.since >= patience:
            self.gone = (
                f"{self.name} is given up: no answer {self.lost} times in a row, the last: "
                f"{failure.reason}"
            )


class Hosts:
    """Jobs by host, and the hosts in one line, ordered by the time from which their next job may
    start.

    A thread takes a job, and gives it back with `end`.
    """

    def __init__(self, settings):
        self.settings, self.changed, self.stopped = settings, Condition(), False
        self.hosts, self.line, self.number, self.all = {}, [], count(), Host("the network", inf)

    def add(self, job: Job, at: str, due: float = 0.0) -> None:
        """Queue a job to be asked for at link `at`, not before `due`, a time of time.monotonic; 0:
        behind the host's other jobs."""
        origin = split_link(at)[:3]
        with self.changed:
            if origin not in self.hosts:
                self.hosts[origin] = Host(origin[1], self.settings.per_host)
            job.at, job.host = at, self.hosts[origin]
            if due:
                heappush(job.host.later, (due, next(self.number), job))
            else:
                job.host.fresh.append(job)
            self.plan(job.host)

    def gone(self, host: Host) -> str:
        """Why nothing more is asked of a host; its jobs are then handed out at once."""
        return host.gone or self.all.gone

    def may_start(self, host: Host) -> float:
        """From when on a host's next job may start, if nothing else changes; infinity while none
        may."""
        if self.gone(host):
            return 0 if host.fresh or host.later else inf
        full = host.running >= (1 if host.lost >= SHAKY else int(host.limit))
        return inf if full else max(host.until, host.due())

    def plan(self, host: Host) -> None:
        """Give a host its place in the line, if that is earlier than the one it has."""
        place = max(
            self.may_start(host), time.monotonic()
        )  # behind the hosts that could have started before
        if place < host.place:
            host.place = place
            heappush(self.line, (host.place, next(self.number), host))
            self.changed.notify()

    def take(self) -> Job | None:
        """The next job, as soon as one may start; None when all is stopped."""
        with self.changed:
            while not self.stopped:
                now = time.monotonic()
                if not self.line or self.line[0][0] > now:
                    self.changed.wait(self.line[0][0] - now if self.line else None)
                    continue
                place, _, host = heappop(self.line)
                if place != host.place:
                    continue  # it has got another one
                host.place, job = inf, None
                if self.may_start(host) <= now:
                    job = host.pop(inf if self.gone(host) else now)
                    host.running += 1
                    if self.settings.rate:
                        host.until = max(host.until, now + 1 / self.settings.rate)
                self.plan(host)
                if job:
                    self.changed.notify()  # somebody must wait for the head of the line
                    return job

    def end(self, job: Job, failure: Failure | None = None, asked: bool = True) -> None:
        """A job's turn is over, well or with a failure. asked: the host was asked for it."""
        host = job.host
        with self.changed:
            host.running -= 1
            if asked:
                patience = min(10, self.settings.max_wait)
                host.count(failure, LOST, patience)
                self.all.count(failure, DEAD, patience)
                wait = failure.wait if failure else 0.0
                host.limit = (
                    max(1, host.limit / 2)
                    if wait
                    else min(self.settings.per_host, host.limit + 1 / host.limit)
                )
                pause = max(wait, 1 if host.lost >= SHAKY else 0)
                host.until = max(host.until, time.monotonic() + min(pause, self.settings.max_wait))
            self.plan(host)

    def stop(self) -> None:
        """Let every thread go."""
        with self.changed:
            self.stopped = True
            self.changed.notify_all()
