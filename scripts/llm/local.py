"""A language model loaded here: questions answered in batches that waste little, where no question
harms another."""

import io
import math
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from common.errors import UserError
from common.log import log
from images.decode import load_picture
from llm.generate import ChatModel
from llm.messages import Question, Reply
from networks.pretrained import said

# questions that fail one after another: then a plain one is asked, to see whether it is the model
STREAK = 8
MEMORY = "out of memory"


class LocalChat:
    """ask(questions) gives their replies; about says, for the record, which model gives them.

    settings: section Vlm or Refine; run: config.run; device: torch.device; images: what a picture
    must be; pictures: where they lie, None = none are shown. Raises UserError as ChatModel does.
    """

    def __init__(self, settings, run, device, images, pictures):
        self.settings, self.pictures, self.model = (
            settings,
            pictures,
            ChatModel(settings, run, device, pictures is not None),
        )
        self.about, self.workers = self.model.about, run.workers or os.cpu_count()
        self.batch, self.failures = settings.batch, 0
        self.ahead = {}  # {name: future picture} of two batches
        # images.size is that of a network's square; at less than this no JPEG may be decoded here
        if pictures:
            self.images = images.model_copy(update={"size": math.isqrt(settings.max_pixels) + 1})

    def ask(self, questions, answered=frozenset()) -> Iterator[Reply]:
        """The reply of each Question as its batch ends, those of large pictures first. Raises UserError when
        the model answers nothing at all.

        What is replied to a question does not depend on the others, but for rounding; so rows that
        are `answered` keep their place in a batch that others need, and are not replied to again.
        """
        todo, pool = (
            ordered(questions, self.pictures, self.settings.max_pixels if self.pictures else 0),
            ThreadPoolExecutor(self.workers),
        )
        try:
            while todo:
                if all(question.row in answered for question in todo[: self.batch]):
                    todo = todo[self.batch :]
                    continue
                batch, ahead = (
                    todo[: self.batch],
                    todo[: 2 * self.batch],
                )  # the next one's pictures are read meanwhile
                names = dict.fromkeys(question.image for question in ahead if self.pictures)
                self.ahead = {
                    name: self.ahead.get(name) or pool.submit(self.read, name) for name in names
                }
                bad = {
                    question: found
                    for question in batch
                    if isinstance(found := self.picture(question), str)
                }
                replies = [
                    Reply(question.row, "", f"picture: {reason}")
                    for question, reason in bad.items()
                ]
                good = [question for question in batch if question not in bad]
                yield from (
                    reply for reply in (*replies, *self.answer(good)) if reply.row not in answered
                )
                todo = todo[len(batch) :]
        finally:
            pool.shutdown(cancel_futures=True)
            self.ahead = {}

    def picture(self, question: Question):
        """What `read` gives of the question's picture, None where the model is not shown any."""
        return self.ahead[question.image].result() if self.pictures else None

    def read(self, name: str):
        """The picture, uint8 tensor (3, h, w) of at most max_pixels, or why there is none.

        A larger one gets sides that its patches fill, so that the model's own processor does not
        resize it once more.
        """
        import torch
        from PIL import Image

        try:
            if not name:
                raise ValueError("none")
            picture, _ = load_picture(self.pictures.read(name), self.images)
        except ValueError as error:
            return str(error)
        scale, step = (
            math.sqrt(self.settings.max_pixels / (picture.width * picture.height)),
            self.model.step,
        )
        if scale < 1:
            picture = picture.resize(
                [max(step, int(side * scale) // step * step) for side in picture.size],
                Image.Resampling.BICUBIC,
            )
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1)

    def answer(self, batch: list[Question]) -> Iterator[Reply]:
        """Replies to questions whose pictures are read. When memory ends the batch is halved, for
        those after it too; when anything else goes wrong its questions are asked one by one, so
        that only those fail that must."""
        import torch

        if not batch:
            return
        try:
            texts, failure = self.generate(batch), ""
        except UserError:
            raise
        except Exception as error:  # the model's own code may raise anything
            failure = MEMORY if out_of_memory(error) else said(error)
        if not failure:
            self.failures = 0
            yield from map(self.reply, batch, texts)
        elif len(batch) > 1:
            if failure == MEMORY:
                self.batch = len(batch) // 2
                # the exception is gone here, and with it what its frames held
                torch.cuda.empty_cache()
                log(out_of_memory="yes", batch=self.batch)
            while batch:
                n = self.batch if failure == MEMORY else 1
                yield from self.answer(batch[:n])
                batch = batch[n:]
        else:
            self.failures += 1
            if self.failures == STREAK:
                self.ask_plainly(failure)
            yield Reply(batch[0].row, "", failure)

    def generate(self, batch: list[Question]) -> list[str]:
        """The model's words on each question. Raises what the model raises."""
        return self.model.generate(
            [question.text for question in batch],
            [self.picture(question) for question in batch],
            [question.pattern for question in batch],
        )

    def reply(self, question: Question, text: str) -> Reply:
        """The text, where it is of the form that was asked for: one that ends at max_new_tokens may
        not be."""
        if (
            self.settings.constrained
            and question.pattern
            and not re.fullmatch(question.pattern, text)
        ):
            return Reply(
                question.row, "", f"not whole after max_new_tokens={self.settings.max_new_tokens}"
            )
        return Reply(question.row, text)

    def ask_plainly(self, failure: str) -> None:
        """Raises UserError when a letter beside a small grey picture gets no answer either. Else the questions
        that failed are to blame."""
        import torch

        try:
            self.model.generate(["a"], [torch.full((3, 64, 64), 128, dtype=torch.uint8)], [""])
        except Exception as error:
            raise UserError(
                f"{self.settings.model} answers nothing: {STREAK} questions in a row "
                f"failed, the last with {failure}; and a plain one "
                f"with {said(error)}"
            ) from None
        log(failed_in_a_row=STREAK, last=failure)
        self.failures = 0


def ordered(questions, pictures, most: int) -> list[Question]:
    """Large pictures first, those of one picture together, then long texts first: a batch has
    little padding, and memory ends at once or never. pictures: where they lie, None = none are
    shown; most: pixels that are shown of one."""
    from PIL import Image

    def area(name: str) -> int:
        try:
            with Image.open(io.BytesIO(pictures.read(name))) as picture:
                return min(most, picture.width * picture.height)
        except Exception:  # what is wrong with it is said when it is read
            return 0

    questions = list(questions)
    areas = (
        {name: area(name) for name in {question.image for question in questions}}
        if pictures
        else {}
    )
    return sorted(
        questions,
        key=lambda q: (-areas.get(q.image, 0), q.image if pictures else "", -len(q.text), q.row),
    )


def out_of_memory(error: Exception) -> bool:
    """Whether memory ended, of the GPU or of this machine, of which torch says so in a plain
    RuntimeError."""
    import torch

    return (
        isinstance(error, (torch.OutOfMemoryError, MemoryError))
        or isinstance(error, RuntimeError)
        and any(
            words in str(error)
            for words in ("not enough memory", "can't allocate memory", "ALLOC_FAILED")
        )
    )
