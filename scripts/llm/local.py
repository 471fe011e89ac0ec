"""A language model loaded here: questions are answered in batches with little padding, and a
question that fails does not harm the others."""

import io
import math
import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from common.errors import UserError
from common.log import log
from images.decode import load_image
from llm.generate import ChatModel
from llm.messages import Question, Reply
from networks.memory import free_memory, is_out_of_memory
from networks.pretrained import one_line

# questions that fail one after another; then a plain one is asked, to see whether the model works
MAX_FAILED = 8
# batches that are answered at one size; then twice the size is tried
GROW_AFTER = 16
OUT_OF_MEMORY = "out of memory"


class UnreadableImage(Exception):
    """A question's image cannot be read or decoded; the text is the reason."""


class LocalChat:
    """ask(questions) yields their replies; about says, for the record, which model gives them.

    settings: config section vlm or refine; run: section Run; device: torch.device; images: section
    Images; image_files: an ImageFiles, None = no images are shown. Raises UserError as ChatModel
    does.
    """

    def __init__(self, settings, run, device, images, image_files):
        self.settings = settings
        self.images = images
        self.image_files = image_files
        self.max_pixels = settings.max_pixels if image_files else 0
        self.model = ChatModel(settings, run, device, image_files is not None)
        self.about = self.model.about
        self.workers = run.workers or os.cpu_count()
        self.batch = settings.batch
        self.good_batches = 0  # batches since self.batch was halved
        self.failed = 0  # questions since the last reply
        self.loading = {}  # {name: future image} of this batch and the next

    def ask(self, questions: Iterable[Question], answered=frozenset()) -> Iterator[Reply]:
        """Yield the Reply of each Question as its batch ends, those of large images first.

        A reply does not depend on the other questions, but for rounding; so rows that are in
        `answered` keep their place in a batch that others need, and get no second reply. Raises
        UserError when the model answers nothing at all.
        """
        todo = in_order(questions, self.image_files, self.max_pixels)
        pool = ThreadPoolExecutor(self.workers)

        try:
            while todo:
                batch = self.next_batch(todo)
                if not all(question.row in answered for question in batch):
                    self.load_ahead(todo[: 2 * self.batch], pool)
                    for reply in self.answer_batch(batch):
                        if reply.row not in answered:
                            yield reply

                todo = todo[len(batch) :]
        finally:
            pool.shutdown(cancel_futures=True)
            self.loading = {}

    def next_batch(self, todo: list[Question]) -> list[Question]:
        """The first questions of todo, which is in order: all with an image, or all without."""
        batch = todo[: self.batch]
        with_image = [question for question in batch if question.image]
        return with_image or batch

    def load_ahead(self, questions: list[Question], pool: ThreadPoolExecutor) -> None:
        """Start to load the questions' images, and forget all others."""
        if not self.image_files:
            return

        loading = {}
        for question in questions:
            name = question.image
            if name in self.loading:
                loading[name] = self.loading[name]
            elif name and name not in loading:
                loading[name] = pool.submit(self.load, name)

        self.loading = loading

    def answer_batch(self, batch: list[Question]) -> list[Reply]:
        """The replies to a batch, first those to questions whose images cannot be read."""
        replies, readable = [], []
        for question in batch:
            try:
                self.image(question)
                readable.append(question)
            except UnreadableImage as error:
                replies.append(Reply(question.row, "", f"image: {error}"))

        replies += self.answer(readable)
        return replies

    def image(self, question: Question):
        """The question's image as `load` gives it; None where the model is shown none."""
        if not self.image_files or not question.image:
            return None

        return self.loading[question.image].result()

    def load(self, name: str):
        """An image as a uint8 tensor (3, h, w) of at most max_pixels.

        A larger one gets sides that the model's patches fill, so that the model's own processor
        does not resize it once more. Raises UnreadableImage.
        """
        import torch
        from PIL import Image

        # images.size is a network's square; no JPEG may be decoded at less than max_pixels here
        size = math.isqrt(self.max_pixels) + 1

        try:
            data = self.image_files.read(name)
            image, _ = load_image(data, self.images, size)
        except ValueError as error:
            raise UnreadableImage(str(error)) from None

        n_pixels = image.width * image.height

        scale = math.sqrt(self.max_pixels / n_pixels)
        if scale < 1:
            patch = self.model.patch
            shape = [max(patch, int(side * scale) // patch * patch) for side in image.size]
            image = image.resize(shape, Image.Resampling.BICUBIC)

        pixels = np.array(image)
        return torch.from_numpy(pixels).permute(2, 0, 1)

    def answer(self, batch: list[Question]) -> Iterator[Reply]:
        """Yield replies to questions whose images are loaded.

        When memory ends the batch is halved, also for the next GROW_AFTER batches; later ones have
        smaller images. When anything else goes wrong its questions are asked one by one, so that
        only those fail that must.
        """
        if not batch:
            return

        failure = ""
        try:
            texts = self.generate(batch)
        except UserError:
            raise
        except Exception as error:  # the model's own code may raise anything
            failure = OUT_OF_MEMORY if is_out_of_memory(error) else one_line(error)

        # the exception is gone here, and with it the memory that its frames held
        if not failure:
            self.failed = 0
            self.grow()
            yield from map(self.reply, batch, texts)
        elif len(batch) > 1:
            yield from self.answer_in_pieces(batch, failure == OUT_OF_MEMORY)
        else:
            self.failed += 1
            if self.failed == MAX_FAILED:
                self.require_an_answer(failure)

            yield Reply(batch[0].row, "", failure)

    def answer_in_pieces(self, batch: list[Question], halve: bool) -> Iterator[Reply]:
        """Yield replies to halves of a batch for which memory did not suffice; else one by one."""
        if halve:
            self.batch = len(batch) // 2
            self.good_batches = 0
            free_memory()
            log(out_of_memory="yes", batch=self.batch)

        while batch:
            size = self.batch if halve else 1
            yield from self.answer(batch[:size])
            batch = batch[size:]

    def grow(self) -> None:
        """Take twice the batch again, once GROW_AFTER batches have been answered since it was
        halved."""
        self.good_batches += 1
        if self.good_batches % GROW_AFTER == 0:
            self.batch = min(2 * self.batch, self.settings.batch)

    def generate(self, batch: list[Question]) -> list[str]:
        """The model's text for each question. Raises what the model raises."""
        return self.model.generate(
            [question.text for question in batch],
            [self.image(question) for question in batch],
            [question.pattern for question in batch],
        )

    def reply(self, question: Question, text: str) -> Reply:
        """The text as a reply; none where it is cut at max_new_tokens before it matches."""
        settings, row, pattern = self.settings, question.row, question.pattern
        if settings.constrained and pattern and not re.fullmatch(pattern, text):
            reason = f"not whole after max_new_tokens={settings.max_new_tokens}"
            return Reply(row, "", reason)

        return Reply(row, text)

    def require_an_answer(self, failure: str) -> None:
        """Raises UserError when a letter beside a small grey image gets no answer either. Else the
        questions that failed are to blame."""
        import torch

        grey = torch.full((3, 64, 64), 128, dtype=torch.uint8)

        try:
            self.model.generate(["a"], [grey], [""])
        except Exception as error:
            raise UserError(
                f"{self.settings.model} answers nothing: {MAX_FAILED} questions in a row "
                f"failed, the last with {failure}; and a plain one with {one_line(error)}"
            ) from None

        log(failed_in_a_row=MAX_FAILED, last=failure)
        self.failed = 0


def in_order(questions: Iterable[Question], image_files, max_pixels: int) -> list[Question]:
    """The questions of large images first, those of one image together, then long texts first: a
    batch has little padding, and memory ends at once or never. Those without an image come last.

    image_files: an ImageFiles, None = no images are shown; max_pixels: that are shown of an image.
    """
    areas: dict[str, int] = {}  # by image

    def key(question: Question) -> tuple:
        if not image_files:
            return -len(question.text), question.row

        image = question.image
        if not image:
            return 1, "", -len(question.text), question.row

        if image not in areas:
            areas[image] = min(max_pixels, area(image_files, image))

        return -areas[image], image, -len(question.text), question.row

    return sorted(questions, key=key)


def area(image_files, name: str) -> int:
    """Pixels of an image, from its file's header; 0 where it cannot be read."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(image_files.read(name))) as image:
            return image.width * image.height
    except Exception:  # whatever is wrong with it, `load` gives the reason
        return 0
