"""Text, images or both answer attributes as they answer a number: from raw files to a checked
submission on tiny models, and what they learn is there."""

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import tiny
from common.files import load_npz, read_record
from common.paths import Paths
from common.rows import Rows
from config import load
from conftest import run_steps
from models import load_model
from pipeline.job import Job
from pipeline.load import read_folds

TONES = {"dark": 50, "mid": 130, "light": 210}  # an image's grey: nothing in the text says it
KINDS = {"bag": "zipped canvas bag", "shoe": "running shoe size 9", "watch": "steel watch 42 mm"}
FILLERS = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in "lmnrs"]  # that say nothing
NO_NAME, NO_IMAGE = 0, 1  # of every six rows
CLIP = "clip-vit-base-patch32"
GEMMA = "embeddinggemma-300m"
SETTINGS = {
    "ridge": [],
    "lightgbm": ["lightgbm.rounds=40", "lightgbm.seeds=1"],
    "mlp": ["mlp.epochs=8", "mlp.batch=16", "ngrams.space=8"],
    "transformer": [
        "transformer.epochs=12",
        "transformer.lr=1e-3",
        "transformer.head_lr=1e-2",
        "transformer.batch=16",
    ],
    "fusion": [
        f"fusion.image={CLIP}",
        f"fusion.text={GEMMA}",
        "fusion.width=32",
        "fusion.hidden=64",
        "fusion.epochs=30",
        "fusion.batch=16",
        "fusion.lr=3e-3",
        "fusion.schedule=cosine",
        "encode.tokens=8",
    ],
    "clip": [
        f"clip.model={CLIP}",
        "clip.width=32",
        "clip.epochs=20",
        "clip.batch=16",
        "clip.lr=1e-3",
        "clip.head_lr=3e-3",
    ],
}
WITHOUT_IMAGES = ["data.train_image=", "data.test_image="]
SEES_IMAGES = {"fusion", "clip"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Tiny CLIP, EmbeddingGemma and DeBERTa of random weights: what run.weights names."""
    top = tmp_path_factory.mktemp("weights")
    tiny.clip(top / CLIP)
    tiny.embedding_gemma(top / GEMMA)
    tiny.deberta(top / "deberta-v3-base")
    return top


def write_table(folder, table: pd.DataFrame) -> None:
    """train.csv, and test.csv of the last sixth of the rows, which has their names alone."""
    folder.mkdir(parents=True, exist_ok=True)
    n_train = len(table) * 5 // 6
    table[:n_train].to_csv(folder / "train.csv", index=False)
    table[n_train:][["id", "name"]].to_csv(folder / "test.csv", index=False)


def write_products(folder, n: int = 120, shuffled: bool = False) -> None:
    """Products whose `kind` their names say and whose `tone` their images show. A fifth of the
    labels is missing; of every six rows one has no name and one no image."""
    rng = np.random.default_rng(0)
    tones = rng.choice(list(TONES), n, p=[0.4, 0.3, 0.3])
    kinds = rng.choice(list(KINDS), n, p=[0.4, 0.3, 0.3])
    (folder / "images").mkdir(parents=True)

    names = []
    for i in range(n):
        fillers = " ".join(rng.choice(FILLERS, 3))
        names.append("" if i % 6 == NO_NAME else f"{KINDS[kinds[i]]} {fillers}")

        if i % 6 != NO_IMAGE:
            blotches = rng.normal(TONES[tones[i]], 20, (4, 4, 1))  # no two images are alike
            image = Image.fromarray(blotches.clip(0, 255).astype(np.uint8)[..., 0])
            image.resize((32, 32), Image.Resampling.BILINEAR).save(folder / f"images/{i}.png")

    table = pd.DataFrame({"id": range(n), "name": names, "tone": tones, "kind": kinds})
    if shuffled:
        order = rng.permutation(n)
        table[["tone", "kind"]] = table[["tone", "kind"]].to_numpy()[order]

    for label in ("tone", "kind"):
        table.loc[rng.random(n) < 0.2, label] = ""

    write_table(folder, table)


def overrides_of(models, *further) -> list[str]:
    """The settings of category fashion with these models."""
    overrides = [
        "data.folder=fashion",
        "data.labels=tone,kind",
        "data.text=name",
        "data.train_image=images/{id}.png",
        "data.test_image=images/{id}.png",
        "data.n_folds=2",
        "images.size=32",
        f"models={','.join(models)}",
    ]
    for model in models:
        overrides += SETTINGS.get(model, [])

    return [*overrides, *further]


def run(models, *further) -> dict:
    """Every step of category fashion up to its submission, in this process. Returns the scores of
    the out-of-fold rows, {model or "majority": {attribute: {score: value}}}."""
    overrides = overrides_of(models, *further)
    run_steps("fashion", overrides)
    return read_record(Paths("fashion").merged)["scores"]


def right(folders, model: str, label: str) -> pd.Series:
    """{row number: whether its label is answered right} of the labelled training rows,
    out-of-fold."""
    folds = read_folds(folders / "working/fashion/folds.csv").set_index("id")
    columns = {"tone": slice(0, 3), "kind": slice(3, 6)}[label]
    classes = np.array(sorted({"tone": TONES, "kind": KINDS}[label]))

    members = []
    for k in range(2):
        pred = load_npz(folders / f"working/fashion/pred/{model}_{k}.npz")
        prob = pred["pred"][:, columns]
        assert np.allclose(prob.sum(1), 1)
        answer = pd.Series(classes[prob.argmax(1)], pred["id"])

        own = folds[(folds.fold == k) & (folds[label] != "")]
        members.append(answer[own.index] == own[label])

    rows = pd.concat(members)
    return rows.set_axis([int(id.removeprefix("train:")) for id in rows.index])


def test_classes_are_learnt_from_what_says_them(folders, weights):
    """And where a row has no name, or no image, from the other."""
    write_products(folders / "input/fashion")
    scores = run([*SETTINGS, "stack"], f"run.weights={weights}")
    chance = {label: scores["majority"][label]["accuracy"] for label in ("tone", "kind")}

    for model in SETTINGS:
        assert scores[model]["kind"]["accuracy"] > chance["kind"] + 0.2, (model, scores)
        tone = scores[model]["tone"]["accuracy"] - chance["tone"]
        assert tone > 0.2 if model in SEES_IMAGES else tone < 0.15, (model, scores)

    for label in ("tone", "kind"):
        assert scores["stack"][label]["accuracy"] > chance[label] + 0.2, scores

    for model in SEES_IMAGES:
        kind = right(folders, model, "kind")
        tone = right(folders, model, "tone")
        without_image = kind[kind.index % 6 == NO_IMAGE]
        without_name = tone[tone.index % 6 == NO_NAME]
        assert pd.concat([without_image, without_name]).mean() > 0.6, model

    submission = pd.read_csv(folders / "submissions/fashion.csv")
    assert submission.id.tolist() == list(range(100, 120))
    assert set(submission.tone) <= set(TONES)
    assert set(submission.kind) <= set(KINDS)


def test_a_trained_network_answers_rows_without_the_rows_it_learnt_from(folders, weights):
    write_products(folders / "input/fashion")
    models = ("transformer", "fusion", "clip")
    settings = overrides_of(models, f"run.weights={weights}")
    run(models, f"run.weights={weights}")

    job = Job(load("fashion", settings), Paths("fashion", "test"), None)
    test_idx = np.flatnonzero(job.rows.fold < 0)
    test_rows = take(job.rows, test_idx)
    for name in models:
        model = load_model(name)
        expected = model.predict(job, 0, job.rows, test_idx)
        answer = model.predict(job, 0, test_rows, np.arange(len(test_idx)))
        assert np.allclose(answer, expected, atol=1e-5), name


def take(rows: Rows, idx) -> Rows:
    """The rows idx alone."""
    arrays = {}
    for field in fields(rows):
        value = getattr(rows, field.name)
        if isinstance(value, np.ndarray):
            arrays[field.name] = value[idx]

    return replace(rows, **arrays)


def test_shuffled_labels_teach_nothing(folders, weights):
    write_products(folders / "input/fashion", shuffled=True)
    scores = run([*SETTINGS, "stack"], f"run.weights={weights}")
    for model in (*SETTINGS, "stack"):
        for label in ("tone", "kind"):
            chance = scores["majority"][label]["accuracy"]
            assert scores[model][label]["accuracy"] < chance + 0.12, (model, scores)


def test_a_model_that_saw_its_own_rows_would_beat_chance_on_shuffled_labels(folders, monkeypatch):
    write_products(folders / "input/fashion", shuffled=True)
    monkeypatch.setattr(Rows, "labelled", lambda rows, k: np.flatnonzero(rows.is_labelled))
    scores = run(["mlp"], *WITHOUT_IMAGES)
    assert scores["mlp"]["kind"]["accuracy"] > scores["majority"]["kind"]["accuracy"] + 0.25


@pytest.mark.parametrize("model", ["mlp", "ridge", "lightgbm"])
def test_class_weights_lift_rare_classes(folders, model):
    """A name of one class in 61 says a word of the frequent class too."""
    rng = np.random.default_rng(0)
    n = 1200
    is_rare = rng.random(n) < 0.4
    rare = [f"rare{c:02}" for c in rng.integers(0, 60, n)]
    kind = np.where(is_rare, rare, "frequent")

    # the word of a rare class stands in names of the frequent one too
    names = [f"{word} {' '.join(rng.choice(FILLERS, 3))}" for word in rare]
    table = pd.DataFrame({"id": range(n), "name": names, "tone": "dark", "kind": kind})
    write_table(folders / "input/fashion", table)

    plain = run([model], *WITHOUT_IMAGES)
    weighted = run([model], *WITHOUT_IMAGES, f"{model}.class_weight=1")
    lift = weighted[model]["kind"]["macro_f1"] - plain[model]["kind"]["macro_f1"]
    assert lift > 0.05, (plain, weighted)


def test_a_column_of_categories_tells_lightgbm_what_no_name_says(folders):
    """Also where test rows have a category that no training row has."""
    folder = folders / "input/fashion"
    write_products(folder)
    train = pd.read_csv(folder / "train.csv", dtype=str, keep_default_na=False)
    test = pd.read_csv(folder / "test.csv", dtype=str)
    train.assign(shade="#" + train.tone)[["id", "shade"]].to_csv(folder / "more.csv", index=False)
    test.assign(shade="new")[["id", "shade"]].to_csv(folder / "more_test.csv", index=False)

    tables = ["lightgbm.train=more.csv", "lightgbm.test=more_test.csv"]
    scores = run(["lightgbm"], *WITHOUT_IMAGES, *tables)
    assert scores["lightgbm"]["tone"]["accuracy"] > scores["majority"]["tone"]["accuracy"] + 0.2
