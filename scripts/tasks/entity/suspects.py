"""The values that look wrong.

in:  row 7, labelled 500 gram, where all models answer 1.0 kilogram with a weight of .9
out: 7, entity_value, 500.0 gram, 1.0 kilogram, .9
"""

import pandas as pd

from tasks.entity.confusions import in_words
from tasks.entity.figures import verdict


def suspects(view) -> pd.DataFrame:
    """The values that every model contradicts: row, column, value, suggestion, score (see
    `verdict`)."""
    judged = verdict(view)
    is_suspect = judged.suspicion > 0
    row = judged.row[is_suspect]
    return pd.DataFrame(
        {
            "row": row,
            "column": view.config.data.labels[0],
            "value": [in_words(value) for value in view.rows.target[row]],
            "suggestion": [in_words(value) for value in view.answer[row]],
            "score": judged.suspicion[is_suspect],
        }
    )
