"""clip (V1): CLIP or SigLIP trained in its last layers on image and text together; one a fold.

number    in: the image, and "Basmati rice 5 kg" → out: log1p price 3.1
classes   in: the image, and "Nike Men Blue Shirt"
          out: probabilities of its classes, e.g. gender: men .9, women .1; colour: ...
"""

from functools import cached_property
from typing import Annotated

import numpy as np
from pydantic import Field

from common.processes import cores
from common.questions import CLASSES, NUMBER
from common.sections import Count, NonNegative, Positive, Share
from images.cache import batches, open_cache
from networks.learner import Learner, decay_groups
from networks.objectives import Number
from networks.settings import Loss, Training

ANSWERS = (CLASSES, NUMBER)
EVIDENCE = ("image", "text")
NETWORK = True
DISTRIBUTED = True


class Settings(Loss, Training):
    """V1: CLIP trained in its last layers, tokens of either side attending to the other's, wide and
    deep head."""

    model: str = "openai/clip-vit-base-patch32"
    layers: Count = 1  # of either encoder that are trained, from its end, with the projections
    width: Count = 512  # of the wide layer and of the deep blocks
    blocks: Count = 2  # of the deep side
    dropout: Share = 0.1
    # of a number: loss = (1 - alpha) Huber on log1p prices + alpha SMAPE / 200 on prices
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.5
    epochs: Count = 10
    batch: Count = 64
    lr: Positive = 1e-7  # of CLIP's last layers
    head_lr: NonNegative = 1e-5  # of what is new; 0 = lr


def inputs(config, paths, k):
    return [paths.images]


def weights(config):
    return [f"image:{config.clip.model}"]


class ScaledNumber(Number):
    """log1p prices, which the network gives in standard deviations from the mean of the training
    rows'. This scale is saved and loaded with the weights, as the network's buffer."""

    def __init__(self, net, rows, settings, device, train_idx: np.ndarray | None):
        import torch

        super().__init__(rows, settings, device, train_idx)
        self.net = net
        scale = torch.tensor((0.0, 1.0), dtype=torch.float64, device=device)
        net.register_buffer("scale", scale)

        self.train_log1p_price = None
        if train_idx is not None:
            self.train_log1p_price = rows.target[train_idx, 0]

    def start(self, head):
        """Set the scale, so that an untrained network, whose outputs are near 0, gives the mean."""
        import torch

        mean = float(self.train_log1p_price.mean())
        std = float(self.train_log1p_price.std()) or 1.0
        self.net.scale.copy_(torch.tensor((mean, std), dtype=torch.float64))

    @cached_property
    def mean_and_std(self) -> list[float]:
        """The scale, read once, for it waits for the GPU."""
        return self.net.scale.tolist()

    def error(self, output, log1p_price):
        """The loss of outputs (b,) and log1p prices (b,), summed over rows: (1 - alpha) Huber on
        the scaled log1p price + alpha SMAPE of the prices / 200."""
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
        """The prices of the network's outputs, either of shape (b,) or (b, 1)."""
        import torch

        mean, std = self.mean_and_std
        log1p_price = output * std + mean
        return torch.expm1(log1p_price.clamp(max=15))

    def answer(self, output):
        import torch

        price = self.price(output.float())
        return torch.log1p(price.clamp(min=0))


class Clip(Learner):
    """A ClipFusion, and the images and token ids of every row.

    train_idx: row numbers (m,) that it is trained on; None: its weights are random, and to be
    loaded.
    """

    def __init__(self, job, rows, device, train_idx: np.ndarray | None = None):
        from networks.cross_attention import ClipFusion
        from networks.finetune import load_clip

        settings = job.config.clip
        run = job.config.run
        is_pretrained = train_idx is not None
        loaded = load_clip(settings.model, run.weights, is_pretrained)
        clip, self.processor, tokenizer, source = loaded

        net = ClipFusion(clip, settings, sum(rows.sizes))
        net.to(device)
        super().__init__(net, settings, rows, run, device, train_idx)
        self.record = {"weights": source}

        if rows.task.ASKS == NUMBER:
            self.objective = ScaledNumber(net, rows, settings, device, train_idx)

        self.cache, self.position = open_cache(job, rows)
        self.workers = run.workers or cores()

        texts = rows.text
        if texts is None:
            texts = np.full(len(rows.id), "")

        max_length = clip.config.text_config.max_position_embeddings
        self.ids, self.mask = tokenize(tokenizer, texts, max_length)
        self.has_text = np.array([bool(text) for text in texts])

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

    def make_learner(device):
        learner = Clip(job, rows, device, train_idx)
        learner.objective.start(learner.net.head)

        n_trained = 0
        for parameter in learner.net.parameters():
            if parameter.requires_grad:
                n_trained += parameter.numel()

        learner.facts = {"trained": n_trained}
        return learner

    return fit_network(job, "clip", k, make_learner, train_idx, rows.validating(k), file)


def predict(job, k: int, rows, idx) -> np.ndarray:
    """Probabilities (m, K), or log1p of the number (m, 1), of the rows idx (m,)."""
    from networks.training import predict_network

    def make_learner(device):
        return Clip(job, rows, device)

    return predict_network(job, "clip", k, make_learner, idx)
