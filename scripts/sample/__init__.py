"""One file per task, found by its name, each with `draw(folder, seed)`: a small catalogue in its
official layout."""
