"""net (T1): one image network per fold, trained end to end, an attention head per attribute."""
import numpy as np

from common.device import autocast, device, precision
from common.images import batches
from common.io import log, progress
from common.rows import load_pictures

FIT, SETTINGS, INFER = "04_train_fold", ("net",), ("infer",)


def inputs(config, paths, k):
    return [paths.images]


def weights(config):
    return [config.net.backbone] if config.net.pretrained else []


def fit(job, k: int, rows, file) -> dict:
    """Train net_<k> outside fold k and write its best weights. Gives history, priors and where the first weights came from."""
    import torch

    from common.augment import augmenter
    from common.networks import MaskedLoss, mmd, normalised
    from common.training import Trainer
    from common.weights import save_weights

    config, settings, run = job.config, job.config.net, job.config.run
    cache, position = load_pictures(job, rows)
    train, dev = (use[position[use] >= 0] for use in (rows.fitting(k, dev=False), rows.fitting(k, dev=True)))
    if settings.rows == "complete":
        train = train[(rows.target[train] >= 0).all(1)]
    unlabelled = position[(rows.fold < 0) & (position >= 0)]
    log(member=f"net_{k}", train=len(train), dev=len(dev), unlabelled=len(unlabelled) if settings.mmd else 0)

    with device(run) as where:
        torch.manual_seed(config.data.seed + k)
        net, source = build(settings, run, rows.sizes, pretrained=settings.pretrained)
        net.to(where, memory_format=torch.channels_last)
        prior = rows.task.priors(rows.target[train], rows.outputs)
        masked = MaskedLoss(rows.sizes, prior, settings).to(where)
        trainer = Trainer(net, groups(net, settings), settings, run, where, config.data.seed * 1000 + k,
                          job.paths.checkpoint(f"net_{k}"), job.key(job.paths.model(f"net_{k}")))
        size = settings.size or config.images.size

        def others(number: int, n: int) -> np.ndarray:
            """Pictures (n,) of test rows for step `number`, labels unseen."""
            return np.random.default_rng([config.data.seed, k, number]).choice(unlabelled, n)

        def load(batch_rows, epoch, first):
            steps = len(batch_rows)
            groups = [np.concatenate([position[b], others(epoch * steps + g, len(b) if settings.mmd else 0)])
                      for g, b in enumerate(batch_rows)][first:]
            change = augmenter(settings.augment, config.images.size, (config.data.seed, k, epoch), first)
            return batches(cache, groups, run.workers, change)

        def loss(forward, pictures, part, batch, number):
            target = torch.as_tensor(rows.target[batch], device=where)
            own, theirs = pictures[:len(batch)][part], pictures[len(batch):][part]
            x = normalised(np.concatenate([own, theirs]), net.backbone, where, size)
            logits, features = forward(x)
            total = masked(logits[:len(own)], target[part], (target >= 0).sum(0))
            if settings.mmd:
                total = total + settings.mmd * mmd(features[:len(own)], features[len(own):]) * len(own) / len(batch)
            return total

        def evaluate(module):
            return rows.score(predict_pictures(module, cache, position[dev], rows.sizes, config, where, size), dev) if len(dev) else None

        best, history = trainer.fit(train, load, loss, evaluate, rarity_weights(rows, train, prior, settings.sampling))
        save_weights(best, file)
    return {"history": history, "prior": prior.tolist(), "weights": source, "outputs": rows.outputs}


def predict(job, k: int, rows, wanted) -> np.ndarray:
    """Probabilities (m, K) for the rows `wanted` (m,), all with pictures."""
    import torch

    config = job.config
    cache, position = load_pictures(job, rows)
    with device(config.run) as where:
        net = load(job, k, rows).to(where, memory_format=torch.channels_last)
        return predict_pictures(net, cache, position[wanted], rows.sizes, config, where, config.net.size or config.images.size)


def load(job, k: int, rows):
    """net_<k> with its trained weights, in eval mode."""
    from common.weights import load_strict, read_weights

    file = job.paths.model(f"net_{k}")
    net, _ = build(job.config.net, job.config.run, rows.sizes, pretrained=False)
    load_strict(net, read_weights(file), file)
    return net.eval()


def build(settings, run, sizes, pretrained: bool):
    """An AttributeNet, and the weights it starts from by name, for the record."""
    from common.networks import AttributeNet, create_backbone

    backbone, source = create_backbone(settings.backbone, pretrained, run.weights)
    return AttributeNet(backbone, sizes, settings.head, settings.width), source


def groups(net, settings) -> list[dict]:
    """AdamW groups: the backbone's layers with lr falling by layer_decay, conv and heads at head_lr; no decay on biases and norms."""
    from timm.optim import param_groups_layer_decay, param_groups_weight_decay

    layers = param_groups_layer_decay(net.backbone, settings.weight_decay, layer_decay=settings.layer_decay)
    found = [{"params": g["params"], "weight_decay": g["weight_decay"], "lr": settings.lr * g["lr_scale"]} for g in layers]
    for module in (net.reduce, net.heads):
        found += [g | {"lr": settings.head_lr or settings.lr} for g in param_groups_weight_decay(module, settings.weight_decay)]
    return found


def rarity_weights(rows, train, prior, power: float):
    """Drawing weights (n,) of the training rows: (frequency of the rarest class that a row is labelled with)^-power; None for power 0."""
    if not power:
        return None
    starts = np.cumsum([0] + rows.sizes[:-1])
    rarest = np.where(rows.target[train] >= 0, prior[starts + rows.target[train]], 1).min(1)
    return rarest ** -power


def predict_pictures(net, cache, positions, sizes, config, where, size: int) -> np.ndarray:
    """Probabilities (m, K) float32 of the pictures at `positions` (m,), averaged with their mirror images when infer.flip."""
    import torch

    from common.networks import normalised, probabilities

    net.eval()
    step, dtype, out = config.run.infer_batch, precision(config.run, where), []
    groups = [positions[i:i + step] for i in range(0, len(positions), step)]
    with torch.inference_mode(), autocast(where, dtype):
        for pictures in progress(batches(cache, groups, config.run.workers), "pictures", len(groups)):
            x = normalised(pictures, net.backbone, where, size)
            pred = probabilities(net(x)[0], sizes)
            if config.infer.flip:
                pred = (pred + probabilities(net(x.flip(3))[0], sizes)) / 2
            out.append(pred.cpu().numpy())
    return np.concatenate(out) if out else np.zeros((0, sum(sizes)), np.float32)
