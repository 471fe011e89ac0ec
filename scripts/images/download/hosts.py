"""Hosts that files are downloaded from: what may be asked of which, and when.

A request is one turn. A redirect or a retry goes back into its host's queue: so no thread waits for
a host, and what is asked of a host is counted in one place. urllib3 has none of this: its pool
makes threads wait for a connection, and it retries in the thread.

in: jobs for "a.test" and "b.test" → out: the next job of a host that may be asked now
"""

import time
from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from math import inf
from threading import Condition

from images.download.failures import Failure
from images.download.links import split_link

# Requests in a row that a host did not answer: from SHAKY on it gets one try a second, at LOST it
# is given up; at DEAD, counted for all hosts, the network is.
SHAKY = 8
LOST = 50
DEAD = 1_000
PATIENCE = 10  # seconds that the silence must last at least, before anything is given up


@dataclass(slots=True, eq=False)
class Job:
    """A link on its way."""

    link: str
    url: str = ""  # what is asked for next: the link, or where a redirect led
    redirects: int = 0
    tries: int = 0
    was_broken: bool = False  # its bytes came once, and were no image
    host: "Host | None" = None


class Silence:
    """Requests in a row that were not answered, of one host or of all."""

    def __init__(self, name: str, most: int, patience: float):
        self.name = name
        self.most = most
        self.patience = patience
        self.unanswered = 0
        self.since = 0.0  # of the first of them
        self.given_up = ""  # why nothing more is asked; "" = it is asked

    def count(self, failure: Failure | None) -> None:
        """Count how a request ended: given up after `most` over `patience` seconds or more."""
        if failure is None or failure.answered:
            self.unanswered = 0
            self.given_up = ""
            return

        now = time.monotonic()
        if self.unanswered == 0:
            self.since = now

        self.unanswered += 1

        lasts = now - self.since
        if self.unanswered >= self.most and lasts >= self.patience:
            self.given_up = (
                f"{self.name} is given up: no answer {self.unanswered} times in a row, the last: "
                f"{failure.reason}"
            )


class Host:
    """The jobs that wait for one scheme, host and port, and from when on it may be asked."""

    def __init__(self, name: str, limit: float, patience: float):
        self.silence = Silence(name, LOST, patience)
        self.limit = limit  # requests at a time
        self.running = 0
        self.resting_until = 0.0
        self.fresh: deque[Job] = deque()
        # Redirects and retries: a heap of (due, number, job).
        self.delayed: list[tuple] = []
        # Its time in the schedule.
        self.scheduled = inf

    def is_shaky(self) -> bool:
        return self.silence.unanswered >= SHAKY

    def is_full(self) -> bool:
        limit = 1 if self.is_shaky() else int(self.limit)
        return self.running >= limit

    def adjust_limit(self, most: int, is_asked_to_wait: bool) -> None:
        """Half as many requests at a time when the host asks for less; else one more for every
        `limit` that end, up to `most`."""
        if is_asked_to_wait:
            self.limit = max(1, self.limit / 2)
        else:
            self.limit = min(most, self.limit + 1 / self.limit)

    def rest_until(self, end: float) -> None:
        self.resting_until = max(self.resting_until, end)

    def due(self) -> float:
        """From when on it has a job; infinity when it has none."""
        if self.fresh:
            return 0

        return self.delayed[0][0] if self.delayed else inf

    def pop(self, now: float) -> Job:
        """The next job: a delayed one whose time has come before a fresh one."""
        if self.delayed and self.delayed[0][0] <= now:
            return heappop(self.delayed)[2]

        return self.fresh.popleft()


class Hosts:
    """Jobs by host, and a schedule of the hosts by the time from which their next job may start.

    A thread takes a job with `take`, and gives it back with `end`.
    """

    def __init__(self, settings):
        self.settings = settings
        self.patience = min(PATIENCE, settings.max_wait)
        self.network = Silence("the network", DEAD, self.patience)
        self.hosts: dict[tuple, Host] = {}
        # Heap of (time, number, host). An entry holds only when its time is that of host.scheduled.
        self.schedule: list[tuple] = []
        self.number = count()  # of an entry: those of one time are taken as they came
        self.stopped = False
        self.changed = Condition()

    def add(self, job: Job, url: str, due: float = 0.0) -> None:
        """Queue a job to ask for `url`, not before `due`, a time of time.monotonic; 0: behind the
        other jobs of its host."""
        target = split_link(url)
        with self.changed:
            host = self.hosts.get(target.origin)
            if host is None:
                host = Host(target.host, self.settings.per_host, self.patience)
                self.hosts[target.origin] = host

            job.url = url
            job.host = host

            if due:
                entry = (due, next(self.number), job)
                heappush(host.delayed, entry)
            else:
                host.fresh.append(job)

            self.plan(host)

    def given_up(self, host: Host) -> str:
        """Why nothing more is asked of a host, whose jobs are then handed out at once; or ""."""
        return host.silence.given_up or self.network.given_up

    def may_start(self, host: Host) -> float:
        """From when on the next job of a host may start, if nothing else changes; infinity while
        none may."""
        due = host.due()
        if self.given_up(host):
            return 0 if due < inf else inf

        if host.is_full():
            return inf

        return max(host.resting_until, due)

    def plan(self, host: Host) -> None:
        """Put a host into the schedule, if that is earlier than it stands there."""
        # Not before now: behind the hosts that could have started before.
        now = time.monotonic()
        start = max(self.may_start(host), now)
        if start >= host.scheduled:
            return

        host.scheduled = start
        entry = (start, next(self.number), host)
        heappush(self.schedule, entry)
        self.changed.notify()

    def take(self) -> Job | None:
        """The next job, as soon as one may start; None when all is stopped."""
        with self.changed:
            while not self.stopped:
                now = time.monotonic()
                first = self.schedule[0][0] if self.schedule else inf
                if first > now:
                    self.changed.wait(first - now if first < inf else None)
                    continue

                start, _, host = heappop(self.schedule)
                if start != host.scheduled:  # it was put elsewhere
                    continue

                host.scheduled = inf
                job = self.start(host, now)
                if job and self.settings.rate:
                    host.rest_until(now + 1 / self.settings.rate)

                self.plan(host)
                if job:
                    self.changed.notify()  # somebody must wait for the head of the schedule
                    return job

        return None

    def start(self, host: Host, now: float) -> Job | None:
        """The next job of a host, which counts as running from now on; None if none may start."""
        if self.may_start(host) > now:
            return None

        if self.given_up(host):
            now = inf  # its delayed jobs too

        job = host.pop(now)
        host.running += 1
        return job

    def end(self, job: Job, failure: Failure | None = None) -> None:
        """A request for a job was made, and ended well or with a failure."""
        host = job.host
        with self.changed:
            host.silence.count(failure)
            self.network.count(failure)

            wait = failure.wait if failure else 0.0
            host.adjust_limit(self.settings.per_host, is_asked_to_wait=wait > 0)

            if host.is_shaky():
                wait = max(wait, 1)

            wait = min(wait, self.settings.max_wait)
            now = time.monotonic()
            host.rest_until(now + wait)

        self.release(job)

    def release(self, job: Job) -> None:
        """A job's turn is over."""
        with self.changed:
            job.host.running -= 1
            self.plan(job.host)

    def stop(self) -> None:
        """Let every thread go."""
        with self.changed:
            self.stopped = True
            self.changed.notify_all()
