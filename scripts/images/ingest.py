"""Pictures obtained in one pass: read where they lie or fetched from their link, judged, put into
the cache, each once."""

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from threading import Semaphore

from common.log import log, progress
from common.stops import check_time_limit
from images.decode import validate
from images.download import Downloader, Failure
from images.names import is_link, link_name

NOTHING = {
    "file": "",
    "stamp": "",
    "bytes": "",
    "width": 0,
    "height": 0,
    "sha256": "",
    "hash": "",
    "colours": "",
}  # of a picture that is not there


class ImageIngester:
    """obtain(names) sees to it that every picture has its row in the cache (images.cache.Growing).

    A picture with a row is left alone while its file is the same by its stamp, but for links that
    failed for the time being; `retry` takes all links that failed. Raises UserError at run.time_limit; what was
    obtained is kept.
    """

    def __init__(self, config, pictures, downloads: Path, cache):
        self.config, self.images, self.pictures, self.downloads, self.cache = (
            config,
            config.images,
            pictures,
            downloads,
            cache,
        )
        self.workers = config.run.workers or os.cpu_count()
        self.decoding = Semaphore(
            self.workers
        )  # of many threads that fetch: so memory is that of a few large pictures
        self.links, self.bytes = [], 0  # to be fetched, and what they gave up to now

    def ingest(self, names: list[str], retry: bool = False) -> None:
        """A row for each of the names, those here first, then links; committed."""
        stamps = {name: self.pictures.stamp(name) for name in names}
        todo = [name for name in names if not self.settled(name, stamps[name], retry)]
        self.links = [name for name in todo if is_link(name) and not stamps[name]]
        here, failed = [name for name in todo if not is_link(name) or stamps[name]], 0
        log(
            pictures=len(names),
            known=len(names) - len(todo),
            to_read=len(here),
            to_fetch=len(self.links),
        )
        bar = progress(what="pictures", total=len(names), done=len(names) - len(todo), unit="img")
        for name, data, row in chain(self.read(here), self.fetch()):
            self.cache.add(name, data, row)
            failed += row["status"] != "ok"
            bar.set_postfix_str(
                f"{self.bytes / 1e6:,.0f} MB, {failed} failed" if self.links else f"{failed} bad",
                refresh=False,
            )
            bar.update()
            check_time_limit(self.config.run)
        self.cache.commit()
        bar.close()

    def settled(self, name: str, stamp: str, retry: bool) -> bool:
        """Whether a picture needs no look: its row is of the file that is there now, or of a link
        that gives none."""
        row = self.cache.row(name)
        if row is None:
            return False
        if is_link(name) and not stamp:
            return (
                row["status"] == "ok"
                and self.images.cache
                or row["status"] == "bad"
                and not retry
                and not row["stamp"]
            )
        return row["stamp"] == stamp

    def read(self, names: list[str]):
        """(name, bytes for the cache, row) of pictures that lie here. A downloaded file that is
        broken, as a pulled plug can leave one, goes, and its link is fetched again."""

        def one(name: str):
            stamp = self.pictures.stamp(name)
            try:
                data = self.pictures.read(name)
            except (ValueError, OSError) as error:
                return b"", NOTHING | {"status": "bad", "reason": str(error), "stamp": stamp}
            cached, row = validate(data, self.images)
            return cached, row | {
                "file": self.pictures.place(name),
                "stamp": stamp,
                "bytes": len(data),
            }

        for name, (cached, row) in zip(names, ahead(one, names, self.workers), strict=True):
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
        downloader = Downloader(self.config.download, self.downloads)
        with closing(
            downloader.fetch_all(self.links, self.take)
        ) as fetched:  # so that nothing of it outlives an error here
            for link, result in fetched:
                self.bytes = downloader.bytes
                yield (
                    link,
                    *(
                        (
                            b"",
                            NOTHING
                            | {
                                "status": "bad" if result.final else "failed",
                                "reason": result.reason,
                            },
                        )
                        if isinstance(result, Failure)
                        else result
                    ),
                )

    def take(self, link: str, part: Path) -> tuple[bytes, dict]:
        """Judge a file just fetched; one that is a picture, to our liking or not, is kept. Raises
        Failure where it is broken."""
        with self.decoding:
            data = part.read_bytes()
            cached, row = validate(data, self.images)
        if row["reason"].startswith("broken"):
            raise Failure(row["reason"], final=False)
        file = self.downloads / link_name(link)
        file.parent.mkdir(exist_ok=True)
        os.replace(part, file)
        return cached, row | {
            "file": f"downloads/{link_name(link)}",
            "stamp": str(len(data)),
            "bytes": len(data),
        }


def ahead(call, items, workers: int):
    """call(item) of each item, in order, by threads that are at most a few items per thread ahead
    of who takes the results."""
    todo = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        running = deque(pool.submit(call, item) for item in islice(todo, 4 * workers))
        try:
            while running:
                yield running.popleft().result()
                running.extend(pool.submit(call, item) for item in islice(todo, 1))
        finally:
            pool.shutdown(cancel_futures=True)
