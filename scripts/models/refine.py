"""refine: a language model that is told a reply of vlm, the entity and its units, where the reply
cannot be read as it is."""

from common.questions import VALUE
from common.tables import read_csv
from llm.messages import Language

ANSWERS = (VALUE,)
PER = "part"
NETWORK = True
PREDICT_SETTINGS = tuple(
    f"refine.{key}" for key in ("model", "max_new_tokens", "bits", "constrained")
)


class Settings(Language):
    """A language model that is told a reply, the entity and its units, where the normaliser could
    not read the reply."""

    model: str = "google/gemma-2-2b-it"


def check(config):
    if "vlm" not in config.models:
        raise ValueError("refine corrects what vlm replies: set models=vlm,refine")


def inputs(config, paths, k):
    return [paths.replies(f"vlm_{k}")]


def weights(config):
    return [] if config.refine.endpoint else [f"chat:{config.refine.model}"]


def secrets(config):
    return [config.refine.key_variable]


def packages(config):
    here = not config.refine.endpoint
    return {
        "bitsandbytes": here and config.refine.bits > 0,
        "xgrammar": here and config.refine.constrained,
    }


def questions(job, k: int, rows, use):
    """vlm's replies where the task can read them, or they say nothing, and a question about each
    other one; row numbers `use`."""
    from llm.messages import Question, Reply

    table = (
        read_csv(job.paths.replies(f"vlm_{k}"), ["id", "reply", "reason"])
        .set_index("id")
        .loc[rows.id[use]]
    )
    clear = rows.task.is_clear(table.reply.tolist(), rows.question[use])
    known, asked = [], []
    for i, reply, reason, done in zip(map(int, use), table.reply, table.reason, clear, strict=True):
        if done:
            known.append(Reply(i, reply, reason))
        else:
            asked.append(
                Question(
                    i,
                    rows.task.refine_prompt(rows.question[i], reply),
                    pattern=rows.task.pattern(rows.question[i]),
                )
            )
    return known, asked
