"""Section "Training": loss and score by epoch, what the boosted trees split by, where the time
went. All of it from the records."""

from collections import defaultdict

import numpy as np
import pandas as pd

from models import pred_file, split_member
from page.blocks import Figure, Section
from page.canvas import drawing
from page.charts import bar_figure, draw_legend, draw_lines, lines
from page.formats import describe
from pipeline import graph

MOST_COLUMNS = 15  # shown of the columns that trees split by


def section(view) -> Section:
    """Learning curves, importance and time."""
    blocks = []
    if not view.config.concat:
        for model, by_fold in training_records(view).items():
            blocks += learning_curves(model, by_fold, view.rows)
            blocks += tree_importance(model, by_fold)
            blocks += second_level(model, by_fold, view.rows)

        blocks += time_figure(view)

    return Section("Training", "training", blocks)


def training_records(view) -> dict[str, dict[int, dict]]:
    """{model: {fold: record of its training}}; of models that nothing trains, of their
    predictions."""
    by_model: dict[str, dict[int, dict]] = defaultdict(dict)
    for member in graph.members(view.config):
        trained = view.paths.model(member)
        predicted = pred_file(view.paths, member)

        record = view.records.get(trained) or view.records.get(predicted)
        if record:
            model, k = split_member(member)
            by_model[model][k] = record

    return by_model


def learning_curves(model: str, by_fold: dict[int, dict], rows) -> list[Figure]:
    """Loss and score on the validation rows by epoch, a line per fold; of heads also each
    attribute's. [] of a model without epochs."""
    history = {k: record["history"] for k, record in by_fold.items() if record.get("history")}
    if not history:
        return []

    loss = {}
    score = {}
    for k, entries in history.items():
        epochs = [entry["epoch"] for entry in entries]
        losses = [entry["loss"] for entry in entries]
        scores = [mean_score(entry) for entry in entries]
        loss[f"fold {k}"] = (epochs, losses)

        if np.isfinite(scores).any():
            score[f"fold {k}"] = (epochs, scores)

    what = "; no row is kept back to pick an epoch"
    if score:
        what = ", above; its score on the rows that pick the epoch, below"

    figure = Figure(
        f"{model}: training loss by epoch{what}.",
        draw_learning(loss, score, rows.task.SCORE.upper() if rows else "score"),
        describe_learning(loss, score, rows.task.MODE if rows else "max"),
    )
    return [figure, *attribute_curves(model, history)]


def mean_score(entry: dict) -> float:
    """An epoch's score, of heads the mean over attributes; nan where there is none."""
    scores = entry.get("hm", [entry.get("score")])
    values = np.array([np.nan if score is None else score for score in scores], float)

    return float(np.nanmean(values)) if np.isfinite(values).any() else np.nan


def draw_learning(loss: dict, score: dict, score_name: str) -> str:
    """SVG of the losses {fold: (epochs, losses)} by epoch; where there are scores {fold: (epochs,
    scores)}, they stand below."""
    size = {"height": 4.6, "rows": 2} if score else {"height": 2.6}
    with drawing(**size) as canvas:
        loss_axes = canvas.axes[0, 0]
        draw_lines(loss_axes, loss)
        loss_axes.set(ylabel="loss", ylim=(0, None))
        draw_legend(loss_axes)

        if score:
            score_axes = canvas.axes[1, 0]
            draw_lines(score_axes, score)
            score_axes.set(ylabel=f"{score_name} on the validation rows")

        lowest_axes = canvas.axes[-1, 0]
        lowest_axes.set(xlabel="epoch")
        # no ticks between epochs
        locator = lowest_axes.xaxis.get_major_locator()
        locator.set_params(integer=True)

    return canvas.svg


def describe_learning(loss: dict, score: dict, mode: str) -> str:
    """First and last loss and the best score of each fold."""
    argbest = np.nanargmin if mode == "min" else np.nanargmax
    texts = []
    for fold, (epochs, losses) in loss.items():
        text = f"{fold}: loss {losses[0]:.4g} to {losses[-1]:.4g}"
        if fold in score:
            _, scores = score[fold]
            best = int(argbest(scores))
            text += f", best score {scores[best]:.4g} in epoch {epochs[best]}"

        texts.append(text)

    return "; ".join(texts)


def attribute_curves(model: str, history: dict[int, list]) -> list[Figure]:
    """Of heads, the curve of each attribute: the mean over the folds."""
    entries = [entry for epochs in history.values() for entry in epochs]
    if not all("hm" in entry for entry in entries):
        return []

    # of as many epochs as every fold has
    n_epochs = min(len(epochs) for epochs in history.values())
    per_fold = []
    for epochs in history.values():
        per_fold.append([entry["hm"] for entry in epochs[:n_epochs]])

    hm = np.array(per_fold, float)  # (folds, epochs, attributes)
    mean = np.nanmean(hm, axis=0) if np.isfinite(hm).any() else hm[0]
    series = {}
    texts = []
    for a, curve in enumerate(mean.T, start=1):
        series[f"attribute {a}"] = (range(1, n_epochs + 1), curve)
        texts.append(f"attribute {a}: {curve[0]:.3f} to {curve[-1]:.3f}")

    figure = Figure(
        f"{model}: HM of each attribute on the validation rows, mean of the folds. Each head keeps "
        "its own best epoch.",
        lines(series, "epoch", "HM", height=3.2),
        "; ".join(texts),
    )
    return [figure]


def tree_importance(model: str, by_fold: dict[int, dict]) -> list[Figure]:
    """The columns by their share of what the trees' splits gain: mean over the folds, and from the
    least to the most of them. [] of a model without trees."""
    gains = {k: record["gain"] for k, record in by_fold.items() if record.get("gain")}
    table = pd.DataFrame(gains).fillna(0)  # a line per column, a column per fold
    if table.empty:
        return []

    mean = table.mean(axis=1)
    mean = mean.sort_values(ascending=False, kind="stable")
    top = mean[:MOST_COLUMNS]
    rest = mean[MOST_COLUMNS:]
    caption = (
        f"{model}: what its trees split by, as share of the gain; mean of {len(gains)} folds, with "
        "the least and the most of them."
    )

    if len(rest):
        caption += f" The other {len(rest)} columns have {rest.sum():.3f} together."

    shown = table.loc[top.index]
    figure = bar_figure(
        caption,
        top.to_dict(),
        "{:.3f}",
        spans=np.c_[shown.min(axis=1), shown.max(axis=1)],
        xlabel="share of gain",
    )
    return [figure]


def second_level(model: str, by_fold: dict[int, dict], rows) -> list[Figure]:
    """Of a second level, the scores of the columns that it reads and of the ways to put them
    together, and the columns' weights."""
    record = by_fold[0] if list(by_fold) == [0] and rows else {}
    scores = record.get("scores")
    if not isinstance(scores, dict):
        return []

    if not all(isinstance(score, float) for score in scores.values()):
        return []

    name = rows.task.SCORE.upper()
    is_high_best = rows.task.MODE == "max"
    order = sorted(scores, key=scores.get, reverse=is_high_best)
    caption = (
        f"{model}: out-of-fold {name} of each column that it reads and of each way to put them "
        "together, the best first."
    )
    ordered = {column: scores[column] for column in order}
    figures = [bar_figure(caption, ordered, xlabel=name)]

    weights = record.get("linear", {})
    if weights:
        caption = (
            f"{model}: what each column weighs in the linear fit that its trees correct. They sum "
            "to about 1; one below 0 is held against the others."
        )
        figures.append(bar_figure(caption, weights, xlabel="weight"))

    return figures


def time_figure(view) -> list[Figure]:
    """Seconds of work by kind of step, and the longest of them; [] where no record has any."""
    seconds = seconds_by_kind(view)
    if not seconds:
        return []

    totals = {kind: sum(values) for kind, values in seconds.items()}
    total = format_duration(sum(totals.values()))
    longest = max(totals, key=totals.get)

    n_files = 0
    by_label = {}
    for kind, values in seconds.items():
        n_files += len(values)
        label = f"{kind} ({len(values)})" if len(values) > 1 else kind
        by_label[label] = totals[kind]

    figure = bar_figure(
        f"Where the time went: {total} of work in {n_files} files, the last making of each. In "
        "brackets, how many. Loading packages is not in it; files made side by side count each.",
        by_label,
        "{:,.1f}",
        alt=f"{total} in all; most of it {longest}: {format_duration(totals[longest])}. "
        f"{describe(totals, '{:.1f} s')}",
        xlabel="seconds",
    )
    return [figure]


def seconds_by_kind(view) -> dict[str, list[float]]:
    """{kind of step: seconds of each of its files}."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for target, record in view.records.items():
        value = record.get("seconds")
        if isinstance(value, (int, float)):
            kind = kind_of(view.steps[target].command)
            seconds[kind].append(value)

    return seconds


def kind_of(command: str) -> str:
    """ "04 train fold net" of "04_train_fold c2 --member net_0"."""
    script, *words = command.split()
    label = script.replace("_", " ")

    if len(words) < 2:  # the category alone
        return label

    name, _, k = words[-1].rpartition("_")
    is_member = name and k.isdigit()
    return f"{label} {name if is_member else words[-1]}"


def format_duration(seconds: float) -> str:
    """ "2 h 5 min", "3 min 20 s" or "4.2 s"."""
    if seconds < 60:
        return f"{seconds:.1f} s"

    minutes = round(seconds / 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"

    # below an hour to the second, never rounded up
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)} min {int(rest)} s"
