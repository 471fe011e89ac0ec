"""A language model for tests: its replies are right, and it fails as it is told."""

import random
from pathlib import Path, PurePosixPath

import pandas as pd
from PIL import Image

from llm.messages import Question, Reply


class FakeChat:
    """A model that reads each row's weight from the name of its image, in any order.

    Names of images: those in `passing` fail once, those in `final` for good, those in `unclear` get
    a reply that cannot be read. stops_after: questions after which it is killed. lost: row numbers
    that a server never answers.
    """

    about = {"model": "fake"}

    def __init__(self, passing=(), final=(), unclear=(), lost=(), stops_after=None):
        self.passing = set(passing)
        self.final = final
        self.unclear = unclear
        self.lost = lost
        self.stops_after = stops_after
        self.reason = "image: broken"  # of those in `final`
        self.asked = []  # names of images, in order

    def ask(self, questions, answered=()):
        waiting = [question for question in questions if question.row not in answered]
        random.Random(len(self.asked)).shuffle(waiting)
        for question in waiting:
            if len(self.asked) == self.stops_after:
                raise KeyboardInterrupt
            name = name_of(question)
            self.asked.append(name)
            yield self.reply(question, name)

    def reply(self, question: Question, name: str) -> Reply:
        weight = name.removeprefix("p")
        if question.row in self.lost:
            return Reply(question.row, "", "connection refused", final=False)
        if name in self.passing:
            self.passing.remove(name)
            return Reply(question.row, "", "HTTP 503", final=False)
        if name in self.final:
            return Reply(question.row, "", self.reason)
        if name in self.unclear and question.image:
            return Reply(question.row, f"{weight} stones {name}")
        return Reply(question.row, f"{weight} gram")


def name_of(question: Question) -> str:
    """Of a vlm's question its image's name; of a refiner's, that has none, the one in the reply
    that it quotes."""
    if question.image:
        return PurePosixPath(question.image).stem
    quoted = question.text.split('"')[1]
    return quoted.split()[-1]


def write_rows(folder: Path, names: list[str], split: str) -> None:
    """A table of questions about images that are named like their weight, and the images."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", (8, 8)).save(folder / f"images/{name}.jpg")
    table = pd.DataFrame(
        {
            "index": range(5, 5 + len(names)),
            "image_link": [f"https://x.test/{name}.jpg" for name in names],
            "group_id": 1,
            "entity_name": "item_weight",
            "entity_value": [f"{name[1:]}.0 gram" for name in names],
        }
    )
    unused = "index" if split == "train" else "entity_value"
    table.drop(columns=unused).to_csv(folder / f"{split}.csv", index=False)
