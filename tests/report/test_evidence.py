"""Which evidence each output owes its score to."""

from dataclasses import replace

import numpy as np

from report.evidence import evidence_blocks, models_by_evidence
from views import view_of


def test_models_are_grouped_by_what_they_look_at(monkeypatch):
    view = view_of("price")
    monkeypatch.setattr("models.mlp.EVIDENCE", ("text", "image"))
    assert models_by_evidence(view) == {"text": ["ridge"], "image + text": ["mlp"]}


def test_each_output_has_the_best_of_each_evidence(monkeypatch):
    view = view_of("attributes")
    monkeypatch.setattr("models.knn.EVIDENCE", ("text",))
    right = np.zeros_like(view.preds["net"])
    for row, (tone, coin) in enumerate(view.rows.target):
        right[row, tone] = tone >= 0
        right[row, 4 + coin] = coin >= 0

    view = replace(view, preds={**view.preds, "net": right})
    (table,) = evidence_blocks(view)
    frame = table.frame.set_index("output")
    assert frame["image"].tolist() == [1.0, 1.0]
    assert (frame["text"] < 1).all()
    assert frame["best"].tolist() == ["image", "image"]
    assert "image: net; text: knn" in table.caption


def test_where_all_look_at_the_same_there_is_no_table():
    assert evidence_blocks(view_of("price")) == []
