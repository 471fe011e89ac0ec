"""What the tests of language models share: questions to tests/chat_server.py, and photos."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chat_server import reply
from common.sections import Run
from images.locate import ImageFiles
from images.settings import Images
from llm.endpoint import EndpointChat
from llm.messages import Question, Reply
from models.refine import Settings as Refine
from models.vlm import Settings as Vlm


@pytest.fixture
def texts() -> list[str]:
    """200 questions."""
    return [
        f"What is the item weight of product {i}? Use one of these units, in full: gram, "
        "kilogram, ounce."
        for i in range(200)
    ]


@pytest.fixture
def questions(texts):
    """questions(n): the first n of the texts as questions without images."""

    def first(n: int) -> list[Question]:
        return [Question(i, text) for i, text in enumerate(texts[:n])]

    return first


@pytest.fixture
def answers(texts):
    """answers(n): what the server replies to questions(n)."""

    def first(n: int) -> list[Reply]:
        return [Reply(i, reply(text, b"")) for i, text in enumerate(texts[:n])]

    return first


@pytest.fixture
def open_endpoint():
    """open_endpoint(address, image_files, **settings): a chat with the server at the address; a
    refiner's where there are no images."""

    def open_it(address: str, image_files=None, **settings) -> EndpointChat:
        section = Vlm if image_files else Refine
        settings = {"endpoint": f"{address}/v1", "model": "made-up"} | settings
        return EndpointChat(section(**settings), Images(), image_files)

    return open_it


@pytest.fixture
def write_photo():
    """write_photo(file, size, **how PIL saves it): an image of soft noise."""

    def write(file: Path, size: tuple[int, int] = (60, 40), **how) -> None:
        pixels = np.random.default_rng(size[0]).integers(0, 255, (4, 5, 3), np.uint8)
        Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).save(file, **how)

    return write


# The same for models that are loaded here.

LOCAL_TEXTS = [
    "What is the voltage?",
    "height",
    "item weight? gram, kilogram",
    "What is the width of it? centimetre, metre, inch, foot",
]
# what a family of models needs; where it is not there, the family is skipped
NEEDS = {"smolvlm": "num2words", "minicpm": "transformers.models.minicpmv4_6"}


@pytest.fixture(scope="module")
def one_thread():
    """Networks of 32 columns wait for their threads more than they compute: 20 times longer beside
    other jobs."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """model_folder(family): a tiny model of the family, whose replies differ."""
    import tiny

    top = tmp_path_factory.mktemp("weights")
    folders: dict[str, Path] = {}

    def of(family: str) -> Path:
        pytest.importorskip(NEEDS.get(family, "transformers"))
        if family not in folders:
            write = getattr(tiny, family)
            folders[family] = tiny.lively(write(top / family))
        return folders[family]

    return of


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> ImageFiles:
    """0.png to 4.png of different sizes, none with more than 16 of Qwen's patches."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for i, size in enumerate([(90, 60), (56, 56), (120, 40), (84, 84), (30, 100)]):
        coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8))
        coarse.resize(size, Image.Resampling.BICUBIC).save(folder / f"{i}.png")
    return ImageFiles(folder, folder / "downloads")


@pytest.fixture
def image_questions() -> list[Question]:
    """Twelve: each photo is asked about two times or three, never one after another."""
    return [Question(i, f"{LOCAL_TEXTS[i % 4]} {i}", f"{i % 5}.png") for i in range(12)]


@pytest.fixture
def text_questions() -> list[Question]:
    """Twelve of different lengths, without images."""
    return [
        Question(i, f"a model replied {'very ' * (i % 5)}{LOCAL_TEXTS[i % 4]}") for i in range(12)
    ]


@pytest.fixture(scope="module")
def open_local(photos):
    """open_local(folder of a model, **settings) opens it; a Vlm is shown the photos, unless
    image_files is None."""
    import torch

    from llm.open import open_chat

    def open_it(folder: Path, section=Vlm, amp: str = "fp32", image_files=photos, **settings):
        settings = {"model": str(folder), "max_new_tokens": 6, "batch": 4} | settings
        run = Run(device="cpu", amp=amp, workers=2)
        if section is not Vlm:
            image_files = None

        return open_chat(section(**settings), run, torch.device("cpu"), Images(), image_files)

    return open_it


@pytest.fixture
def replies():
    """replies(chat, questions): {row: its Reply}, one for each question."""

    def ask(chat, questions: list[Question]) -> dict[int, Reply]:
        found = list(chat.ask(questions))
        rows = sorted(reply.row for reply in found)
        assert rows == sorted(question.row for question in questions)
        return {reply.row: reply for reply in found}

    return ask
