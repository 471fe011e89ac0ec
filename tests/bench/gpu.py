"""How fast the GPU is: each step against the notebooks' way in the same run, and against its limit,
the fastest matrix product of the same card.

Run     python tests/bench/gpu.py               five minutes on a large card (an estimate)
        python tests/bench/gpu.py fusion texts  some parts: predict, fusion, texts, replies, train
        GPU_DRY=1 python tests/bench/gpu.py     tiny, on the CPU, to check that it runs
"""

import argparse
import gc
import os
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

sys.path.insert(1, str(Path(__file__).parents[1]))
sys.path.insert(1, str(Path(__file__).parents[2] / "scripts"))
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import numpy as np
import torch
from price import lengths

from bench import photographs
from common.sections import Run
from config import Config
from images.settings import Images
from networks.device import autocast, precision
from synthetic import PUBLISHED, TINY, SyntheticTraining
from tasks import attributes, price

DRY = bool(os.environ.get("GPU_DRY"))
DEVICE = torch.device("cpu" if DRY else "cuda:0")
COLUMNS = "step", "unit", "today's way", "ours", "ratio", "limit", "GB"


def use_default_precision() -> None:
    """torch's own defaults, as in the notebooks."""
    torch.backends.cudnn.benchmark = torch.backends.cuda.matmul.allow_tf32 = False


def use_tf32() -> None:
    """As networks.device sets it."""
    torch.backends.cudnn.benchmark = torch.backends.cuda.matmul.allow_tf32 = True


def synchronize() -> None:
    """Wait until the GPU has finished."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def seconds(job, warm: int = 2, rounds: int = 3) -> float:
    """Median time of job(), after warm-up calls."""
    for _ in range(1 if DRY else warm):
        job()
    times = []
    for _ in range(1 if DRY else rounds):
        synchronize()
        start = time.perf_counter()
        job()
        synchronize()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def operations(job) -> float:
    """Floating point operations of the matrix products and convolutions in job()."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        job()
    return counter.get_total_flops()


class Table:
    """Prints each row at once. peak: floating point operations per second that the card reaches."""

    def __init__(self, peak: float):
        self.peak = peak
        print(f"\n| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)

    def row(self, step: str, unit: str, ours: float, today: float = 0, cost: float = 0) -> None:
        """today, ours: rates in `unit`. cost: floating point operations of one image, text or
        question; 0 = not what limits the step."""
        cells = [step, unit]
        cells.append(f"{today:,.1f}" if today else "")
        cells.append(f"{ours:,.1f}")
        cells.append(f"{ours / today:.1f}x" if today else "")
        cells.append(f"{self.peak / cost:,.0f}" if cost else "")
        reserved = torch.cuda.max_memory_reserved() if DEVICE.type == "cuda" else 0
        cells.append(f"{reserved / 2**30:.1f}" if reserved else "")
        print(f"| {' | '.join(cells)} |", flush=True)


def card_limits() -> float:
    """Print the limits of the card. Returns the floating point operations per second of a bf16
    matrix product."""
    n = 256 if DRY else 8192
    a = torch.randn(n, n, device=DEVICE, dtype=torch.bfloat16)
    b = torch.randn(n, n, device=DEVICE, dtype=torch.bfloat16)
    peak = 2 * n**3 / seconds(lambda: a @ b, rounds=10)
    print(f"bf16 matrix product: {peak / 1e12:.2f} TFLOP/s")
    source = torch.empty(2**20 if DRY else 2**30, device=DEVICE)
    copy = torch.empty_like(source)
    rate = 2 * source.nbytes / seconds(lambda: copy.copy_(source), rounds=10)
    print(f"copy within GPU memory: {rate / 1e12:.2f} TB/s")
    if DEVICE.type == "cuda":
        host = torch.empty(50 * 2**20, dtype=torch.uint8)
        rate = host.nbytes / seconds(lambda: host.to(DEVICE))
        print(f"host to GPU, pageable: {rate / 1e9:.1f} GB/s")
        pinned = host.pin_memory()
        rate = host.nbytes / seconds(lambda: pinned.to(DEVICE, non_blocking=True))
        print(f"host to GPU, pinned: {rate / 1e9:.1f} GB/s")
    return peak


def predict(table: Table) -> None:
    """Prediction of T1 from the image cache, two views per image; and the cache alone."""
    import pandas as pd
    import timm

    from images.augment import augmenter
    from images.cache import Cache, batches
    from images.validate import validate
    from models.net import Net
    from networks.attributes import AttributeNet

    n, name = (4, "test_convnext") if DRY else (192, "convnext_base")
    classes = [4] * 10
    config = Config(task="attributes", models=("net",))
    net = AttributeNet(timm.create_model(name, num_classes=0), classes).eval()
    table_rows = SimpleNamespace(
        sizes=classes, fold=np.zeros(n, int), target=np.zeros((n, 10), int), task=attributes
    )
    with TemporaryDirectory() as folder:
        folder = Path(folder)
        data, about = validate(photographs(folder, 1)[0].read_bytes(), Images())
        (folder / "000.bin").write_bytes(data * n)
        rows = [
            {
                "image": f"{i}.jpg",
                **about,
                "shard": 0,
                "offset": i * len(data),
                "length": len(data),
            }
            for i in range(n)
        ]
        pd.DataFrame(rows).to_csv(folder / "images.csv", index=False)
        cache = Cache(folder / "images.csv", folder)
        learner = Net(net, config, 0, table_rows, cache, np.arange(n), DEVICE)

        def ours():
            learner.predict(net, np.arange(n))

        def today():
            """Batches of eight, normalised on the CPU, fp32."""
            with torch.inference_mode():
                for i in range(0, n, 8):
                    pictures = np.stack([cache.read(j) for j in range(i, min(i + 8, n))])
                    levels = (pictures / np.float32(255) - 0.5) / 0.25
                    view = torch.as_tensor(levels.transpose(0, 3, 1, 2)).to(DEVICE)
                    net(view)
                    net(view.flip(3))

        def one_picture():
            with torch.inference_mode():
                for _ in range(2):
                    net(torch.zeros(1, 3, 512, 512, device=DEVICE))

        cost = operations(one_picture)
        fast = n / seconds(ours, warm=1, rounds=2)
        use_default_precision()
        slow = n / seconds(today, warm=1, rounds=1)
        use_tf32()
        table.row(f"predict, {name} at 512, two views", "images/s", fast, slow, cost)
        groups = [np.arange(n)[i : i + 64] for i in range(0, n, 64)]
        for what, change in (
            ("decode", None),
            ("decode and augment", augmenter(config.net.augment, 512, (0,))),
        ):
            rate = n / seconds(lambda: list(batches(cache, groups, 0, change)), warm=1)
            table.row(f"image cache: {what}", "images/s", rate)


def fusion(table: Table) -> None:
    """An epoch of V2 with its own data and trainer, and its step as one CUDA graph. The graph is
    the limit: this network is so small that starting its kernels takes longer than running
    them."""
    from features.store import FeatureTable, names_file
    from networks.cross_attention import FusionNet
    from networks.learner import Learner
    from networks.training import Trainer

    class Fusion(Learner):
        def read(self, groups):
            for group in groups:
                yield [side.take(group) for side in sides]

    n, d = 600 if DRY else 30_000, 768
    settings = Config(task="price", models=("fusion",)).fusion
    rows = SimpleNamespace(target=torch.randn(n, 1).numpy(), sizes=[1], task=price)

    with TemporaryDirectory() as folder:
        folder, names, sides = Path(folder), np.arange(n).astype(str), []
        for side in ("image", "text"):
            file = folder / f"{side}.npy"
            np.save(file, torch.randn(n, d).half().numpy())
            np.save(names_file(file), names)
            sides.append(FeatureTable(file, names, DEVICE))
        for amp in ("auto", "fp32"):
            net = FusionNet(d, d, settings).to(DEVICE)
            learner = Fusion(net, settings, rows, Run(amp=amp), DEVICE)
            trainer = Trainer(learner, 1, folder / f"{amp}.pt", "key")
            trainer.resume(10**6)

            def epoch(trainer=trainer, learner=learner):
                batches = learner.batches(np.arange(n), 1, 0)
                for number, data in enumerate(learner.load(batches, 0, 0)):
                    trainer.step(data, batches[number], number)

            net.train()
            table.row(f"V2 epoch, amp={amp}", "rows/s", n / seconds(epoch, warm=1, rounds=2))
    if DEVICE.type == "cuda":
        rate = settings.batch / step_as_graph(FusionNet(d, d, settings).to(DEVICE), settings, d)
        table.row("V2 step as one CUDA graph", "rows/s", rate)


def step_as_graph(net, settings, d: int) -> float:
    """Seconds per training step of V2 when all kernels of the step start as one CUDA graph."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=settings.lr, fused=True, capturable=True)
    image = torch.randn(settings.batch, 1, d, device=DEVICE)
    text = torch.randn(settings.batch, 1, d, device=DEVICE)
    expected = torch.randn(settings.batch, device=DEVICE)

    def step():
        optimizer.zero_grad(set_to_none=False)
        predicted = net(image, text)[:, 0]
        torch.nn.functional.smooth_l1_loss(predicted, expected, beta=settings.beta).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()

    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()

    def hundred():
        for _ in range(100):
            graph.replay()

    return seconds(hundred) / 100


def texts(table: Table) -> None:
    """A network of EmbeddingGemma's size with random weights, on texts as long as those of the 2025
    challenge: sorted by length, against padded to 512 tokens in fp32. Without the tokenizer."""
    import transformers

    shape = dict(
        hidden_size=768,
        intermediate_size=1152,
        num_hidden_layers=24,
        num_attention_heads=3,
        num_key_value_heads=1,
        head_dim=256,
    )
    if DRY:
        shape |= dict(
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=1,
            head_dim=64,
        )
    config = transformers.Gemma3TextConfig(
        vocab_size=4096,
        max_position_embeddings=2048,
        sliding_window=512,
        use_bidirectional_attention=True,
        attn_implementation="sdpa",
        **shape,
    )
    with DEVICE:
        net = transformers.Gemma3TextModel(config).eval().requires_grad_(False)
    n = 64 if DRY else 4096
    count = lengths(n)

    def run(order, batch: int, dtype, width: int = 0):
        """Encode the texts (by number) in this order; width: tokens to pad to, 0 = the longest."""
        with torch.inference_mode(), autocast(DEVICE, dtype):
            for i in range(0, len(order), batch):
                tokens = count[order[i : i + batch]]
                present = np.arange(width or tokens.max()) < tokens[:, None]
                mask = torch.as_tensor(present).long().to(DEVICE)
                hidden = net(input_ids=mask * 7, attention_mask=mask).last_hidden_state
                hidden.float().mean(1).cpu()

    longest_first, sample = np.argsort(-count), np.arange(16 if DRY else 256)
    half = precision(Run(), DEVICE)
    use_default_precision()
    today = len(sample) / seconds(lambda: run(sample, 32, None, 512), warm=1, rounds=1)
    use_tf32()
    sorted_sample = longest_first[:: n // len(sample)]
    cost = operations(lambda: run(sorted_sample, 32, half)) / len(sorted_sample)
    for batch in (64,) if DRY else (64, 256):
        ours = n / seconds(lambda: run(longest_first, batch, half), warm=1, rounds=2)
        table.row(f"EmbeddingGemma's size, batches of {batch}", "texts/s", ours, today, cost)


def replies(table: Table) -> None:
    """A network of Qwen2.5-VL-7B's size with random weights: images of vlm.max_pixels in, 24
    tokens out, in batches against one by one; and its vision tower alone."""
    net, words = random_qwen(), 2 if DRY else 24
    height, width = (8, 8) if DRY else (72, 70)  # in patches of 14 pixels

    def questions(count: int) -> dict:
        ids = [7] * 20 + [3] + [5] * (height * width // 4) + [4] + [8] * 70
        ids = torch.tensor([ids] * count, device=DEVICE)
        pixels = torch.randn(count * height * width, 1176, device=DEVICE, dtype=net.dtype)
        return {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "mm_token_type_ids": (ids == 5).long(),
            "image_grid_thw": torch.tensor([[1, height, width]] * count, device=DEVICE),
            "pixel_values": pixels,
        }

    def ask(count: int) -> None:
        net.generate(
            **questions(count),
            do_sample=False,
            min_new_tokens=words,
            max_new_tokens=words,
            pad_token_id=0,
            eos_token_id=2,
        )

    def look(asked: dict) -> None:
        net.model.visual(asked["pixel_values"], grid_thw=asked["image_grid_thw"])

    with torch.inference_mode():
        today = 1 / seconds(lambda: ask(1), warm=1, rounds=2)
        cost = operations(lambda: ask(1))
        for batch in (2,) if DRY else (16, 64):
            ours = batch / seconds(lambda: ask(batch), warm=1, rounds=1)
            table.row(f"Qwen2.5-VL-7B's size, batches of {batch}", "questions/s", ours, today, cost)
        batch = 2 if DRY else 16
        one, many = questions(1), questions(batch)
        ours = batch / seconds(lambda: look(many), warm=1, rounds=2)
        cost = operations(lambda: look(one))
        table.row(f"its vision tower, batches of {batch}", "images/s", ours, 0, cost)


def random_qwen():
    """Qwen2.5-VL-7B with random weights, made on the GPU."""
    import transformers

    text = dict(
        hidden_size=3584,
        intermediate_size=18944,
        num_hidden_layers=28,
        num_attention_heads=28,
        num_key_value_heads=4,
        vocab_size=152064,
    )
    sight = dict(
        depth=32, hidden_size=1280, intermediate_size=3420, num_heads=16, out_hidden_size=3584
    )
    sections = [16, 24, 24]
    if DRY:
        text = dict(
            hidden_size=64,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            vocab_size=1024,
        )
        sight = dict(
            depth=2,
            hidden_size=32,
            intermediate_size=32,
            num_heads=2,
            out_hidden_size=64,
            fullatt_block_indexes=[1],
        )
        sections = [1, 1, 6]
    text |= dict(
        max_position_embeddings=4096,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        rope_scaling={"type": "mrope", "rope_type": "default", "mrope_section": sections},
    )
    config = transformers.Qwen2_5_VLConfig(
        text_config=text,
        vision_config=sight,
        vision_start_token_id=3,
        vision_end_token_id=4,
        image_token_id=5,
        video_token_id=6,
    )
    torch.set_default_dtype(torch.float32 if DRY else torch.bfloat16)
    try:
        with DEVICE:
            net = transformers.Qwen2_5_VLForConditionalGeneration(config)
    finally:
        torch.set_default_dtype(torch.float32)
    return net.eval().requires_grad_(False)


def train(table: Table) -> None:
    """A training step of T1, 32 images and 32 of test rows for MMD: fp32 as in the notebooks, as
    it is here, and compiled."""
    size = TINY if DRY else PUBLISHED
    pictures = 2 * size.batch
    variants = {"today": {"amp": "fp32"}, "ours": {}, "compiled": {"compile": True}}
    if DRY:
        del variants["compiled"]  # takes minutes on a CPU
    today = cost = 0
    for name, run_settings in variants.items():
        with TemporaryDirectory() as folder:
            training = SyntheticTraining(DEVICE, size, Path(folder) / "x.pt", **run_settings)
            if name == "today":
                use_default_precision()
                training.net.to(memory_format=torch.contiguous_format)
            training.net.train()
            training.trainer.resume(10**6)
            batch = training.rows[: size.batch]
            images = next(training.learner.load([batch], 0, 0))

            def step(training=training, images=images, batch=batch):
                training.trainer.step(images, batch, 0)

            rate = pictures / seconds(step, warm=3, rounds=5)
            cost = cost or operations(step) / pictures
            micro_batch = training.trainer.micro
        use_tf32()
        if name == "today":
            today = rate
        else:
            label = f"T1 step, {size.backbone}, {name}, micro-batch {micro_batch}"
            table.row(label, "images/s", rate, today, cost)
        del training, step
        clear()


def clear() -> None:
    """Free unused memory and reset the peak that the table shows."""
    gc.collect()
    if DEVICE.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


# train is last: it compiles, and may be left out when the time is over
PARTS = {part.__name__: part for part in (predict, fusion, texts, replies, train)}


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument(
        "--seconds", type=float, default=300, help="after this time no part starts (300)"
    )
    options = parser.parse_args(argv)
    if unknown := [name for name in options.parts if name not in PARTS]:
        parser.error(f"no part {unknown[0]}; there are: {', '.join(PARTS)}")
    if not DRY and not torch.cuda.is_available():
        parser.error("torch sees no GPU (GPU_DRY=1 runs a tiny version on the CPU)")
    import timm
    import transformers

    start, failed = time.time(), 0
    if DRY:
        torch.set_num_threads(1)
    card = "dry run on a CPU, the numbers mean nothing" if DRY else torch.cuda.get_device_name()
    print(
        f"{card}; {os.cpu_count()} cores; torch {torch.__version__}, timm {timm.__version__}, "
        f"transformers {transformers.__version__}\n"
    )
    use_tf32()
    table = Table(card_limits())
    for name in options.parts or PARTS:
        clear()
        if time.time() - start > options.seconds:
            print(f"| {name}: left out, {options.seconds:.0f} seconds are over |", flush=True)
            continue
        try:
            PARTS[name](table)
        except Exception as error:  # the other parts still run
            failed += 1
            message = " ".join(str(error).split())[:200]
            print(f"| {name}: failed, {type(error).__name__}: {message} |", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
