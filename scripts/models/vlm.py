"""vlm: a vision-language model is shown each row's image and asked what the row asks; a member a
part, nothing is trained.

in: the image of a pack, "item_weight" → out: the reply "500 gram"
"""

from common.questions import VALUE
from common.sections import Count
from llm.messages import Language

ANSWERS = (VALUE,)
EVIDENCE = ("image",)
PER = "part"
NEEDS_IMAGE = True
NETWORK = True
PREDICT_SETTINGS = (
    "images.max_megapixels",
    "images.min_side",
    *(f"vlm.{key}" for key in ("model", "max_new_tokens", "bits", "constrained", "max_pixels")),
)


class Settings(Language):
    """A vision-language model that is shown the image and asked for the value."""

    model: str = "Qwen/Qwen2.5-VL-7B-Instruct"
    max_pixels: Count = 1003520  # of an image, 1280 x 28 x 28; a larger one is made smaller


def inputs(config, paths, k):
    return [paths.images]


def weights(config):
    return config.vlm.weights


def secrets(config):
    return [config.vlm.key_variable]


def packages(config):
    return config.vlm.packages


def questions(job, k: int, rows, idx):
    """No replies, and a question for each of the row numbers idx (m,)."""
    from llm.messages import Question

    task = rows.task
    entities = set(rows.question[idx])
    prompt = {entity: task.prompt(entity) for entity in entities}
    pattern = {entity: task.pattern(entity) for entity in entities}

    questions = []
    for i in idx:
        entity = rows.question[i]
        image = rows.image[i]
        question = Question(int(i), prompt[entity], image, pattern[entity])
        questions.append(question)

    return [], questions
