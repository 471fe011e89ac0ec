"""clip (V1): CLIP or SigLIP trained in its last layers on image and text together; one a fold.

in: the image, and "Basmati rice 5 kg" → out: log1p price 3.1
"""

from functools import cached_property
from typing import Annotated

import numpy as np
from pydantic import Field

from common.processes import cores
from common.questions import NUMBER
from common.sections import Count, NonNegative, Positive, Share
from images.cache import batches, open_cache
from networks.learner import NumberLearner, decay_groups
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
    # loss = (1 - alpha) Huber on log1p prices + alpha SMAPE / 200 on prices
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.5
    epochs: Count = 10
    batch: Count = 64
    lr: Positive = 1e-7  # of CLIP's last layers
    head_lr: NonNegative = 1e-5  # of what is new; 0 = lr


def inputs(config, paths, k):
    return [paths.images]


def weights(config):
    return [f"image:{config.clip.model}"]


class Clip(NumberLearner):
    """A ClipFusion, and the images and token ids of every row. It gives log1p prices in standard
    deviations from the mean.

    moments: mean and standard deviation of the training rows' log1p prices; None: they are loaded
    with the weights, which are then random at first.
    """

    def __init__(self, job, rows, device, moments: tuple[float, float] | None):
        import torch

        from networks.cross_attention import ClipFusion
        from networks.finetune import load_clip

        settings = job.config.clip
        run = job.config.run
        is_pretrained = moments is not None
        loaded = load_clip(settings.model, run.weights, is_pretrained)
        clip, self.processor, tokenizer, source = loaded

        # the scale is saved and loaded with the weights
        net = ClipFusion(clip, settings)
        scale = torch.tensor(moments or (0.0, 1.0), dtype=torch.float64)
        net.register_buffer("scale", scale)
        net.to(device)
        super().__init__(net, settings, rows, run, device)
        self.record = {"weights": source}

        self.cache, self.position = open_cache(job, rows)
        self.workers = run.workers or cores()

        max_length = clip.config.text_config.max_position_embeddings
        self.ids, self.mask = tokenize(tokenizer, rows.text, max_length)
        self.has_text = np.array([bool(text) for text in rows.text])

    def parameters(self):
        settings = self.settings
        decay = settings.weight_decay
        head_lr = settings.head_lr or settings.lr

        net = self.net
        groups = decay_groups(net.clip, settings.lr, decay)
        for new in (net.cross, net.deep, net.wide, net.head):
            groups += decay_groups(new, head_lr, decay)

        return groups

    def read(self, groups):
        """Yield, as arrays, the images that there are (m, s, s, 3), has_image (b,), ids and mask
        (b, t), has_text (b,)."""
        positions = []
        for group in groups:
            position = self.position[group]
            is_there = position >= 0
            positions.append(position[is_there])

        images_of_groups = batches(self.cache, positions, self.workers)
        for group, images in zip(groups, images_of_groups, strict=True):
            has_image = self.position[group] >= 0
            yield (
                images,
                has_image,
                self.ids[group],
                self.mask[group],
                self.has_text[group],
            )

    def inputs(self, data, part):
        """What the network takes, on the device; a missing image is grey, and flagged."""
        import torch

        images, has_image, *text = data

        # of each row's image among those that there are
        number = np.cumsum(has_image) - 1
        part_has_image = has_image[part]
        numbers = number[part][part_has_image]

        size = self.net.clip.config.vision_config.image_size
        flags = torch.as_tensor(part_has_image, device=self.device)
        pixels = torch.zeros(len(flags), 3, size, size, device=self.device)

        if len(numbers):
            part_images = images[numbers]
            pixels[flags] = self.pixels(part_images)

        inputs = [pixels, flags]
        for array in text:
            tensor = torch.as_tensor(array[part], device=self.device)
            inputs.append(tensor)

        return inputs

    def pixels(self, images: np.ndarray):
        """Images uint8 (m, s, s, 3) as CLIP's processor makes them: (m, 3, size, size)."""
        from networks.encoders import on_device

        processed = self.processor(
            images=on_device(images, self.device),
            device=self.device,
            return_tensors="pt",
        )
        return processed["pixel_values"].to(self.device)

    @cached_property
    def mean_and_std(self) -> list[float]:
        """Of log1p of the training rows' prices: the network's outputs are so scaled. Read once,
        for it waits for the GPU."""
        return self.net.scale.tolist()

    def error(self, output, log1p_price):
        """The loss summed over rows (b,): (1 - alpha) Huber on the scaled log1p price + alpha SMAPE
        of the prices / 200."""
        import torch

        from networks.losses import smape_loss

        mean, std = self.mean_and_std
        expected = (log1p_price - mean) / std
        huber = torch.nn.functional.huber_loss(output, expected, reduction="sum")

        price = torch.expm1(log1p_price)
        smape = smape_loss(self.price(output), price)

        alpha = self.settings.alpha
        return (1 - alpha) * huber + alpha * smape

    def price(self, output):
        """The prices of the network's outputs."""
        import torch

        mean, std = self.mean_and_std
        log1p_price = output * std + mean
        return torch.expm1(log1p_price.clamp(max=15))

    def answer(self, net, data):
        import torch

        price = self.price(super().answer(net, data))
        return torch.log1p(price.clamp(min=0))


def tokenize(tokenizer, texts, max_length: int) -> tuple[np.ndarray, np.ndarray]:
    """Token ids and attention mask (n, max_length) of n texts."""
    tokens = tokenizer(
        [text.lower() or " " for text in texts],
        padding="max_length",
        truncation=True,
        max_length=max_length,
        return_attention_mask=True,
        return_tensors="np",
    )
    return tokens["input_ids"], tokens["attention_mask"]


def fit(job, k: int, rows, file) -> dict:
    """Train clip_<k> on the rows outside fold k and write its best weights. Returns the history and
    the weights that it started from."""
    from networks.training import fit_network

    train_idx = rows.training(k)
    val_idx = rows.validating(k)

    log1p_price = rows.target[train_idx, 0]
    mean = float(log1p_price.mean())
    std = float(log1p_price.std()) or 1.0

    def make_learner(device):
        learner = Clip(job, rows, device, (mean, std))
        n_trained = 0
        for parameter in learner.net.parameters():
            if parameter.requires_grad:
                n_trained += parameter.numel()

        learner.facts = {"trained": n_trained}
        return learner

    return fit_network(job, "clip", k, make_learner, train_idx, val_idx, file)


def predict(job, k: int, rows, idx) -> np.ndarray:
    """log1p prices (m, 1) of the rows idx (m,)."""
    from networks.training import predict_network

    def make_learner(device):
        return Clip(job, rows, device, moments=None)

    return predict_network(job, "clip", k, make_learner, idx)
