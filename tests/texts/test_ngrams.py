"""N-grams and quantities of texts: counted, binned, kept with their ids."""

import numpy as np
import pytest

from common.errors import UserError
from features.ngrams import Settings as Words
from texts.ngrams import (
    BLOCKS,
    SPARSE,
    bin_edges,
    binned,
    fit_ngrams,
    read_ngrams,
    save_ngrams,
    transform,
)
from texts.quantities import moments, quantities, scaled

TEXTS = [
    f"Item Name: {kind} tea, {size} Ounce (Pack of {size % 3 + 1})\nBullet Point 1: good "
    f"{kind} leaves\nValue: {size}.0\nUnit: Ounce"
    for kind in ("green", "black")
    for size in range(1, 9)
] + [""]


@pytest.fixture
def words():
    return transform(fit_ngrams(TEXTS, Words(space=4)), TEXTS)


def test_rows_of_words_have_length_1_and_an_empty_text_has_none(words):
    assert words["space"].shape == (17, 8)
    assert words["numbers"].shape[0] == 17
    for block in BLOCKS:
        length = (
            np.sqrt(words[block].multiply(words[block]).sum(1)).A1
            if hasattr(words[block].sum(1), "A1")
            else np.sqrt((words[block] ** 2).sum(1))
        )
        assert np.asarray(length).ravel()[:16] == pytest.approx(1, abs=1e-5)
        assert words[block][16].nnz == 0
    green, black = words["space"][:8].mean(0), words["space"][8:16].mean(0)
    assert np.linalg.norm(green - black) > 0.3


def test_words_come_back_as_they_were_and_only_for_their_own_rows(words, tmp_path):
    ids = np.array([f"train:{i}" for i in range(17)])
    save_ngrams(words, ids, tmp_path / "words.npz")
    again = read_ngrams(tmp_path / "words.npz", ids)
    assert all((again[block] != words[block]).nnz == 0 for block in SPARSE)
    np.testing.assert_array_equal(again["numbers"], words["numbers"])
    with pytest.raises(UserError, match="other rows"):
        read_ngrams(tmp_path / "words.npz", ids[::-1])


def test_binned_puts_each_number_in_one_bin_and_what_is_missing_in_its_own():
    values = np.column_stack([np.arange(200.0), np.where(np.arange(200) < 100, np.nan, 5.0)])
    numbers = scaled(values, moments(values))
    x = binned(values, numbers, bin_edges(values, bins=4)).toarray()
    dense = numbers.shape[1]
    first, second = x[:, dense : dense + 5], x[:, dense + 5 :]
    assert first.sum(1).tolist() == [1] * 200
    assert first[:, :4].sum(0).tolist() == [50] * 4
    assert not first[:, 4].any()
    assert second[:100].argmax(1).tolist() == [second.shape[1] - 1] * 100
    assert len(set(second[100:].argmax(1))) == 1


def test_scaled_quantities_are_standardised_cut_and_flagged():
    values, _ = quantities(TEXTS)
    x = scaled(values, moments(values))
    q = values.shape[1]
    assert np.isfinite(x).all()
    assert np.abs(x[:, :q]).max() <= 4
    np.testing.assert_array_equal(x[:, q:] > 0, np.isfinite(values))
    assert not x[:, :q][~np.isfinite(values)].any()


def test_new_texts_alone_are_what_they_are_beside_others_and_teach_nothing(tmp_path):
    new = ["Item Name: Red tea, 900 Ounce (Pack of 50)", "", TEXTS[0]]
    np.savez(tmp_path / "vocabulary.npz", **fit_ngrams(TEXTS, Words(space=4)))
    with np.load(tmp_path / "vocabulary.npz") as file:  # nothing in it is an object
        fitted = dict(file)

    together = transform(fitted, TEXTS + new)
    alone = transform(fitted, new)
    trained = transform(fitted, TEXTS)
    for name in ("space", "numbers", "scaled"):
        np.testing.assert_array_equal(together[name][17:], alone[name])
        np.testing.assert_array_equal(together[name][:17], trained[name])

    for name in SPARSE:
        assert (together[name][17:] != alone[name]).nnz == 0
        assert (alone[name][2] != trained[name][0]).nnz == 0

    assert "red" not in bytes(fitted["name.ngrams"]).decode()
    assert alone["scaled"].max() <= 4  # a quantity that no training row is near
