"""Confident learning by hand."""

import numpy as np
import pytest

from metrics.label_quality import likely_wrong, quality


def test_a_label_that_another_class_beats_by_its_threshold_looks_wrong():
    prob = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9], [0.05, 0.95]])
    label = np.array([0, 0, 1, 1, 0])
    assert quality(prob, label).tolist() == pytest.approx([0.9, 0.8, 0.8, 0.9, 0.05])
    # the thresholds are .583 and .85
    assert likely_wrong(prob, label).tolist() == [False, False, False, False, True]


def test_a_class_without_labels_beats_none():
    prob = np.array([[0.4, 0.6, 0], [0.4, 0.6, 0]])
    assert not likely_wrong(prob, np.array([0, 0])).any()
