"""From rows to candidates: their texts, the usual answers of their groups, and what LightGBM reads
of each candidate."""

import numpy as np

from features.ocr import ocr_file
from models.ranker.candidates import Candidates, gather
from models.ranker.columns import COLUMNS
from models.ranker.label_stats import SHARES, LabelStats, group_numbers, hash_columns
from models.ranker.lines import Line, read_lines, text_lines
from models.ranker.similar_texts import SIMILAR, similar_text_columns, similar_texts, text_vectors
from texts.units import UNITS
from texts.value_codes import ALLOWED, WIDTH, entity_of

# what LightGBM reads of a candidate
READS = (
    *COLUMNS,
    *(f"usual {name}" for name in SHARES),
    *(f"alike {name}" for name in SIMILAR),
)
UNITS_TRIED = 2  # with a number that has none: the most usual of its group
# of the most usual values of a row's group, and of the labels of similar rows, that are candidates
# whatever the text says
VALUES_TRIED = 3
MIN_COSINE = 0.2  # of a similar row whose label is a candidate


class RowTexts:
    """All n rows' texts, in the forms that candidates are made from."""

    def __init__(self, job, rows):
        self.lines = lines_of_rows(job, rows)
        self.entity = entity_of(rows.question)
        self.group = group_numbers(rows.category, len(rows.id))

        # only texts of rows with the same entity and group are compared
        self.key = hash_columns(self.entity, self.group)

        whole_texts = []
        for lines in self.lines:
            whole = " ".join(line.text for line in lines)
            whole_texts.append(whole)

        is_training = rows.fold >= 0
        self.vectors = text_vectors(whole_texts, is_training)


def ocr_files(paths) -> list:
    """The text on the images of the training rows, and of the rows to answer where there are
    some."""
    files = [ocr_file(paths.of(""))]
    if paths.rows:
        files.append(ocr_file(paths))

    return files


def lines_of_rows(job, rows) -> list[list[Line]]:
    """Each row's lines: of its text if the table has texts, else those that OCR read."""
    if rows.text is not None:
        return [text_lines(text) for text in rows.text]

    lines_of_image = {}
    for file in ocr_files(job.paths):
        lines_of_image |= read_lines(file)

    return [lines_of_image.get(image, []) for image in rows.image]


def build_candidates(
    texts: RowTexts, rows, idx, source_idx, label_stats: LabelStats
) -> tuple[Candidates, np.ndarray]:
    """Candidates of the rows idx (m,), and what LightGBM reads of them (c, READS) float32.

    source_idx: the rows whose labels may be known; label_stats: of these labels, and of others.
    """
    lines = [texts.lines[i] for i in idx]
    entity = texts.entity[idx]
    group = texts.group[idx]
    entity_group = list(zip(entity.tolist(), group.tolist(), strict=True))

    similar_idx, cosine = similar_texts(texts.vectors, texts.key, source_idx, idx)  # (m, NEAR)
    similar_target = rows.target[similar_idx]  # (m, NEAR, 2)

    # from the text, and from labels
    units = tried_units(label_stats, entity_group)
    values = tried_values(label_stats, entity_group, similar_target, cosine)
    candidates = gather(lines, rows.question[idx], units, values)

    # what the labels say of each candidate
    row = candidates.row
    number = candidates.number
    is_value = candidates.unit >= 0
    code = WIDTH * entity[row] + candidates.unit
    code = np.where(is_value, code, -1)
    usual = usual_columns(label_stats, code, number, group[row])
    alike = similar_text_columns(similar_target, cosine, row, number, code)

    x = np.column_stack([candidates.x, usual, alike])
    return candidates, x.astype(np.float32)


def tried_units(label_stats: LabelStats, entity_group: list[tuple]) -> list[list[str]]:
    """The units that each row's bare numbers are tried with; entity_group: of each row."""
    units = []
    for entity, group in entity_group:
        ranked = label_stats.units(entity, group)
        most_usual = ranked[:UNITS_TRIED]
        names = [UNITS[unit] for unit in most_usual]
        units.append(names)

    return units


def tried_values(label_stats: LabelStats, entity_group, similar_target, cosine) -> list[list]:
    """Values (number, unit's place) that are a row's candidates whatever its text says, by row.

    entity_group: of each row; similar_target (m, NEAR, 2) and cosine (m, NEAR) of similar rows.
    """
    values = []
    for i, (entity, group) in enumerate(entity_group):
        of_similar = similar_values(similar_target[i], cosine[i])
        of_group = label_stats.values(entity, group, VALUES_TRIED)
        distinct = dict.fromkeys(of_similar + of_group)
        values.append(list(distinct))

    return values


def similar_values(target: np.ndarray, cosine: np.ndarray) -> list[tuple[float, int]]:
    """Number and unit's place of the labels of a row's most similar rows, at most VALUES_TRIED;
    target (NEAR, 2), cosine (NEAR,)."""
    code = target[:, 1].astype(int)
    is_near = (cosine >= MIN_COSINE) & ALLOWED[code]
    labels = target[is_near][:VALUES_TRIED]
    return [(number, int(code) % WIDTH) for number, code in labels.tolist()]


def usual_columns(label_stats: LabelStats, code, number, group) -> np.ndarray:
    """SHARES (c, 11) of candidates (c,); nan of "no answer", whose code is -1."""
    is_value = code >= 0
    shares = label_stats.columns(
        code[is_value],
        number[is_value],
        group[is_value],
    )

    out = np.full((len(code), len(SHARES)), np.nan)
    out[is_value] = shares
    return out
