"""Every model answers every kind of question that it says it can: from raw files by make to a
checked submission, out-of-fold better than the baseline.

A new model is in here by its ANSWERS; SETTINGS may make it small.
"""

import json
from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import tiny
from chat_server import serving
from common.files import read_record
from common.paths import Paths
from common.questions import CLASSES, NUMBER, VALUE
from conftest import make
from models import NAMES, load_model
from networks.weights import save_weights
from tasks import load_task

pytestmark = pytest.mark.slow

# what the models of this house can answer: a cell that is empty is a gap
BY_BOTH = ("net", "heads", "knn", "ridge", "mlp", "lightgbm", "transformer", "clip", "fusion")
MATRIX = {
    CLASSES: (*BY_BOTH, "stack", "vlm", "refine"),
    NUMBER: (*BY_BOTH, "svr", "stack", "vlm", "refine"),
    VALUE: ("ranker", "vlm", "refine"),
}
ANSWERS = {kind: [name for name in NAMES if kind in load_model(name).ANSWERS] for kind in MATRIX}
CELLS = [
    (kind, name) for kind in MATRIX for name in NAMES if name in {*MATRIX[kind], *ANSWERS[kind]}
]
CATEGORY = {CLASSES: "fashion", NUMBER: "price", VALUE: "entity_ocr"}

N, N_TRAIN = 120, 100
TONES = {"dark": 50, "light": 210}  # an image's grey
KINDS = {"bag": "canvas bag", "shoe": "running shoe", "watch": "steel watch"}
COMMON = ["data.n_folds=2", "data.parts=2", "data.validation=0", "images.size=32", "run.workers=1"]
DATA = {
    CLASSES: [
        "data.folder=shelf",
        "data.labels=tone,kind",
        "data.text=name",
        "data.train_image=images/{id}.png",
        "data.test_image=images/{id}.png",
    ],
    NUMBER: [
        "data.folder=shelf",
        "data.id=id",
        "data.text=name",
        "data.train_image=images/{id}.png",
        "data.test_image=images/{id}.png",
    ],
    VALUE: ["data.folder=packs", "data.group=", "ranker.labels="],
}
SETTINGS = {
    "net": [
        "net.backbone=test_resnet",
        "net.pretrained=false",
        "net.head=mlp",
        "net.width=32",
        "net.augment=none",
        "net.epochs=8",
        "net.batch=16",
        "net.lr=4e-3",
        "net.head_lr=4e-3",
        "net.mmd=0",
    ],
    "heads": ["heads.source=encoders", "heads.hidden=32", "heads.epochs=20", "heads.batch=16"],
    "knn": [
        "features.encoders=test_resnet",
        "features.stages=true",
        "features.views=1",
        "features.pretrained=true",
    ],
    "mlp": ["mlp.epochs=8", "mlp.batch=16", "mlp.seeds=1"],
    "ridge": ["ngrams.space=8"],
    "lightgbm": ["lightgbm.rounds=30", "lightgbm.seeds=1"],
    "transformer": [
        "transformer.epochs=10",
        "transformer.lr=1e-3",
        "transformer.head_lr=1e-2",
        "transformer.batch=16",
    ],
    "fusion": [
        "fusion.image=timm:test_resnet",
        "fusion.text=embeddinggemma-300m",
        "fusion.width=32",
        "fusion.hidden=64",
        "fusion.epochs=20",
        "fusion.batch=16",
        "fusion.lr=3e-3",
        "fusion.schedule=cosine",
    ],
    "clip": [
        "clip.width=32",
        "clip.epochs=12",
        "clip.batch=16",
        "clip.lr=1e-3",
        "clip.head_lr=3e-3",
    ],
    "ranker": ["ranker.rounds=40", "ranker.seeds=1"],
}


def draw_products(folder) -> dict[str, dict]:
    """Products whose tone their images and names show, and their names alone their kind; a price
    that the tone makes. Returns what a language model knows, by kind of question."""
    rng = np.random.default_rng(0)
    (folder / "shelf/images").mkdir(parents=True)
    (folder / "packs").mkdir()
    tones = rng.choice(list(TONES), N)
    kinds = rng.choice(list(KINDS), N)
    words = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in "lmnrs"]  # that say nothing
    prices = np.where(tones == "dark", 8, 60) * rng.uniform(0.9, 1.1, N)
    prices = prices.round(2)
    weights = rng.integers(20, 900, N)
    names = []

    for i in range(N):
        names.append(f"item {i:03d} {tones[i]} {KINDS[kinds[i]]} {' '.join(rng.choice(words, 2))}")
        blotches = rng.normal(TONES[tones[i]], 20, (4, 4)).clip(0, 255)  # no two are alike
        image = Image.fromarray(blotches.astype(np.uint8)).resize((32, 32))
        image.save(folder / f"shelf/images/{i}.png")

    shelf = pd.DataFrame({"id": range(N), "name": names})
    labels = pd.DataFrame({"tone": tones, "kind": kinds, "price": prices})
    write(folder / "shelf", shelf, labels)

    texts = [f"item {i:03d}\nnet weight {weights[i]} g\nbest before 2027" for i in range(N)]
    packs = pd.DataFrame({"index": range(N), "entity_name": "item_weight", "group_id": 1})
    packs = packs.assign(image_link="https://x.test/a.jpg", ocr=texts)
    write(folder / "packs", packs, pd.DataFrame({"entity_value": [f"{w} gram" for w in weights]}))

    return {
        CLASSES: [f"tone: {tone}\nkind: {kind}" for tone, kind in zip(tones, kinds, strict=True)],
        NUMBER: [f"${price}" for price in prices],
        VALUE: [f"{weight} g" for weight in weights],
    }


def write(folder, table: pd.DataFrame, labels: pd.DataFrame) -> None:
    table.join(labels)[:N_TRAIN].to_csv(folder / "train.csv", index=False)
    table[N_TRAIN:].to_csv(folder / "test.csv", index=False)


def unclear(replies: list[str]) -> dict[str, str]:
    """{words of a question: the reply to it}; every tenth is such that it must be refined."""
    known = {}
    for i, reply in enumerate(replies):
        known[f"item {i:03d}"] = reply
        if i % 10 == 0:
            known[f"item {i:03d}"] = f"see no. X{i:03d}Z"
            known[f"X{i:03d}Z"] = reply

    return known


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """run(kind, language): the record of the merged predictions of all models that answer the kind
    of question, the language models or the others; made once, by make."""
    top = tmp_path_factory.mktemp("matrix")
    replies = draw_products(top / "input")
    weights = top / "weights"
    weights.mkdir()
    write_weights(weights)

    @cache
    def run(kind: str, language: bool):
        models = [name for name in ANSWERS[kind] if (load_model(name).PER == "part") == language]
        settings = [*DATA[kind], *COMMON, f"run.weights={weights}"]
        for name in models:
            settings += SETTINGS.get(name, [])

        if "stack" in models:  # it reads the others
            models = [name for name in models if name != "stack"] + ["stack"]
            settings.append(f"stack.trust={','.join(models)}")

        if "refine" in models:
            models = [name for name in models if name != "refine"] + ["refine"]

        known = top / f"{kind}.json"
        known.write_text(json.dumps(unclear(replies[kind])))
        working = top / f"{kind}_{'language' if language else 'trained'}"
        with pytest.MonkeyPatch.context() as patch, serving("--known", known) as address:
            patch.setenv("input_path", str(top / "input"))
            patch.setenv("working_path", str(working))
            patch.setenv("submissions_path", str(working / "submissions"))
            for name in models if language else ():
                settings += [f"{name}.endpoint={address}/v1", f"{name}.model=made-up"]

            settings.append(f"models={','.join(models)}")
            made = make("-j2", "all", f"CATEGORY={CATEGORY[kind]}", f"SET={' '.join(settings)}")
            merged = read_record(Paths(CATEGORY[kind]).merged)

        return SimpleNamespace(
            merged=merged or {},
            says=made.stdout[-3000:] + made.stderr[-3000:],
            is_valid=made.returncode == 0 and "valid" in made.stdout,
        )

    return run


def write_weights(folder) -> None:
    """Tiny encoders of random weights, under the names that settings have for them."""
    import timm

    tiny.clip(folder / "clip-vit-base-patch32")
    tiny.embedding_gemma(folder / "embeddinggemma-300m")
    tiny.deberta(folder / "deberta-v3-base")
    net = timm.create_model("test_resnet", pretrained=False)
    save_weights(net, folder / "test_resnet.safetensors")


def score_of(kind: str, table: dict) -> float:
    """The mean of a model's scores over outputs, higher is better."""
    task = task_of(kind)
    mean = np.mean([scores[task.SCORE] for scores in table.values()])
    return mean if task.MODE == "max" else -mean


def task_of(kind: str):
    tasks = {CLASSES: "attributes", NUMBER: "price", VALUE: "entity"}
    return load_task(tasks[kind])


@pytest.mark.parametrize("kind, name", CELLS, ids=[f"{kind}-{name}" for kind, name in CELLS])
def test_a_cell_of_the_matrix_goes_from_raw_files_to_a_checked_submission(shop, kind, name):
    assert name in ANSWERS[kind], f"{name} does not answer {kind}"
    result = shop(kind, load_model(name).PER == "part")
    assert result.is_valid, result.says
    tables = result.merged["scores"]
    score = score_of(kind, tables[name])
    baseline = score_of(kind, tables[task_of(kind).BASELINE])
    assert score > baseline, f"{name}: {score}, {task_of(kind).BASELINE}: {baseline}"
