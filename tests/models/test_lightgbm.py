"""lightgbm: columns of categories of a number, and the candidates among classes."""

from types import SimpleNamespace

import numpy as np
import pytest

from models import lightgbm
from models.lightgbm import classes


def test_a_number_is_learnt_from_categories_in_whatever_order_they_are():
    rng = np.random.default_rng(0)
    category = rng.integers(0, 12, 1200)
    target = rng.permutation(12)[category] / 4.0
    x = np.column_stack([category, rng.normal(size=1200)])
    settings = lightgbm.Settings(rounds=60, seeds=1, leaves=4)
    job = SimpleNamespace(config=SimpleNamespace(lightgbm=settings, data=SimpleNamespace(seed=0)))

    def error(name):
        (booster,) = lightgbm.train(job, x, [name, "noise"], target, "l1")
        return np.abs(booster.predict(x) - target).mean()

    assert error("kind (category)") < error("kind")


def test_candidates_are_the_likeliest_classes_and_come_back_as_probabilities():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(20), (2, 30))
    frequency = np.full(20, 0.05)
    block = classes.candidate_columns(shares, frequency)
    names = classes.pair_names(["ridge", "words"])
    assert block.shape == (30, classes.CANDIDATES, len(names))

    candidates = block[..., 0].astype(int)
    mean = shares.mean(0)
    assert candidates[:, 0].tolist() == mean.argmax(1).tolist()
    np.testing.assert_array_equal(
        block[..., names.index("ridge")], np.take_along_axis(shares[0], candidates, 1)
    )

    is_it = np.take_along_axis(mean, candidates, 1)
    prob = classes.probabilities(is_it, candidates, 20)
    assert prob.sum(1) == pytest.approx(1)
    assert prob.min() > 0
    assert prob.argmax(1).tolist() == mean.argmax(1).tolist()


def test_columns_of_two_attributes_are_split_as_they_were_joined():
    rows = SimpleNamespace(outputs={"tone": [], "kind": []}, sizes=[2, 11])
    pair = classes.pair_names(["ridge"])
    names = ["pack", "size"]
    for attribute, n in (("tone", 2), ("kind", classes.CANDIDATES)):
        names += [f"{attribute} {j} {name}" for j in range(n) for name in pair]

    x = np.arange(3.0 * len(names)).reshape(3, -1)
    own, (tone, kind), line_names = classes.split_columns(x, names, rows)
    assert own.tolist() == x[:, :2].tolist()
    assert line_names == [*pair, "pack", "size"]
    assert tone[1, 1, 2] == x[1, names.index("tone 1 ridge")]
    assert kind[2, 7, 3] == x[2, names.index("kind 7 ridge against the best")]

    lines = classes.lines(own, kind)
    assert lines.shape == (3 * classes.CANDIDATES, len(line_names))
    assert lines[classes.CANDIDATES].tolist() == [*kind[1, 0], *own[1]]
