"""02 on links: everything that can be had is had once, every failure named, and a run that was
killed ends as the quiet one."""

import errno
import os
import random
import re
import subprocess
import time
from collections import Counter
from importlib import import_module
from itertools import count

import numpy as np
import pandas as pd
import pytest

from common.files import read_record
from common.ledger import Ledger
from common.paths import Paths
from conftest import LONG, kill, make, run_script, start_script, wait_until
from images.cache import Cache
from images.cache_writer import CacheWriter
from images.names import link_name
from picture_server import serving

pytestmark = pytest.mark.slow

QUICK = [
    "data.folder=shop",
    "download.networks=127.0.0.0/8",
    "download.timeout=1",
    "download.longest=3",
    "download.tries=4",
    "download.max_wait=0.3",
    "download.max_megabytes=2",
    "images.size=32",
    "run.workers=2",
]
REASONS = {  # what each kind of failure is called, and its status
    "/404/1.jpg": ("bad", "404"),
    "/403/1.jpg": ("bad", "403"),
    "/html.jpg": ("bad", "HTML, not an image"),
    "/bomb.png": ("bad", "over 64 megapixels"),
    "/loop": ("bad", "redirects"),
    "/large": ("failed", "over 2 MB"),
    "/large-chunked": ("failed", "over 2 MB"),
    "/truncated": ("failed", "cut off"),
    "/reset": ("failed", "reset"),
    "/hang": ("failed", "no byte"),
    "/drip": ("failed", "took longer"),
    "/dripping-headers": ("failed", "took longer"),
}


@pytest.fixture
def server():
    with serving("--faults", "0.05") as found:
        yield found


def write_shop(folder, links) -> None:
    """A shop of prices whose images are links, every fifth row of it a test row."""
    table = pd.DataFrame(
        {
            "sample_id": range(len(links)),
            "catalog_content": "a thing",
            "image_link": links,
            "price": 1.5 + np.arange(len(links)),
        }
    )
    (folder / "input/shop").mkdir(parents=True, exist_ok=True)
    test = table.sample_id % 5 == 4
    table[~test].to_csv(folder / "input/shop/train.csv", index=False)
    table[test].drop(columns="price").to_csv(folder / "input/shop/test.csv", index=False)


def run(*settings, **env) -> Counter:
    """02 for the training rows, then for the test rows, which must end well; how many images of
    both together it knew, read and fetched."""
    counts = Counter()
    for rows in ([], ["--rows", "test"]):
        done = run_script("download_images", "price_v2", *QUICK, *rows, *settings, **env)
        assert done.returncode == 0, done.stderr[-2000:]
        for name, n in re.findall(r"(known|to_read|to_fetch) (\d+)", done.stdout):
            counts[name] += int(n)

    return counts


def read_images(file) -> pd.DataFrame:
    return pd.read_csv(file, keep_default_na=False, dtype=str).set_index("image")


def tables() -> list[Paths]:
    """The files of the training rows and those of the test rows."""
    return [Paths("price_v2"), Paths("price_v2", "test")]


def images_csv() -> pd.DataFrame:
    """Of the training rows, then of the test rows."""
    return pd.concat([read_images(paths.images) for paths in tables()])


def versions() -> list[str]:
    return [read_record(paths.images)["version"] for paths in tables()]


def test_all_that_can_be_had_is_had_and_each_failure_is_named(folders, server):
    good = [f"{server.address}/{kind}/{i}.jpg" for kind in ("ok", "faulty") for i in range(40)] + [
        f"{server.address}/503/1.jpg",
        f"{server.address}/429/1.jpg",
    ]
    write_shop(
        folders,
        [
            *good,
            *(server.address + path for path in REASONS),
            "file:///etc/passwd",
            "ftp://x/1.jpg",
            "http://10.0.0.1/1.jpg",
            *(good[0], good[1], good[0]),  # the last is a test row's
        ],
    )
    run()
    train, test = (read_images(paths.images) for paths in tables())
    assert set(train.index) & set(test.index) == {good[0]}
    shared = ["file", "status", "bytes", "sha256", "hash", "group"]
    assert test.loc[good[0], shared].equals(train.loc[good[0], shared])
    assert server.counts["/ok/0.jpg"] == 1
    table, paths = pd.concat([train, test.drop(good[0])]), Paths("price_v2")
    assert (table.loc[good].status == "ok").all() and table.index.is_unique
    for path, (status, reason) in REASONS.items():
        row = table.loc[server.address + path]
        assert row.status == status and reason in row.reason, (path, row.reason)
    assert (
        "not http" in table.loc["file:///etc/passwd"].reason
        and "not a public address" in table.loc["http://10.0.0.1/1.jpg"].reason
    )
    for link, row in table.loc[good].iterrows():
        assert row.file == f"downloads/{link_name(link)}" and len(
            (paths.downloads / link_name(link)).read_bytes()
        ) == int(row.bytes)
        assert (row.width, row.height, len(row.sha256), len(row["hash"])) == ("32", "32", 64, 16)
    failed = pd.concat([pd.read_csv(each.own / "failed.csv") for each in tables()])
    assert set(failed.image) == set(table.index[table.status != "ok"]) and list(failed) == [
        "id",
        "image",
        "status",
        "reason",
    ]
    assert sorted(file.name for file in paths.downloads.rglob("*") if file.is_file()) == sorted(
        link_name(link)[3:] for link in [*good, server.address + "/bomb.png"]
    )  # no page, no half
    for each, found in zip(tables(), (train, test), strict=True):
        cache = Cache(each.images, each.cache)
        assert cache.read(int(np.flatnonzero(cache.ok)[0])).shape == (32, 32, 3)
        assert cache.ok.sum() == found.index.isin(good).sum()


def test_nothing_is_fetched_twice_and_retry_takes_all_that_failed(folders, server):
    links = (
        [f"{server.address}/ok/{i}.jpg" for i in range(30)]
        + [f"{server.address}/404/{i}.jpg" for i in range(5)]
        + [server.address + "/reset"] * 3
    )
    write_shop(folders, links)
    run()
    asked = server.counts.copy()
    assert asked["/ok/3.jpg"] == asked["/404/3.jpg"] == 1 and asked["/reset"] == 4
    made = versions()
    assert run("data.seed=7") == Counter(
        known=35, to_fetch=1
    )  # what may pass is tried again when 02 runs again, 404 is not
    assert (
        server.counts["/ok/3.jpg"] == server.counts["/404/3.jpg"] == 1
        and server.counts["/reset"] == 8
    )
    assert versions() == made  # nothing comes after it that is not fresh
    run("--retry")
    assert server.counts["/ok/3.jpg"] == 1 and server.counts["/404/3.jpg"] == 2
    run("images.size=16")  # made of the files that are here
    assert server.counts["/ok/3.jpg"] == 1
    for file in Paths("price_v2").downloads.glob("*/*"):
        file.unlink()
    # the cache has what is needed
    assert run("images.size=16")["to_fetch"] == 1 and server.counts["/ok/3.jpg"] == 1
    assert run("images.cache=false", "images.size=16")["to_fetch"] in (31, 36)
    assert server.counts["/ok/3.jpg"] == 2


def test_a_torn_file_is_fetched_again_and_a_cut_cache_mended(folders, server):
    links = [f"{server.address}/ok/{i}.jpg" for i in range(20)]
    write_shop(folders, links)
    run()
    paths, before = Paths("price_v2"), images_csv()
    picture = paths.downloads / link_name(links[3])
    picture.write_bytes(picture.read_bytes()[:100])
    with open(paths.cache / "000.bin", "r+b") as blob:
        blob.truncate(int(read_images(paths.images).offset.astype(int).max()))
    assert run("data.seed=1")["to_read"] == 2 and server.counts["/ok/3.jpg"] == 2
    after = images_csv()
    assert (after.status == "ok").all() and (after.sha256 == before.sha256).all()
    for each, n in zip(tables(), (16, 4), strict=True):
        cache = Cache(each.images, each.cache)
        assert all(cache.read(i).shape == (32, 32, 3) for i in range(n))


@pytest.mark.parametrize(
    "name",
    [
        "{}/../../../../x.jpg",
        "{}/%00.jpg",
        "{}/a\x00b.jpg",
        "{}/" + 4000 * "a",
        "{}/ok/1.jpg?x=../../y",
        "{}/a b\u00e9.jpg",
        "..//../x",
    ],
)
def test_a_links_name_is_no_path(folders, server, name):
    link = name.format(server.address)
    write_shop(folders, [f"{server.address}/ok/{i}.jpg" for i in range(10)] + [link])
    before = set(folders.rglob("*"))
    run()
    new = {str(path.relative_to(folders)) for path in set(folders.rglob("*")) - before}
    assert all(path.startswith("working") for path in new)
    names = [
        path.removeprefix("working/downloads/")
        for path in new
        if path.startswith("working/downloads/") and path.count("/") == 3
    ]
    assert len(names) in (10, 11) and all(
        len(name) == 35 and name[:2] == name[3:5] for name in names
    )


def test_two_links_with_one_last_part_are_two_pictures(folders, server):
    links = [f"{server.address}/ok/{i}.jpg" for i in range(8)] + [
        f"{server.address}/ok/1.jpg?v=2",
        f"{server.address}/faulty/1.jpg",
    ]
    write_shop(folders, links)
    run()
    assert images_csv().file.nunique() == 10


def test_killed_ten_times_it_ends_as_the_quiet_run(folders, server):
    links = [f"{server.address}/{'faulty' if i % 3 else 'ok'}/{i}.jpg" for i in range(600)] + [
        f"{server.address}/404/{i}.jpg" for i in range(9)
    ]
    write_shop(folders, [*links, server.address + "/truncated", server.address + "/bomb.png"])
    quick = ["download.rate=150"]
    run(*quick, working_path=str(folders / "quiet"))
    paths, chance, kills = Paths("price_v2"), random.Random(0), 0

    def had():
        return len(list(paths.dir.parent.glob("downloads/*/*")))

    while kills < 10:
        rows = ["--rows", "test"] if paths.images.exists() else []
        process = start_script("download_images", "price_v2", *QUICK, *rows, *quick)
        enough = had() + chance.randint(1, 50)
        wait_until(lambda: had() >= enough or process.poll() is not None, LONG)
        time.sleep(chance.uniform(0, 0.1))
        if process.poll() is None:
            kill(process)
            kills += 1
        elif rows:
            break
    assert kills >= 3
    run(*quick)
    content = ["status", "reason", "file", "bytes", "width", "height", "sha256", "hash"]
    assert not list((paths.downloads / ".parts").iterdir())
    for each in tables():
        quiet = folders / "quiet" / each.own.relative_to(paths.dir.parent)
        table = read_images(quiet / "images.csv")
        pd.testing.assert_frame_equal(read_images(each.images)[content], table[content])
        mine, other = Cache(each.images, each.cache), Cache(quiet / "images.csv", quiet / "images")
        assert all((mine.read(i) == other.read(i)).all() for i in np.flatnonzero(mine.ok))


@pytest.mark.parametrize(
    "writes",
    ["images.ingest.os.replace", "images.cache_writer.CacheWriter.add", "common.ledger.Ledger.add"],
)
def test_a_full_disk_loses_nothing(folders, server, script, monkeypatch, writes):
    links = [f"{server.address}/ok/{i}.jpg" for i in range(200)]
    write_shop(folders, links)
    with monkeypatch.context() as patched:
        name, _, write = writes.rpartition(".")
        owner = (
            os
            if write == "replace"
            else getattr(import_module(name.rpartition(".")[0]), name.rpartition(".")[2])
        )
        real, calls = getattr(owner, write), count()

        def full(*args, **kwargs):
            if next(calls) >= (0 if owner is Ledger else 20):
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*args, **kwargs)

        patched.setattr(owner, write, full)
        with pytest.raises(OSError, match="No space"):
            script("download_images").main(["price_v2", *QUICK, "download.threads=4"])
    assert not Paths("price_v2").images.exists()
    run()
    assert (images_csv().status == "ok").all()
    assert (
        sum(server.counts[f"/ok/{i}.jpg"] for i in range(200)) <= 200 + 4
    )  # none again but those in flight


def position(writer: CacheWriter, name: str) -> str:
    return " ".join(writer.row(name)[column] for column in ("shard", "offset", "length"))


@pytest.mark.parametrize("rows", ["", "test"])
def test_a_picture_replaced_by_one_of_its_size_is_read_again_and_a_lost_shard_too(
    folders, script, rows
):
    from PIL import Image

    (folders / "input/shop").mkdir(parents=True)
    for i in range(10):
        Image.new("RGB", (32, 32), (20 * i, 0, 0)).save(folders / f"input/shop/{i}.bmp")
    table = pd.DataFrame(
        {"sample_id": range(10), "catalog_content": "a thing", "price": 1.5 + np.arange(10)}
    )
    table.to_csv(folders / "input/shop/train.csv", index=False)
    table.drop(columns="price").to_csv(folders / "input/shop/test.csv", index=False)
    pattern = "{sample_id}.bmp"
    settings = [*QUICK, f"data.train_image={pattern}", f"data.test_image={pattern}"]
    if rows:  # whose images are compared with those of the training rows
        script("download_images").main(["price_v2", *settings])
        settings += ["--rows", rows]

    paths = Paths("price_v2", rows)

    def colour(name):
        """Of the first pixel, near that of the file: the cache holds JPEGs."""
        cache = Cache(paths.images, paths.cache)
        i = list(cache.names).index(name)
        return pytest.approx(cache.read(i)[0, 0].tolist(), abs=3)

    def call():
        return script("download_images").main(["price_v2", *settings])

    call()
    Image.new("RGB", (32, 32), (0, 0, 200)).save(folders / "input/shop/3.bmp")
    os.utime(folders / "input/shop/3.bmp", ns=(1, 1))
    call()
    assert colour("3.bmp") == [0, 0, 200]
    assert colour("4.bmp") == [80, 0, 0]
    with open(paths.cache / "000.bin", "r+b") as shard:
        shard.truncate(int(read_images(paths.images).loc["5.bmp"].offset))
    call()
    expected = {0: [0, 0, 0], 3: [0, 0, 200], 4: [80, 0, 0], 9: [180, 0, 0]}
    for i, rgb in expected.items():
        assert rgb == colour(f"{i}.bmp")
    assert (paths.cache / "001.bin").exists()


def test_what_is_made_with_other_settings_begins_anew_without_a_table_of_old_bytes(folders):
    cache, table = folders / "images", folders / "images.csv"
    row = {
        "file": "a",
        "status": "ok",
        "reason": "",
        "bytes": 3,
        "width": 1,
        "height": 1,
        "sha256": "",
        "hash": "",
        "colours": "",
        "stamp": "",
    }
    with CacheWriter(cache, "one", table) as writer:
        writer.add("a", b"abc", row)
        writer.add("b", b"defg", row)
    table.touch()
    with CacheWriter(cache, "one", table) as writer:
        assert [position(writer, name) for name in "ab"] == ["0 0 3", "0 3 4"] and table.exists()
    with open(cache / "000.bin", "ab") as blob:
        blob.write(b"half of what a kill left")
    with CacheWriter(cache, "one", table) as writer:
        writer.add("c", b"hi", row)
    assert (cache / "000.bin").read_bytes() == b"abcdefghalf of what a kill lefthi"
    with CacheWriter(cache, "two", table) as writer:
        assert (
            not writer.row("a") and not table.exists() and (cache / "000.bin").stat().st_size == 0
        )


def test_a_shard_that_is_full_is_followed_by_another(folders, monkeypatch):
    monkeypatch.setattr("images.cache_writer.LARGEST", 10)
    row = {
        "file": "",
        "status": "ok",
        "reason": "",
        "bytes": 6,
        "width": 1,
        "height": 1,
        "sha256": "",
        "hash": "",
        "colours": "",
        "stamp": "",
    }
    for names in ("ab", "c"):
        with CacheWriter(folders / "images", "one", folders / "images.csv") as writer:
            for name in names:
                writer.add(name, 6 * name.encode(), row)
    assert [position(writer, name) for name in "abc"] == ["0 0 6", "1 0 6", "2 0 6"]


def test_a_network_that_is_not_there_is_said_in_one_line(folders):
    write_shop(folders, [f"http://nowhere.invalid/{i}.jpg" for i in range(10)])
    done = run_script("download_images", "price_v2", *QUICK)
    assert (
        done.returncode == 1
        and "is there a network" in done.stderr
        and "Traceback" not in done.stderr
    )
    assert (
        "make retry CATEGORY=price_v2 SET=" in done.stderr and not Paths("price_v2").images.exists()
    )


def test_pictures_are_read_from_an_archive_and_from_downloads_of_another_session(folders, server):
    links = [f"{server.address}/ok/{i}.jpg" for i in range(10)]
    write_shop(folders, links)
    run()
    here, asked = Paths("price_v2").downloads, sum(server.counts.values())
    subprocess.run(
        ["tar", "-cf", folders / "input/shop/earlier.tar", "-C", here.parent, "downloads"],
        check=True,
    )
    there = {"working_path": str(folders / "elsewhere")}
    assert run(**there) == Counter(to_read=10)
    for paths, n in zip(tables(), (8, 2), strict=True):
        table = read_images(folders / "elsewhere" / paths.images.relative_to(here.parent))
        assert table.file.iloc[0] == f"earlier.tar: downloads/{link_name(table.index[0])}"
        assert len(table) == n and (table.status == "ok").all()

    assert sum(server.counts.values()) == asked


def test_make_images_looks_anew_where_the_folder_changes_though_no_model_needs_pictures(folders):
    from PIL import Image

    table = pd.DataFrame(
        {"sample_id": range(10), "catalog_content": "a thing", "price": 1.5 + np.arange(10)}
    )
    for name, colour in (("one", "red"), ("other", "blue")):
        (folders / "input" / name).mkdir(parents=True)
        table[:8].to_csv(folders / f"input/{name}/train.csv", index=False)
        table[8:].drop(columns="price").to_csv(folders / f"input/{name}/test.csv", index=False)
        for i in range(10):
            Image.new("RGB", (32, 32), colour).save(folders / f"input/{name}/{i}.png")
    settings = "data.train_image={sample_id}.png data.test_image={sample_id}.png images.size=16"
    shas = []
    for name in ("one", "other", "other"):
        done = make("images", "CATEGORY=price", f"SET=data.folder={name} {settings}")
        assert done.returncode == 0, done.stderr
        shas.append(pd.read_csv(Paths("price").images).sha256[0])
    assert shas[0] != shas[1] == shas[2] and "Nothing to be done" in done.stdout
