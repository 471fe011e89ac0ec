"""vlm: a vision-language model that is shown each row's picture and asked what the row asks; a
member per part, nothing is trained."""

from common.questions import VALUE
from common.sections import Count
from llm.messages import Language

ANSWERS = (VALUE,)
PER = "part"
NEEDS_IMAGE = True
NETWORK = True
PREDICT_SETTINGS = (
    "images.max_megapixels",
    "images.min_side",
    *(f"vlm.{key}" for key in ("model", "max_new_tokens", "bits", "constrained", "max_pixels")),
)


class Settings(Language):
    """A vision-language model that is shown the picture and asked for the value."""

    model: str = "Qwen/Qwen2.5-VL-7B-Instruct"
    max_pixels: Count = 1003520  # of a picture, 1280 x 28 x 28; a larger one is made smaller


def inputs(config, paths, k):
    return [paths.images]


def weights(config):
    return [] if config.vlm.endpoint else [f"chat:{config.vlm.model}"]


def secrets(config):
    return [config.vlm.key_variable]


def packages(config):
    here = not config.vlm.endpoint
    return {
        "bitsandbytes": here and config.vlm.bits > 0,
        "xgrammar": here and config.vlm.constrained,
    }


def questions(job, k: int, rows, use):
    """No replies, and a question for each of the row numbers `use`."""
    from llm.messages import Question

    words = {
        asked: (rows.task.prompt(asked), rows.task.pattern(asked))
        for asked in set(rows.question[use])
    }
    return [], [
        Question(int(i), words[rows.question[i]][0], rows.image[i], words[rows.question[i]][1])
        for i in use
    ]
