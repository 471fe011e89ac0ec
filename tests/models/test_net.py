"""Images answer a number as they answer classes: from raw files to a checked submission on tiny
networks, what they show is learnt, and what they do not show is not."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from common.files import load_npz, read_record
from common.paths import TEST, Paths
from conftest import PREPARATION, run_steps
from networks.weights import read_weights
from pipeline.load import read_folds

N_ROWS, N_TRAIN = 120, 96
# of a grey of 0 and of 255, and the noise of its log1p
LOWEST, HIGHEST, NOISE = 5, 500, 0.1
SETTINGS = [
    "data.id=id",
    "data.folder=shop",
    "data.labels=price",
    "data.text=",
    "data.train_image=images/{id}.png",
    "data.test_image=images/{id}.png",
    "data.n_folds=2",
    "images.size=64",
    "features.encoders=test_resnet",
    "features.pretrained=false",
    "features.stages=true",
    "net.backbone=test_resnet",
    "net.pretrained=false",
    "net.augment=none",
    "net.width=32",
    "net.epochs=10",
    "net.batch=8",
    "net.lr=3e-3",
    "net.head_lr=3e-3",
    "heads.epochs=15",
    "heads.batch=16",
    "heads.lr=3e-3",
    "knn.k=5",
    "run.workers=1",
    "run.amp=fp32",
]
# {case: (model, further settings)}
CASES = {
    "net": ("net", ["net.mmd=0"]),
    "net with an MLP, MMD and averaged weights": (
        "net",
        ["net.head=mlp", "net.mmd=0.1", "net.ema=0.9", "infer.flip=false"],
    ),
    "heads on encoders": ("heads", ["heads.source=encoders"]),
    "knn": ("knn", []),
}


def write_shop(folder, shuffled: bool = False) -> pd.DataFrame:
    """Products whose price grows with the grey of their image; every twelfth has no image. Returns
    the table with all prices."""
    rng = np.random.default_rng(0)
    grey = rng.uniform(0, 1, N_ROWS)
    slope = np.log(HIGHEST / LOWEST)
    price = LOWEST * np.exp(slope * grey + rng.normal(0, NOISE, N_ROWS))
    (folder / "images").mkdir(parents=True)

    for i in range(N_ROWS):
        if i % 12 != 1:
            pixels = rng.normal(255 * grey[i], 8, (32, 32, 3)).clip(0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"images/{i}.png")

    if shuffled:
        price = rng.permutation(price)

    names = [f"product {i}" for i in range(N_ROWS)]
    table = pd.DataFrame({"id": range(N_ROWS), "name": names, "price": price.round(2)})
    table[:N_TRAIN].to_csv(folder / "train.csv", index=False)
    table[N_TRAIN:][["id", "name"]].to_csv(folder / "test.csv", index=False)
    return table


@pytest.fixture
def call(script):
    """call("split_files"): that step of category price, in this process."""

    def run_step(name, *options, settings=()):
        return script(name).main(["price", *options, *SETTINGS, *settings])

    return run_step


def run(model: str, *settings) -> dict:
    """Every step of category price with one model. Returns SMAPE by model, of the median too."""
    run_steps("price", [*SETTINGS, *settings, f"models={model}"])
    scores = read_record(Paths("price").merged)["scores"]
    return {name: table["price"]["smape"] for name, table in scores.items()}


def smape(a, b) -> float:
    return 200 * np.mean(np.abs(a - b) / (a + b))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_the_number_that_an_image_shows_is_learnt(folders, case):
    model, settings = CASES[case]
    table = write_shop(folders / "input/shop")
    found = run(model, *settings)
    assert found[model] < found["median"] - 20, found

    # and of test rows, which no step has seen the price of
    submission = pd.read_csv(folders / "submissions/price.csv")
    hidden = table[N_TRAIN:]
    median = table.price[:N_TRAIN].median()
    assert submission.id.tolist() == hidden.id.tolist()
    assert smape(submission.price.to_numpy(), hidden.price.to_numpy()) < (
        smape(np.full(len(hidden), median), hidden.price.to_numpy()) - 20
    )
    assert_own_rows(model)


def assert_own_rows(model: str) -> None:
    """A member predicts its own fold and the test rows; a row without an image gets the median of
    the other folds."""
    folds = read_folds(Paths("price").folds)
    to_answer = read_folds(Paths("price", TEST).table)
    price = pd.to_numeric(folds.price)
    for k in range(2):
        median = np.log1p(price[folds.fold != k]).median()
        for rows, ids in (("", folds.id[folds.fold == k]), (TEST, to_answer.id)):
            pred = load_npz(Paths("price", rows).pred(f"{model}_{k}"))
            assert set(pred["id"]) == set(ids)
            no_image = np.array([int(id.partition(":")[2]) % 12 == 1 for id in pred["id"]])
            assert (pred["missing_image"] == no_image).all()
            assert pred["pred"][no_image, 0] == pytest.approx(median)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_shuffled_prices_fall_to_the_median(folders, case):
    model, settings = CASES[case]
    write_shop(folders / "input/shop", shuffled=True)
    found = run(model, *settings)
    assert found[model] > found["median"] - 4, found


@pytest.mark.slow
@pytest.mark.parametrize("head", ["attention", "mlp"])
def test_heads_go_on_from_the_net_and_keep_its_answer_where_none_is_better(call, folders, head):
    """Epoch 0 is the net's head as it left it; with lr 1e-12 no epoch changes what it answers."""
    write_shop(folders / "input/shop")
    settings = [f"net.head={head}", "heads.source=net", "models=net,heads"]
    settings += ["infer.flip=false", "net.epochs=4", "heads.epochs=1", "heads.lr=1e-12"]
    for name, *options in PREPARATION:
        call(name, *options, settings=settings)
    call("train_fold", "--member", "net_0", settings=settings)
    call("infer", "--member", "net_0", settings=settings)
    call("extract_features", "--source", "net_0", settings=settings)

    features = np.load(Paths("price").features("net_0"))
    assert features.ndim == (5 if head == "attention" else 3)
    call("train_attr_heads", "--member", "heads_0", settings=settings)
    call("infer", "--member", "heads_0", settings=settings)
    pred = [load_npz(folders / f"working/price/pred/{m}_0.npz")["pred"] for m in ("net", "heads")]
    assert np.ptp(pred[0]) > 0.1
    assert np.allclose(*pred, atol=5e-3)  # features are kept in half precision


@pytest.mark.slow
def test_a_number_starts_at_the_median_and_a_killed_network_goes_on_exactly(
    call, folders, monkeypatch
):
    from models.net import Net
    from networks.training import Trainer

    write_shop(folders / "input/shop")
    settings = ["models=net", "net.epochs=3", "net.mmd=0.1", "net.ema=0.9", "run.save_every=0"]
    for name, *options in PREPARATION:
        call(name, *options, settings=settings)
    paths = Paths("price")
    folds = read_folds(paths.folds)
    is_trained = (folds.fold == 1) & ~folds.validation.astype(bool) & (folds.image != "")
    median = np.log1p(pd.to_numeric(folds.price[is_trained])).median()

    # before the first step the last layer's bias is the median
    biases = []
    fit = Trainer.fit

    def first_bias(trainer, *args):
        head = trainer.net.heads[0].mlp[-1]
        biases.append(head.bias.item())
        return fit(trainer, *args)

    monkeypatch.setattr(Trainer, "fit", first_bias)
    call("train_fold", "--member", "net_0", settings=settings)
    assert biases[0] == pytest.approx(median, abs=0.2)
    whole = read_weights(paths.model("net_0"))
    history = read_record(paths.model("net_0"))["history"]
    best = min(entry["score"] for entry in history)
    paths.model("net_0").unlink()

    loss = Net.loss

    def power_cut(self, forward, images, part, batch, step):
        if step == 7:
            raise KeyboardInterrupt
        return loss(self, forward, images, part, batch, step)

    monkeypatch.setattr(Net, "loss", power_cut)
    with pytest.raises(KeyboardInterrupt):
        call("train_fold", "--member", "net_0", settings=settings)
    monkeypatch.setattr(Net, "loss", loss)
    assert paths.checkpoint("net_0").exists() and not paths.model("net_0").exists()

    call("train_fold", "--member", "net_0", settings=settings)
    resumed = read_weights(paths.model("net_0"))
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    again = read_record(paths.model("net_0"))["history"]
    assert [entry["score"] for entry in again] == [entry["score"] for entry in history]
    assert best == min(entry["score"] for entry in again)


def neighbours(log1p, cosine, k: int, temperature: float):
    """What knn answers of training rows with these numbers at these cosines of one row."""
    from models.knn import Settings, nearest, weighted_mean

    settings = Settings(k=k, temperature=temperature)
    label, weight = nearest(torch.tensor([cosine]), torch.tensor(log1p), settings)
    return weighted_mean(label, weight).item()


def test_neighbours_answer_the_weighted_mean_of_the_nearest_that_have_a_number():
    log1p = [1.0, -1.0, 3.0, 9.0]
    cosine = [0.9, 1.0, 0.8, 0.1]
    near, far = np.exp(0.9 / 0.1), np.exp(0.8 / 0.1)
    expected = (near * 1 + far * 3) / (near + far)
    assert neighbours(log1p, cosine, 2, 0.1) == pytest.approx(expected)
    assert neighbours(log1p, cosine, 10, 1e6) == pytest.approx(13 / 3, rel=1e-4)
