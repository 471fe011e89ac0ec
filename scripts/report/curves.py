"""How training went: loss and score by epoch, what the boosted trees look at, where the time went.
All of it from the records."""

from collections import defaultdict

import numpy as np
import pandas as pd

from common.files import read_record
from models import pred_file, split_member
from page import charts
from page.blocks import Figure, Section
from pipeline import graph

MOST = 15  # columns shown of those that trees split by


def section(view) -> Section:
    """Learning curves, importance and time."""
    if view.job.config.concat:
        return Section("Training", "training", [])
    records = {target: record for target in view.steps if (record := read_record(target))}
    members: dict[str, dict[int, dict]] = defaultdict(dict)
    for member in graph.members(view.job.config):
        model, k = split_member(member)
        if record := records.get(view.job.paths.model(member)) or records.get(
            pred_file(view.job.paths, member)
        ):
            members[model][k] = record
    found = [
        block
        for model, own in members.items()
        for block in [
            *learning(model, own, view.rows),
            *importance(model, own),
            *columns(model, own, view.rows),
        ]
    ]
    return Section("Training", "training", [*found, *times(view, records)])


def learning(model: str, own: dict[int, dict], rows) -> list:
    """Loss and score on the validation rows by epoch, a line a fold; of heads their mean, and each
    attribute's in a figure of its own."""
    history = {k: record["history"] for k, record in own.items() if record.get("history")}
    if not history:
        return []
    epochs = {k: [entry["epoch"] for entry in entries] for k, entries in history.items()}
    loss = {
        f"fold {k}": (epochs[k], [entry["loss"] for entry in entries])
        for k, entries in history.items()
    }
    score = {
        f"fold {k}": (epochs[k], [judged(entry) for entry in entries])
        for k, entries in history.items()
    }
    known = {name: line for name, line in score.items() if np.isfinite(line[1]).any()}
    what = f"{rows.task.SCORE.upper() if rows else 'score'} on the validation rows"
    with charts.drawing(height=4.6 if known else 2.6, rows=2 if known else 1, sharex=True) as it:
        charts.draw_lines(it.ax, loss)
        it.ax.set(ylabel="loss", ylim=(0, None))
        charts.legend(it.ax)
        if known:
            charts.draw_lines(it.axes[1, 0], known)
            it.axes[1, 0].set(ylabel=what)
        it.axes[-1, 0].set(xlabel="epoch")
        it.axes[-1, 0].xaxis.get_major_locator().set_params(integer=True)
    pick = np.nanargmin if rows and rows.task.MODE == "min" else np.nanargmax
    best = {name: int(pick(line[1])) for name, line in known.items()}
    alt = "; ".join(
        f"{name}: loss {line[1][0]:.4g} to {line[1][-1]:.4g}"
        + (
            f", best score {score[name][1][best[name]]:.4g} in epoch {score[name][0][best[name]]}"
            if name in best
            else ""
        )
        for name, line in loss.items()
    )
    says = (
        ", above; its score on the rows that pick the epoch, below"
        if known
        else "; no row is kept back to pick an epoch"
    )
    return [
        Figure(f"{model}: training loss by epoch{says}.", it.svg, alt),
        *by_output(model, history),
    ]


def judged(entry: dict) -> float:
    """An epoch's score, of heads the mean over attributes; nan where there is none."""
    values = np.array(
        [np.nan if value is None else value for value in entry.get("hm", [entry.get("score")])],
        float,
    )
    return float(np.nanmean(values)) if np.isfinite(values).any() else np.nan


def by_output(model: str, history: dict[int, list]) -> list:
    """Of heads, the curve of each attribute: the mean over the folds."""
    if not all("hm" in entry for entries in history.values() for entry in entries):
        return []
    least = min(map(len, history.values()))
    hm = np.array(
        [[entry["hm"] for entry in entries[:least]] for entries in history.values()], float
    )  # (folds, epochs, attributes)
    mean = np.nanmean(hm, 0) if np.isfinite(hm).any() else hm[0]
    lines = {f"attribute {a + 1}": (range(1, least + 1), mean[:, a]) for a in range(mean.shape[1])}
    alt = "; ".join(f"{name}: {line[0]:.3f} to {line[-1]:.3f}" for name, (_, line) in lines.items())
    return [
        Figure(
            f"{model}: HM of each attribute on the validation rows, mean of the folds. Each head "
            "keeps its own best epoch.",
            charts.lines(lines, "epoch", "HM", height=3.2),
            alt,
        )
    ]


def importance(model: str, own: dict[int, dict]) -> list:
    """The columns by their share of what the trees' splits gain: mean over the folds, and from the
    least to the most of them."""
    gains = pd.DataFrame(
        {k: record["gain"] for k, record in own.items() if record.get("gain")}
    ).fillna(0)
    if gains.empty:
        return []
    gains = gains.loc[gains.mean(axis=1).sort_values(ascending=False, kind="stable").index]
    top, rest = gains[:MOST], gains[MOST:]
    svg = charts.bars(
        list(top.index),
        top.mean(axis=1),
        np.c_[top.min(axis=1), top.max(axis=1)],
        xlabel="share of gain",
        form="{:.3f}",
    )
    more = (
        f" The other {len(rest)} columns have {rest.mean(axis=1).sum():.3f} together."
        if len(rest)
        else ""
    )
    return [
        Figure(
            f"{model}: what its trees split by, as share of the gain; mean of "
            f"{gains.shape[1]} folds, with the least and the most of them.{more}",
            svg,
            "; ".join(f"{name} {value:.3f}" for name, value in top.mean(axis=1).items()),
        )
    ]


def columns(model: str, own: dict[int, dict], rows) -> list:
    """Of a second level, the scores of the columns that it reads and of the ways to put them
    together, and the columns' weights."""
    scores = own[0].get("scores") if list(own) == [0] and rows else None
    if not isinstance(scores, dict) or not all(
        isinstance(value, float) for value in scores.values()
    ):
        return []
    order, linear = (
        sorted(scores, key=scores.get, reverse=rows.task.MODE == "max"),
        own[0].get("linear", {}),
    )
    weights = [
        Figure(
            f"{model}: what each column weighs in the linear fit that its trees correct. "
            "They sum to about 1; one below 0 is held against the others.",
            charts.bars(list(linear), list(linear.values()), xlabel="weight"),
            "; ".join(f"{name} {weight:.3f}" for name, weight in linear.items()),
        )
    ] * bool(linear)
    return [
        Figure(
            f"{model}: out-of-fold {rows.task.SCORE.upper()} of each column that it reads "
            "and of each way to put them together, the best first.",
            charts.bars(order, [scores[name] for name in order], xlabel=rows.task.SCORE.upper()),
            "; ".join(f"{name} {scores[name]:.4g}" for name in order),
        ),
        *weights,
    ]


def times(view, records: dict) -> list:
    """Seconds of work by kind of step, and the longest of them."""
    seconds, count = defaultdict(float), defaultdict(int)
    for target, record in records.items():
        if target != view.job.paths.report and isinstance(record.get("seconds"), (int, float)):
            kind = kind_of(view.steps[target].command)
            seconds[kind] += record["seconds"]
            count[kind] += 1
    if not seconds:
        return []
    order = list(seconds)
    total, longest = sum(seconds.values()), max(seconds, key=seconds.get)
    labels = [f"{kind} ({count[kind]})" if count[kind] > 1 else kind for kind in order]
    svg = charts.bars(labels, [seconds[kind] for kind in order], xlabel="seconds", form="{:,.1f}")
    return [
        Figure(
            f"Where the time went: {spoken(total)} of work in {sum(count.values())} "
            "files, the last making of each. "
            "In brackets, how many. Loading packages is not in it; files made side by "
            "side count each.",
            svg,
            f"{spoken(total)} in all; most of it {longest}: {spoken(seconds[longest])}. "
            + "; ".join(f"{kind} {seconds[kind]:.1f} s" for kind in order),
        )
    ]


def kind_of(command: str) -> str:
    """ "04 train fold net" of "04_train_fold c2 --member net_0"."""
    script, *words = command.split()
    label = script.replace("_", " ")
    if len(words) < 2:
        return label
    name, _, k = words[-1].rpartition("_")
    return f"{label} {name if name and k.isdigit() else words[-1]}"


def spoken(seconds: float) -> str:
    """ "2 h 5 min", "3 min 20 s" or "4.2 s"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return (
        f"{hours} h {minutes} min" if hours else f"{int(seconds // 60)} min {int(seconds % 60)} s"
    )
