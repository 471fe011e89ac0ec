"""The labels that look wrong, attribute by attribute.

in:  row 7, labelled Blue; out-of-fold p(Blue) .02, p(Navy Blue) .95
out: 7, baseColour, Blue, Navy Blue, .98
"""

import numpy as np
import pandas as pd

from metrics import label_quality
from tasks.attributes import slices
from tasks.attributes.submission import label_column


def doubts(prob: np.ndarray, label: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """1 - quality of each label (n,) that confident learning takes for wrong and the answer (n,)
    contradicts; 0 of the others. prob: (n, k)."""
    looks_wrong = label_quality.likely_wrong(prob, label) & (answer != label)
    return np.where(looks_wrong, 1 - label_quality.quality(prob, label), 0)


def suspects(view) -> pd.DataFrame:
    """The labels of which there are `doubts`: row, column, value, suggestion, score (the doubt)."""
    idx = view.labelled_idx
    outputs = view.rows.outputs

    tables = []
    for a, (name, columns) in enumerate(zip(outputs, slices(outputs), strict=True)):
        labelled = idx[view.rows.target[idx, a] >= 0]
        prob = view.merged[labelled, columns].astype(float)
        label = view.rows.target[labelled, a]
        answer = view.answer[labelled, a]

        doubt = doubts(prob, label, answer)
        classes = np.array(outputs[name], object)
        of_attribute = {
            "row": labelled,
            "column": label_column(name),
            "value": classes[label],
            "suggestion": classes[answer],
            "score": doubt,
        }
        tables.append(pd.DataFrame(of_attribute)[doubt > 0])

    return pd.concat(tables, ignore_index=True)
