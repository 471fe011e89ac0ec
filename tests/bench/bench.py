"""How long a step takes here against the way people do it today, as ratios measured in one run;
medians of three.

Run     make bench          about five minutes on two cores
        python tests/bench/bench.py heads      one of them
"""

import contextlib
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import numpy as np
from download import downloading
from entity import merging, normalising, splitting
from price import boosting, encode, fusion
from threads import waiting

from common.processes import limit_spinning

ROUNDS = 3


def race(today, ours) -> tuple[float, float]:
    """Median seconds of each, run in turn so that a machine that slows down slows both."""
    seconds = {today: [], ours: []}
    for _ in range(ROUNDS):
        for job in seconds:
            start = time.perf_counter()
            with contextlib.redirect_stdout(None):
                job()
            seconds[job].append(time.perf_counter() - start)
    return tuple(statistics.median(s) for s in seconds.values())


def heads(folder: Path, race, n: int = 64, attributes: int = 10, epochs: int = 5, size: int = 224):
    """T2: the backbone per attribute and epoch, as the notebooks do it, against its features kept
    once and all heads together."""
    import timm
    import torch

    from common.sections import Run
    from models.heads import HeadsLearner, Settings
    from networks.attributes import AttributeNet, HeadSet
    from networks.training import Trainer
    from tasks import attributes as task

    torch.manual_seed(0)
    sizes, names = [4] * attributes, {f"attr_{a}": list("abcd") for a in range(attributes)}
    net = AttributeNet(timm.create_model("convnext_atto", num_classes=0), sizes, width=128).eval()
    pictures, target = (
        torch.randn(n, 3, size, size),
        np.random.default_rng(0).integers(0, 4, (n, attributes)),
    )
    batches = [np.arange(n)[i : i + 64] for i in range(0, n, 64)]

    def today():
        for a, head in enumerate(net.heads):
            optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3)
            for _ in range(epochs):
                for rows in batches:
                    with torch.no_grad():
                        maps = net.trunk(pictures[rows])
                    optimizer.zero_grad()
                    torch.nn.functional.cross_entropy(
                        head(maps), torch.as_tensor(target[rows, a])
                    ).backward()
                    optimizer.step()

    def ours():
        with torch.inference_mode():
            maps = np.concatenate([net.trunk(pictures[rows]).half().numpy() for rows in batches])
        rows = SimpleNamespace(
            sizes=sizes, outputs=names, target=target, id=np.arange(n), task=task
        )
        features = SimpleNamespace(views=1, take=lambda idx, view: maps[idx].astype(np.float32))
        settings = Settings(epochs=epochs, batch=64)
        heads = HeadSet(maps.shape[1], sizes, "attention", 128)
        cpu = torch.device("cpu")
        learner = HeadsLearner(heads, features, settings, rows, Run(), cpu, train_idx=np.arange(n))
        Trainer(learner, 0, folder / f"{time.time()}.pt", "").fit(np.arange(n), np.arange(0))

    yield (
        f"T2, {attributes} attributes, {epochs} epochs",
        "backbone per attribute and epoch",
        "features once, all heads together",
        *race(today, ours),
        "passes of the backbone: 50 to 1; then the heads themselves",
    )


def photographs(folder: Path, n: int) -> list[Path]:
    """n JPEGs of 1190x1430 pixels, smooth with sensor noise, as photographs are."""
    from PIL import Image

    rng, files = np.random.default_rng(0), [folder / f"{i}.jpg" for i in range(n)]
    for file in files:
        small = Image.fromarray(rng.integers(0, 255, (90, 75, 3), np.uint8))
        noisy = np.asarray(small.resize((1190, 1430), 3), int) + rng.normal(0, 6, (1430, 1190, 1))
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, quality=90)
    return files


def pictures(folder: Path, race, n: int = 64):
    """Reading images of 1.7 megapixels at 512 pixels, every epoch, with and without
    augmentation."""
    import pandas as pd
    import torch
    from PIL import Image

    from images.augment import augmenter, pipeline
    from images.cache import Cache, batches
    from images.decode import fast_jpeg
    from images.settings import Images
    from images.validate import validate

    files = photographs(folder, n)
    rows, blob = [], b""
    for file in files:
        data, row = validate(file.read_bytes(), Images())
        rows.append(
            {"image": file.name, **row, "shard": 0, "offset": len(blob), "length": len(data)}
        )
        blob += data
    (folder / "000.bin").write_bytes(blob)
    pd.DataFrame(rows).to_csv(folder / "images.csv", index=False)
    cache, order = (
        Cache(folder / "images.csv", folder),
        [np.arange(n)[i : i + 16] for i in range(0, n, 16)],
    )

    class Today(torch.utils.data.Dataset):
        def __init__(self, change):
            self.change = change

        def __len__(self):
            return n

        def __getitem__(self, i):
            picture = np.asarray(
                Image.open(files[i]).convert("RGB").resize((512, 512), Image.Resampling.BICUBIC)
            )
            picture = self.change(image=picture)["image"] if self.change else picture
            return torch.as_tensor(((picture / np.float32(255) - 0.5) / 0.5).transpose(2, 0, 1))

    def ours(change):
        for batch in batches(cache, order, 0, change):
            torch.as_tensor(
                batch
            )  # uint8: this is what goes to the device, and is normalised there

    for name, change, own in (
        ("read 1.7 MP at 512", None, None),
        ("read and augment", pipeline("published", 512), augmenter("published", 512, (0,))),
    ):
        loader = torch.utils.data.DataLoader(
            Today(change), 16, num_workers=os.cpu_count(), persistent_workers=True
        )
        list(loader)  # the workers are there before the clock runs
        yield (
            f"{name}, {n} images",
            "PIL, resize, normalise in a DataLoader, float32",
            "512-pixel cache in threads, uint8",
            *race(lambda: list(loader), lambda: ours(own)),
            "20,000/s from memory" if own is None else "the augmentation itself",
        )

    def first():
        return [Image.open(f).convert("RGB").resize((512, 512), 3) for f in files]

    yield (
        f"first decode to 512, {n} images",
        "PIL, resize",
        f"{'simplejpeg' if fast_jpeg() else 'PIL draft'}, areas, JPEG, hashes",
        *race(first, lambda: [validate(f.read_bytes(), Images()) for f in files]),
        "the bits of the file: unpacking them is half of it",
    )


def forward(folder: Path, race, n: int = 32, size: int = 224):
    """A network's pass over images: one at a time in float32, as the notebooks predict, against
    batches in what the machine is fast in."""
    import timm
    import torch

    from common.sections import Run
    from networks.device import autocast, precision

    net, pictures = (
        timm.create_model("convnext_nano", num_classes=0).eval(),
        torch.randn(n, 3, size, size),
    )
    device, dtype = torch.device("cpu"), precision(Run(), torch.device("cpu"))

    def run(batch: int, dtype):
        with torch.inference_mode(), autocast(device, dtype):
            for i in range(0, n, batch):
                net(pictures[i : i + batch])

    yield (
        f"ConvNeXt-Nano over {n} images at {size}",
        "one at a time, float32",
        f"batches of 16, {str(dtype or 'float32').removeprefix('torch.')}",
        *race(lambda: run(1, None), lambda: run(16, dtype)),
        "these cores' bf16 to float32: 2.6x" if dtype else "no bf16 here: batches alone",
    )


def start(folder: Path, race):
    """What every command waits for, against importing what the steps need, as scripts do that
    import at the top."""
    import subprocess

    from tasks.price import sample as price

    root = Path(__file__).parents[2]
    quiet = {
        **os.environ,
        **{f"{name}_path": str(folder / name) for name in ("input", "working", "submissions")},
    }

    def call(*command):
        return subprocess.run(command, check=True, capture_output=True, cwd=root, env=quiet)

    make = ("make", "all", "CATEGORY=demo_price", "SET=models=ridge", f"PYTHON={sys.executable}")
    price.draw(folder / "input" / price.FOLDER)
    call(*make)

    def imports():
        return call(sys.executable, "-c", "import torch, timm")

    for what, command in (
        (
            "a command that says what it does",
            (sys.executable, "scripts/04_train_fold.py", "--help"),
        ),
        ("the plan of 20 files", (sys.executable, "scripts/plan.py", "c2")),
        ("make all, with nothing to do", make),
    ):
        yield (
            f"start: {what}",
            "import torch, timm",
            "imports where they are used",
            *race(imports, lambda: call(*command)),
            "Python, pydantic and pandas, 0.2 s",
        )


def machine() -> str:
    """Cores, processor and memory, what else ran at the start, and the packages that matter."""
    from importlib.metadata import version

    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else ""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(
        f"{p} {version(p)}" for p in ("torch", "timm", "transformers", "pandas", "lightgbm")
    )
    return (
        f"{os.cpu_count()} cores of {name}, {memory:.0f} GiB, load {os.getloadavg()[0]:.1f} "
        f"at the start; {packages}; medians of {ROUNDS}, in turn"
    )


ROWS = (
    heads,
    pictures,
    encode,
    fusion,
    boosting,
    splitting,
    merging,
    normalising,
    forward,
    start,
    downloading,
    waiting,
)


def main(argv=None):
    limit_spinning()  # as scripts do
    rows = {row.__name__: row for row in ROWS}
    wanted = (sys.argv[1:] if argv is None else argv) or list(rows)
    print(machine(), end="\n\n")
    print("| step | today's way | ours | seconds | ratio | limit |\n|---|---|---|---|---|---|")
    for name in wanted:
        with tempfile.TemporaryDirectory() as folder:
            for step, today, ours, slow, fast, limit in rows[name](Path(folder), race):
                print(
                    f"| {step} | {today} | {ours} | {slow:.2f} → {fast:.2f} | "
                    f"{slow / fast:.1f}x | {limit} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
