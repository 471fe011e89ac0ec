"""The price system's rows of the bench: encoding texts, feeding cached features to a head,
LightGBM's settings."""

from pathlib import Path

import numpy as np


def lengths(n: int) -> np.ndarray:
    """Token counts of n product texts as the 2025 challenge has them: median 130, a long tail up to
    512."""
    return np.random.default_rng(0).lognormal(np.log(130), 0.65, n).clip(8, 512).astype(int)


def encode(folder: Path, race, n: int = 96):
    """Texts through a MiniLM-sized encoder (6 layers, 384 wide, random weights): padded to 512 in
    the order they come, eager attention, fp32, against sorted by length, sdpa, and bf16 where the
    processor has it."""
    import torch
    from transformers import BertConfig, BertModel

    from common.sections import Run
    from networks.device import autocast, precision

    config = dict(
        hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536
    )
    slow, fast = (
        BertModel(BertConfig(**config, attn_implementation=a)).eval() for a in ("eager", "sdpa")
    )
    count, device = lengths(n), torch.device("cpu")

    def batch(rows, width):
        mask = torch.as_tensor(np.arange(width) < count[rows, None]).long()
        return {"input_ids": mask * 1000, "attention_mask": mask}

    def today():
        with torch.inference_mode():
            for i in range(0, n, 32):
                slow(**batch(np.arange(i, min(i + 32, n)), 512))

    def ours():
        order = np.argsort(-count)
        with torch.inference_mode(), autocast(device, precision(Run(), device)):
            for i in range(0, n, 32):
                rows = order[i : i + 32]
                fast(**batch(rows, count[rows].max()))

    yield (
        f"encode {n} texts",
        "pad to 512, eager attention",
        "sorted by length, sdpa, bf16",
        *race(today, ours),
        f"padding {512 * n / count.sum():.1f} → 1; then the arithmetic",
    )


class Rows:
    """A Dataset as people write it: one row's embeddings and target at a time."""

    def __init__(self, arrays, target):
        self.arrays, self.target = arrays, target

    def __len__(self):
        return len(self.target)

    def __getitem__(self, i):
        return *(array[i].astype(np.float32) for array in self.arrays), self.target[i]


def fusion(folder: Path, race, n: int = 6000):
    """V2's data and one epoch of its training on n rows of two 768-d embeddings: a Dataset of
    arrays in a DataLoader, against indexing the memory-mapped features."""
    import torch

    from features.store import FeatureTable, names_file
    from models.fusion import Settings as Fusion
    from networks.batches import epoch_batches
    from networks.cross_attention import FusionNet

    rng, names, device = np.random.default_rng(0), np.arange(n).astype(str), torch.device("cpu")
    arrays = [rng.normal(size=(n, 768)).astype(np.float16) for _ in range(2)]
    target = torch.as_tensor(rng.normal(3, 1, n), dtype=torch.float32)
    sides = []
    for i, array in enumerate(arrays):
        np.save(folder / f"{i}.npy", array)
        np.save(names_file(folder / f"{i}.npy"), names)
        sides.append(FeatureTable(folder / f"{i}.npy", names, device))

    def load_today():
        for image, text, wanted in torch.utils.data.DataLoader(
            Rows(arrays, target), 150, shuffle=True
        ):
            yield image[:, None], text[:, None], wanted

    def load_ours():
        for group in epoch_batches(np.arange(n), 150, 0, 0):
            yield *(side.take(group) for side in sides), target[group]

    def train(load):
        torch.manual_seed(0)
        net = FusionNet(768, 768, Fusion())
        optimizer = torch.optim.AdamW(net.parameters(), lr=4e-5, fused=True)
        for image, text, wanted in load():
            optimizer.zero_grad(set_to_none=True)
            torch.nn.functional.smooth_l1_loss(net(image, text)[:, 0], wanted, beta=0.1).backward()
            optimizer.step()

    yield (
        f"V2's data, {n} rows an epoch",
        "Dataset, DataLoader",
        "indexed memory map",
        *race(lambda: list(load_today()), lambda: list(load_ours())),
        "a copy of the rows",
    )
    yield (
        f"V2, one epoch of {n} rows",
        "Dataset, DataLoader",
        "indexed memory map",
        *race(lambda: train(load_today), lambda: train(load_ours)),
        "the network's arithmetic",
    )


def boosting(folder: Path, race, n: int = 40_000, columns: int = 46):
    """The table's LightGBM on n rows: its defaults at 400 rounds, against the settings that the
    table uses."""
    import lightgbm

    from models.lightgbm import Settings as Table, parameters

    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, columns)).astype(np.float32)
    y = x[:, :5].sum(1) + np.abs(x[:, 5]) + rng.normal(size=n)
    defaults = {"objective": "l1", "learning_rate": 0.05, "verbose": -1}

    def fit(settings):
        return lightgbm.train(settings, lightgbm.Dataset(x, y), Table().rounds)

    yield (
        f"LightGBM, {n} rows, {columns} columns, {Table().rounds} rounds",
        "defaults, 255 bins",
        "extra trees, 127 bins, 40 % of columns a tree",
        *race(lambda: fit(defaults), lambda: fit(parameters(Table(), 0))),
        "quantized gradients fail with extra trees (LightGBM 4.7)",
    )
