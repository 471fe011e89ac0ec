"""Download of links in threads: checked as they come, tried again where that helps, and never from
where a link may not lead."""

import time
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from socket import gethostname
from threading import Semaphore, Thread

from images.download.failures import Failure
from images.download.hosts import Hosts, Job
from images.download.links import problem
from images.download.turns import AGAIN, Turns

# Links that are queued at a time, 20 MB, so that a slow host does not hold up the hosts behind it.
WINDOW = 100_000
STEP = 256  # links that are queued between two looks at the results
END = 1.0  # seconds that threads have to end


class Downloader:
    """Downloads links as section Download says, once.

    folder: of the downloads; bodies lie in <folder>/.parts until they are whole. received: bytes up
    to now.
    """

    def __init__(self, settings, folder: Path):
        self.settings = settings
        self.tmp_folder = folder / ".parts"
        self.tmp_folder.mkdir(parents=True, exist_ok=True)
        remove_tmp_of_killed(self.tmp_folder)
        self.hosts = Hosts(settings)
        # (link, result), or (None, exception) that ends it all
        self.results = SimpleQueue()
        # threads wait here while so many results have not been yielded yet
        self.room = Semaphore(settings.threads)
        self.turns: Turns | None = None

    @property
    def received(self) -> int:
        return self.turns.received if self.turns else 0

    def fetch_all(self, links, take):
        """Yield (link, result or Failure) of each distinct link, in any order.

        take(link, tmp) is called in a thread with the file of the whole body, which it may move
        away; what it returns is the result. It raises Failure where the bytes are broken; if that
        is not final, they are downloaded once more. Whatever else it raises, and what writing
        raises, is raised here and ends it all.

        Closing this generator, or an exception or Ctrl-C where it waits, stops all threads and
        removes all temporary files within a second or so. Only a thread that waits for a name
        server, a connection, a TLS handshake or room to send is left behind: it ends with that
        wait, for the second and third after up to settings.connect seconds, and writes no file.

        Raises RuntimeError when called a second time.
        """
        if self.turns:
            raise RuntimeError("a Downloader downloads once; make another")

        self.turns = Turns(self.settings, self.hosts, self.tmp_folder, take)
        threads = []
        try:
            for i in range(self.settings.threads):
                thread = Thread(target=self.work, name=f"download-{i}", daemon=True)
                thread.start()
                threads.append(thread)

            distinct = dict.fromkeys(links)
            yield from self.queue_and_collect(distinct)
        finally:
            self.stop(threads)

    def queue_and_collect(self, links):
        """Queue the links, at most WINDOW at a time, and yield the results as they come."""
        todo = iter(links)
        pending = 0
        has_more = True
        while has_more or pending:
            if has_more and pending < WINDOW:
                step = list(islice(todo, STEP))
                has_more = len(step) > 0

                for link in step:
                    reason = problem(link)
                    if reason:
                        yield link, Failure(reason, final=True)
                    else:
                        self.hosts.add(Job(link), link)
                        pending += 1

            while pending:
                must_wait = not has_more or pending >= WINDOW
                try:
                    link, result = self.results.get(must_wait)
                except Empty:
                    break

                self.room.release()
                pending -= 1

                if link is None:
                    raise result

                yield link, result

    def work(self) -> None:
        """What a thread does: one turn of a job after the other."""
        try:
            while job := self.hosts.take():
                result = self.turns.turn(job)
                if result is not AGAIN:
                    self.room.acquire()
                    self.results.put((job.link, result))
        except BaseException as error:  # else the other side would wait for ever
            self.results.put((None, error))

    def stop(self, threads: list[Thread]) -> None:
        """End all threads, and remove what they leave behind where they still wait for a server of
        names or of files."""
        self.hosts.stop()
        self.turns.pool.stop()
        self.room.release(self.settings.threads)

        end = time.monotonic() + END

        for thread in threads:
            seconds = end - time.monotonic()
            thread.join(max(0, seconds))

        self.turns.remove_leftovers()


def remove_tmp_of_killed(folder: Path) -> None:
    """Remove the temporary files of processes that are gone; of this machine's, because others may
    share the folder."""
    for file in folder.glob(f"{gethostname()}.*"):
        pid = file.name.split(".")[-3]
        if not Path(f"/proc/{pid}").exists():
            file.unlink(missing_ok=True)
