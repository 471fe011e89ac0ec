"""The prices that look wrong.

in:  row 7, price 1299, where the models put 12.5 and 14.1
out: 7, price, 1299, 13.3, 4.52: the nearest model is off by a factor of e to the 4.52
"""

import numpy as np
import pandas as pd

from tasks.price.figures import prices, verdict


def suspects(view) -> pd.DataFrame:
    """The prices that every model contradicts: row, column, value, suggestion, score (see
    `verdict`)."""
    judged = verdict(view)
    answer, price = prices(view)
    table = pd.DataFrame(
        {
            "row": judged.row,
            "column": view.config.data.labels[0],
            "value": np.round(price, 2),
            "suggestion": np.round(answer, 2),
            "score": judged.suspicion,
        }
    )
    return table[judged.suspicion > 0]
