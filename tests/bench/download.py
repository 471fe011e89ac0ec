"""The bench's row of fetching images: from a server of our own that is 20 ms away, in a process
of its own.

python tests/bench/download.py [tls] is that server alone; the first line printed is its port.
"""

import asyncio
import itertools
import multiprocessing
import os
import resource
import ssl
import statistics
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).parents[1]
PEM, AWAY = TESTS / "picture_server.pem", 0.02


class Quick(asyncio.Protocol):
    """A server that costs little, since it shares the cores: an image AWAY seconds after each
    request, and after each connection too, where TCP, and TLS once more, ask for an answer
    first."""

    def __init__(self, body: bytes, trips: int):
        self.answer = (
            b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(body)
            + body
        )
        self.wait, self.asked = (1 + trips) * AWAY, b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.asked += data
        if self.asked.endswith(b"\r\n\r\n"):
            asyncio.get_running_loop().call_later(
                self.wait, self.reply, b"connection: close" in self.asked.lower()
            )
            self.wait, self.asked = AWAY, b""

    def reply(self, last: bool):
        self.transport.write(self.answer)
        if last:
            self.transport.close()


async def serve(tls: bool) -> None:
    sys.path.insert(0, str(TESTS))
    from picture_server import jpeg

    context, body = None, jpeg("image", 260)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(PEM)
    server = await asyncio.get_running_loop().create_server(
        lambda: Quick(body, 1 + tls), "127.0.0.1", 0, ssl=context, backlog=512
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def serving(*options: str):
    """The port of such a server."""
    with subprocess.Popen(
        [sys.executable, __file__, *options], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            yield int(server.stdout.readline())
        finally:
            server.kill()


def save(link: str, file: Path) -> None:
    """What a notebook's pool does for a link."""
    try:
        urllib.request.urlretrieve(link, file)
    except OSError:
        pass


def counted(job, seconds: list):
    """The job, which notes the processor's seconds that it and its processes have used."""

    def run():
        before = cpu()
        job()
        seconds.append(cpu() - before)

    return run


def cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def downloading(folder: Path, race, n: int = 400):
    """n JPEGs of 60 kB over http and https. Certificates are looked for among those of the system,
    as anywhere, and our server's."""
    from images.download.fetch import Downloader
    from images.settings import Download

    system, trusted = ssl.get_default_verify_paths().cafile, folder / "trusted.pem"
    trusted.write_text((Path(system).read_text() if system else "") + PEM.read_text())
    os.environ["SSL_CERT_FILE"] = str(trusted)
    number = itertools.count()
    for scheme in ("http", "https"):
        with serving(*["tls"][: scheme == "https"]) as port:
            links, spent = [f"{scheme}://127.0.0.1:{port}/{i}.jpg" for i in range(n)], ([], [])

            def made() -> Path:
                place = folder / str(next(number))
                place.mkdir()
                return place

            def today():
                place = made()
                with multiprocessing.get_context("fork").Pool(100) as pool:
                    pool.starmap(
                        save,
                        [(link, place / f"{i}.jpg") for i, link in enumerate(links)],
                        chunksize=1,
                    )
                    pool.close()
                    pool.join()
                assert len(list(place.iterdir())) == n

            def ours():
                place = made()
                fetcher = Downloader(Download(networks=("127.0.0.0/8",)), place)
                for _link, result in fetcher.fetch_all(
                    links, lambda link, part: part.rename(place / link.rpartition("/")[2])
                ):
                    assert isinstance(result, Path), result

            slow, fast = race(counted(today, spent[0]), counted(ours, spent[1]))
            each = [1e3 * statistics.median(seconds) / n for seconds in spent]
            yield (
                f"fetch {n} images of 60 kB, {scheme}, 20 ms away",
                f"Pool(100), urlretrieve: {n / slow:.0f} files/s, {each[0]:.1f} ms of CPU each",
                f"threads, connections kept, addresses checked: {n / fast:.0f} files/s, "
                f"{each[1]:.1f} ms of CPU each",
                slow,
                fast,
                f"{n} answers over 32 connections: {n * AWAY / 32:.2f} s",
            )


if __name__ == "__main__":
    asyncio.run(serve("tls" in sys.argv[1:]))
