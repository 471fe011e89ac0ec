"""The price system as a user runs it, on the toolkit's own sample: every model learns, none knows
what it is scored on."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

import tiny
from common.files import read_record
from common.paths import Paths
from common.rows import Rows
from config import load
from conftest import make, run_script, run_steps

pytestmark = pytest.mark.slow

CPU = ("ridge", "mlp", "svr", "lightgbm", "stack")
SMALL = [
    "data.n_folds=2",
    "lightgbm.rounds=60",
    "lightgbm.seeds=1",
    "mlp.seeds=1",
    "mlp.epochs=10",
    "mlp.batch=16",
    "ngrams.space=16",
    "images.size=32",
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """The sample's prices, 160 rows of train and 40 of test; and the same with the training prices
    shuffled."""
    from tasks.price import sample as price

    top = tmp_path_factory.mktemp("shop")
    price.draw(top / "true" / price.FOLDER, rows={"train": 160, "test": 40})
    (top / "shuffled").mkdir()
    (top / "shuffled" / price.FOLDER).symlink_to("../shuffled_rows")
    table = pd.read_csv(top / "true" / price.FOLDER / "train.csv", dtype=str, keep_default_na=False)
    (top / "shuffled_rows").mkdir()
    for file in (top / "true" / price.FOLDER).iterdir():
        (top / "shuffled_rows" / file.name).symlink_to(file)
    (top / "shuffled_rows/train.csv").unlink()
    table.assign(price=np.random.default_rng(1).permutation(table.price)).to_csv(
        top / "shuffled_rows/train.csv", index=False
    )
    return top


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Tiny models of random weights by the last part of their real names: what run.weights
    names."""
    top = tmp_path_factory.mktemp("weights")
    for name, build in (
        ("clip-vit-base-patch32", tiny.clip),
        ("siglip-base-patch16-224", tiny.siglip),
        ("embeddinggemma-300m", tiny.embedding_gemma),
        ("Qwen2.5-VL-3B-Instruct", tiny.qwen_vl),
        ("deberta-v3-base", tiny.deberta),
    ):
        build(top / name)
    return top


def run(category: str, models, *settings, images: bool = False) -> dict:
    """Every step of a category up to its submission, in this process. Gives the record of the
    merged predictions."""
    here = [
        "data.train_image=images/{sample_id}.jpg",
        "data.test_image=images/{sample_id}.jpg",
    ]  # not downloaded
    overrides = ["data.folder=demo_price", f"models={','.join(models)}", *SMALL, *settings]
    overrides += here * images
    run_steps(category, overrides)
    return read_record(Paths(category).merged)


def scores(record: dict) -> dict:
    return {model: table["price"]["smape"] for model, table in record["scores"].items()}


@pytest.fixture
def input_of(monkeypatch, shop):
    return lambda which: monkeypatch.setenv("input_path", str(shop / which))


def test_every_cpu_model_learns_and_the_stack_is_among_the_best(input_of):
    input_of("true")
    found = scores(run("price", CPU))
    assert all(found[model] < found["median"] - 5 for model in CPU), found
    best = min(found[model] for model in CPU[:-1])
    assert found["stack"] < best + 5  # of 160 rows: two standard errors


def test_with_shuffled_prices_every_cpu_model_falls_to_the_median(input_of):
    input_of("shuffled")
    found = scores(run("price", CPU))
    assert all(found[model] > found["median"] - 4 for model in CPU), found


def test_the_shuffled_prices_would_show_a_member_that_saw_its_own_rows(input_of, monkeypatch):
    """What the test before would see of a leak: fitted on its own fold, a model beats the median of
    prices that mean nothing."""
    input_of("shuffled")
    monkeypatch.setattr(
        Rows,
        "labelled",
        lambda self, k: np.flatnonzero((self.fold >= 0) & (self.target[:, 0] >= 0)),
    )
    found = scores(run("price", ("ridge", "mlp", "svr")))
    assert all(found[model] < found["median"] - 10 for model in ("ridge", "mlp", "svr")), found


NETWORKS = [
    ("price_v1", "clip", ["clip.epochs=2", "clip.width=16"], True),
    (
        "price_v2",
        "fusion",
        ["fusion.epochs=3", "fusion.cycle=1", "fusion.lr=1e-3", "encode.tokens=6"],
        True,
    ),
    (
        "price_qwen",
        "fusion",
        [
            "fusion.text=joint:Qwen/Qwen2.5-VL-3B-Instruct",
            "fusion.epochs=2",
            "fusion.lr=1e-3",
            "encode.max_length=64",
        ],
        True,
    ),
    ("price_text", "transformer", ["transformer.epochs=2", "transformer.max_length=48"], False),
]


@pytest.mark.parametrize(
    "category, model, settings, images", NETWORKS, ids=[n[0] for n in NETWORKS]
)
def test_the_networks_run_from_raw_files_to_a_submission_and_shuffled_prices_teach_them_nothing(
    input_of, weights, folders, category, model, settings, images
):
    input_of("shuffled")
    settings = [f"run.weights={weights}", *settings]
    found = scores(run(category, (model,), *settings, images=images))
    assert found[model] > found["median"] - 3, found
    made = pd.read_csv(folders / f"submissions/{category}.csv")
    assert len(made) == 40 and (made.price > 0).all()
    folds, test = (pd.read_csv(Paths(category, rows).table) for rows in ("", "test"))
    assert len(test) == 40
    for k in range(2):
        for rows, expected in (("", folds.id[folds.fold == k]), ("test", test.id)):
            with np.load(Paths(category, rows).pred(f"{model}_{k}")) as pred:
                assert set(pred["id"]) == set(expected) and not pred["missing_image"].any()


def test_make_runs_a_price_category_twice_and_a_changed_setting_only_what_follows(input_of, shop):
    input_of("true")
    settings = " ".join(["data.folder=demo_price", *SMALL, "models=ridge,lightgbm,stack"])
    done = make("all", "CATEGORY=price", f"SET={settings}")
    assert done.returncode == 0 and "valid" in done.stdout, (
        done.stdout[-2000:] + done.stderr[-2000:]
    )

    def planned(more):
        plan = make("-n", "all", "CATEGORY=price", f"SET={settings} {more}")
        assert plan.returncode == 0, plan.stderr[-2000:]
        lines = [line for line in plan.stdout.splitlines() if "scripts/0" in line]
        return [line.split("scripts/")[1][:2] for line in lines]

    def expected(first):
        return sorted(Counter({"07": 2, "08": 2, "09": 1, **first}).elements())

    assert planned("") == planned("run.workers=1") == []
    # of the training rows, and of those to answer
    assert planned("post.decode=plain") == ["08", "08", "09"]
    assert sorted(planned("lightgbm.rounds=50")) == expected({"04": 2, "06": 4})
    assert sorted(planned("ridge.alpha=3")) == expected({"03": 4, "04": 4, "06": 8})
    assert planned("models=ridge") == ["08", "08", "09"]
    truth = shop / "true/demo_price/solution.csv"
    checked = run_script(
        "post_process",
        "price",
        "data.folder=demo_price",
        "--check",
        str(Paths("price").submission),
        "--truth",
        str(truth),
    )
    assert checked.returncode == 0 and 20 < float(checked.stdout.split("score ")[1].split()[0]) < 70


def test_a_stack_over_tables_from_elsewhere_and_what_is_wrong_with_them(
    script, input_of, shop, tmp_path, monkeypatch
):
    rng = np.random.default_rng(0)
    train, truth = (
        pd.read_csv(shop / "true/demo_price" / name, dtype={"sample_id": str})
        for name in ("train.csv", "solution.csv")
    )
    folder = tmp_path / "own/price_oof"
    folder.mkdir(parents=True)

    def write(change=lambda table: table):
        for name, table in (("train.csv", train[["sample_id", "price"]]), ("test.csv", truth)):
            members = {
                f"m{i}": (table.price * np.exp(rng.normal(0, 0.3 + 0.1 * i, len(table)))).round(4)
                for i in range(3)
            }
            table = change(table.assign(**members).sample(frac=1, random_state=0))
            (table if name == "train.csv" else table.drop(columns="price")).to_csv(
                folder / name, index=False
            )

    monkeypatch.setenv("input_path", str(tmp_path / "own"))
    scripts = ("split_files", "stack", "merge_files")

    def run_stack(*options):
        for rows in ((), ("--rows", "test")):
            for name in scripts:
                script(name).main(["price_oof", "data.n_folds=3", *rows, *options])
        script("post_process").main(["price_oof", "data.n_folds=3", *options])

    write()
    run_stack()
    from common.errors import UserError

    record = read_record(Paths("price_oof").pred("stack_0"))
    assert record["scores"]["stack"] < record["scores"]["m0"]
    assert set(record["raw"]) == {"train.csv"}
    of_test = read_record(Paths("price_oof", "test").pred("stack_0"))
    assert set(of_test["raw"]) == {"train.csv", "test.csv"}
    for change, says in (
        (lambda t: t.assign(m1=t.price * 1.001), "m1: .*it has seen the price"),
        (lambda t: t.assign(m2=-t.m2), "m2 is -"),
        (lambda t: t.assign(m0="x"), "m0 is 'x' at train:"),
        (lambda t: t.drop(columns=["m1", "m2"]), "needs two columns"),
    ):
        write(change)
        with pytest.raises(UserError, match=says):
            run_stack()
    write(lambda t: t.assign(m1=t.price * 1.001) if "price" in t else t)
    run_stack("stack.trust=m1")


def test_embeddings_of_texts_and_pictures_join_the_table(script, input_of, weights, folders):
    """A sentence encoder and a timm encoder, by setting; rows without an image have a place
    too."""
    input_of("true")
    tiny.minilm(weights / "minilm")
    settings = ["lightgbm.encoder=minilm", f"run.weights={weights}"]
    with pytest.raises(Exception, match="test_resnet"):
        script("split_files").main(
            ["price", "data.folder=demo_price", *settings, "lightgbm.image=timm:test_resnet"]
        )
    found = scores(run("price", ("svr", "lightgbm", "stack"), *settings))
    assert found["lightgbm"] < found["median"] - 5
    columns = read_record(folders / "working/price/features/lightgbm_0.npy")["columns"]
    assert "near words 0" in columns and "near text:minilm 0" in columns


@pytest.mark.parametrize(
    "settings",
    [
        ["fusion.image="],
        ["fusion.text=", "encode.tokens=4"],
        ["fusion.image=timm:test_resnet", "data.validation=0"],
    ],
    ids=["text alone", "image alone", "timm"],
)
def test_fusion_with_one_side_or_a_timm_encoder(input_of, weights, settings, request):
    input_of("true")
    if (
        "timm" in request.node.callspec.id
    ):  # its random weights, saved as a user's download would be
        import timm

        from networks.weights import save_weights

        save_weights(
            timm.create_model("test_resnet", pretrained=False), weights / "test_resnet.safetensors"
        )
    settings = [f"run.weights={weights}", "fusion.epochs=3", "fusion.lr=1e-3", *settings]
    found = scores(run("price_v2", ("fusion",), *settings, images=True))
    assert np.isfinite(found["fusion"])


@pytest.mark.parametrize(
    "settings",
    [
        ["clip.alpha=1"],
        ["clip.model=google/siglip-base-patch16-224", "clip.alpha=0"],
    ],
)
def test_v1_with_another_loss_or_encoder(input_of, weights, settings):
    input_of("true")
    settings = [
        f"run.weights={weights}",
        "clip.epochs=2",
        "clip.width=16",
        "clip.head_lr=1e-3",
        *settings,
    ]
    found = scores(run("price_v1", ("clip",), *settings, images=True))
    assert found["clip"] < 120


def test_a_column_may_not_have_a_models_name(monkeypatch):
    from types import SimpleNamespace

    from common.errors import UserError
    from models.stack import numbers as stack

    numbers = np.ones((2, 2)), ["ridge", "other"]
    monkeypatch.setattr(stack, "read_numbers", lambda *_: numbers)
    config = load(
        "price", ["models=ridge,lightgbm,stack", "stack.train=more.csv", "stack.test=more_test.csv"]
    )
    with pytest.raises(
        UserError, match="ridge is a model and a column of more.csv; rename the column"
    ):
        stack.first_level(
            SimpleNamespace(config=config),
            SimpleNamespace(id=np.array(["train:1", "test:1"])),
            {"ridge": np.ones((2, 1)), "lightgbm": np.ones((2, 1))},
        )
