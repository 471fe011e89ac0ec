"""Files of links: each is had however badly its server behaves, or its failure is named; nothing
hangs, nothing goes where it may not."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from conftest import LONG, ROOT
from images.download.connections import POLL, TcpSocket
from images.download.failures import Failure
from images.download.fetch import Downloader
from images.download.pool import retry_after
from images.settings import Download
from picture_server import PEM, jpeg, listening, serving, zeros

QUICK = {  # patient: a busy machine is no failure
    "threads": 8,
    "timeout": 60,
    "longest": 60,
    "connect": 60,
    "tries": 3,
    "max_wait": 0.05,
    "networks": ("127.0.0.0/8",),
}


def downloader(folder: Path, **settings) -> Downloader:
    return Downloader(Download(**QUICK | settings), folder)


def read(link: str, part: Path) -> bytes:
    return part.read_bytes()


def impatient(reason: str) -> dict:
    """The settings under which a server that dawdles is found out for that reason, and no other."""
    if "took longer" in reason:
        return {"longest": 1.2}
    return {"timeout": 0.4} if "no byte" in reason else {}


def no_thread_is_left() -> bool:
    return not [thread for thread in threading.enumerate() if thread.name.startswith("download")]


def fetch(folder: Path, links, take=read, **settings) -> dict:
    """{link: result or Failure}; nothing is left of any part, and no thread."""
    results = list(downloader(folder, **settings).fetch_all(links, take))
    assert wait_for(no_thread_is_left)
    assert not list((folder / ".parts").iterdir()) and len(dict(results)) == len(results)
    return dict(results)


def wait_for(true, seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()


@pytest.fixture
def server():
    with serving() as server:
        yield server


def test_files_are_had_over_few_connections(tmp_path, server):
    links = {f"{server.address}/ok/{i}.jpg": jpeg(f"{i}.jpg") for i in range(300)}
    fetcher = downloader(tmp_path, per_host=4)
    assert (
        dict(fetcher.fetch_all([*links, *links], read)) == links
    )  # each once, though it is given twice
    assert set(server.counts.values()) == {1} and server.connections <= 4 and server.most <= 4
    assert fetcher.received == sum(map(len, links.values()))
    assert server.agents == {Download().agent} and server.headers == {
        "host",
        "accept",
        "accept-encoding",
        "user-agent",
    }


def test_take_may_move_the_part_away(tmp_path, server):
    (tmp_path / "here").mkdir()
    links = [f"{server.address}/ok/{i}.jpg" for i in range(20)]
    taken = fetch(
        tmp_path,
        links,
        lambda link, part: part.replace(tmp_path / "here" / link.rpartition("/")[2]),
    )
    assert [taken[link].read_bytes() for link in links] == [jpeg(f"{i}.jpg") for i in range(20)]


@pytest.mark.parametrize(
    "path, reason, final, asked",
    [
        ("/404", "404 Not Found", True, 1),
        ("/403", "403 Forbidden", True, 1),
        ("/drip", "took longer than 1.2 s", False, 2),
        ("/dripping-headers", "took longer than 1.2 s", False, 2),
        ("/dripping-chunks", "took longer than 1.2 s", False, 2),
        ("/hang", "no byte for 0.4 s", False, 2),
        ("/hang-before", "no byte for 0.4 s", False, 2),
        ("/truncated", "cut off, 30 bytes are missing", False, 2),
        ("/broken-chunks", "cut off", False, 2),
        ("/reset", "the connection was reset", False, 2),
        ("/gzip-cut", "cut off", False, 2),
        ("/html.jpg", "HTML, not an image", True, 1),
        ("/page.jpg", "HTML, not an image", True, 1),
        ("/text", "text, not an image", True, 1),
        ("/json", "JSON, not an image", True, 1),
        ("/svg", "SVG, not an image", True, 1),
        ("/empty", "empty, not an image", True, 1),
        ("/large", "over 1 MB; download.max_megabytes can allow it", False, 1),
        ("/large-chunked", "over 1 MB; download.max_megabytes can allow it", False, 1),
        ("/gzip-bomb", "over 1 MB; download.max_megabytes can allow it", False, 1),
        ("/loop", "over 5 redirects", True, 6),
        (
            "/redirect-to?to=ftp://a/b",
            "redirected, and the link is not http:// or https://",
            True,
            1,
        ),
        (
            "/redirect-to?to=http://ann:secret@a/",
            "redirected, and the link holds a name or a password",
            True,
            1,
        ),
    ],
)
def test_a_failure_is_named(tmp_path, server, path, reason, final, asked):
    zeros()  # the server's bomb takes a while to build, which is not to count
    link = server.address + path
    result = fetch(tmp_path, [link], tries=2, max_megabytes=1, **impatient(reason))[link]
    assert isinstance(result, Failure) and (result.reason, result.final) == (reason, final)
    assert wait_for(lambda: sum(server.counts.values()) == asked)


@pytest.mark.parametrize(
    "path, asked", [("/429/1.jpg", 2), ("/503/1.jpg", 3), ("/gzip-encoded", 1)]
)
def test_what_passes_is_had_in_the_end(tmp_path, server, path, asked):
    link = server.address + path
    assert (
        fetch(tmp_path, [link]) == {link: jpeg("1.jpg" if asked > 1 else path)}
        and server.counts[path] == asked
    )


def test_a_redirect_is_followed(tmp_path, server):
    with serving() as other:
        tos = ("/ok/1.jpg", f"{other.address}/ok/1.jpg", f"{other.address}/ok/é 1.jpg")
        links = [f"{server.address}/redirect-to?to={to}" for to in tos]
        results = fetch(tmp_path, links)
        assert list(map(results.get, links)) == [
            jpeg("1.jpg"),
            jpeg("1.jpg"),
            jpeg("%C3%A9%201.jpg"),
        ]
        assert fetch(tmp_path, links[:1], redirects=0)[links[0]].reason == "over 0 redirects"


def test_a_length_that_is_too_short_gives_what_take_finds_broken(tmp_path, server):
    def check(link, part):
        if not part.read_bytes().endswith(b"\xff\xd9"):
            raise Failure("broken", final=False)

    wrong, good = f"{server.address}/wrong-length", f"{server.address}/ok/1.jpg"
    results = fetch(tmp_path, [wrong, good], check, tries=5)
    assert results[good] is None and (results[wrong].reason, results[wrong].final) == (
        "broken",
        True,
    )
    assert server.counts["/wrong-length"] == 2


def test_take_may_refuse_for_good(tmp_path, server):
    def refuse(link, part):
        raise Failure("too small", final=True)

    link = f"{server.address}/ok/1.jpg"
    assert (
        fetch(tmp_path, [link], refuse)[link].reason == "too small"
        and server.counts["/ok/1.jpg"] == 1
    )


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), ZeroDivisionError("a bug")]
)
def test_what_else_goes_wrong_ends_it_all(tmp_path, server, error):
    def fail(link, part):
        raise error

    with pytest.raises(type(error)) as raised:
        list(
            downloader(tmp_path).fetch_all(
                (f"{server.address}/ok/{i}.jpg" for i in range(1_000)), fail
            )
        )
    assert (
        raised.value is error
        and sum(server.counts.values()) < 100
        and not list((tmp_path / ".parts").iterdir())
    )


def test_a_full_disk_ends_it_all(tmp_path, server, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("images.download.turns.open", full, raising=False)
    with pytest.raises(OSError, match="No space"):
        list(downloader(tmp_path).fetch_all([f"{server.address}/ok/1.jpg"], read))


def test_with_a_fault_in_twenty_all_are_had(tmp_path):
    with serving("--faults", "0.05") as server:
        links = {f"{server.address}/faulty/{i}.jpg": jpeg(f"{i}.jpg") for i in range(2_000)}
        assert fetch(tmp_path, links, tries=6, threads=16, timeout=2) == links
        assert 2_060 < sum(server.counts.values()) < 2_160 and server.connections < 300


def test_a_host_that_is_slow_holds_up_no_other(tmp_path, server):
    with serving("--latency", "0.15") as slow:
        links = [f"{slow.address}/ok/{i}.jpg" for i in range(2_000)] + [
            f"{server.address}/ok/{i}.jpg" for i in range(100)
        ]
        with closing(downloader(tmp_path, per_host=4).fetch_all(links, read)) as results:
            had = [next(results)[0] for _ in range(108)]
        assert sum(link.startswith(server.address) for link in had) == 100 and slow.most <= 4


def test_a_host_is_asked_as_often_as_it_may(tmp_path, server):
    fetch(tmp_path, [f"{server.address}/ok/{i}.jpg" for i in range(15)], rate=20)
    times = [at for at, _ in server.times]
    assert max(times) - min(times) > 0.65  # 14 times 0.05 s


def test_retry_after_lets_the_whole_host_rest(tmp_path, server):
    links = [f"{server.address}/429/1.jpg"] + [f"{server.address}/ok/{i}.jpg" for i in range(20)]
    fetch(tmp_path, links, threads=1, max_wait=0.5)
    (first, path), *others = server.times
    assert (
        path == "/429/1.jpg"
        and all(at - first > 0.45 for at, _ in others)
        and server.counts[path] == 2
    )


def test_a_waiting_link_holds_no_thread(tmp_path, server):
    links = [f"{server.address}/503/{i}.jpg" for i in range(100)]
    results = fetch(tmp_path, links, threads=2, max_wait=0.5)
    assert all(isinstance(result, bytes) for result in results.values())
    paths = [path for _, path in server.times]
    again = next(i for i, path in enumerate(paths) if path in paths[:i])
    assert again > 2  # others are asked for while the first two wait


def test_retry_after_is_a_number_or_a_date():
    assert (
        retry_after("120") == 120
        and retry_after(" 5 ") == 5
        and retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    )
    assert 3_600 < retry_after("Fri, 31 Dec 2055 23:59:59 GMT") < 1e9
    assert {retry_after(text) for text in ("", "soon", "-5", "0.5", "Mon, 99 Foo 2055")} == {0}
    assert 0 < retry_after("9" * 400) < 1e9 and retry_after("9" * 9_000) == 0


def test_a_host_that_is_not_there_is_given_up(tmp_path, server):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    dead = [f"http://127.0.0.1:{port}/{i}.jpg" for i in range(3_000)]
    alive = [f"{server.address}/ok/{i}.jpg" for i in range(100)]
    results = fetch(tmp_path, dead + alive, tries=5)
    assert all(isinstance(results[link], bytes) for link in alive)
    assert all(isinstance(results[link], Failure) and not results[link].final for link in dead)
    given_up = "127.0.0.1 is given up: no answer 50 times in a row, the last: connection refused"
    assert sum(results[link].reason == given_up for link in dead) > 2_900


def test_without_a_network_it_ends_soon(tmp_path, monkeypatch):
    def gone(*_, **__):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", gone)
    reasons = [
        result.reason
        for result in fetch(tmp_path, (f"https://shop{i}.test/" for i in range(5_000))).values()
    ]
    assert sum("the network is given up" in reason for reason in reasons) > 3_000


@pytest.mark.parametrize("link", ["http://{}:{}/", "https://{}:{}/"])
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
    ],
)
def test_nothing_is_connected_to_that_is_not_public(tmp_path, host, link):
    with listening() as listener:
        link = link.format(host, listener.port)
        failure = fetch(tmp_path, [link], networks=())[link]
        assert "which is not a public address" in failure.reason and listener.seen == 0


@pytest.mark.parametrize(
    "ip", ["10.0.0.1", "169.254.169.254", "127.0.0.1", "::1", "::ffff:127.0.0.1"]
)
def test_a_name_that_leads_there_is_refused(tmp_path, monkeypatch, ip):
    """Also when only one of its addresses is private: it could be the one that is connected to."""
    with listening() as listener:
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        places = [
            (family, socket.SOCK_STREAM, 6, "", (address, listener.port))
            for address in ("93.184.216.34", ip)
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: places)
        link = "http://images.test/1.jpg"
        assert ip in fetch(tmp_path, [link], networks=())[link].reason and listener.seen == 0


def test_a_redirect_to_there_is_refused(tmp_path, server, monkeypatch):
    """The server is allowed, and redirects to a name of another address of the loopback."""
    real = socket.getaddrinfo
    known = {"inside.test": "127.0.0.9"}
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: real(known.get(host, host), *rest, **more),
    )
    with listening() as listener:
        tos = [
            f"http://{host}:{listener.port}/"
            for host in ("inside.test", "127.0.0.2", "[::1]", "2130706434", "10.0.0.1")
        ]
        links = [f"{server.address}/redirect-to?to={to}" for to in tos]
        results = fetch(tmp_path, links, networks=("127.0.0.1/32",))
        assert (
            all("which is not a public address" in results[link].reason for link in links)
            and listener.seen == 0
        )


def test_what_is_looked_at_is_what_is_connected_to(tmp_path, server, monkeypatch):
    """A name that leads elsewhere when it is asked for again (DNS rebinding): it is not asked for
    again."""
    asked, real = [], socket.getaddrinfo

    def rebinding(host, *rest, **more):
        asked.append(host)
        return real("127.0.0.1" if asked.count(host) == 1 else "127.0.0.9", *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    link = f"http://images.test:{server.server_address[1]}/ok/1.jpg"
    assert fetch(tmp_path, [link], networks=("127.0.0.1/32",)) == {
        link: jpeg("1.jpg")
    } and asked == ["images.test"]


def test_proxies_and_passwords_of_the_environment_are_not_used(tmp_path, server, monkeypatch):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ann password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with listening() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        link = f"{server.address}/ok/1.jpg"
        assert isinstance(fetch(tmp_path, [link])[link], bytes) and proxy.seen == 0
        assert not server.headers & {"authorization", "cookie", "proxy-authorization"}


def test_a_certificate_must_be_good(tmp_path, monkeypatch):
    with serving("--tls") as server:
        good, port = f"{server.address}/ok/1.jpg", server.server_address[1]
        refused = fetch(tmp_path, [good])[good]
        assert (
            refused.reason.startswith("certificate: self")
            and not refused.final
            and not server.counts
        )
        monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
        links = [f"{server.address}/ok/{i}.jpg" for i in range(50)]
        assert (
            all(isinstance(result, bytes) for result in fetch(tmp_path, links).values())
            and server.connections <= 8
        )
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))],
        )
        other = fetch(tmp_path, ["https://other.test/"])["https://other.test/"]
        assert other.reason.startswith("certificate: Hostname mismatch")


@pytest.mark.parametrize(
    "path, reason",
    [
        ("/drip", "took longer than 1.2 s"),
        ("/dripping-headers", "took longer than 1.2 s"),
        ("/hang", "no byte for 0.4 s"),
        ("/hang-before", "no byte for 0.4 s"),
        ("/truncated", "cut off, 30 bytes are missing"),
    ],
)
def test_what_is_cut_over_http_is_cut_over_https(tmp_path, monkeypatch, path, reason):
    monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
    with serving("--tls") as server:
        link = server.address + path
        assert fetch(tmp_path, [link], tries=1, **impatient(reason))[link].reason == reason


def test_closing_waits_for_no_server_of_https(tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
    with serving("--tls") as server:
        links = [server.address + path for path in ("/ok/1.jpg", "/hang", "/drip", "/hang-before")]
        results = downloader(tmp_path, tries=1).fetch_all(links, read)
        assert next(results)[0] == links[0]
        start = time.monotonic()
        results.close()
        assert time.monotonic() - start < 30
        assert wait_for(no_thread_is_left)


@pytest.mark.parametrize(
    "scheme, pieces, reason",
    [
        (
            "https",
            [bytes([byte]) for byte in b"\x16\x03\x03\x40\x00" + bytes(60)],
            "took longer than 1.2 s",
        ),
        ("https", [b"HTTP/1.1 400 Bad Request\r\n\r\n"], "TLS: wrong version number"),
        ("http", [b"SSH-2.0-OpenSSH_9\r\n"], "its answer is not HTTP"),
        ("http", [], "the connection was reset"),
        ("http", [b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 200], "its answer is not HTTP"),
        ("http", [b"HTTP/1.1 100 Continue\r\n\r\n"] * 90, "took longer than 1.2 s"),
    ],
)
def test_a_server_that_speaks_badly(tmp_path, scheme, pieces, reason):
    def talk(connection):
        if len(pieces) < 2:
            connection.recv(1 << 16)
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(0.05)

    with listening(talk) as listener:
        link = f"{scheme}://127.0.0.1:{listener.port}/"
        assert fetch(tmp_path, [link], tries=1, **impatient(reason))[link].reason == reason


def test_closing_waits_for_no_server(tmp_path, server):
    slow = [
        "/drip",
        "/hang",
        "/hang-before",
        "/dripping-headers",
        "/dripping-chunks",
        "/large-chunked",
    ]
    links = [f"{server.address}{path}" for path in ("/ok/1.jpg", *slow)]
    results = downloader(tmp_path, timeout=60, longest=60, tries=1).fetch_all(links, read)
    assert next(results)[0] == links[0]
    start = time.monotonic()
    results.close()
    assert time.monotonic() - start < 30 and not list((tmp_path / ".parts").iterdir())
    assert wait_for(no_thread_is_left)


def test_a_consumer_that_is_slow_makes_threads_wait(tmp_path, server):
    with closing(
        downloader(tmp_path).fetch_all((f"{server.address}/ok/{i}.jpg" for i in range(500)), read)
    ) as results:
        next(results)
        time.sleep(0.5)
        assert (
            sum(server.counts.values()) <= 1 + 3 * 8
        )  # those in the queue, in a thread's hands, and on their way


def test_parts_of_the_dead_are_removed(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    (tmp_path / ".parts").mkdir()
    here, dead, alive, elsewhere = (
        socket.gethostname(),
        f"{dead.pid}.1.1",
        f"{os.getpid()}.1.1",
        f"another.machine.{dead.pid}.1.1",
    )
    for name in (f"{here}.{dead}", f"{here}.{alive}", elsewhere):
        (tmp_path / ".parts" / name).write_bytes(b"x")
    downloader(tmp_path)
    assert {part.name for part in (tmp_path / ".parts").iterdir()} == {f"{here}.{alive}", elsewhere}


ALONE = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, {scripts!r})
from images.settings import Download
from images.download.fetch import Downloader
signal.signal(signal.SIGINT, signal.default_int_handler)
patient = Download(
    networks=("127.0.0.0/8",), threads=8, max_megabytes=300, longest=300, timeout=300
)
fetcher = Downloader(patient, Path({folder!r}))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print("begins", flush=True)
try:
    for link, result in fetcher.fetch_all({links!r}, lambda link, part: part.stat().st_size):
        print(result)
except KeyboardInterrupt:
    print("stopped")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, flush=True)
"""


def alone(folder: Path, links) -> subprocess.Popen:
    code = ALONE.format(scripts=str(ROOT / "scripts"), folder=str(folder), links=links)
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_slow_uplink_has_the_requests_time_after_a_read():
    """A kept-alive connection: reads look at the clock every POLL seconds, writes must not end
    by that."""
    ours, theirs = socket.socketpair()
    sock = TcpSocket(ours.family, ours.type, fileno=ours.detach())
    sock.pool = SimpleNamespace(settings=Download(**QUICK), seconds_left=lambda: 60)
    sock.settimeout(60)
    theirs.sendall(b"x")
    assert sock.recv_into(bytearray(1)) == 1

    size = 8 << 20  # more than a socket buffers

    def read_late() -> None:
        time.sleep(2 * POLL)
        todo = size
        while todo:
            todo -= len(theirs.recv(1 << 20))

    reader = threading.Thread(target=read_late)
    reader.start()
    with sock, theirs:
        sock.sendall(bytes(size))
        reader.join()


def test_a_downloader_downloads_once(tmp_path):
    once = downloader(tmp_path)
    assert list(once.fetch_all([], read)) == []
    with pytest.raises(RuntimeError, match="downloads once"):
        list(once.fetch_all([], read))


@pytest.mark.slow
def test_memory_stays_flat(tmp_path, server):
    process = alone(
        tmp_path,
        [
            f"{server.address}/{kind}?{i}"
            for i in range(3)
            for kind in ("large", "large-chunked", "gzip-bomb")
        ],
    )
    out, _ = process.communicate(timeout=LONG)
    *sizes, kilobytes = out.split()[1:]
    assert len(sizes) == 9 and all(int(size) >= 200_000_000 for size in sizes)
    assert int(kilobytes) < 30_000, out


@pytest.mark.slow
def test_ctrl_c_ends_it(tmp_path, server):
    process = alone(tmp_path, [f"{server.address}/hang?{i}" for i in range(50)])
    assert process.stdout.readline() == "begins\n" and wait_for(
        lambda: sum(server.counts.values()) >= 8
    )
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=100)  # an answer would take 300 s
    assert out.startswith("stopped") and not errors and process.returncode == 0
    assert not list((tmp_path / ".parts").iterdir())
