"""A new model, a new task and a new numbered step are each one file or folder: written into a copy
of the project, they run from raw files to a submission, and everything else finds them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from common.paths import ROOT

CARRIED = ("scripts", "configs", "Makefile", "requirements.txt", "constraints.txt")
CATEGORY = "price"
SETTINGS = "data.folder=shop data.n_folds=2"

MODEL = '''
"""ols: least squares of log1p price on powers of the text's length."""

import numpy as np

from common.questions import NUMBER
from common.sections import Count, Positive, Section
from features.source import Source
from features.store import read_columns, write_rows
from networks.weights import read_arrays, save_arrays

ANSWERS = (NUMBER,)
NEEDS_TEXT = True
FIT_SETTINGS = ("ols.factor",)


class Settings(Section):
    """Least squares on the text's length."""

    factor: Positive = 1.0  # that predictions are multiplied by
    degree: Count = 2  # of the polynomial


def inputs(config, paths, k):
    return [paths.features("ols")]


def packages(config):
    return {"xgrammar": config.ols.factor > 5}


def write_powers(job, stem):
    length = np.array([len(text) for text in job.rows.text]) / 100
    powers = np.column_stack([length**i for i in range(job.config.ols.degree + 1)])
    write_rows(job, stem, powers, {"columns": [f"length {i}" for i in range(powers.shape[1])]})


def powers_need(config, paths, stem):
    return [paths.folds]


SOURCES = {"ols": Source(write_powers, powers_need, ("ols.degree",))}


def fit(job, k, rows, file):
    x, _ = read_columns(job.paths.features("ols"), rows.id)
    train = rows.labelled(k)
    weight = np.linalg.lstsq(x[train], rows.target[train, 0], rcond=None)[0]
    save_arrays({"weight": weight * job.config.ols.factor}, file)
    return {"rows": len(train)}


def predict(job, k, rows, wanted):
    x, _ = read_columns(job.paths.features("ols"), rows.id[wanted])
    return (x @ read_arrays(job.paths.model(f"ols_{k}"))["weight"])[:, None]
'''

TASK = '''
"""rating: text → stars; like a price, judged by the mean absolute error."""

import numpy as np

from tasks.price import *  # noqa: F403
from tasks.price import table as price_table

SCORE = "mae"
RANGE = (0, 1000)


def score(answer, target, outputs):
    known = target[:, 0] >= 0
    return float(np.abs(answer[known, 0] - np.expm1(target[known, 0])).mean())


def table(answer, target, outputs, pred=None):
    scores = price_table(answer, target, outputs, pred)
    return {name: {"mae": score(answer, target, outputs)} | row for name, row in scores.items()}
'''

TASK_CONFIG = """
from config import Config

config = Config(
    task="rating",
    models=("ridge",),
    data=dict(
        folder="shop", id="sample_id", category_column="", labels=("price",), n_folds=2,
        text=("catalog_content",), train_image="", test_image="",
    ),
)
"""

STEP = '''
"""The predictions of the training rows as a table for a spreadsheet.

Reads   working/<category>/merged.npz
Writes  working/<category>/export.csv
Run     python scripts/12_export.py price
"""

import numpy as np
import pandas as pd

from common.errors import UserError
from pipeline.stops import run
from pipeline.job import start

TARGET = "export.csv"
FINAL = True


def needs(config, paths, name):
    return [paths.merged]


def settings(config, paths, name):
    return ["post.filler"]


def main(argv=None):
    job = start(__doc__, argv)
    target = job.paths.dir / TARGET
    with job.writing(target) as (part, record):
        if job.config.post.filler == "none":
            raise UserError("no filler to export")
        merged = np.load(job.paths.merged)
        pd.DataFrame({"id": merged["id"], "pred": merged["pred"][:, 0]}).to_csv(part, index=False)


if __name__ == "__main__":
    run(main)
'''


@pytest.fixture
def project(tmp_path) -> Path:
    """A copy of the project, and a shop of 60 products with prices as its input."""
    copy = tmp_path / "project"
    for name in CARRIED:
        take = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (copy / name).parent.mkdir(exist_ok=True)
        take(ROOT / name, copy / name)
    rng = np.random.default_rng(0)
    size = rng.integers(1, 20, 60)
    names = [f"Item Name: Tea {'very ' * s} {'Green' if s % 2 else 'Black'}" for s in size]
    price = (size * rng.lognormal(0, 0.2, 60)).round(2)
    table = pd.DataFrame({"sample_id": range(60), "catalog_content": names, "price": price})
    shop = tmp_path / "input/shop"
    shop.mkdir(parents=True)
    table[:48].to_csv(shop / "train.csv", index=False)
    table[48:].drop(columns="price").to_csv(shop / "test.csv", index=False)
    return copy


def make(project: Path, *words: str) -> str:
    """What make prints in the project; it must end well."""
    done = call(["make", "-C", project, f"PYTHON={sys.executable}", *words])
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def call(command: list) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, text=True, env=os.environ)


def test_a_model_with_settings_and_features_of_its_own_is_one_file(project, folders):
    assert " ols" not in make(project, "help").partition("models:")[2].partition("\n")[0]
    (project / "scripts/models/ols.py").write_text(MODEL.lstrip())
    assert " ols" in make(project, "help").partition("models:")[2].partition("\n")[0]

    chosen = f"SET={SETTINGS} models=ols"
    done = make(project, "all", f"CATEGORY={CATEGORY}", chosen)
    steps = [line.split()[1] for line in done.splitlines() if " scripts/" in line]
    names = [Path(step).stem[:2] for step in steps]
    learnt = ["03", "04", "06", "04", "06", "08"]
    answered = ["03", "06", "06", "08", "09"]
    assert names == ["01", "01", *learnt, *answered, "10"]
    submission = pd.read_csv(folders / "submissions" / f"{CATEGORY}.csv")
    assert len(submission) == 12 and submission.price.gt(0).all()
    page = (folders / "working" / CATEGORY / "report.html").read_text()
    assert ">ols<" in page and "ols.degree" in page

    why = make(project, "why", f"CATEGORY={CATEGORY}", f"{chosen} ols.factor=2")
    assert "ols_0.safetensors was made with ols.factor=1.0, not 2.0" in why
    assert "ols.npy" not in why
    why = make(project, "why", f"CATEGORY={CATEGORY}", f"{chosen} ols.degree=3")
    assert "ols.npy was made with ols.degree=2, not 3" in why

    kernels = ["kernels", f"CATEGORY={CATEGORY}", "OWNER=me"]
    assert "xgrammar" not in make(project, *kernels, chosen)
    assert "xgrammar" in make(project, *kernels, f"{chosen} ols.factor=9")


def test_a_task_is_one_folder(project, folders):
    (project / "scripts/tasks/rating").mkdir()
    (project / "scripts/tasks/rating/__init__.py").write_text(TASK.lstrip())
    (project / "configs/stars.py").write_text(TASK_CONFIG)
    assert "rating" in make(project, "help").partition("tasks:")[2].partition("\n")[0]
    done = make(project, "all", "CATEGORY=stars")
    assert "out-of-fold mae" in done
    assert len(pd.read_csv(folders / "submissions/stars.csv")) == 12
    page = (folders / "working/stars/report.html").read_text()
    assert "out-of-fold MAE" in page and "could not be made" not in page


def test_a_numbered_step_is_one_script(project, folders):
    (project / "scripts/12_export.py").write_text(STEP.lstrip())
    assert "12_export" in make(project, "help")
    joined = make(project, "why", "CATEGORY=demo_taxonomy")  # has no rows of its own to export
    assert "export.csv" not in joined and "folds.csv" not in joined
    chosen = f"SET={SETTINGS} models=ridge"
    make(project, "all", f"CATEGORY={CATEGORY}", chosen)
    work = folders / "working" / CATEGORY
    assert len(pd.read_csv(work / "export.csv")) == 48
    assert "nothing:" in make(project, "why", f"CATEGORY={CATEGORY}", chosen)

    other = f"{chosen} post.filler=none"
    why = make(project, "why", f"CATEGORY={CATEGORY}", other)
    assert "export.csv was made with post.filler=dummy_value, not none" in why
    failed = call(
        ["make", "-C", project, f"PYTHON={sys.executable}", "all", f"CATEGORY={CATEGORY}", other]
    )
    assert failed.returncode == 2 and "no filler to export" in failed.stderr
    assert "no filler to export" in (work / "report.html").read_text()


def test_a_language_model_of_another_name_leaves_replies(project):
    text = (project / "scripts/models/vlm.py").read_text().replace("vlm", "seer")
    (project / "scripts/models/seer.py").write_text(text)
    why = make(project, "why", "CATEGORY=entity", "SET=models=seer data.parts=2")
    assert "pred/seer_1.csv is missing: 06_infer entity --member seer_1" in why


@pytest.mark.parametrize(
    "file, text, says",
    [
        ("models/wip.py", "x = (", "scripts/models/wip cannot be loaded: SyntaxError"),
        ("models/post.py", "", "scripts/models/post: every config has this section"),
        ("12_again.py", 'TARGET = "merged.npz"', "12_again.py both write merged.npz"),
    ],
)
def test_a_file_that_cannot_be_one_is_named_in_a_line(project, file, text, says):
    (project / "scripts" / file).write_text(text)
    done = call([sys.executable, project / "scripts/plan.py", "price"])
    assert done.returncode == 1 and says in done.stderr and "Traceback" not in done.stderr
