"""Configs: every shipped one loads; a wrong setting stops with one line that says what there is."""

import ast
import re

import pytest
from pydantic import ValidationError

from common.errors import UserError
from common.paths import ROOT, Paths, folder, input_folder, inside
from config import Config, categories, explain, load
from models import load_model
from pipeline import graph
from pipeline.job import start
from tasks import load_task


@pytest.mark.parametrize("category", categories())
def test_every_config_loads_and_its_graph_ends_in_the_submission_and_its_report(category):
    config = load(category)
    load_task(config.task), [load_model(m) for m in config.models]
    steps = graph.steps(config, Paths(category))
    assert list(steps)[-2:] == [Paths(category).submission, Paths(category).report]
    assert config.concat or len(steps) > len(graph.members(config))


@pytest.mark.parametrize(
    "override, says",
    [
        ("net.epoch=2", "no setting 'net.epoch'"),
        ("epochs=2", "no setting 'epochs'"),
        ("net.epochs=0", "greater than or equal to 1"),
        ("net.epochs=two", "valid integer"),
        ("net.lr=-1", "greater than 0"),
        ("net.head=big", "'attention' or 'mlp'"),
        ("task.name=x", "task is no section"),
        ("net.epochs", "is not a setting"),
        ("data.validation=1", "less than or equal to 0.5"),
        ("net.mmd=-1", "greater than or equal to 0"),
        ("models=", "set models or concat"),
        ("models=refine", "set models=vlm,refine"),
        ("ocr.scales=()", "at least 1"),
    ],
)
def test_a_wrong_setting_is_named(override, says):
    with pytest.raises(UserError, match=says):
        load("c2", [override])


def test_a_wrong_setting_in_a_config_file_is_named_with_its_own_section():
    with pytest.raises(ValidationError) as error:
        Config(task="attributes", models=("net",), net=dict(epoch=2))
    says = explain(error.value.errors()[0], "c2")
    assert "no setting 'net.epoch'" in says and "epochs" in says and "models" not in says


@pytest.mark.parametrize(
    "text, says",
    [
        ("config = Confi(", "line 1: SyntaxError"),
        ("\nconfig = Confi()", "line 2: NameError"),
        ("x = 1", "defines no `config`"),
    ],
)
def test_a_config_that_is_no_python_is_named_with_its_line(text, says, tmp_path, monkeypatch):
    import config as settings

    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/mine.py").write_text(text)
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    with pytest.raises(UserError, match=says):
        load("mine")


def test_overrides_are_typed():
    config = load(
        "c2",
        [
            "net.lr=3e-4",
            "models=knn,heads",
            "infer.flip=false",
            "data.labels=attr_1,",
            "run.weights=some/folder",
        ],
    )
    assert (config.net.lr, config.models, config.infer.flip, config.data.labels) == (
        3e-4,
        ("knn", "heads"),
        False,
        ("attr_1",),
    )


def test_an_unknown_category_lists_those_there_are():
    with pytest.raises(UserError, match="no config 'c9'; there are: c1, c2"):
        load("c9")


def test_input_is_found_where_kaggle_mounts_it(folders):
    for place in (
        "visual-taxonomy",
        "owner/visual-taxonomy",
        "datasets/owner/visual-taxonomy",
        ".",
    ):
        folder = folders / "input" / place
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "train.csv").touch()
        assert (input_folder("visual-taxonomy", "train.csv") / "train.csv").samefile(
            folder / "train.csv"
        )
        (folder / "train.csv").unlink()
    with pytest.raises(UserError, match="there is: datasets, datasets/owner, owner"):
        input_folder("visual-taxonomy", "train.csv")


@pytest.mark.parametrize("name", ["../x.jpg", "/etc/passwd", "a/../../x", "a\0b"])
def test_a_name_from_a_table_stays_in_its_folder(name, tmp_path):
    with pytest.raises(ValueError):
        inside(tmp_path, name)


def test_in_a_kaggle_kernel_the_folders_are_kaggles(monkeypatch):
    for name in ("input", "working", "submissions"):
        monkeypatch.delenv(f"{name}_path")
    assert folder("working") == ROOT / "working"
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Batch")
    assert [str(folder(n)) for n in ("input", "working", "submissions")] == [
        "/kaggle/input",
        "/kaggle/working",
        "/kaggle/working",
    ]
    monkeypatch.setenv("input_path", "/elsewhere")
    assert str(folder("input")) == "/elsewhere"


@pytest.mark.parametrize("category", categories())
def test_a_config_says_how_it_is_run_what_it_needs_how_long_it_takes_and_its_score(category):
    """In its docstring; each line is measured here, or says "not run here"."""
    docstring = ast.get_docstring(ast.parse((ROOT / f"configs/{category}.py").read_text()))
    for heading in ("Run ", "Needs ", "Took ", "Score "):
        assert re.search(rf"^{heading}", docstring, re.MULTILINE), heading
    for name in re.findall(r"CATEGORY=(\w+)|COMPETITION=(\w+)", docstring):
        assert load(next(filter(None, name)))
    for key in re.findall(r'SET="(\w+\.\w+)=', docstring):
        section, setting = key.split(".")
        assert setting in Config.model_fields[section].annotation.model_fields


@pytest.mark.parametrize(
    "category, setting, says",
    [
        ("price", "models=ranker", "ranker cannot answer the task price, which asks for: number"),
        ("c2", "models=svr", "svr cannot answer the task attributes"),
        ("price", "data.text=", "ridge reads texts and data.text is empty"),
        ("c2", "data.train_image=", "net needs images and data.train_image is empty"),
        ("visual_taxonomy", "concat=c1,c9", "no category 'c9'; there are: c1, c2"),
        ("visual_taxonomy", "concat=visual_taxonomy", "no category 'visual_taxonomy'"),
    ],
)
def test_what_cannot_be_is_told_by_the_first_script_that_is_asked(category, setting, says):
    with pytest.raises(UserError, match=says):
        start("", [category, setting], joins=True)
