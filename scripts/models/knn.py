"""knn: vote of the nearest training rows in frozen encoders' space; nothing is trained."""

import numpy as np

from common.log import progress
from common.questions import CLASSES
from common.sections import Count, Positive, Section
from features.store import read_features
from networks.device import use_device

ANSWERS = (CLASSES,)
NEEDS_IMAGE = True
NETWORK = True
PREDICT_SETTINGS = ("knn", "infer")


class Settings(Section):
    """Vote of the nearest training rows in the encoders' space."""

    k: Count = 10
    temperature: Positive = 0.08  # a neighbour's weight is exp(cosine / temperature)


def inputs(config, paths, k):
    return [paths.images, *map(paths.features, config.features.encoders)]


def weights(config):
    return list(config.features.encoders) if config.features.pretrained else []


def predict(job, k: int, rows, idx) -> np.ndarray:
    """Probabilities (m, K) for the rows `idx` (m,): per attribute the shares of the votes of its
    knn.k nearest labelled rows outside fold k, each with weight exp(cosine / temperature)."""
    import torch

    settings = job.config.knn
    arrays, row = read_features(
        [job.paths.features(e) for e in job.config.features.encoders], rows.image
    )
    known = np.flatnonzero((rows.fold >= 0) & (rows.fold != k) & (row >= 0))
    target = torch.as_tensor(rows.target[known])
    with use_device(job.config.run) as device:
        space = torch.as_tensor(unit(arrays, row[known], job.config.infer.flip), device=device)
        queries = torch.as_tensor(unit(arrays, row[idx], job.config.infer.flip), device=device)
        out = []
        for part in progress(queries.split(1024), "neighbours"):
            cosine = part @ space.T
            out.append(
                torch.cat(
                    [
                        vote(cosine, target[:, a].to(device), size, settings)
                        for a, size in enumerate(rows.sizes)
                    ],
                    1,
                ).cpu()
            )
    return torch.cat(out).numpy()


def unit(arrays, row, flip: bool) -> np.ndarray:
    """Features (m, d) of the rows, all encoders side by side, each encoder's standardised column by
    column, then of length 1."""
    parts = []
    for array in arrays:
        x = array[row, : 2 if flip else 1].astype(np.float32).mean(1)
        some = array[:4096, 0].astype(
            np.float32
        )  # pictures in the order of their names: as good as any
        x = (x - some.mean(0)) / (some.std(0) + 1e-3)
        parts.append(x / np.linalg.norm(x, axis=1, keepdims=True).clip(1e-9) / len(arrays) ** 0.5)
    return np.concatenate(parts, 1)


def vote(cosine, target, classes: int, settings):
    """Shares (b, classes) of the votes of the nearest labelled rows; cosine (b, n), target (n,), -1
    where not labelled."""
    import torch

    labelled = torch.nonzero(target >= 0)[:, 0]
    near, at = cosine[:, labelled].topk(min(settings.k, len(labelled)), 1)
    weight = ((near - near[:, :1]) / settings.temperature).exp()
    votes = torch.zeros(len(cosine), classes, device=cosine.device).scatter_add_(
        1, target[labelled][at], weight
    )
    votes += 1 / classes / settings.k  # so that no class is impossible
    return votes / votes.sum(1, keepdim=True)
