"""Stages, their scores and what they gain, of categories in memory; rows to look at."""

from dataclasses import replace

import numpy as np
import pytest

from page.blocks import Cards, Figure, Number, Table
from report import headline, scores, worst
from report.stages import best_of, load_stages
from report.view import View
from tasks import load_module, load_task
from views import TASKS, rows_of, view_of

HOSTILE = "<script>alert('$x^$')</script> 🍵 \u202eabc\u202c $\\frac{1}{0}$ "


def blocks_of(view: View) -> list:
    """All that the report says of scores and mistakes."""
    return [
        *headline.headline(view),
        *scores.section(view).blocks,
        *load_module(view.config.task, "figures").figures(view),
        *worst.section(view).blocks,
    ]


def table_with(column: str, blocks: list):
    """The data frame with that column, by step."""
    frames = [block.frame for block in blocks if isinstance(block, Table)]
    (frame,) = [frame for frame in frames if column in frame]
    return frame.set_index("step")


def test_stages_are_compared_with_what_they_build_on():
    stages = {stage.name: stage for stage in load_stages(view_of("price"))}
    assert list(stages) == ["median", "ridge", "mlp", "submitted"]
    assert [stages[name].rival for name in ("median", "ridge", "mlp")] == ["", "median", "median"]
    by_score = {name: stages[name].score for name in ("ridge", "mlp")}
    assert stages["submitted"].rival == best_of(by_score, by_score, "min")


def test_what_a_stage_gains():
    view = view_of("price")
    stages = {stage.name: stage for stage in load_stages(view)}
    table = table_with("better than", scores.section(view).blocks)
    gain = stages["median"].score - stages["ridge"].score
    assert table.loc["ridge", "by"] == pytest.approx(gain)
    assert table.loc["ridge", "told from chance"] == "yes"
    truth = np.expm1(view.rows.target[view.labelled_idx, 0])
    price = view.answer[view.labelled_idx, 0]
    smape = (200 * np.abs(price - truth) / (price + truth)).mean()
    assert table.loc["submitted", "score"] == pytest.approx(smape)


def test_folds_are_scored_each_by_its_own_rows():
    view = view_of("entity")
    table = table_with("fold 0", scores.section(view).blocks)
    idx = view.labelled_idx[view.rows.fold[view.labelled_idx] == 1]
    pred = view.preds["ranker"][idx]
    expected = load_task("entity").score(pred[:, :2], view.rows.target[idx], {})
    assert table.loc["ranker", "fold 1"] == expected
    mean = table.loc["ranker", ["fold 0", "fold 1", "fold 2"]].mean()
    assert table.loc["ranker", "mean"] == pytest.approx(mean)


@pytest.mark.parametrize("task", TASKS)
def test_every_block_has_words_and_every_chart_its_numbers(task):
    blocks = blocks_of(view_of(task))
    assert {Number, Table, Figure, Cards} <= {type(block) for block in blocks}
    for block in blocks:
        words = [getattr(block, key, "") for key in ("label", "text", "caption")]
        assert "".join(words).strip()
        if isinstance(block, Figure):
            assert block.svg.startswith("<svg")
            assert block.alt
            assert "nan" not in block.alt.split()
        if isinstance(block, Table):
            assert len(block.frame)
            assert not block.frame.columns.duplicated().any()


@pytest.mark.parametrize("task", TASKS)
def test_no_row_is_in_both_lists_of_cards(task):
    suspect, wrong = worst.section(view_of(task)).blocks
    suspect_ids = {card.id for card in suspect.cards}
    wrong_ids = {card.id for card in wrong.cards}
    assert not suspect_ids & wrong_ids
    assert max(len(suspect_ids), len(wrong_ids)) <= worst.SHOWN


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("n", [3, 9])
def test_very_few_rows_are_no_error(task, n):
    assert blocks_of(view_of(task, n))


@pytest.mark.parametrize("task", TASKS)
def test_a_text_is_cut_and_a_missing_image_is_none(task):
    texts = np.array([HOSTILE * 100] * 60, object)
    blocks = worst.section(view_of(task, text=texts)).blocks
    cards = [card for block in blocks for card in block.cards]
    assert cards
    for card in cards:
        assert card.text.startswith("<script>")
        assert len(card.text) <= worst.LETTERS
        assert card.image is None


@pytest.mark.parametrize("task", TASKS)
def test_without_a_label_nothing_is_scored_and_nothing_breaks(task):
    view = view_of(task)
    view = replace(view, rows=rows_of(task, np.full_like(view.rows.target, -1)))
    assert scores.section(view).blocks[0].kind == "warning"
    assert headline.headline(view) == []
    assert len(worst.section(view).blocks) == 1
    assert load_module(task, "figures").figures(view) == []
