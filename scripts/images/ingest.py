"""Image ingestion: each image is read where it lies or downloaded once, validated and cached.

in: "https://shop.test/1.jpg" → out: working/downloads/3f/3fa9…, its JPEG and its row in the cache
"""

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import chain
from pathlib import Path
from threading import Semaphore

from common.log import log, progress
from common.time_limit import check_time_limit
from images.cache_writer import CacheWriter
from images.download import Downloader, Failure
from images.locate import ImageFiles
from images.names import is_link, link_name
from images.validate import validate

QUEUED = 4  # images per thread that are read ahead
# The row of an image without a file, but for status and reason.
NO_FILE = {
    "file": "",
    "stamp": "",
    "bytes": "",
    "width": 0,
    "height": 0,
    "sha256": "",
    "hash": "",
    "colours": "",
}
Ingested = Iterator[tuple[str, bytes, dict]]  # name, JPEG for the cache, row


class ImageIngester:
    """ingest(names) sees to it that every image has its row in the cache.

    config: needs sections images, download and run; downloads: the folder for files of links. A row
    is kept while the file of its image is the same by its stamp. Links that failed for the time
    being are fetched again; with `retry` all links that failed.
    """

    def __init__(self, config, files: ImageFiles, downloads: Path, cache: CacheWriter):
        self.config = config
        self.images = config.images
        self.files = files
        self.downloads = downloads
        self.cache = cache

        self.workers = config.run.workers or os.cpu_count()
        # Many threads fetch, few decode: so the memory is that of a few large images.
        self.decoding = Semaphore(self.workers)
        self.links: list[str] = []  # to be fetched
        self.received = 0  # bytes from servers

    def ingest(self, names: list[str], retry: bool = False) -> None:
        """Give each of the names a row in the cache: first the files that are here, then links.

        Raises UserError at run.time_limit; what is done by then stays in the cache.
        """
        self.links = []
        here = []
        done = 0
        for name in names:
            stamp = self.files.stamp(name)
            if self.is_done(name, stamp, retry):
                done += 1
            elif is_link(name) and not stamp:
                self.links.append(name)
            else:
                here.append(name)

        log(
            images=len(names),
            known=done,
            to_read=len(here),
            to_fetch=len(self.links),
        )

        failed = 0
        bar = progress(what="images", total=len(names), done=done, unit="img")

        for name, jpeg, row in chain(self.read(here), self.fetch()):
            self.cache.add(name, jpeg, row)
            if row["status"] != "ok":
                failed += 1

            bar.set_postfix_str(self.note(failed), refresh=False)
            bar.update()
            check_time_limit(self.config.run)

        self.cache.commit()
        bar.close()

    def note(self, failed: int) -> str:
        """What the progress bar says behind the count."""
        if not self.links:
            return f"{failed} bad"

        megabytes = self.received / 1e6
        return f"{megabytes:,.0f} MB, {failed} failed"

    def is_done(self, name: str, stamp: str, retry: bool) -> bool:
        """Whether the row of an image holds: it is of the file that is there now (`stamp`), or of a
        link without a file."""
        row = self.cache.row(name)
        if row is None:
            return False

        if stamp or not is_link(name):
            return row["stamp"] == stamp

        # A link without a file here.
        if row["status"] == "ok":  # the file was removed: the cache has what models need
            return self.images.cache

        is_final = row["status"] == "bad" and row["stamp"] == ""  # e.g. 404
        return is_final and not retry

    def read(self, names: list[str]) -> Ingested:
        """The images whose files are here.

        A downloaded file that is broken, as a power failure can leave one, is removed, and its link
        is fetched again.
        """
        for name, jpeg, row in map_ahead(self.read_one, names, self.workers):
            download = self.downloads / link_name(name)
            is_broken = is_link(name) and row["reason"].startswith("broken")
            if is_broken and download.exists():
                download.unlink()
                self.links.append(name)
            else:
                yield name, jpeg, row

    def read_one(self, name: str) -> tuple[str, bytes, dict]:
        stamp = self.files.stamp(name)
        try:
            data = self.files.read(name)
        except (ValueError, OSError) as error:
            row = NO_FILE | {"status": "bad", "reason": str(error), "stamp": stamp}
            return name, b"", row

        jpeg, row = validate(data, self.images)
        location = self.files.location(name)
        row |= {"file": location, "stamp": stamp, "bytes": len(data)}
        return name, jpeg, row

    def fetch(self) -> Ingested:
        """The images whose links must be downloaded."""
        if not self.links:
            return

        downloader = Downloader(self.config.download, self.downloads)
        results = downloader.fetch_all(self.links, self.keep)
        with closing(results):  # an error here ends its threads
            for link, result in results:
                self.received = downloader.received
                if isinstance(result, Failure):
                    status = "bad" if result.final else "failed"
                    row = NO_FILE | {"status": status, "reason": result.reason}
                    yield link, b"", row
                else:
                    jpeg, row = result
                    yield link, jpeg, row

    def keep(self, link: str, tmp: Path) -> tuple[bytes, dict]:
        """Validate a file just downloaded, and keep it when it is an image, within the limits or
        not. Raises Failure when it is broken."""
        with self.decoding:
            data = tmp.read_bytes()
            jpeg, row = validate(data, self.images)

        reason = row["reason"]
        if reason.startswith("broken"):
            raise Failure(reason, final=False)

        name = link_name(link)
        file = self.downloads / name
        file.parent.mkdir(exist_ok=True)
        os.replace(tmp, file)

        size = len(data)
        row |= {"file": f"downloads/{name}", "stamp": str(size), "bytes": size}
        return jpeg, row


def map_ahead(call, items, workers: int):
    """Yield call(item) of each item, in order. Threads are at most QUEUED items each ahead of who
    takes the results."""
    running = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                running.append(pool.submit(call, item))
                if len(running) > QUEUED * workers:
                    yield running.popleft().result()

            while running:
                yield running.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
