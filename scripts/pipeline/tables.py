"""Tables of numbers as the scripts print them."""


def log_table(title: str, columns: list[str], rows: dict[str, list[float]]) -> None:
    """Print numbers with 4 decimals in aligned columns, a line per name."""
    names = [title, *rows]
    width = max(len(name) for name in names) + 2
    header = [f"{column:>12}" for column in columns]
    print(title.ljust(width), *header)

    for name, values in rows.items():
        cells = [f"{value:12.4f}" for value in values]
        print(name.ljust(width), *cells, flush=True)
