"""One file per task, found by its name, each with `draw(folder, seed)`: a small catalogue in the task's official layout."""
