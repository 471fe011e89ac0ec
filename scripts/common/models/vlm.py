"""vlm: a vision-language model that is shown each row's picture and asked what the row asks; a member per part, nothing is trained."""
FIT, SETTINGS, PREDICT = "", (), "06_infer"
INFER = ("images.max_megapixels", "images.min_side", "images.convert", *(f"vlm.{key}" for key in ("model", "max_new_tokens", "bits", "bound", "max_pixels")))
PER, ANSWERS, PICTURES, TEXTS = "part", ("value",), True, False
NETWORK = True


def inputs(config, paths, k):
    return [paths.images]


def weights(config):
    return [] if config.vlm.endpoint else [f"chat:{config.vlm.model}"]


def packages(config):
    here = not config.vlm.endpoint
    return {"bitsandbytes": here and config.vlm.bits > 0, "xgrammar": here and config.vlm.bound}


def questions(job, k: int, rows, use):
    """No replies, and a question for each of the row numbers `use`."""
    from common.chat import Question

    words = {asked: (rows.task.prompt(asked), rows.task.pattern(asked)) for asked in set(rows.question[use])}
    return [], [Question(int(i), words[rows.question[i]][0], rows.image[i], words[rows.question[i]][1]) for i in use]
