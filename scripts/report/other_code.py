"""The note on files that were made by other code than today's."""

from page.blocks import Note
from pipeline.code import other_code_line


def other_code_notes(view) -> list[Note]:
    """A sentence that says which files, what changed, and how to make them anew; [] of none."""
    line = other_code_line(view.job, view.steps, view.stale)
    return [Note(f"{line[0].upper()}{line[1:]}.", "warning")] if line else []
