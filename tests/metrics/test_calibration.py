"""Calibration by hand."""

import numpy as np
import pytest

from metrics.calibration import expected_error, reliability


def test_calibration_by_hand():
    confidence = np.array([0.95, 0.91, 0.11, 0.2, 0.2000001])
    table = reliability(confidence, np.array([1, 0, 0, 1, 1]))
    assert table.rows.tolist() == [2, 1, 2]
    assert table.right.tolist() == [0.5, 1, 0.5]
    assert table.confidence.tolist() == pytest.approx([0.155, 0.2, 0.93])
    assert expected_error(table) == pytest.approx((2 * 0.345 + 0.8 + 2 * 0.43) / 5, abs=1e-6)


def test_sure_and_right_is_no_error():
    assert expected_error(reliability(np.array([1.0, 0.0]), np.array([1, 0]))) == 0
