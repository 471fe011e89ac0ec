"""knn: vote of the nearest training rows in frozen encoders' space, or the mean of their numbers;
nothing is trained.

in: features of a saree's image, those of the training rows and their labels
out: probabilities of its classes, e.g. color: blue .7, red .2, green .1; pattern: ...
in: features of the image of a bag of rice, those of the training rows and their prices
out: log1p price 3.1
"""

import numpy as np

from common.log import progress
from common.questions import CLASSES, NUMBER
from common.sections import Count, Positive, Section
from common.vectors import unit_rows
from features.store import read_features
from networks.device import use_device

ANSWERS = (CLASSES, NUMBER)
EVIDENCE = ("image",)
NEEDS_IMAGE = True
NETWORK = True
PREDICT_SETTINGS = ("knn", "infer")
SAMPLE = 4096  # training rows whose moments stand for all
PREDICT_BATCH = 1024


class Settings(Section):
    """Vote of the nearest training rows in the encoders' space, or the mean of their numbers."""

    k: Count = 10
    temperature: Positive = 0.08  # a neighbour's weight is exp(cosine / temperature)


def inputs(config, paths, k):
    return [paths.images, *feature_files(config, paths), *training_files(config, paths)]


def feature_files(config, paths) -> list:
    return [paths.features(encoder) for encoder in config.features.encoders]


def training_files(config, paths) -> list:
    """The features of the rows that vote, where they are not those of the rows that ask."""
    return feature_files(config, paths.of("")) if paths.rows else []


def weights(config):
    return list(config.features.encoders) if config.features.pretrained else []


def predict(job, k: int, rows, idx) -> np.ndarray:
    """Predictions (m, K) for the rows idx (m,) by the knn.k nearest labelled rows outside fold k,
    each with weight exp(cosine / temperature): for each attribute the shares of their votes, or the
    mean of log1p of their numbers."""
    import torch

    config = job.config
    flip = config.infer.flip
    arrays, row = read_features(feature_files(config, job.paths), rows.image)
    known_arrays, known_row = read_features(feature_files(config, job.paths.of("")), rows.image)

    # the rows that may vote
    is_known = rows.outside(k) & (known_row >= 0)
    known_idx = np.flatnonzero(is_known)
    known_row = known_row[known_idx]
    moments = [sample_moments(array, known_row) for array in known_arrays]
    known = unit_features(known_arrays, moments, known_row, flip)
    queries = unit_features(arrays, moments, row[idx], flip)

    pred = []
    with use_device(config.run) as device:
        target = torch.as_tensor(rows.target[known_idx], device=device)
        known = torch.as_tensor(known, device=device)
        queries = torch.as_tensor(queries, device=device)

        chunks = queries.split(PREDICT_BATCH)
        for chunk in progress(chunks, "neighbours"):
            cosine = chunk @ known.T  # (b, n)
            columns = []
            for a, size in enumerate(rows.sizes):
                label, weight = nearest(cosine, target[:, a], config.knn)
                if rows.task.ASKS == NUMBER:
                    columns.append(weighted_mean(label, weight))
                else:
                    columns.append(vote(label, weight, size, config.knn.k))

            pred.append(torch.cat(columns, 1).cpu())

    return torch.cat(pred).numpy()


def sample_moments(array, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (d,) of the plain view of the first SAMPLE of the rows, in the
    order of the file."""
    sample = array[np.sort(row)[:SAMPLE], 0].astype(np.float32)
    mean = sample.mean(0)
    deviation = sample.std(0) + 1e-3
    return mean, deviation


def unit_features(arrays, moments, row: np.ndarray, flip: bool) -> np.ndarray:
    """Features (m, d) of the rows, all encoders side by side, each encoder's standardised column by
    column, then of length 1. flip: the mean over the image and its mirror image."""
    views = 2 if flip else 1
    share = len(arrays) ** 0.5  # of the whole length

    sides = []
    for array, (mean, deviation) in zip(arrays, moments, strict=True):
        # the mean over the views
        x = array[row, :views].astype(np.float32)
        x = x.mean(1)

        standardised = (x - mean) / deviation
        sides.append(unit_rows(standardised) / share)

    return np.concatenate(sides, 1)


def nearest(cosine, target, settings):
    """Labels and weights (b, k) of the nearest labelled rows; cosine (b, n), target (n,), -1 where
    not labelled."""
    import torch

    labelled = torch.nonzero(target >= 0)[:, 0]
    k = min(settings.k, len(labelled))
    cosine = cosine[:, labelled]
    highest, neighbour = cosine.topk(k, 1)  # (b, k)

    # less the nearest's cosine, which changes no share
    below = highest - highest[:, :1]
    exponent = below / settings.temperature
    return target[labelled][neighbour], exponent.exp()


def vote(label, weight, classes: int, k: int):
    """Shares (b, classes) of the votes of the neighbours' labels and weights (b, k)."""
    import torch

    votes = torch.zeros(len(label), classes, device=label.device)
    votes.scatter_add_(1, label, weight)

    votes += 1 / classes / k  # so that no class is impossible
    total = votes.sum(1, keepdim=True)
    return votes / total


def weighted_mean(number, weight):
    """Weighted mean (b, 1) of the neighbours' numbers (b, k)."""
    share = weight / weight.sum(1, keepdim=True)
    return (number * share).sum(1, keepdim=True).float()
