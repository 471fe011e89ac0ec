"""clip (V1): CLIP or SigLIP trained in its last layers on picture and text together, wide and deep
head; one per fold."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from common.log import log, progress
from common.processes import cores
from common.questions import NUMBER
from common.sections import Count, NonNegative, Positive, Share
from images.cache import batches, load_pictures
from networks.device import autocast, precision, use_device
from networks.distributed import all_gather_rows, shard
from networks.settings import Training

ANSWERS = (NUMBER,)
NETWORK = True
DISTRIBUTED = True


class Settings(Training):
    """V1: CLIP trained in its last layers, tokens of either side attending to the other's, wide and
    deep head."""

    model: str = "openai/clip-vit-base-patch32"
    layers: Count = 1  # of either encoder that are trained, from its end, with the projections
    width: Count = 512  # of the wide layer and of the deep blocks
    blocks: Count = 2  # of the deep side
    dropout: Share = 0.1
    alpha: Annotated[float, Field(ge=0, le=1)] = (
        0.5  # loss = (1 - alpha) Huber + alpha SMAPE / 200, SMAPE on prices
    )
    target: Literal["log", "standard"] = (
        "log"  # Huber on log1p, or on the price less its mean in standard deviations
    )
    epochs: Count = 10
    batch: Count = 64
    lr: Positive = 1e-7  # of CLIP's last layers
    head_lr: NonNegative = 1e-5  # of what is new; 0 = lr


def inputs(config, paths, k):
    return [paths.images]


def weights(config):
    return [f"image:{config.clip.model}"]


class Reader:
    """The rows as the network reads them: uint8 pictures from the cache, token ids; flags where
    either is missing."""

    def __init__(self, job, rows, clip, processor, tokenizer, device):
        self.cache, self.position = load_pictures(job, rows)
        self.clip, self.processor, self.device, self.workers = (
            clip,
            processor,
            device,
            job.config.run.workers or cores(),
        )
        length = clip.config.text_config.max_position_embeddings
        tokens = tokenizer(
            [text.lower() or " " for text in rows.text],
            padding="max_length",
            truncation=True,
            max_length=length,
            return_attention_mask=True,
            return_tensors="np",
        )
        self.ids, self.mask = tokens["input_ids"], tokens["attention_mask"]
        self.has_text = np.array([bool(text) for text in rows.text])

    def load(self, groups):
        """For each group of row numbers (b,), as arrays: the pictures there are (m, s, s, 3),
        has_image (b,), ids, mask, has_text."""
        seen = [self.position[group] for group in groups]
        pictures = batches(self.cache, [position[position >= 0] for position in seen], self.workers)
        for group, position, found in zip(groups, seen, pictures, strict=True):
            yield found, position >= 0, self.ids[group], self.mask[group], self.has_text[group]

    def inputs(self, data, part: slice = slice(None)):
        """What the network takes, on the device; a missing picture is grey, and flagged."""
        import torch

        from networks.encoders import on_device

        found, has_image, *rest = data
        place = np.cumsum(has_image) - 1
        own = has_image[part]
        size = self.clip.config.vision_config.image_size
        pixels = torch.zeros(len(own), 3, size, size, device=self.device)
        if own.any():
            pixels[torch.as_tensor(own, device=self.device)] = self.processor(
                images=on_device(found[place[part][own]], self.device),
                device=self.device,
                return_tensors="pt",
            )["pixel_values"].to(self.device)
        ids, mask, has_text = (torch.as_tensor(x[part], device=self.device) for x in rest)
        return pixels, torch.as_tensor(own, device=self.device), ids, mask, has_text


def fit(job, k: int, rows, file) -> dict:
    """Train clip_<k> on the rows outside fold k and write its best weights. Gives the history and
    the target's moments."""
    import torch

    from networks.losses import smape_loss
    from networks.training import Trainer, decay_groups
    from networks.weights import save_weights

    settings, run, seed = job.config.clip, job.config.run, job.config.data.seed
    train, validation = rows.training(k), rows.validating(k)
    scale = Scale(rows.target[train, 0], settings.target)
    target = torch.as_tensor(rows.target[:, 0], dtype=torch.float32)
    with use_device(run) as device:
        torch.manual_seed(seed + k)
        net, reader, weights = build(job, rows, device, pretrained=True)
        log(
            member=f"clip_{k}",
            train=len(train),
            validation=len(validation),
            trained=sum(p.numel() for p in net.parameters() if p.requires_grad),
        )

        def loss(forward, data, part, batch, step):
            z = forward(*reader.inputs(data, part))[:, 0].float()
            idx = target[shard(batch)][part].to(device)
            huber = torch.nn.functional.huber_loss(z, scale.of(idx), reduction="sum")
            smape = smape_loss(scale.price(z), torch.expm1(idx))
            return ((1 - settings.alpha) * huber + settings.alpha * smape) / len(batch)

        groups = decay_groups(net.clip, settings.lr, settings.weight_decay)
        for new in (net.cross, net.deep, net.wide, net.head):
            groups += decay_groups(new, settings.head_lr or settings.lr, settings.weight_decay)
        trainer = Trainer(
            net,
            groups,
            settings,
            run,
            device,
            seed * 1000 + k,
            job.paths.checkpoint(f"clip_{k}"),
            job.key(job.paths.model(f"clip_{k}")),
            rows.task.MODE,
        )
        best, history = trainer.fit(
            train,
            lambda groups, epoch, first: reader.load([shard(group) for group in groups[first:]]),
            loss,
            lambda net: (
                rows.score(
                    all_gather_rows(answers(net, reader, shard(validation), scale, run, device)),
                    validation,
                )
                if len(validation)
                else None
            ),
        )
        save_weights(best | scale.state(), file)
    return {"history": history, "weights": weights}


class Scale:
    """Between the network's output and prices: log1p less its mean in standard deviations, or the
    price itself likewise."""

    def __init__(self, target: np.ndarray, kind: str):
        value = target if kind == "log" else np.expm1(target)
        self.kind, self.mean, self.std = kind, float(value.mean()), float(value.std()) or 1.0

    def of(self, log_price):
        """What the network should give (b,) for log1p prices (b,)."""
        import torch

        return (
            (log_price if self.kind == "log" else torch.expm1(log_price)) - self.mean
        ) / self.std

    def price(self, z):
        """The price (b,) of the network's output (b,); where it is of no price, negative as the
        output has it."""
        import torch

        value = z * self.std + self.mean
        return torch.expm1(value.clamp(max=15)) if self.kind == "log" else value

    def state(self) -> dict:
        import torch

        return {"scale": torch.tensor([self.mean, self.std], dtype=torch.float64)}


def predict(job, k: int, rows, idx) -> np.ndarray:
    """log1p prices (m, 1) of the rows `idx` (m,)."""
    from networks.weights import load_strict, read_weights

    file = job.paths.model(f"clip_{k}")
    with use_device(job.config.run) as device:
        net, reader, _ = build(job, rows, device, pretrained=False)
        state = read_weights(file)
        scale = Scale(np.zeros(1), job.config.clip.target)
        scale.mean, scale.std = state.pop("scale").tolist()
        load_strict(net, state, file)
        return answers(net, reader, idx, scale, job.config.run, device)


def build(job, rows, device, pretrained: bool):
    """A ClipFusion on the device, its Reader, and its first weights by name for the record."""
    from networks.cross_attention import ClipFusion
    from networks.finetune import load_clip

    settings = job.config.clip
    clip, processor, tokenizer, weights = load_clip(
        settings.model, job.config.run.weights, pretrained
    )
    return (
        ClipFusion(clip, settings).to(device),
        Reader(job, rows, clip, processor, tokenizer, device),
        weights,
    )


def answers(net, reader: Reader, use, scale: Scale, run, device, batch: int = 64) -> np.ndarray:
    """log1p prices (m, 1) float32 of row numbers `use` (m,)."""
    import torch

    net.eval()
    groups, out = (
        [use[i : i + batch] for i in range(0, len(use), batch)],
        [np.zeros((0, 1), np.float32)],
    )
    with torch.inference_mode(), autocast(device, precision(run, device)):
        for data in progress(reader.load(groups), "rows", len(groups)):
            price = scale.price(net(*reader.inputs(data)).float())
            out.append(torch.log1p(price.clamp(min=0)).cpu().numpy())
    return np.concatenate(out)
