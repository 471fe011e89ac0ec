"""refine: a language model is told a reply of vlm, and what was asked, where the reply cannot be
read as it is.

in: "item_weight", "it weighs half a kilo" → out: the reply "0.5 kilogram"
    attribute colour, "a kind of scarlet" → out: the reply "colour: red"
"""

from common.questions import CLASSES, NUMBER, VALUE
from common.tables import read_csv
from llm.messages import Language
from models.vlm import evidence  # noqa: F401, it looks at what vlm does

ANSWERS = (CLASSES, NUMBER, VALUE)
PER = "part"
NETWORK = True
PREDICT_SETTINGS = tuple(
    f"refine.{key}" for key in ("model", "max_new_tokens", "bits", "constrained")
)


class Settings(Language):
    """A language model that is told a reply that could not be read, and what was asked."""

    model: str = "google/gemma-2-2b-it"


def check(config):
    if "vlm" not in config.models:
        raise ValueError("refine corrects what vlm replies: set models=vlm,refine")


def inputs(config, paths, k):
    return [paths.replies(f"vlm_{k}")]


def weights(config):
    return config.refine.weights


def secrets(config):
    return [config.refine.key_variable]


def packages(config):
    return config.refine.packages


def questions(job, k: int, rows, idx):
    """vlm's replies where the task can read them, or they say nothing, and a question about each
    other one; row numbers idx (m,)."""
    from llm.messages import Question, Reply

    task = rows.task
    file = job.paths.replies(f"vlm_{k}")
    table = read_csv(file, ["id", "reply", "reason"])
    table = table.set_index("id")
    table = table.loc[rows.id[idx]]
    is_clear = task.is_clear(table.reply.tolist(), rows, idx)

    replies = []
    questions = []
    columns = zip(idx.tolist(), table.reply, table.reason, is_clear, strict=True)
    for i, reply, reason, clear in columns:
        if clear:
            replies.append(Reply(i, reply, reason))
            continue

        prompt = task.refine_prompt(rows, i, reply)
        questions.append(Question(i, prompt, pattern=task.refine_pattern(rows, i)))

    return replies, questions
