"""Two runs side by side."""

import re
import shutil

import pytest

from conftest import make, run_script
from report.compare import better_run, signed


@pytest.mark.slow
def test_two_runs_are_compared(tea_shop, price_settings, make_settings, folders):
    assert make("all", "CATEGORY=price", make_settings).returncode == 0
    shutil.copytree(folders / "working/price", folders / "kept/working/price")

    # files are as they were wherever they lie
    (folders / "submissions").rename(folders / "handed_in")
    moved = {
        "working_path": str(folders / "kept/working"),
        "submissions_path": str(folders / "handed_in"),
    }
    again = run_script("plan", "price", *price_settings, "--why", **moved)
    assert "nothing: all files are as today's config says" in again.stdout
    (folders / "handed_in").rename(folders / "submissions")

    # another run of it, and what is said of both
    changed = f"{make_settings} ridge.alpha=30"
    assert make("all", "CATEGORY=price", changed).returncode == 0
    done = make("compare", f"A={folders / 'kept/working/price'}", "B=price")
    assert done.returncode == 0, done.stderr
    assert re.search(r"ridge.alpha +\S+ +30", done.stdout)
    assert "fold 1, rows that both have" in done.stdout
    assert "95 % interval" in done.stdout
    assert "ridge.alpha" in (folders / "working/compare.html").read_text()

    same = run_script("compare_runs", "price", str(folders / "working/price"))
    assert "B gains +0.0000 (95 % interval +0.0000 to +0.0000" in same.stdout
    assert "Settings: no difference" in same.stdout


@pytest.mark.parametrize(
    "pair, message",
    [
        (("c9", "price"), "no run 'c9': neither a category nor a folder"),
        (("price", "c2"), "no run 'price'"),
        (("input", "input"), "input has no folds.csv"),
    ],
)
def test_runs_that_are_not_there_are_one_line(tea_shop, folders, pair, message):
    arguments = [str(folders / name) if name == "input" else name for name in pair]
    done = run_script("compare_runs", *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (folders / "working/compare.html").exists()


def test_one_run_is_not_compared():
    done = make("compare", "A=price")
    assert done.returncode == 2
    assert "which two?" in done.stderr


def test_which_run_is_better():
    assert better_run(0.1, "max") == "B"
    assert better_run(0.1, "min") == "A"
    assert better_run(1e-15, "max") == ""
    assert signed(-0.0) == "+0.0000"
