"""vlm: a vision-language model is shown each row's image, or its text, and asked what the row asks;
a member a part, nothing is trained.

in: the image of a pack, "item_weight" → out: the reply "500 gram"
    the image of a shirt, its attributes → out: the reply "colour: red\\nneck: round"
    "Basmati rice 5 kg" and its image → out: the reply "21.20", its price
"""

from common.questions import CLASSES, NUMBER, VALUE
from common.sections import Count
from common.tables import read_csv
from llm.messages import Language

ANSWERS = (CLASSES, NUMBER, VALUE)
PER = "part"
NETWORK = True
PREDICT_SETTINGS = (
    "images.max_megapixels",
    "images.min_side",
    *(f"vlm.{key}" for key in ("model", "max_new_tokens", "bits", "constrained", "max_pixels")),
)


class Settings(Language):
    """A vision-language model that is shown the image, where a row has one, and asked."""

    model: str = "Qwen/Qwen2.5-VL-7B-Instruct"
    max_pixels: Count = 1003520  # of an image, 1280 x 28 x 28; a larger one is made smaller


def check(config):
    if not config.data.train_image and not config.data.text:
        raise ValueError(
            "vlm looks at images or reads texts, and data.train_image and data.text are empty; "
            "write e.g. data.train_image=images/{id}.jpg or data.text=title"
        )


def evidence(config):
    data = config.data
    kinds = {"image": bool(data.train_image), "text": bool(data.text)}
    return tuple(kind for kind, is_there in kinds.items() if is_there)


def inputs(config, paths, k):
    return [paths.images] if config.data.train_image else []


def weights(config):
    return config.vlm.weights


def secrets(config):
    return [config.vlm.key_variable]


def packages(config):
    return config.vlm.packages


def questions(job, k: int, rows, idx):
    """A question for each of the row numbers idx (m,) that has an image or a text, and for the
    others replies that say nothing."""
    from llm.messages import Question, Reply

    task = rows.task
    nothing = "image: missing" if job.config.data.train_image else "no text"

    replies = []
    questions = []
    for i, image in zip(idx.tolist(), images_to_show(job, rows, idx), strict=True):
        if not image and not has_text(rows, i):
            replies.append(Reply(i, "", nothing))
            continue

        prompt = task.prompt(rows, i, bool(image))
        questions.append(Question(i, prompt, image, task.pattern(rows, i)))

    return replies, questions


def has_text(rows, i: int) -> bool:
    return rows.text is not None and bool(rows.text[i].strip())


def images_to_show(job, rows, idx) -> list[str]:
    """Names of the images of the row numbers idx (m,), "" where a row has none. One that cannot be
    used is "" where there is a text to ask about; else the reply gives the reason."""
    images = rows.image[idx].tolist()
    if rows.text is None or not job.config.data.train_image:
        return images

    table = read_csv(job.paths.images, ["image", "status"])
    usable = set(table.image[table.status == "ok"])

    shown = []
    for i, image in zip(idx, images, strict=True):
        is_shown = image in usable or not has_text(rows, i)
        shown.append(image if is_shown else "")

    return shown
