"""The entity system as a user runs it: the sample read on the CPU; parts asked of a server that
fails, killed, and run again."""

import random
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from common.files import read_record
from common.paths import Paths
from conftest import LONG, ROOT, kill, make, run_script, run_steps, start_make, wait_until
from features.ocr import ocr_file

pytestmark = pytest.mark.slow

SMALL = ["data.n_folds=2", "ranker.rounds=60", "ranker.seeds=1"]


@pytest.fixture(scope="module")
def packs(tmp_path_factory):
    """The sample's packs, 80 questions of train and 20 of test, and the text on them read once:
    (input, features)."""
    from tasks.entity import sample as entity

    top = tmp_path_factory.mktemp("packs")
    entity.draw(top / entity.FOLDER, rows={"train": 80, "test": 20})
    return top


@pytest.fixture
def run_ranker(packs, monkeypatch):
    """run(*settings): every step of the ranker on the packs in this process; gives the submission's
    record."""
    monkeypatch.setenv("input_path", str(packs))

    def run(*settings):
        run_steps("demo_entity", [*SMALL, *settings])
        return read_record(Paths("demo_entity").submission)

    return run


def test_the_ranker_reads_packs_and_nothing_with_shuffled_labels(
    run_ranker, script, packs, folders, monkeypatch, capsys
):
    record = run_ranker()
    assert record["score"] > 0.4, record["scores"]
    submission = pd.read_csv(Paths("demo_entity").submission, keep_default_na=False)
    assert len(submission) == 20
    assert (submission.prediction != "").mean() > 0.6
    mistakes = pd.read_csv(Paths("demo_entity").mistakes, keep_default_na=False)
    assert list(mistakes) == ["id", "question", "image", "label", "answer"]
    assert 0 < len(mistakes) < 60
    script("post_process").main(
        [
            "demo_entity",
            "--check",
            str(Paths("demo_entity").submission),
            "--truth",
            str(packs / "demo_entity/solution.csv"),
            *SMALL,
        ]
    )
    assert "over 20 of 20 rows" in capsys.readouterr().out
    rows = pd.read_csv(ocr_file(Paths("demo_entity")), keep_default_na=False)
    bad = read_record(ocr_file(Paths("demo_entity")))["bad"]
    assert bad
    assert set(bad) <= set(rows.image[rows.line == -1])
    assert (rows.line >= 0).sum() > 100
    # labels of other rows' questions: what is printed is then right no more often than by chance
    table = pd.read_csv(packs / "demo_entity/train.csv", dtype=str, keep_default_na=False)
    by = table.groupby("entity_name").entity_value
    shuffled = by.transform(lambda values: np.random.default_rng(0).permutation(values))
    shuffled_folder = folders / "shuffled/demo_entity"
    shuffled_folder.mkdir(parents=True)
    for file in (packs / "demo_entity").iterdir():
        (shuffled_folder / file.name).symlink_to(file)
    (shuffled_folder / "train.csv").unlink()
    table.assign(entity_value=shuffled).to_csv(shuffled_folder / "train.csv", index=False)
    monkeypatch.setenv("input_path", str(folders / "shuffled"))
    assert run_ranker()["score"] < 0.2


# not downloaded
HERE = "data.train_image=images/{image_link:name} data.test_image=images/{image_link:name}"


@pytest.fixture
def server():
    """start(*options) → the address of a server of made-up values, in a process of its own."""
    started = []

    def start(*options):
        process = subprocess.Popen(
            [sys.executable, ROOT / "tests/chat_server.py", "--port", "0", *options],
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"

    yield start
    for process in started:
        process.kill()


def test_parts_killed_at_random_and_an_endpoint_that_fails_end_in_the_quiet_runs_submission(
    packs, server, folders, monkeypatch
):
    """Ten parts, four at a time; a tenth of the calls fail, images are broken, and everything is
    killed three times."""
    monkeypatch.setenv("input_path", str(packs))

    def settings(address):
        return (
            f"SET=data.folder=demo_entity {HERE} data.parts=10 data.max_train_rows=20 "
            f"vlm.endpoint={address} refine.endpoint={address} vlm.model=made-up "
            "refine.model=made-up vlm.at_once=2 refine.at_once=2"
        )

    monkeypatch.setenv("working_path", str(folders / "quiet"))
    quiet = make("-j4", "all", "CATEGORY=entity", settings(server()))
    assert quiet.returncode == 0, quiet.stderr[-2000:]
    submission = folders / "submissions/entity.csv"
    expected = submission.read_bytes()
    submission.unlink()
    monkeypatch.setenv("working_path", str(folders / "loud"))
    loud, chance, kills = settings(server("--fail", "0.1", "--delay", "0.3")), random.Random(0), 0

    def answers():
        """Lines of replies that are on the disk."""
        files = (folders / "loud/entity").glob("**/pred/vlm_*.[cg]*")
        return sum(file.read_bytes().count(b"\n") for file in files if file.exists())

    for _attempt in range(12):
        process = start_make("-j4", "all", "CATEGORY=entity", loud)
        if kills < 3:
            enough = answers() + chance.randint(1, 6)  # and some time after
            wait_until(lambda: answers() >= enough or process.poll() is not None, LONG)
            time.sleep(chance.uniform(0, 0.5))
            if process.poll() is None:
                kills += 1
                kill(process)
        process.wait(LONG)
        if kills == 3 and process.returncode == 0:
            break
    assert submission.read_bytes() == expected
    assert kills == 3
    replies = pd.concat(
        [
            pd.read_csv(file, keep_default_na=False)
            for file in sorted((folders / "loud/entity").glob("**/pred/vlm_*.csv"))
        ]
    )
    assert len(replies) == 40
    assert replies.id.is_unique


def test_any_csv_is_split_and_merged_by_the_scripts_alone(folders):
    table = pd.DataFrame({"index": range(250), "text": [f'a "{i}",\nb' for i in range(250)]})
    table.to_csv(folders / "x.csv", index=False)
    assert (
        run_script(
            "split_files", "--split", folders / "x.csv", "--parts", "7", "--to", folders / "parts"
        ).returncode
        == 0
    )
    assert len(list((folders / "parts").glob("part_*.csv"))) == 7
    done = run_script("merge_files", "--merge", folders / "parts", "--to", folders / "y.csv")
    assert done.returncode == 0
    assert (folders / "y.csv").read_bytes() == (folders / "x.csv").read_bytes()
    (folders / "parts/part_003.csv").unlink()
    done = run_script("merge_files", "--merge", folders / "parts", "--to", folders / "z.csv")
    assert done.returncode == 1
    assert "part_003.csv" in done.stderr
    assert not (folders / "z.csv").exists()
