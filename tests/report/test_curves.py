"""Section "Training", of records made by hand."""

import numpy as np
import pytest

from report.curves import (
    format_duration,
    kind_of,
    learning_curves,
    mean_score,
    second_level,
    tree_importance,
)


@pytest.mark.parametrize(
    "seconds, text",
    [(4.25, "4.2 s"), (200, "3 min 20 s"), (3599, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_durations(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    "command, kind",
    [
        ("04_train_fold c2 --member net_0", "04 train fold net"),
        ("08_merge_files c2", "08 merge files"),
        ("03_extract_features c2 --source words", "03 extract features words"),
    ],
)
def test_kinds_of_steps(command, kind):
    assert kind_of(command) == kind


def history(*scores) -> list[dict]:
    return [
        {"epoch": epoch, "loss": 1 / epoch, "score": score}
        for epoch, score in enumerate(scores, start=1)
    ]


def test_learning_curves_say_loss_and_best_epoch():
    records = {0: {"history": history(0.5, 0.7, 0.6)}, 1: {"history": history(None, None)}}
    (figure,) = learning_curves("net", records, None)
    assert figure.alt == (
        "fold 0: loss 1 to 0.3333, best score 0.7 in epoch 2; fold 1: loss 1 to 0.5"
    )


def test_without_a_score_there_is_the_loss_alone():
    (figure,) = learning_curves("net", {0: {"history": history(None, None)}}, None)
    assert "no row is kept back" in figure.caption


def test_of_heads_each_attribute_has_a_curve():
    entries = [
        {"epoch": 1, "loss": 1.0, "hm": [0.5, 0.1]},
        {"epoch": 2, "loss": 0.5, "hm": [0.7, 0.2]},
    ]
    figures = learning_curves("heads", {0: {"history": entries}}, None)
    assert figures[1].alt == "attribute 1: 0.500 to 0.700; attribute 2: 0.100 to 0.200"


def test_an_epochs_score_is_the_mean_over_the_attributes_that_have_one():
    assert mean_score({"hm": [0.5, None, 0.25]}) == 0.375
    assert mean_score({"score": 0.5}) == 0.5
    assert np.isnan(mean_score({"hm": [None]}))


def test_importance_is_the_mean_over_the_folds():
    records = {0: {"gain": {"a": 0.75, "b": 0.25}}, 1: {"gain": {"a": 1.0}}}
    (figure,) = tree_importance("lightgbm", records)
    assert figure.alt == "a 0.875; b 0.125"


def test_other_models_have_no_curves():
    record = {"seconds": 1.0, "scores": None}
    assert learning_curves("knn", {0: record}, None) == []
    assert tree_importance("knn", {0: record}) == []
    assert second_level("knn", {0: record, 1: record}, None) == []
    assert np.isnan(mean_score({}))
