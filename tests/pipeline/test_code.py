"""Files made by other code than today's: what counts as that, and that it is said."""

import json
import time
from pathlib import Path

import pytest

from common.files import read_record, record_path
from common.paths import Paths
from conftest import make, run_script
from models import NAMES
from pipeline import code
from tasks.price import sample as price

CODE = '''
"""A model."""

import numpy as np  # arrays


def fit(x):
    """The mean."""
    return np.mean(x)  # of all
'''
TARGET = Path("working/c2/model/ridge_0.npz")


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """write(name, text): a file of code below a scripts folder of the test's own."""
    monkeypatch.setattr(code, "SCRIPTS", tmp_path)

    def write(name: str, text: str) -> None:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        for function in (code.digests, code.bytes_digest, code.imported_files):
            function.cache_clear()

    return write


@pytest.mark.parametrize(
    "old, new, is_other",
    [
        ("# of all", "# of every one", False),
        ('"""The mean."""', '"""The arithmetic mean."""', False),
        ("return np.mean(x)", "return np.mean(\n        x\n    )", False),
        ("np.mean(x)", "np.median(x)", True),
        ("def fit(x)", "def fit(x, y=1)", True),
    ],
)
def test_comments_docstrings_and_layout_are_no_other_code(scripts, old, new, is_other):
    scripts("models/ridge.py", CODE)
    record = {"code": code.code_of(TARGET)}
    assert code.changed_files(record) == []
    scripts("models/ridge.py", CODE.replace(old, new))
    assert code.changed_files(record) == (["models/ridge.py"] if is_other else [])


def test_what_a_model_imports_is_its_code_and_what_others_import_is_not(scripts):
    scripts(
        "models/ridge.py",
        "from texts.ngrams import count\n\ndef fit():\n    from networks import losses\n",
    )
    scripts("texts/ngrams.py", "import texts.units\nfrom common.files import digest\n")
    scripts("texts/units.py", "")
    scripts("networks/losses.py", "")
    scripts("networks/training.py", "")
    scripts("models/__init__.py", "")
    names = ["models/ridge.py", "networks/losses.py", "texts/ngrams.py", "texts/units.py"]
    record = {"code": code.code_of(TARGET)}
    assert list(record["code"]) == names
    scripts("texts/units.py", "GRAM = 2")
    (code.SCRIPTS / "networks/losses.py").unlink()
    assert code.changed_files(record) == ["networks/losses.py", "texts/units.py"]


def test_a_folder_is_a_models_code_as_a_whole(scripts):
    scripts("models/stack/__init__.py", "")
    scripts("models/stack/leaks.py", "")
    assert list(code.code_of(Path("model/stack_0.npz"))) == [
        "models/stack/__init__.py",
        "models/stack/leaks.py",
    ]


def test_todays_code_of_every_model_is_read_and_compared_at_once():
    records = [{"code": code.code_of(Path(f"model/{name}_0.x"))} for name in NAMES]
    code.bytes_digest.cache_clear()
    start = time.perf_counter()
    assert [code.changed_files(record) for record in records] == [[]] * len(records)
    assert time.perf_counter() - start < 0.05
    assert code.code_of(Path("working/c2/folds.csv")) == {}


def test_files_of_other_code_are_told_and_kept(folders):
    price.draw(folders / "input" / price.FOLDER, rows={"train": 60, "test": 10})
    settings = ["data.n_folds=2", "models=ridge"]
    done = make("train", "CATEGORY=demo_price", f"SET={' '.join(settings)}")
    assert done.returncode == 0, done.stderr

    def plan(*flags):
        done = run_script("plan", "demo_price", *flags, *settings)
        assert done.returncode == 0, done.stderr
        return done

    assert "other code" not in plan().stderr
    model = next(Paths("demo_price").dir.glob("model/ridge_0.safetensors"))
    record = read_record(model)
    record["code"]["models/ridge.py"] = ["0" * 16, "0" * 16]
    record_path(model).write_text(json.dumps(record))
    done = plan("--why")
    (line,) = [line for line in done.stderr.splitlines() if "other code" in line]
    assert (
        f"kept: model/{model.name}; changed since: models/ridge.py; to make them anew: rm " in line
    )
    assert f"model/ridge_*{model.suffix} && make all CATEGORY=demo_price" in line
    assert str(model) not in done.stdout  # it is not made again

    run_script("report", "demo_price", *settings)
    assert "ade by other code than today" in Paths("demo_price").report.read_text()
