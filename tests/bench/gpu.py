"""How fast the GPU is: each step against the notebooks' way in the same run, and against its limit,
the fastest matrix product of the same card.

Run     python tests/bench/gpu.py               four minutes on a large card (an estimate)
        python tests/bench/gpu.py fusion texts  some parts: fusion, predict, texts, replies, train
        python tests/bench/gpu.py --kernels     also the kernels that take the most time
        GPU_DRY=1 python tests/bench/gpu.py     tiny, on the CPU, to check that it runs
"""

import argparse
import gc
import os
import statistics
import sys
import time
from contextlib import contextmanager
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
from networks.compile import compile_layers
from networks.device import autocast, precision
from networks.windows import group_windows
from synthetic import PUBLISHED, TINY, SyntheticFusion, SyntheticTraining
from tasks import attributes

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
    """Floating point operations of the matrix products, convolutions and attention in job()."""
    from torch.utils.flop_counter import FlopCounterMode

    own = torch.nn.functional.scaled_dot_product_attention

    def plain(query, key, value, *args, enable_gqa=False, **kwargs):
        """The counter knows no grouped queries, and counts only kernels of its list."""
        if enable_gqa:
            repeats = query.shape[-3] // key.shape[-3]
            key = key.repeat_interleave(repeats, -3)
            value = value.repeat_interleave(repeats, -3)
        return own(query, key, value, *args, **kwargs)

    torch.nn.functional.scaled_dot_product_attention = plain
    try:
        with FlopCounterMode(display=False) as counter:
            job()
    finally:
        torch.nn.functional.scaled_dot_product_attention = own
    return counter.get_total_flops()


def slowest_kernels(job, count: int = 12) -> None:
    """Print the kernels of job() that take the most of the GPU's time."""
    if DEVICE.type != "cuda" or not KERNELS:
        return
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        job()
        synchronize()
    events = sorted(profiler.key_averages(), key=lambda event: -event.self_device_time_total)
    total = sum(event.self_device_time_total for event in events)
    print(f"  {total / 1e3:.2f} ms in {sum(event.count for event in events)} kernels:")
    for event in events[:count]:
        milliseconds = event.self_device_time_total / 1e3
        print(f"  {milliseconds:8.2f} ms {event.count:5d} x {event.key[:100]}", flush=True)


class Table:
    """Prints each row at once. peak: floating point operations per second that the card reaches."""

    def __init__(self, peak: float):
        self.peak = peak
        self.failed = 0
        print(f"\n| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)

    @contextmanager
    def going_on(self, what: str):
        """An error inside the block is printed; what comes after the block still runs."""
        try:
            yield
        except Exception as error:
            self.failed += 1
            message = " ".join(str(error).split())[:300]
            print(f"| {what}: failed, {type(error).__name__}: {message} |", flush=True)
        clear()

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
    """Prediction of T1 from the image cache, one view per image and two; and the cache alone."""
    import pandas as pd
    import timm

    from images.augment import augmenter
    from images.cache import Cache, batches
    from images.validate import validate
    from models.net import Net
    from networks.attributes import AttributeNet

    n, name = (4, "test_convnext") if DRY else (512, "convnext_base")
    classes = [4] * 10
    net = AttributeNet(timm.create_model(name, num_classes=0), classes).eval()
    target = np.zeros((n, 10), int)
    table_rows = SimpleNamespace(
        sizes=classes, fold=np.zeros(n, int), target=target, task=attributes
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

        def ours(views: int, count: int = n):
            config = Config(task="attributes", models=("net",), infer={"flip": views == 2})
            learner = Net(net, config, 0, table_rows, cache, np.arange(n), DEVICE)
            learner.predict(net, np.arange(count))

        def today():
            """Batches of eight, normalised on the CPU, fp32."""
            with torch.inference_mode():
                for i in range(0, 64, 8):
                    pictures = np.stack([cache.read(j % n) for j in range(i, i + 8)])
                    levels = (pictures / np.float32(255) - 0.5) / 0.25
                    view = torch.as_tensor(levels.transpose(0, 3, 1, 2)).to(DEVICE)
                    net(view)
                    net(view.flip(3))

        def one_picture():
            with torch.inference_mode():
                net(torch.zeros(1, 3, 512, 512, device=DEVICE))

        cost = slow = 0
        with table.going_on("predict, its limit"):
            ours(1)
            cost = operations(one_picture)
        with table.going_on("predict, today's way"):
            use_default_precision()
            slow = 64 / seconds(today, warm=1, rounds=1)
        use_tf32()
        for compiled in (False, True):
            label = f"predict, {name} at 512" + ", layers compiled" * compiled
            with table.going_on(label):
                if compiled and not DRY:
                    compile_layers(net)
                for views in (1, 2):
                    job = lambda views=views: ours(views)  # noqa: E731
                    rate = n / seconds(job, warm=1, rounds=2)
                    table.row(
                        f"{label}, views {views}", "images/s", rate, slow * 2 / views, cost * views
                    )
                if compiled:
                    slowest_kernels(lambda: ours(1, min(n, 64)))
        groups = [np.arange(n)[i : i + 64] for i in range(0, n, 64)]
        for what, change in (
            ("decode", None),
            ("decode and augment", augmenter("published", 512, (0,))),
        ):
            with table.going_on(what):
                job = lambda change=change: list(batches(cache, groups, 0, change))  # noqa: E731
                table.row(f"image cache: {what}", "images/s", n / seconds(job, warm=1, rounds=2))


def fusion(table: Table) -> None:
    """An epoch of V2: kernel by kernel with autocast, as it was, and its step as one CUDA graph."""
    from networks.training import Trainer

    n = 600 if DRY else 30_000
    width = 64 if DRY else 512
    with TemporaryDirectory() as folder:
        for name in ("kernel by kernel", "a CUDA graph per step"):
            label = f"V2 epoch, {name}"
            with table.going_on(label):
                learner = SyntheticFusion(DEVICE, Path(folder), n, width=width)
                # as a learner whose features are elsewhere: no graph, and autocast
                learner.is_on_device = name != "kernel by kernel"
                trainer = Trainer(learner, 1, Path(folder) / "x.pt", "key")
                trainer.resume(10**6)

                def epoch(trainer=trainer, learner=learner):
                    batches = learner.batches(np.arange(n), 1, 0)
                    for number, data in enumerate(learner.load(batches, 0, 0)):
                        trainer.step(data, batches[number], number)

                learner.net.train()
                table.row(label, "rows/s", n / seconds(epoch, warm=1, rounds=2))
                if trainer.graphed and trainer.graphed.graph:
                    slowest_kernels(trainer.graphed.graph.replay, 20)


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
        use_cache=False,
        **shape,
    )
    with DEVICE:
        net = transformers.Gemma3TextModel(config).eval().requires_grad_(False)
    n = 64 if DRY else 2048
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
    today = cost = 0
    sorted_sample = longest_first[:: n // len(sample)]
    with table.going_on("texts, their limit"):
        cost = operations(lambda: run(sorted_sample, 32, half)) / len(sorted_sample)
    with table.going_on("texts, today's way"):
        use_default_precision()
        today = len(sample) / seconds(lambda: run(sample, 32, None, 512), warm=1, rounds=1)
    use_tf32()

    def measure(what: str, batches=(64, 256)) -> None:
        for batch in (64,) if DRY else batches:
            label = f"EmbeddingGemma's size, {what}, batches of {batch}"
            with table.going_on(label):
                job = lambda batch=batch: run(longest_first, batch, half)  # noqa: E731
                rate = n / seconds(job, warm=1, rounds=1)
                table.row(label, "texts/s", rate, today, cost)

    measure("layer by layer")
    if not DRY:
        compile_layers(net)
    measure("layers compiled")
    with table.going_on("texts, kernels"):
        slowest_kernels(lambda: run(longest_first[n // 2 : n // 2 + 64], 64, half))
    net.to(torch.bfloat16)
    measure("layers compiled, weights in bf16", (256,))


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

    def ask(asked: dict, tokens: int = words) -> None:
        net.generate(
            **asked,
            do_sample=False,
            min_new_tokens=tokens,
            max_new_tokens=tokens,
            pad_token_id=0,
            eos_token_id=2,
        )

    def look(asked: dict) -> None:
        net.model.visual(asked["pixel_values"], grid_thw=asked["image_grid_thw"])

    batch = 2 if DRY else 16
    today = cost = tower = before = 0
    with torch.inference_mode():
        one, many = questions(1), questions(batch)
        with table.going_on("replies, their limits"):
            tower = operations(lambda: look(one))
            cost = operations(lambda: ask(one, 1))
        with table.going_on("replies, one by one"):
            today = 1 / seconds(lambda: ask(one), warm=1, rounds=1)
        with table.going_on("the vision tower, window by window"):
            before = batch / seconds(lambda: look(many), warm=1, rounds=1)
        count = group_windows(net)
        label = f"its vision tower, {count} layers with grouped windows, batches of {batch}"
        with table.going_on(label):
            ours = batch / seconds(lambda: look(many), warm=1, rounds=2)
            table.row(label, "images/s", ours, before, tower)
        for size in (2,) if DRY else (16, 64):
            label = f"Qwen2.5-VL-7B's size, batches of {size}"
            with table.going_on(label):
                many = questions(size)
                ours = size / seconds(lambda many=many: ask(many), warm=1, rounds=1)
                table.row(label, "questions/s", ours, today, cost)
        with table.going_on("replies, their prefill"):
            many = questions(batch)
            ours = batch / seconds(lambda: ask(many, 1), warm=0, rounds=1)
            table.row(f"its first token, batches of {batch}", "questions/s", ours, 0, cost)
            slowest_kernels(lambda: ask(many, 1))


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
    variants = {"today": {"amp": "fp32"}, "ours": {}, "compiled": {"compile": "on"}}
    if DRY:
        del variants["compiled"]  # takes minutes on a CPU
    rates = {"today": 0.0}
    cost = 0
    for name, run_settings in variants.items():
        label = f"T1 step, {size.backbone}, {name}"
        with table.going_on(label), TemporaryDirectory() as folder:
            training = SyntheticTraining(DEVICE, size, Path(folder) / "x.pt", **run_settings)
            if name == "today":
                use_default_precision()
                training.net.to(memory_format=torch.contiguous_format)
            training.net.train()
            training.trainer.resume(10**6)
            batches = [training.rows[: size.batch]] * (1 if name == "today" else 4)

            def steps(training=training, batches=batches):
                """Some steps as an epoch makes them: the images come from the host."""
                for number, images in enumerate(training.learner.load(batches, 0, 0)):
                    training.trainer.step(images, batches[number], number + 1)

            start = time.perf_counter()
            steps()
            synchronize()
            first = time.perf_counter() - start
            rounds = 1 if name == "today" else 3
            images_per_call = len(batches) * pictures
            rates[name] = images_per_call / seconds(steps, warm=int(name != "today"), rounds=rounds)
            if not cost:
                # the counter takes the backward of a depthwise convolution for a dense one's
                image = torch.zeros(1, 3, size.side, size.side, device=DEVICE)
                cost = 3 * operations(lambda net=training.net, image=image: net(image))
            use_tf32()
            if name != "today":
                what = f"{label}, micro-batch {training.trainer.micro}, began in {first:.0f} s"
                table.row(what, "images/s", rates[name], rates["today"], cost)
                slowest_kernels(steps)
        use_tf32()
        training = steps = None
        clear()


def clear() -> None:
    """Free unused memory and reset the peak that the table shows."""
    gc.collect()
    if DEVICE.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


# what matters most comes first: the last may be left out when the time is over
PARTS = {part.__name__: part for part in (fusion, texts, train, replies, predict)}
KERNELS = False


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument(
        "--seconds", type=float, default=300, help="after this time no part starts (300)"
    )
    parser.add_argument("--kernels", action="store_true", help="print the slowest kernels, too")
    options = parser.parse_args(argv)
    global KERNELS
    KERNELS = options.kernels
    if unknown := [name for name in options.parts if name not in PARTS]:
        parser.error(f"no part {unknown[0]}; there are: {', '.join(PARTS)}")
    if not DRY and not torch.cuda.is_available():
        parser.error("torch sees no GPU (GPU_DRY=1 runs a tiny version on the CPU)")
    import timm
    import transformers

    start = time.time()
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
        with table.going_on(name):  # the other parts still run
            PARTS[name](table)
        print(f"| {name}: done after {time.time() - start:.0f} seconds |", flush=True)
    return table.failed


if __name__ == "__main__":
    sys.exit(main())
