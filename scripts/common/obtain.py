"""Pictures obtained in one pass: read where they lie or fetched from their link, judged, put into the cache, each once."""
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from pathlib import Path
from threading import Semaphore

from common.device import stop_in_time
from common.download import Downloader, Failure
from common.images import judge
from common.io import log, progress
from common.links import is_link, link_name

NOTHING = {"file": "", "bytes": "", "width": 0, "height": 0, "sha256": "", "hash": ""}  # of a picture that is not there


class Obtainer:
    """obtain(names) sees to it that every picture has its row in the cache (common.shards.Growing).

    A picture with a row is left alone while its file is of the same size, but for links that failed for the time being; `retry` takes
    all links that failed. Stop at run.time_limit; what was obtained is kept.
    """

    def __init__(self, config, pictures, downloads: Path, cache):
        self.config, self.images, self.pictures, self.downloads, self.cache = config, config.images, pictures, downloads, cache
        self.workers = config.run.workers or os.cpu_count()
        self.decoding = Semaphore(self.workers)  # of many threads that fetch: so memory is that of a few large pictures
        self.links: list[str] = []

    def obtain(self, names: list[str], retry: bool = False) -> None:
        sizes = {name: self.pictures.size(name) for name in names}
        todo = [name for name in names if not self.settled(name, sizes[name], retry)]
        self.links = [name for name in todo if is_link(name) and sizes[name] is None]
        here, failed = [name for name in todo if not is_link(name) or sizes[name] is not None], 0
        log(pictures=len(names), known=len(names) - len(todo), to_read=len(here), to_fetch=len(self.links))
        bar = progress(what="pictures", total=len(names), done=len(names) - len(todo), unit="img")
        for name, data, row in chain(self.read(here), self.fetch()):
            self.cache.add(name, data, row)
            failed += row["status"] != "ok"
            bar.set_postfix_str(f"{failed} failed", refresh=False)
            bar.update()
            stop_in_time(self.config.run)
        self.cache.commit()
        bar.close()

    def settled(self, name: str, size: int | None, retry: bool) -> bool:
        """Whether a picture needs no look: its row is of the file that is there now, or of a link that gives none."""
        row = self.cache.rows.get(name)
        if row is None:
            return False
        status, had = row[2], row[4]
        if is_link(name) and size is None:
            return status == "ok" and self.images.cache or status == "bad" and not retry and not had
        return had == ("" if size is None else str(size))

    def read(self, names: list[str]):
        """(name, bytes for the cache, row) of pictures that lie here. A downloaded file that is broken, as a pulled plug can leave
        one, goes, and its link is fetched again."""
        def one(name: str):
            try:
                data = self.pictures.read(name)
            except (ValueError, OSError) as error:
                return b"", NOTHING | {"status": "bad", "reason": str(error)}
            cached, row = judge(data, self.images)
            return cached, row | {"file": self.pictures.place(name), "bytes": len(data)}

        for name, (cached, row) in zip(names, ahead(one, names, self.workers)):
            own = self.downloads / link_name(name)
            if is_link(name) and row["reason"].startswith("broken") and own.exists():
                own.unlink()
                self.links.append(name)
            else:
                yield name, cached, row

    def fetch(self):
        """The same of links whose file is not here."""
        if not self.links:
            return
        for link, result in Downloader(self.config.download, self.downloads).fetch_all(self.links, self.take):
            yield link, *((b"", NOTHING | {"status": "bad" if result.final else "failed", "reason": result.reason})
                          if isinstance(result, Failure) else result)

    def take(self, link: str, part: Path) -> tuple[bytes, dict]:
        """Judge a file just fetched; one that is a picture, to our liking or not, is kept. Raises Failure where it is broken."""
        with self.decoding:
            data = part.read_bytes()
            cached, row = judge(data, self.images)
        if row["reason"].startswith("broken"):
            raise Failure(row["reason"], final=False)
        file = self.downloads / link_name(link)
        file.parent.mkdir(exist_ok=True)
        os.replace(part, file)
        return cached, row | {"file": f"downloads/{link_name(link)}", "bytes": len(data)}


def ahead(call, items, workers: int):
    """call(item) of each item, in order, by threads that are at most a few items per thread ahead of who takes the results."""
    todo = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        running = deque(pool.submit(call, item) for item in islice(todo, 4 * workers))
        try:
            while running:
                yield running.popleft().result()
                running.extend(pool.submit(call, item) for item in islice(todo, 1))
        finally:
            pool.shutdown(cancel_futures=True)
