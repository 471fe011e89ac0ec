"""heads (T2): all attribute heads of a fold trained together on cached features of a frozen
network.

Each head sees the labelled rows of every batch, has its own dropout draws, loss and best epoch, and
shares no parameter with the others: the result is exactly that of training it alone on its labelled
rows, at the cost of one pass.
"""

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from common.errors import UserError
from common.files import evict
from common.log import log, progress
from common.questions import CLASSES
from common.sections import Count, NonNegative, Positive, Share
from common.stops import check_time_limit
from features.store import names_file, read_features
from networks.device import use_device
from networks.settings import Loss

ANSWERS = (CLASSES,)
NEEDS_IMAGE = True
NETWORK = True
PREDICT_SETTINGS = ("infer",)


class Settings(Loss):
    """T2: all attribute heads together on cached features, each keeping its own best epoch."""

    source: Literal["net", "encoders"] = (
        "net"  # trunk of net_<fold> with its heads to go on from, or the encoders' features
    )
    hidden: Annotated[int, Field(ge=0)] = 512  # of a new head on encoders' features; 0 = linear
    dropout: Share = 0.1  # likewise; the heads of a net keep their own
    epochs: Count = 3
    batch: Count = 64
    lr: Positive = 1e-3  # peak, cosine to 0
    weight_decay: NonNegative = 0.01


def sources(config, k: int) -> list[str]:
    """What the heads stand on: the trunk of net_<k>, or the encoders."""
    return [f"net_{k}"] if config.heads.source == "net" else list(config.features.encoders)


def inputs(config, paths, k):
    return [paths.images, *(paths.features(source) for source in sources(config, k))]


def clean_up(job, k):
    """The maps of a trained trunk, 14 GB a fold at 512 pixels, have served: heads_<k> was their
    only reader."""
    if job.config.heads.source == "net":
        features = job.paths.features(f"net_{k}")
        evict(features)
        names_file(features).unlink(missing_ok=True)


def weights(config):
    return (
        list(config.features.encoders)
        if config.heads.source == "encoders" and config.features.pretrained
        else []
    )


def fit(job, k: int, rows, file) -> dict:
    """Train heads_<k> outside fold k and write each head's best weights. Gives history and best
    epochs."""
    import torch

    from networks.weights import save_weights

    config = job.config
    arrays, row = read_features([job.paths.features(s) for s in sources(config, k)], rows.image)
    train, validation = (use[row[use] >= 0] for use in (rows.training(k), rows.validating(k)))
    if not len(train):
        raise UserError(
            f"heads_{k} has no labelled row with features to train on; look at {job.paths.images}"
        )
    log(member=f"heads_{k}", train=len(train), validation=len(validation))
    with use_device(config.run) as device:
        torch.manual_seed(config.data.seed + k)
        heads = build(job, k, rows, arrays)
        if config.heads.source == "encoders":
            mean, std = moments(arrays, row[train])
            for head in heads.heads:
                head.mean[:], head.std[:] = mean, std
        heads.to(device)
        best, history = train_heads(
            heads,
            lambda use, view: take(arrays, row[use], view),
            rows,
            train,
            validation,
            config.heads,
            arrays[0].shape[1],
            device,
            config.data.seed * 1000 + k,
            job.paths.checkpoint(f"heads_{k}"),
            job.key(job.paths.model(f"heads_{k}")),
            config.run,
        )
        save_weights(best, file)
    return {"history": history, "outputs": rows.outputs}


def predict(job, k: int, rows, idx) -> np.ndarray:
    """Probabilities (m, K) for the rows `idx` (m,), the mean over the picture and, with
    infer.flip, its mirror image."""
    from networks.weights import load_strict, read_weights

    arrays, row = read_features([job.paths.features(s) for s in sources(job.config, k)], rows.image)
    file = job.paths.model(f"heads_{k}")
    heads = build(job, k, rows, arrays)
    load_strict(heads, read_weights(file), file)
    views = min(arrays[0].shape[1], 2 if job.config.infer.flip else 1)
    with use_device(job.config.run) as device:
        heads.to(device)
        return np.mean(
            [
                predict_heads(heads, lambda use, v=v: take(arrays, row[use], v), idx, device)
                for v in range(views)
            ],
            0,
        )


def build(job, k: int, rows, arrays):
    """The heads for these features: the published ones, as net_<k> left them, on its map; new MLPs on
    pooled features."""
    from networks.attributes import HeadSet
    from networks.weights import load_strict, read_weights

    config, settings = job.config, job.config.heads
    if settings.source == "encoders":
        return HeadSet(
            sum(a.shape[2] for a in arrays), rows.sizes, "mlp", settings.hidden, settings.dropout
        )
    heads = HeadSet(arrays[0].shape[2], rows.sizes, config.net.head, config.net.width)
    file = job.paths.model(f"net_{k}")
    state = {key: value for key, value in read_weights(file).items() if key.startswith("heads.")}
    load_strict(heads, state, file)
    return heads


def take(arrays, row, view):
    """Features (m, d) of all encoders side by side, or a net's maps (m, d, h, w); view a number or
    one per row (m,)."""
    return np.concatenate([array[row, view] for array in arrays], 1).astype(np.float32)


def moments(arrays, row) -> tuple:
    """Mean and standard deviation (d,) of the plain view over the given rows."""
    import torch

    x = take(arrays, np.sort(row)[:20000], 0)  # enough rows for two moments
    return torch.as_tensor(x.mean(0)), torch.as_tensor(x.std(0) + 1e-3)


def train_heads(
    heads,
    features,
    rows,
    train,
    validation,
    settings,
    views: int,
    device,
    seed: int,
    checkpoint,
    key: str,
    run,
):
    """Train on row numbers `train` (n,); each head keeps its best epoch on `validation`. Gives the state
    dict and the history.

    features(rows (b,), view (b,) or number) → float32 (b, ...). Goes on from the checkpoint's last
    epoch.
    """
    import torch

    from networks.losses import MaskedLoss
    from networks.training import epoch_batches, load_checkpoint, save_checkpoint

    loss = MaskedLoss(
        rows.sizes, rows.task.baseline(rows.target[train], rows.outputs), settings
    ).to(device)
    optimizer = torch.optim.AdamW(
        heads.parameters(), lr=settings.lr, weight_decay=settings.weight_decay, fused=True
    )
    state = load_checkpoint(checkpoint, key)
    if not state:  # what the heads already know, from T1, counts as epoch 0
        first = (
            hm_of(
                rows,
                predict_heads(heads, lambda use: features(use, 0), validation, device),
                validation,
            )
            if len(validation)
            else [math.nan] * len(rows.sizes)
        )
        best, score = keep_best(heads, heads.state_dict(), [-1.0] * len(rows.sizes), first)
        state = {"epoch": 0, "best": best, "score": score, "history": []}
    if state["epoch"]:
        heads.load_state_dict(state["heads"])
        optimizer.load_state_dict(state["optimizer"])
    steps = settings.epochs * -(-len(train) // settings.batch)
    for epoch in range(state["epoch"], settings.epochs):
        groups = epoch_batches(train, settings.batch, seed, epoch)
        chosen = np.random.default_rng([seed, epoch, 1]).integers(0, views, len(rows.id))
        heads.train()
        total = 0.0
        for step, batch in enumerate(
            progress(groups, f"epoch {epoch + 1}/{settings.epochs}"), epoch * len(groups)
        ):
            for group in optimizer.param_groups:
                group["lr"] = settings.lr * (1 + math.cos(math.pi * step / steps)) / 2
            x = torch.as_tensor(features(batch, chosen[batch]), device=device)
            total += step_heads(
                heads,
                optimizer,
                loss,
                x,
                torch.as_tensor(rows.target[batch], device=device),
                seed + 7919 * step,
            )
        pred = predict_heads(heads, lambda use: features(use, 0), validation, device)
        score = hm_of(rows, pred, validation) if len(validation) else [math.nan] * len(rows.sizes)
        state["best"], state["score"] = keep_best(heads, state["best"], state["score"], score)
        state["history"].append({"epoch": epoch + 1, "loss": total / len(groups), "hm": score})
        log(
            epoch=epoch + 1,
            loss=total / len(groups),
            validation=float(np.nanmean(score)) if len(validation) else "-",
        )
        state |= {
            "epoch": epoch + 1,
            "heads": heads.state_dict(),
            "optimizer": optimizer.state_dict(),
        }
        save_checkpoint(checkpoint, key=key, **state)
        check_time_limit(run)
    return state["best"], state["history"]


def step_heads(heads, optimizer, loss, x, target, seed: int) -> float:
    """One AdamW step of every head that has a labelled row in the batch; the others do not move.
    Gives the mean loss."""
    import torch

    optimizer.zero_grad(set_to_none=True)
    losses = []
    for a in range(target.shape[1]):
        known = target[:, a] >= 0
        if known.any():
            torch.manual_seed(
                seed + 104729 * a
            )  # dropout of this head, whatever the other heads draw
            one = loss.of(a, heads.one(a, x[known]), target[known, a]) / known.sum()
            one.backward()
            losses.append(one.detach())
    optimizer.step()
    return float(torch.stack(losses).mean()) if losses else 0.0


def keep_best(
    heads, best: dict, before: list[float], score: list[float]
) -> tuple[dict, list[float]]:
    """The best state and score of each head so far; a head without a score keeps its newest."""
    now = {key: value.detach().cpu().clone() for key, value in heads.state_dict().items()}
    better = [math.isnan(new) or new > old for old, new in zip(before, score, strict=True)]
    best = {
        key: now[key] if better[int(key.split(".")[1])] else best[key] for key in now
    }  # keys are heads.<a>.<...>
    return best, [
        new if b and not math.isnan(new) else old
        for old, new, b in zip(before, score, better, strict=True)
    ]


def hm_of(rows, pred: np.ndarray, use: np.ndarray) -> list[float]:
    """HM of each attribute (a,) of probabilities (m, K) for the rows `use` (m,); nan where none of
    them is labelled."""
    answer = rows.task.answer(pred, rows.outputs)
    table = rows.task.table(answer, rows.target[use], rows.outputs)
    return [scores["hm"] for scores in table.values()]


def predict_heads(heads, features, use, device, batch: int = 512) -> np.ndarray:
    """Probabilities (m, K) float32 for row numbers `use` (m,)."""
    import torch

    from networks.losses import probabilities

    heads.eval()
    out = [np.zeros((0, sum(heads.sizes)), np.float32)]
    with torch.inference_mode():
        for i in range(0, len(use), batch):
            x = torch.as_tensor(features(use[i : i + batch]), device=device)
            out.append(
                probabilities(
                    torch.cat([heads.one(a, x) for a in range(len(heads.sizes))], 1), heads.sizes
                )
                .cpu()
                .numpy()
            )
    return np.concatenate(out)
