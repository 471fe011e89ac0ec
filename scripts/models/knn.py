"""knn: vote of the nearest training rows in frozen encoders' space; nothing is trained.

in: features of a saree's image, those of the training rows and their labels
out: probabilities of its classes, e.g. color: blue .7, red .2, green .1; pattern: ...
"""

import numpy as np

from common.log import progress
from common.questions import CLASSES
from common.sections import Count, Positive, Section
from common.vectors import unit_rows
from features.store import read_features
from networks.device import use_device

ANSWERS = (CLASSES,)
EVIDENCE = ("image",)
NEEDS_IMAGE = True
NETWORK = True
PREDICT_SETTINGS = ("knn", "infer")
SAMPLE = 4096  # images whose moments stand for all
PREDICT_BATCH = 1024


class Settings(Section):
    """Vote of the nearest training rows in the encoders' space."""

    k: Count = 10
    temperature: Positive = 0.08  # a neighbour's weight is exp(cosine / temperature)


def inputs(config, paths, k):
    return [paths.images, *map(paths.features, config.features.encoders)]


def weights(config):
    return list(config.features.encoders) if config.features.pretrained else []


def predict(job, k: int, rows, idx) -> np.ndarray:
    """Probabilities (m, K) for the rows idx (m,): for each attribute the shares of the votes of its
    knn.k nearest labelled rows outside fold k, each with weight exp(cosine / temperature)."""
    import torch

    config = job.config
    flip = config.infer.flip
    files = [job.paths.features(encoder) for encoder in config.features.encoders]
    arrays, row = read_features(files, rows.image)

    # the rows that may vote
    is_known = rows.outside(k) & (row >= 0)
    known_idx = np.flatnonzero(is_known)
    known = unit_features(arrays, row[known_idx], flip)
    queries = unit_features(arrays, row[idx], flip)

    pred = []
    with use_device(config.run) as device:
        target = torch.as_tensor(rows.target[known_idx], device=device)
        known = torch.as_tensor(known, device=device)
        queries = torch.as_tensor(queries, device=device)
        chunks = queries.split(PREDICT_BATCH)

        for chunk in progress(chunks, "neighbours"):
            cosine = chunk @ known.T  # (b, n)
            shares = []
            for a, classes in enumerate(rows.sizes):
                attribute_target = target[:, a]
                share = vote(cosine, attribute_target, classes, config.knn)
                shares.append(share)

            pred.append(torch.cat(shares, 1).cpu())

    return torch.cat(pred).numpy()


def unit_features(arrays, row: np.ndarray, flip: bool) -> np.ndarray:
    """Features (m, d) of the rows, all encoders side by side, each encoder's standardised column by
    column, then of length 1. flip: the mean over the image and its mirror image."""
    views = 2 if flip else 1
    share = len(arrays) ** 0.5  # of the whole length

    sides = []
    for array in arrays:
        # the mean over the views
        x = array[row, :views].astype(np.float32)
        x = x.mean(1)

        # images in the order of their names: as good as any
        sample = array[:SAMPLE, 0].astype(np.float32)
        mean = sample.mean(0)
        deviation = sample.std(0) + 1e-3

        standardised = (x - mean) / deviation
        sides.append(unit_rows(standardised) / share)

    return np.concatenate(sides, 1)


def vote(cosine, target, classes: int, settings):
    """Shares (b, classes) of the votes of the nearest labelled rows; cosine (b, n), target (n,), -1
    where not labelled."""
    import torch

    labelled = torch.nonzero(target >= 0)[:, 0]
    k = min(settings.k, len(labelled))
    cosine = cosine[:, labelled]
    nearest, neighbour = cosine.topk(k, 1)  # (b, k)

    # less the nearest's cosine, which changes no share
    below = nearest - nearest[:, :1]
    exponent = below / settings.temperature
    weight = exponent.exp()

    label = target[labelled][neighbour]  # (b, k)
    votes = torch.zeros(len(cosine), classes, device=cosine.device)
    votes.scatter_add_(1, label, weight)

    votes += 1 / classes / settings.k  # so that no class is impossible
    total = votes.sum(1, keepdim=True)
    return votes / total
