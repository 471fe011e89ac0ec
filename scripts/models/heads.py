"""heads (T2): all attribute heads of a fold, or the one of a number, trained together on cached
features of a frozen network.

in: features (d,) or a map (d, h, w) of a saree's image
out: probabilities of its classes, e.g. color: blue .7, red .2, green .1; pattern: ...
in: those of the image of a bag of rice → out: log1p price 3.1

Each head sees the labelled rows of every batch, has its own dropout draws, loss and best epoch, and
shares no parameter with the others: the result is exactly that of training it alone on its labelled
rows, at the cost of one pass.
"""

import math
from typing import Literal

import numpy as np

from common.errors import UserError
from common.files import evict
from common.questions import CLASSES, NUMBER
from common.sections import Count, CountOrZero, NonNegative, Positive, Share
from features.store import names_file, read_features
from networks.learner import Learner, copy_state
from networks.objectives import objective_of
from networks.settings import Loss, SmoothL1, Training

ANSWERS = (CLASSES, NUMBER)
EVIDENCE = ("image",)
NEEDS_IMAGE = True
NETWORK = True
PREDICT_SETTINGS = ("infer",)
MOMENT_ROWS = 20_000  # enough for a mean and a standard deviation


class Settings(Loss, SmoothL1):
    """T2: all attribute heads together on cached features, each keeping its own best epoch."""

    # trunk of net_<fold> with its heads to go on from, or the encoders' features
    source: Literal["net", "encoders"] = "net"
    hidden: CountOrZero = 512  # of a new head on encoders' features; 0 = linear
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


def weights(config):
    is_pretrained = config.heads.source == "encoders" and config.features.pretrained
    return list(config.features.encoders) if is_pretrained else []


def clean_up(job, k):
    """The maps of a trained trunk, 14 GB a fold at 512 pixels, have served: heads_<k> was their
    only reader."""
    if job.config.heads.source == "net":
        features = job.paths.features(f"net_{k}")
        evict(features)
        names_file(features).unlink(missing_ok=True)


class Features:
    """The features of every row: of all encoders side by side, or a net's maps.

    position (n,): each row's place in the files, -1 where it has none. views: how many views of an
    image there are; the plain one is the first.
    """

    def __init__(self, job, k: int, rows):
        files = [job.paths.features(source) for source in sources(job.config, k)]
        self.arrays, self.position = read_features(files, rows.image)
        self.d = sum(array.shape[2] for array in self.arrays)
        self.views = self.arrays[0].shape[1]

    def take(self, idx: np.ndarray, view) -> np.ndarray:
        """float32 (b, d) or (b, d, h, w) of the rows idx (b,) in a view: a number, or (b,)."""
        position = self.position[idx]
        x = np.concatenate([array[position, view] for array in self.arrays], 1)
        return x.astype(np.float32)

    def moments(self, idx: np.ndarray):
        """Mean and standard deviation (d,) of the plain view over the rows idx (m,), as tensors."""
        import torch

        # the first in the files, in their order
        order = np.argsort(self.position[idx], kind="stable")
        sample_idx = idx[order[:MOMENT_ROWS]]
        x = self.take(sample_idx, 0)

        mean = x.mean(0)
        std = x.std(0) + 1e-3
        return torch.as_tensor(mean), torch.as_tensor(std)


class HeadsLearner(Learner):
    """A HeadSet on features. It saves one network, whose heads are each of its own best epoch.

    features: has take(idx, view) and views, as Features; seed: of the drawn views and the dropout;
    train_idx: as Learner's; views: over which predict averages.
    """

    predict_batch = 512
    MIXED_PRECISION = False
    STEP_OFFSET = 0.0
    SCORED_BEFORE = True  # heads of T1 may be better than what a few epochs make of them

    def __init__(
        self, net, features, settings, rows, run, device, seed=0, train_idx=None, views: int = 1
    ):
        training = Training(
            epochs=settings.epochs,
            batch=settings.batch,
            lr=settings.lr,
            weight_decay=settings.weight_decay,
            warmup=0,
            clip=0,
        )
        super().__init__(net.to(device), training, rows, run, device)
        self.objective = objective_of(rows, settings, device, train_idx)
        self.features = features
        self.seed = seed
        self.views = views

    def parameters(self):
        group = {
            "params": list(self.net.parameters()),
            "lr": self.settings.lr,
            "weight_decay": self.settings.weight_decay,
        }
        return [group]

    def load(self, batches, epoch, first):
        """Yield the features of each batch, each row in a view drawn for the epoch."""
        # drawn for all rows: a run that goes on inside an epoch draws the same
        rng = np.random.default_rng([self.seed, epoch, 1])
        n_rows = len(self.rows.id)
        view = rng.integers(0, self.features.views, n_rows)

        for batch in batches[first:]:
            batch_view = view[batch]
            yield self.tensor(batch, batch_view)

    def read(self, groups):
        """Yield the features of each group, a list of its views."""
        for group in groups:
            yield [self.tensor(group, view) for view in range(self.views)]

    def tensor(self, idx: np.ndarray, view):
        """The features of the rows idx (b,) on the device."""
        import torch

        x = self.features.take(idx, view)
        return torch.as_tensor(x, device=self.device)

    def loss(self, forward, data, part, batch, step):
        """The losses (heads,) of the heads with a labelled row in the batch; the others get no
        gradient, and AdamW does not move them."""
        import torch

        batch_target = self.objective.target[batch].to(self.device)
        counts = (batch_target >= 0).sum(0)
        with_labels = torch.nonzero(counts)[:, 0]

        x = data[part]
        target = batch_target[part]

        losses = []
        for a in with_labels.tolist():
            is_labelled = target[:, a] >= 0
            head_x = x[is_labelled]
            head_target = target[is_labelled, a]

            # dropout of this head, whatever the other heads draw
            seed = self.seed + 7919 * step + 104729 * a + part.start
            torch.manual_seed(seed)
            logits = self.net.attribute_logits(a, head_x)

            loss = self.objective.output_loss(a, logits, head_target)
            losses.append(loss / counts[a])

        if not losses:
            # a leaf of its own: backward has something to start at, and no head gets a gradient
            return torch.zeros(1, device=self.device, requires_grad=True)

        return torch.stack(losses)

    def answer(self, net, data):
        """The predictions (b, K), the mean over the views."""
        import torch

        by_view = []
        for x in data:
            logits = [net.attribute_logits(a, x) for a in range(len(self.rows.sizes))]
            output = torch.cat(logits, 1)
            by_view.append(self.objective.answer(output))

        return torch.stack(by_view).mean(0)

    def evaluate(self, net, val_idx):
        """The task's score of each head on the validation rows; nan where none of them is
        labelled."""
        rows = self.rows
        if not len(val_idx):
            return [math.nan] * len(rows.sizes)

        pred = self.predict(net, val_idx)
        answer = rows.task.answer(pred, rows.outputs)

        target = rows.target[val_idx]
        table = rows.task.table(answer, target, rows.outputs)
        return [scores[rows.task.SCORE] for scores in table.values()]

    def keep_best(self, state, net, score):
        """Keep each head where its own score is the best so far; without a score, the newest."""
        if state.best_score is None:
            worst = -math.inf if self.mode == "max" else math.inf
            state.best_score = [worst] * len(score)

        weights = copy_state(net)
        for a, new in enumerate(score):
            prefix = f"heads.{a}."
            head = {key: weights[key] for key in weights if key.startswith(prefix)}

            if math.isnan(new):
                state.best.update(head)

            if self.is_better(new, state.best_score[a]):
                state.best.update(head)
                state.best_score[a] = new

    def shown(self, score):
        if np.isnan(score).all():
            return "-"

        return float(np.nanmean(score))


def build(job, k: int, rows, features: Features):
    """A HeadSet for these features: on the maps of net_<k> its own heads as it left them, on
    encoders' features new MLPs."""
    from networks.attributes import HeadSet
    from networks.weights import load_strict, read_weights

    sizes = rows.sizes

    settings = job.config.heads
    if settings.source == "encoders":
        return HeadSet(features.d, sizes, "mlp", settings.hidden, settings.dropout)

    net = job.config.net
    heads = HeadSet(features.d, sizes, net.head, net.width)

    file = job.paths.model(f"net_{k}")
    weights = read_weights(file)
    state = {key: weights[key] for key in weights if key.startswith("heads.")}
    load_strict(heads, state, file)
    return heads


def fit(job, k: int, rows, file) -> dict:
    """Train heads_<k> outside fold k and write each head's best weights. Returns the history: the
    loss, and HM of each attribute or the score of the number, by epoch."""
    from networks.attributes import last_linear
    from networks.training import fit_network

    config, settings = job.config, job.config.heads
    features = Features(job, k, rows)

    train_idx = with_features(rows.training(k), features)
    if not len(train_idx):
        raise UserError(
            f"heads_{k} has no labelled row with features to train on; look at {job.paths.images}"
        )

    val_idx = with_features(rows.validating(k), features)

    def make_learner(device):
        heads = build(job, k, rows, features)
        if settings.source == "encoders":
            mean, std = features.moments(train_idx)
            for head in heads.heads:
                head.mean.copy_(mean)
                head.std.copy_(std)

        learner = HeadsLearner(
            heads,
            features,
            settings,
            rows,
            config.run,
            device,
            seed=config.data.seed * 1000 + k,
            train_idx=train_idx,
        )
        # the head of a net goes on from where the net left it
        if rows.task.ASKS == NUMBER and settings.source == "encoders":
            learner.objective.start(last_linear(heads.heads[0]))

        return learner

    record = fit_network(job, "heads", k, make_learner, train_idx, val_idx, file)
    history = []
    for entry in record["history"]:
        scores = entry["score"]
        kept = {"score": scores[0]} if rows.task.ASKS == NUMBER else {"hm": scores}
        history.append({"epoch": entry["epoch"], "loss": entry["loss"], **kept})

    return {"history": history, "outputs": rows.outputs}


def with_features(idx: np.ndarray, features: Features) -> np.ndarray:
    """The row numbers of idx (m,) whose image has features."""
    return idx[features.position[idx] >= 0]


def predict(job, k: int, rows, idx) -> np.ndarray:
    """Probabilities or log1p of the number (m, K) for the rows idx (m,), the mean over the image
    and, with infer.flip, its mirror image."""
    from networks.training import predict_network

    config = job.config
    features = Features(job, k, rows)
    n_views = 2 if config.infer.flip else 1
    views = min(features.views, n_views)

    def make_learner(device):
        heads = build(job, k, rows, features)
        settings = config.heads
        return HeadsLearner(
            heads,
            features,
            settings,
            rows,
            config.run,
            device,
            views=views,
        )

    return predict_network(job, "heads", k, make_learner, idx)
