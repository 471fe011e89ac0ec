"""Lines of text, and where they stand on the image if they were read off one."""

from typing import NamedTuple

import numpy as np

from common.tables import read_csv
from features.ocr import CORNERS

# characters that mean the same are one
SAME = str.maketrans("″”“„×✕*✖：（）～", '""""xxxx:()~')


class Line(NamedTuple):
    """A line of text, and of its box (6,): score of the reading, x and y of the centre, length and
    height in parts of the image's longer side, 1.0 where it stands upright; nan where unknown."""

    text: str
    box: tuple = (np.nan,) * 6

    @property
    def height(self) -> float:
        return self.box[4]


def read_lines(file) -> dict[str, list[Line]]:
    """{image: its lines} of features/ocr.csv; an image without text is not in it."""
    table = read_csv(file)
    is_line = table.line != "-1"
    table = table[is_line]

    line_boxes = boxes(table)
    rows = zip(table.image, table.text, line_boxes, strict=True)

    lines = {}
    for image, text, box in rows:
        text = text.translate(SAME)
        line = Line(text, box)
        of_image = lines.setdefault(image, [])
        of_image.append(line)

    return lines


def boxes(table) -> np.ndarray:
    """The boxes (n, 6) float32 of lines, of their corners x0, y0 … x3, y3 in pixels."""
    corners = table[CORNERS].to_numpy(float)
    corners = corners.reshape(-1, 4, 2)
    top_left, top_right, _, bottom_left = corners.transpose(1, 0, 2)  # (n, 2)

    top_edge = top_right - top_left
    left_edge = bottom_left - top_left
    along = np.linalg.norm(top_edge, axis=1)
    down = np.linalg.norm(left_edge, axis=1)
    is_upright = down > 1.5 * along

    # in parts of the image's longer side
    numbers = table[["score", "width", "height"]]
    score, width, height = numbers.to_numpy(float).T
    longest = np.maximum(width, height)
    longest = longest.clip(1)
    centre = corners.mean(1)
    x, y = centre.T / longest
    line_length = np.maximum(along, down) / longest
    line_height = np.minimum(along, down) / longest

    columns = [
        score,
        x,
        y,
        line_length,
        line_height,
        is_upright,
    ]
    return np.column_stack(columns).astype(np.float32)


def text_lines(text: str) -> list[Line]:
    """Lines of a text that has no places."""
    return [Line(line.translate(SAME)) for line in text.split("\n")]
